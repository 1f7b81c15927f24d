//! TRL stepwise supervision (`docs/source/dataset_formats.md` of huggingface/trl): prompt, completions, one boolean a step.
//!
//! The trainer joins the completions with a separator that the file does not hold, and casts labels to integers, so that 0.9 would
//! become 0: only booleans (and the integers 0 and 1) are read, only booleans written.

use serde_json::{Map, Value};

use super::detect::Detection;
use super::export::{Feature, Keeps, Labelled, LabelledTrace, Loss, Writer, decided, each_solution, record_with, set_field};
use super::fields::{self, Fault, Fields, integer};
use super::{Format, Glance, RawRecord, RecordError, glance, parse_json, span};
use crate::labels::policy::{Policy, Skipped, Switch};
use crate::trace::{FirstError, NodeId, Problem, Rating, Trace, TraceBuilder};

/// The format.
pub(super) struct Trl;

impl Format for Trl {
    fn name(&self) -> &'static str {
        "trl"
    }

    fn doc(&self) -> &'static str {
        "TRL stepwise supervision: prompt, completions, labels (one boolean a step)"
    }

    fn detect(&self, value: &Value) -> Detection {
        let has = |key: &str| value.get(key).is_some();
        let flat = |key: &str| value.get(key).and_then(Value::as_array).is_none_or(|list| !list.iter().any(Value::is_array));
        if !has("completions") || !has("labels") || !flat("labels") {
            return Detection::NO;
        }
        if has("prompt") {
            Detection::sure("`prompt`, `completions` and `labels`")
        } else {
            Detection::maybe(60, "`completions` and `labels`")
        }
    }

    fn read(&self, record: &RawRecord<'_>) -> Result<Trace, RecordError> {
        record.read(read)
    }

    fn glance<'a>(&self, record: &'a [u8]) -> Option<Glance<'a>> {
        glance::of(record, |fields| {
            let steps = fields.texts("completions")?;
            let first_error = glance::first_false(fields.list("labels")?, steps.len())?;
            Some(Glance { first_error, ..Glance::new(fields.text("prompt")?, steps) })
        })
    }

    fn problem_at(&self) -> &'static [&'static str] {
        &["prompt"]
    }

    fn writer(&self) -> Option<&'static dyn Writer> {
        Some(&Trl)
    }
}

fn read(mut fields: Fields) -> Result<TraceBuilder, Fault> {
    let text = fields.text("prompt")?;
    let steps = fields.texts("completions")?;
    let labels = fields.list("labels")?;
    fields::one_each("labels", (labels.len(), "labels"), (steps.len(), "completions"))?;
    let correct = labels.iter().enumerate().map(|(index, label)| boolean(label, index)).collect::<Result<Vec<_>, _>>()?;

    let mut builder = TraceBuilder::new(Problem { text, ..Problem::default() });
    let leaf = builder.path(&steps).last().copied().unwrap_or(NodeId::ROOT);
    let solution = builder.solution(leaf);
    solution.first_error = correct.iter().position(|correct| !correct).map_or(FirstError::NoError, FirstError::At);
    solution.ratings = correct.iter().map(|&correct| Some(if correct { Rating::Good } else { Rating::Bad })).collect();
    solution.extra = fields.rest();
    Ok(builder)
}

fn boolean(label: &Value, index: usize) -> Result<bool, Fault> {
    match (label, integer(label)) {
        (Value::Bool(correct), _) => Ok(*correct),
        (_, Some(0)) => Ok(false),
        (_, Some(1)) => Ok(true),
        _ => Err(Fault::expected(format!("labels[{index}]"), "true or false", label)),
    }
}

impl Writer for Trl {
    fn keeps(&self) -> &'static Keeps {
        // `decided` counts those that do not stay.
        &Keeps { all: &[], partly: &[Feature::FirstError, Feature::Ratings, Feature::BehindError] }
    }

    fn asks(&self) -> &'static [Switch] {
        Switch::LABELS
    }

    fn parted_by_trainer(&self) -> bool {
        true
    }

    /// Columns of a table have one type: 1 and 0 beside true and false make a file that no reader of tables takes.
    fn copy(&self, raw: &[u8], _: &Policy) -> Vec<u8> {
        let label = |(index, label): (usize, &Value)| boolean(label, index).ok();
        let booleans = || {
            let labels = parse_json(&raw[span::find(raw, &["labels"])?]).ok()?;
            let labels = labels.as_array().filter(|labels| !labels.iter().all(Value::is_boolean))?;
            set_field(raw, &["labels"], &labels.iter().enumerate().map(label).collect::<Option<Value>>()?).ok()
        };
        booleans().unwrap_or_else(|| raw.to_vec())
    }

    fn write(&self, unit: &LabelledTrace<'_>, policy: &Policy, out: &mut Vec<Vec<u8>>, loss: &mut Loss) {
        each_solution(self, unit, policy, out, loss, |item, rows, loss| {
            rows.push(record(item, policy, loss)?);
            Ok(())
        });
    }
}

fn record(item: &Labelled<'_>, policy: &Policy, loss: &mut Loss) -> Result<Vec<u8>, Skipped> {
    let targets = decided(policy, &item.labels, loss)?;
    let texts: Vec<_> = item.path().map(|node| node.text.as_str()).collect();
    let broken = targets.iter().filter(|&&(index, _)| texts[index].contains('\n')).count();
    loss.lose("ends of steps, where line ends inside of them look the same to the trainer (`stepscope doctor`)", broken as u64);
    let mut record = Map::new();
    if item.raw.is_none() {
        record.insert("prompt".into(), item.trace.problem.text.clone().into());
    }
    if item.raw.is_none() || targets.len() < texts.len() {
        record.insert("completions".into(), targets.iter().map(|&(index, _)| texts[index]).collect());
    }
    record.insert("labels".into(), targets.iter().map(|&(_, correct)| correct).collect());
    // Copies of ProcessBench in this form carry its label too; it must not contradict the new one.
    if item.raw.is_some() && item.of().extra.get("label").is_some_and(|label| integer(label).is_some()) {
        let first = targets.iter().position(|&(_, correct)| !correct).map_or(Value::from(-1), Value::from);
        record.insert("label".into(), first);
    }
    record_with(item.raw, record)
}
