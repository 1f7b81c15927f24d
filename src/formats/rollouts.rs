//! Answers of models as reinforcement learning and evaluations leave them, without step labels: rollouts of verl, `OpenR1-Math`, and
//! completions of `HumanEval`.

use serde_json::Value;

use super::detect::Detection;
use super::fields::{Fault, Fields};
use super::flat::Flat;
use super::mapping::{Mapping, verdict};
use super::trail::Trail;
use super::{Format, RawRecord, RecordError, span};
use crate::segment::Rule;
use crate::trace::{Outcome, Problem, StepKind, Trace, TraceBuilder};

/// What verl's trainer dumps: one rollout a record. Its `step` is that of the training.
pub(super) struct Verl;

/// `OpenR1-Math-220k`: several generations a record.
pub(super) struct OpenR1;

/// Completions of `HumanEval` and its kin, judged by tests.
pub(super) static HUMAN_EVAL: Flat = Flat {
    prepare: Some(|fields| {
        // Result files name the task without repeating it.
        if fields.peek("prompt").is_none() {
            let task = fields.map().get("task_id").cloned().unwrap_or_default();
            fields.put("prompt", task);
        }
        Ok(Vec::new())
    }),
    ..Flat::new(
        "humaneval",
        "HumanEval results: task_id, completion (a program), passed",
        &["task_id", "completion"],
        Mapping {
            split: Rule::Line,
            kind: StepKind::Code,
            outcome: Some("passed"),
            id: Some("task_id"),
            ..Mapping::new("prompt", "completion")
        },
    )
};

impl Format for Verl {
    fn name(&self) -> &'static str {
        "verl"
    }

    fn doc(&self) -> &'static str {
        "verl rollout dumps: input, output, score, step (of the training)"
    }

    fn detect(&self, value: &Value) -> Detection {
        let text = |key: &str| value.get(key).is_some_and(Value::is_string);
        let fits =
            text("input") && text("output") && value.get("score").is_some() && value.get("step").is_some_and(Value::is_number);
        Detection::sure_if(fits, "`input`, `output`, `score` and a number `step`")
    }

    fn read(&self, record: &RawRecord<'_>) -> Result<Trace, RecordError> {
        record.read(verl)
    }

    fn problem_hash(&self, record: &[u8]) -> Option<u64> {
        span::text(record, &["input"]).map(|text| span::hash(asked(&text)))
    }
}

/// The last turn of the user: the prompt was decoded without its special tokens, so that the roles remain as lines.
fn asked(input: &str) -> &str {
    let text = input.trim();
    let text = text.strip_suffix("assistant").filter(|rest| rest.ends_with('\n')).unwrap_or(text).trim_end();
    let start = text.rfind("\nuser\n").map(|at| at + 6).or_else(|| text.starts_with("user\n").then_some(5));
    text[start.unwrap_or(0)..].trim()
}

fn verl(mut fields: Fields) -> Result<TraceBuilder, Fault> {
    let input = fields.text("input")?;
    let output = fields.text("output")?;
    let text = asked(&input).to_owned();
    let whole = text.len() == input.len();
    let reference_answer = fields.reference("gts")?;
    // A reward of 1 is right and of 0 or -1 wrong; others stay what they are.
    let score = fields.peek("score").and_then(Value::as_f64);
    let outcome = match fields.peek("acc").and_then(verdict) {
        Some(outcome) => outcome,
        None if score == Some(1.0) => Outcome::Correct,
        None if matches!(score, Some(0.0 | -1.0)) => Outcome::Wrong,
        None => Outcome::Unknown,
    };
    if !whole {
        fields.put("input", input.into());
    }
    let mut builder = TraceBuilder::new(Problem { text, reference_answer, reference_solution: None });
    let mut trail = Trail::new(&mut builder);
    trail.answer(&output, Rule::Auto);
    let solution = trail.end();
    solution.outcome = outcome;
    solution.extra = fields.rest();
    Ok(builder)
}

impl Format for OpenR1 {
    fn name(&self) -> &'static str {
        "openr1"
    }

    fn doc(&self) -> &'static str {
        "OpenR1-Math: problem, answer, generations, correctness_math_verify"
    }

    fn detect(&self, value: &Value) -> Detection {
        Detection::by_keys(value, &["problem", "generations", "correctness_math_verify"])
    }

    fn read(&self, record: &RawRecord<'_>) -> Result<Trace, RecordError> {
        record.read(|fields| open_r1(fields, record.index == 0))
    }

    fn problem_at(&self) -> &'static [&'static str] {
        &["problem"]
    }
}

fn open_r1(mut fields: Fields, first: bool) -> Result<TraceBuilder, Fault> {
    let text = fields.text("problem")?;
    let reference_solution = fields.optional_text("solution")?;
    let reference_answer = fields.reference("answer")?;
    let id = fields.optional_name("uuid")?;
    let texts = fields.texts("generations")?;
    // Each of the lists may be null or of another length; the first verdict there is counts.
    let entry = |key: &str, index: usize| {
        let list = fields.peek(key).and_then(Value::as_array).filter(|list| list.len() == texts.len())?;
        list.get(index).filter(|value| !value.is_null())
    };
    let mut builder = TraceBuilder::new(Problem { text, reference_solution, reference_answer });
    for (index, text) in texts.iter().enumerate() {
        let correct = ["correctness_math_verify", "correctness_llama"].into_iter().find_map(|key| verdict(entry(key, index)?));
        let finish = entry("finish_reasons", index).and_then(Value::as_str);
        if finish == Some("length") {
            builder.warn(format!("generations[{index}]: the text was cut off by the length limit"));
        }
        let mut trail = Trail::new(&mut builder);
        trail.answer(text, Rule::Auto);
        let solution = trail.end();
        solution.source_id = Some(id.as_ref().map_or(index.to_string(), |id| format!("{id}-{index}")));
        solution.outcome = correct.unwrap_or_default();
    }
    let known = |said: &str| said == builder.trace().problem.text || texts.iter().any(|text| text == said);
    let repeats = |message: &Value| message.get("content").and_then(Value::as_str).is_some_and(known);
    if fields.peek("messages").and_then(Value::as_array).is_some_and(|messages| messages.iter().all(repeats)) {
        fields.take("messages");
        // All records of a file have them: it is said once.
        if first {
            builder.warn("`messages` is not kept: it repeats the problem and one of the generations");
        }
    }
    builder.extra(fields.rest());
    Ok(builder)
}
