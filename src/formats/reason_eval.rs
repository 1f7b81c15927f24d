//! Perturbed solutions of `ReasonEval` (Xia et al., arXiv:2404.05692): a right solution and one into which an error was written. What its
//! `tags` count from is not documented, so that they are kept and not read.

use super::flat::Flat;
use super::mapping::Mapping;

/// The format.
pub(super) static FORMAT: Flat = Flat::new(
    "reasoneval",
    "ReasonEval perturbations: question, reference_steps, hypothesis_steps, error_type",
    &["hypothesis_steps", "reference_steps"],
    Mapping::new("question", "hypothesis_steps"),
);
