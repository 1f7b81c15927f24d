//! Solutions of students with the first error marked by teachers (Daheim et al., EMNLP 2024; eth-lre/verify-then-generate), its category
//! and a description of it. What the student answers after talking with the teacher is the solution as it should read.

use super::flat::Flat;
use super::mapping::{Mapping, Verdict};
use super::reasons::{self, Reasons};
use crate::trace::{Remark, TraceBuilder, Writing};

/// The format.
pub(super) static FORMAT: Flat = Flat {
    finish: Some(words),
    ..Flat::new(
        "verify-then-generate",
        "Verify-then-generate: student_incorrect_solution, incorrect_index from 0, error_category",
        &["student_incorrect_solution", "incorrect_index"],
        Mapping {
            label: Some(Verdict::first_error("incorrect_index", 0, "-1")),
            reference_solution: Some("reference_solution"),
            ..Mapping::new("problem", "student_incorrect_solution")
        },
    )
};

const REASONS: Reasons = Reasons { kind: Some("error_category"), critique: Some("error_description"), correction: None };

fn words(builder: &mut TraceBuilder) {
    let Some(solution) = builder.last_solution() else { return };
    REASONS.take(solution);
    if let Some(text) = reasons::text(&mut solution.extra, "student_correct_response") {
        let remark = Remark { writing: Writing::Correction, step: None, text };
        solution.words.get_or_insert_default().remarks.push(remark);
    }
}
