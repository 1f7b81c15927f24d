//! Asking of every solution of a problem, from scores and labels wherever they come from.

use std::cell::OnceCell;
use std::collections::HashMap;

use super::{Facts, Opinion, Query, Told};
use crate::analysis::aggregate::Aggregate;
use crate::analysis::alike::Bag;
use crate::analysis::decide::{Decision, decide};
use crate::analysis::dispute::Dispute;
use crate::analysis::label_errors::{Case, Doubt};
use crate::analysis::meaning::Meaning;
use crate::checks::arithmetic::Verdict;
use crate::checks::findings;
use crate::trace::{FirstError, NodeId, Solution, SolutionLabels, StepKey, StepScore, Trace};

/// How scores are read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ruler {
    /// What they mean.
    pub meaning: Meaning,
    /// How they become one score of a solution.
    pub aggregate: Aggregate,
    /// A step with a lower score is suspect.
    pub threshold: f64,
    /// How the first error of a whole solution is predicted.
    pub decision: Decision,
}

/// What the annotator said of a solution.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each one is a truth that questions ask for by its name")]
pub struct Own {
    /// Labels.
    pub labels: SolutionLabels,
    /// Flagged as unsure.
    pub flagged: bool,
    /// Put off.
    pub later: bool,
    /// Sent back by an adjudicator.
    pub returned: bool,
    /// Sent back by oneself to those who judged it.
    pub sent: bool,
    /// It falls to the annotator; `None` where nothing says who gets what.
    pub assigned: Option<bool>,
    /// How other annotators lie apart.
    pub panel: Option<Dispute>,
}

/// What is known of a solution once it was asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Asked {
    /// The filter holds; `None` when that is not known.
    pub holds: Option<bool>,
    /// Its number in the order.
    pub number: Option<f64>,
}

/// A filter and an order, and where the facts come from.
pub struct Survey<'a> {
    /// Without one, all fit.
    pub filter: Option<&'a Query>,
    /// Without one, none has a number.
    pub order: Option<&'a Query>,
    /// How scores are read.
    pub ruler: Ruler,
    /// The score that stands at a step; that of a model of outcomes stands at the last one and is that of the solution.
    pub score: &'a dyn Fn(StepKey) -> Option<StepScore>,
    /// What was said of a solution.
    pub own: &'a dyn Fn(&Solution) -> Own,
    /// What other models say of a path.
    pub others: &'a dyn Fn(&[NodeId]) -> Vec<Opinion>,
    /// How far the label of a solution is to be doubted, where that was worked out.
    pub doubt: &'a dyn Fn(usize) -> Option<Doubt>,
    /// The step that others are looked for that are like it.
    pub like: Option<Like<'a>>,
    /// The group in which the wrong step of a solution is, where groups were made: [`Facts::cluster`].
    pub cluster: &'a dyn Fn(usize) -> Option<usize>,
}

/// What tells how much a solution has a step like the one that was asked about.
#[derive(Clone, Copy)]
pub enum Like<'a> {
    /// The words of that step.
    Words(&'a Bag),
    /// It was worked out before.
    Known(&'a dyn Fn(usize) -> Option<f64>),
}

/// Who says which step of a solution is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Said {
    /// The annotator.
    Own,
    /// The file.
    File,
    /// The scores.
    Scores,
}

/// Which step of a solution is wrong, as an index on its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstWrong {
    /// This one, first.
    At(usize, Said),
    /// None; the step with the lowest score is this one.
    Nowhere(Option<usize>, Said),
    /// It is not to be judged: the problem is broken, or it was given up.
    NotJudged,
    /// Nobody knows.
    Unknown,
}

/// Asks the only solution of a record of what the record itself says; `None` when that decides nothing. The number of a solution that is
/// not chosen is left open.
pub fn at_a_glance(filter: Option<&Query>, order: Option<&Query>, told: &dyn Told) -> Option<Asked> {
    let holds = filter.map_or(Some(true), |filter| filter.holds_of_record(told))?;
    let order = order.filter(|_| holds);
    let number = order.and_then(|order| order.number_of_record(told));
    (order.is_none() || number.is_some()).then_some(Asked { holds: Some(holds), number })
}

/// How much the step of a path that is most like another one is so. Solutions share steps, so that what is `known` of them is kept.
fn nearest(like: &Bag, trace: &Trace, path: &[NodeId], known: &mut HashMap<NodeId, f64>) -> f64 {
    let mut alike = |id: NodeId| *known.entry(id).or_insert_with(|| like.cosine(&Bag::of(&trace.node(id).text)));
    path.iter().map(|&id| alike(id)).fold(0.0, f64::max)
}

impl Survey<'_> {
    /// Asks the first `most` solutions of a problem, in their order.
    pub fn ask(&self, trace: &Trace, most: usize) -> Vec<Asked> {
        let Ruler { meaning, threshold, decision, .. } = self.ruler;
        let solutions = || trace.solutions.iter().take(most);
        let wholes: Vec<Option<f64>> = solutions().map(|solution| self.whole(trace, &trace.path(solution.leaf))).collect();
        let spread = wholes.iter().copied().collect::<Option<Vec<f64>>>().filter(|known| !known.is_empty()).map(|known| {
            known.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), score| (low.min(*score), high.max(*score)))
        });
        let (mut alike, solved) = (HashMap::new(), OnceCell::new());
        let ask = |(index, (solution, whole)): (usize, (&Solution, Option<f64>))| {
            let path = trace.path(solution.leaf);
            let scores = self.steps(trace, &path);
            let predicted = decide(&scores, decision);
            let places: Vec<Option<f64>> = scores.iter().map(|score| score.map(|score| meaning.position(score))).collect();
            let Own { labels, flagged, later, returned, sent, assigned, panel } = (self.own)(solution);
            let others = (self.others)(&path);
            let facts = Facts {
                trace,
                solution: index,
                path: &path,
                scores: &scores,
                places: &places,
                threshold,
                whole,
                spread,
                solved: Some(&solved),
                predicted,
                others: &others,
                own: &labels,
                flagged,
                later,
                returned,
                sent,
                assigned,
                panel,
                doubt: (self.doubt)(index),
                alike: self.like.and_then(|like| match like {
                    Like::Words(bag) => Some(nearest(bag, trace, &path, &mut alike)),
                    Like::Known(known) => known(index),
                }),
                cluster: (self.cluster)(index),
                step: None,
            };
            Asked {
                holds: self.filter.map_or(Some(true), |filter| filter.holds(&facts)),
                number: self.order.and_then(|order| order.number(&facts)),
            }
        };
        solutions().zip(wholes).enumerate().map(ask).collect()
    }

    /// The labels of the first `most` solutions, one's own, else recorded ones, with what scores and checks say: what a model of all labels is made
    /// from. None without a label or all scores.
    pub fn cases(&self, trace: &Trace, most: usize) -> Vec<Option<Case>> {
        let problem = trace.prompt_key.as_bytes().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte));
        let case = |solution: &Solution| {
            let own = (self.own)(solution).labels.first_error;
            let label = if own == FirstError::Unknown { trace.recorded_labels(solution).first_error } else { own };
            if matches!(label, FirstError::Unknown | FirstError::Unlabelable) {
                return None;
            }
            let path = trace.path(solution.leaf);
            let scores: Option<Vec<f64>> = self.steps(trace, &path).into_iter().collect();
            let scores: Vec<f64> = scores?.into_iter().map(|score| self.ruler.meaning.position(score)).collect();
            let fails = |id: &NodeId| findings(&trace.node(*id).text).iter().any(|finding| finding.verdict == Verdict::Bad);
            Case::new(problem, label, &scores, &path.iter().map(fails).collect::<Vec<_>>())
        };
        trace.solutions.iter().take(most).map(case).collect()
    }

    /// Which steps are wrong first in the first `most` solutions of a problem: by one's own label, else by the recorded one, else by the scores as
    /// [`decide`] reads them.
    pub fn first_wrong(&self, trace: &Trace, most: usize) -> Vec<FirstWrong> {
        let first = |solution: &Solution| {
            let path = trace.path(solution.leaf);
            let scores: Vec<Option<f64>> = self.steps(trace, &path);
            let own = (self.own)(solution).labels.first_error;
            let recorded = trace.recorded_labels(solution).first_error;
            let predicted = if path.is_empty() { FirstError::Unknown } else { decide(&scores, self.ruler.decision) };
            let said = [(own, Said::Own), (recorded, Said::File), (predicted, Said::Scores)];
            let lowest = || {
                let each = scores.iter().copied().enumerate().filter_map(|(step, score)| Some((step, score?)));
                each.reduce(|low, next| if next.1 < low.1 { next } else { low }).map(|(step, _)| step)
            };
            match said.into_iter().find(|(found, _)| *found != FirstError::Unknown) {
                Some((FirstError::At(step), said)) if step < path.len() => FirstWrong::At(step, said),
                Some((FirstError::NoError, said)) => FirstWrong::Nowhere(lowest(), said),
                Some((FirstError::Unlabelable, _)) => FirstWrong::NotJudged,
                _ => FirstWrong::Unknown,
            }
        };
        trace.solutions.iter().take(most).map(first).collect()
    }

    /// Step scores of a path; a model of outcomes has none.
    fn steps(&self, trace: &Trace, path: &[NodeId]) -> Vec<Option<f64>> {
        let score = |id: &NodeId| (self.score)(trace.node(*id).key).map(StepScore::value);
        path.iter().map(|id| score(id).filter(|_| !self.ruler.meaning.outcome)).collect()
    }

    /// The score of a solution, in the numbers of its form: those that `score` writes and the screen shows.
    fn whole(&self, trace: &Trace, path: &[NodeId]) -> Option<f64> {
        let Ruler { meaning, aggregate, .. } = self.ruler;
        let score = |id: &NodeId| (self.score)(trace.node(*id).key);
        if meaning.outcome {
            return Some(score(path.last()?)?.value());
        }
        let scores: Option<Vec<StepScore>> = path.iter().map(score).collect();
        meaning.solution(aggregate, &scores?).ok()?
    }
}
