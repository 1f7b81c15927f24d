//! `PRMBench` (Song et al., arXiv:2501.03124): solutions into which errors were written, with the numbers of all wrong steps, from 1.
//!
//! Some numbers lie behind the last step; they are reported and kept. `idx` repeats across the kinds of error, so that the kind is part
//! of the identifier; it is also the kind of the error, and `reason` says why. Records of the annotation tool hold the same fields under `custom`, beside what people said of the whole.

use serde_json::Value;

use super::detect::Detection;
use super::fields::{Fault, Fields};
use super::mapping::{Mapping, Meaning, Verdict};
use super::reasons::Reasons;
use super::{Format, RawRecord, RecordError, span};
use crate::trace::{FirstError, Trace, TraceBuilder};

/// The format.
pub(super) struct PrmBench;

static MAPPING: Mapping<'_> = Mapping {
    label: Some(Verdict { base: 1, ..Verdict::each("error_steps", Meaning::Errors) }),
    reference_answer: Some("ground_truth"),
    ..Mapping::new("modified_question", "modified_process")
};

const REASONS: Reasons = Reasons { kind: Some("classification"), critique: Some("reason"), correction: None };

impl Format for PrmBench {
    fn name(&self) -> &'static str {
        "prmbench"
    }

    fn doc(&self) -> &'static str {
        "PRMBench: modified_process and error_steps, the numbers of all wrong steps from 1"
    }

    fn detect(&self, value: &Value) -> Detection {
        const MARKS: &[&str] = &["modified_process", "error_steps"];
        match value.get("custom") {
            Some(custom) if value.get("evaluation").is_some() => Detection::by_keys(custom, MARKS),
            _ => Detection::by_keys(value, MARKS),
        }
    }

    fn read(&self, record: &RawRecord<'_>) -> Result<Trace, RecordError> {
        record.read(read)
    }

    fn problem_hash(&self, record: &[u8]) -> Option<u64> {
        let text = span::text(record, &["modified_question"]).or_else(|| span::text(record, &["custom", "modified_question"]))?;
        Some(span::hash(&text))
    }
}

fn read(mut fields: Fields) -> Result<TraceBuilder, Fault> {
    if fields.peek("modified_process").is_some() {
        return benchmark(fields);
    }
    let mut builder = benchmark(Fields::record(fields.need("custom", "an object")?)?)?;
    let correct = fields.map().get("evaluation").and_then(|said| said.pointer("/conversation_evaluation/correct")).cloned();
    if let Some(solution) = builder.last_solution() {
        // People looked at the whole solution. Where they disagree with the empty list of errors, nobody knows the wrong step.
        if correct.and_then(|said| said.as_str().map(|said| said == "false")) == Some(true) {
            solution.first_error = FirstError::Unknown;
            solution.ratings.clear();
        }
        solution.extra.extend(fields.rest());
    }
    Ok(builder)
}

fn benchmark(mut fields: Fields) -> Result<TraceBuilder, Fault> {
    let id = fields.optional_name("idx")?;
    let class = fields.map().get("classification").and_then(Value::as_str).map(str::to_owned);
    let mut builder = MAPPING.read(fields)?;
    if let Some(solution) = builder.last_solution() {
        solution.source_id = id.map(|id| class.map_or(id.clone(), |class| format!("{class}_{id}")));
        REASONS.take(solution);
    }
    Ok(builder)
}
