//! The decoder: token ids in, hidden states after the final norm out, with a cache of keys and values that can be cut back.
//!
//! Qwen2 (arXiv:2407.10671), Qwen3 (arXiv:2505.09388), Llama 3 (arXiv:2407.21783) and Mistral (arXiv:2310.06825): RMS norm,
//! grouped-query attention, rotary positions, `SwiGLU`; [`DecoderConfig`] says where they differ. Everything outside of the weight
//! matrices is f32 whatever the file stores; rotary angles must never be computed in half precision, which is wrong after a few dozen
//! tokens. There is no `lm_head`: a process reward model reads hidden states at a few positions, and the last layer is computed only there.
//!
//! Buffers are kept from pass to pass: a fresh large block of memory costs a page fault for every 4 KiB of it.

use candle_core::{Device, Result, Tensor};

use super::PrmError;
use super::attention::{Heads, Known, Row, Segment, attend, first_columns};
use super::checkpoint::Weights;
use super::config::DecoderConfig;
use super::kernels::PanelsF32;
use super::linear::{Embedding, Linear, Precision};
use super::lined::Lined;
use super::matrices::matrices;
use super::ops::{Prepare, Rotary, add_rows, inverse_frequencies, norm_rows, prepare, swiglu_rows};

/// Rows of one pass: bounds the memory of activations, and keeps them in the processor's cache.
const CHUNK: usize = 256;

/// Weights and cache of one sequence.
#[derive(Debug)]
pub(super) struct Decoder {
    config: DecoderConfig,
    embedding: Embedding,
    layers: Vec<Layer>,
    norm: Vec<f32>,
    inverse_frequencies: Vec<f32>,
    /// Tokens of the current path whose keys and values are in the cache, in order.
    length: usize,
    chunk: usize,
    space: Space,
}

#[derive(Debug)]
struct Layer {
    attention_norm: Vec<f32>,
    q: Linear,
    q_bias: Option<Vec<f32>>,
    q_norm: Option<Vec<f32>>,
    /// Keys, then values.
    kv: Linear,
    kv_bias: Option<Vec<f32>>,
    k_norm: Option<Vec<f32>>,
    output: Linear,
    mlp_norm: Vec<f32>,
    /// Gate, then up.
    gate_up: Linear,
    down: Linear,
    window: Option<usize>,
    /// `(columns, kv_heads * head_dim)`
    keys: Vec<f32>,
    values: Vec<f32>,
}

/// Buffers of a pass; all hold rows.
#[derive(Debug, Default)]
struct Space {
    /// The residual stream.
    x: Lined<f32>,
    /// The residual stream, normed.
    y: Lined<f32>,
    /// Queries, and in turn the output of attention and MLP before it is added to the stream.
    q: Lined<f32>,
    kv: Lined<f32>,
    mixed: Lined<f32>,
    gate_up: Lined<f32>,
    inner: Lined<f32>,
    /// Keys of each head for attention.
    keys: Vec<PanelsF32>,
}

/// Bytes of activations of one chunk behind `tokens` others, beside weights and cache.
pub(super) fn working_bytes(config: &DecoderConfig, tokens: usize) -> u64 {
    let row = 3 * config.intermediate + 6 * config.hidden + config.heads * tokens;
    4 * (CHUNK * row) as u64
}

impl Layer {
    fn load(c: &DecoderConfig, weights: &mut Weights, index: usize, precision: Precision) -> std::result::Result<Self, PrmError> {
        let [q, kv, output, gate_up, down] = matrices(c, index).map(|matrix| weights.matrix(&matrix, precision));
        let (q, kv, output, gate_up, down) = (q?, kv?, output?, gate_up?, down?);
        let mut take = |name: &str| weights.numbers(&format!("model.layers.{index}.{name}"));
        let (mut q_bias, mut kv_bias, mut q_norm, mut k_norm) = (None, None, None, None);
        if c.qkv_bias {
            q_bias = Some(take("self_attn.q_proj.bias")?);
            kv_bias = Some([take("self_attn.k_proj.bias")?, take("self_attn.v_proj.bias")?].concat());
        }
        if c.qk_norm {
            q_norm = Some(take("self_attn.q_norm.weight")?);
            k_norm = Some(take("self_attn.k_norm.weight")?);
        }
        Ok(Self {
            attention_norm: take("input_layernorm.weight")?,
            q,
            q_bias,
            q_norm,
            kv,
            kv_bias,
            k_norm,
            output,
            mlp_norm: take("post_attention_layernorm.weight")?,
            gate_up,
            down,
            window: c.windows.get(index).copied().flatten(),
            keys: Vec::new(),
            values: Vec::new(),
        })
    }

    /// Writes keys and values of the normed rows `y` into the columns from `column` on.
    fn remember(&mut self, c: &DecoderConfig, y: &[f32], rotary: &Rotary, column: usize, space: &mut Lined<f32>) {
        let width = c.kv_heads * c.head_dim;
        let rows = y.len() / c.hidden;
        let kv = space.room(rows * 2 * width);
        self.kv.apply(y, kv);
        for buffer in [&mut self.keys, &mut self.values] {
            let end = (column + rows) * width;
            if buffer.len() < end {
                buffer.resize(end.max(buffer.len() + buffer.len() / 2), 0.0);
            }
        }
        let at = column * width..(column + rows) * width;
        let (keys, values) = (&mut self.keys[at.clone()], &mut self.values[at]);
        for ((k, v), kv) in keys.chunks_exact_mut(width).zip(values.chunks_exact_mut(width)).zip(kv.chunks_exact(2 * width)) {
            k.copy_from_slice(&kv[..width]);
            v.copy_from_slice(&kv[width..]);
        }
        let bias = self.kv_bias.as_deref().map(|b| b.split_at(width));
        let norm = self.k_norm.as_deref().map(|w| (w, c.eps));
        prepare(keys, width, c.head_dim, &Prepare { bias: bias.map(|b| b.0), norm, rotary: Some(rotary) });
        prepare(values, width, c.head_dim, &Prepare { bias: bias.map(|b| b.1), norm: None, rotary: None });
    }

    /// Attention and MLP for rows whose keys and values are in the cache; `x` is the residual stream, `y` the same normed.
    fn block(&self, c: &DecoderConfig, rows: &[Row<'_>], rotary: &Rotary, x: &mut [f32], y: &mut [f32], space: &mut Space) {
        let (width, count) = (c.heads * c.head_dim, rows.len());
        let heads = Heads { queries: c.heads, keys: c.kv_heads, width: c.head_dim };
        let q = space.q.room(count * width);
        self.q.apply(y, q);
        let norm = self.q_norm.as_deref().map(|w| (w, c.eps));
        prepare(q, width, c.head_dim, &Prepare { bias: self.q_bias.as_deref(), norm, rotary: Some(rotary) });
        let mixed = space.mixed.room(count * width);
        let known = Known { keys: &self.keys, values: &self.values };
        attend(heads, rows, q, known, self.window, &mut space.keys, mixed);
        let change = space.q.room(count * c.hidden);
        self.output.apply(mixed, change);
        add_rows(x, change);
        norm_rows(x, &self.mlp_norm, c.eps, y);
        let gate_up = space.gate_up.room(count * self.gate_up.outputs());
        self.gate_up.apply(y, gate_up);
        let inner = space.inner.room(count * c.intermediate);
        swiglu_rows(gate_up, c.intermediate, inner);
        self.down.apply(inner, change);
        add_rows(x, change);
    }
}

impl Decoder {
    /// Takes its tensors out of the weights.
    pub(super) fn load(
        config: DecoderConfig,
        weights: &mut Weights,
        precision: Precision,
    ) -> std::result::Result<Self, PrmError> {
        let layers =
            (0..config.layers).map(|i| Layer::load(&config, weights, i, precision)).collect::<std::result::Result<_, _>>()?;
        Ok(Self {
            embedding: Embedding::new(config.hidden, weights.values("model.embed_tokens.weight")?),
            norm: weights.numbers("model.norm.weight")?,
            inverse_frequencies: inverse_frequencies(config.head_dim, config.rope_theta, config.rope_scaling),
            layers,
            config,
            length: 0,
            chunk: CHUNK,
            space: Space::default(),
        })
    }

    /// Largest number of positions.
    pub(super) fn context(&self) -> usize {
        self.config.context
    }

    /// Tokens of the current path.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// Makes the first `length` columns the current path: cuts it back, or takes over columns that the last pass computed behind it.
    pub(super) fn set_length(&mut self, length: usize) {
        self.length = length;
    }

    /// Numbers that the cache holds for one token.
    pub(super) fn cache_width(&self) -> usize {
        2 * self.config.layers * self.config.kv_heads * self.config.head_dim
    }

    /// Appends the cache of one column to `out`.
    pub(super) fn save_column(&self, column: usize, out: &mut Vec<f32>) {
        let width = self.config.kv_heads * self.config.head_dim;
        for layer in &self.layers {
            out.extend(&layer.keys[column * width..][..width]);
            out.extend(&layer.values[column * width..][..width]);
        }
    }

    /// Appends a token to the current path from what [`Self::save_column`] wrote.
    pub(super) fn restore(&mut self, saved: &[f32]) {
        let width = self.config.kv_heads * self.config.head_dim;
        let at = self.length * width;
        for (layer, saved) in self.layers.iter_mut().zip(saved.chunks_exact(2 * width)) {
            for (buffer, saved) in [&mut layer.keys, &mut layer.values].into_iter().zip(saved.chunks_exact(width)) {
                if buffer.len() < at + width {
                    buffer.resize(at + width, 0.0);
                }
                buffer[at..at + width].copy_from_slice(saved);
            }
        }
        self.length += 1;
    }

    /// Appends tokens to the current path and returns the hidden states after the final norm at the positions `read` of them (ascending,
    /// counted from the first new token), `(read.len(), hidden)`.
    pub(super) fn forward(&mut self, ids: &[u32], read: &[usize]) -> Result<Tensor> {
        let whole = Segment { tokens: ids.len(), sees: first_columns(self.length) };
        let states = self.pass(ids, &[whole], read)?;
        self.length += ids.len();
        Ok(states)
    }

    /// Computes segments of tokens, which stand one after another in `ids` and come to stand in the columns behind the current path; a
    /// segment sees columns of the path and of segments before it. Returns the states at the places `read` of `ids`. The current path
    /// stays as it was.
    pub(super) fn pass(&mut self, ids: &[u32], segments: &[Segment], read: &[usize]) -> Result<Tensor> {
        if let Some(id) = ids.iter().find(|&&id| id as usize >= self.config.vocab) {
            candle_core::bail!("token {id} of a vocabulary of {}", self.config.vocab);
        }
        let rows = rows(segments, self.length);
        if let Some(row) = rows.iter().find(|row| row.position >= self.config.context) {
            candle_core::bail!("position {} does not fit into a context of {}", row.position, self.config.context);
        }
        if rows.len() != ids.len() {
            candle_core::bail!("{} tokens in segments of {}", ids.len(), rows.len());
        }
        let mut states = Vec::with_capacity(read.len() * self.config.hidden);
        for start in (0..ids.len()).step_by(self.chunk) {
            let end = ids.len().min(start + self.chunk);
            let inside: Vec<usize> = read.iter().filter(|r| (start..end).contains(r)).map(|r| r - start).collect();
            self.chunk(&ids[start..end], &rows[start..end], &inside, &mut states);
        }
        Tensor::from_vec(states, (read.len(), self.config.hidden), &Device::Cpu)
    }

    /// One pass over at most `chunk` rows; the states at `read` are appended to `states`.
    fn chunk(&mut self, ids: &[u32], rows: &[Row<'_>], read: &[usize], states: &mut Vec<f32>) {
        let Self { config: c, embedding, layers, inverse_frequencies, space, .. } = self;
        let hidden = c.hidden;
        let Some(column) = rows.first().map(|row| row.own.end - 1) else { return };
        // Taken out, so that the other buffers can be lent beside them.
        let (mut x, mut y) = (std::mem::take(&mut space.x), std::mem::take(&mut space.y));
        let (stream, normed) = (x.room(ids.len() * hidden), y.room(ids.len() * hidden));
        for (to, &id) in stream.chunks_exact_mut(hidden).zip(ids) {
            embedding.look_up(id, to);
        }
        let rotary = Rotary::new(rows.iter().map(|row| row.position), inverse_frequencies);
        let last = layers.len().saturating_sub(1);
        for (i, layer) in layers.iter_mut().enumerate() {
            norm_rows(stream, &layer.attention_norm, c.eps, normed);
            layer.remember(c, normed, &rotary, column, &mut space.kv);
            if i < last {
                layer.block(c, rows, &rotary, stream, normed, space);
            } else if !read.is_empty() {
                // Nothing but the read rows leaves the last layer.
                for (to, &from) in read.iter().enumerate() {
                    stream.copy_within(from * hidden..(from + 1) * hidden, to * hidden);
                    normed.copy_within(from * hidden..(from + 1) * hidden, to * hidden);
                }
                let (stream, normed) = (&mut stream[..read.len() * hidden], &mut normed[..read.len() * hidden]);
                let rows: Vec<Row<'_>> = read.iter().map(|&r| rows[r].clone()).collect();
                let rotary = Rotary::new(rows.iter().map(|row| row.position), inverse_frequencies);
                layer.block(c, &rows, &rotary, stream, normed, space);
                norm_rows(stream, &self.norm, c.eps, normed);
                states.extend_from_slice(normed);
            }
        }
        (space.x, space.y) = (x, y);
    }
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

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;
    use std::path::{Path, PathBuf};

    use serde::Deserialize;

    use super::super::checkpoint::Checkpoint;
    use super::super::generate::{Sampling, Stop, generate};
    use super::super::head::LmHead;
    use super::super::matrices::layout;
    use super::super::request::CheckpointSource;
    use super::*;

    const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/prm");

    /// Logits of hidden states `(rows, hidden)` under a linear head `(labels, hidden)`.
    fn project(hidden: &Tensor, head: &Tensor) -> Vec<Vec<f32>> {
        hidden.matmul(&head.t().unwrap()).unwrap().to_vec2().unwrap()
    }

    fn load(dir: PathBuf) -> (Decoder, Option<LmHead>) {
        load_as(dir, Precision::F32)
    }

    fn load_as(dir: PathBuf, precision: Precision) -> (Decoder, Option<LmHead>) {
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
        (Decoder::load(config, &mut weights, precision).unwrap(), head)
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
                let two = project(&states, &head.rows(&[5, 90]).unwrap());
                assert_near(&two.concat(), &case.two.concat(), &what);
                assert_near(&project(&states, &head.mean_row().unwrap()).concat(), &case.mean, &what);
                decoder.set_length(0);
                let all = decoder.forward(&ids[..40], &(0..40).collect::<Vec<_>>()).unwrap();
                assert_near(&head.log_probabilities(&all, &ids[1..41]).unwrap(), &case.log_p, &what);
            }
        }
    }

    #[derive(Deserialize)]
    struct Long {
        read: Vec<usize>,
        states: Vec<Vec<f32>>,
    }

    /// Relative errors of states, row by row.
    fn errors(got: &[f32], want: &[f32], width: usize) -> Vec<f32> {
        let square = |row: &[f32]| row.iter().map(|x| x * x).sum::<f32>();
        let rows = got.chunks(width).zip(want.chunks(width));
        rows.map(|(g, w)| (square(&g.iter().zip(w).map(|(g, w)| g - w).collect::<Vec<_>>()) / square(w)).sqrt()).collect()
    }

    #[test]
    fn accuracy_is_flat_over_4096_positions() {
        for name in ["qwen3", "llama"] {
            let from = Path::new(FIXTURES).join("decoders").join(name);
            let dir = tempfile::tempdir().unwrap();
            std::fs::copy(from.join("model.safetensors"), dir.path().join("model.safetensors")).unwrap();
            std::fs::write(dir.path().join("tokenizer.json"), "{}").unwrap();
            let config = std::fs::read_to_string(from.join("config.json")).unwrap();
            let config = config.replace("\"max_position_embeddings\": 2048", "\"max_position_embeddings\": 4096");
            std::fs::write(dir.path().join("config.json"), config).unwrap();
            let long: Long = serde_json::from_slice(&std::fs::read(from.join("long.json")).unwrap()).unwrap();
            let (want, width) = (long.states.concat(), long.states[0].len());
            let ids: Vec<u32> = (0..4096).map(|i| i * 7919 % 96).collect();
            for (precision, bound) in [(Precision::F32, 2e-5), (Precision::Bf16, 0.03)] {
                let (mut decoder, _) = load_as(dir.path().to_owned(), precision);
                let got = flat(&decoder.forward(&ids, &long.read).unwrap());
                let errors = errors(&got, &want, width);
                assert!(errors.iter().all(|e| *e < bound), "{name} {precision:?}: {errors:?}");
            }
        }
    }

    /// A folder of a configuration and weights from somewhere else.
    fn folder(config: &str, weights: &str) -> tempfile::TempDir {
        let from = Path::new(FIXTURES).join("decoders");
        let dir = tempfile::tempdir().unwrap();
        std::fs::copy(from.join(config).join("config.json"), dir.path().join("config.json")).unwrap();
        std::fs::copy(from.join(weights), dir.path().join("model.gguf")).unwrap();
        std::fs::write(dir.path().join("tokenizer.json"), "{}").unwrap();
        dir
    }

    #[test]
    fn products_of_bytes_stay_close_to_those_of_f32_at_every_position() {
        let dir = folder("qwen2", "qwen2-q8_0.gguf");
        let ids: Vec<u32> = (0..1500).map(|i| i * 7919 % 96).collect();
        let read: Vec<usize> = (0..1500).collect();
        let (mut exact, _) = load(dir.path().to_owned());
        let (mut bytes, _) = load_as(dir.path().to_owned(), Precision::Q8);
        let (want, got) = (flat(&exact.forward(&ids, &read).unwrap()), flat(&bytes.forward(&ids, &read).unwrap()));
        // Relative error of the states of each hundred positions: it must not grow with the position.
        let part = want.len() / 15;
        let errors = want.chunks(part).zip(got.chunks(part)).map(|(want, got)| {
            let off: f32 = want.iter().zip(got).map(|(w, g)| (w - g) * (w - g)).sum();
            (off / want.iter().map(|w| w * w).sum::<f32>()).sqrt()
        });
        let errors: Vec<f32> = errors.collect();
        assert!(errors.iter().all(|e| (1e-4..0.05).contains(e)), "{errors:?}");
    }

    #[test]
    fn a_gguf_backbone_is_the_model_that_it_was_made_from() {
        for (config, weights, cases) in
            [("llama", "llama.gguf", "llama/cases.json"), ("qwen2", "qwen2-q8_0.gguf", "qwen2-q8_0.json")]
        {
            let dir = folder(config, weights);
            let cases = std::fs::read(Path::new(FIXTURES).join("decoders").join(cases)).unwrap();
            let cases: Vec<Case> = serde_json::from_slice(&cases).unwrap();
            let (mut decoder, head) = load(dir.path().to_owned());
            let ids: Vec<u32> = (0..64).map(|i| i * 7919 % 96).collect();
            let states = decoder.forward(&ids, &cases[0].read).unwrap();
            assert_near(&flat(&states), &cases[0].states.concat(), weights);
            let two = project(&states, &head.unwrap().rows(&[5, 90]).unwrap());
            assert_near(&two.concat(), &cases[0].two.concat(), weights);
        }
    }

    /// Every header that was cut or changed in one place is refused in one line or still describes the same data; none panics or asks for
    /// more memory than the file has.
    #[test]
    fn crafted_gguf_files_give_one_line() {
        let good = std::fs::read(Path::new(FIXTURES).join("decoders/qwen2-q8_0.gguf")).unwrap();
        let dir = folder("qwen2", "qwen2-q8_0.gguf");
        let file = dir.path().join("model.gguf");
        let open = |bytes: &[u8]| {
            std::fs::write(&file, bytes).unwrap();
            Checkpoint::open(&CheckpointSource::Dir(dir.path().to_owned())).map_err(|e| e.to_string())
        };
        assert!(open(&good).is_ok());
        for at in (0..good.len().min(2_600)).step_by(29) {
            let error = open(&good[..at]).unwrap_err();
            assert!(error.contains("model.gguf") && !error.contains('\n'), "{error}");
            for value in [0xff, 0x80, 0x00] {
                let mut bytes = good.clone();
                bytes[at] = value;
                if let Err(error) = open(&bytes) {
                    assert!(error.contains("model.gguf") && !error.contains('\n'), "{error}");
                }
            }
        }
        let mut bytes = good.clone();
        bytes[4] = 1;
        assert!(open(&bytes).unwrap_err().contains("GGUF version 1, 2 or 3 was expected"));
        bytes = good.clone();
        bytes[8..16].fill(0xff);
        assert!(open(&bytes).unwrap_err().contains("the header claims 18446744073709551615 tensors"));
        let cut = open(&good[..good.len() - 1]).unwrap_err();
        assert!(cut.contains("leaves the file"), "{cut}");
    }

    #[test]
    fn a_text_is_written_token_by_token() {
        let from = Path::new(FIXTURES).join("decoders/qwen3");
        let dir = tempfile::tempdir().unwrap();
        for file in ["config.json", "model.safetensors"] {
            std::fs::copy(from.join(file), dir.path().join(file)).unwrap();
        }
        std::fs::write(dir.path().join("tokenizer.json"), "{}").unwrap();
        let (mut decoder, head) = load(dir.path().to_owned());
        let head = head.unwrap();
        let prompt: Vec<u32> = (0..20).map(|i| i * 7919 % 96).collect();
        let sampling = Sampling { temperature: 0.0, top_p: 1.0, top_k: 0, seed: 5, max_tokens: 12 };
        let decode = |ids: &[u32]| ids.iter().fold(String::new(), |text, id| text + &id.to_string() + " ");
        let open = Stop { ids: &[], texts: &[], decode: &decode };
        let write = |decoder: &mut Decoder, sampling, stop: &Stop<'_>| {
            decoder.set_length(19);
            generate(decoder, &head, prompt[19], sampling, stop, &[3, 4], &mut |_| ControlFlow::Continue(())).unwrap()
        };
        decoder.forward(&prompt, &[]).unwrap();
        let greedy = write(&mut decoder, sampling, &open);
        assert!(greedy.ids.len() == 12 && greedy.watched.len() == 12 && !greedy.is_complete);
        // Each token is the most probable one behind all before it, computed in one pass.
        let all = [prompt.as_slice(), &greedy.ids].concat();
        decoder.set_length(0);
        let states = decoder.forward(&all[..31], &(19..31).collect::<Vec<_>>()).unwrap();
        let logits: Vec<Vec<f32>> = head.logits(&states).unwrap().to_vec2().unwrap();
        for (row, &id) in logits.iter().zip(&greedy.ids) {
            let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            assert!(top - row[id as usize] < 1e-4);
        }
        let watched = head.log_probabilities(&states, &[3; 12]).unwrap();
        assert_near(&greedy.watched.iter().map(|w| w[0]).collect::<Vec<_>>(), &watched, "watched");
        // Stops, by token and by text.
        let stop = Stop { ids: &greedy.ids[5..6], ..open };
        let first = greedy.ids.iter().position(|id| *id == greedy.ids[5]).unwrap();
        let short = write(&mut decoder, sampling, &stop);
        assert!(short.ids == greedy.ids[..first] && short.is_complete);
        let text = format!("{} {} ", greedy.ids[2], greedy.ids[3]);
        let short = write(&mut decoder, sampling, &Stop { ids: &[], texts: &[&text], decode: &decode });
        assert!(short.text.ends_with(&text) && short.is_complete && short.ids.len() <= 4);
        // The same seed writes the same text, another one another.
        let warm = Sampling { temperature: 1.0, ..sampling };
        let one = write(&mut decoder, warm, &open);
        assert_eq!(one, write(&mut decoder, warm, &open));
        assert_ne!(one.ids, write(&mut decoder, Sampling { seed: 6, ..warm }, &open).ids);
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
        decoder.set_length(40);
        let after = decoder.forward(&ids[300..330], &[29]).unwrap();
        let alone = tiny().forward(&[&ids[..40], &ids[300..330]].concat(), &[69]).unwrap();
        assert_close(&after, &alone);
    }

    #[test]
    fn more_tokens_than_the_context_are_an_error_and_leave_the_cache_alone() {
        let mut decoder = tiny();
        decoder.forward(&ids(10), &[]).unwrap();
        assert!(decoder.forward(&ids(4090), &[]).is_err());
        assert_eq!(decoder.length(), 10);
        assert_eq!(decoder.forward(&[], &[]).unwrap().dims(), [0, 64]);
    }
}
