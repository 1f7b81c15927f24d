//! The `ProcessBench` measure (arXiv:2412.06559): does a scorer find the first wrong step, and does it leave right solutions alone?
//!
//! Accuracy on erroneous solutions is the share whose first wrong step is named exactly; accuracy on correct ones is the share that is
//! called free of errors; F1 is the harmonic mean of the two. All in percent. F1 is 0 when both are 0 (the reference script divides by zero there).
//! A subset without one of the two kinds has no accuracy of that kind and no F1 (`None`), and stays out of the mean over subsets.

use serde::Serialize;

use crate::trace::FirstError;

/// One judged solution: what people found and what the scorer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Case {
    /// First error found by people: `At` or `NoError`. Cases with any other gold are not counted.
    pub gold: FirstError,
    /// First error found by the scorer. `Unknown` and `Unlabelable` mean that it gave no answer, which is wrong.
    pub predicted: FirstError,
}

/// Figures of one subset.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Subset {
    /// Name of the subset.
    pub name: String,
    /// Solutions with a first error.
    pub n_error: usize,
    /// Solutions without error.
    pub n_correct: usize,
    /// Share of the former whose first error was named exactly, in percent.
    pub acc_error: Option<f64>,
    /// Share of the latter that were called free of errors, in percent.
    pub acc_correct: Option<f64>,
    /// Harmonic mean of the two accuracies, in percent.
    pub f1: Option<f64>,
}

impl Subset {
    /// The figures of these cases.
    pub fn of(name: &str, cases: &[Case]) -> Self {
        let (mut n_error, mut n_correct, mut hit_error, mut hit_correct) = (0, 0, 0, 0);
        for case in cases {
            let hit = usize::from(case.gold == case.predicted);
            match case.gold {
                FirstError::At(_) => {
                    n_error += 1;
                    hit_error += hit;
                }
                FirstError::NoError => {
                    n_correct += 1;
                    hit_correct += hit;
                }
                FirstError::Unknown | FirstError::Unlabelable => {}
            }
        }
        let acc_error = percent(hit_error, n_error);
        let acc_correct = percent(hit_correct, n_correct);
        let f1 = acc_error.zip(acc_correct).map(|(a, b)| harmonic_mean(a, b));
        Self { name: name.to_owned(), n_error, n_correct, acc_error, acc_correct, f1 }
    }

    /// Several subsets as one row: solutions in all, and the plain means of the figures of those that have them.
    pub fn mean(name: &str, subsets: &[Self]) -> Self {
        let sum = |of: fn(&Self) -> usize| subsets.iter().map(of).sum();
        let mean = |of: fn(&Self) -> Option<f64>| mean(subsets.iter().filter_map(of));
        Self {
            name: name.to_owned(),
            n_error: sum(|subset| subset.n_error),
            n_correct: sum(|subset| subset.n_correct),
            acc_error: mean(|subset| subset.acc_error),
            acc_correct: mean(|subset| subset.acc_correct),
            f1: mean(|subset| subset.f1),
        }
    }
}

pub(super) fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (count, sum) = values.fold((0_usize, 0.0), |(count, sum), value| (count + 1, sum + value));
    (count > 0).then(|| sum / count as f64)
}

/// Where first errors are named in the solutions that have one (`p - g` of the index that is named and the one that people found).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Offsets {
    /// Before the first error: a right step is called wrong.
    pub early: usize,
    /// At it.
    pub exact: usize,
    /// Behind it.
    pub late: usize,
    /// Nowhere.
    pub missed: usize,
}

impl Offsets {
    /// Those of these cases.
    pub fn of(cases: &[Case]) -> Self {
        let mut offsets = Self::default();
        for case in cases {
            let FirstError::At(gold) = case.gold else { continue };
            *match case.predicted {
                FirstError::At(named) if named < gold => &mut offsets.early,
                FirstError::At(named) if named == gold => &mut offsets.exact,
                FirstError::At(_) => &mut offsets.late,
                FirstError::NoError | FirstError::Unknown | FirstError::Unlabelable => &mut offsets.missed,
            } += 1;
        }
        offsets
    }
}

/// Plain mean of the F1s of the subsets that have one, as published tables print it; `None` when none has.
pub fn mean_f1(subsets: &[Subset]) -> Option<f64> {
    mean(subsets.iter().filter_map(|subset| subset.f1))
}

/// The first step with a score below the threshold. A step without a score (`None`) is passed over; a solution in which no step has a
/// score gets no verdict, one without any step is free of errors.
pub fn first_below(scores: &[Option<f64>], threshold: f64) -> FirstError {
    if !scores.is_empty() && scores.iter().all(Option::is_none) {
        return FirstError::Unknown;
    }
    let first = scores.iter().position(|score| score.is_some_and(|score| score < threshold));
    first.map_or(FirstError::NoError, FirstError::At)
}

/// Where people have judged the steps of a solution, with their verdict: those before the first error are right, the first error is wrong, and
/// what stands behind it is left out. Indices of `steps` steps.
pub fn judged(gold: FirstError, steps: usize) -> impl Iterator<Item = (usize, bool)> {
    let (judged, wrong) = match gold {
        FirstError::At(index) => (index.saturating_add(1), Some(index)),
        FirstError::NoError => (steps, None),
        FirstError::Unknown | FirstError::Unlabelable => (0, None),
    };
    (0..judged.min(steps)).map(move |index| (index, Some(index) != wrong))
}

fn percent(hits: usize, count: usize) -> Option<f64> {
    (count > 0).then(|| 100.0 * hits as f64 / count as f64)
}

fn harmonic_mean(a: f64, b: f64) -> f64 {
    if a + b == 0.0 { 0.0 } else { 2.0 * a * b / (a + b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_index(index: i64) -> FirstError {
        usize::try_from(index).map_or(FirstError::NoError, FirstError::At)
    }

    fn cases(gold: &[i64], predicted: &[i64]) -> Vec<Case> {
        gold.iter().zip(predicted).map(|(g, p)| Case { gold: from_index(*g), predicted: from_index(*p) }).collect()
    }

    #[test]
    fn hand_made_vector() {
        let subset = Subset::of("toy", &cases(&[-1, -1, 0, 2, 3], &[-1, 1, 0, 2, 1]));
        assert_eq!((subset.n_error, subset.n_correct), (3, 2));
        assert!((subset.acc_error.unwrap() - 66.666_667).abs() < 1e-5);
        assert_eq!(subset.acc_correct, Some(50.0));
        assert!((subset.f1.unwrap() - 57.142_857).abs() < 1e-5);
    }

    #[test]
    fn f1_is_zero_when_both_accuracies_are_and_missing_when_a_kind_is_missing() {
        assert_eq!(Subset::of("", &cases(&[-1, 0], &[0, -1])).f1, Some(0.0));
        let errors = Subset::of("", &cases(&[0], &[0]));
        assert_eq!((errors.acc_error, errors.acc_correct, errors.f1), (Some(100.0), None, None));
        assert_eq!(Subset::of("", &[]).f1, None);
    }

    #[test]
    fn no_answer_is_a_wrong_answer() {
        let case = |gold| Case { gold, predicted: FirstError::Unknown };
        let subset = Subset::of("", &[case(FirstError::NoError), case(FirstError::At(0)), case(FirstError::Unknown)]);
        assert_eq!((subset.n_error, subset.n_correct), (1, 1));
        assert_eq!((subset.acc_error, subset.acc_correct), (Some(0.0), Some(0.0)));
    }

    #[test]
    fn the_overall_number_is_the_plain_mean_of_the_subsets() {
        let subset = |f1| Subset { f1, ..Subset::of("", &[]) };
        // A published row: 68.2, 62.6, 50.7, 44.3 -> 56.5.
        let mean = mean_f1(&[subset(Some(68.2)), subset(Some(62.6)), subset(Some(50.7)), subset(Some(44.3)), subset(None)]);
        assert!((mean.unwrap() - 56.45).abs() < 1e-9);
        assert_eq!(mean_f1(&[subset(None)]), None);
    }

    #[test]
    fn the_first_step_below_the_threshold_is_the_error() {
        assert_eq!(first_below(&[Some(0.9), Some(0.5), Some(0.4), Some(0.1)], 0.5), FirstError::At(2));
        assert_eq!(first_below(&[Some(0.9), None], 0.5), FirstError::NoError);
        assert_eq!(first_below(&[None, None], 0.5), FirstError::Unknown);
        assert_eq!(first_below(&[], 0.5), FirstError::NoError);
    }

    #[test]
    fn steps_behind_the_first_error_are_not_judged() {
        let of = |gold, steps| judged(gold, steps).collect::<Vec<_>>();
        assert_eq!(of(FirstError::At(1), 3), [(0, true), (1, false)]);
        assert_eq!(of(FirstError::NoError, 1), [(0, true)]);
        assert_eq!(of(FirstError::At(5), 1), [(0, true)]);
        assert_eq!(of(FirstError::Unknown, 3), []);
    }

    #[test]
    fn first_errors_are_named_early_exactly_late_or_not() {
        let offsets = Offsets::of(&cases(&[2, 2, 2, 2, -1, 0], &[1, 2, 4, -1, 0, -1]));
        assert_eq!(offsets, Offsets { early: 1, exact: 1, late: 1, missed: 2 });
    }

    #[test]
    fn several_subsets_have_the_mean_of_their_figures() {
        let both = Subset::of("", &cases(&[-1, 0], &[-1, -1]));
        let errors = Subset::of("", &cases(&[0], &[0]));
        let mean = Subset::mean("all", &[both, errors]);
        assert_eq!(
            (mean.n_error, mean.n_correct, mean.acc_error, mean.acc_correct, mean.f1),
            (2, 1, Some(50.0), Some(100.0), Some(0.0))
        );
    }
}
