//! Score heads: from hidden states at the read positions to logits.

use candle_core::{Result, Tensor};

use super::PrmError;
use super::checkpoint::{Layout, Weights};
use super::config::DecoderConfig;

/// The rows of an output projection over the vocabulary. A family keeps only what it reads.
#[derive(Debug)]
pub(super) struct LmHead {
    /// `(vocab, hidden)`
    weight: Tensor,
}

/// Rows of logits over the vocabulary that are in memory at once.
const LOGIT_ROWS: usize = 64;

impl LmHead {
    /// The tensors of the head: none where it shares the embedding.
    pub(super) fn layout(config: &DecoderConfig) -> Layout {
        if config.tied { Vec::new() } else { vec![("lm_head.weight".to_owned(), vec![config.vocab, config.hidden])] }
    }

    /// Takes the head out of the weights, before the decoder takes the embedding.
    pub(super) fn load(weights: &mut Weights, config: &DecoderConfig) -> std::result::Result<Self, PrmError> {
        let weight = if config.tied { weights.share("model.embed_tokens.weight")? } else { weights.take("lm_head.weight")? };
        Ok(Self { weight })
    }

    /// The rows of some tokens, `(ids.len(), hidden)`.
    pub(super) fn rows(&self, ids: &[u32]) -> Result<Tensor> {
        self.weight.index_select(&Tensor::new(ids, self.weight.device())?, 0)
    }

    /// The mean over all rows, `(1, hidden)`: its product with a state is the mean of all logits.
    pub(super) fn mean_row(&self) -> Result<Tensor> {
        self.weight.mean_keepdim(0)
    }

    /// Logits `(rows, vocab)` of hidden states `(rows, hidden)`.
    pub(super) fn logits(&self, hidden: &Tensor) -> Result<Tensor> {
        hidden.matmul(&self.weight.t()?)
    }

    /// For each hidden state the log-probability that the token of `next` follows.
    pub(super) fn log_probabilities(&self, hidden: &Tensor, next: &[u32]) -> Result<Vec<f32>> {
        let mut out = Vec::with_capacity(next.len());
        for (block, next) in next.chunks(LOGIT_ROWS).enumerate() {
            let logits = self.logits(&hidden.narrow(0, block * LOGIT_ROWS, next.len())?)?;
            for (row, &id) in logits.to_vec2::<f32>()?.iter().zip(next) {
                let top = row.iter().copied().fold(f32::NEG_INFINITY, |a, b| if a > b { a } else { b });
                let sum: f64 = row.iter().map(|z| f64::from(z - top).exp()).sum();
                let own = row.get(id as usize).copied().unwrap_or(f32::NAN);
                #[expect(clippy::cast_possible_truncation, reason = "a logarithm, rounded to the kind of the logits")]
                out.push((f64::from(own - top) - sum.ln()) as f32);
            }
        }
        Ok(out)
    }
}

/// For each hidden state whether all of its numbers are finite.
pub(super) fn finite_rows(hidden: &Tensor) -> Result<Vec<std::result::Result<(), String>>> {
    let check = |state: &Vec<f32>| match state.iter().find(|x| !x.is_finite()) {
        Some(x) => Err(format!("the model's state at this step holds {x}, not a finite number")),
        None => Ok(()),
    };
    Ok(hidden.to_vec2()?.iter().map(check).collect())
}
