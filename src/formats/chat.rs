//! Chat records: `messages`, whole responses with `choices`, lines of a batch output (`response.body.choices`) and `ShareGPT`'s
//! `conversations`. The last answer is the trace, with the calls of tools on its way to it and what those said; thoughts of reasoning
//! models come before the answer and are marked as such. They stand in `reasoning_content` (vLLM, later `reasoning`), in parts of their
//! own or inside of `<think>` tags. Whatever else messages hold is kept.

use std::collections::BTreeSet;
use std::ops::Range;

use serde_json::{Value, json};

use super::detect::Detection;
use super::fields::{self, Fault, Fields};
use super::json::{describe, excerpt};
use super::mm_prm_chat::are_estimates;
use super::rlhflow::are_signs;
use super::trail::Trail;
use super::turns::{ASSISTANT, Turn, is_tool};
use super::{Format, RawRecord, RecordError, responses, unread};
use crate::trace::{Extra, Problem, Trace, TraceBuilder};

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
        let taken = ["epoch", "generations", "trajectory", "chosen"].iter().any(|key| value.get(key).is_some());
        // Which messages a trainer learns from says nothing of steps.
        let of_steps = |key: &str| !["mask", "weight", "train", "loss"].iter().any(|part| key.contains(part));
        let more = || last_answer(value).is_some_and(|said| unread::list(value, &[said]).is_some_and(of_steps));
        // What says more than is read here is to be asked about.
        if taken || are_estimates(value) || are_signs(value) || more() {
            Detection::NO
        } else if entries("messages").is_some_and(|message| message.get("role").is_some()) {
            Detection::sure("`messages` with `role`")
        } else if entries("choices").is_some_and(is_choice) {
            Detection::sure("`choices`")
        } else if ["/response/body/choices", "/response/choices"].iter().any(|path| value.pointer(path).is_some()) {
            Detection::sure("`response` with `choices`")
        } else if entries("conversations").is_some_and(|turn| turn.get("from").is_some()) {
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

/// The text of the last turn of the model.
fn last_answer(value: &Value) -> Option<&str> {
    let turns = |key: &str| value.get(key).and_then(Value::as_array);
    let last = turns("messages").or_else(|| turns("conversations"))?.iter().rev().find(|turn| {
        let who = turn.get("role").or(turn.get("from")).and_then(Value::as_str);
        who.is_some_and(|who| ["assistant", "gpt"].contains(&who))
    })?;
    last.get("content").or(last.get("value")).and_then(Value::as_str)
}

fn is_choice(choice: &Value) -> bool {
    choice.get("message").is_some() || choice.get("text").is_some()
}

/// One answer to read as a solution.
struct Answer {
    turns: Vec<Turn>,
    extra: Extra,
}

fn read(mut fields: Fields) -> Result<TraceBuilder, Fault> {
    let (mut asked, mut behind) = (messages(&mut fields)?, Vec::new());
    let choices = choices(&mut fields)?;
    let from_choices = choices.is_some();
    let answers = if let Some(choices) = choices {
        choices
    } else {
        let answer = answer(&asked).ok_or_else(|| unanswered(&fields))?;
        behind = asked.split_off(answer.end);
        let turns = asked.split_off(answer.start).into_iter().map(|(turn, _)| turn).collect();
        vec![Answer { turns, extra: Extra::new() }]
    };
    let source_id = fields.optional_name("custom_id")?.or(fields.optional_name("id")?);
    let generator = fields.optional_text("model")?;
    let several = answers.len() > 1;
    let said = answers[..].iter().filter(|_| !several).flat_map(|answer| &answer.turns).next_back().map(Turn::text);
    let outcome = responses::outcome(&fields).filter(|_| !several).unwrap_or_default();
    let (text, system) = problem(&mut fields, &asked)?;
    let known = ["answer", "target"].iter().all(|key| fields.peek(key).is_none_or(is_reference));
    let reference_answer = if known { responses::reference(&mut fields)? } else { None };
    let mut builder = TraceBuilder::new(Problem { text, reference_answer, reference_solution: None });
    if builder.trace().problem.text.is_empty() {
        builder.warn("the record does not hold the question");
    }
    keep_beside(&mut builder, asked, &behind);
    for (index, answer) in answers.into_iter().enumerate() {
        let id = source_id.clone().map(|id| if several { format!("{id}-{index}") } else { id });
        add(&mut builder, answer, from_choices.then_some(index));
        if let Some(solution) = builder.last_solution() {
            solution.source_id = id.or_else(|| several.then(|| index.to_string()));
            solution.generator.clone_from(&generator);
            solution.outcome = outcome;
        }
    }
    let rest = Value::Object(fields.rest());
    if let Some(key) = said.as_deref().and_then(|said| unread::list(&rest, &[said])) {
        builder.warn(unread::note(key));
    }
    let Value::Object(mut extra) = rest else { return Ok(builder) };
    if !system.is_empty() {
        extra.insert("system".to_owned(), system.into());
    }
    if !behind.is_empty() {
        extra.insert("messages_behind".to_owned(), behind.into_iter().map(|(_, value)| value).collect());
    }
    builder.extra(extra);
    Ok(builder)
}

/// A turn and the message that it was.
type Message = (Turn, Value);

/// The turns of a conversation, whatever it is called.
fn messages(fields: &mut Fields) -> Result<Vec<Message>, Fault> {
    let each = |list: Vec<Value>, read: fn(Value, usize) -> Result<Turn, Fault>| {
        list.into_iter().enumerate().map(|(at, item)| Ok((read(item.clone(), at)?, item))).collect()
    };
    if let Some(list) = fields.optional_list("messages")? {
        return each(list, |item, at| Turn::of_message(item, format!("messages[{at}]")));
    }
    if let Some(list) = fields.optional_list("conversations")? {
        return each(list, share_gpt);
    }
    let mut turns = Vec::new();
    for (at, item) in fields.optional_list("conversation")?.unwrap_or_default().into_iter().enumerate() {
        let mut pair = Fields::of(item, format!("conversation[{at}]"))?;
        for (key, role) in [("human", "user"), ("assistant", ASSISTANT)] {
            let text = pair.text(key)?;
            turns.push((Turn::new(role, text.clone()), json!({"role": role, "content": text})));
        }
    }
    Ok(turns)
}

/// The last answer: from the first call of a tool on the way to it, to its last turn.
fn answer(messages: &[Message]) -> Option<Range<usize>> {
    let role = |at: usize| messages.get(at).map_or("", |(turn, _)| turn.role.as_str());
    let mut start = (0..messages.len()).rfind(|&at| role(at) == ASSISTANT)?;
    let mut end = start + 1;
    while is_tool(role(end)) {
        end += 1;
    }
    while start > 0 && (is_tool(role(start - 1)) || (role(start - 1) == ASSISTANT && is_tool(role(start)))) {
        start -= 1;
    }
    Some(start..end)
}

/// Keeps what the question holds beside texts, and says that it is there.
fn keep_beside(builder: &mut TraceBuilder, asked: Vec<Message>, behind: &[Message]) {
    let kinds: BTreeSet<String> = asked.iter().flat_map(|(turn, _)| turn.beside_text()).collect();
    if !kinds.is_empty() {
        let kinds: Vec<String> = kinds.iter().map(|kind| excerpt(kind, 24)).collect();
        builder
            .warn(format!("messages before the answer hold more than text, which is kept and not shown: {}", kinds.join(", ")));
    }
    if asked.iter().any(|(turn, _)| !turn.is_plain()) {
        builder.note("messages", asked.into_iter().map(|(_, value)| value).collect::<Vec<_>>());
    }
    if !behind.is_empty() {
        builder.warn(format!("{} messages behind the last answer are kept and not shown", behind.len()));
    }
}

/// An answer that can be compared, and not a structure of somebody's own.
fn is_reference(answer: &Value) -> bool {
    match answer {
        Value::Array(several) => several.iter().all(|answer| answer.is_string() || answer.is_number()),
        answer => answer.is_string() || answer.is_number() || answer.is_null(),
    }
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
        None => Fault::record("expected an answer of the assistant, found none"),
    }
}

fn share_gpt(value: Value, index: usize) -> Result<Turn, Fault> {
    let mut fields = Fields::of(value, format!("conversations[{index}]"))?;
    let (role, text) = (fields.text("from")?, fields.text("value")?);
    let mut turn = match role.as_str() {
        "human" => Turn::new("user", text),
        "gpt" => Turn::new(ASSISTANT, text),
        "function_call" => Turn::of_call(text),
        other => Turn::new(other, text),
    };
    turn.extra = fields.rest();
    Ok(turn)
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
            Some(value) => Turn::of_message(value, choice.at("message"))?,
            None => Turn::new(ASSISTANT, choice.text("text")?),
        };
        Ok(Answer { turns: vec![turn], extra: choice.rest() })
    });
    answers.collect::<Result<Vec<_>, Fault>>().map(Some)
}

/// What was asked, and the system message beside it.
fn problem(fields: &mut Fields, turns: &[Message]) -> Result<(String, String), Fault> {
    let (system, asked): (Vec<_>, Vec<_>) = turns.iter().map(|(turn, _)| turn).partition(|turn| turn.role == "system");
    let system = system.into_iter().map(Turn::text).collect::<Vec<_>>().join("\n\n");
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
        [only] => only.text(),
        several => several.iter().map(|turn| format!("{}: {}", turn.role, turn.text())).collect::<Vec<_>>().join("\n\n"),
    };
    Ok((text, system))
}

/// Adds one answer, turn by turn.
fn add(builder: &mut TraceBuilder, answer: Answer, choice: Option<usize>) {
    let Answer { turns, mut extra } = answer;
    if extra.get("finish_reason").and_then(Value::as_str) == Some("length") {
        let which = choice.map(|index| format!("choices[{index}]: ")).unwrap_or_default();
        builder.warn(format!("{which}the text was cut off by the length limit"));
    }
    let mut trail = Trail::new(builder);
    let last = turns.len().saturating_sub(1);
    let mut beside = Vec::new();
    for (index, turn) in turns.into_iter().enumerate() {
        turn.lay(&mut trail);
        if last == 0 {
            extra.extend(turn.extra);
        } else {
            if index < last {
                trail.separate("\n\n");
            }
            beside.push(Value::Object(turn.extra));
        }
    }
    if beside.iter().any(|turn| turn.as_object().is_some_and(|fields| !fields.is_empty())) {
        extra.insert("turns".to_owned(), beside.into());
    }
    trail.end().extra = extra;
}
