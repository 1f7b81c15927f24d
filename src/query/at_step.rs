//! What can be asked of a single step of a tree: one row a name.

use super::facts::{Needs, number, score, text, truth, verdict};
use super::{Facts, Quantity, Value};
use crate::checks::arithmetic::Verdict;
use crate::trace::{Label, NodeId, NodeStats, Rating};

/// A step and what is known of it, beside [`Facts`].
#[derive(Debug, Clone, Copy)]
pub struct AtStep {
    /// The step.
    pub node: NodeId,
    /// Its score, in the numbers of the model.
    pub score: Option<f64>,
    /// The score that the file records of it.
    pub file: Option<f64>,
    /// That of the step before it.
    pub before: Option<f64>,
    /// One's own label of it.
    pub own: Option<Label>,
    /// Solutions through it.
    pub through: usize,
    /// Numbers of the search, as far as they may be seen.
    pub stats: NodeStats,
    /// The rating in the file, where that may be seen.
    pub rating: Option<Rating>,
}

/// All names.
pub static STEP_QUANTITIES: &[Quantity] = &[
    score("prm", "step score", |f| Value::Number(f.at().score)),
    score("drop", "how far the score falls from the step before", |f| {
        Value::Number(f.at().before.zip(f.at().score).map(|(before, here)| before - here))
    }),
    verdict("suspect", "the score is below the threshold", |f| Value::Truth(f.at().score.map(|score| score < f.threshold))),
    score("file", "step score that the file records", |f| Value::Number(f.at().file)),
    number("N", "visits of the search", |f| Value::Number(f.stats().visits.map(|visits| visits as f64))).needing(Needs::Search),
    number("Q", "value of the search", |f| Value::Number(f.stats().q.or(f.stats().value))).needing(Needs::Search),
    number("mc", "share of rollouts from here that were right", |f| Value::Number(f.stats().mc)).needing(Needs::Search),
    number("prior", "prior probability of the policy", |f| Value::Number(f.stats().prior)).needing(Needs::Search),
    number("depth", "number of steps from the root", |f| Value::Number(Some(f.node().depth as f64))),
    number("children", "steps that follow", |f| Value::Number(Some(f.node().children.len() as f64))),
    number("through", "solutions through this step", |f| Value::Number(Some(f.at().through as f64))),
    number("findings", "equalities that do not hold", |f| {
        let findings = crate::checks::findings(&f.node().text);
        Value::Number(Some(findings.into_iter().filter(|finding| finding.verdict == Verdict::Bad).count() as f64))
    }),
    truth("labelled", "you have said something of it", |f| Value::Truth(Some(f.at().own.is_some()))).needing(Needs::Labels),
    truth("human", "you or the file have said something of it", |f| {
        Value::Truth(Some(f.at().own.is_some() || f.at().rating.is_some()))
    })
    .needing(Needs::Labels),
    truth("good", "you called it good", |f| Value::Truth(f.at().own.map(|label| label == Label::Good))).needing(Needs::Labels),
    truth("neutral", "you called it neutral", |f| Value::Truth(f.at().own.map(|label| label == Label::Neutral)))
        .needing(Needs::Labels),
    truth("bad", "you called it bad", |f| Value::Truth(f.at().own.map(|label| label == Label::Bad))).needing(Needs::Labels),
    truth("leaf", "nothing follows it", |f| Value::Truth(Some(f.node().children.is_empty()))),
    text("text", "what it says", |f| Value::Text(vec![f.node().text.as_str().into()])),
];

impl Facts<'_> {
    /// The step; of a question about solutions, whose names are others, the first one.
    fn at(&self) -> AtStep {
        self.step.unwrap_or(AtStep {
            node: NodeId::ROOT,
            score: None,
            file: None,
            before: None,
            own: None,
            through: 0,
            stats: NodeStats::default(),
            rating: None,
        })
    }

    fn node(&self) -> &crate::trace::Node {
        self.trace.node(self.at().node)
    }

    fn stats(&self) -> NodeStats {
        self.at().stats
    }
}
