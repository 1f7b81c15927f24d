//! Element-wise operations of the decoder on the CPU, over rows of f32, in parallel where there are many.

#![expect(clippy::inline_always, reason = "the functions of one row are compiled again inside of functions for wider registers")]

use rayon::prelude::*;

use super::config::RopeScaling;
use super::kernels;

/// Numbers from which it is worth the while to wake other threads.
const PARALLEL: usize = 1 << 15;

/// Numbers of the widest register.
const LANES: usize = 16;

/// Runs over the rows of `out`, `width` numbers each.
fn each_row(out: &mut [f32], width: usize, row: impl Fn(usize, &mut [f32]) + Sync) {
    let width = width.max(1);
    if out.len() < PARALLEL {
        out.chunks_exact_mut(width).enumerate().for_each(|(r, out)| row(r, out));
    } else {
        out.par_chunks_exact_mut(width).enumerate().with_min_len(8).for_each(|(r, out)| row(r, out));
    }
}

/// Root mean square norm of each row of `x`.
pub(super) fn norm_rows(x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
    let width = weight.len();
    each_row(out, width, |r, out| kernels::rms_norm(&x[r * width..][..width], weight, eps, out));
}

/// `x += y`.
pub(super) fn add_rows(x: &mut [f32], y: &[f32]) {
    const WIDTH: usize = 1 << 12;
    let even = x.len() - x.len() % WIDTH;
    each_row(&mut x[..even], WIDTH, |r, x| kernels::add(x, &y[r * WIDTH..][..WIDTH]));
    kernels::add(&mut x[even..], &y[even..]);
}

/// `silu(gate) * up` of rows `(gate | up)`: `(rows, 2 * width)` to `(rows, width)`.
pub(super) fn swiglu_rows(x: &[f32], width: usize, out: &mut [f32]) {
    each_row(out, width, |r, out| {
        let (gate, up) = x[2 * r * width..][..2 * width].split_at(width);
        kernels::swiglu(gate, up, out);
    });
}

/// Cosines and sines of some positions, `(rows, head_dim / 2)` each.
#[derive(Debug, Clone)]
pub(super) struct Rotary {
    half: usize,
    cos: Vec<f32>,
    sin: Vec<f32>,
}

impl Rotary {
    /// Angles in f32 as transformers computes them: `position * theta^(-2i / head_dim)`.
    pub(super) fn new(positions: impl Iterator<Item = usize>, inverse_frequencies: &[f32]) -> Self {
        let angles = positions.flat_map(|p| inverse_frequencies.iter().map(move |f| p as f32 * f));
        let (cos, sin) = angles.map(|a| (a.cos(), a.sin())).unzip();
        Self { half: inverse_frequencies.len(), cos, sin }
    }

    /// `(rows, head_dim / 2)`
    pub(super) fn cos(&self) -> &[f32] {
        &self.cos
    }

    /// `(rows, head_dim / 2)`
    pub(super) fn sin(&self) -> &[f32] {
        &self.sin
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

/// What becomes of the heads of a projection before attention, in this order.
pub(super) struct Prepare<'a> {
    /// Added to each row.
    pub(super) bias: Option<&'a [f32]>,
    /// Weight and epsilon of an RMS norm over each head.
    pub(super) norm: Option<(&'a [f32], f32)>,
    /// Rotation of the pairs `(x[i], x[i + head_dim / 2])` of each head.
    pub(super) rotary: Option<&'a Rotary>,
}

/// Prepares rows of heads in place: `x` is `(rows, heads * head_dim)`.
pub(super) fn prepare(x: &mut [f32], width: usize, head_dim: usize, how: &Prepare<'_>) {
    each_row(x, width, |r, row| {
        if let Some(bias) = how.bias {
            row.iter_mut().zip(bias).for_each(|(x, b)| *x += b);
        }
        for head in row.chunks_exact_mut(head_dim) {
            if let Some((weight, eps)) = how.norm {
                let factor = rms_factor(head, eps);
                head.iter_mut().zip(weight).for_each(|(x, w)| *x *= factor * w);
            }
            if let Some(rotary) = how.rotary {
                let at = r * rotary.half..(r + 1) * rotary.half;
                kernels::rotate(head, &rotary.cos[at.clone()], &rotary.sin[at]);
            }
        }
    });
}

// ---- one row: compiled for several processors in `kernels`, which says what each function does -----------------------------------------

#[inline(always)]
pub(super) fn rms_norm(x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
    let factor = rms_factor(x, eps);
    for ((o, x), w) in out.iter_mut().zip(x).zip(weight) {
        *o = x * factor * w;
    }
}

#[inline(always)]
fn rms_factor(x: &[f32], eps: f32) -> f32 {
    let (blocks, rest) = x.as_chunks::<LANES>();
    let mut lanes = [0f32; LANES];
    for block in blocks {
        for (lane, v) in lanes.iter_mut().zip(block) {
            *lane += v * v;
        }
    }
    let squares: f32 = lanes.iter().sum::<f32>() + rest.iter().map(|v| v * v).sum::<f32>();
    1.0 / (squares / x.len() as f32 + eps).sqrt()
}

#[inline(always)]
pub(super) fn add(x: &mut [f32], y: &[f32]) {
    x.iter_mut().zip(y).for_each(|(x, y)| *x += y);
}

#[inline(always)]
pub(super) fn rotate(head: &mut [f32], cos: &[f32], sin: &[f32]) {
    let (first, second) = head.split_at_mut(cos.len());
    for ((a, b), (c, s)) in first.iter_mut().zip(second).zip(cos.iter().zip(sin)) {
        (*a, *b) = (*a * c - *b * s, *b * c + *a * s);
    }
}

#[inline(always)]
pub(super) fn softmax(x: &mut [f32], scale: f32) {
    let top = fold(x, f32::NEG_INFINITY, |a, b| if b > a { b } else { a });
    for v in x.iter_mut() {
        *v = exp((*v - top) * scale);
    }
    let factor = 1.0 / fold(x, 0.0, |a, b| a + b);
    for v in x {
        *v *= factor;
    }
}

/// A reduction in lanes, which the compiler can keep in vector registers.
#[inline(always)]
fn fold(x: &[f32], start: f32, f: impl Fn(f32, f32) -> f32) -> f32 {
    let (blocks, rest) = x.as_chunks::<LANES>();
    let mut lanes = [start; LANES];
    for block in blocks {
        for (lane, v) in lanes.iter_mut().zip(block) {
            *lane = f(*lane, *v);
        }
    }
    rest.iter().chain(&lanes).fold(start, |a, &b| f(a, b))
}

#[inline(always)]
pub(super) fn swiglu(gate: &[f32], up: &[f32], out: &mut [f32]) {
    for (o, (g, u)) in out.iter_mut().zip(gate.iter().zip(up)) {
        *o = g / (1.0 + exp(-g)) * u;
    }
}

#[inline(always)]
pub(super) fn quantise(x: &[f32], out: &mut [u8], scales: &mut [f32]) {
    let blocks = x.as_chunks::<32>().0.iter().zip(out.as_chunks_mut::<32>().0);
    for ((x, out), scale) in blocks.zip(scales) {
        let top = fold(x, 0.0, |a, b| if b.abs() > a { b.abs() } else { a });
        // Zero for every finite number.
        let poison = fold(x, 0.0, |a, b| a + b * 0.0);
        let factor = if top > 0.0 { 127.0 / top } else { 0.0 };
        for (out, x) in out.iter_mut().zip(x) {
            *out = (x * factor + ROUND).to_bits().to_le_bytes()[0].wrapping_add(128);
        }
        *scale = top / 127.0 + poison;
    }
}

/// Adding it rounds to an integer, which then stands in the lowest bits.
const ROUND: f32 = 12_582_912.0;

/// `e^x` within 2 units in the last place, without branches, so that loops over it use vector instructions (Cephes `expf`).
/// Arguments beyond ±87 count as ±87; NaN stays NaN.
#[inline(always)]
fn exp(x: f32) -> f32 {
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
