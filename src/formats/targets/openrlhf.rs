//! PRM data of OpenRLHF (up to 0.9, `openrlhf/datasets/process_reward_dataset.py`): one text with a placeholder token behind each step, and
//! a list of labels, `+` and `-` or shares.
//!
//! The text is that of Math-Shepherd, because its `Step 1:` is what readers find the end of the problem by.

use serde_json::{Map, Value};

use super::super::export::{
    Feature, Keeps, Labelled, LabelledTrace, Loss, Writer, decided, each_solution, record_with, set_field,
};
use super::super::mapping::correct;
use super::super::{math_shepherd, parse_json};
use super::Target;
use crate::labels::policy::{AfterError, Policy, Skipped, Switch, Unlabelled, Values, apply};
use crate::trace::{FirstError, Rating, STEP_TAGS};

pub(super) const OPENRLHF: Target = Target {
    name: "openrlhf",
    doc: "OpenRLHF PRM data: input with a placeholder token behind each step, value = one + or -, or one share, a step",
    writer: &OpenRlhf,
};

struct OpenRlhf;

/// Names of the label list in files of this form, in the order in which they are looked for where such files are read.
const LABELS: &[&str] = &["label", "value", "labels"];

impl Writer for OpenRlhf {
    fn keeps(&self) -> &'static Keeps {
        &Keeps { all: &[], partly: &[Feature::FirstError, Feature::Ratings, Feature::BehindError, Feature::Scores] }
    }

    fn asks(&self) -> &'static [Switch] {
        &[Switch::Neutral, Switch::AfterError, Switch::Unsure, Switch::Values]
    }

    /// Columns of a table have one type: verdicts of other spellings become signs, or shares where shares are wanted.
    fn copy(&self, raw: &[u8], policy: &Policy) -> Vec<u8> {
        let spelled = |label: &Value| {
            // A fraction is a share, also one of 0 or 1.
            let right = correct(label).filter(|_| !label.is_f64())? == Rating::Good;
            Some(match policy.values {
                Values::Hard => Value::from(if right { "+" } else { "-" }),
                Values::Soft => Value::from(f64::from(u8::from(right))),
            })
        };
        let respelled = || {
            let record = parse_json(raw).ok()?;
            let key = label_key(&record)?;
            let labels = record.get(key)?.as_array()?;
            let new: Vec<_> = labels.iter().map(spelled).collect::<Option<_>>()?;
            if new == *labels { None } else { set_field(raw, &[key], &new.into()).ok() }
        };
        respelled().unwrap_or_else(|| raw.to_vec())
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
            loss.lose(Feature::Scores.name(), Feature::Scores.present(item) as u64);
            let sign = |(index, right)| (index, Value::from(if right { "+" } else { "-" }));
            decided(policy, &item.labels, loss)?.into_iter().map(sign).unzip()
        }
        Values::Soft => {
            for feature in [Feature::FirstError, Feature::Ratings, Feature::BehindError] {
                loss.lose(feature.name(), feature.present(item) as u64);
            }
            shares(item, policy)?.into_iter().map(|(index, share)| (index, share.into())).unzip()
        }
    };
    if kept.is_empty() {
        return Err(Skipped::NothingLeft);
    }
    let source = item.raw.and_then(|raw| parse_json(raw).ok()).unwrap_or_default();
    let mut record = Map::new();
    // Text behind the last tag is a step that the file has no label for: once it is judged it needs a tag.
    let tagged = label_key(&source).and_then(|key| source[key].as_array()).map_or(0, Vec::len);
    if item.raw.is_none() || kept.len() < steps.len() || kept.len() != tagged {
        let texts: Vec<_> = kept.iter().map(|&index| steps[index].text.as_str()).collect();
        let input = math_shepherd::tagged(&item.trace.problem.text, &texts, loss)?;
        // A trainer knows one tag: that of the file stays.
        let known = source["input"].as_str().and_then(|input| STEP_TAGS.into_iter().find(|tag| input.contains(tag)));
        record.insert("input".into(), known.map_or_else(|| input.clone(), |tag| input.replace(math_shepherd::TAG, tag)).into());
    }
    record.insert(label_key(&source).unwrap_or("value").into(), values.into());
    record_with(item.raw, record)
}

/// The name of the label list of a record.
fn label_key(record: &Value) -> Option<&'static str> {
    LABELS.iter().copied().find(|key| record.get(key).is_some_and(Value::is_array))
}

/// The steps that labels and policy leave, each with its share of right rollouts, else its score. A share needs no label, so steps and
/// solutions that nobody labelled stay.
fn shares(item: &Labelled<'_>, policy: &Policy) -> Result<Vec<(usize, f64)>, Skipped> {
    let scores = &item.of().scores;
    let steps: Vec<_> = item.path().collect();
    let kept: Vec<_> = match apply(&Policy { unlabelled: Unlabelled::KeepUnset, ..policy.clone() }, &item.labels) {
        Ok(targets) => targets.into_iter().map(|(index, _)| index).collect(),
        Err(Skipped::Unlabelled) => (0..steps.len()).collect(),
        Err(skipped) => return Err(skipped),
    };
    let forced = match (policy.after_error, item.labels.first_error) {
        (AfterError::ForceNegative, FirstError::At(at)) => at + 1..steps.len(),
        _ => 0..0,
    };
    let share = |index: usize| {
        let stats = &steps[index].stats;
        let known = stats.mc.or(stats.prm).or(scores.get(index).copied().flatten()).filter(|share| (0.0..=1.0).contains(share));
        let share = if forced.contains(&index) { Some(0.0) } else { known };
        share.map(|share| (index, share))
    };
    let shares: Option<Vec<_>> = kept.into_iter().map(share).collect();
    shares.ok_or_else(|| Skipped::Unwritable("a step without a Monte Carlo estimate or recorded score from 0 to 1".to_owned()))
}
