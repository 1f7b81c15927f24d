//! The decoder as tensor operations, for devices that our kernels do not reach: CUDA and Metal, where the program was built for them.
//!
//! Weights stay on the device in bf16 where the file stores them so, and in f32 otherwise; all else is f32. The tests compute it on the
//! processor, against the same numbers as [`super::native`].

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use candle_core::{D, DType, Device, Result, Tensor};

use super::super::PrmError;
use super::super::attention::{Row, Segment};
use super::super::checkpoint::Weights;
use super::super::config::DecoderConfig;
use super::super::linear::Precision;
use super::super::matrices::{Matrix, matrices};
use super::super::ops::{Rotary, inverse_frequencies};
use super::super::safetensors::Values;
use super::{CHUNK, Decoder, chunks, laid_out};

/// Columns by which the cache grows at least.
const COLUMNS: usize = 1024;

/// Weights and cache of one sequence.
#[derive(Debug)]
pub(super) struct Tensors {
    config: DecoderConfig,
    device: Device,
    /// `(vocab, hidden)`
    embedding: Tensor,
    layers: Vec<Layer>,
    norm: Tensor,
    inverse_frequencies: Vec<f32>,
    length: usize,
    pub(super) chunk: usize,
    /// The cache in memory, `(columns, layers * 2 * kv_heads * head_dim)`: what is saved and restored.
    memory: Vec<f32>,
    /// The first columns of it that the device holds as they are.
    uploaded: usize,
}

#[derive(Debug)]
struct Layer {
    attention_norm: Tensor,
    q: Linear,
    q_norm: Option<Tensor>,
    /// Keys, then values.
    kv: Linear,
    k_norm: Option<Tensor>,
    output: Linear,
    mlp_norm: Tensor,
    /// Gate, then up.
    gate_up: Linear,
    down: Linear,
    window: Option<usize>,
    cache: Cache,
}

/// Keys and values of a layer, `(kv_heads, columns, head_dim)` each.
#[derive(Debug)]
struct Cache {
    keys: Tensor,
    values: Tensor,
}

/// `x W^T + b`
#[derive(Debug)]
struct Linear {
    /// `(outputs, inputs)`
    weight: Tensor,
    bias: Option<Tensor>,
}

/// What is the same in all layers of a pass over some rows.
struct Rows {
    /// `(rows, 1, head_dim / 2)`
    cos: Tensor,
    sin: Tensor,
    /// For each window what is added to the scores of columns, `(1, rows, columns)`: zero where a row sees the column.
    masks: HashMap<Option<usize>, Tensor>,
    columns: usize,
}

impl Linear {
    fn new(
        weights: &mut Weights,
        matrix: &Matrix,
        kind: DType,
        device: &Device,
        bias: Option<Tensor>,
    ) -> std::result::Result<Self, PrmError> {
        let parts = matrix.tensors.iter().map(|name| {
            let values = weights.values(name)?;
            Ok(upload(values, matrix.inputs, kind, device)?)
        });
        let parts = parts.collect::<std::result::Result<Vec<_>, PrmError>>()?;
        Ok(Self { weight: Tensor::cat(&parts, 0)?, bias })
    }

    fn of(&self, x: &Tensor) -> Result<Tensor> {
        let y = x.to_dtype(self.weight.dtype())?.matmul(&self.weight.t()?)?.to_dtype(DType::F32)?;
        match &self.bias {
            Some(bias) => y.broadcast_add(bias),
            None => Ok(y),
        }
    }
}

/// Rows of `width` numbers on the device.
fn upload(values: Values, width: usize, kind: DType, device: &Device) -> Result<Tensor> {
    let tensor = match values {
        Values::Bf16(bits) => {
            let shape = (bits.len() / width, width);
            Tensor::from_raw_buffer(bytemuck::cast_slice(&bits), DType::BF16, &<[usize; 2]>::from(shape), device)?
        }
        other => {
            let values = other.into_f32();
            let shape = (values.len() / width, width);
            Tensor::from_vec(values, shape, device)?
        }
    };
    tensor.to_dtype(kind)
}

impl Layer {
    fn load(
        c: &DecoderConfig,
        weights: &mut Weights,
        index: usize,
        kind: DType,
        device: &Device,
    ) -> std::result::Result<Self, PrmError> {
        let mut take = |name: &str| -> std::result::Result<Tensor, PrmError> {
            let numbers = weights.numbers(&format!("model.layers.{index}.{name}"))?;
            let length = numbers.len();
            Ok(Tensor::from_vec(numbers, length, device)?)
        };
        let (mut q_bias, mut kv_bias, mut q_norm, mut k_norm) = (None, None, None, None);
        if c.qkv_bias {
            q_bias = Some(take("self_attn.q_proj.bias")?);
            kv_bias = Some(Tensor::cat(&[take("self_attn.k_proj.bias")?, take("self_attn.v_proj.bias")?], 0)?);
        }
        if c.qk_norm {
            q_norm = Some(take("self_attn.q_norm.weight")?);
            k_norm = Some(take("self_attn.k_norm.weight")?);
        }
        let (attention_norm, mlp_norm) = (take("input_layernorm.weight")?, take("post_attention_layernorm.weight")?);
        let [q, kv, output, gate_up, down] = matrices(c, index);
        let mut linear = |matrix: &Matrix, bias: Option<Tensor>| Linear::new(weights, matrix, kind, device, bias);
        Ok(Self {
            attention_norm,
            q: linear(&q, q_bias)?,
            q_norm,
            kv: linear(&kv, kv_bias)?,
            k_norm,
            output: linear(&output, None)?,
            mlp_norm,
            gate_up: linear(&gate_up, None)?,
            down: linear(&down, None)?,
            window: c.windows.get(index).copied().flatten(),
            cache: Cache::new(c, device)?,
        })
    }

    /// Writes keys and values of the normed rows `y` into the columns from `column` on, and returns them as `(rows, 2 * kv_heads * head_dim)`.
    fn remember(&mut self, c: &DecoderConfig, y: &Tensor, rows: &Rows, column: usize) -> Result<Tensor> {
        let (count, width) = (y.dim(0)?, c.kv_heads * c.head_dim);
        let kv = self.kv.of(y)?;
        let keys = kv.narrow(1, 0, width)?.contiguous()?.reshape((count, c.kv_heads, c.head_dim))?;
        let keys = rows.rotate(&normed_heads(keys, self.k_norm.as_ref(), c.eps)?)?;
        let values = kv.narrow(1, width, width)?.contiguous()?.reshape((count, c.kv_heads, c.head_dim))?;
        self.cache.write(column, &keys, &values)?;
        Tensor::cat(&[keys.reshape((count, width))?, values.reshape((count, width))?], 1)
    }

    /// Attention and MLP for rows whose keys and values are in the cache; `x` is the residual stream, `y` the same normed.
    fn block(&self, c: &DecoderConfig, rows: &Rows, x: &Tensor, y: &Tensor) -> Result<Tensor> {
        let count = y.dim(0)?;
        let q = self.q.of(y)?.reshape((count, c.heads, c.head_dim))?;
        let q = rows.rotate(&normed_heads(q, self.q_norm.as_ref(), c.eps)?)?;
        let mixed = self.cache.attend(c, &q, rows.masks.get(&self.window), rows.columns)?;
        let x = (x + self.output.of(&mixed)?)?;
        let gate_up = self.gate_up.of(&norm(&x, &self.mlp_norm, c.eps)?)?;
        let (gate, up) = (gate_up.narrow(1, 0, c.intermediate)?, gate_up.narrow(1, c.intermediate, c.intermediate)?);
        let inner = (gate.contiguous()?.silu()? * up)?;
        &x + self.down.of(&inner)?
    }
}

impl Cache {
    fn new(c: &DecoderConfig, device: &Device) -> Result<Self> {
        let empty = || Tensor::zeros((c.kv_heads, COLUMNS, c.head_dim), DType::F32, device);
        Ok(Self { keys: empty()?, values: empty()? })
    }

    /// Rows of keys and values `(rows, kv_heads, head_dim)` into the columns from `column` on.
    fn write(&mut self, column: usize, keys: &Tensor, values: &Tensor) -> Result<()> {
        for (buffer, new) in [(&mut self.keys, keys), (&mut self.values, values)] {
            let (heads, room, width) = buffer.dims3()?;
            let end = column + new.dim(0)?;
            if end > room {
                let more = (end - room).max(room / 2).max(COLUMNS);
                let more = Tensor::zeros((heads, more, width), DType::F32, buffer.device())?;
                *buffer = Tensor::cat(&[&*buffer, &more], 1)?;
            }
            buffer.slice_set(&new.transpose(0, 1)?.contiguous()?, 1, column)?;
        }
        Ok(())
    }

    /// Attention output `(rows, heads * head_dim)` of queries `(rows, heads, head_dim)` over the first columns.
    fn attend(&self, c: &DecoderConfig, q: &Tensor, mask: Option<&Tensor>, columns: usize) -> Result<Tensor> {
        let (count, group) = (q.dim(0)?, c.heads / c.kv_heads);
        // The query heads that a key head serves are rows of one product.
        let q = q.reshape((count, c.kv_heads, group, c.head_dim))?.permute((1, 2, 0, 3))?.contiguous()?;
        let q = q.reshape((c.kv_heads, group * count, c.head_dim))?;
        let seen = |buffer: &Tensor| buffer.narrow(1, 0, columns)?.contiguous();
        let scores = (q.matmul(&seen(&self.keys)?.t()?)? * (1.0 / (c.head_dim as f64).sqrt()))?;
        let scores = scores.reshape((c.heads, count, columns))?;
        let scores = match mask {
            Some(mask) => scores.broadcast_add(mask)?,
            None => scores,
        };
        let scores = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?)?.exp()?;
        let scores = scores.broadcast_div(&scores.sum_keepdim(D::Minus1)?)?;
        let mixed = scores.reshape((c.kv_heads, group * count, columns))?.matmul(&seen(&self.values)?)?;
        let mixed = mixed.reshape((c.kv_heads, group, count, c.head_dim))?.permute((2, 0, 1, 3))?.contiguous()?;
        mixed.reshape((count, c.heads * c.head_dim))
    }
}

/// Root mean square norm over the last dimension.
fn norm(x: &Tensor, weight: &Tensor, eps: f32) -> Result<Tensor> {
    let size = (x.sqr()?.mean_keepdim(D::Minus1)? + f64::from(eps))?.sqrt()?;
    x.broadcast_div(&size)?.broadcast_mul(weight)
}

fn normed_heads(x: Tensor, weight: Option<&Tensor>, eps: f32) -> Result<Tensor> {
    match weight {
        Some(weight) => norm(&x, weight, eps),
        None => Ok(x),
    }
}

impl Rows {
    fn new(rows: &[Row<'_>], layers: &[Layer], frequencies: &[f32], device: &Device) -> Result<Self> {
        let columns = rows.iter().map(|row| row.own.end).max().unwrap_or(0);
        let rotary = Rotary::new(rows.iter().map(|row| row.position), frequencies);
        let table = |angles: &[f32]| Tensor::from_slice(angles, (rows.len(), 1, frequencies.len()), device);
        let (cos, sin) = (table(rotary.cos())?, table(rotary.sin())?);
        let mut masks = HashMap::new();
        for layer in layers {
            if let Entry::Vacant(place) = masks.entry(layer.window) {
                place.insert(mask(rows, layer.window, columns, device)?);
            }
        }
        Ok(Self { cos, sin, masks, columns })
    }

    /// Rotation of the pairs `(x[i], x[i + head_dim / 2])` of heads `(rows, heads, head_dim)`.
    fn rotate(&self, x: &Tensor) -> Result<Tensor> {
        let half = x.dim(2)? / 2;
        let (a, b) = (x.narrow(2, 0, half)?, x.narrow(2, half, half)?);
        let first = (a.broadcast_mul(&self.cos)? - b.broadcast_mul(&self.sin)?)?;
        let second = (b.broadcast_mul(&self.cos)? + a.broadcast_mul(&self.sin)?)?;
        Tensor::cat(&[first, second], 2)
    }
}

fn mask(rows: &[Row<'_>], window: Option<usize>, columns: usize, device: &Device) -> Result<Tensor> {
    let mut mask = vec![f32::NEG_INFINITY; rows.len() * columns];
    for (mask, row) in mask.chunks_exact_mut(columns.max(1)).zip(rows) {
        row.seen(window).for_each(|range| mask[range].fill(0.0));
    }
    Tensor::from_vec(mask, (1, rows.len(), columns), device)
}

impl Tensors {
    /// Takes its tensors out of the weights.
    pub(super) fn load(
        config: DecoderConfig,
        weights: &mut Weights,
        precision: Precision,
        device: &Device,
    ) -> std::result::Result<Self, PrmError> {
        let kind = if precision == Precision::Bf16 { DType::BF16 } else { DType::F32 };
        let layers = (0..config.layers).map(|i| Layer::load(&config, weights, i, kind, device));
        let layers = layers.collect::<std::result::Result<_, _>>()?;
        let norm = weights.numbers("model.norm.weight")?;
        Ok(Self {
            embedding: upload(weights.values("model.embed_tokens.weight")?, config.hidden, kind, device)?,
            norm: Tensor::from_vec(norm, config.hidden, device)?,
            inverse_frequencies: inverse_frequencies(config.head_dim, config.rope_theta, config.rope_scaling),
            layers,
            config,
            device: device.clone(),
            length: 0,
            chunk: CHUNK,
            memory: Vec::new(),
            uploaded: 0,
        })
    }

    /// Brings the columns of the current path that were restored to the device.
    fn upload_restored(&mut self) -> Result<()> {
        let (c, from, width) = (&self.config, self.uploaded, self.cache_width());
        if self.length > from {
            let shape = (self.length - from, c.layers, 2, c.kv_heads, c.head_dim);
            let restored = Tensor::from_slice(&self.memory[from * width..self.length * width], shape, &self.device)?;
            for (i, layer) in self.layers.iter_mut().enumerate() {
                let of_layer = restored.get_on_dim(1, i)?;
                layer.cache.write(from, &of_layer.get_on_dim(1, 0)?, &of_layer.get_on_dim(1, 1)?)?;
            }
            self.uploaded = self.length;
        }
        Ok(())
    }

    /// One pass over at most `chunk` rows, which come to stand in the columns from `column` on; the states at `read`.
    fn chunk(&mut self, ids: &[u32], rows: &[Row<'_>], read: &[usize], column: usize) -> Result<Tensor> {
        let Self { config: c, layers, device, embedding, inverse_frequencies, .. } = self;
        let read = read.iter().map(|&r| u32::try_from(r).map_err(candle_core::Error::wrap)).collect::<Result<Vec<u32>>>()?;
        let mut x = embedding.index_select(&Tensor::new(ids, device)?, 0)?.to_dtype(DType::F32)?;
        let all = Rows::new(rows, layers, inverse_frequencies, device)?;
        let mut computed = Vec::with_capacity(layers.len());
        let last = layers.len().saturating_sub(1);
        for (i, layer) in layers.iter_mut().enumerate() {
            let y = norm(&x, &layer.attention_norm, c.eps)?;
            computed.push(layer.remember(c, &y, &all, column)?);
            if i < last {
                x = layer.block(c, &all, &x, &y)?;
            }
        }
        // The new columns, in memory.
        let computed: Vec<f32> = Tensor::cat(&computed, 1)?.flatten_all()?.to_vec1()?;
        let at = column * computed.len() / ids.len();
        self.memory.truncate(at);
        self.memory.extend(computed);
        self.uploaded = column + ids.len();
        // Nothing but the read rows leaves the last layer.
        let Some(layer) = self.layers.last().filter(|_| !read.is_empty()) else {
            return Tensor::zeros((0, self.config.hidden), DType::F32, &Device::Cpu);
        };
        let (c, device) = (&self.config, &self.device);
        let x = x.index_select(&Tensor::new(read.as_slice(), device)?, 0)?;
        let rows: Vec<Row<'_>> = read.iter().map(|&r| rows[r as usize].clone()).collect();
        let rows = Rows::new(&rows, std::slice::from_ref(layer), &self.inverse_frequencies, device)?;
        let x = layer.block(c, &rows, &x, &norm(&x, &layer.attention_norm, c.eps)?)?;
        norm(&x, &self.norm, c.eps)?.to_device(&Device::Cpu)
    }
}

impl Decoder for Tensors {
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
        let width = self.cache_width();
        out.extend(&self.memory[column * width..][..width]);
    }

    fn restore(&mut self, saved: &[f32]) {
        let at = self.length * self.cache_width();
        self.memory.truncate(at);
        self.memory.extend(saved);
        self.uploaded = self.uploaded.min(self.length);
        self.length += 1;
    }

    fn pass(&mut self, ids: &[u32], segments: &[Segment], read: &[usize]) -> Result<Tensor> {
        let rows = laid_out(&self.config, self.length, ids, segments)?;
        self.upload_restored()?;
        let mut states = vec![Tensor::zeros((0, self.config.hidden), DType::F32, &Device::Cpu)?];
        for (part, read) in chunks(ids.len(), self.chunk, read) {
            let column = self.length + part.start;
            states.push(self.chunk(&ids[part.clone()], &rows[part], &read, column)?);
        }
        Tensor::cat(&states, 0)
    }
}
