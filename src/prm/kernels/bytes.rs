//! Products of bytes: weights as they stand in Q8_0 blocks of 32 with a scale each, inputs rounded to such blocks on the way.
//!
//! The sums of a block are whole numbers and exact, so all kernels give the same up to the order in which blocks are added.

use super::super::gguf::half;
use super::super::lined::Lined;
use super::{Columns, Group, Level, PANEL, Shape};

/// Numbers that share a scale.
pub(super) const BLOCK: usize = 32;
/// Numbers that one instruction multiplies and adds up.
const FOUR: usize = 4;
/// Panels of one tile.
pub(super) const TILE_PANELS: usize = 2;

/// A matrix `(outputs, inputs)` in panels of 16 outputs.
#[derive(Debug, Default)]
pub(in super::super) struct Weights {
    /// `(panel, block, 8, 16, 4)`
    pub(in super::super) data: Lined<i8>,
    /// `(panel, block, 16)`, half precision.
    pub(in super::super) scales: Lined<u16>,
    /// `(panel, block, 16)`: the sum of each block, because inputs are stored 128 too high.
    pub(in super::super) sums: Lined<i16>,
}

impl Weights {
    /// Packs rows of Q8_0 blocks: a scale in half precision, then 32 bytes.
    pub(super) fn pack(inputs: usize, rows: &[&[u8]]) -> Self {
        let (panels, blocks) = (rows.len().div_ceil(PANEL), inputs / BLOCK);
        let mut weights = Self::default();
        let data = weights.data.room(panels * PANEL * inputs);
        let (scales, sums) = (weights.scales.room(panels * PANEL * blocks), weights.sums.room(panels * PANEL * blocks));
        for (o, row) in rows.iter().enumerate() {
            let (panel, lane) = (o / PANEL, o % PANEL);
            for (b, block) in row.chunks_exact(2 + BLOCK).enumerate() {
                let at = panel * blocks + b;
                scales[at * PANEL + lane] = u16::from_le_bytes([block[0], block[1]]);
                sums[at * PANEL + lane] = block[2..].iter().map(|&q| i16::from(q.cast_signed().max(-127))).sum();
                let to = &mut data[at * PANEL * BLOCK..][..PANEL * BLOCK];
                for (four, q) in block[2..].chunks_exact(FOUR).enumerate() {
                    let to = &mut to[(four * PANEL + lane) * FOUR..][..FOUR];
                    // Not -128: its sign could not be changed.
                    to.iter_mut().zip(q).for_each(|(to, q)| *to = q.cast_signed().max(-127));
                }
            }
        }
        weights
    }
}

/// Rounded inputs: `(rows, inputs)`, each 128 too high, and `(rows, blocks)` scales.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    pub(super) data: Vec<u8>,
    pub(super) scales: Vec<f32>,
}

/// What the processor can do with bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) enum Dots {
    /// One product after another.
    Plain,
    /// 256-bit registers, sums of two products.
    Wide,
    /// 512-bit registers, sums of four (VNNI).
    Four,
}

impl Dots {
    pub(in super::super) fn of_processor() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            let level = Level::of_processor();
            if level >= Level::Wide && has!("avx512vnni") {
                return Self::Four;
            }
            if level >= Level::Narrow && has!("f16c") {
                return Self::Wide;
            }
        }
        Self::Plain
    }
}

/// The twin of the kernels.
pub(super) fn plain(shape: Shape, x: &Inputs, w: &Weights, out: &mut [f32]) {
    let blocks = shape.inputs / BLOCK;
    for (row, out) in out.chunks_exact_mut(shape.outputs.max(1)).enumerate().take(shape.rows) {
        let (x, scales) = (&x.data[row * shape.inputs..][..shape.inputs], &x.scales[row * blocks..][..blocks]);
        for (o, out) in out.iter_mut().enumerate() {
            let (panel, lane) = (o / PANEL, o % PANEL);
            let block = |b: usize| {
                let at = panel * blocks + b;
                let w_at = |i: usize| w.data[at * PANEL * BLOCK + (i / FOUR * PANEL + lane) * FOUR + i % FOUR];
                let sum: i32 =
                    x[b * BLOCK..][..BLOCK].iter().enumerate().map(|(i, x)| (i32::from(*x) - 128) * i32::from(w_at(i))).sum();
                sum as f32 * (half(&w.scales[at * PANEL + lane].to_le_bytes()) * scales[b])
            };
            *out = (0..blocks).map(block).sum();
        }
    }
}

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m128i, __m256, __m256i, __m512, _mm_loadu_si128, _mm256_abs_epi8, _mm256_add_epi32, _mm256_cvtepi32_ps, _mm256_cvtph_ps,
    _mm256_fmadd_ps, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_mul_ps, _mm256_set1_epi16,
    _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_ps, _mm256_setzero_si256, _mm256_sign_epi8, _mm256_storeu_ps,
    _mm256_xor_si256, _mm512_cvtepi16_epi32, _mm512_cvtepi32_ps, _mm512_cvtph_ps, _mm512_dpbusd_epi32, _mm512_fmadd_ps,
    _mm512_loadu_si512, _mm512_mask_storeu_ps, _mm512_mul_ps, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps,
    _mm512_setzero_si512, _mm512_slli_epi32, _mm512_sub_epi32,
};

/// Which numbers of a panel are outputs: not those that fill up the last one.
#[cfg(target_arch = "x86_64")]
fn mask(shape: Shape, panel: usize) -> u16 {
    match shape.outputs.saturating_sub(panel * PANEL) {
        PANEL.. => u16::MAX,
        rest => (1 << rest) - 1,
    }
}

/// The columns of up to two panels.
///
/// # Safety
/// The processor has AVX512-VNNI; `x` and `w` hold the numbers of `shape`; nobody else touches the columns of the group.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub(super) unsafe fn group_four(shape: Shape, x: &Inputs, w: &Weights, out: Columns, group: Group) {
    const ROWS: usize = 6;
    for row in (0..shape.rows).step_by(ROWS) {
        // SAFETY: as the caller vouches.
        unsafe {
            match (group.panels, (shape.rows - row).min(ROWS)) {
                (1, 6) => tile_four::<6, 1>(shape, x, w, out, group.first, row),
                (1, 5) => tile_four::<5, 1>(shape, x, w, out, group.first, row),
                (1, 4) => tile_four::<4, 1>(shape, x, w, out, group.first, row),
                (1, 3) => tile_four::<3, 1>(shape, x, w, out, group.first, row),
                (1, 2) => tile_four::<2, 1>(shape, x, w, out, group.first, row),
                (1, _) => tile_four::<1, 1>(shape, x, w, out, group.first, row),
                (_, 6) => tile_four::<6, 2>(shape, x, w, out, group.first, row),
                (_, 5) => tile_four::<5, 2>(shape, x, w, out, group.first, row),
                (_, 4) => tile_four::<4, 2>(shape, x, w, out, group.first, row),
                (_, 3) => tile_four::<3, 2>(shape, x, w, out, group.first, row),
                (_, 2) => tile_four::<2, 2>(shape, x, w, out, group.first, row),
                (_, _) => tile_four::<1, 2>(shape, x, w, out, group.first, row),
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
#[inline]
unsafe fn tile_four<const ROWS: usize, const PANELS: usize>(
    shape: Shape,
    x: &Inputs,
    w: &Weights,
    out: Columns,
    first: usize,
    row: usize,
) {
    let blocks = shape.inputs / BLOCK;
    let mut sums: [[__m512; PANELS]; ROWS] = [[_mm512_setzero_ps(); PANELS]; ROWS];
    // SAFETY: rows and panels lie inside of the matrices, as the caller vouches; the mask leaves out what is behind the last output.
    unsafe {
        let mut x_at = x.data.as_ptr().add(row * shape.inputs);
        let mut x_scales = x.scales.as_ptr().add(row * blocks);
        // Worked out before the loops, which then have nothing but loads, products and steps.
        let rows: [(usize, usize); ROWS] = std::array::from_fn(|r| (r * shape.inputs, r * blocks));
        let panels: [usize; PANELS] = std::array::from_fn(|p| p * blocks * PANEL);
        let mut data = w.data.as_ptr().add(first * blocks * PANEL * BLOCK);
        let (mut own_sums, mut scales) =
            (w.sums.as_ptr().add(first * blocks * PANEL), w.scales.as_ptr().add(first * blocks * PANEL));
        let far = panels.map(|panel| panel * BLOCK);
        for _ in 0..blocks {
            let start = panels.map(|panel| {
                let own = _mm256_loadu_si256(own_sums.add(panel).cast());
                _mm512_sub_epi32(_mm512_setzero_si512(), _mm512_slli_epi32::<7>(_mm512_cvtepi16_epi32(own)))
            });
            let mut dots = [start; ROWS];
            for _ in 0..BLOCK / FOUR {
                let weights = far.map(|panel| _mm512_loadu_si512(data.add(panel).cast()));
                for (dots, (row, _)) in dots.iter_mut().zip(rows) {
                    let x = _mm512_set1_epi32(x_at.add(row).cast::<i32>().read_unaligned());
                    for (dot, weight) in dots.iter_mut().zip(weights) {
                        *dot = _mm512_dpbusd_epi32(*dot, x, weight);
                    }
                }
                (x_at, data) = (x_at.add(FOUR), data.add(FOUR * PANEL));
            }
            let own_scales = panels.map(|panel| _mm512_cvtph_ps(_mm256_loadu_si256(scales.add(panel).cast())));
            for ((sums, dots), (_, row)) in sums.iter_mut().zip(dots).zip(rows) {
                let x_scale = _mm512_set1_ps(*x_scales.add(row));
                for ((sum, dot), scale) in sums.iter_mut().zip(dots).zip(own_scales) {
                    *sum = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), _mm512_mul_ps(scale, x_scale), *sum);
                }
            }
            (x_scales, own_sums, scales) = (x_scales.add(1), own_sums.add(PANEL), scales.add(PANEL));
        }
        for (r, sums) in sums.iter().enumerate() {
            for (p, sum) in sums.iter().enumerate() {
                let to = out.0.add((row + r) * shape.outputs + (first + p) * PANEL);
                _mm512_mask_storeu_ps(to, mask(shape, first + p), *sum);
            }
        }
    }
}

/// The columns of one panel.
///
/// # Safety
/// As [`group_four`], on a processor with AVX2, FMA and F16C.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) unsafe fn group_wide(shape: Shape, x: &Inputs, w: &Weights, out: Columns, group: Group) {
    for panel in group.first..group.first + group.panels {
        for row in (0..shape.rows).step_by(2) {
            // SAFETY: as the caller vouches.
            unsafe {
                match shape.rows - row {
                    1 => tile_wide::<1>(shape, x, w, out, panel, row),
                    _ => tile_wide::<2>(shape, x, w, out, panel, row),
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
unsafe fn tile_wide<const ROWS: usize>(shape: Shape, x: &Inputs, w: &Weights, out: Columns, panel: usize, row: usize) {
    let blocks = shape.inputs / BLOCK;
    let (ones, high) = (_mm256_set1_epi16(1), _mm256_set1_epi32(i32::from_ne_bytes([0x80; 4])));
    let mut sums: [[__m256; 2]; ROWS] = [[_mm256_setzero_ps(); 2]; ROWS];
    // SAFETY: rows and the panel lie inside of the matrices, as the caller vouches; what is behind the last output is not copied.
    unsafe {
        for block in 0..blocks {
            let place = panel * blocks + block;
            let mut dots: [[__m256i; 2]; ROWS] = [[_mm256_setzero_si256(); 2]; ROWS];
            for four in 0..BLOCK / FOUR {
                let weights = w.data.as_ptr().add((place * BLOCK + four * FOUR) * PANEL);
                let weights = [_mm256_loadu_si256(weights.cast()), _mm256_loadu_si256(weights.add(32).cast())];
                for (r, dots) in dots.iter_mut().enumerate() {
                    let at = x.data.as_ptr().add((row + r) * shape.inputs + block * BLOCK + four * FOUR);
                    // With its sign: the products of two bytes below 128 never leave 16 bits.
                    let x = _mm256_xor_si256(_mm256_set1_epi32(at.cast::<i32>().read_unaligned()), high);
                    for (dot, weight) in dots.iter_mut().zip(weights) {
                        let pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(x), _mm256_sign_epi8(weight, x));
                        *dot = _mm256_add_epi32(*dot, _mm256_madd_epi16(pairs, ones));
                    }
                }
            }
            for half in 0..2 {
                let own: *const __m128i = w.scales.as_ptr().add(place * PANEL + 8 * half).cast();
                let scale = _mm256_cvtph_ps(_mm_loadu_si128(own));
                for (r, sums) in sums.iter_mut().enumerate() {
                    let scale = _mm256_mul_ps(scale, _mm256_set1_ps(*x.scales.as_ptr().add((row + r) * blocks + block)));
                    sums[half] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dots[r][half]), scale, sums[half]);
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            let mut all = [0f32; PANEL];
            _mm256_storeu_ps(all.as_mut_ptr(), sums[0]);
            _mm256_storeu_ps(all.as_mut_ptr().add(8), sums[1]);
            let width = PANEL.min(shape.outputs - panel * PANEL);
            out.0.add((row + r) * shape.outputs + panel * PANEL).copy_from_nonoverlapping(all.as_ptr(), width);
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod elsewhere {
    use super::{Columns, Group, Inputs, Shape, Weights};

    pub(in super::super) unsafe fn group_four(_: Shape, _: &Inputs, _: &Weights, _: Columns, _: Group) {}
    pub(in super::super) unsafe fn group_wide(_: Shape, _: &Inputs, _: &Weights, _: Columns, _: Group) {}
}
#[cfg(not(target_arch = "x86_64"))]
pub(super) use elsewhere::{group_four, group_wide};
