//! From hidden states at the read positions to logits: score heads of every family.

use candle_core::{Result, Tensor};

use super::PrmError;
use super::checkpoint::{Layout, Weights};
use super::config::DecoderConfig;
use super::head::LmHead;
use super::tokens::NodeTokens;

/// Which numbers of the model a family reads, as data: a scorer beyond this process reads the same ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Readout {
    /// `Linear -> ReLU -> Linear` with biases, tensors `score.0` and `score.2`.
    Mlp {
        /// Labels.
        outputs: usize,
    },
    /// One linear layer.
    Linear {
        /// Tensor `(outputs, hidden)`.
        weight: String,
        /// Tensor `(outputs)`.
        bias: Option<String>,
        /// Labels.
        outputs: usize,
    },
    /// OVM's `vscore_head(gain * h + bias)` with scalar `gain` and `bias`.
    Affine,
    /// Logits of these tokens.
    Tokens(Vec<u32>),
    /// The mean of the logits of all tokens.
    VocabularyMean,
    /// What the model writes, token by token.
    Written,
    /// For each token of a step its log-probability, less that under a reference model.
    LogRatio,
}

/// A readout with its weights.
#[derive(Debug)]
pub(super) enum Head {
    Linear(Linear),
    Mlp(Linear, Linear),
    Affine { gain: f32, bias: f32, last: Linear },
    Written(LmHead),
    LogRatio { own: LmHead, reference: LmHead },
}

/// `x W^T + b`
#[derive(Debug)]
pub(super) struct Linear {
    /// `(hidden, outputs)`
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Linear {
    fn new(weight: &Tensor, bias: Option<Tensor>) -> Result<Self> {
        Ok(Self { weight: weight.t()?.contiguous()?, bias })
    }

    fn take(weights: &mut Weights, weight: &str, bias: Option<&str>) -> std::result::Result<Self, PrmError> {
        let bias = bias.map(|name| weights.take(name)).transpose()?;
        Ok(Self::new(&weights.take(weight)?, bias)?)
    }

    fn of(&self, x: &Tensor) -> Result<Tensor> {
        let y = x.matmul(&self.weight)?;
        match &self.bias {
            Some(bias) => y.broadcast_add(bias),
            None => Ok(y),
        }
    }
}

impl Readout {
    /// One linear layer.
    pub(super) fn linear(weight: &str, bias: Option<&str>, outputs: usize) -> Self {
        Self::Linear { weight: weight.to_owned(), bias: bias.map(str::to_owned), outputs }
    }

    /// Numbers of one read position.
    pub(crate) fn width(&self) -> usize {
        match self {
            Self::Mlp { outputs } | Self::Linear { outputs, .. } => *outputs,
            Self::Affine | Self::VocabularyMean | Self::Written => 1,
            Self::Tokens(ids) => ids.len(),
            // Log-probabilities of the steps' own tokens by two models.
            Self::LogRatio => 2,
        }
    }

    /// The tensors that it needs beside the decoder.
    pub(super) fn layout(&self, config: &DecoderConfig) -> Layout {
        let hidden = config.hidden;
        let tensor = |name: &str, shape: &[usize]| (name.to_owned(), shape.to_vec());
        match self {
            Self::Mlp { outputs } => vec![
                tensor("score.0.weight", &[hidden, hidden]),
                tensor("score.0.bias", &[hidden]),
                tensor("score.2.weight", &[*outputs, hidden]),
                tensor("score.2.bias", &[*outputs]),
            ],
            Self::Linear { weight, bias, outputs } => {
                let bias = bias.iter().map(|name| tensor(name, &[*outputs]));
                [tensor(weight, &[*outputs, hidden])].into_iter().chain(bias).collect()
            }
            Self::Affine => vec![tensor("gain", &[1]), tensor("bias", &[1]), tensor("vscore_head.weight", &[1, hidden])],
            Self::Tokens(_) | Self::VocabularyMean | Self::Written | Self::LogRatio => LmHead::layout(config),
        }
    }

    /// Takes its tensors out of the weights; `reference` is the head of the second model, where there is one.
    pub(super) fn load(
        &self,
        weights: &mut Weights,
        config: &DecoderConfig,
        reference: Option<LmHead>,
    ) -> std::result::Result<Head, PrmError> {
        Ok(match self {
            Self::Mlp { .. } => Head::Mlp(
                Linear::take(weights, "score.0.weight", Some("score.0.bias"))?,
                Linear::take(weights, "score.2.weight", Some("score.2.bias"))?,
            ),
            Self::Linear { weight, bias, .. } => Head::Linear(Linear::take(weights, weight, bias.as_deref())?),
            Self::Affine => Head::Affine {
                gain: first(&weights.take("gain")?)?,
                bias: first(&weights.take("bias")?)?,
                last: Linear::take(weights, "vscore_head.weight", None)?,
            },
            Self::Tokens(ids) => Head::Linear(Linear::new(&LmHead::load(weights, config)?.rows(ids)?, None)?),
            // The mean of the logits is the state times the mean row.
            Self::VocabularyMean => Head::Linear(Linear::new(&LmHead::load(weights, config)?.mean_row()?, None)?),
            Self::Written => Head::Written(LmHead::load(weights, config)?),
            Self::LogRatio => match reference {
                Some(reference) => Head::LogRatio { own: LmHead::load(weights, config)?, reference },
                None => return Err(PrmError::Compute("a ratio of two models needs a second one".to_owned())),
            },
        })
    }
}

fn first(tensor: &Tensor) -> Result<f32> {
    tensor.flatten_all()?.get(0)?.to_scalar()
}

impl Head {
    /// For each node the numbers that its score is made of: the logits of its read position, or the rewards of its tokens; none for
    /// a node that is not read. `states` holds the hidden states of each decoder, a row for each read position.
    pub(super) fn numbers(&self, nodes: &[&NodeTokens], states: &[Tensor]) -> std::result::Result<Vec<Vec<f32>>, PrmError> {
        let rows: usize = nodes.iter().map(|node| node.read.len()).sum();
        for hidden in states {
            if hidden.dim(0)? != rows {
                return Err(PrmError::Compute(format!("{} states for {rows} read positions", hidden.dim(0)?)));
            }
        }
        match (self, states) {
            (Self::LogRatio { own, reference }, [policy, base]) => {
                let next: Vec<u32> = nodes.iter().flat_map(|node| node.read_next()).collect();
                let (own, base) = (own.log_probabilities(policy, &next)?, reference.log_probabilities(base, &next)?);
                let mut rewards = own.iter().zip(base).map(|(own, base)| own - base);
                Ok(nodes.iter().map(|node| rewards.by_ref().take(node.read.len()).collect()).collect())
            }
            (_, [hidden]) if nodes.iter().all(|node| node.read.len() <= 1) => {
                let mut logits = self.logits(hidden)?.into_iter();
                Ok(nodes.iter().map(|node| node.read.first().and_then(|_| logits.next()).unwrap_or_default()).collect())
            }
            _ => Err(PrmError::Compute("the head does not fit the read positions".to_owned())),
        }
    }

    /// Logits of hidden states `(rows, hidden)`, a row each.
    pub(super) fn logits(&self, hidden: &Tensor) -> Result<Vec<Vec<f32>>> {
        match self {
            Self::Linear(linear) => linear.of(hidden)?.to_vec2(),
            Self::Mlp(inner, outer) => {
                let x = inner.of(hidden)?;
                // A rectifier that keeps NaN: `max(NaN, 0)` would be a number.
                outer.of(&((&x + x.abs()?)? * 0.5)?)?.to_vec2()
            }
            Self::Affine { gain, bias, last } => last.of(&hidden.affine(f64::from(*gain), f64::from(*bias))?)?.to_vec2(),
            Self::Written(head) | Self::LogRatio { own: head, .. } => head.logits(hidden)?.to_vec2(),
        }
    }
}

/// The share of label `index` in the softmax of some logits.
pub(super) fn softmax(logits: &[f32], index: usize) -> f64 {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = logits.iter().map(|z| (z - top).exp()).sum();
    logits.get(index).map_or(f64::NAN, |z| f64::from((z - top).exp() / sum))
}

/// The logistic function.
pub(super) fn sigmoid(logit: f32) -> f64 {
    1.0 / (1.0 + (-f64::from(logit)).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_of_hand_made_logits() {
        assert!((softmax(&[0.0, 3f32.ln()], 1) - 0.75).abs() < 1e-6);
        assert!((softmax(&[1.0, 1.0, 1.0], 2) - 1.0 / 3.0).abs() < 1e-6);
        assert!(softmax(&[1000.0, -1000.0], 1) < 1e-30);
        assert!(softmax(&[f32::NAN, 0.0], 0).is_nan());
        assert!((sigmoid(3f32.ln()) - 0.75).abs() < 1e-6);
        assert!(sigmoid(-1e4) >= 0.0 && sigmoid(f32::NAN).is_nan());
    }
}
