//! Kernels in 512-bit registers, and element-wise functions compiled for the widest registers of the processor.

use super::super::ops;
use super::{Columns, DEPTH, Group, Level, PANEL, Shape, TILE_PANELS, TILE_ROWS};

/// Makes a safe function that runs the one of the same name in `ops`, compiled for what the processor has.
macro_rules! widest {
    ($($(#[$doc:meta])* $name:ident($($argument:ident: $kind:ty),*);)*) => {$(
        $(#[$doc])*
        pub(in super::super) fn $name($($argument: $kind),*) {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
                fn avx512($($argument: $kind),*) {
                    ops::$name($($argument),*);
                }
                #[target_feature(enable = "avx2,fma")]
                fn avx2($($argument: $kind),*) {
                    ops::$name($($argument),*);
                }
                match Level::of_processor() {
                    // SAFETY: the processor was asked.
                    Level::Wide | Level::WideBf16 | Level::Tiles => return unsafe { avx512($($argument),*) },
                    // SAFETY: as above.
                    Level::Narrow => return unsafe { avx2($($argument),*) },
                    Level::Plain => {}
                }
            }
            ops::$name($($argument),*);
        }
    )*};
}

widest! {
    /// Root mean square norm (arXiv:1910.07467): divided by its root mean square, times the weight.
    rms_norm(x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]);
    /// `x += y`.
    add(x: &mut [f32], y: &[f32]);
    /// Rotation of the pairs `(head[i], head[i + head_dim / 2])`.
    rotate(head: &mut [f32], cos: &[f32], sin: &[f32]);
    /// Softmax of `scale * x`, in place.
    softmax(x: &mut [f32], scale: f32);
    /// `silu(gate) * up`.
    swiglu(gate: &[f32], up: &[f32], out: &mut [f32]);
    /// Blocks of 32 numbers as bytes 128 too high, and their scales; what is no number makes the scale none.
    quantise(x: &[f32], out: &mut [u8], scales: &mut [f32]);
}

#[cfg(target_arch = "x86_64")]
use std::mem::transmute;

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m256bh, __m256i, __m512, __m512bh, __m512i, __mmask16, _MM_HINT_T1, _mm_prefetch, _mm256_storeu_si256, _mm512_cvtneps_pbh,
    _mm512_dpbf16_ps, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_loadu_si512, _mm512_mask_loadu_ps, _mm512_mask_storeu_ps,
    _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps,
};

/// Runs the tile function of this number of panels and rows: both are constants of it.
#[cfg(target_arch = "x86_64")]
macro_rules! tile {
    ($tile:ident, $panels:expr, $rows:expr, $arguments:tt) => {
        match $panels {
            1 => tile!(@rows $tile, 1, $rows, $arguments; 1 2 3 4 5 6 7 8),
            2 => tile!(@rows $tile, 2, $rows, $arguments; 1 2 3 4 5 6 7 8),
            _ => tile!(@rows $tile, 3, $rows, $arguments; 1 2 3 4 5 6 7 8),
        }
    };
    (@rows $tile:ident, $panels:literal, $rows:expr, ($tile_at:expr, $x:expr, $w:expr, $out:expr, $ahead:expr); $($n:literal)*) => {
        match $rows {
            $($n => $tile::<$n, $panels>($tile_at, $x, $w, $out, $ahead),)*
            _ => {}
        }
    };
}

/// The columns of up to three panels of f32. The weights of an input stand `step` numbers behind those of the one before, panel after panel.
///
/// # Safety
/// The processor has AVX-512; `x` holds the rows of `shape`, `w` the weights of the group for its inputs; nobody else touches the columns of
/// the group.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn group_f32(shape: Shape, x: *const f32, w: *const f32, step: usize, out: Columns, group: Group) {
    for start in (0..shape.inputs).step_by(DEPTH) {
        let depth = DEPTH.min(shape.inputs - start);
        // SAFETY: the addresses lie in the matrices that the caller vouches for.
        let (x, w) = unsafe { (x.add(start), w.add(start * step)) };
        let mut ahead = Ahead::new(w, depth * step, shape.rows.div_ceil(TILE_ROWS) * depth);
        for row in (0..shape.rows).step_by(TILE_ROWS) {
            let tile = Tile { shape, row, column: group.first * PANEL, depth, step, resume: start > 0 };
            // SAFETY: as above.
            unsafe {
                let x = x.add(row * shape.inputs);
                tile!(tile_f32, group.panels, (shape.rows - row).min(TILE_ROWS), (tile, x, w, out, &mut ahead));
            }
        }
    }
}

/// The columns of up to three panels of bf16; the inputs of `shape` are padded.
///
/// # Safety
/// As [`group_f32`], on a processor with AVX512-BF16.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bf16")]
pub(super) unsafe fn group_bf16(shape: Shape, x: *const u16, panels: *const u16, out: Columns, group: Group) {
    let width = group.panels * PANEL;
    for start in (0..shape.inputs).step_by(2 * DEPTH) {
        let depth = (2 * DEPTH).min(shape.inputs - start);
        // SAFETY: the addresses lie in the matrices that the caller vouches for.
        let (x, w) = unsafe { (x.add(start), panels.add(group.first * PANEL * shape.inputs + start * width)) };
        let mut ahead = Ahead::new(w, depth * width, shape.rows.div_ceil(TILE_ROWS) * depth / 2);
        for row in (0..shape.rows).step_by(TILE_ROWS) {
            let tile = Tile { shape, row, column: group.first * PANEL, depth, step: 2 * width, resume: start > 0 };
            // SAFETY: as above.
            unsafe {
                let x = x.add(row * shape.inputs);
                tile!(tile_bf16, group.panels, (shape.rows - row).min(TILE_ROWS), (tile, x, w, out, &mut ahead));
            }
        }
    }
}

/// What stands behind the weights of a block is fetched while the block is computed, bit by bit: it is what comes next, and memory takes
/// longer for it than the first rows of the next block would.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(super) struct Ahead {
    pub(super) next: *const u8,
    /// Bytes from one look to the next.
    pub(super) step: usize,
}

#[cfg(target_arch = "x86_64")]
impl Ahead {
    /// For a block of `count` weights with that many looks ahead.
    pub(super) fn new<T>(block: *const T, count: usize, looks: usize) -> Self {
        Self { next: block.wrapping_add(count).cast(), step: (count * size_of::<T>()).div_ceil(looks.max(1)) }
    }

    #[target_feature(enable = "sse")]
    #[inline]
    pub(super) fn look(&mut self) {
        #[allow(unused_unsafe, reason = "older compilers have it as unsafe")]
        // SAFETY: a hint, whatever the address is.
        unsafe {
            _mm_prefetch::<_MM_HINT_T1>(self.next.cast());
        }
        self.next = self.next.wrapping_add(self.step);
    }
}

/// Where the sums of a tile belong.
#[derive(Clone, Copy)]
pub(super) struct Tile {
    pub(super) shape: Shape,
    pub(super) row: usize,
    pub(super) column: usize,
    /// Inputs to go through.
    pub(super) depth: usize,
    /// Weights from one input, or pair of inputs, to the next.
    pub(super) step: usize,
    /// Add to what stands in the result already.
    pub(super) resume: bool,
}

impl Tile {
    /// Which numbers of a panel are outputs: not those that fill up the last one.
    fn mask(&self, panel: usize) -> u16 {
        match self.shape.outputs.saturating_sub(self.column + panel * PANEL) {
            PANEL.. => u16::MAX,
            rest => (1 << rest) - 1,
        }
    }

    /// Place of the first output of a panel in a row.
    pub(super) fn place(&self, row: usize, panel: usize) -> usize {
        (self.row + row) * self.shape.outputs + self.column + panel * PANEL
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn tile_f32<const ROWS: usize, const PANELS: usize>(
    tile: Tile,
    mut x: *const f32,
    mut w: *const f32,
    out: Columns,
    ahead: &mut Ahead,
) {
    const { assert!(ROWS <= TILE_ROWS && PANELS <= TILE_PANELS) };
    // Worked out before the loop, which then has nothing but loads, products and two steps.
    let rows: [usize; ROWS] = std::array::from_fn(|r| r * tile.shape.inputs);
    let panels: [usize; PANELS] = std::array::from_fn(|p| p * PANEL);
    // SAFETY: the callers keep rows and panels inside of the matrices.
    unsafe {
        let mut sums = begin::<ROWS, PANELS>(tile, out);
        let mut look = *ahead;
        for _ in 0..tile.depth {
            look.look();
            let weights = panels.map(|panel| _mm512_loadu_ps(w.add(panel)));
            for (sums, row) in sums.iter_mut().zip(rows) {
                let x = _mm512_set1_ps(*x.add(row));
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum = _mm512_fmadd_ps(x, weight, *sum);
                }
            }
            (x, w) = (x.add(1), w.add(tile.step));
        }
        *ahead = look;
        end(tile, out, sums);
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bf16")]
#[inline]
unsafe fn tile_bf16<const ROWS: usize, const PANELS: usize>(
    tile: Tile,
    mut x: *const u16,
    mut w: *const u16,
    out: Columns,
    ahead: &mut Ahead,
) {
    let rows: [usize; ROWS] = std::array::from_fn(|r| r * tile.shape.inputs);
    let panels: [usize; PANELS] = std::array::from_fn(|p| 2 * p * PANEL);
    // SAFETY: the callers keep rows and panels inside of the matrices; registers are only read as other kinds of the same size.
    unsafe {
        let mut sums = begin::<ROWS, PANELS>(tile, out);
        let mut look = *ahead;
        for _ in 0..tile.depth / 2 {
            look.look();
            let weights = panels.map(|panel| transmute::<__m512i, __m512bh>(_mm512_loadu_si512(w.add(panel).cast())));
            for (sums, row) in sums.iter_mut().zip(rows) {
                let x = transmute::<__m512i, __m512bh>(_mm512_set1_epi32(x.add(row).cast::<i32>().read_unaligned()));
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum = _mm512_dpbf16_ps(*sum, x, weight);
                }
            }
            (x, w) = (x.add(2), w.add(tile.step));
        }
        *ahead = look;
        end(tile, out, sums);
    }
}

/// The sums so far.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn begin<const ROWS: usize, const PANELS: usize>(tile: Tile, out: Columns) -> [[__m512; PANELS]; ROWS] {
    let mut sums = [[_mm512_setzero_ps(); PANELS]; ROWS];
    if tile.resume {
        for (r, sums) in sums.iter_mut().enumerate() {
            for (p, sum) in sums.iter_mut().enumerate() {
                let mask: __mmask16 = tile.mask(p);
                // SAFETY: the mask leaves out what is behind the last output.
                *sum = unsafe { _mm512_mask_loadu_ps(*sum, mask, out.0.add(tile.place(r, p))) };
            }
        }
    }
    sums
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn end<const ROWS: usize, const PANELS: usize>(tile: Tile, out: Columns, sums: [[__m512; PANELS]; ROWS]) {
    for (r, sums) in sums.iter().enumerate() {
        for (p, sum) in sums.iter().enumerate() {
            // SAFETY: as in `begin`.
            unsafe { _mm512_mask_storeu_ps(out.0.add(tile.place(r, p)), tile.mask(p), *sum) };
        }
    }
}

/// Rounds numbers to bf16 in registers, with zeros behind them.
///
/// # Safety
/// The processor has AVX512-BF16.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bf16")]
pub(super) unsafe fn round(x: &[f32], out: &mut [u16]) {
    let (out, behind) = out.split_at_mut(x.len());
    let (x, rest) = x.as_chunks::<16>();
    let (to, to_rest) = out.as_chunks_mut::<16>();
    for (x, to) in x.iter().zip(to) {
        // SAFETY: both sides hold 16 numbers.
        unsafe {
            let rounded = _mm512_cvtneps_pbh(_mm512_loadu_ps(x.as_ptr()));
            _mm256_storeu_si256(to.as_mut_ptr().cast(), transmute::<__m256bh, __m256i>(rounded));
        }
    }
    to_rest.iter_mut().zip(rest).for_each(|(o, x)| *o = super::to_bf16(*x));
    behind.fill(0);
}

#[cfg(not(target_arch = "x86_64"))]
mod elsewhere {
    use super::{Columns, Group, Shape};

    pub(in super::super) unsafe fn group_f32(_: Shape, _: *const f32, _: *const f32, _: usize, _: Columns, _: Group) {}
    pub(in super::super) unsafe fn group_bf16(_: Shape, _: *const u16, _: *const u16, _: Columns, _: Group) {}
    pub(in super::super) unsafe fn round(_: &[f32], _: &mut [u16]) {}
}
#[cfg(not(target_arch = "x86_64"))]
pub(super) use elsewhere::{group_bf16, group_f32, round};
