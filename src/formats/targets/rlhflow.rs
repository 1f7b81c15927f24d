//! PRM data of `RLHFlow` (RLHF-Reward-Modeling, `math-rm`): a conversation in which the user says a step and the assistant answers `+` or
//! `-`. The first turn is the problem and the first step, joined by the glue: a space in the authors' scorer, a blank line in that of
//! ProcessBench. The border cannot be found again for sure.

use serde_json::{Map, Value, json};

use super::super::export::{Feature, Keeps, Labelled, LabelledTrace, Loss, Writer, decided, each_solution, record_with};
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
    let source = item.raw.and_then(|raw| parse_json(raw).ok()).unwrap_or_default();
    let list = |key: &'static str| Some((key, source.get(key)?.as_array()?.as_slice()));
    let (key, known) = TURNS.into_iter().find_map(list).unwrap_or((TURNS[0], &[]));
    // The reader takes what is no answer for a step, and each answer for that of the step with its number.
    let (answers, steps): (Vec<&Value>, Vec<&Value>) = known.iter().partition(|turn| is_answer(turn));
    let mut turns = Vec::with_capacity(2 * targets.len());
    for (position, &(index, right)) in targets.iter().enumerate() {
        // The turn of the first step holds the problem; it is made anew where that step goes.
        let glued = position == 0 && (index > 0 || steps.is_empty());
        let text =
            if glued { [&item.trace.problem.text, policy.glue.as_str(), texts[index]].concat() } else { texts[index].to_owned() };
        loss.lose("borders between problem and first step", u64::from(glued));
        let step = match steps.get(index) {
            Some(step) if glued => saying(step, &text),
            Some(step) => (*step).clone(),
            None => json!({"role": "user", "content": text}),
        };
        let sign = if right { "+" } else { "-" };
        let new = || {
            if step.get("from").is_some() {
                json!({"from": "gpt", "value": ""})
            } else {
                json!({"role": "assistant", "content": ""})
            }
        };
        let answer = saying(&answers.get(index).map_or_else(new, |answer| (*answer).clone()), sign);
        turns.extend([step, answer]);
    }
    record_with(item.raw, Map::from_iter([(key.to_owned(), turns.into())]))
}

fn is_answer(turn: &Value) -> bool {
    let role = ["role", "from"].into_iter().find_map(|key| turn.get(key)?.as_str());
    matches!(role, Some("assistant" | "gpt"))
}

/// A turn with another text, under the name that its text has.
fn saying(turn: &Value, text: &str) -> Value {
    let mut turn = turn.clone();
    let key = if turn.get("content").is_some() { "content" } else { "value" };
    turn[key] = text.into();
    turn
}
