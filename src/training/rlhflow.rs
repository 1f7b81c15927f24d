//! The supervised fine-tuning of `RLHFlow` (math-rm of RLHF-Reward-Modeling): a conversation in which each step is a turn of the user and
//! each `+` or `-` the answer. Only answers are trained on.
//!
//! Contents are trimmed, and the template writes the end of the answer's header before the sign, so the sign must stay a token of its own.

use serde_json::Value;

use super::chat::Template;
use super::{Diagnosis, Mark, Sequence, Settings, Survey, Tokens, Trainer, Trap, encode, single};

/// The trainer.
pub(super) struct RlhFlow;

impl Trainer for RlhFlow {
    fn name(&self) -> &'static str {
        "rlhflow"
    }

    fn doc(&self) -> &'static str {
        "RLHFlow conversations as chat fine-tuning: each step a user turn, + or - the answer"
    }

    fn max_length(&self) -> Option<usize> {
        Some(8192)
    }

    fn label_fields(&self) -> &'static [&'static str] {
        &[]
    }

    fn read(&self, record: &Value, settings: &Settings, _: &Survey, tokens: &dyn Tokens) -> Diagnosis {
        read(record, settings, tokens).unwrap_or_else(Diagnosis::stops)
    }
}

fn read(record: &Value, settings: &Settings, tokens: &dyn Tokens) -> Result<Diagnosis, Trap> {
    let turns = record.get("conversations").or_else(|| record.get("messages")).and_then(Value::as_array);
    let turns = turns.ok_or_else(|| Trap::record("expected a list `conversations` of role and content"))?;
    let template = Template::of(tokens)?;
    let signs = [single(tokens, "+", "the label")?, single(tokens, "-", "the label")?];
    let mut traps = Vec::new();
    let mut sequence = Sequence::default();
    let bos: Vec<_> = tokens.bos().into_iter().collect();
    sequence.push(&bos);
    let mut step = None;
    for (index, turn) in turns.iter().enumerate() {
        let part = |key: &str, other: &str| turn.get(key).or_else(|| turn.get(other)).and_then(Value::as_str);
        let (Some(role), Some(content)) = (part("role", "from"), part("content", "value")) else {
            return Err(Trap::record(format!("conversations[{index}]: expected role and content")));
        };
        let content = content.trim();
        let expected = if index % 2 == 0 { "user" } else { "assistant" };
        if !matches!((role, expected), ("user" | "human", "user") | ("assistant" | "gpt", "assistant")) {
            let message = format!(
                "conversations[{index}]: expected a turn of the {expected}, found {role:?}: the template stops with an error"
            );
            return Err(Trap::record(message));
        }
        if let Some(token) = template.control().iter().find(|token| content.contains(**token)) {
            traps.push(Trap::step(index / 2, format!("the text holds the control token {token}: the turn would end there")));
        }
        sequence.push(&template.open(expected, tokens)?);
        let own = sequence.push(&encode(tokens, content)?);
        if expected == "user" {
            step = Some(own.clone());
        } else {
            let id = encode(tokens, content)?;
            if id.len() != 1 || !signs.contains(&id[0]) {
                return Err(Trap::step(index / 2, format!("expected + or - as the answer, found {content:?}")));
            }
            let at = own.start;
            sequence.mark(step.take().unwrap_or(0..0), own, at, Mark::Class(i64::from(id[0])));
        }
        sequence.push(&template.close(tokens)?);
    }
    if step.is_some() {
        traps.push(Trap::record("the last step has no answer: nothing is learned from it"));
    }
    let reading = sequence.finish(settings.max_length, &mut traps);
    Ok(Diagnosis { reading: Some(reading), traps })
}
