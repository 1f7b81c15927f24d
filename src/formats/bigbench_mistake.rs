//! BIG-Bench-Mistake (Tyen et al., arXiv:2311.08516): chains of thought with the index of the first logical mistake, from 0.
//!
//! A null index is the verdict "no mistake". It is independent of the answer: chains with a mistake and the right answer exist.

use super::flat::Flat;
use super::mapping::{Mapping, Verdict};
use crate::trace::{Outcome, TraceBuilder};

/// The format.
pub(super) static FORMAT: Flat = Flat {
    finish: Some(compare),
    ..Flat::new(
        "bigbench-mistake",
        "BIG-Bench-Mistake: input, steps, mistake_index = index of the first mistake or null",
        &["input", "steps", "mistake_index"],
        Mapping {
            label: Some(Verdict::first_error("mistake_index", 0, "null")),
            answer: Some("answer"),
            reference_answer: Some("target"),
            ..Mapping::new("input", "steps")
        },
    )
};

/// Answers and targets are written alike, so that equality is the data set's own measure.
fn compare(builder: &mut TraceBuilder) {
    let target = builder.trace().problem.reference_answer.clone();
    if let (Some(target), Some(solution)) = (target, builder.last_solution())
        && let Some(answer) = &solution.final_answer
    {
        solution.outcome = Outcome::from(answer.trim() == target.trim());
    }
}
