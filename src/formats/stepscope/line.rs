//! One line of the format, checked field by field but not yet placed in its tree.

use serde::Deserialize;
use serde_json::Value;

use super::super::fields::{Fault, Fields, integer};
use super::super::json::describe;
use super::write::{SAID, SOURCE_STEPS};
use crate::trace::{EndState, Extra, FirstError, NodeStats, Outcome, Rating, Remark, Solution, StepKind, Words, Writing};

/// Where the text of a step comes from.
pub(super) enum Text {
    /// The step alone.
    Step(String),
    /// Everything up to the end of the step.
    Prefix(String),
}

/// One line.
pub(super) struct Line {
    pub(super) id: String,
    pub(super) id_value: Value,
    pub(super) tree: Option<Value>,
    pub(super) parents: Vec<String>,
    pub(super) parent_values: Vec<Value>,
    pub(super) order: Option<f64>,
    pub(super) text: Text,
    pub(super) problem: Option<String>,
    pub(super) gold: Option<String>,
    pub(super) reference_solution: Option<String>,
    pub(super) meta: Extra,
    pub(super) sep: Option<String>,
    pub(super) kind: StepKind,
    pub(super) rating: Option<Rating>,
    pub(super) stats: NodeStats,
    /// Iterations of the search, with the value of the step in each.
    pub(super) history: Vec<(u64, Option<f64>)>,
    /// `None` when the line says nothing about solutions.
    pub(super) ends: Option<Vec<Ending>>,
    pub(super) extra: Extra,
    pub(super) warnings: Vec<String>,
}

/// What a line says about a solution that ends with its step.
pub(super) struct Ending {
    /// Number of the solution in its trace.
    pub(super) number: Option<u64>,
    pub(super) first_error: Option<FirstError>,
    /// `None` when the ratings of the nodes say it.
    pub(super) ratings: Option<Vec<Option<Rating>>>,
    /// Path and length of each list with an entry a step.
    pub(super) lists: [(String, usize); 2],
    /// Fields without a meaning here, where they do not stand on the line itself.
    pub(super) rest: Extra,
    /// Index of the last step that something is said of in words.
    pub(super) remarked: Option<usize>,
    /// Leaf and first error are filled in when the line has its place.
    pub(super) fill: Box<dyn FnOnce(&mut Solution)>,
}

impl Line {
    pub(super) fn new(mut fields: Fields, warnings: Vec<String>) -> Result<Self, Fault> {
        let id_value = fields.need("id", "a string or a number")?;
        let id = name(&id_value).ok_or_else(|| Fault::expected("id", "a string or a number", &id_value))?;
        let parent_values = match fields.take_some("parent") {
            None => Vec::new(),
            Some(Value::Array(items)) => items,
            Some(one) => vec![one],
        };
        let parents = parent_values
            .iter()
            .map(|value| name(value).ok_or_else(|| Fault::expected("parent", "an id, a list of ids or null", value)))
            .collect::<Result<Vec<_>, _>>()?;
        let problem = fields.optional_text("problem")?;
        let text = match (fields.optional_text("text")?, fields.optional_text("prefix")?) {
            (Some(text), None) => Text::Step(text),
            (None, Some(prefix)) => Text::Prefix(prefix),
            (None, None) if problem.is_some() => Text::Step(String::new()),
            (None, None) => return Err(Fault::new("text", "expected a string, found no such field")),
            (Some(_), Some(_)) => return Err(Fault::new("prefix", "expected `text` or `prefix`, found both")),
        };
        let meta = match fields.take_some("meta") {
            None => Extra::new(),
            Some(value) => Fields::of(value, "meta")?.rest(),
        };
        let mut line = Self {
            id,
            id_value,
            tree: fields.take_some("tree"),
            parents,
            parent_values,
            order: fields.peek("order").and_then(Value::as_f64),
            text,
            problem,
            gold: fields.reference("gold")?,
            reference_solution: fields.optional_text("reference_solution")?,
            meta,
            sep: fields.optional_text("sep")?,
            kind: kind(fields.take_some("kind"))?,
            rating: fields.take_some("rating").map(|value| rating(&value, "rating")).transpose()?.flatten(),
            stats: NodeStats::default(),
            history: history(fields.optional_list("history")?.unwrap_or_default())?,
            ends: None,
            extra: Extra::new(),
            warnings,
        };
        line.stats = stats(&mut fields, &mut line.warnings)?;
        line.ends = endings(&mut fields)?;
        let kept = fields.take_some("node_extra");
        line.extra = fields.rest();
        if let Some(kept) = kept {
            line.extra.extend(Fields::of(kept, "node_extra")?.rest());
        }
        Ok(line)
    }
}

/// Pairs of an iteration and a value that may be missing.
fn history(items: Vec<Value>) -> Result<Vec<(u64, Option<f64>)>, Fault> {
    let touch = |(at, item): (usize, Value)| {
        let parts = item.as_array().map(Vec::as_slice).unwrap_or_default();
        let touch = match parts {
            [iteration] | [iteration, Value::Null] => iteration.as_u64().map(|iteration| (iteration, None)),
            [iteration, value] => iteration.as_u64().zip(value.as_f64()).map(|(iteration, value)| (iteration, Some(value))),
            _ => None,
        };
        touch.ok_or_else(|| Fault::expected(format!("history[{at}]"), "an iteration and a value", &item))
    };
    items.into_iter().enumerate().map(touch).collect()
}

/// An id: 1 and `"1"` are the same one.
fn name(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn kind(value: Option<Value>) -> Result<StepKind, Fault> {
    let Some(value) = value else { return Ok(StepKind::Text) };
    match value.as_str() {
        Some("text") => Ok(StepKind::Text),
        Some("thought") => Ok(StepKind::Thought),
        Some("code") => Ok(StepKind::Code),
        Some("tool") => Ok(StepKind::Tool),
        _ => Err(Fault::expected("kind", "text, thought, code or tool", &value)),
    }
}

fn rating(value: &Value, field: &str) -> Result<Option<Rating>, Fault> {
    if value.is_null() {
        return Ok(None);
    }
    let rating = integer(value).and_then(Rating::from_value);
    rating.map(Some).ok_or_else(|| Fault::expected(field, "-1, 0, 1 or null", value))
}

/// A statistic: not a number is "missing", something else than a number an error.
fn number(fields: &mut Fields, key: &str, warnings: &mut Vec<String>) -> Result<Option<f64>, Fault> {
    let Some(value) = fields.take_some(key) else { return Ok(None) };
    match &value {
        Value::Number(number) => {
            let finite = number.as_f64().filter(|number| number.is_finite());
            if finite.is_none() {
                warnings.push(format!("{key}: {} is too large and counts as missing", describe(&value)));
            }
            Ok(finite)
        }
        _ => Err(Fault::expected(key, "a number", &value)),
    }
}

fn share(fields: &mut Fields, key: &str, warnings: &mut Vec<String>) -> Result<Option<f64>, Fault> {
    let number = number(fields, key, warnings)?;
    Ok(number.filter(|number| {
        let inside = (0.0..=1.0).contains(number);
        if !inside {
            warnings.push(format!("{key}: {number} lies outside of 0..1 and counts as missing"));
        }
        inside
    }))
}

fn whole(fields: &mut Fields, key: &str) -> Result<Option<u64>, Fault> {
    let Some(value) = fields.take_some(key) else { return Ok(None) };
    let whole = integer(&value).and_then(|number| u64::try_from(number).ok());
    whole.map(Some).ok_or_else(|| Fault::expected(key, "a count", &value))
}

fn stats(fields: &mut Fields, warnings: &mut Vec<String>) -> Result<NodeStats, Fault> {
    Ok(NodeStats {
        mc: share(fields, "mc", warnings)?,
        mc_k: whole(fields, "mc_k")?,
        mc_hits: whole(fields, "mc_hits")?,
        q: number(fields, "q", warnings)?,
        value: number(fields, "value", warnings)?,
        prior: number(fields, "prior", warnings)?,
        visits: whole(fields, "visits")?,
        prm: match share(fields, "prm", warnings)? {
            Some(prm) => Some(prm),
            None => share(fields, "score", warnings)?,
        },
    })
}

/// Fields that make a line the end of a solution.
const MARKS: &[&str] = &["solution", "answer", "correct", "first_error", "end_state"];

fn endings(fields: &mut Fields) -> Result<Option<Vec<Ending>>, Fault> {
    if let Some(items) = fields.optional_list("solutions")? {
        fields.optional_boolean("terminal")?;
        let several = items.into_iter().enumerate().map(|(index, item)| {
            let mut inner = Fields::of(item, format!("solutions[{index}]"))?;
            let ending = ending(&mut inner)?;
            Ok(Ending { rest: inner.rest(), ..ending })
        });
        return several.collect::<Result<Vec<_>, _>>().map(Some);
    }
    let terminal = fields.peek("terminal") == Some(&Value::Bool(true));
    let marked = MARKS.iter().any(|key| fields.peek(key).is_some_and(|value| !value.is_null()));
    if !terminal && !marked {
        return Ok(None);
    }
    Ok(Some(vec![ending(fields)?]))
}

fn ending(fields: &mut Fields) -> Result<Ending, Fault> {
    fields.optional_boolean("terminal")?;
    let number = whole(fields, "solution")?;
    let first_error = fields.take_some("first_error").map(|value| first_error(&value, fields)).transpose()?;
    let end_state = match fields.take_some("end_state") {
        None => EndState::Open,
        Some(value) => serde_json::from_value(value.clone()).map_err(|_| {
            Fault::expected(fields.at("end_state"), "solution, found_error, bad_problem, give_up or open", &value)
        })?,
    };
    let ratings = match fields.optional_list("ratings")? {
        None => None,
        Some(items) => Some(each(&items, &fields.at("ratings"), rating)?),
    };
    let scores = match fields.optional_list("scores")? {
        None => Vec::new(),
        Some(items) => each(&items, &fields.at("scores"), |value, field| match value.as_f64() {
            None if value.is_null() => Ok(None),
            None => Err(Fault::expected(field, "a finite number or null", value)),
            number => Ok(number),
        })?,
    };
    let lists = [(fields.at("ratings"), ratings.as_ref().map_or(0, Vec::len)), (fields.at("scores"), scores.len())];
    let outcome = fields.optional_boolean("correct")?.map_or(Outcome::Unknown, Outcome::from);
    let answer = fields.optional_name("answer")?;
    let (source_id, generator) = (fields.optional_name("source_id")?, fields.optional_text("generator")?);
    let unsure = fields.optional_boolean("unsure")?.unwrap_or(false);
    let annotator = fields.optional_text("annotator")?;
    let words = said(fields).map(Box::new);
    let remarked = words.iter().flat_map(|words| &words.remarks).filter_map(|remark| remark.step).max();
    let mut extra = match fields.take_some("solution_extra") {
        None => Extra::new(),
        Some(value) => Fields::of(value, fields.at("solution_extra"))?.rest(),
    };
    extra.extend(fields.take_some(SOURCE_STEPS).map(|steps| (SOURCE_STEPS.to_owned(), steps)));
    let fill = Box::new(move |solution: &mut Solution| {
        solution.end_state = end_state;
        solution.scores = scores;
        solution.outcome = outcome;
        solution.final_answer = answer;
        solution.source_id = source_id;
        solution.generator = generator;
        solution.unsure = unsure;
        solution.annotator = annotator;
        solution.words = words;
        solution.extra = extra;
    });
    Ok(Ending { number, first_error, ratings, lists, rest: Extra::new(), remarked, fill })
}

/// What is said in words, as [`super::write`] writes it. A field of that name with anything else in it stays where it is.
fn said(fields: &mut Fields) -> Option<Words> {
    #[derive(Default, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Whole {
        error_kind: String,
        end_reason: String,
        progress: Option<u8>,
        remarks: Vec<Said>,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Said {
        writing: Writing,
        step: Option<usize>,
        text: String,
    }
    // A list would do for the fields of a structure.
    let found = fields.peek(SAID).filter(|found| found.is_object())?;
    let Whole { error_kind, end_reason, progress, remarks } = Whole::deserialize(found).ok()?;
    let remarks = remarks.into_iter().map(|Said { writing, step, text }| Remark { writing, step, text }).collect();
    let words = Words { error_kind, end_reason, progress, remarks };
    (words != Words::default()).then(|| {
        fields.take(SAID);
        words
    })
}

fn each<T>(items: &[Value], path: &str, read: impl Fn(&Value, &str) -> Result<T, Fault>) -> Result<Vec<T>, Fault> {
    items.iter().enumerate().map(|(index, item)| read(item, &format!("{path}[{index}]"))).collect()
}

fn first_error(value: &Value, fields: &Fields) -> Result<FirstError, Fault> {
    match (value.as_str(), integer(value)) {
        (Some("none"), _) | (_, Some(-1)) => Ok(FirstError::NoError),
        (Some("unlabelable"), _) => Ok(FirstError::Unlabelable),
        (Some("unknown"), _) => Ok(FirstError::Unknown),
        (_, Some(index)) if index >= 0 => Ok(FirstError::At(usize::try_from(index).unwrap_or(usize::MAX))),
        _ => Err(Fault::expected(fields.at("first_error"), "an index from 0, \"none\", \"unlabelable\" or \"unknown\"", value)),
    }
}
