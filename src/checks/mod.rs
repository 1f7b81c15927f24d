//! Evidence that needs no model: claims in a step that can be decided exactly.

pub mod algebra;
pub mod answer;
pub mod arithmetic;
pub mod identity;
pub mod provenance;
mod restated;

use arithmetic::Finding;

/// All that the exact checks find in a step, in order of place: equalities of numbers, values of letters and transformed equations against the
/// equation before, identities, and quantities that are worked out.
pub fn findings(step: &str) -> Vec<Finding> {
    let reading = arithmetic::read(step);
    let mut found = algebra::findings(&reading);
    found.extend(identity::findings(&reading));
    found.extend(restated::findings(&reading));
    found.extend(reading.equations.into_iter().map(|equation| equation.finding));
    found.sort_by_key(|finding| finding.span.start);
    found
}

/// How sure the checks are that a step is wrong: the share of steps with a failing equality that people call the first error, over the
/// human-labelled training sources (185 of 234 in mr-gsm8k, verify-then-generate, MR-Ben mathematics and PRMBench).
pub const FAILING: f64 = 0.79;

/// How suspicious a step is, all evidence together, `0..=1`: `1 - score * (1 - FAILING)` with a failing equality, `1 - score` without one.
pub fn suspicion(score: f64, failing: bool) -> f64 {
    1.0 - score * if failing { 1.0 - FAILING } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::arithmetic::Verdict;
    use super::*;

    #[test]
    fn a_failing_equality_adds_to_the_suspicion_of_a_score() {
        let found = findings("2x + 3 = 11, so x = 5. Then 3 * 4 = 13.");
        assert_eq!(found.iter().map(|finding| finding.verdict).collect::<Vec<_>>(), [Verdict::Bad, Verdict::Bad]);
        assert!((suspicion(0.9, true) - (1.0 - 0.9 * 0.21)).abs() < 1e-12);
        assert!((suspicion(0.9, false) - 0.1).abs() < 1e-12);
    }
}
