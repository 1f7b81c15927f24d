//! One turn of a conversation: texts, thoughts, calls of tools and what those said, in the shapes of OpenAI, vLLM and Anthropic.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::fields::{Fault, Fields};
use super::trail::Trail;
use crate::segment::Rule;
use crate::trace::{Extra, StepKind};

/// What somebody said, part by part; texts that follow each other are one part.
#[derive(Debug, Default)]
pub(super) struct Turn {
    pub(super) role: String,
    parts: Vec<(StepKind, String)>,
    /// What the parts do not say, and lists of parts that hold more than texts.
    pub(super) extra: Extra,
}

impl Turn {
    /// A turn of one text.
    pub(super) fn new(role: &str, text: String) -> Self {
        let mut turn = Self { role: role.to_owned(), ..Self::default() };
        turn.parts.push((turn.kind(), text));
        turn
    }

    /// A turn of the assistant that is the JSON of a call.
    pub(super) fn of_call(text: String) -> Self {
        let function = super::parse_json(text.as_bytes()).ok().filter(Value::is_object);
        let text = function.map_or(text, |function| of_function(&function));
        Self { role: ASSISTANT.to_owned(), parts: vec![(StepKind::Code, text)], extra: Extra::new() }
    }

    /// A message with `role` and `content`, a text or a list of parts. Thoughts of a field of their own come first, calls last.
    pub(super) fn of_message(value: Value, path: String) -> Result<Self, Fault> {
        let mut fields = Fields::of(value, path)?;
        let role = fields.optional_text("role")?.unwrap_or_else(|| ASSISTANT.to_owned());
        let content_path = fields.at("content");
        let mut turn = Self { role, ..Self::default() };
        let reasoning = match fields.optional_text("reasoning_content")? {
            Some(text) => Some(text),
            None => fields.optional_text("reasoning")?,
        };
        turn.parts.extend(reasoning.map(|text| (StepKind::Thought, text)));
        match fields.take_some("content") {
            // Null beside a reasoning text or a call: there is no answer yet.
            None => {}
            Some(Value::String(text)) => turn.parts.push((turn.kind(), text)),
            Some(Value::Array(list)) => {
                for item in &list {
                    turn.push(item);
                }
                if !list.iter().all(is_plain) {
                    fields.put("content", list.into());
                }
            }
            Some(other) => return Err(Fault::expected(content_path, "a string or a list of parts", &other)),
        }
        let calls = fields.peek("tool_calls").and_then(Value::as_array).into_iter().flatten();
        let functions = calls.map(|call| call.get("function").unwrap_or(call)).chain(fields.peek("function_call"));
        turn.parts
            .extend(functions.filter(|function| function.is_object()).map(|function| (StepKind::Code, of_function(function))));
        turn.extra = fields.rest();
        Ok(turn)
    }

    /// What this turn's plain texts are.
    fn kind(&self) -> StepKind {
        if is_tool(&self.role) { StepKind::Tool } else { StepKind::Text }
    }

    fn push(&mut self, item: &Value) {
        let Some((kind, text)) = part(item, self.kind()) else { return };
        match self.parts.last_mut() {
            Some((last, before)) if *last == kind && kind == StepKind::Text => before.push_str(&text),
            _ => self.parts.push((kind, text)),
        }
    }

    /// Its texts, for a turn that belongs to the question.
    pub(super) fn text(&self) -> String {
        let said = self.parts.iter().filter(|(kind, _)| matches!(kind, StepKind::Text | StepKind::Tool));
        said.map(|(_, text)| text.as_str()).collect::<Vec<_>>().join("\n\n")
    }

    /// What it holds beside its texts, by name; such a turn cannot be told by [`Turn::text`] alone.
    pub(super) fn beside_text(&self) -> Vec<String> {
        let thoughts = self.parts.iter().any(|(kind, _)| *kind == StepKind::Thought).then(|| "thoughts".to_owned());
        let calls = self.parts.iter().any(|(kind, _)| *kind == StepKind::Code).then(|| "calls of tools".to_owned());
        let list = self.extra.get("content").and_then(Value::as_array).into_iter().flatten();
        let unread = list.filter(|item| part(item, StepKind::Text).is_none());
        let kinds = unread.map(|item| item.get("type").and_then(Value::as_str).unwrap_or("part").to_owned());
        thoughts.into_iter().chain(calls).chain(kinds).collect()
    }

    /// [`Turn::text`] says all of it.
    pub(super) fn is_plain(&self) -> bool {
        self.extra.is_empty() && self.parts.iter().all(|(kind, _)| matches!(kind, StepKind::Text | StepKind::Tool))
    }

    /// Adds its parts as steps.
    pub(super) fn lay(&self, trail: &mut Trail<'_>) {
        for (kind, text) in &self.parts {
            match kind {
                StepKind::Text => trail.answer(text, Rule::Auto),
                StepKind::Thought => trail.text(text, StepKind::Thought, Rule::Auto),
                StepKind::Code | StepKind::Tool => trail.step(text, *kind),
            }
        }
    }
}

/// The role of who is asked.
pub(super) const ASSISTANT: &str = "assistant";

/// Roles of what tools say.
pub(super) fn is_tool(role: &str) -> bool {
    matches!(role, "tool" | "function" | "ipython" | "observation")
}

/// A part of which nothing but its text is to be told.
fn is_plain(item: &Value) -> bool {
    item.as_object().is_some_and(|map| {
        map.get("text").is_some_and(Value::is_string) && map.keys().all(|key| matches!(key.as_str(), "type" | "text"))
    })
}

/// The text of a part and what it is; `None` of pictures, sounds and thoughts that are hidden.
fn part(item: &Value, plain: StepKind) -> Option<(StepKind, String)> {
    let text = |key: &str| item.get(key).and_then(Value::as_str).map(str::to_owned);
    match item.get("type").and_then(Value::as_str) {
        Some(kind @ ("thinking" | "reasoning")) => Some((StepKind::Thought, text(kind).or_else(|| text("text"))?)),
        Some("tool_use") => Some((StepKind::Code, of_function(item))),
        Some("tool_result") => Some((StepKind::Tool, result(item.get("content")?)?)),
        _ => Some((plain, text("text")?)),
    }
}

/// What a tool said: a text, or the texts of a list of parts.
fn result(content: &Value) -> Option<String> {
    match content {
        Value::String(text) => Some(text.clone()),
        Value::Array(list) => {
            let texts: Vec<&str> = list.iter().filter_map(|item| item.get("text")?.as_str()).collect();
            (!texts.is_empty()).then(|| texts.join("\n\n"))
        }
        _ => None,
    }
}

/// A call with its `name` and its `arguments` (or `input`), an object or the text of one.
fn of_function(function: &Value) -> String {
    let name = function.get("name").and_then(Value::as_str).unwrap_or("call");
    let given = function.get("arguments").or_else(|| function.get("input"));
    let read = given.and_then(Value::as_str).and_then(|text| super::parse_json(text.as_bytes()).ok());
    match (read.as_ref().or(given), given) {
        (Some(Value::Object(arguments)), _) => call(name, Some(arguments), Cow::Borrowed),
        (_, Some(Value::String(text))) if !text.is_empty() => format!("{name}\n{text}"),
        _ => name.to_owned(),
    }
}

/// A call as a text: the name of the function, then its only text (a program, a command) or all of its arguments. `text` gives what a
/// text stands for.
pub(super) fn call<'a>(name: &str, arguments: Option<&'a Map<String, Value>>, text: impl Fn(&'a str) -> Cow<'a, str>) -> String {
    let mut texts = arguments.into_iter().flat_map(Map::values);
    match (texts.next(), texts.next(), arguments) {
        (Some(Value::String(only)), None, _) => format!("{name}\n{}", text(only)),
        (Some(_), _, Some(arguments)) => format!("{name}\n{}", Value::Object(arguments.clone())),
        _ => name.to_owned(),
    }
}
