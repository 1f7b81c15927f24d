//! Samples of Inspect logs (`.eval` and `.json`, <https://inspect.aisi.org.uk/eval-logs.html>): one sample in one epoch is a solution.
//!
//! What the model said, thought and called are steps, and so are the answers of tools. Long texts stand under `attachments` and are
//! named where they belong. `events` repeats all of it at many times the size and is not kept.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::detect::Detection;
use super::fields::{Fault, Fields};
use super::trail::Trail;
use super::{Format, RawRecord, RecordError, mapping, turns};
use crate::segment::Rule;
use crate::trace::{Problem, StepKind, Trace, TraceBuilder};

/// The format.
pub(super) struct Inspect;

impl Format for Inspect {
    fn name(&self) -> &'static str {
        "inspect"
    }

    fn doc(&self) -> &'static str {
        "Inspect logs: samples with id, epoch, messages, output, scores"
    }

    fn detect(&self, value: &Value) -> Detection {
        Detection::by_keys(value, &["id", "epoch", "input", "messages", "output"])
    }

    fn read(&self, record: &RawRecord<'_>) -> Result<Trace, RecordError> {
        record.read(|fields| read(fields, record.index == 0))
    }
}

const ATTACHMENT: &str = "attachment://";

/// The long texts of a sample.
struct Attachments(Map<String, Value>);

impl Attachments {
    /// The text, or the one that it names.
    fn text<'a>(&'a self, text: &'a str) -> Cow<'a, str> {
        let named = text.strip_prefix(ATTACHMENT).and_then(|hash| self.0.get(hash)?.as_str());
        Cow::Borrowed(named.unwrap_or(text))
    }

    /// The texts of a message, whole or in parts, each with what it is. Hidden thoughts have no text.
    fn parts<'a>(&'a self, content: &'a Value) -> Vec<(Cow<'a, str>, StepKind)> {
        let part = |part: &'a Value| match part.get("type").and_then(Value::as_str) {
            Some("reasoning") if part.get("redacted").is_some_and(|hidden| hidden == true) => None,
            Some("reasoning") => Some((self.text(part.get("reasoning")?.as_str()?), StepKind::Thought)),
            _ => Some((self.text(part.get("text")?.as_str()?), StepKind::Text)),
        };
        match content {
            Value::String(text) => vec![(self.text(text), StepKind::Text)],
            Value::Array(parts) => parts.iter().filter_map(part).collect(),
            _ => Vec::new(),
        }
    }

    fn joined(&self, content: &Value) -> String {
        self.parts(content).into_iter().map(|(text, _)| text).collect::<Vec<_>>().join("\n\n")
    }
}

fn read(mut fields: Fields, first: bool) -> Result<TraceBuilder, Fault> {
    let attachments = match fields.take("attachments") {
        Some(Value::Object(map)) => Attachments(map),
        _ => Attachments(Map::new()),
    };
    let events = fields.take("events").is_some_and(|events| events.as_array().is_none_or(|events| !events.is_empty()));
    let input = fields.need("input", "a text or messages")?;
    let messages = fields.list("messages")?;
    let id = fields.optional_name("id")?.unwrap_or_default();
    let epoch = fields.optional_name("epoch")?.unwrap_or_default();
    let target = fields.reference("target")?.map(|target| attachments.text(&target).trim().to_owned());
    let (text, asked) = problem(&attachments, &input);
    let mut builder = TraceBuilder::new(Problem { text, reference_answer: target, reference_solution: None });
    // All samples of a log have them: it is said once.
    if events && first {
        builder.warn("`events` is not kept: it repeats the messages at many times their size");
    }
    let mut trail = Trail::new(&mut builder);
    // Messages before the first answer set the task; those that the input does not hold come from the solver.
    let begin = messages.iter().position(|message| role(message) == "assistant").unwrap_or(messages.len()).max(asked);
    for message in messages.iter().skip(begin) {
        turn(&mut trail, &attachments, message);
    }
    let score = fields.map().get("scores").and_then(Value::as_object).and_then(|scores| scores.values().next()).cloned();
    let model = mapping::take(&mut fields, "output.model").and_then(|model| model.as_str().map(str::to_owned));
    let solution = trail.end();
    solution.source_id = Some(format!("{id}_epoch_{epoch}"));
    solution.generator = model;
    if let Some(score) = score {
        solution.outcome = score.get("value").and_then(mapping::verdict).unwrap_or_default();
        let answer = score.get("answer").and_then(Value::as_str).map(|answer| attachments.text(answer).trim().to_owned());
        // Graders that are models copy the whole solution into the place of the answer.
        solution.final_answer = answer.filter(|answer| !answer.contains('\n')).or(solution.final_answer.take());
    }
    let before: Vec<Value> = messages.into_iter().take(begin).collect();
    fields.put("messages", before.into());
    solution.extra = fields.rest();
    Ok(builder)
}

fn role(message: &Value) -> &str {
    message.get("role").and_then(Value::as_str).unwrap_or_default()
}

/// What was asked, and the number of messages that ask it.
fn problem(attachments: &Attachments, input: &Value) -> (String, usize) {
    match input {
        Value::Array(messages) => {
            let users = messages.iter().filter(|message| role(message) != "system");
            let texts: Vec<_> = users.filter_map(|message| Some(attachments.joined(message.get("content")?))).collect();
            (texts.join("\n\n"), messages.len())
        }
        other => (attachments.joined(other), 0),
    }
}

fn turn(trail: &mut Trail<'_>, attachments: &Attachments, message: &Value) {
    let content = message.get("content").unwrap_or(&Value::Null);
    if role(message) != "assistant" {
        trail.step(&attachments.joined(content), StepKind::Tool);
        return trail.separate("\n\n");
    }
    for (text, kind) in attachments.parts(content) {
        match kind {
            StepKind::Text => trail.answer(&text, Rule::Auto),
            kind => trail.text(&text, kind, Rule::Auto),
        }
        trail.separate("\n\n");
    }
    for call in message.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
        trail.step(&called(attachments, call), StepKind::Code);
        trail.separate("\n\n");
    }
}

fn called(attachments: &Attachments, call: &Value) -> String {
    let name = call.get("function").and_then(Value::as_str).unwrap_or("call");
    let arguments = call.get("arguments").and_then(Value::as_object);
    turns::call(name, arguments, |text| attachments.text(text))
}
