//! Labels that are likely wrong: those to which a model that has not seen them gives little chance.
//!
//! The model is a hazard: the chance that a step is the first error, given that none before it was, from its score and the checks, by logistic
//! regression. It is fitted on other problems than those it judges (a fifth is left out at a time), so that a label cannot speak for
//! itself. Labels are ranked by how much likelier another first error is, the normalised margin of Northcutt, Jiang and Chuang (Confident
//! Learning, 2021, section 3.3); long solutions are not suspect because they have more steps to choose from.

use super::logistic::{logit, newton, sigmoid};
use crate::trace::FirstError;

/// Numbers that a step is judged by, the first of them constant.
const WIDTH: usize = 7;
/// Groups of problems of which one is left out at a time.
const FOLDS: u64 = 5;
/// Solutions that a fit takes in at most; the rest would change nothing.
const MOST: usize = 4000;
/// Wrong solutions, and right ones, below which nothing can be told.
const NEEDED: usize = 10;
/// Pulls weights towards 0.
const RIDGE: f64 = 1.0;

/// A labelled solution whose steps all have scores.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    problem: u64,
    label: FirstError,
    steps: Vec<[f64; WIDTH]>,
}

impl Case {
    /// A solution of the problem with this number, its label, its step scores as places between wrong (0) and right (1), and at which steps a
    /// check fails. `None` without a label that names a first error or none.
    pub fn new(problem: u64, label: FirstError, scores: &[f64], fails: &[bool]) -> Option<Self> {
        let steps = scores.len();
        let known = match label {
            FirstError::At(step) => step < steps,
            FirstError::NoError => steps > 0,
            FirstError::Unknown | FirstError::Unlabelable => false,
        };
        let logit = |score: f64| logit(if score.is_finite() { score } else { 0.5 });
        let mut lowest = logit(1.0);
        let mut before = lowest;
        let mut row = |(step, score): (usize, &f64)| {
            let score = logit(*score);
            let fails = f64::from(u8::from(fails.get(step).copied().unwrap_or(false)));
            let place = (step + 1) as f64 / steps as f64;
            let row = [1.0, score, before - score, lowest, fails, place, (steps as f64).ln()];
            lowest = lowest.min(score);
            before = score;
            row
        };
        known.then(|| Self { problem, label, steps: scores.iter().enumerate().map(&mut row).collect() })
    }

    fn fold(&self) -> u64 {
        self.problem % FOLDS
    }

    /// Steps that the label speaks of, and whether each is right.
    fn spoken(&self) -> impl Iterator<Item = (&[f64; WIDTH], bool)> {
        let error = match self.label {
            FirstError::At(step) => step,
            _ => usize::MAX,
        };
        self.steps.iter().enumerate().take_while(move |(step, _)| *step <= error).map(move |(step, row)| (row, step != error))
    }
}

/// How far a label is to be doubted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Doubt {
    /// Chance of the label.
    pub chance: f64,
    /// The likeliest first error.
    pub likely: FirstError,
    /// Its chance.
    pub likely_chance: f64,
    /// How much likelier the likeliest other one is: -1 to 1.
    pub margin: f64,
}

/// The doubts in the labels of all cases; none where there are too few wrong or right solutions on other problems to learn from.
pub fn doubts(cases: &[Case]) -> Vec<Option<Doubt>> {
    let models: Vec<Option<Vec<f64>>> = (0..FOLDS)
        .map(|fold| {
            let rest: Vec<&Case> = cases.iter().filter(|case| case.fold() != fold).collect();
            let wrong = rest.iter().filter(|case| matches!(case.label, FirstError::At(_))).count();
            (wrong >= NEEDED && rest.len() - wrong >= NEEDED).then(|| fit(&rest))
        })
        .collect();
    let model = |case: &Case| usize::try_from(case.fold()).ok().and_then(|fold| models.get(fold)?.as_deref());
    cases.iter().map(|case| Some(doubt(case, model(case)?))).collect()
}

/// The chances of all first errors, and what they say of the label.
fn doubt(case: &Case, weights: &[f64]) -> Doubt {
    let mut left = 1.0;
    let mut chances: Vec<(FirstError, f64)> = Vec::with_capacity(case.steps.len() + 1);
    for (step, row) in case.steps.iter().enumerate() {
        let right = sigmoid(weights.iter().zip(row).map(|(weight, number)| weight * number).sum());
        chances.push((FirstError::At(step), left * (1.0 - right)));
        left *= right;
    }
    chances.push((FirstError::NoError, left));
    let chance = chances.iter().find(|(found, _)| *found == case.label).map_or(0.0, |(_, chance)| *chance);
    let best = |of: &dyn Fn(FirstError) -> bool| {
        let among = chances.iter().copied().filter(|(found, _)| of(*found));
        among.max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((FirstError::Unknown, 0.0))
    };
    let (likely, likely_chance) = best(&|_| true);
    Doubt { chance, likely, likely_chance, margin: best(&|found| found != case.label).1 - chance }
}

/// Whether a step is right, from its numbers.
fn fit(cases: &[&Case]) -> Vec<f64> {
    // Evenly spread, so that the order of the files does not matter.
    let every = cases.len().div_ceil(MOST).max(1);
    let spoken = cases.iter().step_by(every).flat_map(|case| case.spoken());
    let rows: Vec<(Vec<f64>, f64)> = spoken.map(|(row, right)| (row.to_vec(), f64::from(u8::from(right)))).collect();
    newton(&rows, &[0.0; WIDTH], |_| RIDGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scores that say where the first error is, but for noise.
    fn case(number: u64, label: FirstError, truth: FirstError) -> Case {
        let noise = |step: usize| ((number * 7 + step as u64 * 13) % 10) as f64 / 50.0;
        let score = |step: usize| if truth == FirstError::At(step) { 0.1 } else { 0.9 - noise(step) };
        let scores: Vec<f64> = (0..5).map(score).collect();
        Case::new(number, label, &scores, &[false; 5]).unwrap()
    }

    #[test]
    fn labels_that_were_turned_stand_first() {
        let truth = |n: u64| match usize::try_from(n % 6).unwrap() {
            5 => FirstError::NoError,
            step => FirstError::At(step),
        };
        // Three in two hundred are wrong.
        let turned = [17, 92, 150];
        let label = |n: u64| if turned.contains(&n) { truth(n + 1) } else { truth(n) };
        let cases: Vec<Case> = (0..200).map(|n| case(n, label(n), truth(n))).collect();
        let found = doubts(&cases);
        let mut order: Vec<u64> = (0..200).collect();
        let margin = |n: u64| found[usize::try_from(n).unwrap()].unwrap().margin;
        order.sort_by(|a, b| margin(*b).total_cmp(&margin(*a)));
        let mut first = order[..3].to_vec();
        first.sort_unstable();
        assert_eq!(first, turned);
        let doubt = found[17].unwrap();
        assert_eq!(doubt.likely, truth(17));
        assert!(doubt.chance < 0.1 && doubt.likely_chance > 0.5 && doubt.margin > 0.4, "{doubt:?}");
    }

    #[test]
    fn a_label_has_no_say_in_its_own_doubt() {
        let cases: Vec<Case> = (0..60).map(|n| case(n, FirstError::At(1), FirstError::At(1))).collect();
        assert!(doubts(&cases).iter().all(Option::is_none), "there is no right solution to learn from");
        let mixed = |odd: FirstError| -> Vec<Case> {
            let label = |n: u64| {
                if n == 30 {
                    odd
                } else if n.is_multiple_of(2) {
                    FirstError::At(1)
                } else {
                    FirstError::NoError
                }
            };
            (0..60)
                .map(|n| case(n, label(n), if n.is_multiple_of(2) { FirstError::At(1) } else { FirstError::NoError }))
                .collect()
        };
        let [a, b] = [FirstError::At(1), FirstError::NoError].map(|odd| doubts(&mixed(odd))[30].unwrap());
        assert_eq!((a.likely, a.likely_chance), (b.likely, b.likely_chance));
        assert!(b.margin > 0.0 && a.margin < 0.0);
    }

    #[test]
    fn what_cannot_be_compared_is_no_case() {
        assert_eq!(Case::new(1, FirstError::At(5), &[0.5; 5], &[]), None);
        assert_eq!(Case::new(1, FirstError::Unknown, &[0.5; 5], &[]), None);
        assert_eq!(Case::new(1, FirstError::NoError, &[], &[]), None);
        assert!(Case::new(1, FirstError::NoError, &[f64::NAN], &[]).is_some());
    }
}
