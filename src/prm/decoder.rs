//! The decoder: token ids in, hidden states after the final norm out, with a cache of keys and values that can be cut back.
//!
//! Qwen2 (arXiv:2407.10671), Qwen3 (arXiv:2505.09388), Llama 3 (arXiv:2407.21783) and Mistral (arXiv:2310.06825): RMS norm,
//! grouped-query attention, rotary positions, `SwiGLU`; [`DecoderConfig`] says where they differ. Numbers are f32 throughout whatever the file stores; rotary angles must never be computed in half precision, which is wrong after a few dozen
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
    q_bias: Option<Vec<f32>>,
    q_norm: Option<Vec<f32>>,
    /// `(hidden, 2 * kv_heads * head_dim)`: keys, then values.
    kv: Tensor,
    kv_bias: Option<Vec<f32>>,
    k_norm: Option<Vec<f32>>,
    /// `(heads * head_dim, hidden)`
    output: Tensor,
    mlp_norm: Tensor,
    /// `(hidden, 2 * intermediate)`: gate, then up.
    gate_up: Tensor,
    /// `(intermediate, hidden)`
    down: Tensor,
    cache: Option<Cache>,
    window: Option<usize>,
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
        add("self_attn.k_proj.weight", &[kv, hidden]);
        add("self_attn.v_proj.weight", &[kv, hidden]);
        if config.qkv_bias {
            add("self_attn.q_proj.bias", &[q]);
            add("self_attn.k_proj.bias", &[kv]);
            add("self_attn.v_proj.bias", &[kv]);
        }
        if config.qk_norm {
            add("self_attn.q_norm.weight", &[config.head_dim]);
            add("self_attn.k_norm.weight", &[config.head_dim]);
        }
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
    fn load(c: &DecoderConfig, weights: &mut Weights, index: usize) -> std::result::Result<Self, PrmError> {
        let mut take = |name: &str| weights.take(&format!("model.layers.{index}.{name}"));
        let (k, v) = (take("self_attn.k_proj.weight")?, take("self_attn.v_proj.weight")?);
        let (gate, up) = (take("mlp.gate_proj.weight")?, take("mlp.up_proj.weight")?);
        let (mut q_bias, mut kv_bias, mut q_norm, mut k_norm) = (None, None, None, None);
        if c.qkv_bias {
            q_bias = Some(take("self_attn.q_proj.bias")?.to_vec1()?);
            kv_bias = Some(Tensor::cat(&[&take("self_attn.k_proj.bias")?, &take("self_attn.v_proj.bias")?], 0)?.to_vec1()?);
        }
        if c.qk_norm {
            q_norm = Some(take("self_attn.q_norm.weight")?.to_vec1()?);
            k_norm = Some(take("self_attn.k_norm.weight")?.to_vec1()?);
        }
        Ok(Self {
            attention_norm: take("input_layernorm.weight")?,
            q: take("self_attn.q_proj.weight")?.t()?.contiguous()?,
            q_bias,
            q_norm,
            kv: Tensor::cat(&[&k, &v], 0)?.t()?.contiguous()?,
            kv_bias,
            k_norm,
            output: take("self_attn.o_proj.weight")?.t()?.contiguous()?,
            mlp_norm: take("post_attention_layernorm.weight")?,
            gate_up: Tensor::cat(&[&gate, &up], 0)?.t()?.contiguous()?,
            down: take("mlp.down_proj.weight")?.t()?.contiguous()?,
            cache: None,
            window: c.windows.get(index).copied().flatten(),
        })
    }

    /// Appends keys and values of the chunk's rows `y` behind the first `past` positions.
    fn remember(&mut self, c: &DecoderConfig, y: &Tensor, rotary: &Rotary, past: usize) -> Result<()> {
        let (heads, head_dim, bias) = (c.kv_heads, c.head_dim, self.kv_bias.as_deref());
        let kv = y.matmul(&self.kv)?;
        let split = |offset, norm, rotary| kv.apply_op1_no_bwd(&SplitHeads { offset, heads, head_dim, bias, norm, rotary });
        let norm = self.k_norm.as_deref().map(|w| (w, c.eps));
        let (keys, values) = (split(0, norm, Some(rotary))?, split(heads * head_dim, None, None)?);
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
        let norm = self.q_norm.as_deref().map(|w| (w, c.eps));
        let q = q.apply_op1_no_bwd(&SplitHeads { offset: 0, heads, head_dim, bias: self.q_bias.as_deref(), norm, rotary })?;
        // The query heads of one key head are neighbours, so they are rows of one matrix product.
        let group = heads / c.kv_heads;
        let q = q.reshape((c.kv_heads, group * rows, head_dim))?;
        let (keys, values) = (cache.keys.narrow(1, 0, total)?, cache.values.narrow(1, 0, total)?);
        let scores = q.matmul(&keys.t()?)?;
        let scale = 1.0 / (head_dim as f32).sqrt();
        scores.inplace_op1(&CausalSoftmax { visible: queries.visible, window: self.window, scale })?;
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
        let layers = (0..config.layers).map(|i| Layer::load(&config, weights, i)).collect::<std::result::Result<_, _>>()?;
        Ok(Self {
            embedding: weights.take("model.embed_tokens.weight")?,
            norm: weights.take("model.norm.weight")?,
            inverse_frequencies: inverse_frequencies(config.head_dim, config.rope_theta, config.rope_scaling),
            layers,
            config,
            length: 0,
            chunk: CHUNK,
        })
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
    use std::path::{Path, PathBuf};

    use serde::Deserialize;

    use super::super::checkpoint::Checkpoint;
    use super::super::head::{LmHead, project};
    use super::super::request::CheckpointSource;
    use super::*;

    const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/prm");

    fn load(dir: PathBuf) -> (Decoder, Option<LmHead>) {
        let mut checkpoint = Checkpoint::open(&CheckpointSource::Dir(dir)).unwrap();
        let config = DecoderConfig::read(&checkpoint.config, &checkpoint.config_file).unwrap();
        let is_whole = checkpoint.architecture().ends_with("ForCausalLM");
        let mut layout = layout(&config);
        if is_whole {
            layout.extend(LmHead::layout(&config));
        }
        checkpoint.check(&layout).unwrap();
        let (mut weights, _) = checkpoint.load(&layout, "test").unwrap();
        let head = is_whole.then(|| LmHead::load(&mut weights, &config).unwrap());
        (Decoder::load(config, &mut weights).unwrap(), head)
    }

    fn tiny() -> Decoder {
        load(Path::new(FIXTURES).join("tiny-qwen2")).0
    }

    #[derive(Deserialize)]
    struct Case {
        tokens: u32,
        read: Vec<usize>,
        states: Vec<Vec<f32>>,
        two: Vec<Vec<f32>>,
        mean: Vec<f32>,
        log_p: Vec<f32>,
    }

    fn assert_near(got: &[f32], want: &[f32], what: &str) {
        assert_eq!(got.len(), want.len(), "{what}");
        for (i, (g, w)) in got.iter().zip(want).enumerate() {
            assert!((g - w).abs() <= 1e-4, "{what}, number {i}: {g}, {w} was expected");
        }
    }

    /// Every architecture, as old and new versions of transformers describe it.
    #[test]
    fn states_and_logits_are_those_of_transformers() {
        for (name, config) in
            ["qwen2", "qwen3", "llama", "mistral"].into_iter().flat_map(|n| [(n, "config.json"), (n, "config-old.json")])
        {
            let from = Path::new(FIXTURES).join("decoders").join(name);
            let dir = tempfile::tempdir().unwrap();
            for (file, to) in [(config, "config.json"), ("model.safetensors", "model.safetensors")] {
                std::fs::copy(from.join(file), dir.path().join(to)).unwrap();
            }
            std::fs::write(dir.path().join("tokenizer.json"), "{}").unwrap();
            let cases: Vec<Case> = serde_json::from_slice(&std::fs::read(from.join("cases.json")).unwrap()).unwrap();
            for case in cases {
                let (mut decoder, head) = load(dir.path().to_owned());
                let head = head.unwrap();
                let ids: Vec<u32> = (0..case.tokens).map(|i| i * 7919 % 96).collect();
                let what = format!("{name} {config}, {} tokens", case.tokens);
                let states = decoder.forward(&ids, &case.read).unwrap();
                assert_near(&flat(&states), &case.states.concat(), &what);
                let two = project(&states, &head.rows(&[5, 90]).unwrap(), None).unwrap();
                assert_near(&two.concat(), &case.two.concat(), &what);
                assert_near(&project(&states, &head.mean_row().unwrap(), None).unwrap().concat(), &case.mean, &what);
                decoder.truncate(0);
                let all = decoder.forward(&ids[..40], &(0..40).collect::<Vec<_>>()).unwrap();
                assert_near(&head.log_probabilities(&all, &ids[1..41]).unwrap(), &case.log_p, &what);
            }
        }
    }

    fn flat(tensor: &Tensor) -> Vec<f32> {
        tensor.flatten_all().unwrap().to_vec1().unwrap()
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
