//! Score heads: from hidden states at the read positions to logits.

use candle_core::{Result, Tensor};

use super::PrmError;
use super::checkpoint::{Layout, Weights};

/// `Linear -> ReLU -> Linear` to two labels, all with bias (`score.0` and `score.2` of `Qwen2ForProcessRewardModel`).
#[derive(Debug)]
pub(super) struct MlpHead {
    /// `(hidden, hidden)`
    first: Tensor,
    first_bias: Tensor,
    /// `(hidden, 2)`
    second: Tensor,
    second_bias: Tensor,
}

impl MlpHead {
    /// The tensors of the head.
    pub(super) fn layout(hidden: usize) -> Layout {
        vec![
            ("score.0.weight".to_owned(), vec![hidden, hidden]),
            ("score.0.bias".to_owned(), vec![hidden]),
            ("score.2.weight".to_owned(), vec![2, hidden]),
            ("score.2.bias".to_owned(), vec![2]),
        ]
    }

    pub(super) fn load(weights: &mut Weights) -> std::result::Result<Self, PrmError> {
        Ok(Self {
            first: weights.take("score.0.weight")?.t()?,
            first_bias: weights.take("score.0.bias")?,
            second: weights.take("score.2.weight")?.t()?,
            second_bias: weights.take("score.2.bias")?,
        })
    }

    /// Logits `(rows, 2)` of hidden states `(rows, hidden)`.
    pub(super) fn logits(&self, hidden: &Tensor) -> Result<Vec<[f32; 2]>> {
        let inner = hidden.matmul(&self.first)?.broadcast_add(&self.first_bias)?;
        // A rectifier that keeps NaN: `max(NaN, 0)` would be a number.
        let inner = ((&inner + inner.abs()?)? * 0.5)?;
        let logits = inner.matmul(&self.second)?.broadcast_add(&self.second_bias)?;
        Ok(logits.to_vec2()?.into_iter().map(|row: Vec<f32>| [row[0], row[1]]).collect())
    }
}

/// Probability of label 1 of two, in f32.
pub(super) fn second_of_two([z0, z1]: [f32; 2]) -> f32 {
    let top = if z1 > z0 { z1 } else { z0 };
    let (e0, e1) = ((z0 - top).exp(), (z1 - top).exp());
    e1 / (e0 + e1)
}
