//! Chat records: `messages`, whole responses with `choices`, lines of a batch output (`response.body.choices`) and `ShareGPT`'s
//! `conversations`. The last answer is the trace; thoughts of reasoning models come before the answer and are marked as such.
//! They stand in `reasoning_content` (vLLM, later `reasoning`) or inside of `<think>` tags.

use serde_json::Value;

use super::detect::Detection;
use super::fields::{self, Fault, Fields};
use super::json::{describe, excerpt};
use super::mm_prm_chat::are_estimates;
use super::rlhflow::are_signs;
use super::trail::Trail;
use super::{Format, RawRecord, RecordError};
use crate::segment::Rule;
use crate::trace::{Extra, Problem, StepKind, Trace, TraceBuilder};

/// The format.
pub(super) struct Chat;

impl Format for Chat {
    fn name(&self) -> &'static str {
        "chat"
    }

    fn doc(&self) -> &'static str {
        "chat records: messages, choices, batch output or conversations, with <think> or reasoning_content"
    }

    fn detect(&self, value: &Value) -> Detection {
        let entries = |key: &str| value.get(key).and_then(Value::as_array).and_then(|list| list.first());
        // Logs of evaluations, sets of rollouts and preference pairs carry messages too.
        if ["epoch", "generations", "trajectory", "chosen"].iter().any(|key| value.get(key).is_some()) || are_estimates(value) {
            Detection::NO
        } else if entries("messages").is_some_and(|message| message.get("role").is_some()) {
            Detection::sure("`messages` with `role`")
        } else if entries("choices").is_some_and(is_choice) {
            Detection::sure("`choices`")
        } else if ["/response/body/choices", "/response/choices"].iter().any(|path| value.pointer(path).is_some()) {
            Detection::sure("`response` with `choices`")
        } else if entries("conversations").is_some_and(|turn| turn.get("from").is_some()) && !are_signs(value) {
            Detection::maybe(90, "`conversations` with `from` and `value`")
        } else if entries("conversation").is_some_and(|turn| turn.get("human").is_some()) {
            Detection::maybe(90, "`conversation` with `human` and `assistant`")
        } else {
            Detection::NO
        }
    }

    fn read(&self, record: &RawRecord<'_>) -> Result<Trace, RecordError> {
        record.read(read)
    }
}

fn is_choice(choice: &Value) -> bool {
    choice.get("message").is_some() || choice.get("text").is_some()
}

/// One turn of a conversation.
struct Turn {
    role: String,
    content: String,
    reasoning: String,
    extra: Extra,
}

/// One answer to read as a solution.
struct Answer {
    turn: Turn,
    extra: Extra,
}

fn read(mut fields: Fields) -> Result<TraceBuilder, Fault> {
    let (mut turns, mut answers) = (Vec::new(), Vec::new());
    if let Some(list) = fields.optional_list("messages")? {
        turns =
            list.into_iter().enumerate().map(|(at, item)| message(item, format!("messages[{at}]"))).collect::<Result<_, _>>()?;
    } else if let Some(list) = fields.optional_list("conversations")? {
        turns = list.into_iter().enumerate().map(|(at, item)| share_gpt(item, at)).collect::<Result<_, _>>()?;
    } else if let Some(list) = fields.optional_list("conversation")? {
        for (at, item) in list.into_iter().enumerate() {
            let mut pair = Fields::of(item, format!("conversation[{at}]"))?;
            for (key, role) in [("human", "user"), ("assistant", "assistant")] {
                turns.push(Turn::new(role, pair.text(key)?));
            }
        }
    }
    let choices = choices(&mut fields)?;
    let from_choices = choices.is_some();
    if let Some(choices) = choices {
        answers = choices;
    } else {
        let last = turns.pop_if(|turn| turn.role == "assistant");
        let turn = last.ok_or_else(|| unanswered(&fields))?;
        answers.push(Answer { turn, extra: Extra::new() });
    }
    let source_id = fields.optional_name("custom_id")?.or(fields.optional_name("id")?);
    let generator = fields.optional_text("model")?;
    let (text, system) = problem(&mut fields, turns)?;
    let mut builder = TraceBuilder::new(Problem { text, ..Problem::default() });
    if builder.trace().problem.text.is_empty() {
        builder.warn("the record does not hold the question");
    }
    let several = answers.len() > 1;
    for (index, answer) in answers.into_iter().enumerate() {
        let id = source_id.clone().map(|id| if several { format!("{id}-{index}") } else { id });
        add(&mut builder, answer, from_choices.then_some(index));
        if let Some(solution) = builder.last_solution() {
            solution.source_id = id.or_else(|| several.then(|| index.to_string()));
            solution.generator.clone_from(&generator);
        }
    }
    let mut extra = fields.rest();
    if !system.is_empty() {
        extra.insert("system".to_owned(), system.into());
    }
    builder.extra(extra);
    Ok(builder)
}

/// A record without an answer; a line of a batch output may say why there is none.
fn unanswered(fields: &Fields) -> Fault {
    let error = fields.peek("error").filter(|error| !error.is_null());
    match error {
        Some(error) => {
            let said = error.get("message").or(error.get("code")).unwrap_or(error);
            let said = said.as_str().map_or_else(|| describe(said), |text| excerpt(text, 80));
            Fault::new("error", format!("the request failed: {said}"))
        }
        None => Fault::record("expected an answer of the assistant at the end, found none"),
    }
}

impl Turn {
    fn new(role: &str, content: String) -> Self {
        Self { role: role.to_owned(), content, reasoning: String::new(), extra: Extra::new() }
    }
}

fn message(value: Value, path: String) -> Result<Turn, Fault> {
    let mut fields = Fields::of(value, path)?;
    let role = fields.optional_text("role")?.unwrap_or_else(|| "assistant".to_owned());
    let content_path = fields.at("content");
    let content = match fields.take_some("content") {
        // Null beside a reasoning text: the answer was cut off before it began.
        None => String::new(),
        Some(Value::String(text)) => text,
        Some(Value::Array(parts)) => parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str)).collect(),
        Some(other) => return Err(Fault::expected(content_path, "a string or a list of parts", &other)),
    };
    let reasoning = match fields.optional_text("reasoning_content")? {
        Some(text) => text,
        None => fields.optional_text("reasoning")?.unwrap_or_default(),
    };
    Ok(Turn { role, content, reasoning, extra: fields.rest() })
}

fn share_gpt(value: Value, index: usize) -> Result<Turn, Fault> {
    let mut fields = Fields::of(value, format!("conversations[{index}]"))?;
    let role = match fields.text("from")?.as_str() {
        "human" => "user".to_owned(),
        "gpt" => "assistant".to_owned(),
        other => other.to_owned(),
    };
    Ok(Turn::new(&role, fields.text("value")?))
}

/// The choices of a response, wherever the record keeps it.
fn choices(fields: &mut Fields) -> Result<Option<Vec<Answer>>, Fault> {
    let (list, path) = if fields.peek("response").is_some_and(Value::is_object) {
        let mut response = fields.object("response")?;
        let mut body = if response.peek("body").is_some_and(Value::is_object) { response.object("body")? } else { response };
        let path = body.at("choices");
        (Some(body.list("choices")?), path)
    } else {
        (fields.optional_list("choices")?, "choices".to_owned())
    };
    let Some(list) = list else { return Ok(None) };
    let answers = list.into_iter().enumerate().map(|(index, item)| {
        let mut choice = Fields::of(item, format!("{path}[{index}]"))?;
        let turn = match choice.take_some("message") {
            Some(value) => message(value, choice.at("message"))?,
            None => Turn::new("assistant", choice.text("text")?),
        };
        Ok(Answer { turn, extra: choice.rest() })
    });
    answers.collect::<Result<Vec<_>, Fault>>().map(Some)
}

/// What was asked, and the system message beside it.
fn problem(fields: &mut Fields, turns: Vec<Turn>) -> Result<(String, String), Fault> {
    let (system, asked): (Vec<_>, Vec<_>) = turns.into_iter().partition(|turn| turn.role == "system");
    let system = system.into_iter().map(|turn| turn.content).collect::<Vec<_>>().join("\n\n");
    let text = match asked.as_slice() {
        [] => {
            let mut found = None;
            for key in ["problem", "question", "prompt"] {
                if found.is_none() && fields.peek(key).is_some_and(Value::is_string) {
                    found = fields.take_some(key).map(|value| fields::text(value, || key.to_owned())).transpose()?;
                }
            }
            found.unwrap_or_default()
        }
        [only] => only.content.clone(),
        several => several.iter().map(|turn| format!("{}: {}", turn.role, turn.content)).collect::<Vec<_>>().join("\n\n"),
    };
    Ok((text, system))
}

/// Adds one answer: first its thoughts, then the rest.
fn add(builder: &mut TraceBuilder, answer: Answer, choice: Option<usize>) {
    let Answer { turn, mut extra } = answer;
    if extra.get("finish_reason").and_then(Value::as_str) == Some("length") {
        let which = choice.map(|index| format!("choices[{index}]: ")).unwrap_or_default();
        builder.warn(format!("{which}the text was cut off by the length limit"));
    }
    let mut trail = Trail::new(builder);
    trail.text(&turn.reasoning, StepKind::Thought, Rule::Auto);
    trail.answer(&turn.content, Rule::Auto);
    extra.extend(turn.extra);
    trail.end().extra = extra;
}
