//! `Question NNNN - Answer.json` of zhentingqi/rStar: the question of a folder with its right answer. The search leaves the fields of the
//! model empty; an evaluation fills them.

use serde_json::Value;

use super::detect::Detection;
use super::fields::{Fault, Fields};
use super::trail::Trail;
use super::{Format, RawRecord, RecordError};
use crate::segment::Rule;
use crate::trace::{Problem, StepKind, Trace, TraceBuilder};

/// The format.
pub(super) struct RStarAnswer;

impl Format for RStarAnswer {
    fn name(&self) -> &'static str {
        "rstar-answer"
    }

    fn doc(&self) -> &'static str {
        "rStar answer files: problem, gold_solution, gold_answer, model_completion, all_model_completions"
    }

    fn detect(&self, value: &Value) -> Detection {
        Detection::by_keys(value, &["problem", "gold_answer", "model_completion", "all_model_completions"])
    }

    fn read(&self, record: &RawRecord<'_>) -> Result<Trace, RecordError> {
        record.read(read)
    }

    fn problem_at(&self) -> &'static [&'static str] {
        &["problem"]
    }
}

fn read(mut fields: Fields) -> Result<TraceBuilder, Fault> {
    let text = fields.text("problem")?;
    let (reference_answer, reference_solution) = (fields.reference("gold_answer")?, fields.optional_text("gold_solution")?);
    let mut builder = TraceBuilder::new(Problem { text, reference_solution, reference_answer });
    let answer = fields.optional_name("model_answer")?;
    if let Some(text) = fields.optional_text("model_completion")? {
        add(&mut builder, &text, answer, "model_completion".to_owned());
    }
    let all: Vec<(String, Value)> = match fields.take_some("all_model_completions") {
        None => Vec::new(),
        Some(Value::Array(list)) => list.into_iter().enumerate().map(|(index, item)| (index.to_string(), item)).collect(),
        Some(Value::Object(map)) => map.into_iter().collect(),
        Some(other) => return Err(Fault::expected("all_model_completions", "an object or a list", &other)),
    };
    for (name, value) in all {
        if let Value::String(text) = value {
            add(&mut builder, &text, None, name);
            continue;
        }
        let mut completion = Fields::of(value, format!("all_model_completions.{name}"))?;
        let text = completion.text("model_solution")?;
        let answer = completion.optional_name("model_answer")?;
        add(&mut builder, &text, answer, name);
        if let Some(solution) = builder.last_solution() {
            solution.extra = completion.rest();
        }
    }
    if builder.trace().solutions.is_empty() {
        builder.warn("the solutions of this question stand in the files beside it (Final Solutions, Rollout Solutions)");
    }
    builder.extra(fields.rest());
    Ok(builder)
}

fn add(builder: &mut TraceBuilder, text: &str, answer: Option<String>, name: String) {
    let mut trail = Trail::new(builder);
    trail.text(text, StepKind::Text, Rule::Auto);
    let solution = trail.end();
    solution.source_id = Some(name);
    solution.final_answer = answer.or(solution.final_answer.take());
}
