//! `ProcessBench` (Zheng et al., arXiv:2412.06559): problem, steps and the index of the first wrong step, -1 for none.
//!
//! `label` counts from 0 and is a verdict on the whole solution, so "not labelled" cannot be written: such solutions are left out,
//! and so are those of which nobody knows whether the final answer is right.

use serde_json::{Map, Value};

use super::detect::Detection;
use super::export::{Feature, Framing, Keeps, Labelled, LabelledTrace, Loss, Writer, each_solution, json_bytes, set_field};
use super::fields::{Fault, Fields, integer};
use super::scan::Scan;
use super::{Format, Glance, RawRecord, RecordError, glance};
use crate::labels::policy::{Policy, Skipped, Switch, Unsure};
use crate::trace::{FirstError, NodeId, Outcome, Problem, Trace, TraceBuilder};

/// The format.
pub(super) struct ProcessBench;

impl Format for ProcessBench {
    fn name(&self) -> &'static str {
        "processbench"
    }

    fn doc(&self) -> &'static str {
        "ProcessBench: problem, steps, label = index of the first wrong step or -1"
    }

    fn detect(&self, value: &Value) -> Detection {
        let has = |key: &str| value.get(key).is_some();
        let known = ["problem", "steps", "label", "final_answer_correct"].iter().filter(|key| has(key)).count();
        match known {
            4 => Detection::sure("`problem`, `steps`, `label` and `final_answer_correct`"),
            // A record with one field missing is a bad ProcessBench record rather than one of no format.
            3 if has("final_answer_correct") || has("id") && has("generator") => {
                Detection::maybe(60, "three of `problem`, `steps`, `label`, `final_answer_correct`")
            }
            _ => Detection::NO,
        }
    }

    fn read(&self, record: &RawRecord<'_>) -> Result<Trace, RecordError> {
        record.read(read)
    }

    fn glance<'a>(&self, record: &'a [u8]) -> Option<Glance<'a>> {
        glance::of(record, |fields| {
            let steps = fields.texts("steps")?;
            let Scan::Bool(correct) = fields.get("final_answer_correct")? else { return None };
            let first_error = glance::first_error(fields.get("label")?, steps.len())?;
            let (id, generator) = (Some(fields.text("id")?), fields.text_or_null("generator").ok()?);
            let outcome = Outcome::from(*correct);
            Some(Glance { id, generator, outcome, first_error, ..Glance::new(fields.text("problem")?, steps) })
        })
    }

    fn problem_at(&self) -> &'static [&'static str] {
        &["problem"]
    }

    fn writer(&self) -> Option<&'static dyn Writer> {
        Some(&ProcessBench)
    }
}

fn read(mut fields: Fields) -> Result<TraceBuilder, Fault> {
    let id = fields.text("id")?;
    let generator = fields.optional_text("generator")?;
    let text = fields.text("problem")?;
    let steps = fields.texts("steps")?;
    let outcome = Outcome::from(fields.boolean("final_answer_correct")?);
    let label = fields.need("label", "an integer")?;
    let first_error = first_error(&label, steps.len())?;

    let mut builder = TraceBuilder::new(Problem { text, ..Problem::default() });
    let leaf = builder.path(&steps).last().copied().unwrap_or(NodeId::ROOT);
    let solution = builder.solution(leaf);
    solution.source_id = Some(id);
    solution.generator = generator;
    solution.outcome = outcome;
    solution.first_error = first_error;
    solution.extra = fields.rest();
    Ok(builder)
}

fn first_error(label: &Value, steps: usize) -> Result<FirstError, Fault> {
    let expected = match steps {
        0 => "-1 (there are no steps)".to_owned(),
        1 => "-1 or 0".to_owned(),
        n => format!("an integer from -1 to {}", n - 1),
    };
    match integer(label) {
        Some(-1) => Ok(FirstError::NoError),
        Some(index) => match usize::try_from(index) {
            Ok(index) if index < steps => Ok(FirstError::At(index)),
            _ => Err(Fault::expected("label", &expected, label)),
        },
        None => Err(Fault::expected("label", &expected, label)),
    }
}

impl Writer for ProcessBench {
    fn framing(&self) -> Framing {
        Framing::Array
    }

    fn keeps(&self) -> &'static Keeps {
        &Keeps { all: &[Feature::FirstError, Feature::Ids, Feature::Generators, Feature::Outcomes], partly: &[] }
    }

    fn asks(&self) -> &'static [Switch] {
        &[Switch::Unsure]
    }

    fn write(&self, unit: &LabelledTrace<'_>, policy: &Policy, out: &mut Vec<Vec<u8>>, loss: &mut Loss) {
        each_solution(self, unit, policy, out, loss, |item, rows, _| {
            rows.push(record(item, policy)?);
            Ok(())
        });
    }
}

fn record(item: &Labelled<'_>, policy: &Policy) -> Result<Vec<u8>, Skipped> {
    let label = match item.labels.first_error {
        FirstError::At(index) => Value::from(index),
        FirstError::NoError => Value::from(-1),
        FirstError::Unknown => return Err(Skipped::Unlabelled),
        FirstError::Unlabelable => return Err(Skipped::Unlabelable),
    };
    if item.labels.unsure && policy.unsure != Unsure::Keep {
        return Err(Skipped::Unsure);
    }
    if let Some(raw) = item.raw {
        return set_field(raw, &["label"], &label);
    }
    let solution = item.of();
    let correct = match solution.outcome {
        Outcome::Correct => true,
        Outcome::Wrong => false,
        Outcome::Unknown => return Err(Skipped::OutcomeUnknown),
    };
    let mut record = Map::new();
    record.insert("id".into(), item.id().into());
    record.insert("generator".into(), solution.generator.clone().unwrap_or_else(|| "unknown".to_owned()).into());
    record.insert("problem".into(), item.trace.problem.text.clone().into());
    record.insert("steps".into(), item.path().map(|node| Value::from(node.text.as_str())).collect());
    record.insert("final_answer_correct".into(), correct.into());
    record.insert("label".into(), label);
    Ok(json_bytes(&Value::Object(record)))
}
