//! Step scores: a finite number together with what it means.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a step score means. Scores of different meaning are never averaged or compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Semantics {
    /// Probability that the step is right, `0..=1`.
    Correctness,
    /// Estimated chance that a rollout from here reaches the right answer, `0..=1`.
    Value,
    /// Change of value by the step, `-1..=1`.
    Advantage,
    /// Log-likelihood ratio of two models, unbounded.
    LogRatio,
}

impl Semantics {
    /// The closed range that scores of this meaning lie in.
    pub fn range(self) -> (f64, f64) {
        match self {
            Self::Correctness | Self::Value => (0.0, 1.0),
            Self::Advantage => (-1.0, 1.0),
            Self::LogRatio => (f64::NEG_INFINITY, f64::INFINITY),
        }
    }
}

impl fmt::Display for Semantics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Correctness => "P(correct)",
            Self::Value => "value",
            Self::Advantage => "advantage",
            Self::LogRatio => "log-ratio",
        })
    }
}

/// A model gave something that is not a score.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum ScoreError {
    /// NaN or infinity.
    #[error("the score is {0}, not a finite number")]
    NotFinite(f64),
    /// Outside of the range of its meaning.
    #[error("the score {0} lies outside of the range of {1}")]
    OutOfRange(f64, Semantics),
    /// Outside of the range that its model gives.
    #[error("the score {0} lies outside of the range from {1} to {2} of this model")]
    OutOfModelRange(f64, f64, f64),
}

/// One score of one step. Cannot hold NaN or infinity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepScore {
    value: f64,
    semantics: Semantics,
}

impl StepScore {
    /// A score on the usual scale of its meaning; refuses NaN, infinities and numbers outside of its range.
    pub fn new(value: f64, semantics: Semantics) -> Result<Self, ScoreError> {
        if !value.is_finite() {
            return Err(ScoreError::NotFinite(value));
        }
        let (low, high) = semantics.range();
        if value < low || value > high {
            return Err(ScoreError::OutOfRange(value, semantics));
        }
        Ok(Self { value, semantics })
    }

    /// A score in the range of a model whose scale is not the usual one of the meaning: a value head that ends in `tanh`.
    pub fn within(value: f64, semantics: Semantics, (low, high): (f64, f64)) -> Result<Self, ScoreError> {
        if !value.is_finite() {
            return Err(ScoreError::NotFinite(value));
        }
        if (low, high) == semantics.range() {
            return Self::new(value, semantics);
        }
        if value < low || value > high {
            return Err(ScoreError::OutOfModelRange(value, low, high));
        }
        Ok(Self { value, semantics })
    }

    /// The number, finite and inside the range of its meaning.
    pub fn value(self) -> f64 {
        self.value
    }

    /// What the number means.
    pub fn semantics(self) -> Semantics {
        self.semantics
    }
}
