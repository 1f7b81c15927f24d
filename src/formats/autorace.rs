//! Reasoning chains of AutoRace (Hao et al., arXiv:2404.05221) with a judgement of people on the whole chain.
//!
//! A right chain has no wrong step; of a wrong one nobody has said which step it is.

use serde_json::Value;

use super::fields::integer;
use super::flat::Flat;
use super::mapping::Mapping;
use crate::trace::{FirstError, TraceBuilder};

/// The format.
pub(super) static FORMAT: Flat = Flat {
    finish: Some(judge),
    ..Flat::new(
        "autorace",
        "AutoRace: question, reasoning_chain (one text), human_label (the whole chain is right)",
        &["question", "reasoning_chain", "human_label"],
        Mapping { reference_answer: Some("answer"), ..Mapping::new("question", "reasoning_chain") },
    )
};

fn judge(builder: &mut TraceBuilder) {
    let Some(solution) = builder.last_solution() else { return };
    let label = solution.extra.get("human_label");
    if label.is_some_and(|label| label == &Value::Bool(true) || integer(label) == Some(1)) {
        solution.first_error = FirstError::NoError;
    }
}
