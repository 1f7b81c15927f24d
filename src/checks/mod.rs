//! Evidence that needs no model: claims in a step that can be decided exactly.

pub mod algebra;
pub mod answer;
pub mod arithmetic;
pub mod identity;
pub mod provenance;
mod remainder;
mod restated;

use std::ops::Range;

use arithmetic::Finding;

/// All that the exact checks find in a step, in order of place: equalities of numbers, values of letters and transformed equations against the
/// equation before, identities, divisions with a remainder, and quantities that are worked out.
pub fn findings(step: &str) -> Vec<Finding> {
    let reading = arithmetic::read(step);
    let mut found = algebra::findings(&reading);
    found.extend(identity::findings(&reading));
    found.extend(restated::findings(&reading));
    // A division with a remainder fails as an equality, which says nothing.
    let divisions = remainder::findings(&reading);
    let is_part =
        |span: &Range<usize>| divisions.iter().any(|division| division.span.start <= span.start && span.end <= division.span.end);
    let equalities = reading.equations.into_iter().map(|equation| equation.finding);
    found.extend(equalities.filter(|equality| !is_part(&equality.span)));
    found.extend(divisions);
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
    fn a_division_with_a_remainder_is_judged_as_such_alone() {
        let found = findings("194 ÷ 11 = 17 with a remainder of 9.");
        assert_eq!(found.iter().map(|finding| finding.verdict).collect::<Vec<_>>(), [Verdict::Bad]);
        assert_eq!(found[0].sides(), "11 · 17 + 9 is 196, not 194");
    }

    #[test]
    fn a_failing_equality_adds_to_the_suspicion_of_a_score() {
        let found = findings("2x + 3 = 11, so x = 5. Then 3 * 4 = 13.");
        assert_eq!(found.iter().map(|finding| finding.verdict).collect::<Vec<_>>(), [Verdict::Bad, Verdict::Bad]);
        assert!((suspicion(0.9, true) - (1.0 - 0.9 * 0.21)).abs() < 1e-12);
        assert!((suspicion(0.9, false) - 0.1).abs() < 1e-12);
    }
}
