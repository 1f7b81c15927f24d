//! What one F1 does not tell of a scorer: how it hangs on the threshold (`ProcessBench`, arXiv:2412.06559), whether the lowest score just
//! stands at the final answer, and whether a right answer excuses a wrong step ("Lessons", arXiv:2501.07301).

use serde::Serialize;

use super::decide::{Decision, decide};
use super::meaning::Meaning;
use super::processbench::{Case, Subset};
use crate::trace::FirstError;

/// A solution that people judged, and its scores.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// The first error: `At` or `NoError`.
    pub gold: FirstError,
    /// Whether its answer is right, where that is known.
    pub right: Option<bool>,
    /// One score a step.
    pub scores: Vec<Option<f64>>,
}

/// The accuracies at one threshold, in percent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Notch {
    /// The threshold; tau where whole solutions are judged by their posterior.
    pub at: f64,
    /// As in [`Subset`].
    pub acc_error: Option<f64>,
    /// As in [`Subset`].
    pub acc_correct: Option<f64>,
    /// Harmonic mean of the two.
    pub f1: Option<f64>,
}

/// The accuracies over the notches of the scale, in its order: 19 within a closed range or of tau, 21 around the threshold in an open one.
pub fn sweep(judged: &[Judged], meaning: &Meaning, decision: Decision) -> Vec<Notch> {
    let (low, width) = meaning.notches();
    let rules: Vec<(f64, Decision)> = match decision {
        Decision::Posterior { .. } => {
            (1..20).map(|n| f64::from(n) / 20.0).map(|tau| (tau, Decision::Posterior { tau })).collect()
        }
        Decision::FirstBelow(_) => {
            let notches = if meaning.is_closed() { 1..20 } else { -10..11 };
            notches.map(|n| f64::from(n).mul_add(width, low)).map(|at| (at, Decision::FirstBelow(at))).collect()
        }
    };
    let notch = |(at, rule): (f64, Decision)| {
        let case = |judged: &Judged| Case { gold: judged.gold, predicted: decide(&judged.scores, rule) };
        let Subset { acc_error, acc_correct, f1, .. } = Subset::of("", &judged.iter().map(case).collect::<Vec<_>>());
        Notch { at, acc_error, acc_correct, f1 }
    };
    if judged.is_empty() { Vec::new() } else { rules.into_iter().map(notch).collect() }
}

/// Where the lowest score of a solution stands, the first one of equal ones: solutions of two and more steps that all have a score.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Lowest {
    /// How many there are.
    pub solutions: usize,
    /// At the last step, which names the answer.
    pub last: usize,
    /// At another one, by tenths of the way from the first step to the one before the last.
    pub tenths: [usize; 10],
}

impl Lowest {
    /// Those of these solutions.
    pub fn of(judged: &[Judged]) -> Self {
        let mut lowest = Self::default();
        for Judged { scores, .. } in judged.iter().filter(|judged| judged.scores.len() > 1) {
            let Some(scores) = scores.iter().copied().collect::<Option<Vec<f64>>>() else { continue };
            let at = (0..scores.len()).reduce(|low, next| if scores[next] < scores[low] { next } else { low }).unwrap_or(0);
            lowest.solutions += 1;
            match scores.len() - 1 {
                last if at == last => lowest.last += 1,
                before => lowest.tenths[10 * at / before] += 1,
            }
        }
        lowest
    }
}

/// Solutions with a right answer, and what their steps are worth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Flawed {
    /// Solutions with a right answer.
    pub right: usize,
    /// Of these: people found a wrong step.
    pub flawed: usize,
    /// Of these again: the scorer called no step wrong.
    pub excused: usize,
}

impl Flawed {
    /// Those of these solutions, as a rule judges them.
    pub fn of(judged: &[Judged], decision: Decision) -> Self {
        let mut found = Self::default();
        for judged in judged.iter().filter(|judged| judged.right == Some(true)) {
            let flawed = matches!(judged.gold, FirstError::At(_));
            found.right += 1;
            found.flawed += usize::from(flawed);
            found.excused += usize::from(flawed && decide(&judged.scores, decision) == FirstError::NoError);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(gold: FirstError, right: bool, scores: &[f64]) -> Judged {
        Judged { gold, right: Some(right), scores: scores.iter().copied().map(Some).collect() }
    }

    #[test]
    fn a_sweep_names_an_error_only_above_its_score() {
        let all = [judged(FirstError::At(1), false, &[0.9, 0.32]), judged(FirstError::NoError, true, &[0.9, 0.62])];
        let at = |notches: &[Notch], at: f64| notches.iter().find(|notch| (notch.at - at).abs() < 1e-9).unwrap().f1;
        let found = sweep(&all, &Meaning::CORRECT, Decision::FirstBelow(0.5));
        assert_eq!(found.len(), 19);
        assert_eq!(
            [0.3, 0.35, 0.6, 0.65].map(|threshold| at(&found, threshold)),
            [Some(0.0), Some(100.0), Some(100.0), Some(0.0)]
        );
        // A lower scale has its notches within its range, an open one around the threshold.
        let wide = sweep(&all, &Meaning::CORRECT.within(-1.0, 1.0, 0.0), Decision::FirstBelow(0.0));
        assert!((wide[0].at + 0.9).abs() < 1e-9 && at(&wide, 0.5) == Some(100.0));
        let open = sweep(&all, &Meaning::CORRECT.open(0.5, 1.0), Decision::FirstBelow(0.5));
        assert!(open.len() == 21 && (open[10].at - 0.5).abs() < 1e-9 && open[10].f1 == Some(100.0));
        // 0.32 * 0.9 against 0.9 * 0.68, and all of the other: 0.56 against 0.34.
        let tau = sweep(&all, &Meaning::CORRECT, Decision::Posterior { tau: 0.5 });
        assert_eq!((at(&tau, 0.3), at(&tau, 0.5), at(&tau, 0.65)), (Some(0.0), Some(100.0), Some(0.0)));
        assert!(sweep(&[], &Meaning::CORRECT, Decision::FirstBelow(0.5)).is_empty());
    }

    #[test]
    fn the_lowest_score_is_at_the_answer_or_on_the_way_there() {
        let scores: [&[f64]; 5] = [&[0.5, 0.4], &[0.4, 0.4], &[0.9, 0.9, 0.1, 0.9, 0.9], &[0.1], &[]];
        let all: Vec<Judged> = scores.iter().map(|scores| judged(FirstError::NoError, true, scores)).collect();
        let lowest = Lowest::of(&all);
        assert_eq!((lowest.solutions, lowest.last, lowest.tenths[0], lowest.tenths[5]), (3, 1, 1, 1));
        let gap = Judged { gold: FirstError::NoError, right: None, scores: vec![Some(0.5), None] };
        assert_eq!(Lowest::of(&[gap]), Lowest::default());
    }

    #[test]
    fn right_answers_by_wrong_steps() {
        let all = [
            judged(FirstError::At(0), true, &[0.9]),
            judged(FirstError::At(0), true, &[0.1]),
            judged(FirstError::NoError, true, &[0.9]),
            judged(FirstError::At(0), false, &[0.9]),
        ];
        assert_eq!(Flawed::of(&all, Decision::FirstBelow(0.5)), Flawed { right: 3, flawed: 2, excused: 1 });
    }
}
