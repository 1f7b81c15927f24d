//! From the scores of the steps to one score of the solution.

use serde::{Deserialize, Serialize};

/// How step scores become a solution score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aggregate {
    /// Lowest step score (Math-Shepherd, openr, `FoVer`).
    Min,
    /// Product (PRM800K, arXiv:2305.20050).
    #[serde(rename = "prod")]
    Product,
    /// Score of the last step (search-and-learn).
    Last,
    /// Arithmetic mean (`RLHFlow`).
    Mean,
    /// Geometric mean: the product without its dislike of long solutions.
    #[serde(rename = "geo")]
    GeometricMean,
    /// PURE's soft minimum over `r = 2 s - 1` at temperature 0.1; `-1..=1`.
    SoftMin,
    /// Sum of the steps, for rewards without bounds (`EurusPRM`).
    Sum,
}

impl Aggregate {
    /// All forms.
    pub const ALL: [Self; 7] = [Self::Min, Self::Product, Self::Last, Self::Mean, Self::GeometricMean, Self::SoftMin, Self::Sum];

    /// Name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Min => "min",
            Self::Product => "prod",
            Self::Last => "last",
            Self::Mean => "mean",
            Self::GeometricMean => "geo",
            Self::SoftMin => "soft-min",
            Self::Sum => "sum",
        }
    }

    /// The form of a name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|form| form.name() == name)
    }

    /// The solution score of these step scores; `None` without any step. The product, the geometric mean and the soft minimum take numbers in
    /// `0..=1`, the others any.
    pub fn of(self, scores: &[f64]) -> Option<f64> {
        let last = *scores.last()?;
        let n = scores.len() as f64;
        // ln 0 is -infinity and comes back as 0.
        let log_product = || scores.iter().map(|score| score.ln()).sum::<f64>();
        Some(match self {
            Self::Min => scores.iter().copied().fold(f64::INFINITY, f64::min),
            Self::Product => log_product().exp(),
            Self::Last => last,
            Self::Mean => scores.iter().sum::<f64>() / n,
            Self::GeometricMean => (log_product() / n).exp(),
            Self::SoftMin => soft_min(scores),
            Self::Sum => scores.iter().sum(),
        })
    }
}

/// PURE (arXiv:2504.15275): rewards `r = P(+) - P(-)`, weighted by `softmax(-r / T)` with `T` = 0.1.
fn soft_min(scores: &[f64]) -> f64 {
    const TEMPERATURE: f64 = 0.1;
    let rewards = || scores.iter().map(|score| 2.0 * score - 1.0);
    let lowest = rewards().fold(f64::INFINITY, f64::min);
    // Shifted by the lowest reward, so that the largest weight is 1 and nothing overflows.
    let (sum, weights) = rewards().fold((0.0, 0.0), |(sum, weights), reward| {
        let weight = ((lowest - reward) / TEMPERATURE).exp();
        (sum + weight * reward, weights + weight)
    });
    sum / weights
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hand_made_vector() {
        let expected = [0.4, 0.2736, 0.8, 0.7625, 0.723_234, -0.199_668, 3.05];
        for (form, expected) in Aggregate::ALL.into_iter().zip(expected) {
            let value = form.of(&[0.95, 0.9, 0.4, 0.8]).unwrap();
            assert!((value - expected).abs() < 1e-6, "{}: {value}", form.name());
        }
    }

    #[test]
    fn no_steps_and_zero_scores() {
        for form in Aggregate::ALL {
            assert_eq!(form.of(&[]), None);
            assert!(form.of(&[0.0, 1.0]).unwrap().is_finite(), "{}", form.name());
        }
    }
}
