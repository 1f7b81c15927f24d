//! The threshold of a rule, from data: the one with the best F1 of `ProcessBench`, if that is better on problems that were left out of the
//! choice than the one there was, beyond luck. A few hundred solutions say little of a threshold: on ProcessBench the one of the model, which
//! comes from much more data, does better on further problems than the best one of 150 solutions.

use super::bootstrap::interval_of_groups;
use super::decide::{Decision, decide};
use super::processbench::{Case, Subset};
use crate::trace::FirstError;

/// Groups of problems of which one is left out at a time.
const FOLDS: u64 = 5;
/// Thresholds that are tried, evenly between 0 and 1.
const TRIED: u32 = 50;

/// A judged solution, and its step scores by a model that has not seen the label.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// A number of its problem: solutions of one problem are never parted.
    pub problem: u64,
    /// What people say: `At` or `NoError`.
    pub gold: FirstError,
    /// The step scores, `0..=1`.
    pub scores: Vec<Option<f64>>,
}

/// A threshold, and what the rule says with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// The threshold.
    pub value: f64,
    /// The first error of each trial, by a threshold that was chosen without its problem.
    pub predicted: Vec<FirstError>,
    /// The F1 of these, in percent; `None` without a wrong or without a right solution.
    pub f1: Option<f64>,
}

/// Chooses the threshold of a rule; without evidence for another one it is `kept`.
pub fn choose(trials: &[Trial], kept: f64, rule: impl Fn(f64) -> Decision) -> Choice {
    let tried: Vec<f64> = (1..TRIED).map(|n| f64::from(n) / f64::from(TRIED)).chain([kept]).collect();
    let said = |tau: &f64| trials.iter().map(|trial| decide(&trial.scores, rule(*tau))).collect::<Vec<_>>();
    let verdicts: Vec<Vec<FirstError>> = tried.iter().map(said).collect();
    let last = tried.len() - 1;
    let best = |of: &dyn Fn(&Trial) -> bool| {
        let worth = |at: usize| f1(trials, &verdicts[at], of).unwrap_or(0.0);
        // What is nearest to the kept one among equals.
        let near = |at: usize| -(tried[at] - kept).abs();
        (0..tried.len()).max_by(|&a, &b| worth(a).total_cmp(&worth(b)).then(near(a).total_cmp(&near(b)))).unwrap_or(last)
    };
    let chosen: Vec<usize> = (0..FOLDS).map(|fold| best(&|trial| trial.problem % FOLDS != fold)).collect();
    let fold = |trial: &Trial| usize::try_from(trial.problem % FOLDS).unwrap_or(0);
    let crossed: Vec<FirstError> = trials.iter().enumerate().map(|(at, trial)| verdicts[chosen[fold(trial)]][at]).collect();
    let [moved, stays] = [&crossed, &verdicts[last]].map(|predicted| f1(trials, predicted, &|_| true));
    let problems: Vec<u64> = trials.iter().map(|trial| trial.problem).collect();
    let gain = interval_of_groups(&problems, |sample| {
        let of = |predicted: &[FirstError]| f1_of(sample.iter().map(|&at| (&trials[at], predicted[at])));
        Some(of(&crossed)? - of(&verdicts[last])?)
    });
    if gain.is_some_and(|(low, _)| low > 0.0) {
        Choice { value: tried[best(&|_| true)], predicted: crossed, f1: moved }
    } else {
        Choice { value: kept, predicted: verdicts[last].clone(), f1: stays }
    }
}

/// F1 of these verdicts over some of the trials, in percent.
fn f1(trials: &[Trial], predicted: &[FirstError], of: &dyn Fn(&Trial) -> bool) -> Option<f64> {
    f1_of(trials.iter().zip(predicted.iter().copied()).filter(|(trial, _)| of(trial)))
}

fn f1_of<'a>(said: impl Iterator<Item = (&'a Trial, FirstError)>) -> Option<f64> {
    let cases: Vec<Case> = said.map(|(trial, predicted)| Case { gold: trial.gold, predicted }).collect();
    Subset::of("", &cases).f1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trials(count: u64, high: f64, low: f64) -> Vec<Trial> {
        let trial = |problem: u64| {
            let wrong = problem.is_multiple_of(2);
            let gold = if wrong { FirstError::At(1) } else { FirstError::NoError };
            let jitter = (problem % 7) as f64 / 100.0;
            Trial {
                problem: problem * 31,
                gold,
                scores: [high, if wrong { low } else { high }].map(|s| Some(s - jitter)).to_vec(),
            }
        };
        (0..count).map(trial).collect()
    }

    #[test]
    fn a_threshold_that_parts_all_is_found_and_one_that_does_is_kept() {
        let trials = trials(40, 0.95, 0.8);
        let below = |kept| choose(&trials, kept, Decision::FirstBelow);
        let found = below(0.5);
        assert!((0.8..=0.9).contains(&found.value), "{}", found.value);
        assert!(trials.iter().zip(&found.predicted).all(|(trial, predicted)| trial.gold == *predicted));
        assert!((below(0.853).value - 0.853).abs() < 1e-12);
    }

    #[test]
    fn without_trials_or_one_kind_of_them_nothing_is_chosen() {
        let wrong: Vec<Trial> = trials(20, 0.9, 0.2).into_iter().filter(|trial| trial.gold != FirstError::NoError).collect();
        for trials in [&[], wrong.as_slice()] {
            let found = choose(trials, 0.7, |tau| Decision::Posterior { tau });
            assert!((found.value - 0.7).abs() < 1e-12 && found.predicted.len() == trials.len());
        }
    }
}
