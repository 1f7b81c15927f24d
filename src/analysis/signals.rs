//! The signals that can call a step wrong, each by itself: what are the exact checks, the score and their combinations worth?

use serde::Serialize;

use super::bootstrap::interval_of_groups;
use super::decide::{Decision, decide};
use super::meaning::Meaning;
use super::processbench::{Case, Subset};
use crate::checks::suspicion;
use crate::trace::FirstError;

/// One way to find the first error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Signal {
    /// The first step with a failing equality.
    Checks,
    /// The first step with a score below the threshold.
    Score,
    /// The first step that is more suspicious than a bare score at the threshold.
    Suspicion,
    /// The first-error posterior of a model that has a tau for it.
    Posterior,
}

impl Signal {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Checks, Self::Score, Self::Suspicion, Self::Posterior];

    /// Name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Checks => "checks",
            Self::Score => "score",
            Self::Suspicion => "suspicion",
            Self::Posterior => "posterior",
        }
    }

    /// The first error by this signal, from the score of each step in the numbers of the model, and whether an equality in it fails. `threshold` is
    /// that of a step, `whole` the rule for whole solutions, where the model has one. `None` where there is no such rule, and for the suspicion
    /// of scores that are no chances.
    pub fn verdict(
        self,
        scores: &[Option<f64>],
        failing: &[bool],
        meaning: &Meaning,
        threshold: f64,
        whole: Option<Decision>,
    ) -> Option<FirstError> {
        Some(match self {
            Self::Checks => failing.iter().position(|failing| *failing).map_or(FirstError::NoError, FirstError::At),
            Self::Score => decide(scores, Decision::FirstBelow(threshold)),
            Self::Suspicion if !meaning.is_chance() => return None,
            Self::Suspicion => {
                let right = |score: f64, failing| 1.0 - suspicion(meaning.position(score), failing);
                let steps = scores.iter().zip(failing);
                let unsuspicious: Vec<_> = steps.map(|(score, failing)| Some(right((*score)?, *failing))).collect();
                decide(&unsuspicious, Decision::FirstBelow(right(threshold, false)))
            }
            Self::Posterior => decide(scores, whole?),
        })
    }
}

/// How good the verdicts of one signal are.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Worth {
    /// The signal.
    pub signal: Signal,
    /// Share of its first errors that are the ones people found, in percent; `None` when it found none.
    pub precision: Option<f64>,
    /// Share of the wrong solutions whose first error it named, in percent.
    pub recall: Option<f64>,
    /// The measure of `ProcessBench`, in percent.
    pub f1: Option<f64>,
    /// 95 % interval of the latter, bootstrap over problems.
    pub f1_interval: Option<(f64, f64)>,
}

impl Worth {
    /// The worth of these verdicts; `problems` names the problem of each.
    pub fn of<K: Ord>(signal: Signal, cases: &[Case], problems: &[K]) -> Self {
        let named = || cases.iter().filter(|case| matches!(case.predicted, FirstError::At(_)));
        let (found, hits) = (named().count(), named().filter(|case| case.gold == case.predicted).count());
        let subset = Subset::of("", cases);
        Self {
            signal,
            precision: (found > 0).then(|| 100.0 * hits as f64 / found as f64),
            recall: subset.acc_error,
            f1: subset.f1,
            f1_interval: f1_interval(cases, problems),
        }
    }
}

/// 95 % interval of the F1 of `ProcessBench`, bootstrap over problems, of which `problems` names one for each case.
pub fn f1_interval<K: Ord>(cases: &[Case], problems: &[K]) -> Option<(f64, f64)> {
    interval_of_groups(problems, |sample| {
        let drawn: Vec<Case> = sample.iter().map(|index| cases[*index]).collect();
        Subset::of("", &drawn).f1
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_signal_points_where_its_evidence_is() {
        // The score sees step 2, the equality of step 1 fails, and together they see step 1.
        let (scores, failing) = ([Some(0.9), Some(0.8), Some(0.3)], [false, true, false]);
        let verdict = |signal: Signal, tau: Option<f64>| {
            signal.verdict(&scores, &failing, &Meaning::CORRECT, 0.5, tau.map(|tau| Decision::Posterior { tau }))
        };
        assert_eq!(verdict(Signal::Checks, None), Some(FirstError::At(1)));
        assert_eq!(verdict(Signal::Score, None), Some(FirstError::At(2)));
        assert_eq!(verdict(Signal::Suspicion, None), Some(FirstError::At(1)));
        assert_eq!(verdict(Signal::Posterior, None), None);
        assert_eq!(verdict(Signal::Posterior, Some(0.5)), Some(FirstError::At(2)));
    }

    #[test]
    fn the_same_scores_on_another_scale_are_as_suspicious() {
        let failing = [false, true, false];
        let suspicion = |scores: [f64; 3], meaning: &Meaning| {
            Signal::Suspicion.verdict(&scores.map(Some), &failing, meaning, meaning.threshold, None)
        };
        let pure = Meaning::CORRECT.within(-1.0, 1.0, 0.0);
        for scores in [[0.9, 0.8, 0.3], [0.6, 0.95, 0.6], [0.55, 1.0, 0.9]] {
            let stretched = scores.map(|score| 2.0 * score - 1.0);
            assert_eq!(suspicion(stretched, &pure), suspicion(scores, &Meaning::CORRECT), "{scores:?}");
        }
        let ratio = Meaning { semantics: crate::trace::Semantics::LogRatio, ..Meaning::CORRECT.open(0.0, 1.0) };
        assert_eq!(suspicion([1.0, -1.0, 0.5], &ratio), None, "they are no chances");
    }

    #[test]
    fn precision_counts_what_was_named_and_recall_what_was_there() {
        use FirstError::{At, NoError};
        let cases = [(At(1), At(1)), (At(1), At(0)), (At(0), NoError), (NoError, At(2)), (NoError, NoError)];
        let cases: Vec<Case> = cases.map(|(gold, predicted)| Case { gold, predicted }).into();
        let worth = Worth::of(Signal::Checks, &cases, &[0, 1, 2, 3, 4]);
        assert!((worth.precision.unwrap() - 100.0 / 3.0).abs() < 1e-9 && (worth.recall.unwrap() - 100.0 / 3.0).abs() < 1e-9);
        let (low, high) = worth.f1_interval.unwrap();
        assert!(low <= worth.f1.unwrap() && worth.f1.unwrap() <= high);
        assert_eq!(Worth::of(Signal::Checks, &[], &[0; 0]).precision, None);
    }
}
