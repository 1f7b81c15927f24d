//! The form in which Qwen2.5-Math-PRM reads a solution (model card): the steps of the answer, `<extra_0>` behind each, the last one too. The
//! authors published no trainer; the labels stand beside, one a step, for trainers that put them on `<extra_0>`.

use serde_json::json;

use super::super::export::{Feature, Keeps, LabelledTrace, Loss, Writer, decided, each_solution, json_bytes};
use super::Target;
use crate::labels::policy::{Policy, Skipped, Switch};

pub(super) const QWEN_PRM: Target = Target {
    name: "qwen-prm",
    doc: "Qwen2.5-Math-PRM: messages with <extra_0> behind each step, labels = 0 or 1 a step",
    writer: &QwenPrm,
};

const SEPARATOR: &str = "<extra_0>";

struct QwenPrm;

impl Writer for QwenPrm {
    fn keeps(&self) -> &'static Keeps {
        &Keeps { all: &[], partly: &[Feature::FirstError, Feature::Ratings, Feature::BehindError] }
    }

    fn asks(&self) -> &'static [Switch] {
        Switch::LABELS
    }

    fn write(&self, unit: &LabelledTrace<'_>, policy: &Policy, out: &mut Vec<Vec<u8>>, loss: &mut Loss) {
        each_solution(self, unit, policy, out, loss, |item, rows, loss| {
            let texts: Vec<_> = item.path().map(|node| node.text.as_str()).collect();
            let targets = decided(policy, &item.labels, loss)?;
            let problem = item.trace.problem.text.as_str();
            let kept = || targets.iter().map(|&(index, _)| texts[index]);
            if kept().chain([problem]).any(|text| text.contains(SEPARATOR)) {
                return Err(Skipped::Unwritable(format!("problem or step holds {SEPARATOR}")));
            }
            let answer: String = kept().flat_map(|step| [step, SEPARATOR]).collect();
            let labels: Vec<_> = targets.iter().map(|&(_, right)| u8::from(right)).collect();
            let messages = json!([{"role": "user", "content": problem}, {"role": "assistant", "content": answer}]);
            rows.push(json_bytes(&json!({"messages": messages, "labels": labels})));
            Ok(())
        });
    }
}
