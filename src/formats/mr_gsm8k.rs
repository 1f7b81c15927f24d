//! MR-GSM8K (Zeng et al., arXiv:2312.17080) and the MR-MATH files of GAIR-NLP/ReasonEval: the number of the first wrong step, from 1,
//! or `N/A`.
//!
//! Whether the answer and whether the solution are right are two judgements, which differ on purpose. Questions of the type `POT` are
//! solved by programs, a line a step.

use super::flat::Flat;
use super::mapping::{Mapping, Verdict};
use super::reasons::Reasons;
use crate::trace::{StepKind, TraceBuilder};

const MARK: &str = "model_output_solution_first_error_step";

const REASONS: Reasons = Reasons { kind: None, critique: Some("model_output_solution_first_error_reason"), correction: None };

const MAPPING: Mapping<'_> = Mapping {
    label: Some(Verdict::first_error(MARK, 1, "N/A")),
    outcome: Some("model_output_answer_correctness"),
    reference_answer: Some("ground_truth_answer"),
    reference_solution: Some("ground_truth_solution"),
    id: Some("uuid"),
    ..Mapping::new("question", "model_output_steps")
};

/// MR-GSM8K.
pub(super) static FORMAT: Flat = Flat {
    finish: Some(programs),
    ..Flat::new(
        "mr-gsm8k",
        "MR-GSM8K: model_output_steps, model_output_solution_first_error_step from 1 or N/A",
        &["model_output_steps", MARK],
        MAPPING,
    )
};

/// MR-MATH, whose steps are lists of one text each.
pub(super) static MR_MATH: Flat = Flat {
    finish: Some(reason),
    ..Flat::new(
        "mr-math",
        "MR-MATH of ReasonEval: as mr-gsm8k, with model_output_step_format",
        &["model_output_step_format", MARK],
        Mapping { steps: "model_output_step_format.*.0", id: Some("id"), generator: Some("generator"), ..MAPPING },
    )
};

fn reason(builder: &mut TraceBuilder) {
    builder.last_solution().into_iter().for_each(|solution| REASONS.take(solution));
}

fn programs(builder: &mut TraceBuilder) {
    let program =
        builder.last_solution().is_some_and(|solution| solution.extra.get("question_type").is_some_and(|kind| kind == "POT"));
    if program {
        builder.paint(0, StepKind::Code);
    }
    reason(builder);
}
