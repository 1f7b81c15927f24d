//! PRM data of OpenRLHF (up to 0.9, `openrlhf/datasets/process_reward_dataset.py`): one text with a placeholder token behind each step, and
//! a list of labels, `+` and `-` or shares.
//!
//! The text is that of Math-Shepherd, because its `Step 1:` is what readers find the end of the problem by.

use serde_json::{Map, Value};

use super::super::export::{
    Feature, Keeps, Labelled, LabelledTrace, Loss, Writer, decided, each_solution, json_bytes, set_field,
};
use super::super::{math_shepherd, parse_json};
use super::Target;
use crate::labels::policy::{Policy, Skipped, Switch, Values};

pub(super) const OPENRLHF: Target = Target {
    name: "openrlhf",
    doc: "OpenRLHF PRM data: input with a placeholder token behind each step, value = one + or -, or one share, a step",
    writer: &OpenRlhf,
};

struct OpenRlhf;

/// Names of the label list in files of this form.
const LABELS: &[&str] = &["value", "label", "labels"];

impl Writer for OpenRlhf {
    fn keeps(&self) -> &'static Keeps {
        &Keeps { all: &[], partly: &[Feature::FirstError, Feature::Ratings, Feature::BehindError, Feature::Scores] }
    }

    fn asks(&self) -> &'static [Switch] {
        &[Switch::Neutral, Switch::AfterError, Switch::Unsure, Switch::Values]
    }

    fn write(&self, unit: &LabelledTrace<'_>, policy: &Policy, out: &mut Vec<Vec<u8>>, loss: &mut Loss) {
        each_solution(self, unit, policy, out, loss, |item, rows, loss| {
            rows.push(record(item, policy, loss)?);
            Ok(())
        });
    }
}

fn record(item: &Labelled<'_>, policy: &Policy, loss: &mut Loss) -> Result<Vec<u8>, Skipped> {
    let steps: Vec<_> = item.path().collect();
    let (kept, values): (Vec<_>, Vec<Value>) = match policy.values {
        Values::Hard => {
            let sign = |(index, right)| (index, Value::from(if right { "+" } else { "-" }));
            decided(policy, &item.labels, loss)?.into_iter().map(sign).unzip()
        }
        Values::Soft => {
            let share = |index: usize| steps[index].stats.mc.or(steps[index].stats.prm).map(|share| (index, share.into()));
            let shares: Option<(Vec<_>, Vec<_>)> =
                (0..steps.len()).map(share).collect::<Option<Vec<_>>>().map(|all| all.into_iter().unzip());
            shares.ok_or_else(|| Skipped::Unwritable("a step without a Monte Carlo estimate or recorded score".to_owned()))?
        }
    };
    if kept.is_empty() {
        return Err(Skipped::NothingLeft);
    }
    if let Some(raw) = item.raw.filter(|_| kept.len() == steps.len()) {
        let record = parse_json(raw).unwrap_or_default();
        if let Some(key) = LABELS.iter().find(|key| record.get(**key).is_some_and(Value::is_array)) {
            return set_field(raw, &[key], &values.into());
        }
    }
    let texts: Vec<_> = kept.iter().map(|&index| steps[index].text.as_str()).collect();
    let mut record = Map::new();
    record.insert("input".into(), math_shepherd::tagged(&item.trace.problem.text, &texts, loss)?.into());
    record.insert("value".into(), values.into());
    Ok(json_bytes(&record.into()))
}
