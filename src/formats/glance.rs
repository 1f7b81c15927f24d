//! What a record says of its only solution, taken from its bytes: enough for most questions, at a fraction of what a trace costs.

use std::borrow::Cow;

use super::scan::{Object, Scan, Text};
use super::span;
use crate::checks::answer;
use crate::query::Told;
use crate::trace::{FirstError, Outcome};

/// A record of one problem with one plain solution.
#[derive(Debug, Clone)]
pub struct Glance<'a> {
    pub(super) problem: Text<'a>,
    pub(super) steps: Vec<Text<'a>>,
    pub(super) id: Option<Text<'a>>,
    pub(super) generator: Option<Text<'a>>,
    pub(super) outcome: Outcome,
    pub(super) first_error: FirstError,
}

impl<'a> Glance<'a> {
    /// A solution of which nothing is known but its steps.
    pub(super) fn new(problem: Text<'a>, steps: Vec<Text<'a>>) -> Self {
        Self { problem, steps, id: None, generator: None, outcome: Outcome::Unknown, first_error: FirstError::Unknown }
    }

    /// The identifier of the solution.
    pub fn id(&self) -> Option<Cow<'a, str>> {
        self.id.map(Text::get)
    }

    /// [`super::Format::problem_hash`]; `None` where there is no problem, of which formats think differently.
    pub fn problem_hash(&self) -> Option<u64> {
        let text = self.problem.get();
        (!text.is_empty()).then(|| span::hash(&text))
    }
}

impl Told for Glance<'_> {
    fn step_count(&self) -> usize {
        self.steps.len()
    }

    fn steps(&self) -> Vec<Cow<'_, str>> {
        self.steps.iter().map(|step| step.get()).collect()
    }

    fn problem(&self) -> Cow<'_, str> {
        self.problem.get()
    }

    fn answer(&self) -> Option<Cow<'_, str>> {
        let last = self.steps.last()?.get();
        answer::extract(&last).map(|answer| Cow::Owned(answer.to_owned()))
    }

    fn id(&self) -> Option<Cow<'_, str>> {
        Self::id(self)
    }

    fn generator(&self) -> Option<Cow<'_, str>> {
        self.generator.map(Text::get)
    }

    fn recorded(&self) -> FirstError {
        self.first_error
    }

    fn right(&self) -> Option<bool> {
        match self.outcome {
            Outcome::Correct => Some(true),
            Outcome::Wrong => Some(false),
            // The whole trace knows the right answer.
            Outcome::Unknown => None,
        }
    }

    fn samples(&self) -> usize {
        1
    }
}

/// The first error of a list with one `true` or `false` a step.
pub(super) fn first_false(labels: &[Scan<'_>], steps: usize) -> Option<FirstError> {
    let right = |label: &Scan<'_>| match label {
        Scan::Bool(right) => Some(*right),
        Scan::Number(b"0") => Some(false),
        Scan::Number(b"1") => Some(true),
        _ => None,
    };
    let labels: Vec<bool> = labels.iter().map(right).collect::<Option<_>>()?;
    let first = labels.iter().position(|right| !right);
    (labels.len() == steps).then(|| first.map_or(FirstError::NoError, FirstError::At))
}

/// The first error that an index names; -1 for none.
pub(super) fn first_error(label: &Scan<'_>, steps: usize) -> Option<FirstError> {
    match label.integer()? {
        -1 => Some(FirstError::NoError),
        index => usize::try_from(index).ok().filter(|&index| index < steps).map(FirstError::At),
    }
}

/// A record as its format takes it at a glance.
pub(super) fn of<'a>(record: &'a [u8], read: impl FnOnce(&mut Object<'a>) -> Option<Glance<'a>>) -> Option<Glance<'a>> {
    read(&mut Object::of(record)?)
}
