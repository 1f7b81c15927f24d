//! Step labels in the form of Potato (`prm_training_data.jsonl`): index (from 0) and reward of every step. Texts are not part of it.

use serde_json::{Map, Value, json};

use super::super::export::{
    Feature, Keeps, Labelled, LabelledTrace, Loss, Writer, each_solution, rated_behind_error, record_with,
};
use super::super::parse_json;
use super::Target;
use crate::labels::policy::{Policy, Skipped, Switch, Unsure};
use crate::trace::{FirstError, Label};

pub(super) const POTATO: Target = Target {
    name: "potato",
    doc: "Potato step labels: instance_id, annotator, mode per_step, steps with index and reward (1, 0, -1, null)",
    writer: &Potato,
};

struct Potato;

/// The mode in which the tool is told the first wrong step alone.
const CASCADE: &str = "first_error";

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
            loss.lose("texts of problem and steps", u64::from(item.raw.is_none()));
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
    if labels.steps.iter().all(|label| label.rating().is_none()) {
        return Err(Skipped::Unlabelled);
    }
    let source = item.raw.and_then(|raw| parse_json(raw).ok()).unwrap_or_default();
    // In this mode all steps behind the first wrong one are wrong and none is rated.
    let cascade = source["mode"] == CASCADE && rated_behind_error(labels).next().is_none();
    let recorded = item.trace.recorded_labels(item.of());
    let step = |(index, &label): (usize, &Label)| {
        let known = source["steps"].get(index).filter(|_| recorded.steps.get(index) == Some(&label));
        let reward = match label.rating() {
            Some(rating) => Value::from(rating.value()),
            None if cascade && label == Label::AfterError => (-1).into(),
            None => Value::Null,
        };
        // The tool knows labels of people and those of a model, which wait for somebody to verify them. Of labels without a name nobody
        // knows whose they are: they wait, too.
        let by_a_person = labels.annotator.is_some() && !reward.is_null();
        let mut step = source["steps"].get(index).cloned().unwrap_or_else(|| json!({"index": index}));
        step["reward"] = reward;
        if known.is_none() {
            step["source"] = if labels.annotator.is_some() { "human" } else { "ai" }.into();
            step["verified"] = by_a_person.into();
        }
        step
    };
    let steps: Value = labels.steps.iter().enumerate().map(step).collect();
    let mut record = Map::new();
    if item.raw.is_none() {
        record.insert("instance_id".into(), item.id().into());
    }
    if item.raw.is_none() || labels.annotator.is_some() {
        record.insert("annotator".into(), labels.annotator.clone().into());
    }
    record.insert("mode".into(), if cascade { CASCADE } else { "per_step" }.into());
    record.insert("steps".into(), steps);
    record_with(item.raw, record)
}
