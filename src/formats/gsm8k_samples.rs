//! `example_model_solutions.jsonl` of openai/grade-school-math: one question, several models' solutions under their own keys. Steps are
//! lines; the last line of a solution is `A: N` (not `#### N` as in the training set).

use serde_json::Value;

use super::detect::Detection;
use super::fields::{Fault, Fields};
use super::{Format, RawRecord, RecordError, place};
use crate::segment::{self, Rule};
use crate::trace::{Outcome, Problem, Trace, TraceBuilder};

/// The format.
pub(super) struct Gsm8kSamples;

fn is_sample(value: &Value) -> bool {
    value.get("solution").is_some() && value.get("is_correct").is_some()
}

impl Format for Gsm8kSamples {
    fn name(&self) -> &'static str {
        "gsm8k-samples"
    }

    fn doc(&self) -> &'static str {
        "GSM8K example_model_solutions: question, ground_truth, one object {solution, is_correct} a model"
    }

    fn detect(&self, value: &Value) -> Detection {
        let samples = value.as_object().is_some_and(|map| map.values().any(is_sample));
        Detection::sure_if(
            samples && value.get("question").is_some() && value.get("ground_truth").is_some(),
            "`ground_truth` and objects with `solution` and `is_correct`",
        )
    }

    fn read(&self, record: &RawRecord<'_>) -> Result<Trace, RecordError> {
        record.read(read)
    }

    fn problem_at(&self) -> &'static [&'static str] {
        &["question"]
    }
}

/// The number behind `A:` on the last line.
fn answer(text: &str) -> Option<String> {
    text.trim_end().lines().last()?.trim().strip_prefix("A:").map(|answer| answer.trim().to_owned())
}

fn read(mut fields: Fields) -> Result<TraceBuilder, Fault> {
    let text = fields.text("question")?;
    let truth = fields.optional_text("ground_truth")?;
    let reference_answer = truth.as_deref().and_then(answer);
    let mut builder = TraceBuilder::new(Problem { text, reference_solution: truth, reference_answer });
    let keys: Vec<String> = fields.keys().filter(|key| fields.peek(key).is_some_and(is_sample)).map(str::to_owned).collect();
    if keys.is_empty() {
        return Err(Fault::record("expected objects with `solution` and `is_correct`, found none"));
    }
    for key in keys {
        let mut sample = fields.object(&key)?;
        let text = sample.text("solution")?;
        let correct = sample.boolean("is_correct")?;
        let leaf = place(&mut builder, &segment::split(&text, Rule::Line));
        let solution = builder.solution(leaf);
        solution.generator = Some(key);
        solution.final_answer = answer(&text);
        solution.outcome = Outcome::from(correct);
        solution.extra = sample.rest();
    }
    let mut extra = fields.rest();
    extra.insert(segment::EXTRA_KEY.to_owned(), Rule::Line.to_string().into());
    builder.extra(extra);
    Ok(builder)
}
