//! Products of f32 in tiles of bf16 (AMX). An f32 has 24 digits: it is the sum of three bf16 numbers of 8 digits each, its *planes*, exactly. Of the nine
//! products of planes the six largest are summed; what is left out is below the last digit of an f32.

use std::cell::RefCell;
use std::ops::Range;

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m512, __m512i, _mm512_and_si512, _mm512_castps_si512, _mm512_castsi512_ps, _mm512_loadu_ps, _mm512_loadu_si512,
    _mm512_mask_blend_epi16, _mm512_maskz_loadu_ps, _mm512_permutex2var_epi16, _mm512_set1_epi32, _mm512_setzero_ps,
    _mm512_srli_epi32, _mm512_storeu_si512, _mm512_sub_ps,
};

use rayon::prelude::*;

use super::super::lined::Lined;
#[cfg(target_arch = "x86_64")]
use super::amx::Tiles;
use super::amx::{PANELS, ROWS, STEP, TILE};
#[cfg(target_arch = "x86_64")]
use super::wide::Ahead;
use super::{Columns, Group, Level, PANEL, Shape};

/// bf16 numbers that make an f32.
const PLANES: usize = 3;
/// Steps of inputs of a block: the planes of its weights stay in the processor's first cache for all rows.
const STEPS: usize = 4;
/// Rows that are computed together with one block of inputs: as many as stay in the processor's second cache beside their sums.
const CHUNK: usize = 512;
/// Numbers of the sums of [`ROWS`] rows and [`PANELS`] panels.
#[cfg(target_arch = "x86_64")]
const SUMS: usize = ROWS * PANELS * PANEL;
/// Panels that one thread goes through with one block of inputs, at most.
const TOGETHER: usize = 16;

/// Panels that one thread goes through with one block of inputs, so that all of `threads` have as much to do.
pub(super) fn together(panels: usize, threads: usize) -> usize {
    let rounds = panels.div_ceil(TOGETHER * threads).max(1);
    panels.div_ceil(rounds * threads).next_multiple_of(PANELS).max(PANELS)
}

/// Whether it pays to take rows and weights apart: each is worth it when many of the others are multiplied by it.
pub(super) fn pay(shape: Shape) -> bool {
    shape.rows * shape.outputs >= 40 * (shape.rows + shape.outputs)
}

/// Runs something with the planes of rows of `width` numbers in tiles, `(block of 16 rows, step of 32 inputs, plane, 16, 32)`, with zeros behind the last
/// input. Rows beyond the last are whatever was there: their results are not looked at. `parallel`: they are made on all threads of the pool.
pub(super) fn split(x: &[f32], width: usize, parallel: bool, run: impl FnOnce(&[u16])) {
    thread_local! {
        static SPLIT: RefCell<Lined<u16>> = RefCell::default();
    }
    let rows = x.len() / width.max(1);
    assert!(x.len() == rows * width && Level::of_processor() >= Level::Tiles);
    let block = |(out, x): (&mut [u16], &[f32])| {
        for (r, x) in x.chunks_exact(width.max(1)).enumerate() {
            for (x, tiles) in x.chunks(STEP).zip(out.chunks_exact_mut(PLANES * TILE)) {
                // SAFETY: the processor was asked.
                unsafe { split_step(x, &mut tiles[r * STEP..]) };
            }
        }
    };
    let size = (16 * width.next_multiple_of(STEP) * PLANES).max(1);
    let width = (16 * width).max(1);
    SPLIT.with_borrow_mut(|split| {
        let split = split.room(size * (rows.next_multiple_of(ROWS) / 16));
        if parallel {
            split.par_chunks_mut(size).zip(x.par_chunks(width)).for_each(block);
        } else {
            split.chunks_mut(size).zip(x.chunks(width)).for_each(block);
        }
        run(split);
    });
}

/// The planes of 16 numbers, each the upper half of an f32 whose lower half is zero but in the last.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
#[inline]
fn planes(x: __m512) -> [__m512i; PLANES] {
    let upper = _mm512_set1_epi32(0xffff_0000_u32.cast_signed());
    let first = _mm512_and_si512(_mm512_castps_si512(x), upper);
    let rest = _mm512_sub_ps(x, _mm512_castsi512_ps(first));
    let second = _mm512_and_si512(_mm512_castps_si512(rest), upper);
    let third = _mm512_castps_si512(_mm512_sub_ps(rest, _mm512_castsi512_ps(second)));
    [first, second, third]
}

/// The planes of up to 32 numbers, [`TILE`] numbers from one to the next.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn split_step(x: &[f32], out: &mut [u16]) {
    const UPPER: [u16; STEP] = {
        let mut places = [0; STEP];
        let mut i = 0_u16;
        while (i as usize) < STEP {
            places[i as usize] = 2 * i + 1;
            i += 1;
        }
        places
    };
    assert!(x.len() <= STEP && out.len() >= (PLANES - 1) * TILE + STEP);
    let mask = |from: usize| u16::try_from((1_u32 << x.len().saturating_sub(from).min(PANEL)) - 1).unwrap_or(u16::MAX);
    // SAFETY: the masks leave out what is behind the last number, and the assertion keeps the stores inside of the slice.
    unsafe {
        let [low, high] = [0, PANEL].map(|from| planes(_mm512_maskz_loadu_ps(mask(from), x.as_ptr().wrapping_add(from))));
        let upper = _mm512_loadu_si512(UPPER.as_ptr().cast());
        for (p, (low, high)) in low.into_iter().zip(high).enumerate() {
            _mm512_storeu_si512(out.as_mut_ptr().add(p * TILE).cast(), _mm512_permutex2var_epi16(low, upper, high));
        }
    }
}

/// The columns of some panels. `place` says where the weights of a panel for the first input stand, and how many numbers behind them those for the next.
///
/// # Safety
/// The processor has tiles and they are allowed; `x` holds the rows of `shape` as [`split`] puts them; `place` gives the weights of all panels of
/// the group; nobody else touches its columns in `out`.
#[cfg(target_arch = "x86_64")]
pub(super) unsafe fn group(
    shape: Shape,
    x: *const u16,
    place: impl Fn(usize) -> (*const f32, usize),
    out: Columns,
    group: Group,
) {
    thread_local! {
        static BUFFERS: RefCell<(Lined<u16>, Lined<f32>)> = RefCell::default();
    }
    BUFFERS.with_borrow_mut(|(weights, sums)| {
        let weights = weights.room(STEPS * PLANES * PANELS * TILE);
        let sums = sums.room(shape.rows.min(CHUNK).div_ceil(ROWS) * group.panels.div_ceil(PANELS) * SUMS);
        let steps = shape.inputs.div_ceil(STEP);
        let blocks = steps.div_ceil(STEPS);
        // SAFETY: as the caller vouches.
        let _tiles = unsafe { Tiles::configured() };
        for row in (0..shape.rows).step_by(CHUNK) {
            let rows = row..shape.rows.min(row + CHUNK);
            for block in 0..blocks {
                let steps = block * steps / blocks..(block + 1) * steps / blocks;
                let mut work = Block { shape, x, out, rows: rows.clone(), steps, weights, sums };
                // SAFETY: as the caller vouches; the buffers are as large as a chunk needs them.
                unsafe { work.panels(&place, group) };
            }
        }
    });
}

/// A block of inputs for some rows.
#[cfg(target_arch = "x86_64")]
struct Block<'a> {
    shape: Shape,
    x: *const u16,
    out: Columns,
    rows: Range<usize>,
    /// Steps of inputs.
    steps: Range<usize>,
    /// The planes of the weights of [`PANELS`] panels.
    weights: &'a mut [u16],
    /// The sums of the blocks before: results lie far apart in `out`, and are put there once.
    sums: &'a mut [f32],
}

#[cfg(target_arch = "x86_64")]
impl Block<'_> {
    /// # Safety
    /// As [`group`].
    unsafe fn panels(&mut self, place: impl Fn(usize) -> (*const f32, usize), group: Group) {
        let end = group.first + group.panels;
        let inputs = self.steps.start * STEP..(self.steps.end * STEP).min(self.shape.inputs);
        for (pair, first) in (group.first..end).step_by(PANELS).enumerate() {
            for panel in 0..PANELS {
                let (w, step) = if first + panel < end { place(first + panel) } else { (std::ptr::null(), 0) };
                // SAFETY: as the caller vouches.
                unsafe { take_apart(w, step, inputs.clone(), &mut self.weights[panel * TILE..]) };
            }
            // The panels that come next, or the next inputs of the first ones.
            let (next, from) = if first + PANELS < end { (first + PANELS, inputs.start) } else { (group.first, inputs.end) };
            let (w, step) = place((next + PANELS - 1).min(end - 1));
            let looks = self.rows.len().div_ceil(ROWS) * self.steps.len();
            let ahead = Ahead {
                next: w.wrapping_add(from * step).cast(),
                step: (inputs.len() * step * size_of::<f32>()).div_ceil(looks),
            };
            // SAFETY: as the caller vouches.
            unsafe { self.columns(pair, first * PANEL, ahead) };
        }
    }

    /// The columns of a pair of panels, the weights of which were taken apart.
    ///
    /// # Safety
    /// As [`group`].
    unsafe fn columns(&mut self, pair: usize, column: usize, ahead: Ahead) {
        let (shape, all_steps) = (self.shape, self.shape.inputs.div_ceil(STEP));
        let (is_first, is_last) = (self.steps.start == 0, self.steps.end == all_steps);
        let below = all_steps * PLANES * TILE;
        let mut product = Product { weights: self.weights.as_ptr(), below, steps: self.steps.len(), ahead };
        let width = (PANELS * PANEL).min(shape.outputs - column);
        let sums = self.sums[pair * self.rows.len().div_ceil(ROWS) * SUMS..].chunks_exact_mut(SUMS);
        for (row, sums) in self.rows.clone().step_by(ROWS).zip(sums) {
            let height = (self.rows.end - row).min(ROWS);
            let before = if is_first { std::ptr::null() } else { sums.as_ptr() };
            // SAFETY: the rows and columns lie in the matrices that the caller vouches for.
            unsafe {
                let x = self.x.add(row / 16 * below + self.steps.start * PLANES * TILE);
                let to = self.out.0.add(row * shape.outputs + column);
                if is_last && height == ROWS && width == PANELS * PANEL {
                    product.add(x, before, to, shape.outputs);
                    continue;
                }
                product.add(x, before, sums.as_mut_ptr(), PANELS * PANEL);
                for (i, sums) in sums.chunks_exact(PANELS * PANEL).take(height).enumerate().filter(|_| is_last) {
                    to.add(i * shape.outputs).copy_from_nonoverlapping(sums.as_ptr(), width);
                }
            }
        }
    }
}

/// The planes of the weights of a panel for some inputs in tiles, `(step of 32 inputs, plane, panel, pair of inputs, 16, 2)`, with zeros behind the last
/// input. No weights: zeros.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn take_apart(w: *const f32, step: usize, inputs: Range<usize>, out: &mut [u16]) {
    for (s, first) in inputs.clone().step_by(STEP).enumerate() {
        let out = out[s * PLANES * PANELS * TILE..][..((PLANES - 1) * PANELS + 1) * TILE].as_mut_ptr();
        let there = if w.is_null() { 0 } else { (inputs.end - first).min(STEP) };
        for pair in 0..there / 2 {
            // SAFETY: the caller gives the weights of these inputs, and a pair is a row of a tile of the slice that was cut above.
            unsafe {
                let w = w.add((first + 2 * pair) * step);
                put_pair(_mm512_loadu_ps(w), _mm512_loadu_ps(w.add(step)), out.add(pair * STEP));
            }
        }
        for pair in there / 2..STEP / 2 {
            // SAFETY: as above.
            unsafe {
                let even = if 2 * pair < there { _mm512_loadu_ps(w.add((first + 2 * pair) * step)) } else { _mm512_setzero_ps() };
                put_pair(even, _mm512_setzero_ps(), out.add(pair * STEP));
            }
        }
    }
}

/// The planes of a pair of inputs.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
unsafe fn put_pair(even: __m512, odd: __m512, out: *mut u16) {
    let (even, odd) = (planes(even), planes(odd));
    for p in 0..PLANES {
        let both = _mm512_mask_blend_epi16(0xaaaa_aaaa, _mm512_srli_epi32::<16>(even[p]), odd[p]);
        // SAFETY: as the caller vouches.
        unsafe { _mm512_storeu_si512(out.add(p * PANELS * TILE).cast(), both) };
    }
}

/// A block of weights that many blocks of rows are multiplied by.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
struct Product {
    weights: *const u16,
    /// Numbers from the tiles of 16 rows to those of the next 16.
    below: usize,
    /// Inputs, in steps of 32.
    steps: usize,
    ahead: Ahead,
}

#[cfg(target_arch = "x86_64")]
impl Product {
    /// [`ROWS`] rows of inputs times the block, added to sums as they lie in a buffer, or to nothing, to as many rows of `PANELS * PANEL` numbers,
    /// `width` numbers from one to the next.
    ///
    /// # Safety
    /// The tiles are configured, and the rows lie inside of what the pointers point to.
    unsafe fn add(&mut self, x: *const u16, before: *const f32, to: *mut f32, width: usize) {
        use std::arch::asm;
        // SAFETY: as the caller vouches.
        unsafe {
            asm!(
                "tilezero tmm0", "tilezero tmm1", "tilezero tmm2", "tilezero tmm3",
                "test {before}, {before}",
                "jz 2f",
                "tileloadd tmm0, [{before} + {row}*2]",
                "tileloadd tmm1, [{before} + {row}*2 + 64]",
                "tileloadd tmm2, [{before} + {row}*2 + 2048]",
                "tileloadd tmm3, [{before} + {row}*2 + 2112]",
                "2:",
                // The smallest products first: third planes of rows, then the second ones.
                "tileloadd tmm4, [{top} + {row}*1 + 2048]",
                "tileloadd tmm6, [{w} + {row}*1]",
                "tileloadd tmm7, [{w} + {row}*1 + 1024]",
                "tileloadd tmm5, [{bottom} + {row}*1 + 2048]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "tileloadd tmm4, [{top} + {row}*1 + 1024]",
                "tileloadd tmm5, [{bottom} + {row}*1 + 1024]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "tileloadd tmm6, [{w} + {row}*1 + 2048]",
                "tileloadd tmm7, [{w} + {row}*1 + 3072]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "tileloadd tmm4, [{top} + {row}*1]",
                "tileloadd tmm5, [{bottom} + {row}*1]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "tileloadd tmm6, [{w} + {row}*1 + 4096]",
                "tileloadd tmm7, [{w} + {row}*1 + 5120]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "tileloadd tmm6, [{w} + {row}*1]",
                "tileloadd tmm7, [{w} + {row}*1 + 1024]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "add {w}, 6144",
                "add {top}, 3072", "add {bottom}, 3072",
                "lea {until}, [{next} + {ahead}]",
                "3:",
                "prefetcht1 [{next}]",
                "add {next}, 64",
                "cmp {next}, {until}",
                "jb 3b",
                "mov {next}, {until}",
                "dec {steps}",
                "jnz 2b",
                "tilestored [{to} + {line}*1], tmm0",
                "tilestored [{to} + {line}*1 + 64], tmm1",
                "tilestored [{below} + {line}*1], tmm2",
                "tilestored [{below} + {line}*1 + 64], tmm3",
                top = inout(reg) x => _,
                bottom = inout(reg) x.add(self.below) => _,
                w = inout(reg) self.weights => _,
                until = out(reg) _,
                steps = inout(reg) self.steps => _,
                row = in(reg) 64_usize,
                next = inout(reg) self.ahead.next,
                ahead = in(reg) self.ahead.step,
                to = in(reg) to,
                below = in(reg) to.add(ROWS / 2 * width),
                line = in(reg) 4 * width,
                before = in(reg) before,
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _, out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack),
            );
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
unsafe fn split_step(_: &[f32], _: &mut [u16]) {}

#[cfg(not(target_arch = "x86_64"))]
pub(super) unsafe fn group(_: Shape, _: *const u16, _: impl Fn(usize) -> (*const f32, usize), _: Columns, _: Group) {}
