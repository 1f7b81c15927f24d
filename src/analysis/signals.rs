//! The signals that can call a step wrong, each by itself: what are the exact checks, the score and their combinations worth?

use serde::Serialize;

use super::bootstrap::interval;
use super::decide::{Decision, decide};
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

    /// The first error by this signal, from the score of each step and whether an equality in it fails; `None` when the signal needs a rule for whole
    /// solutions and the model has none.
    pub fn verdict(
        self,
        scores: &[Option<f64>],
        failing: &[bool],
        threshold: f64,
        whole: Option<Decision>,
    ) -> Option<FirstError> {
        let below = |scores: &[Option<f64>]| decide(scores, Decision::FirstBelow(threshold));
        let steps = || scores.iter().zip(failing);
        Some(match self {
            Self::Checks => failing.iter().position(|failing| *failing).map_or(FirstError::NoError, FirstError::At),
            Self::Score => below(scores),
            Self::Suspicion => {
                let unsuspicious: Vec<_> = steps().map(|(score, failing)| Some(1.0 - suspicion((*score)?, *failing))).collect();
                below(&unsuspicious)
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
    /// 95 % interval of the latter, bootstrap over solutions.
    pub f1_interval: Option<(f64, f64)>,
}

impl Worth {
    /// The worth of these verdicts.
    pub fn of(signal: Signal, cases: &[Case]) -> Self {
        let named = || cases.iter().filter(|case| matches!(case.predicted, FirstError::At(_)));
        let (found, hits) = (named().count(), named().filter(|case| case.gold == case.predicted).count());
        let subset = Subset::of("", cases);
        Self {
            signal,
            precision: (found > 0).then(|| 100.0 * hits as f64 / found as f64),
            recall: subset.acc_error,
            f1: subset.f1,
            f1_interval: f1_interval(cases),
        }
    }
}

/// 95 % interval of the F1 of `ProcessBench`, bootstrap over solutions.
pub fn f1_interval(cases: &[Case]) -> Option<(f64, f64)> {
    interval(cases.len(), |sample| {
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
        let verdict =
            |signal: Signal, tau: Option<f64>| signal.verdict(&scores, &failing, 0.5, tau.map(|tau| Decision::Posterior { tau }));
        assert_eq!(verdict(Signal::Checks, None), Some(FirstError::At(1)));
        assert_eq!(verdict(Signal::Score, None), Some(FirstError::At(2)));
        assert_eq!(verdict(Signal::Suspicion, None), Some(FirstError::At(1)));
        assert_eq!(verdict(Signal::Posterior, None), None);
        assert_eq!(verdict(Signal::Posterior, Some(0.5)), Some(FirstError::At(2)));
    }

    #[test]
    fn precision_counts_what_was_named_and_recall_what_was_there() {
        use FirstError::{At, NoError};
        let cases = [(At(1), At(1)), (At(1), At(0)), (At(0), NoError), (NoError, At(2)), (NoError, NoError)];
        let cases: Vec<Case> = cases.map(|(gold, predicted)| Case { gold, predicted }).into();
        let worth = Worth::of(Signal::Checks, &cases);
        assert!((worth.precision.unwrap() - 100.0 / 3.0).abs() < 1e-9 && (worth.recall.unwrap() - 100.0 / 3.0).abs() < 1e-9);
        let (low, high) = worth.f1_interval.unwrap();
        assert!(low <= worth.f1.unwrap() && worth.f1.unwrap() <= high);
        assert_eq!(Worth::of(Signal::Checks, &[]).precision, None);
    }
}
