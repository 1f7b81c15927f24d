//! Preferences and unpaired judgements for TRL's DPO, reward and KTO trainers (`docs/source/dataset_formats.md` of huggingface/trl).
//!
//! In the form of plain strings the trainer concatenates prompt and completion as they are, so the prompt ends with the glue. In the
//! form of messages the prompt is the problem alone and both answers hold the steps before: from some version on the DPO trainer opens a new
//! turn of the assistant behind any prompt. What both answers share cancels in the loss.

use serde_json::{Value, json};

use super::Target;
use super::examples::{Example, ExampleTarget};
use super::pairs::{ASKS_WITH_GLUE, Pair, PairTarget};
use crate::labels::policy::Policy;

pub(super) const PREFERENCE: Target = Target {
    name: "trl-dpo",
    doc: "TRL preferences of steps: prompt, chosen, rejected as strings (DPO and reward trainers)",
    writer: &PairTarget { asks: ASKS_WITH_GLUE, record: strings, beside: |_| Vec::new() },
};

pub(super) const PREFERENCE_CHAT: Target = Target {
    name: "trl-dpo-chat",
    doc: "TRL preferences of steps as messages; both answers begin with the steps before",
    writer: &PairTarget { asks: ASKS_WITH_GLUE, record: messages, beside: |_| Vec::new() },
};

pub(super) const KTO: Target = Target {
    name: "trl-kto",
    doc: "TRL unpaired judgements: prompt, completion, label (KTO trainer), one a step or a solution",
    writer: &ExampleTarget { record: unpaired, beside: |_| Vec::new() },
};

fn strings(pair: &Pair<'_>, policy: &Policy) -> Value {
    let prompt = pair.beginning(&policy.glue) + &policy.glue;
    json!({"prompt": prompt, "chosen": pair.chosen.step, "rejected": pair.rejected.step})
}

fn messages(pair: &Pair<'_>, policy: &Policy) -> Value {
    let message = |role: &str, content: String| json!([{"role": role, "content": content}]);
    let answer = |step: &str| {
        let steps: Vec<_> = pair.prefix.iter().copied().chain([step]).collect();
        message("assistant", steps.join(&policy.glue))
    };
    json!({
        "prompt": message("user", pair.trace.problem.text.clone()),
        "chosen": answer(pair.chosen.step),
        "rejected": answer(pair.rejected.step),
    })
}

fn unpaired(example: &Example) -> Value {
    json!({"prompt": format!("{}{}", example.prompt, example.glue), "completion": example.completion, "label": example.right})
}
