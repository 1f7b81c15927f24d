//! Step labels in the form of Potato (`prm_training_data.jsonl`): index (from 0) and reward of every step. Texts are not part of it.

use serde_json::{Value, json};

use super::super::export::{Feature, Keeps, Labelled, LabelledTrace, Loss, Writer, each_solution, json_bytes};
use super::Target;
use crate::labels::policy::{Policy, Skipped, Switch, Unsure};
use crate::trace::{FirstError, Label};

pub(super) const POTATO: Target = Target {
    name: "potato",
    doc: "Potato step labels: instance_id, annotator, mode per_step, steps with index and reward (1, 0, -1, null)",
    writer: &Potato,
};

struct Potato;

impl Writer for Potato {
    fn keeps(&self) -> &'static Keeps {
        use Feature::{Annotators, BehindError, FirstError, Ids, Neutral, Ratings};
        &Keeps { all: &[FirstError, Ratings, Neutral, BehindError, Annotators, Ids], partly: &[] }
    }

    fn asks(&self) -> &'static [Switch] {
        &[Switch::Unsure]
    }

    fn write(&self, unit: &LabelledTrace<'_>, policy: &Policy, out: &mut Vec<Vec<u8>>, loss: &mut Loss) {
        each_solution(self, unit, policy, out, loss, |item, rows, loss| {
            rows.push(record(item, policy)?);
            loss.lose("texts of problem and steps", 1);
            Ok(())
        });
    }
}

fn record(item: &Labelled<'_>, policy: &Policy) -> Result<Vec<u8>, Skipped> {
    let labels = &item.labels;
    if labels.unsure && policy.unsure != Unsure::Keep {
        return Err(Skipped::Unsure);
    }
    if labels.first_error == FirstError::Unlabelable {
        return Err(Skipped::Unlabelable);
    }
    let reward = |label: Label| match label {
        Label::Good => Value::from(1),
        Label::Neutral => 0.into(),
        Label::Bad => (-1).into(),
        Label::AfterError | Label::Unseen => Value::Null,
    };
    if labels.steps.iter().all(|&label| reward(label).is_null()) {
        return Err(Skipped::Unlabelled);
    }
    let steps = labels.steps.iter().enumerate();
    let steps: Vec<_> = steps
        .map(|(index, &label)| {
            let reward = reward(label);
            let verified = !reward.is_null();
            json!({"index": index, "reward": reward, "source": "human", "verified": verified})
        })
        .collect();
    Ok(json_bytes(&json!({"instance_id": item.id(), "annotator": labels.annotator, "mode": "per_step", "steps": steps})))
}
