//! Fused element-wise operations of the decoder on the CPU.
//!
//! Between the matrix products a small decoder spends its time in passes over memory, so bias, rotary positions and the change to
//! head-major order are one pass, and the causal mask is never built: masked columns are simply not looked at.

use candle_core::{CpuStorage, CustomOp1, InplaceOp1, Layout, Result, Shape, bail};

use super::config::RopeScaling;

/// Cosines and sines of consecutive or selected positions, `(rows, head_dim / 2)` each.
#[derive(Debug, Clone)]
pub(super) struct Rotary {
    cos: Vec<f32>,
    sin: Vec<f32>,
}

impl Rotary {
    /// Angles in f32 as transformers computes them: `position * theta^(-2i / head_dim)`.
    pub(super) fn new(positions: impl Iterator<Item = usize>, inverse_frequencies: &[f32]) -> Self {
        let angles = positions.flat_map(|p| inverse_frequencies.iter().map(move |f| p as f32 * f));
        let (cos, sin) = angles.map(|a| (a.cos(), a.sin())).unzip();
        Self { cos, sin }
    }
}

/// The inverse frequencies of rotary positions, one for each pair of a head.
pub(super) fn inverse_frequencies(head_dim: usize, theta: f32, scaling: RopeScaling) -> Vec<f32> {
    let scaled = |f: f32| match scaling {
        RopeScaling::None => f,
        RopeScaling::Linear { factor } => f / factor,
        RopeScaling::Llama3 { factor, low_freq, high_freq, original } => {
            // Turns within the original context: few are stretched, many are kept.
            let turns = original * f / std::f32::consts::TAU;
            let kept = ((turns - low_freq) / (high_freq - low_freq)).clamp(0.0, 1.0);
            (1.0 - kept) * f / factor + kept * f
        }
    };
    (0..head_dim / 2).map(|i| scaled(1.0 / theta.powf((2 * i) as f32 / head_dim as f32))).collect()
}

/// From rows of a projection to head-major order: `(rows, width)` to `(heads, rows, head_dim)`, taking the columns from `offset`
/// on, adding the bias, norming each head and, where there are positions, rotating pairs `(x[i], x[i + head_dim / 2])`.
pub(super) struct SplitHeads<'a> {
    pub(super) offset: usize,
    pub(super) heads: usize,
    pub(super) head_dim: usize,
    /// Bias of the whole projection, `width` numbers.
    pub(super) bias: Option<&'a [f32]>,
    /// Weight and epsilon of an RMS norm over each head.
    pub(super) norm: Option<(&'a [f32], f32)>,
    pub(super) rotary: Option<&'a Rotary>,
}

impl CustomOp1 for SplitHeads<'_> {
    fn name(&self) -> &'static str {
        "split-heads"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = contiguous(storage, layout)?;
        let (rows, width) = layout.shape().dims2()?;
        let (dim, half) = (self.head_dim, self.head_dim / 2);
        let fits = self.bias.is_none_or(|b| b.len() == width) && self.norm.is_none_or(|(w, _)| w.len() == dim);
        if !fits || self.offset + self.heads * dim > width || width == 0 {
            bail!("split-heads: {} heads of {dim} from column {} of {width}", self.heads, self.offset);
        }
        let mut out = vec![0f32; self.heads * rows * dim];
        for (head, block) in out.chunks_exact_mut((rows * dim).max(1)).enumerate() {
            let start = self.offset + head * dim;
            let bias = self.bias.map(|b| &b[start..start + dim]);
            for (row, (to, from)) in block.chunks_exact_mut(dim).zip(x.chunks_exact(width)).enumerate() {
                to.copy_from_slice(&from[start..start + dim]);
                if let Some(bias) = bias {
                    to.iter_mut().zip(bias).for_each(|(t, b)| *t += b);
                }
                if let Some((weight, eps)) = self.norm {
                    let squares = to.iter().map(|t| t * t).sum::<f32>();
                    let factor = 1.0 / (squares / dim as f32 + eps).sqrt();
                    to.iter_mut().zip(weight).for_each(|(t, w)| *t *= factor * w);
                }
                if let Some(rotary) = self.rotary {
                    let at = row * half..row * half + half;
                    rotate(to, &rotary.cos[at.clone()], &rotary.sin[at]);
                }
            }
        }
        Ok((CpuStorage::F32(out), Shape::from((self.heads, rows, dim))))
    }
}

fn rotate(head: &mut [f32], cos: &[f32], sin: &[f32]) {
    let (first, second) = head.split_at_mut(cos.len());
    for ((a, b), (c, s)) in first.iter_mut().zip(second).zip(cos.iter().zip(sin)) {
        (*a, *b) = (*a * c - *b * s, *b * c + *a * s);
    }
}

/// Softmax over the visible columns of attention scores `(groups, rows, columns)`, in place: row `r` of each group sees the columns
/// before `visible[r]`, the last `window` of them where there is one; the others become zero.
pub(super) struct CausalSoftmax<'a> {
    pub(super) visible: &'a [usize],
    pub(super) window: Option<usize>,
    /// Factor on the scores before the softmax.
    pub(super) scale: f32,
}

impl InplaceOp1 for CausalSoftmax<'_> {
    fn name(&self) -> &'static str {
        "causal-softmax"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let columns = layout.dims().last().copied().unwrap_or(0);
        let (Some((start, end)), CpuStorage::F32(x)) = (layout.contiguous_offsets(), storage) else {
            bail!("causal-softmax: expected contiguous f32");
        };
        if columns == 0 || self.visible.is_empty() || self.visible.iter().any(|&v| v == 0 || v > columns) {
            bail!("causal-softmax: {columns} columns, visible {:?}", self.visible);
        }
        for group in x[start..end].chunks_exact_mut(columns * self.visible.len()) {
            for (row, &visible) in group.chunks_exact_mut(columns).zip(self.visible) {
                let (seen, hidden) = row.split_at_mut(visible);
                let (far, near) = seen.split_at_mut(self.window.map_or(0, |w| visible.saturating_sub(w)));
                softmax(near, self.scale);
                far.fill(0.0);
                hidden.fill(0.0);
            }
        }
        Ok(())
    }
}

fn softmax(x: &mut [f32], scale: f32) {
    let top = fold(x, f32::NEG_INFINITY, |a, b| if b > a { b } else { a });
    for v in x.iter_mut() {
        *v = exp((*v - top) * scale);
    }
    let factor = 1.0 / fold(x, 0.0, |a, b| a + b);
    for v in x {
        *v *= factor;
    }
}

/// A reduction in eight lanes, which the compiler can keep in vector registers.
fn fold(x: &[f32], start: f32, f: impl Fn(f32, f32) -> f32) -> f32 {
    let (blocks, rest) = x.as_chunks::<8>();
    let mut lanes = [start; 8];
    for block in blocks {
        for (lane, v) in lanes.iter_mut().zip(block) {
            *lane = f(*lane, *v);
        }
    }
    rest.iter().chain(&lanes).fold(start, |a, &b| f(a, b))
}

/// `silu(gate) * up` of rows `(gate | up)`: `(rows, 2 * width)` to `(rows, width)`.
pub(super) struct SwiGlu;

impl CustomOp1 for SwiGlu {
    fn name(&self) -> &'static str {
        "swiglu"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = contiguous(storage, layout)?;
        let (rows, width) = layout.shape().dims2()?;
        let half = width / 2;
        let mut out = vec![0f32; rows * half];
        for (to, from) in out.chunks_exact_mut(half.max(1)).zip(x.chunks_exact(width.max(1))) {
            let (gate, up) = from.split_at(half);
            for (t, (g, u)) in to.iter_mut().zip(gate.iter().zip(up)) {
                *t = g / (1.0 + exp(-g)) * u;
            }
        }
        Ok((CpuStorage::F32(out), Shape::from((rows, half))))
    }
}

fn contiguous<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(x), Some((start, end))) => Ok(&x[start..end]),
        _ => bail!("expected contiguous f32"),
    }
}

/// `e^x` within 2 units in the last place, without branches, so that loops over it use vector instructions (Cephes `expf`).
/// Arguments beyond ±87 count as ±87; NaN stays NaN.
#[inline]
fn exp(x: f32) -> f32 {
    /// Adding it rounds to an integer, which then stands in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    // Not `clamp` or `max`: those would turn NaN into a number.
    let x = if x < -87.0 { -87.0 } else { x };
    let x = if x > 87.0 { 87.0 } else { x };
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let k = shifted - ROUND;
    // ln 2 in two parts, the first exact in few bits.
    let r = (x - k * 0.693_359_4) + k * 2.121_944_4e-4;
    let p = 1.987_569_1e-4 * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 0.166_666_66;
    let p = p * r + 0.5;
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000));
    (p * r * r + r + 1.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fast_exponential_is_exact_to_the_last_digits() {
        for i in -8700..=8700_i16 {
            let x = f32::from(i) / 100.0;
            let (got, want) = (f64::from(exp(x)), f64::from(x).exp());
            assert!((got / want - 1.0).abs() < 3e-7, "{x}: {got} {want}");
        }
        assert_eq!(exp(0.0).to_bits(), 1.0_f32.to_bits());
        assert!(exp(f32::NAN).is_nan());
        assert!(exp(-1e9) < 1e-37 && exp(f32::NEG_INFINITY) < 1e-37);
    }

    #[test]
    fn hidden_columns_get_no_weight() {
        let mut row = vec![1.0, 2.0, 3.0];
        softmax(&mut row, 1.0);
        assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert!((f64::from(row[2]) - 0.665_240_96).abs() < 1e-6);
    }
}
