//! PRM data of `RLHFlow` (RLHF-Reward-Modeling, `math-rm`): a conversation in which the user says a step and the assistant answers `+` or
//! `-`. The first turn is the problem and the first step, joined by the glue: a space in the authors' scorer, a blank line in that of
//! ProcessBench. The border cannot be found again for sure.

use serde_json::{Value, json};

use super::super::export::{
    Feature, Keeps, Labelled, LabelledTrace, Loss, Writer, decided, each_solution, json_bytes, set_field,
};
use super::super::parse_json;
use super::super::rlhflow::TURNS;
use super::Target;
use crate::labels::policy::{Policy, Skipped, Switch};

pub(super) const RLHFLOW: Target = Target {
    name: "rlhflow",
    doc: "RLHFlow PRM data: conversations, each step a user turn, + or - the answer; the first turn is problem, glue, step",
    writer: &RlhFlow,
};

struct RlhFlow;

impl Writer for RlhFlow {
    fn keeps(&self) -> &'static Keeps {
        &Keeps { all: &[], partly: &[Feature::FirstError, Feature::Ratings, Feature::BehindError] }
    }

    fn asks(&self) -> &'static [Switch] {
        &[Switch::Neutral, Switch::AfterError, Switch::Unsure, Switch::Glue]
    }

    fn write(&self, unit: &LabelledTrace<'_>, policy: &Policy, out: &mut Vec<Vec<u8>>, loss: &mut Loss) {
        each_solution(self, unit, policy, out, loss, |item, rows, loss| {
            rows.push(record(item, policy, loss)?);
            Ok(())
        });
    }
}

fn record(item: &Labelled<'_>, policy: &Policy, loss: &mut Loss) -> Result<Vec<u8>, Skipped> {
    let texts: Vec<_> = item.path().map(|node| node.text.as_str()).collect();
    let targets = decided(policy, &item.labels, loss)?;
    if targets.is_empty() {
        return Err(Skipped::NothingLeft);
    }
    if let Some(raw) = item.raw.filter(|_| targets.len() == texts.len()) {
        let signs = targets.iter().map(|&(_, right)| right);
        return relabelled(raw, signs)
            .unwrap_or_else(|| Err(Skipped::Unwritable("its record in the source cannot be read again".into())));
    }
    let mut turns = Vec::with_capacity(2 * targets.len());
    for (position, &(index, right)) in targets.iter().enumerate() {
        let step = if position == 0 {
            format!("{}{}{}", item.trace.problem.text, policy.glue, texts[index])
        } else {
            texts[index].to_owned()
        };
        turns.push(json!({"role": "user", "content": step}));
        turns.push(json!({"role": "assistant", "content": sign(right)}));
    }
    loss.lose("borders between problem and first step", 1);
    Ok(json_bytes(&json!({"conversations": turns})))
}

fn sign(right: bool) -> &'static str {
    if right { "+" } else { "-" }
}

/// The record of the source with other answers.
fn relabelled(raw: &[u8], mut signs: impl Iterator<Item = bool>) -> Option<Result<Vec<u8>, Skipped>> {
    let record = parse_json(raw).ok()?;
    let (key, turns) = TURNS.into_iter().find_map(|key| Some((key, record.get(key)?.as_array()?)))?;
    let mut turns = turns.clone();
    for turn in &mut turns {
        let answers =
            ["role", "from"].iter().any(|key| matches!(turn.get(key).and_then(Value::as_str), Some("assistant" | "gpt")));
        if answers {
            let content = ["content", "value"].into_iter().find(|key| turn.get(key).is_some())?;
            turn[content] = sign(signs.next()?).into();
        }
    }
    Some(set_field(raw, &[key], &turns.into()))
}
