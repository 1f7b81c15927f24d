//! What can be asked of a solution: one row a name.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::{AtStep, Kind, Value};
use crate::checks::answer::{self, Agreement};
use crate::checks::arithmetic::Verdict;
use crate::trace::{FirstError, NodeId, Outcome, SolutionLabels, Trace};

/// One solution and all that is known of it.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The trace.
    pub trace: &'a Trace,
    /// Index of the solution in it.
    pub solution: usize,
    /// Its steps.
    pub path: &'a [NodeId],
    /// Step scores as places between wrong (0) and right (1), one a step of the path.
    pub scores: &'a [Option<f64>],
    /// The threshold as such a place.
    pub threshold: f64,
    /// Score of the solution as a whole.
    pub whole: Option<f64>,
    /// Lowest and highest score of a whole solution among those of the same problem.
    pub spread: Option<(f64, f64)>,
    /// The first error that the scores predict.
    pub predicted: FirstError,
    /// Own labels.
    pub own: &'a SolutionLabels,
    /// Flagged as unsure by oneself.
    pub flagged: bool,
    /// Put off by oneself.
    pub later: bool,
    /// The step that is asked about, where it is not the solution.
    pub step: Option<AtStep>,
}

/// A name that questions can use.
#[derive(Debug)]
pub struct Quantity {
    /// The name.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// It changes with scores.
    pub scored: bool,
    /// What it says, in one line.
    pub doc: &'static str,
    pub(super) of: fn(&Facts<'_>) -> Value,
}

pub(super) const fn number(name: &'static str, doc: &'static str, of: fn(&Facts<'_>) -> Value) -> Quantity {
    Quantity { name, kind: Kind::Number, scored: false, doc, of }
}

pub(super) const fn score(name: &'static str, doc: &'static str, of: fn(&Facts<'_>) -> Value) -> Quantity {
    Quantity { name, kind: Kind::Number, scored: true, doc, of }
}

pub(super) const fn truth(name: &'static str, doc: &'static str, of: fn(&Facts<'_>) -> Value) -> Quantity {
    Quantity { name, kind: Kind::Truth, scored: false, doc, of }
}

pub(super) const fn text(name: &'static str, doc: &'static str, of: fn(&Facts<'_>) -> Value) -> Quantity {
    Quantity { name, kind: Kind::Text, scored: false, doc, of }
}

/// All names.
pub static QUANTITIES: &[Quantity] = &[
    number("len", "number of steps", |f| count(f.path.len())),
    number("words", "words of all steps", |f| count(f.steps().map(|step| step.split_whitespace().count()).sum())),
    number("samples", "solutions of the same problem", |f| count(f.trace.solutions.len())),
    number("error", "number of the recorded first error; 0 for none", |f| first_error(f.recorded())),
    number("mine", "number of your first error; 0 for none", |f| first_error(f.own.first_error)),
    number("findings", "equalities of the steps that do not hold", |f| count(f.findings())),
    number("random", "from 0 to 1, by what the solution says", |f| Value::Number(Some(f.random()))),
    score("first_prm", "score at the predicted first error, else the lowest", |f| Value::Number(f.at_first_error())),
    score("min_prm", "lowest step score", |f| Value::Number(f.reduce(f64::min))),
    score("suspicion", "highest suspicion of a step, by score and checks together", |f| Value::Number(f.suspicion())),
    score("max_prm", "highest step score", |f| Value::Number(f.reduce(f64::max))),
    score("last_prm", "score of the last step", |f| Value::Number(f.scores.last().copied().flatten())),
    score("prm", "score of the solution as a whole", |f| Value::Number(f.whole)),
    score("at", "number of the predicted first error; 0 for none", |f| first_error(f.predicted)),
    score("margin", "how far first_prm is from the threshold", |f| {
        Value::Number(f.at_first_error().map(|score| (score - f.threshold).abs()))
    }),
    score("drop", "largest fall from one step to the next", |f| Value::Number(f.drop())),
    score("spread", "highest less lowest score of a solution of this problem", |f| {
        Value::Number(f.spread.map(|(low, high)| high - low))
    }),
    Quantity {
        name: "disagree",
        kind: Kind::Truth,
        scored: true,
        doc: "the prediction is not the recorded first error",
        of: |f| Value::Truth(differ(f.predicted, f.recorded())),
    },
    truth("wrong", "the answer is wrong, as recorded or as compared with the reference", |f| {
        Value::Truth(f.right().map(|right| !right))
    }),
    truth("right", "the answer is right", |f| Value::Truth(f.right())),
    truth("labelled", "you have judged it", |f| Value::Truth(Some(f.own.is_labelled()))),
    truth("flagged", "you are unsure", |f| Value::Truth(Some(f.flagged))),
    truth("later", "you have put it off", |f| Value::Truth(Some(f.later))),
    truth("recorded", "the file has a label of it", |f| Value::Truth(Some(f.recorded() != FirstError::Unknown))),
    text("text", "the steps", |f| Value::Text(f.steps().map(str::to_owned).collect())),
    text("problem", "the problem", |f| Value::Text(vec![f.trace.problem.text.clone()])),
    text("answer", "the answer that the solution arrives at", |f| {
        let solution = f.trace.solutions.get(f.solution);
        Value::Text(solution.and_then(|solution| answer::of_solution(f.trace, solution)).map(str::to_owned).into_iter().collect())
    }),
    text("id", "its id in the file", |f| Value::Text(f.of_solution(|solution| solution.source_id.clone()))),
    text("by", "who or what wrote it", |f| Value::Text(f.of_solution(|solution| solution.generator.clone()))),
    text("kind", "the kind of error that you named", |f| {
        Value::Text(Some(f.own.error_kind.clone()).filter(|kind| !kind.is_empty()).into_iter().collect())
    }),
];

fn count(count: usize) -> Value {
    Value::Number(Some(count as f64))
}

/// The number of a first error as people count: 0 for none.
fn first_error(found: FirstError) -> Value {
    Value::Number(match found {
        FirstError::At(step) => Some(step as f64 + 1.0),
        FirstError::NoError => Some(0.0),
        FirstError::Unknown | FirstError::Unlabelable => None,
    })
}

fn differ(a: FirstError, b: FirstError) -> Option<bool> {
    let known = |found| matches!(found, FirstError::At(_) | FirstError::NoError);
    (known(a) && known(b)).then_some(a != b)
}

impl Facts<'_> {
    fn steps(&self) -> impl Iterator<Item = &str> {
        self.path.iter().map(|&id| self.trace.node(id).text.as_str())
    }

    fn of_solution(&self, part: impl Fn(&crate::trace::Solution) -> Option<String>) -> Vec<String> {
        self.trace.solutions.get(self.solution).and_then(part).into_iter().collect()
    }

    fn recorded(&self) -> FirstError {
        let solution = self.trace.solutions.get(self.solution);
        solution.map_or(FirstError::Unknown, |solution| self.trace.recorded_labels(solution).first_error)
    }

    /// All scores put together; nothing before every step has one.
    fn reduce(&self, join: fn(f64, f64) -> f64) -> Option<f64> {
        let scores: Option<Vec<f64>> = self.scores.iter().copied().collect();
        scores?.into_iter().reduce(join)
    }

    fn at_first_error(&self) -> Option<f64> {
        match self.predicted {
            FirstError::At(step) => self.scores.get(step).copied().flatten(),
            _ => self.reduce(f64::min),
        }
    }

    fn drop(&self) -> Option<f64> {
        let scores: Option<Vec<f64>> = self.scores.iter().copied().collect();
        let falls = scores?.windows(2).map(|pair| pair[0] - pair[1]).fold(0.0, f64::max);
        Some(falls)
    }

    fn right(&self) -> Option<bool> {
        let solution = self.trace.solutions.get(self.solution)?;
        match solution.outcome {
            Outcome::Correct => Some(true),
            Outcome::Wrong => Some(false),
            Outcome::Unknown => match answer::against_reference(self.trace, solution)? {
                Agreement::Equal => Some(true),
                Agreement::Different => Some(false),
                Agreement::Undecided => None,
            },
        }
    }

    fn findings(&self) -> usize {
        self.steps().flat_map(crate::checks::findings).filter(|finding| finding.verdict == Verdict::Bad).count()
    }

    fn suspicion(&self) -> Option<f64> {
        let failing = |text: &str| crate::checks::findings(text).iter().any(|finding| finding.verdict == Verdict::Bad);
        let each = self.scores.iter().zip(self.steps());
        let all: Option<Vec<f64>> = each.map(|(score, text)| Some(crate::checks::suspicion((*score)?, failing(text)))).collect();
        all?.into_iter().reduce(f64::max)
    }

    /// The same for the same content, however files are named and ordered.
    fn random(&self) -> f64 {
        let mut hasher = DefaultHasher::new();
        self.trace.prompt_key.hash(&mut hasher);
        self.steps().for_each(|step| step.hash(&mut hasher));
        (hasher.finish() >> 11) as f64 / (1_u64 << 53) as f64
    }
}
