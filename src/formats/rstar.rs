//! Solutions of zhentingqi/rStar (mutual reasoning): a record is one trace of a rollout, an object of levels under the keys `0`, `1`, ...
//! Traces of one question meet in one tree where they begin alike; a question that was put differently is a problem of its own.

use serde_json::Value;

use super::detect::Detection;
use super::fields::{Fault, Fields};
use super::{Format, RawRecord, RecordError, fields};
use crate::trace::{Extra, NodeId, Problem, Trace, TraceBuilder};

/// The format.
pub(super) struct RStar;

impl Format for RStar {
    fn name(&self) -> &'static str {
        "rstar"
    }

    fn doc(&self) -> &'static str {
        "rStar solutions: trace with user_question, ost_step, subquestion, subanswer, direct_answer; rollout_id"
    }

    fn detect(&self, value: &Value) -> Detection {
        Detection::sure_if(value["trace"]["0"].get("user_question").is_some(), "`trace` with `user_question`")
    }

    fn read(&self, record: &RawRecord<'_>) -> Result<Trace, RecordError> {
        record.read(read)
    }

    fn problem_at(&self) -> &'static [&'static str] {
        &["trace", "0", "user_question"]
    }
}

/// Members in the order of their keys, which are numbers.
fn numbered(fields: Fields, path: &str) -> Result<Vec<(u64, String, Value)>, Fault> {
    let mut members = Vec::new();
    for (key, value) in fields.rest() {
        let number =
            key.parse().map_err(|_| Fault::new(path, format!("expected numbers as keys, found {}", key.escape_debug())))?;
        members.push((number, format!("{path}.{key}"), value));
    }
    members.sort_by_key(|(number, ..)| *number);
    Ok(members)
}

/// The trace as it grows, and what a verdict of the search says of its end.
struct Growing {
    builder: TraceBuilder,
    at: NodeId,
    answer: Option<(String, Option<f64>)>,
}

fn read(mut record: Fields) -> Result<TraceBuilder, Fault> {
    let levels = numbered(record.object("trace")?, "trace")?;
    let question = levels.first().and_then(|(_, _, level)| level["user_question"].as_str()).map(str::to_owned);
    let text = question.ok_or_else(|| Fault::new("trace.0.user_question", "expected a string, found no such field"))?;
    let builder = TraceBuilder::new(Problem { text, ..Problem::default() });
    let mut growing = Growing { builder, at: NodeId::ROOT, answer: None };
    for (_, path, level) in levels {
        growing.level(Fields::of(level, path)?)?;
    }
    let Growing { mut builder, at, answer } = growing;
    let source_id = record.optional_name("rollout_id")?;
    let solution = builder.solution(at);
    solution.source_id = source_id;
    if let Some((text, value)) = answer {
        solution.final_answer = fields::boxed(&text).or_else(|| after_marker(&text));
        solution.extra.extend(value.map(|value| ("value".to_owned(), value.into())));
    }
    builder.extra(record.rest());
    Ok(builder)
}

/// What stands behind "The answer is".
fn after_marker(text: &str) -> Option<String> {
    let at = text.to_ascii_lowercase().rfind("answer is")? + "answer is".len();
    let answer = text[at..].trim_start_matches([':', ' ']).trim().trim_end_matches('.');
    (!answer.is_empty()).then(|| answer.to_owned())
}

impl Growing {
    fn level(&mut self, mut level: Fields) -> Result<(), Fault> {
        level.take("user_question");
        if let Some(question) = level.optional_text("subquestion")? {
            self.step(&question, "subquestion", None);
        }
        if let Some(answer) = level.take_some("subanswer") {
            self.answer(answer, level.at("subanswer"), "subanswer")?;
        }
        if let Some(steps) = level.take_some("ost_step") {
            let path = level.at("ost_step");
            for (_, path, text) in numbered(Fields::of(steps, path.clone())?, &path)? {
                let text = fields::text(text, || path)?;
                self.step(&text, "ost_step", None);
            }
        }
        if let Some(answer) = level.take_some("direct_answer") {
            self.answer(answer, level.at("direct_answer"), "direct_answer")?;
        }
        Ok(())
    }

    fn answer(&mut self, value: Value, path: String, role: &str) -> Result<(), Fault> {
        let mut answer = Fields::of(value, path)?;
        let text = answer.text("text")?;
        let value = super::numbers::number(&answer, "value")?;
        self.step(&text, role, value);
        self.answer = Some((text, value));
        Ok(())
    }

    fn step(&mut self, text: &str, role: &str, value: Option<f64>) {
        if text.trim().is_empty() {
            return;
        }
        self.at = self.builder.child(self.at, text.trim());
        let node = self.builder.node_mut(self.at);
        // The share of answers that agree with this one.
        node.stats.value = node.stats.value.or(value);
        let mut role_of: Extra = Extra::new();
        role_of.insert("role".to_owned(), role.into());
        node.extra.append(&mut role_of);
    }
}
