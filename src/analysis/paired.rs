//! Two scorers on the same solutions: is one better, or was it luck?

use serde::Serialize;

use super::bootstrap::{between, draws_of_groups, grouped};
use super::processbench::{Case, Subset, mean};
use crate::trace::FirstError;

/// One solution, as people and two scorers judge it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// First error found by people: `At` or `NoError`.
    pub gold: FirstError,
    /// First errors found by the two scorers.
    pub predicted: [FirstError; 2],
}

/// The solutions of one file.
#[derive(Debug, Clone, PartialEq)]
pub struct Group<K> {
    /// Its name.
    pub name: String,
    /// The solutions.
    pub pairs: Vec<Pair>,
    /// The problem of each.
    pub problems: Vec<K>,
}

/// What the pairs say.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Paired {
    /// Figures of each scorer: those of the file, of several files the plain means.
    pub each: [Subset; 2],
    /// F1 of the second less that of the first, in points; of several files that of the means over the files in which both have one.
    pub f1_difference: Option<f64>,
    /// Its 95 % interval: percentile bootstrap over the problems of each file, both scorers on the same draw.
    pub f1_interval: Option<(f64, f64)>,
    /// Solutions that only the first, and only the second scorer judges exactly as people do.
    pub only: [usize; 2],
    /// Chance of a split at least as uneven if neither were better: exact test of McNemar (1947), two-sided.
    pub p: f64,
}

impl Paired {
    /// The figures of these files, under the names of the scorers.
    pub fn of<K: Ord>(names: [&str; 2], groups: &[Group<K>]) -> Self {
        let pairs = || groups.iter().flat_map(|group| &group.pairs);
        let only = [0, 1].map(|scorer| {
            let hit = |pair: &&Pair| pair.predicted[scorer] == pair.gold && pair.predicted[1 - scorer] != pair.gold;
            pairs().filter(hit).count()
        });
        let files: Vec<[Subset; 2]> = groups.iter().map(|group| figures(names, &group.pairs)).collect();
        let each =
            [0, 1].map(|scorer| Subset::mean(names[scorer], &files.iter().map(|file| file[scorer].clone()).collect::<Vec<_>>()));
        let all: Vec<Vec<usize>> = groups.iter().map(|group| (0..group.pairs.len()).collect()).collect();
        Self {
            f1_difference: difference(groups, &all),
            f1_interval: between(drawn(groups).filter_map(|sample| difference(groups, &sample)).collect()),
            p: mcnemar(only[0], only[1]),
            each,
            only,
        }
    }
}

/// Figures of both scorers on the solutions of a file.
pub fn figures(names: [&str; 2], pairs: &[Pair]) -> [Subset; 2] {
    let all: Vec<usize> = (0..pairs.len()).collect();
    [0, 1].map(|scorer| Subset::of(names[scorer], &cases(pairs, &all, scorer)))
}

/// Draws of solutions for each file: its problems are drawn, and no other file's.
fn drawn<K: Ord>(groups: &[Group<K>]) -> impl Iterator<Item = Vec<Vec<usize>>> {
    let problems: Vec<Vec<Vec<usize>>> = groups.iter().map(|group| grouped(&group.problems)).collect();
    let sizes: Vec<usize> = problems.iter().map(Vec::len).collect();
    draws_of_groups(sizes).map(move |sample| {
        let of =
            |(problems, drawn): (&Vec<Vec<usize>>, Vec<usize>)| drawn.iter().flat_map(|at| &problems[*at]).copied().collect();
        problems.iter().zip(sample).map(of).collect()
    })
}

fn cases(pairs: &[Pair], sample: &[usize], scorer: usize) -> Vec<Case> {
    sample.iter().map(|&at| Case { gold: pairs[at].gold, predicted: pairs[at].predicted[scorer] }).collect()
}

/// The mean over files of the difference of the F1s, in those that have both.
fn difference<K>(groups: &[Group<K>], samples: &[Vec<usize>]) -> Option<f64> {
    let of = |(group, sample): (&Group<K>, &Vec<usize>)| {
        let [first, second] = [0, 1].map(|scorer| Subset::of("", &cases(&group.pairs, sample, scorer)).f1);
        Some(second? - first?)
    };
    mean(groups.iter().zip(samples).filter_map(of))
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
        let file = |pairs: Vec<Pair>| Group { name: String::new(), problems: (0..pairs.len()).collect(), pairs };
        let found = Paired::of(["a", "b"], &[file((0..400).map(pair).collect())]);
        assert_eq!(found.only, [0, 100]);
        assert!(found.p < 1e-20);
        let (low, high) = found.f1_interval.unwrap();
        assert!((found.f1_difference.unwrap() - 100.0 / 3.0).abs() < 0.01 && low > 25.0 && high < 42.0, "{found:?}");
        let alike = (0..40).map(pair).map(|pair| Pair { predicted: [pair.predicted[0]; 2], ..pair });
        let same = Paired::of(["a", "a"], &[file(alike.collect())]);
        assert_eq!((same.f1_difference, same.f1_interval, same.p.to_bits()), (Some(0.0), Some((0.0, 0.0)), 1.0_f64.to_bits()));
    }

    #[test]
    fn several_files_count_alike_whatever_their_size() {
        use FirstError::{At, NoError};
        let file = |count: usize, predicted: [FirstError; 2]| {
            let pair = |at: usize| {
                let gold = if at.is_multiple_of(2) { At(1) } else { NoError };
                Pair { gold, predicted: predicted.map(|said| if gold == NoError { NoError } else { said }) }
            };
            Group { name: String::new(), pairs: (0..count).map(pair).collect(), problems: (0..count).collect() }
        };
        // In the large file the second scorer alone finds all, in the small one the first.
        let found = Paired::of(["a", "b"], &[file(400, [At(0), At(1)]), file(4, [At(1), At(0)])]);
        assert_eq!((found.f1_difference, found.each[0].f1, found.each[1].f1), (Some(0.0), Some(50.0), Some(50.0)));
        assert_eq!((found.each[0].n_error, found.each[0].acc_error, found.only), (202, Some(50.0), [2, 200]));
    }
}
