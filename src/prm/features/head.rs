//! A correction of a model's scores that is learned from an annotator's own labels.
//!
//! Logistic regression ([`crate::analysis::logistic`]): `logit P(right) = scale * logit(score) + shift + weights * features`, where the features are
//! those of the built-in model, brought to mean 0 and width 1. A ridge pulls `scale` towards 1 and the weights towards 0, so that without
//! evidence the model's own score stays. The problem is convex and small, a few hundred labels give one answer, and it takes milliseconds:
//! nothing that needs an inference engine.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{VERSION, names};
use crate::analysis::logistic::{log_loss, logit, newton, sigmoid};
use crate::text::hex;

/// How strongly the weights are pulled towards 0; the best one is chosen on problems that were left out.
const PENALTIES: [f64; 4] = [10.0, 100.0, 1000.0, 10_000.0];
/// How strongly `scale` is pulled towards 1 and `shift` towards 0.
const LOOSE: f64 = 0.5;
/// Groups of problems of which one is left out at a time.
const FOLDS: u64 = 5;

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

/// Heads for each fifth of the problems that have not seen it.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldOut(Vec<Head>);

impl HeldOut {
    /// [`Head::probability`] by the head that has not seen the problem with this number.
    pub fn probability(&self, problem: u64, place: f64, row: &[f32]) -> f64 {
        let head = usize::try_from(problem % FOLDS).ok().and_then(|fold| self.0.get(fold));
        head.map_or(place, |head| head.probability(place, row))
    }
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

    /// Heads that have each seen all examples but those of a fifth of the problems.
    pub fn held_out(examples: &[Example]) -> HeldOut {
        let without = |fold| Self::fit(&examples.iter().filter(|example| example.problem % FOLDS != fold).collect::<Vec<_>>());
        HeldOut((0..FOLDS).map(without).collect())
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
    fn labels_that_the_features_explain_are_learned_and_carry_over() {
        let examples = examples(400);
        let heads = Head::held_out(&examples);
        let found: Vec<f64> = examples.iter().map(|e| heads.probability(e.problem, e.place, &e.row)).collect();
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
