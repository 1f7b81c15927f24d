//! Step-DPO (Lai et al., arXiv:2406.18629; data set card of `Math-Step-DPO-10K`): the beginning ends with the number of the next step,
//! and both ways to go on start behind that number.

use serde_json::{Value, json};

use super::Target;
use super::pairs::{ASKS, Branch, Pair, PairTarget};
use crate::labels::policy::Policy;

pub(super) const STEP_DPO: Target = Target {
    name: "step-dpo",
    doc: "Step-DPO: prompt, initial_reason_steps ending with `Step k:`, chosen, rejected, full_chosen, full_rejected",
    writer: &PairTarget { asks: ASKS, record, beside: |_| Vec::new() },
};

/// What stands before the first step in the authors' prompts.
const START: &str = "Let's think step by step.\n";

fn record(pair: &Pair<'_>, _: &Policy) -> Value {
    let number = pair.prefix.len() + 1;
    let steps = pair.prefix.iter().enumerate().map(|(index, step)| format!("{}\n", numbered(step, index + 1)));
    let beginning: String = std::iter::once(START.to_owned()).chain(steps).collect();
    let source = pair.trace.extra.get("dataset").and_then(Value::as_str).unwrap_or("stepscope");
    json!({
        "dataset": source,
        "prompt": pair.trace.problem.text,
        "initial_reason_steps": format!("{beginning}Step {number}:"),
        "chosen": behind_number(pair.chosen.step, number),
        "rejected": behind_number(pair.rejected.step, number),
        "full_chosen": full(&pair.chosen, number),
        "full_rejected": full(&pair.rejected, number),
        "answer": pair.trace.problem.reference_answer.as_deref().or(pair.chosen.answer).unwrap_or_default(),
    })
}

/// The text of a step behind its `Step k:`, if it has one, with one space before it.
fn behind_number(step: &str, number: usize) -> String {
    let text = step.trim();
    format!(" {}", text.strip_prefix(&format!("Step {number}:")).unwrap_or(text).trim_start())
}

fn numbered(step: &str, number: usize) -> String {
    format!("Step {number}:{}", behind_number(step, number))
}

/// A way to go on, up to the end of its solution.
fn full(branch: &Branch<'_>, number: usize) -> String {
    let rest = branch.rest.iter().enumerate().map(|(index, step)| format!("\n{}", numbered(step, number + 1 + index)));
    std::iter::once(behind_number(branch.step, number)).chain(rest).collect()
}
