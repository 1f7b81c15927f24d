//! From the step scores of a whole solution to its first error.

use super::processbench::first_below;
use crate::trace::FirstError;

/// The rule by which a solution is judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Decision {
    /// The first step with a score below this.
    FirstBelow(f64),
    /// The most likely first error, when the first-error posterior lies below this. For scores that say how likely a step is right when all
    /// steps before it are.
    Posterior {
        /// Between 0 and 1.
        tau: f64,
    },
}

/// The first error by this rule. A step without a score (`None`) is passed over, and is not called right by that: where none of the others is
/// wrong there is no verdict. A solution without any step is free of errors.
pub fn decide(scores: &[Option<f64>], decision: Decision) -> FirstError {
    let said = match decision {
        Decision::FirstBelow(threshold) => first_below(scores, threshold),
        Decision::Posterior { tau } => match posterior(scores) {
            Some((step, free)) if free < tau => FirstError::At(step),
            Some(_) => FirstError::NoError,
            None if scores.is_empty() => FirstError::NoError,
            None => FirstError::Unknown,
        },
    };
    if said == FirstError::NoError && scores.contains(&None) { FirstError::Unknown } else { said }
}

/// No score is so sure that nothing behind it could count.
const SURE: f64 = 1e-6;

/// How likely each step is the first error, as the logarithm of `p_j = (1 - s_j) * s_0 * .. * s_(j-1)`, where `s_k` is the chance that step `k`
/// is right when those before it are. `None` for a step without a score, which is passed over.
pub fn first_error_odds(scores: &[Option<f64>]) -> Vec<Option<f64>> {
    // Logarithms, so that long products do not vanish.
    let mut right = 0.0;
    let odds = |score: &Option<f64>| {
        let score = score.map(|score| score.clamp(SURE, 1.0 - SURE))?;
        let wrong_first = (1.0 - score).ln() + right;
        right += score.ln();
        Some(wrong_first)
    };
    scores.iter().map(odds).collect()
}

/// The most likely first error, and how likely the solution is free of errors rather than wrong first there. `None` without a score.
///
/// The result is the `j` with the largest `p_j` ([`first_error_odds`]), and `none / (none + p_j)`, `0..=1`, where none is the product of
/// all `s_k`.
pub fn posterior(scores: &[Option<f64>]) -> Option<(usize, f64)> {
    let right: f64 = scores.iter().flatten().map(|score| score.clamp(SURE, 1.0 - SURE).ln()).sum();
    let mut likely: Option<(usize, f64)> = None;
    for (step, odds) in first_error_odds(scores).into_iter().enumerate() {
        let Some(wrong_first) = odds else { continue };
        if likely.is_none_or(|(_, most)| wrong_first > most) {
            likely = Some((step, wrong_first));
        }
    }
    likely.map(|(step, wrong_first)| (step, 1.0 / (1.0 + (wrong_first - right).exp())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(values: &[f64]) -> Vec<Option<f64>> {
        values.iter().copied().map(Some).collect()
    }

    #[test]
    fn hand_made_posterior() {
        // p = .1, .9 * .5, .45 * .2; none = .36.
        let (step, free) = posterior(&scores(&[0.9, 0.5, 0.8])).unwrap();
        assert_eq!(step, 1);
        assert!((free - 0.36 / (0.36 + 0.45)).abs() < 1e-12);
        assert_eq!(decide(&scores(&[0.9, 0.5, 0.8]), Decision::Posterior { tau: 0.45 }), FirstError::At(1));
        assert_eq!(decide(&scores(&[0.9, 0.5, 0.8]), Decision::Posterior { tau: 0.44 }), FirstError::NoError);
    }

    #[test]
    fn one_step_is_judged_by_its_own_score() {
        for score in [0.1, 0.5, 0.9] {
            let (step, free) = posterior(&scores(&[score])).unwrap();
            assert_eq!(step, 0);
            assert!((free - score).abs() < 1e-9);
        }
    }

    #[test]
    fn equal_scores_point_at_the_first_step_and_doubt_adds_up() {
        let all = |count| posterior(&scores(&vec![0.9; count])).unwrap();
        assert_eq!((all(3).0, all(30).0), (0, 0));
        assert!(all(30).1 < all(3).1);
    }

    #[test]
    fn a_higher_tau_never_takes_a_verdict_back() {
        let cases: [&[f64]; 4] = [&[0.9, 0.2, 0.7], &[1.0, 1.0], &[0.0, 0.0], &[0.5; 9]];
        for case in cases {
            let verdicts: Vec<FirstError> =
                (0..=20).map(|tau| decide(&scores(case), Decision::Posterior { tau: f64::from(tau) / 20.0 })).collect();
            assert!(verdicts.windows(2).all(|pair| pair[0] == FirstError::NoError || pair[0] == pair[1]), "{case:?}");
        }
    }

    #[test]
    fn steps_without_a_score_are_passed_over() {
        for decision in [Decision::FirstBelow(0.5), Decision::Posterior { tau: 0.5 }] {
            assert_eq!(decide(&[], decision), FirstError::NoError);
            assert_eq!(decide(&[None, None], decision), FirstError::Unknown);
            assert_eq!(decide(&[None, Some(0.1), None], decision), FirstError::At(1));
            assert_eq!(decide(&[None, Some(0.9)], decision), FirstError::Unknown, "nobody says that the first one is right");
        }
    }

    #[test]
    fn very_long_solutions_and_sure_scores_give_finite_numbers() {
        for score in [0.0, 1e-9, 0.5, 1.0] {
            let (_, free) = posterior(&scores(&vec![score; 100_000])).unwrap();
            assert!((0.0..=1.0).contains(&free), "{score}: {free}");
        }
    }
}
