//! Data sets of hiyouga/LLaMA-Factory (`data/README.md`): preferences and unpaired judgements in its alpaca and `ShareGPT` forms, with the
//! entry for `dataset_info.json` beside them. It has no trainer of process reward models.

use serde_json::{Map, Value, json};

use super::super::export::Written;
use super::Target;
use super::examples::{Example, ExampleTarget};
use super::pairs::{ASKS_WITH_GLUE, Pair, PairTarget};
use crate::labels::policy::Policy;

pub(super) const DPO: Target = Target {
    name: "llama-factory-dpo",
    doc: "LLaMA-Factory preferences of steps (alpaca): instruction, input, chosen, rejected, with dataset_info.json",
    writer: &PairTarget { asks: ASKS_WITH_GLUE, record: alpaca, beside: |files| info(files, &alpaca_info()) },
};

pub(super) const DPO_CHAT: Target = Target {
    name: "llama-factory-dpo-chat",
    doc: "LLaMA-Factory preferences of steps (ShareGPT): conversations, chosen, rejected, with dataset_info.json",
    writer: &PairTarget { asks: ASKS_WITH_GLUE, record: share_gpt, beside: |files| info(files, &share_gpt_info()) },
};

pub(super) const KTO: Target = Target {
    name: "llama-factory-kto",
    doc: "LLaMA-Factory unpaired judgements (alpaca): instruction, input, output, kto_tag, with dataset_info.json",
    writer: &ExampleTarget { record: kto, beside: |files| info(files, &kto_info()) },
};

fn alpaca(pair: &Pair<'_>, policy: &Policy) -> Value {
    let instruction = pair.beginning(&policy.glue);
    json!({"instruction": instruction, "input": "", "chosen": pair.chosen.step, "rejected": pair.rejected.step})
}

fn share_gpt(pair: &Pair<'_>, policy: &Policy) -> Value {
    let turn = |from: &str, value: &str| json!({"from": from, "value": value});
    json!({
        "conversations": [turn("human", &pair.beginning(&policy.glue))],
        "chosen": turn("gpt", pair.chosen.step),
        "rejected": turn("gpt", pair.rejected.step),
    })
}

fn kto(example: &Example) -> Value {
    json!({"instruction": example.prompt, "input": "", "output": example.completion, "kto_tag": example.right})
}

fn alpaca_info() -> Value {
    json!({"ranking": true, "columns": {"prompt": "instruction", "query": "input", "chosen": "chosen", "rejected": "rejected"}})
}

fn share_gpt_info() -> Value {
    json!({
        "formatting": "sharegpt",
        "ranking": true,
        "columns": {"messages": "conversations", "chosen": "chosen", "rejected": "rejected"},
    })
}

fn kto_info() -> Value {
    json!({"columns": {"prompt": "instruction", "query": "input", "response": "output", "kto_tag": "kto_tag"}})
}

/// The entries of the files in `dataset_info.json`, which LLaMA-Factory reads from the folder of the data.
fn info(files: Written<'_>, entry: &Value) -> Vec<(String, String)> {
    let name = files.name.rsplit_once('.').map_or(files.name, |(name, _)| name);
    let names = [name.to_owned(), format!("{name}.test")];
    let entry = |(name, file): (String, &String)| {
        let mut entry = entry.clone();
        if let Value::Object(entry) = &mut entry {
            entry.shift_insert(0, "file_name".to_owned(), file.as_str().into());
        }
        (name, entry)
    };
    let entries: Map<_, _> = names.into_iter().zip(files.records).map(entry).collect();
    vec![(format!("{}.dataset_info.json", files.name), format!("{:#}\n", Value::Object(entries)))]
}
