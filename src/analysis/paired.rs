//! Two scorers on the same solutions: is one better, or was it luck?

use serde::Serialize;

use super::bootstrap::interval;
use super::processbench::{Case, Subset};
use crate::trace::FirstError;

/// One solution, as people and two scorers judge it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// First error found by people: `At` or `NoError`.
    pub gold: FirstError,
    /// First errors found by the two scorers.
    pub predicted: [FirstError; 2],
}

/// What the pairs say.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Paired {
    /// Figures of each scorer.
    pub each: [Subset; 2],
    /// F1 of the second less that of the first, in points.
    pub f1_difference: Option<f64>,
    /// Its 95 % interval: percentile bootstrap over solutions, both scorers on the same draw.
    pub f1_interval: Option<(f64, f64)>,
    /// Solutions that only the first, and only the second scorer judges exactly as people do.
    pub only: [usize; 2],
    /// Chance of a split at least as uneven if neither were better: exact test of McNemar (1947), two-sided.
    pub p: f64,
}

impl Paired {
    /// The figures of these pairs, under the names of the scorers.
    pub fn of(names: [&str; 2], pairs: &[Pair]) -> Self {
        let all: Vec<usize> = (0..pairs.len()).collect();
        let each = [0, 1].map(|scorer| Subset::of(names[scorer], &cases(pairs, &all, scorer)));
        let only = [0, 1].map(|scorer| {
            let hit = |pair: &&Pair| pair.predicted[scorer] == pair.gold && pair.predicted[1 - scorer] != pair.gold;
            pairs.iter().filter(hit).count()
        });
        Self {
            f1_difference: difference(pairs, &all),
            f1_interval: interval(pairs.len(), |sample| difference(pairs, sample)),
            p: mcnemar(only[0], only[1]),
            each,
            only,
        }
    }
}

fn cases(pairs: &[Pair], sample: &[usize], scorer: usize) -> Vec<Case> {
    sample.iter().map(|&at| Case { gold: pairs[at].gold, predicted: pairs[at].predicted[scorer] }).collect()
}

fn difference(pairs: &[Pair], sample: &[usize]) -> Option<f64> {
    let [first, second] = [0, 1].map(|scorer| Subset::of("", &cases(pairs, sample, scorer)).f1);
    Some(second? - first?)
}

/// Twice the chance of at most `min(a, b)` heads in `a + b` throws of a fair coin, at most 1.
pub fn mcnemar(a: usize, b: usize) -> f64 {
    let (few, all) = (a.min(b), a + b);
    // In logarithms: 2^-n and the binomials leave the range of a float long before their product does.
    let mut term = -(all as f64) * std::f64::consts::LN_2;
    let mut sum = term.exp();
    for heads in 1..=few {
        term += ((all - heads + 1) as f64 / heads as f64).ln();
        sum += term.exp();
    }
    (2.0 * sum).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_test_of_mcnemar_is_that_of_the_binomial() {
        assert!((mcnemar(0, 5) - 0.0625).abs() < 1e-12);
        // 2 (1 + 10 + 45) / 1024.
        assert!((mcnemar(2, 8) - 0.109_375).abs() < 1e-12);
        assert!((mcnemar(7, 7) - 1.0).abs() < 1e-12);
        assert!((mcnemar(0, 0) - 1.0).abs() < 1e-12);
        assert!(mcnemar(1000, 3000) < 1e-200);
    }

    #[test]
    fn a_scorer_that_finds_more_is_better_beyond_luck() {
        let pair = |at: usize| Pair {
            gold: if at.is_multiple_of(2) { FirstError::At(1) } else { FirstError::NoError },
            predicted: [
                if at.is_multiple_of(4) { FirstError::At(1) } else { FirstError::NoError },
                if at.is_multiple_of(2) { FirstError::At(1) } else { FirstError::NoError },
            ],
        };
        let found = Paired::of(["a", "b"], &(0..400).map(pair).collect::<Vec<_>>());
        assert_eq!(found.only, [0, 100]);
        assert!(found.p < 1e-20);
        let (low, high) = found.f1_interval.unwrap();
        assert!((found.f1_difference.unwrap() - 100.0 / 3.0).abs() < 0.01 && low > 25.0 && high < 42.0, "{found:?}");
        let same = Paired::of(
            ["a", "a"],
            &(0..40).map(pair).map(|pair| Pair { predicted: [pair.predicted[0]; 2], ..pair }).collect::<Vec<_>>(),
        );
        assert_eq!((same.f1_difference, same.f1_interval, same.p.to_bits()), (Some(0.0), Some((0.0, 0.0)), 1.0_f64.to_bits()));
    }
}
