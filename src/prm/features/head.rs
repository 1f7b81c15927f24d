//! A correction of a model's scores that is learned from an annotator's own labels.
//!
//! Logistic regression, fitted by Newton's method: `logit P(right) = scale * logit(score) + shift + weights * features`, where the features are
//! those of the built-in model, brought to mean 0 and width 1. A ridge pulls `scale` towards 1 and the weights towards 0, so that without
//! evidence the model's own score stays. The problem is convex and small, a few hundred labels give one answer, and it takes milliseconds:
//! nothing that needs an inference engine.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{VERSION, names};
use crate::prm::hex;

/// How strongly the weights are pulled towards 0; the best one is chosen on problems that were left out.
const PENALTIES: [f64; 4] = [10.0, 100.0, 1000.0, 10_000.0];
/// How strongly `scale` is pulled towards 1 and `shift` towards 0.
const LOOSE: f64 = 0.5;
/// Groups of problems of which one is left out at a time.
const FOLDS: u64 = 5;
/// No score is surer than this: its logit would drown everything else.
const SURE: f64 = 0.005;
const NEWTON_STEPS: usize = 30;

/// One labelled step.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// A number of its problem: steps of one problem are never parted.
    pub problem: u64,
    /// Where the model's score stands between wrong (0) and right (1).
    pub place: f64,
    /// Its features, one for each of [`names`].
    pub row: Vec<f32>,
    /// What the annotator says.
    pub right: bool,
}

/// The fitted correction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Version of the features.
    features: u32,
    /// Their names.
    names: Vec<String>,
    scale: f64,
    shift: f64,
    /// Mean and reciprocal width of each feature, and its weight.
    columns: Vec<(f64, f64, f64)>,
}

impl Head {
    /// Fits the examples; how far the weights may go is chosen by leaving out a fifth of the problems.
    pub fn fit(examples: &[&Example]) -> Self {
        let (kept, out): (Vec<&Example>, Vec<&Example>) =
            examples.iter().partition(|example| !(example.problem / FOLDS).is_multiple_of(FOLDS));
        let loss = |penalty| Self::with(&kept, penalty).loss(&out);
        let losses = PENALTIES.map(|penalty| if kept.is_empty() || out.is_empty() { 0.0 } else { loss(penalty) });
        // The strongest pull among equals.
        let best = (0..PENALTIES.len()).rev().min_by(|a, b| losses[*a].total_cmp(&losses[*b])).unwrap_or(PENALTIES.len() - 1);
        Self::with(examples, PENALTIES[best])
    }

    /// The probability of each example by a head that has not seen its problem.
    pub fn held_out(examples: &[Example]) -> Vec<f64> {
        let heads: Vec<Self> = (0..FOLDS)
            .map(|fold| Self::fit(&examples.iter().filter(|example| example.problem % FOLDS != fold).collect::<Vec<_>>()))
            .collect();
        let fold = |example: &Example| usize::try_from(example.problem % FOLDS).unwrap_or(0);
        examples.iter().map(|example| heads[fold(example)].probability(example.place, &example.row)).collect()
    }

    /// The chance that a step is right, `0..=1`. `place` is where the model's score stands between wrong (0) and right (1); features that are
    /// missing count as average.
    pub fn probability(&self, place: f64, row: &[f32]) -> f64 {
        let features: f64 =
            self.columns.iter().zip(row).map(|((mean, width, weight), x)| weight * standard(*x, *mean, *width)).sum();
        sigmoid(self.scale * logit(place) + self.shift + features)
    }

    /// Says what is wrong with a head that was read from a file.
    pub fn check(&self) -> Result<(), String> {
        if self.features != VERSION
            || !names().eq(self.names.iter().map(String::as_str))
            || self.columns.len() != self.names.len()
        {
            return Err("fitted on other features than this version of stepscope reads; fit it again".into());
        }
        let numbers = self.columns.iter().flat_map(|(mean, width, weight)| [*mean, *width, *weight]);
        match numbers.chain([self.scale, self.shift]).find(|number| !number.is_finite()) {
            Some(number) => Err(format!("found {number}, expected a finite number")),
            None => Ok(()),
        }
    }

    /// Identity of the scores that this head makes of those of the model with the key `base`.
    pub fn key(&self, base: &str) -> String {
        let mut key = Sha256::new();
        key.update(format!("stepscope head 1\0{base}\0"));
        for number in
            self.columns.iter().flat_map(|(mean, width, weight)| [mean, width, weight]).chain([&self.scale, &self.shift])
        {
            key.update(number.to_le_bytes());
        }
        hex(&key.finalize())
    }

    /// Mean logarithmic loss.
    fn loss(&self, examples: &[&Example]) -> f64 {
        let sum: f64 = examples.iter().map(|e| log_loss(self.probability(e.place, &e.row), e.right)).sum();
        sum / examples.len().max(1) as f64
    }

    fn with(examples: &[&Example], penalty: f64) -> Self {
        let spread: Vec<(f64, f64)> = (0..names().count()).map(|column| mean_and_width(examples, column)).collect();
        let rows: Vec<(Vec<f64>, f64)> = examples
            .iter()
            .map(|example| {
                let own = spread.iter().zip(&example.row).map(|((mean, width), x)| standard(*x, *mean, *width));
                ([logit(example.place), 1.0].into_iter().chain(own).collect(), if example.right { 1.0 } else { 0.0 })
            })
            .collect();
        let size = spread.len() + 2;
        let pull = |column: usize| if column < 2 { LOOSE } else { penalty };
        let start: Vec<f64> = (0..size).map(|column| if column == 0 { 1.0 } else { 0.0 }).collect();
        let weights = newton(&rows, &start, pull);
        let columns = spread.into_iter().zip(&weights[2..]).map(|((mean, width), weight)| (mean, width, *weight)).collect();
        Self { features: VERSION, names: names().map(str::to_owned).collect(), scale: weights[0], shift: weights[1], columns }
    }
}

/// The logarithmic loss of a probability.
pub fn log_loss(probability: f64, right: bool) -> f64 {
    -(if right { probability } else { 1.0 - probability }).max(1e-9).ln()
}

fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

fn logit(place: f64) -> f64 {
    let place = place.clamp(SURE, 1.0 - SURE);
    (place / (1.0 - place)).ln()
}

/// A feature with mean 0 and width 1; what lies far outside of the examples counts as their border.
fn standard(x: f32, mean: f64, width: f64) -> f64 {
    ((f64::from(x) - mean) * width).clamp(-4.0, 4.0)
}

/// Mean and reciprocal standard deviation of a feature; the latter is 0 for one that never changes.
fn mean_and_width(examples: &[&Example], column: usize) -> (f64, f64) {
    let values = || examples.iter().map(|example| example.row.get(column).map_or(0.0, |x| f64::from(*x)));
    let count = examples.len().max(1) as f64;
    let mean = values().sum::<f64>() / count;
    let variance = values().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
    (mean, if variance > 1e-12 { variance.sqrt().recip() } else { 0.0 })
}

/// Minimises the logarithmic loss plus `pull / 2` times the square of the way from the start. Rows are inputs and a target.
fn newton(rows: &[(Vec<f64>, f64)], start: &[f64], pull: impl Fn(usize) -> f64) -> Vec<f64> {
    let score = |weights: &[f64], row: &[f64]| weights.iter().zip(row).map(|(w, x)| w * x).sum::<f64>();
    let total = |weights: &[f64]| {
        let fit: f64 = rows.iter().map(|(row, target)| log_loss(sigmoid(score(weights, row)), *target > 0.5)).sum();
        let ridge = |(column, (weight, start)): (usize, (&f64, &f64))| pull(column) * (weight - start).powi(2) / 2.0;
        fit + weights.iter().zip(start).enumerate().map(ridge).sum::<f64>()
    };
    let mut weights = start.to_vec();
    let mut loss = total(&weights);
    for _ in 0..NEWTON_STEPS {
        let size = weights.len();
        let mut slope: Vec<f64> = (0..size).map(|column| pull(column) * (weights[column] - start[column])).collect();
        let mut curve = vec![vec![0.0; size]; size];
        for (row, target) in rows {
            let probability = sigmoid(score(&weights, row));
            let curvature = probability * (1.0 - probability);
            for (i, x) in row.iter().enumerate() {
                slope[i] += (probability - target) * x;
                let scaled = curvature * x;
                // The lower half: the matrix is symmetric.
                curve[i].iter_mut().zip(&row[..=i]).for_each(|(cell, other)| *cell += scaled * other);
            }
        }
        (0..size).for_each(|column| curve[column][column] += pull(column));
        let way = solve(curve, slope);
        // Half the way, and half again, while it leads up.
        let tried = (0..20).map(|halvings| 0.5_f64.powi(halvings)).find_map(|share| {
            let next: Vec<f64> = weights.iter().zip(&way).map(|(weight, way)| weight - share * way).collect();
            let found = total(&next);
            (found < loss).then_some((next, found))
        });
        let Some((next, found)) = tried else { break };
        let gain = loss - found;
        (weights, loss) = (next, found);
        if gain < 1e-9 * loss.max(1.0) {
            break;
        }
    }
    weights
}

/// Solves a positive definite system, of which the lower half is given, by Cholesky's factors.
fn solve(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> Vec<f64> {
    let size = right.len();
    for i in 0..size {
        let (above, below) = matrix.split_at_mut(i);
        let row = &mut below[0];
        for j in 0..i {
            let inner: f64 = row[..j].iter().zip(&above[j][..j]).map(|(a, b)| a * b).sum();
            row[j] = (row[j] - inner) / above[j][j];
        }
        let inner: f64 = row[..i].iter().map(|a| a * a).sum();
        // Positive, for every pull is; rounding must not make it anything else.
        row[i] = (row[i] - inner).max(1e-12).sqrt();
        let known: f64 = row[..i].iter().zip(&right[..i]).map(|(a, b)| a * b).sum();
        right[i] = (right[i] - known) / row[i];
    }
    for i in (0..size).rev() {
        right[i] /= matrix[i][i];
        let (head, tail) = right.split_at_mut(i);
        head.iter_mut().zip(&matrix[i]).for_each(|(value, factor)| *value -= factor * tail[0]);
    }
    right
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps whose first feature tells right from wrong while the score says nothing.
    fn examples(count: u64) -> Vec<Example> {
        let example = |n: u64| {
            let right = n * 2_654_435_761 % 97 < 60;
            let mut row = vec![0.0; names().count()];
            row[0] = if right { 1.0 } else { 3.0 } + if n.is_multiple_of(7) { 2.0 } else { 0.0 };
            Example { problem: n, place: 0.5, row, right }
        };
        (0..count).map(example).collect()
    }

    #[test]
    fn a_system_solved_by_hand() {
        // 4x + 2y = 2, 2x + 5y = 9.
        let found = solve(vec![vec![4.0, 0.0], vec![2.0, 5.0]], vec![2.0, 9.0]);
        assert!((found[0] + 0.5).abs() < 1e-12 && (found[1] - 2.0).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn one_share_is_found_again() {
        let rows: Vec<(Vec<f64>, f64)> = (0..8).map(|n| (vec![1.0], if n < 6 { 1.0 } else { 0.0 })).collect();
        let weights = newton(&rows, &[0.0], |_| 1e-9);
        assert!((sigmoid(weights[0]) - 0.75).abs() < 1e-6);
    }

    #[test]
    fn labels_that_the_features_explain_are_learned_and_carry_over() {
        let examples = examples(400);
        let found = Head::held_out(&examples);
        let loss = |of: &dyn Fn(usize) -> f64| (0..examples.len()).map(|n| log_loss(of(n), examples[n].right)).sum::<f64>();
        assert!(loss(&|n| found[n]) < 0.6 * loss(&|_| 0.5));
    }

    #[test]
    fn without_evidence_the_score_stays() {
        let head = Head::fit(&[]);
        for place in [0.1, 0.5, 0.9] {
            assert!((head.probability(place, &[]) - place).abs() < 1e-9);
        }
        assert!(head.check().is_ok());
    }

    #[test]
    fn any_labels_give_finite_numbers() {
        for right in [true, false] {
            let mut all = examples(30);
            all.iter_mut().enumerate().for_each(|(n, example)| {
                example.right = right;
                example.place = [f64::MIN_POSITIVE, 0.0, 1.0][n % 3];
                example.row[1] = f32::MAX;
            });
            let head = Head::fit(&all.iter().collect::<Vec<_>>());
            assert_eq!(head.check(), Ok(()));
            assert!((0.0..=1.0).contains(&head.probability(1.0, &all[0].row)));
        }
    }
}
