//! The decoder: token ids in, hidden states after the final norm out, with a cache of keys and values that can be cut back.
//!
//! Qwen2 (arXiv:2407.10671): RMS norm, grouped-query attention with biases on q, k and v, rotary positions, `SwiGLU`. Numbers are
//! f32 throughout whatever the file stores; rotary angles must never be computed in half precision, which is wrong after a few dozen
//! tokens. There is no `lm_head`: a process reward model reads hidden states at a few positions, and the last layer is computed only there.

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::ops::rms_norm;

use super::PrmError;
use super::checkpoint::{Layout, Weights};
use super::config::DecoderConfig;
use super::ops::{CausalSoftmax, Rotary, SplitHeads, SwiGlu, inverse_frequencies};

/// Query tokens of one pass: bounds the memory of attention scores, and keeps activations in the processor's cache.
const CHUNK: usize = 256;
/// Positions that the cache grows to at first.
const FIRST_CAPACITY: usize = 512;

/// Weights and cache of one sequence.
#[derive(Debug)]
pub(super) struct Decoder {
    config: DecoderConfig,
    embedding: Tensor,
    layers: Vec<Layer>,
    norm: Tensor,
    inverse_frequencies: Vec<f32>,
    /// Tokens whose keys and values are in the cache.
    length: usize,
    chunk: usize,
}

#[derive(Debug)]
struct Layer {
    attention_norm: Tensor,
    /// `(hidden, heads * head_dim)`
    q: Tensor,
    q_bias: Vec<f32>,
    /// `(hidden, 2 * kv_heads * head_dim)`: keys, then values.
    kv: Tensor,
    kv_bias: Vec<f32>,
    /// `(heads * head_dim, hidden)`
    output: Tensor,
    mlp_norm: Tensor,
    /// `(hidden, 2 * intermediate)`: gate, then up.
    gate_up: Tensor,
    /// `(intermediate, hidden)`
    down: Tensor,
    cache: Option<Cache>,
}

/// Keys and values of one layer, `(kv_heads, capacity, head_dim)` each.
#[derive(Debug)]
struct Cache {
    keys: Tensor,
    values: Tensor,
}

/// The rows of a chunk whose attention output is needed.
struct Queries<'a> {
    rotary: &'a Rotary,
    /// For each row the number of positions it sees.
    visible: &'a [usize],
}

/// The tensors that a decoder of this shape consists of.
pub(super) fn layout(config: &DecoderConfig) -> Layout {
    let (hidden, inner) = (config.hidden, config.intermediate);
    let (q, kv) = (config.heads * config.head_dim, config.kv_heads * config.head_dim);
    let mut all = vec![
        ("model.embed_tokens.weight".to_owned(), vec![config.vocab, hidden]),
        ("model.norm.weight".to_owned(), vec![hidden]),
    ];
    for i in 0..config.layers {
        let mut add = |name: &str, shape: &[usize]| all.push((format!("model.layers.{i}.{name}"), shape.to_vec()));
        add("input_layernorm.weight", &[hidden]);
        add("self_attn.q_proj.weight", &[q, hidden]);
        add("self_attn.q_proj.bias", &[q]);
        add("self_attn.k_proj.weight", &[kv, hidden]);
        add("self_attn.k_proj.bias", &[kv]);
        add("self_attn.v_proj.weight", &[kv, hidden]);
        add("self_attn.v_proj.bias", &[kv]);
        add("self_attn.o_proj.weight", &[hidden, q]);
        add("post_attention_layernorm.weight", &[hidden]);
        add("mlp.gate_proj.weight", &[inner, hidden]);
        add("mlp.up_proj.weight", &[inner, hidden]);
        add("mlp.down_proj.weight", &[hidden, inner]);
    }
    all
}

/// Bytes of activations of one chunk behind `tokens` others, beside weights and cache.
pub(super) fn working_bytes(config: &DecoderConfig, tokens: usize) -> u64 {
    let row = 3 * config.intermediate + 6 * config.hidden + config.heads * tokens;
    4 * (CHUNK * row) as u64
}

impl Layer {
    fn load(weights: &mut Weights, index: usize) -> std::result::Result<Self, PrmError> {
        let mut take = |name: &str| weights.take(&format!("model.layers.{index}.{name}"));
        let (k, v) = (take("self_attn.k_proj.weight")?, take("self_attn.v_proj.weight")?);
        let (k_bias, v_bias) = (take("self_attn.k_proj.bias")?, take("self_attn.v_proj.bias")?);
        let (gate, up) = (take("mlp.gate_proj.weight")?, take("mlp.up_proj.weight")?);
        Ok(Self {
            attention_norm: take("input_layernorm.weight")?,
            q: take("self_attn.q_proj.weight")?.t()?.contiguous()?,
            q_bias: take("self_attn.q_proj.bias")?.to_vec1()?,
            kv: Tensor::cat(&[&k, &v], 0)?.t()?.contiguous()?,
            kv_bias: Tensor::cat(&[&k_bias, &v_bias], 0)?.to_vec1()?,
            output: take("self_attn.o_proj.weight")?.t()?.contiguous()?,
            mlp_norm: take("post_attention_layernorm.weight")?,
            gate_up: Tensor::cat(&[&gate, &up], 0)?.t()?.contiguous()?,
            down: take("mlp.down_proj.weight")?.t()?.contiguous()?,
            cache: None,
        })
    }

    /// Appends keys and values of the chunk's rows `y` behind the first `past` positions.
    fn remember(&mut self, c: &DecoderConfig, y: &Tensor, rotary: &Rotary, past: usize) -> Result<()> {
        let (heads, head_dim, bias) = (c.kv_heads, c.head_dim, self.kv_bias.as_slice());
        let kv = y.matmul(&self.kv)?;
        let split = |offset, rotary| kv.apply_op1_no_bwd(&SplitHeads { offset, heads, head_dim, bias, rotary });
        let (keys, values) = (split(0, Some(rotary))?, split(heads * head_dim, None)?);
        let cache = Cache::with_capacity(self.cache.take(), c, past, past + y.dim(0)?)?;
        cache.keys.slice_set(&keys, 1, past)?;
        cache.values.slice_set(&values, 1, past)?;
        self.cache = Some(cache);
        Ok(())
    }

    /// Attention output of the normed rows `y` over the first `total` positions, `(rows, hidden)`.
    fn attend(&self, c: &DecoderConfig, y: &Tensor, queries: &Queries<'_>, total: usize) -> Result<Tensor> {
        let Some(cache) = &self.cache else { candle_core::bail!("attention before any token") };
        let rows = y.dim(0)?;
        let (heads, head_dim, rotary) = (c.heads, c.head_dim, Some(queries.rotary));
        let q = y.matmul(&self.q)?;
        let q = q.apply_op1_no_bwd(&SplitHeads { offset: 0, heads, head_dim, bias: &self.q_bias, rotary })?;
        // The query heads of one key head are neighbours, so they are rows of one matrix product.
        let group = heads / c.kv_heads;
        let q = q.reshape((c.kv_heads, group * rows, head_dim))?;
        let (keys, values) = (cache.keys.narrow(1, 0, total)?, cache.values.narrow(1, 0, total)?);
        let scores = q.matmul(&keys.t()?)?;
        let scale = 1.0 / (head_dim as f32).sqrt();
        scores.inplace_op1(&CausalSoftmax { visible: queries.visible, scale })?;
        let mixed = scores.matmul(&values)?; // (kv_heads, group * rows, head_dim)
        let mixed = mixed.reshape((heads, rows, head_dim))?.transpose(0, 1)?.reshape((rows, heads * head_dim))?;
        mixed.matmul(&self.output)
    }

    fn mlp(&self, y: &Tensor) -> Result<Tensor> {
        y.matmul(&self.gate_up)?.apply_op1_no_bwd(&SwiGlu)?.matmul(&self.down)
    }
}

impl Cache {
    /// A cache for `wanted` positions that keeps the first `past` of the old one.
    fn with_capacity(old: Option<Self>, c: &DecoderConfig, past: usize, wanted: usize) -> Result<Self> {
        let capacity = old.as_ref().map_or(Ok(0), |o| o.keys.dim(1))?;
        match old {
            Some(old) if wanted <= capacity => Ok(old),
            old => {
                let capacity = wanted.max(capacity * 2).max(FIRST_CAPACITY).min(wanted.max(c.context));
                let shape = (c.kv_heads, capacity, c.head_dim);
                let new = Self { keys: zeros(shape)?, values: zeros(shape)? };
                if let Some(old) = old.filter(|_| past > 0) {
                    new.keys.slice_set(&old.keys.narrow(1, 0, past)?.contiguous()?, 1, 0)?;
                    new.values.slice_set(&old.values.narrow(1, 0, past)?.contiguous()?, 1, 0)?;
                }
                Ok(new)
            }
        }
    }
}

fn zeros(shape: (usize, usize, usize)) -> Result<Tensor> {
    Tensor::zeros(shape, DType::F32, &Device::Cpu)
}

impl Decoder {
    /// Takes its tensors out of the weights.
    pub(super) fn load(config: DecoderConfig, weights: &mut Weights) -> std::result::Result<Self, PrmError> {
        let layers = (0..config.layers).map(|i| Layer::load(weights, i)).collect::<std::result::Result<_, _>>()?;
        Ok(Self {
            embedding: weights.take("model.embed_tokens.weight")?,
            norm: weights.take("model.norm.weight")?,
            inverse_frequencies: inverse_frequencies(config.head_dim, config.rope_theta),
            layers,
            config,
            length: 0,
            chunk: CHUNK,
        })
    }

    pub(super) fn config(&self) -> &DecoderConfig {
        &self.config
    }

    /// Forgets all tokens from position `length` on.
    pub(super) fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }

    /// Appends tokens and returns the hidden states after the final norm at the positions `read` of them (ascending, counted from the
    /// first new token), `(read.len(), hidden)`. After an error the appended tokens are forgotten.
    pub(super) fn forward(&mut self, ids: &[u32], read: &[usize]) -> Result<Tensor> {
        let before = self.length;
        let result = self.chunks(ids, read);
        if result.is_err() {
            self.length = before;
        }
        result
    }

    fn chunks(&mut self, ids: &[u32], read: &[usize]) -> Result<Tensor> {
        if self.length + ids.len() > self.config.context {
            candle_core::bail!("{} tokens do not fit into a context of {}", self.length + ids.len(), self.config.context);
        }
        let mut states = Vec::new();
        for (i, chunk) in ids.chunks(self.chunk).enumerate() {
            let start = i * self.chunk;
            let inside = start..start + chunk.len();
            let rows: Vec<usize> = read.iter().filter(|r| inside.contains(r)).map(|r| r - start).collect();
            states.extend(self.chunk(chunk, &rows)?);
        }
        match states.as_slice() {
            [] => Tensor::zeros((0, self.config.hidden), DType::F32, &Device::Cpu),
            [one] => Ok(one.clone()),
            many => Tensor::cat(many, 0),
        }
    }

    /// One pass over at most `chunk` tokens; `None` where no state is read.
    fn chunk(&mut self, ids: &[u32], read: &[usize]) -> Result<Option<Tensor>> {
        let (past, total) = (self.length, self.length + ids.len());
        let eps = self.config.eps;
        let rotary = Rotary::new(past..total, &self.inverse_frequencies);
        let visible: Vec<usize> = (past + 1..=total).collect();
        let mut x = self.embedding.index_select(&Tensor::new(ids, &Device::Cpu)?, 0)?; // (tokens, hidden)
        let last = self.layers.len().saturating_sub(1);
        let mut state = None;
        for (i, layer) in self.layers.iter_mut().enumerate() {
            let y = rms_norm(&x, &layer.attention_norm, eps)?;
            layer.remember(&self.config, &y, &rotary, past)?;
            if i < last {
                let queries = Queries { rotary: &rotary, visible: &visible };
                x = block(layer, &self.config, &x, &y, &queries, total)?;
            } else if !read.is_empty() {
                // Nothing but the read rows leaves the last layer.
                let rotary = Rotary::new(read.iter().map(|r| past + r), &self.inverse_frequencies);
                let visible: Vec<usize> = read.iter().map(|r| past + r + 1).collect();
                let rows: Vec<u32> = read
                    .iter()
                    .map(|&r| u32::try_from(r))
                    .collect::<std::result::Result<_, _>>()
                    .map_err(candle_core::Error::wrap)?;
                let rows = Tensor::from_vec(rows, read.len(), &Device::Cpu)?;
                let (x, y) = (x.index_select(&rows, 0)?, y.index_select(&rows, 0)?);
                let queries = Queries { rotary: &rotary, visible: &visible };
                state = Some(rms_norm(&block(layer, &self.config, &x, &y, &queries, total)?, &self.norm, eps)?);
            }
        }
        self.length = total;
        Ok(state)
    }
}

/// The residual stream `x` behind attention and MLP of a layer; `y` is `x` normed.
fn block(layer: &Layer, c: &DecoderConfig, x: &Tensor, y: &Tensor, queries: &Queries<'_>, total: usize) -> Result<Tensor> {
    let x = (x + layer.attend(c, y, queries, total)?)?;
    let y = rms_norm(&x, &layer.mlp_norm, c.eps)?;
    &x + layer.mlp(&y)?
}

#[cfg(test)]
mod tests {
    use super::super::checkpoint::Checkpoint;
    use super::super::request::CheckpointSource;
    use super::*;

    fn tiny() -> Decoder {
        let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/prm/tiny-qwen2").into();
        let mut checkpoint = Checkpoint::open(&CheckpointSource::Dir(dir)).unwrap();
        let config = DecoderConfig::read(&checkpoint.config, &checkpoint.config_file).unwrap();
        let (mut weights, _) = checkpoint.load(&layout(&config), "test").unwrap();
        Decoder::load(config, &mut weights).unwrap()
    }

    fn ids(n: u32) -> Vec<u32> {
        (0..n).map(|i| i * 7919 % 640).collect()
    }

    fn assert_close(a: &Tensor, b: &Tensor) {
        assert_eq!(a.dims(), b.dims());
        let difference = (a - b).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
        assert!(difference < 2e-4, "{difference}");
    }

    #[test]
    fn prefill_in_chunks_is_one_pass() {
        let (ids, read) = (ids(700), [0, 6, 7, 13, 255, 256, 511, 512, 513, 699]);
        let mut whole = tiny();
        whole.chunk = 4096;
        let want = whole.forward(&ids, &read).unwrap();
        for chunk in [1, 7, 256] {
            let mut decoder = tiny();
            decoder.chunk = chunk;
            assert_close(&decoder.forward(&ids, &read).unwrap(), &want);
        }
        // Token by token through the cache, which grows on the way.
        let mut decoder = tiny();
        for (i, id) in ids.iter().enumerate() {
            let state = decoder.forward(&[*id], &[0]).unwrap();
            if let Some(at) = read.iter().position(|&r| r == i) {
                assert_close(&state, &want.narrow(0, at, 1).unwrap());
            }
        }
    }

    #[test]
    fn a_cache_that_was_cut_back_continues_as_if_nothing_had_been_there() {
        let ids = ids(600);
        let mut decoder = tiny();
        decoder.forward(&ids, &[]).unwrap();
        decoder.truncate(40);
        let after = decoder.forward(&ids[300..330], &[29]).unwrap();
        let alone = tiny().forward(&[&ids[..40], &ids[300..330]].concat(), &[69]).unwrap();
        assert_close(&after, &alone);
    }

    #[test]
    fn more_tokens_than_the_context_are_an_error_and_leave_the_cache_alone() {
        let mut decoder = tiny();
        decoder.forward(&ids(10), &[]).unwrap();
        assert!(decoder.forward(&ids(4090), &[]).is_err());
        assert_eq!(decoder.length, 10);
        assert_eq!(decoder.forward(&[], &[]).unwrap().dims(), [0, 64]);
    }
}
