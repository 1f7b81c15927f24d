//! Reading a record by a table of where its parts lie. Many formats come down to such a table, and so does a file of no known format
//! once somebody has said what its keys mean.

mod propose;
mod several;
mod spec;

use std::borrow::Cow;

use serde_json::Value;

use super::detect::Detection;
use super::fields::{self, Fault, Fields};
use super::scan::{Object, Scan};
use super::{Format, Glance, RawRecord, RecordError, glance, parse_json, place, span, tree_log};
use crate::segment::{self, Rule};
use crate::trace::{Extra, FirstError, NodeId, Outcome, Problem, Rating, StepKind, Trace, TraceBuilder};

pub use propose::{Proposal, paths, propose};
pub use spec::{KEYS, Spec, SpecError};

/// Where a value lies in a record: keys with dots between (`question.problem`). Through a list a key (or `*`) means each element, a
/// number the element of this index, from 0.
pub type Path<'a> = &'a str;

/// What a label says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Meaning {
    /// What its type says: a number is the index of the first error, a list of true and false or of `+` and `-` has one entry a step.
    /// A list of numbers could mean three things, so that it is refused.
    Auto,
    /// Index of the first wrong step.
    FirstError,
    /// Indices of all wrong steps; an empty list means that there is none.
    Errors,
    /// One entry a step: true, 1 or `+` for a right one, false, 0 or `-` for a wrong one, null for one that nobody judged.
    Correct,
    /// One entry a step: 1 for a good one, 0 for a neutral one, -1 for a bad one, null for one that nobody judged.
    Ratings,
}

/// Where the label is and what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict<'a> {
    /// Where it lies.
    pub path: Path<'a>,
    /// What it says.
    pub meaning: Meaning,
    /// Number of the first step: 0 or 1.
    pub base: i64,
    /// What stands in place of an index when no step is wrong: `-1`, `null`, `N/A`.
    pub none: Path<'a>,
}

/// Where the parts of a trace lie in a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mapping<'a> {
    /// The problem text; empty when the records have none.
    pub problem: Path<'a>,
    /// The list of the solutions of a record with several; the paths of their parts lead through it, or to a list beside it with one entry
    /// a solution.
    pub solutions: Option<Path<'a>>,
    /// The steps: a list of strings, or one text that is cut by `split`.
    pub steps: Path<'a>,
    /// How a text is cut into steps.
    pub split: Rule,
    /// What the steps are.
    pub kind: StepKind,
    /// What was said of the steps.
    pub label: Option<Verdict<'a>>,
    /// Recorded step scores: a list of numbers, `0..=1`.
    pub scores: Option<Path<'a>>,
    /// The answer that the solution arrives at.
    pub answer: Option<Path<'a>>,
    /// Whether that answer is right.
    pub outcome: Option<Path<'a>>,
    /// The right answer.
    pub reference_answer: Option<Path<'a>>,
    /// A right solution.
    pub reference_solution: Option<Path<'a>>,
    /// Identifier of the record.
    pub id: Option<Path<'a>>,
    /// Who wrote the solution.
    pub generator: Option<Path<'a>>,
}

impl<'a> Mapping<'a> {
    /// A mapping with these two paths and nothing else.
    pub const fn new(problem: Path<'a>, steps: Path<'a>) -> Self {
        Self {
            problem,
            solutions: None,
            steps,
            split: Rule::Auto,
            kind: StepKind::Text,
            label: None,
            scores: None,
            answer: None,
            outcome: None,
            reference_answer: None,
            reference_solution: None,
            id: None,
            generator: None,
        }
    }

    /// Reads a record: one problem with one solution, or with those of a list.
    pub(super) fn read(&self, mut fields: Fields) -> Result<TraceBuilder, Fault> {
        let text = if self.problem.is_empty() { String::new() } else { text(&mut fields, self.problem)? };
        let reference_answer = name(&mut fields, self.reference_answer)?;
        let reference_solution = name(&mut fields, self.reference_solution)?;
        let mut builder = TraceBuilder::new(Problem { text, reference_solution, reference_answer });
        if let Some(list) = self.solutions {
            several::read(self, list, fields, &mut builder)?;
            return Ok(builder);
        }
        self.solution(&mut fields, &mut builder)?;
        if let Some(solution) = builder.last_solution() {
            solution.extra = fields.rest();
        }
        Ok(builder)
    }

    /// Reads a solution.
    fn solution(&self, fields: &mut Fields, builder: &mut TraceBuilder) -> Result<(), Fault> {
        let leaf = self.steps(fields, builder)?;
        let steps = builder.trace().node(leaf).depth;
        let said = match self.label {
            Some(verdict) => verdict.read(fields, steps, builder)?,
            None => Said::default(),
        };
        let scores = self.scores(fields, steps)?;
        let outcome = self.outcome.and_then(|path| outcome(fields, path));
        let (id, generator) = (name(fields, self.id)?, name(fields, self.generator)?);
        let answer = name(fields, self.answer)?;
        let boxed = fields::boxed(&builder.trace().node(leaf).text);
        let solution = builder.solution(leaf);
        solution.source_id = id;
        solution.generator = generator;
        solution.final_answer = answer.or(boxed);
        solution.outcome = outcome.unwrap_or_default();
        solution.first_error = said.first_error;
        solution.ratings = said.ratings;
        solution.scores = scores;
        Ok(())
    }

    /// The same at a glance, where the steps are a list and all lies at the top.
    pub(super) fn glance<'b>(&self, fields: &mut Object<'b>) -> Option<Glance<'b>> {
        let read = [Some(self.problem), Some(self.steps), self.label.map(|label| label.path), self.id, self.generator];
        // Answers, outcomes and scores are understood when the record is read whole.
        let unread = [self.scores, self.answer, self.outcome, self.reference_answer, self.reference_solution];
        let nested = read.iter().chain(&unread).flatten().any(|path| path.is_empty() || path.contains('.'));
        let twice = (1..read.len()).any(|at| read[at].is_some() && read[..at].contains(&read[at]));
        if self.solutions.is_some() || nested || twice || unread.iter().flatten().any(|path| fields.get(path).is_some()) {
            return None;
        }
        let steps = fields.texts(self.steps)?;
        let name = |path: Option<Path<'_>>| path.map_or(Ok(None), |path| fields.name_or_null(path)).ok();
        let first_error = match self.label {
            None => FirstError::Unknown,
            Some(verdict) => verdict.glance(fields.get(verdict.path), steps.len())?,
        };
        let (id, generator) = (name(self.id)?, name(self.generator)?);
        Some(Glance { id, generator, first_error, ..Glance::new(fields.text(self.problem)?, steps) })
    }

    /// A hash of the problem text of a record.
    pub(super) fn problem_hash(&self, record: &[u8]) -> Option<u64> {
        if self.problem.is_empty() {
            return None;
        }
        let path: Vec<_> = self.problem.split('.').collect();
        let text = span::text(record, &path).map(Cow::into_owned).or_else(|| {
            let mut fields = Fields::record(super::parse_json(record).ok()?).ok()?;
            text(&mut fields, self.problem).ok()
        })?;
        (!text.is_empty()).then(|| span::hash(&text))
    }

    /// Lays the steps below the root and gives the last one.
    fn steps(&self, fields: &mut Fields, builder: &mut TraceBuilder) -> Result<NodeId, Fault> {
        let value = take(fields, self.steps)
            .ok_or_else(|| Fault::new(self.steps, "expected a list of strings or a text, found no such field"))?;
        let leaf = match whole(value) {
            Value::Array(items) => {
                let steps = fields::texts(items, self.steps)?;
                builder.path(&steps).last().copied().unwrap_or(NodeId::ROOT)
            }
            Value::String(text) => {
                let pieces = segment::split(&text, self.split);
                builder.note(segment::EXTRA_KEY, pieces.rule.to_string());
                place(builder, &pieces)
            }
            other => return Err(Fault::expected(self.steps, "a list of strings or a text", &other)),
        };
        builder.paint(0, self.kind);
        Ok(leaf)
    }

    fn scores(&self, fields: &mut Fields, steps: usize) -> Result<Vec<Option<f64>>, Fault> {
        let Some(path) = self.scores else { return Ok(Vec::new()) };
        let Some(value) = take(fields, path).filter(|value| !value.is_null()) else { return Ok(Vec::new()) };
        let list = fields::list(whole(value), || path.to_string())?;
        fields::one_each(path, (list.len(), "scores"), (steps, "steps"))?;
        let score = |(index, value): (usize, &Value)| match value {
            Value::Null => Ok(None),
            value => match value.as_f64().filter(|score| (0.0..=1.0).contains(score)) {
                Some(score) => Ok(Some(score)),
                None => Err(Fault::expected(format!("{path}[{index}]"), "a number from 0 to 1", value)),
            },
        };
        list.iter().enumerate().map(score).collect()
    }
}

impl<'a> Verdict<'a> {
    /// An index of the first wrong step.
    pub(super) const fn first_error(path: Path<'a>, base: i64, none: &'a str) -> Self {
        Self { path, meaning: Meaning::FirstError, base, none }
    }

    /// A label that needs no base: one entry a step.
    pub(super) const fn each(path: Path<'a>, meaning: Meaning) -> Self {
        Self { path, meaning, base: 0, none: "" }
    }

    /// The label of a solution of so many steps. Missing and null mean that nobody has said anything, unless `none` is null.
    fn read(&self, fields: &mut Fields, steps: usize, builder: &mut TraceBuilder) -> Result<Said, Fault> {
        let value = whole(take(fields, self.path).unwrap_or_default());
        if self.meaning == Meaning::FirstError || self.meaning == Meaning::Auto && !value.is_array() {
            return Ok(Said { first_error: self.index(&value, steps)?, ratings: Vec::new() });
        }
        if value.is_null() {
            return Ok(Said::default());
        }
        let list = fields::list(value, || self.path.to_string())?;
        if self.meaning == Meaning::Errors {
            let (said, outside) = errors(&list, self.base, steps);
            if !outside.is_empty() {
                let found = outside.join(", ");
                builder.warn(format!("{}: expected {}, found {found}", self.path, self.range(steps)));
                fields.put(self.path, Value::Array(list));
            }
            return Ok(said);
        }
        fields::one_each(self.path, (list.len(), "labels"), (steps, "steps"))?;
        let rating = |(index, value): (usize, &Value)| {
            let (rating, expected) = match self.meaning {
                Meaning::Auto if value.is_number() => {
                    (None, "true or false (say `as=correct`, `as=ratings` or `as=errors` for numbers)")
                }
                Meaning::Ratings => (fields::integer(value).and_then(Rating::from_value), "-1, 0, 1 or null"),
                _ => (correct(value), "true or false"),
            };
            match rating {
                None if !value.is_null() => Err(Fault::expected(format!("{}[{index}]", self.path), expected, value)),
                rating => Ok(rating),
            }
        };
        let ratings = list.iter().enumerate().map(rating).collect::<Result<Vec<_>, _>>()?;
        Ok(Said::judged(ratings))
    }

    /// The first error, where it can be told at a glance.
    fn glance(&self, label: Option<&Scan<'_>>, steps: usize) -> Option<FirstError> {
        let plain = self.base == 0 && self.none == "-1";
        match (label, self.meaning) {
            (None | Some(Scan::Null), _) if plain => Some(FirstError::Unknown),
            (Some(index @ Scan::Number(_)), Meaning::FirstError | Meaning::Auto) if plain => glance::first_error(index, steps),
            (Some(Scan::List(labels)), Meaning::Correct) => glance::first_false(labels, steps),
            (Some(Scan::List(labels)), Meaning::Auto) if labels.iter().all(|label| matches!(label, Scan::Bool(_))) => {
                glance::first_false(labels, steps)
            }
            _ => None,
        }
    }

    /// The numbers that the steps have.
    fn range(&self, steps: usize) -> String {
        let last = self.base + i64::try_from(steps).unwrap_or(i64::MAX) - 1;
        format!("a step from {} to {last}", self.base)
    }

    fn index(&self, value: &Value, steps: usize) -> Result<FirstError, Fault> {
        let text = match value {
            Value::String(text) => text.trim().to_owned(),
            other => other.to_string(),
        };
        if self.none == text {
            return Ok(FirstError::NoError);
        }
        if value.is_null() {
            return Ok(FirstError::Unknown);
        }
        // A digit string cannot mean anything else here; tables with `N/A` in the column write all indices so.
        let index = fields::integer(value).or_else(|| text.parse().ok()).and_then(|index| index.checked_sub(self.base));
        match index.and_then(|index| usize::try_from(index).ok()) {
            Some(index) if index < steps => Ok(FirstError::At(index)),
            _ => {
                let expected = format!("{}, or {} for no error", self.range(steps), self.none);
                Err(Fault::expected(self.path, &expected, value))
            }
        }
    }
}

/// Files that are read with a mapping of their user's, and that mapping as it is kept.
#[derive(Debug)]
struct Mapped(Mapping<'static>, String);

impl Format for Mapped {
    fn name(&self) -> &'static str {
        "mapping"
    }

    fn doc(&self) -> &'static str {
        "read with --map"
    }

    fn mapping(&self) -> Option<&str> {
        Some(&self.1)
    }

    fn detect(&self, _: &Value) -> Detection {
        Detection::NO
    }

    fn read(&self, record: &RawRecord<'_>) -> Result<Trace, RecordError> {
        record.read(|fields| read(&self.0, fields, record.index))
    }

    fn glance<'a>(&self, record: &'a [u8]) -> Option<Glance<'a>> {
        glance::of(record, |fields| self.0.glance(fields))
    }

    fn problem_hash(&self, record: &[u8]) -> Option<u64> {
        self.0.problem_hash(record)
    }
}

/// Reads a record of somebody's file. Of a log of a search, the mapping says in which field of its states the steps are.
fn read(mapping: &Mapping<'_>, fields: Fields, record: usize) -> Result<TraceBuilder, Fault> {
    match fields.peek("logs") {
        Some(logs) if tree_log::are_logs(logs) => tree_log::read(fields, record, Some(mapping.steps)),
        _ => mapping.read(fields),
    }
}

/// What a record becomes by a mapping, or why it becomes nothing.
pub fn preview(spec: &Spec, record: &[u8]) -> Result<Trace, String> {
    let mapping = spec.mapping().map_err(|error| error.to_string())?;
    let record = RawRecord { index: 0, line: 1, bytes: record };
    record.read(|fields| read(&mapping, fields, record.index)).map_err(|error| match error.field {
        Some(field) => format!("{field}: {}", error.message),
        None => error.message,
    })
}

/// The format of files that are read so. It lives as long as the program, like all formats. The error names what the mapping lacks.
pub fn format(spec: Spec) -> Result<&'static dyn Format, SpecError> {
    let said = spec.to_toml();
    Ok(Box::leak(Box::new(Mapped(spec.leak()?, said))))
}

/// A format by which nothing can be read but the records as they stand.
pub fn bare() -> &'static dyn Format {
    Box::leak(Box::new(Mapped(Mapping::new("", ""), String::new())))
}

/// What a label says of the steps of a solution.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) first_error: FirstError,
    pub(super) ratings: Vec<Option<Rating>>,
}

impl Said {
    /// From one rating a step. An unrated step before the first bad one could itself be the first error.
    pub(super) fn judged(ratings: Vec<Option<Rating>>) -> Self {
        let first = ratings.iter().position(|&rating| rating == Some(Rating::Bad));
        let seen = &ratings[..first.unwrap_or(ratings.len())];
        let first_error = match first {
            _ if seen.contains(&None) => FirstError::Unknown,
            Some(index) => FirstError::At(index),
            None => FirstError::NoError,
        };
        Self { first_error, ratings }
    }
}

/// A solution of so many steps of which those in `list` are wrong, and what in the list is no step of it.
pub(super) fn errors(list: &[Value], base: i64, steps: usize) -> (Said, Vec<String>) {
    let (mut ratings, mut outside) = (vec![Some(Rating::Good); steps], Vec::new());
    for item in list {
        let index = fields::integer(item).and_then(|index| usize::try_from(index.checked_sub(base)?).ok());
        match index.and_then(|index| ratings.get_mut(index)) {
            Some(rating) => *rating = Some(Rating::Bad),
            None => outside.push(super::json::describe(item)),
        }
    }
    // Some step is wrong, and nobody can say which.
    let said = if outside.len() == list.len() && !list.is_empty() { Said::default() } else { Said::judged(ratings) };
    (said, outside)
}

/// A judgement in any of the forms that trainers use.
pub(super) fn correct(value: &Value) -> Option<Rating> {
    let right = match (value, fields::integer(value)) {
        (Value::Bool(right), _) => *right,
        (_, Some(1)) => true,
        (_, Some(0)) => false,
        (Value::String(text), _) => match text.trim() {
            "+" | "1" | "true" | "True" => true,
            "-" | "0" | "false" | "False" => false,
            _ => return None,
        },
        _ => return None,
    };
    Some(if right { Rating::Good } else { Rating::Bad })
}

/// Whether an answer is right. What is no known word for it stays in the record.
fn outcome(fields: &mut Fields, path: &str) -> Option<Outcome> {
    let outcome = verdict(&*find(fields.map(), path)?)?;
    take(fields, path);
    Some(outcome)
}

/// Right or wrong, in any of the words that evaluations use.
pub(super) fn verdict(value: &Value) -> Option<Outcome> {
    let correct = match value {
        Value::Bool(correct) => *correct,
        Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
            "correct" | "right" | "true" | "c" | "1" => true,
            "wrong" | "incorrect" | "false" | "i" | "0" => false,
            _ => return None,
        },
        other => match fields::integer(other) {
            Some(1) => true,
            Some(0) => false,
            _ => return None,
        },
    };
    Some(Outcome::from(correct))
}

/// The value, or the list that its text is: cells of tables hold lists as JSON.
fn whole(value: Value) -> Value {
    let list = value.as_str().filter(|text| text.starts_with('[') && text.ends_with(']'));
    match list.and_then(|text| parse_json(text.as_bytes()).ok()) {
        Some(list) => list,
        None => value,
    }
}

/// The value at a path. Of a value at the top the record keeps nothing; one further down is copied.
pub(super) fn take(fields: &mut Fields, path: &str) -> Option<Value> {
    fields.take(path).or_else(|| find(fields.map(), path).map(Cow::into_owned))
}

/// The value at a path; a key that holds dots itself is found too.
pub(super) fn find<'a>(map: &'a Extra, path: &str) -> Option<Cow<'a, Value>> {
    if let Some(value) = map.get(path) {
        return Some(Cow::Borrowed(value));
    }
    let (key, rest) = path.split_once('.')?;
    below(map.get(key)?, rest)
}

fn below<'a>(value: &'a Value, path: &str) -> Option<Cow<'a, Value>> {
    let items = match value {
        Value::Object(map) => return find(map, path),
        Value::Array(items) => items,
        _ => return None,
    };
    let (key, rest) = path.split_once('.').map_or((path, None), |(key, rest)| (key, Some(rest)));
    if let Ok(index) = key.parse::<usize>() {
        let item = items.get(index)?;
        return rest.map_or(Some(Cow::Borrowed(item)), |rest| below(item, rest));
    }
    let rest = if key == "*" { rest } else { Some(path) };
    let each = |item: &Value| rest.map_or(Some(Cow::Borrowed(item)), |rest| below(item, rest)).map(Cow::into_owned);
    Some(Cow::Owned(items.iter().map(|item| each(item).unwrap_or_default()).collect()))
}

fn text(fields: &mut Fields, path: Path<'_>) -> Result<String, Fault> {
    let value = take(fields, path).ok_or_else(|| Fault::new(path, "expected a string, found no such field"))?;
    fields::text(value, || path.to_string())
}

/// A text, or a number as its digits; null counts as missing.
fn name(fields: &mut Fields, path: Option<Path<'_>>) -> Result<Option<String>, Fault> {
    let Some(path) = path else { return Ok(None) };
    match take(fields, path) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(value) => fields::text(value, || path.to_string()).map(Some),
    }
}
