//! The decoder: token ids in, hidden states after the final norm out, with a cache of keys and values that can be cut back.
//!
//! Qwen2 (arXiv:2407.10671), Qwen3 (arXiv:2505.09388), Llama 3 (arXiv:2407.21783) and Mistral (arXiv:2310.06825): RMS norm,
//! grouped-query attention, rotary positions, `SwiGLU`; [`DecoderConfig`] says where they differ. Rotary angles must never be computed in
//! half precision, which is wrong after a few dozen tokens. There is no `lm_head`: a process reward model reads hidden states at a few
//! positions, and the last layer is computed only there.
//!
//! Two compute the same: [`native`] on the processor, [`tensors`] on a device.

mod native;
mod tensors;

use std::fmt;
use std::ops::Range;

use candle_core::{Result, Tensor};

use super::PrmError;
use super::attention::{Row, Segment, first_columns};
use super::checkpoint::Weights;
use super::config::DecoderConfig;
use super::error::message;
use super::linear::Precision;
use super::request::Device;

/// Rows of one pass over the layers: bounds the memory of activations, and keeps them in the processor's cache.
const CHUNK: usize = 512;

/// Weights and cache of one sequence: the *current path*, whose tokens stand in the first columns of the cache.
pub(super) trait Decoder: fmt::Debug + Send {
    /// Shape and constants.
    fn config(&self) -> &DecoderConfig;

    /// Tokens of the current path.
    fn length(&self) -> usize;

    /// Makes the first `length` columns the current path: cuts it back, or takes over columns that the last pass computed behind it.
    fn set_length(&mut self, length: usize);

    /// Appends the cache of one column to `out`: for each layer its keys, then its values.
    fn save_column(&self, column: usize, out: &mut Vec<f32>);

    /// Appends a token to the current path from what [`Self::save_column`] wrote.
    fn restore(&mut self, saved: &[f32]);

    /// Computes segments of tokens, which stand one after another in `ids` and come to stand in the columns behind the current path; a
    /// segment sees columns of the path and of segments before it. Returns the states at the places `read` of `ids` (ascending),
    /// `(read.len(), hidden)`, f32 in memory. The current path stays as it was.
    fn pass(&mut self, ids: &[u32], segments: &[Segment], read: &[usize]) -> Result<Tensor>;

    /// Appends tokens to the current path and returns the states at the positions `read` of them, as [`Self::pass`] does.
    fn forward(&mut self, ids: &[u32], read: &[usize]) -> Result<Tensor> {
        let whole = Segment { tokens: ids.len(), sees: first_columns(self.length()) };
        let states = self.pass(ids, &[whole], read)?;
        self.set_length(self.length() + ids.len());
        Ok(states)
    }

    /// Largest number of positions.
    fn context(&self) -> usize {
        self.config().context
    }

    /// Numbers that the cache holds for one token.
    fn cache_width(&self) -> usize {
        let c = self.config();
        2 * c.layers * c.kv_heads * c.head_dim
    }
}

/// What computes decoders.
#[derive(Debug)]
pub(super) enum Target {
    /// The processor, by our kernels.
    Native,
    /// A device, by tensor operations.
    Tensors(candle_core::Device),
}

impl Target {
    /// What computes on that device: an error where this program was not built for it, or where there is none.
    pub(super) fn open(device: Device) -> std::result::Result<Self, PrmError> {
        let (opened, is_built) = match device {
            Device::Cpu => return Ok(Self::Native),
            Device::Cuda(index) => (candle_core::Device::new_cuda(index), cfg!(feature = "cuda")),
            Device::Metal(index) => (candle_core::Device::new_metal(index), cfg!(feature = "metal")),
        };
        let refused = |error: candle_core::Error| PrmError::Device { device, reason: is_built.then(|| message(error)) };
        opened.map(Self::Tensors).map_err(refused)
    }

    /// Whether it computes with weights as [`super::pack`] lays them out.
    pub(super) fn takes_packed(&self) -> bool {
        matches!(self, Self::Native)
    }

    /// What it computes weights in that a checkpoint stores in some number kinds.
    pub(super) fn precision(&self, dtypes: &str, parameters: u64) -> Precision {
        match self {
            Self::Native => Precision::of(dtypes, parameters),
            Self::Tensors(_) => Precision::on_device(dtypes),
        }
    }

    /// Takes the tensors of a decoder out of the weights.
    pub(super) fn load(
        &self,
        config: DecoderConfig,
        weights: &mut Weights,
        precision: Precision,
    ) -> std::result::Result<Box<dyn Decoder>, PrmError> {
        Ok(match self {
            Self::Native => Box::new(native::Native::load(config, weights, precision)?),
            Self::Tensors(device) => Box::new(tensors::Tensors::load(config, weights, precision, device)?),
        })
    }
}

/// Bytes of activations of one chunk behind `tokens` others, beside weights and cache.
pub(super) fn working_bytes(config: &DecoderConfig, tokens: usize) -> u64 {
    let row = 3 * config.intermediate + 6 * config.hidden + config.heads * tokens;
    4 * (CHUNK * row) as u64
}

/// The rows of tokens in segments behind `length` columns, checked.
fn laid_out<'a>(config: &DecoderConfig, length: usize, ids: &[u32], segments: &'a [Segment]) -> Result<Vec<Row<'a>>> {
    if let Some(id) = ids.iter().find(|&&id| id as usize >= config.vocab) {
        candle_core::bail!("token {id} of a vocabulary of {}", config.vocab);
    }
    let rows = rows(segments, length);
    if let Some(row) = rows.iter().find(|row| row.position >= config.context) {
        candle_core::bail!("position {} does not fit into a context of {}", row.position, config.context);
    }
    if rows.len() != ids.len() {
        candle_core::bail!("{} tokens in segments of {}", ids.len(), rows.len());
    }
    Ok(rows)
}

/// The rows of segments that stand in the columns from `column` on.
fn rows(segments: &[Segment], mut column: usize) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    for segment in segments {
        let (first, position) = (column, segment.position());
        for i in 0..segment.tokens {
            rows.push(Row { sees: &segment.sees, own: first..column + 1, position: position + i });
            column += 1;
        }
    }
    rows
}

/// Parts of at most `chunk` of so many rows, with the places of `read` in each.
fn chunks(rows: usize, chunk: usize, read: &[usize]) -> impl Iterator<Item = (Range<usize>, Vec<usize>)> {
    (0..rows).step_by(chunk).map(move |start| {
        let part = start..rows.min(start + chunk);
        let inside = read.iter().filter(|r| part.contains(r)).map(|r| r - start).collect();
        (part, inside)
    })
}

#[cfg(test)]
mod tests;
