//! The decoder on the processor, in kernels of our own.
//!
//! Everything outside of the weight matrices is f32 whatever the file stores. Buffers are kept from pass to pass: a fresh large block of
//! memory costs a page fault for every 4 KiB of it.

use candle_core::{Device, Result, Tensor};

use super::super::PrmError;
use super::super::attention::{Heads, Known, Row, Segment, attend};
use super::super::checkpoint::Weights;
use super::super::config::DecoderConfig;
use super::super::kernels::PanelsF32;
use super::super::linear::{Embedding, Linear, Precision};
use super::super::lined::Lined;
use super::super::matrices::matrices;
use super::super::ops::{Prepare, Rotary, add_rows, inverse_frequencies, norm_rows, prepare, swiglu_rows};
use super::{CHUNK, Decoder, chunks, laid_out};

/// Weights and cache of one sequence.
#[derive(Debug)]
pub(super) struct Native {
    config: DecoderConfig,
    embedding: Embedding,
    layers: Vec<Layer>,
    norm: Vec<f32>,
    inverse_frequencies: Vec<f32>,
    /// Tokens of the current path whose keys and values are in the cache, in order.
    length: usize,
    pub(super) chunk: usize,
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

impl Native {
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

impl Decoder for Native {
    fn config(&self) -> &DecoderConfig {
        &self.config
    }

    fn length(&self) -> usize {
        self.length
    }

    fn set_length(&mut self, length: usize) {
        self.length = length;
    }

    fn save_column(&self, column: usize, out: &mut Vec<f32>) {
        let width = self.config.kv_heads * self.config.head_dim;
        for layer in &self.layers {
            out.extend(&layer.keys[column * width..][..width]);
            out.extend(&layer.values[column * width..][..width]);
        }
    }

    fn restore(&mut self, saved: &[f32]) {
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

    fn pass(&mut self, ids: &[u32], segments: &[Segment], read: &[usize]) -> Result<Tensor> {
        let rows = laid_out(&self.config, self.length, ids, segments)?;
        let mut states = Vec::with_capacity(read.len() * self.config.hidden);
        for (part, read) in chunks(ids.len(), self.chunk, read) {
            self.chunk(&ids[part.clone()], &rows[part], &read, &mut states);
        }
        Tensor::from_vec(states, (read.len(), self.config.hidden), &Device::Cpu)
    }
}
