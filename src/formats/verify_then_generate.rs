//! Solutions of students with the first error marked by teachers (Daheim et al., EMNLP 2024; eth-lre/verify-then-generate). Its
//! category and description stay with the solution.

use super::flat::Flat;
use super::mapping::{Mapping, Verdict};

/// The format.
pub(super) static FORMAT: Flat = Flat::new(
    "verify-then-generate",
    "Verify-then-generate: student_incorrect_solution, incorrect_index from 0, error_category",
    &["student_incorrect_solution", "incorrect_index"],
    Mapping {
        label: Some(Verdict::first_error("incorrect_index", 0, "-1")),
        reference_solution: Some("reference_solution"),
        ..Mapping::new("problem", "student_incorrect_solution")
    },
);
