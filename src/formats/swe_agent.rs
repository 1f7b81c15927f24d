//! Trajectories of SWE-agent (Yang et al., arXiv:2405.15793): a file is one walk of thought, action and observation. Demonstrations
//! hold the conversation only. What rounds and turns hold beside their texts stays with the solution under `trajectory` and `history`, and so
//! do the messages that set the task.

use serde_json::Value;

use super::detect::Detection;
use super::fields::{self, Fault, Fields};
use super::trail::Trail;
use super::{Format, RawRecord, RecordError};
use crate::segment::Rule;
use crate::trace::{Problem, StepKind, Trace, TraceBuilder};

/// The format.
pub(super) struct SweAgent;

impl Format for SweAgent {
    fn name(&self) -> &'static str {
        "swe-agent"
    }

    fn doc(&self) -> &'static str {
        "SWE-agent trajectories: trajectory (thought, action, observation), history; a file is one trace"
    }

    fn detect(&self, value: &Value) -> Detection {
        let first = |key: &str| value.get(key).and_then(Value::as_array).and_then(|list| list.first());
        let walk = first("trajectory").is_some_and(|step| step.get("action").is_some() && step.get("observation").is_some());
        let talk = first("history").is_some_and(|turn| turn.get("role").is_some() && turn.get("agent").is_some());
        Detection::sure_if(walk || talk, "`trajectory` with `action` and `observation`, or `history` of an `agent`")
    }

    fn read(&self, record: &RawRecord<'_>) -> Result<Trace, RecordError> {
        record.read(read)
    }
}

fn read(mut fields: Fields) -> Result<TraceBuilder, Fault> {
    let history = fields.optional_list("history")?.unwrap_or_default();
    let walk = fields.optional_list("trajectory")?.unwrap_or_default();
    let id = fields.optional_name("environment")?;
    let begin = history.iter().position(|turn| role(turn) == "assistant").unwrap_or(history.len());
    let mut asked = history;
    let talk = asked.split_off(begin);
    let mut text = None;
    for turn in asked.iter().filter(|turn| role(turn) == "user" && !turn.get("is_demo").is_some_and(|demo| demo == true)) {
        text = turn.get("content").map(content);
    }
    let mut builder = TraceBuilder::new(Problem { text: text.unwrap_or_default(), ..Problem::default() });
    if !walk.is_empty() && !talk.is_empty() {
        builder.warn("`history` is not kept behind the task: it repeats the trajectory");
    }
    let mut trail = Trail::new(&mut builder);
    if walk.is_empty() {
        let beside: Vec<Value> = talk.into_iter().map(|turn| talked(&mut trail, turn)).collect();
        asked.extend(beside);
    }
    let (mut rounds, mut queries) = (Vec::new(), false);
    for (index, step) in walk.into_iter().enumerate() {
        let mut step = Fields::of(step, format!("trajectory[{index}]"))?;
        queries |= step.take_some("query").is_some();
        rounds.push(walked(&mut trail, step)?);
    }
    let answer = fields.map().get("info").and_then(|info| info.get("submission")).and_then(Value::as_str).map(str::to_owned);
    let solution = trail.end();
    solution.source_id = id;
    solution.final_answer = answer;
    solution.extra = fields.rest();
    for (key, list) in [("trajectory", rounds), ("history", asked)] {
        if list.iter().any(|entry| entry.as_object().is_none_or(|fields| !fields.is_empty())) {
            solution.extra.insert(key.to_owned(), list.into());
        }
    }
    if queries {
        builder.warn("`query` of the rounds is not kept: each repeats all rounds before it");
    }
    Ok(builder)
}

fn role(turn: &Value) -> &str {
    turn.get("role").and_then(Value::as_str).unwrap_or_default()
}

/// The text of a message, whole or in parts.
fn content(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part.get("text")?.as_str()).collect(),
        _ => String::new(),
    }
}

/// One round of the walk; gives what it holds beside its texts. `response` repeats thought and action in the words of the model.
fn walked(trail: &mut Trail<'_>, mut step: Fields) -> Result<Value, Fault> {
    for (key, kind) in [("thought", StepKind::Text), ("action", StepKind::Code), ("observation", StepKind::Tool)] {
        let path = step.at(key);
        if let Some(value) = step.take_some(key) {
            add(trail, &fields::text(value, || path)?, kind);
        }
    }
    Ok(step.rest().into())
}

/// One message of a conversation; gives what it holds beside its texts.
fn talked(trail: &mut Trail<'_>, turn: Value) -> Value {
    let answers = role(&turn) == "assistant";
    let Value::Object(mut turn) = turn else { return turn };
    let thinks = turn.get("thought").is_some_and(|thought| !content(thought).trim().is_empty());
    let thought = if thinks { "thought" } else { "content" };
    let all = [(thought, StepKind::Text), ("action", StepKind::Code)];
    let texts = if answers { &all[..] } else { &[("content", StepKind::Tool)] };
    for (key, kind) in texts {
        add(trail, &turn.get(*key).map(content).unwrap_or_default(), *kind);
        // Parts may hold more than their texts.
        if turn.get(*key).is_some_and(Value::is_string) {
            turn.shift_remove(*key);
        }
    }
    Value::Object(turn)
}

/// Adds a part of a round: a thought paragraph by paragraph, what was done and what was seen as one step each.
fn add(trail: &mut Trail<'_>, text: &str, kind: StepKind) {
    match kind {
        StepKind::Text => trail.text(text, kind, Rule::Blank),
        _ => trail.step(text, kind),
    }
    trail.separate("\n");
}
