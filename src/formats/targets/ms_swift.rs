//! Data sets of modelscope/ms-swift (`docs/source_en/Customization/Custom-dataset.md`): messages with a rejected answer (DPO), with a
//! boolean label (KTO) or with an integer label (sequence classifier). ms-swift runs process reward models but does not train them.

use serde_json::{Value, json};

use super::Target;
use super::examples::{Example, ExampleTarget};
use super::pairs::{ASKS_WITH_GLUE, Pair, PairTarget};
use crate::labels::policy::Policy;

pub(super) const DPO: Target = Target {
    name: "ms-swift-dpo",
    doc: "ms-swift preferences of steps: messages and rejected_response",
    writer: &PairTarget { asks: ASKS_WITH_GLUE, record: preference, beside: |_| Vec::new() },
};

pub(super) const KTO: Target = Target {
    name: "ms-swift-kto",
    doc: "ms-swift unpaired judgements: messages and a boolean label",
    writer: &ExampleTarget { record: |example| labelled(example, &example.right.into()), beside: |_| Vec::new() },
};

pub(super) const CLASSIFIER: Target = Target {
    name: "ms-swift-cls",
    doc: "ms-swift classifier of steps (task type seq_cls): messages and label 0 or 1",
    writer: &ExampleTarget { record: |example| labelled(example, &u8::from(example.right).into()), beside: |_| Vec::new() },
};

fn messages(user: &str, assistant: &str) -> Value {
    json!([{"role": "user", "content": user}, {"role": "assistant", "content": assistant}])
}

fn preference(pair: &Pair<'_>, policy: &Policy) -> Value {
    json!({
        "messages": messages(&pair.beginning(&policy.glue), pair.chosen.step),
        "rejected_response": pair.rejected.step,
    })
}

fn labelled(example: &Example, label: &Value) -> Value {
    json!({"messages": messages(&example.prompt, &example.completion), "label": label})
}
