//! Arithmetic on the CPU. The decoder has its `unsafe` code here and in the modules of this one: each kernel stands behind a safe function that checks the
//! sizes of its slices, is chosen at run time by what the processor can do, and has a plain twin that tests compare it with.
//!
//! Weights are packed into panels of 16 outputs, so that a kernel reads them front to back into registers of 16 numbers.

#![expect(unsafe_code, reason = "vector instructions, and threads that write to separate columns of one slice")]

mod amx;
mod bytes;
mod narrow;
mod planes;
#[cfg(test)]
mod tests;
mod wide;

use std::cell::RefCell;
use std::sync::LazyLock;

use gemm::Parallelism;
use rayon::prelude::*;

use super::PrmError;
use super::lined::Lined;

pub(super) use bytes::{Dots, Weights as WeightsQ8};
pub(super) use wide::{add, rms_norm, rotate, softmax, swiglu};

/// Outputs of a panel.
const PANEL: usize = 16;
/// Panels and rows of one tile, the sums of which stay in registers.
const TILE_PANELS: usize = 3;
const TILE_ROWS: usize = 8;
/// Inputs after which sums are put down, so that the inputs of all rows and the weights of a tile stay in the processor's second cache.
const DEPTH: usize = 512;

/// A matrix of f32 somewhere in a slice: element `(r, c)` stands at `r * row_stride + c * column_stride`.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> View<'a> {
    /// Rows one after another, each `stride` numbers behind the one before.
    pub(super) fn rows(data: &'a [f32], rows: usize, columns: usize, stride: usize) -> Self {
        let view = Self { data, rows, columns, row_stride: stride, column_stride: 1 };
        let last = rows.saturating_sub(1) * stride + columns.saturating_sub(1);
        assert!(rows * columns == 0 || last < data.len(), "{rows} rows of {columns} leave a slice of {}", data.len());
        view
    }

    /// The same numbers with rows and columns exchanged.
    pub(super) fn transposed(self) -> Self {
        let Self { data, rows, columns, row_stride, column_stride } = self;
        Self { data, rows: columns, columns: rows, row_stride: column_stride, column_stride: row_stride }
    }
}

/// `out = a b`, with `out` as rows of `b.columns` numbers one after another. `parallel`: on all threads of the pool.
#[expect(clippy::many_single_char_names, reason = "the names that matrix products have everywhere")]
pub(super) fn matmul(out: &mut [f32], a: View<'_>, b: View<'_>, parallel: bool) {
    let (m, n, k) = (a.rows, b.columns, a.columns);
    assert!(b.rows == k && out.len() == m * n, "{m} x {k} times {} x {n} into {}", b.rows, out.len());
    if k == 0 {
        out.fill(0.0);
        return;
    }
    let parallelism = if parallel { Parallelism::Rayon(0) } else { Parallelism::None };
    let stride = usize::cast_signed;
    let (a_column, a_row) = (stride(a.column_stride), stride(a.row_stride));
    let (b_column, b_row) = (stride(b.column_stride), stride(b.row_stride));
    let (to, a, b) = (out.as_mut_ptr(), a.data.as_ptr(), b.data.as_ptr());
    // SAFETY: `View::rows` and the assertion above keep every element that the strides reach inside of its slice; `out` is borrowed mutably,
    // so nothing else reads or writes it.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            to,
            1,
            stride(n),
            false,
            a,
            a_column,
            a_row,
            b,
            b_column,
            b_row,
            0.0,
            1.0,
            false,
            false,
            false,
            parallelism,
        );
    }
}

/// Environment variable with the name of the highest level that is used, for comparisons between processors.
const SETTING: &str = "STEPSCOPE_CPU";

/// Whether [`SETTING`] names a level.
///
/// # Errors
/// It is none of those that there are.
pub(crate) fn check_setting() -> Result<(), PrmError> {
    Level::allowed().map(|_| ())
}

/// What the processor can do, as far as weights are packed for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// f32 through the general matrix product.
    Plain,
    /// 256-bit registers of f32.
    Narrow,
    /// 512-bit registers of f32.
    Wide,
    /// And products of bf16 pairs in them.
    WideBf16,
    /// And tiles of bf16 (AMX).
    Tiles,
}

impl Level {
    const NAMED: [(&str, Self); 5] = [
        ("plain", Self::Plain),
        ("avx2", Self::Narrow),
        ("avx512", Self::Wide),
        ("avx512-bf16", Self::WideBf16),
        ("amx", Self::Tiles),
    ];

    /// The highest level that may be used, as [`SETTING`] says.
    ///
    /// # Errors
    /// It is none of those that there are.
    pub(super) fn allowed() -> Result<Self, PrmError> {
        let Some(name) = std::env::var_os(SETTING) else { return Ok(Self::Tiles) };
        let named = Self::NAMED.iter().find(|(known, _)| name == *known);
        named.map(|named| named.1).ok_or_else(|| {
            let message = format!("is {:?}; expected {}", name.to_string_lossy(), Self::NAMED.map(|(name, _)| name).join(", "));
            PrmError::Place { place: SETTING.to_owned(), message }
        })
    }

    /// The level of this processor, or the lower one of [`SETTING`].
    pub(super) fn of_processor() -> Self {
        static LEVEL: LazyLock<Level> = LazyLock::new(|| {
            let highest = Level::allowed().unwrap_or(Level::Tiles);
            // Tiles ask the system for a permission, so they are looked at last.
            Level::detected(highest).min(highest)
        });
        *LEVEL
    }

    #[cfg(target_arch = "x86_64")]
    fn detected(highest: Self) -> Self {
        use std::arch::is_x86_feature_detected as has;
        let is_wide = has!("avx512f") && has!("avx512bw") && has!("avx512dq") && has!("avx512vl");
        match (is_wide, has!("avx512bf16")) {
            (true, true) if highest >= Self::Tiles && amx::allowed() => Self::Tiles,
            (true, true) => Self::WideBf16,
            (true, false) => Self::Wide,
            (false, _) if has!("avx2") && has!("fma") => Self::Narrow,
            (false, _) => Self::Plain,
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn detected(_: Self) -> Self {
        Self::Plain
    }

    /// Panels of a group of weights for its kernel.
    fn panels(self) -> usize {
        match self {
            Self::Tiles => amx::PANELS,
            Self::Narrow => narrow::PANELS,
            Self::Plain | Self::Wide | Self::WideBf16 => TILE_PANELS,
        }
    }
}

/// A weight matrix `(outputs, inputs)` of f32 in groups of panels: `(group, input, panel, 16)`.
#[derive(Debug)]
pub(super) struct PanelsF32 {
    inputs: usize,
    outputs: usize,
    data: Lined<f32>,
    level: Level,
}

/// A weight matrix of bf16 in groups of panels: `(group, pair of inputs, panel, 16, 2)`, inputs padded with zeros to a multiple of 32.
#[derive(Debug)]
pub(super) struct PanelsBf16 {
    inputs: usize,
    outputs: usize,
    padded: usize,
    data: Lined<u16>,
    level: Level,
}

/// Numbers of that many outputs in panels.
fn packed(outputs: usize, inputs: usize) -> usize {
    outputs.div_ceil(PANEL) * PANEL * inputs
}

/// Where the weights of one output stand: a kernel reads the group of panels that it works on front to back.
#[derive(Debug, Clone, Copy)]
struct Lane {
    /// Weights before its group.
    group: usize,
    /// Number of the output in its group.
    number: usize,
    /// Outputs of its group: the last one may be narrower.
    width: usize,
}

impl Lane {
    fn of(output: usize, outputs: usize, inputs: usize, panels: usize) -> Self {
        let first = output / (panels * PANEL) * panels;
        let width = panels.min(outputs.div_ceil(PANEL) - first) * PANEL;
        Self { group: first * PANEL * inputs, number: output - first * PANEL, width }
    }
}

impl Default for PanelsF32 {
    fn default() -> Self {
        Self { inputs: 0, outputs: 0, data: Lined::default(), level: Self::level(Level::of_processor()) }
    }
}

impl PanelsF32 {
    /// The kernel of a processor.
    fn level(level: Level) -> Level {
        if level == Level::WideBf16 { Level::Wide } else { level }
    }

    /// Panels of a group of its weights.
    fn panels(level: Level) -> usize {
        if level >= Level::Wide { TILE_PANELS } else { level.panels() }
    }

    /// Packs rows of `inputs` numbers.
    pub(super) fn pack<'a>(inputs: usize, rows: impl ExactSizeIterator<Item = &'a [f32]>, level: Level) -> Self {
        let mut panels = Self { inputs, outputs: 0, data: Lined::default(), level: Self::level(level) };
        panels.repack(inputs, rows);
        panels
    }

    /// What [`Self::pack`] made for the same level and [`Self::data`] gave; `None` where the sizes do not fit.
    pub(super) fn of(inputs: usize, outputs: usize, data: Lined<f32>, level: Level) -> Option<Self> {
        let fits = data.len() == packed(outputs, inputs) && level >= Level::Narrow;
        fits.then_some(Self { inputs, outputs, data, level: Self::level(level) })
    }

    /// The packed numbers.
    pub(super) fn data(&self) -> &[f32] {
        &self.data
    }

    /// Packs other rows into the same memory.
    pub(super) fn repack<'a>(&mut self, inputs: usize, rows: impl ExactSizeIterator<Item = &'a [f32]>) {
        (self.inputs, self.outputs) = (inputs, rows.len());
        let data = self.data.room(packed(self.outputs, inputs));
        for (o, row) in rows.enumerate() {
            let Lane { group, number, width } = Lane::of(o, self.outputs, inputs, Self::panels(self.level));
            for (to, x) in data[group + number..].iter_mut().step_by(width).zip(row) {
                *to = *x;
            }
        }
    }

    /// Multiplies rows of inputs on a processor of level [`Level::Narrow`] at least.
    pub(super) fn apply(&self, x: &[f32], out: &mut [f32]) {
        self.multiply(x, self.outputs, out, true);
    }

    /// As [`Self::apply`] with the first outputs alone, on this thread alone.
    pub(super) fn apply_first(&self, x: &[f32], outputs: usize, out: &mut [f32]) {
        self.multiply(x, outputs, out, false);
    }

    fn multiply(&self, x: &[f32], outputs: usize, out: &mut [f32], parallel: bool) {
        let rows = x.len() / self.inputs.max(1);
        assert!(x.len() == rows * self.inputs && out.len() == rows * outputs && outputs <= self.outputs);
        assert!((Level::Narrow..=Level::of_processor()).contains(&self.level), "packed for another processor");
        let shape = Shape { rows, inputs: self.inputs, outputs };
        multiply_f32(self.level, shape, x, out, parallel, |panel| {
            let together = Self::panels(self.level);
            let first = panel / together * together;
            // The layout is that of all outputs, also where fewer are asked for.
            let step = together.min(self.outputs.div_ceil(PANEL) - first) * PANEL;
            (&self.data[first * PANEL * self.inputs + (panel - first) * PANEL..], step)
        });
    }
}

/// Multiplies rows by panels of which each is given by its weights for the first input and the number of weights from there to those for the next.
fn multiply_f32<'a>(
    level: Level,
    shape: Shape,
    x: &[f32],
    out: &mut [f32],
    parallel: bool,
    panel: impl Fn(usize) -> (&'a [f32], usize) + Sync,
) {
    let to = Columns(out.as_mut_ptr());
    let place = |at: usize| {
        let (w, step) = panel(at);
        assert!(shape.inputs == 0 || w.len() >= (shape.inputs - 1) * step + PANEL);
        (w.as_ptr(), step)
    };
    if level >= Level::Tiles && planes::pay(shape) {
        return planes::split(x, shape.inputs, parallel, |x| {
            let threads = if parallel { rayon::current_num_threads() } else { 1 };
            shape.each_group(planes::together(shape.outputs.div_ceil(PANEL), threads), parallel, |group| {
                // SAFETY: the level was compared with the processor's, `x` was taken apart, each panel holds its weights, and groups write to columns
                // of their own.
                unsafe { planes::group(shape, x.as_ptr(), place, to, group) }
            });
        });
    }
    shape.each_group(PanelsF32::panels(level), parallel, |group| {
        let (w, step) = place(group.first);
        // SAFETY: as above; the panels of a group stand side by side.
        unsafe {
            if level >= Level::Wide {
                wide::group_f32(shape, x.as_ptr(), w, step, to, group);
            } else {
                narrow::group_f32(shape, x.as_ptr(), w, step, to, group);
            }
        }
    });
}

/// Rows of `b.rows` numbers times `b`, on this thread alone.
pub(super) fn mix(a: &[f32], b: View<'_>, out: &mut [f32]) {
    mix_at(Level::of_processor(), a, b, out);
}

fn mix_at(level: Level, a: &[f32], b: View<'_>, out: &mut [f32]) {
    let rows = a.len() / b.rows.max(1);
    if level < Level::Narrow || !b.columns.is_multiple_of(PANEL) || b.column_stride != 1 || b.rows == 0 {
        return matmul(out, View::rows(a, rows, b.rows, b.rows), b, false);
    }
    assert!(a.len() == rows * b.rows && out.len() == rows * b.columns && level <= Level::of_processor());
    let shape = Shape { rows, inputs: b.rows, outputs: b.columns };
    multiply_f32(level, shape, a, out, false, |panel| (&b.data[panel * PANEL..], b.row_stride));
}

impl PanelsBf16 {
    /// Packs rows of `inputs` bf16 numbers for a processor of some level.
    pub(super) fn pack(inputs: usize, rows: &[&[u16]], level: Level) -> Self {
        let (outputs, padded) = (rows.len(), inputs.next_multiple_of(amx::STEP));
        let filled_up = Self::filled_up(outputs, level);
        let mut data = Lined::default();
        let to = data.room(packed(filled_up, padded));
        for (o, row) in rows.iter().enumerate() {
            let Lane { group, number, width } = Lane::of(o, filled_up, padded, level.panels());
            for (pair, to) in row.chunks(2).zip(to[group..].chunks_exact_mut(2 * width)) {
                to[2 * number..][..pair.len()].copy_from_slice(pair);
            }
        }
        Self { inputs, outputs, padded, data, level }
    }

    /// What [`Self::pack`] made for the same level and [`Self::data`] gave; `None` where the sizes do not fit.
    pub(super) fn of(inputs: usize, outputs: usize, data: Lined<u16>, level: Level) -> Option<Self> {
        let padded = inputs.next_multiple_of(amx::STEP);
        let fits = data.len() == packed(Self::filled_up(outputs, level), padded);
        fits.then_some(Self { inputs, outputs, padded, data, level })
    }

    /// Outputs of all panels: tiles are multiplied in whole groups.
    fn filled_up(outputs: usize, level: Level) -> usize {
        if level == Level::Tiles { outputs.next_multiple_of(amx::PANELS * PANEL) } else { outputs }
    }

    /// The packed numbers.
    pub(super) fn data(&self) -> &[u16] {
        &self.data
    }

    /// Multiplies rows of inputs, which are rounded to bf16; sums are f32.
    pub(super) fn apply(&self, x: &[f32], out: &mut [f32]) {
        thread_local! {
            static ROUNDED: RefCell<Lined<u16>> = RefCell::default();
        }
        let rows = x.len() / self.inputs.max(1);
        assert!(x.len() == rows * self.inputs && out.len() == rows * self.outputs && self.level <= Level::of_processor());
        let shape = Shape { rows, inputs: self.padded, outputs: self.outputs };
        ROUNDED.with_borrow_mut(|rounded| {
            let rounded = rounded.room(amx::room(rows, self.padded));
            if self.level == Level::Tiles {
                amx::tile(x, self.inputs, self.padded, rounded);
            } else {
                round(x, self.inputs, &mut rounded[..rows * self.padded], self.padded, self.level);
            }
            self.multiply(shape, rounded, out);
        });
    }

    fn multiply(&self, shape: Shape, x: &[u16], out: &mut [f32]) {
        let to = Columns(out.as_mut_ptr());
        match self.level {
            Level::Tiles => shape.each_group(amx::TOGETHER, true, |group| {
                // SAFETY: the level was compared with the processor's, `x` was put into tiles, the panels are as `shape` says, and groups write
                // to columns of their own.
                unsafe { amx::group(shape, x.as_ptr(), self.data.as_ptr(), to, group) }
            }),
            Level::WideBf16 => shape.each_group(TILE_PANELS, true, |group| {
                // SAFETY: as above.
                unsafe { wide::group_bf16(shape, x.as_ptr(), self.data.as_ptr(), to, group) }
            }),
            Level::Plain | Level::Narrow | Level::Wide => self.plain(shape, x, out),
        }
    }

    /// The twin of the kernels.
    fn plain(&self, shape: Shape, x: &[u16], out: &mut [f32]) {
        for (x, out) in x.chunks_exact(self.padded).zip(out.chunks_exact_mut(self.outputs.max(1))).take(shape.rows) {
            for (o, out) in out.iter_mut().enumerate() {
                let outputs = Self::filled_up(self.outputs, self.level);
                let Lane { group, number, width } = Lane::of(o, outputs, self.padded, self.level.panels());
                let weights = self.data[group..].chunks_exact(2 * width).flat_map(|pairs| &pairs[2 * number..][..2]);
                *out = x.iter().zip(weights).map(|(&x, &w)| from_bf16(x) * from_bf16(w)).sum();
            }
        }
    }
}

/// A weight matrix of Q8_0 blocks in panels.
#[derive(Debug)]
pub(super) struct PanelsQ8 {
    inputs: usize,
    outputs: usize,
    weights: bytes::Weights,
    dots: Dots,
}

impl PanelsQ8 {
    /// Packs rows of `inputs` numbers, a multiple of 32, as Q8_0 blocks.
    pub(super) fn pack(inputs: usize, rows: &[&[u8]], dots: Dots) -> Self {
        Self { inputs, outputs: rows.len(), weights: bytes::Weights::pack(inputs, rows), dots }
    }

    /// What [`Self::pack`] made for the same products and [`Self::data`] gave; `None` where the sizes do not fit.
    pub(super) fn of(inputs: usize, outputs: usize, weights: bytes::Weights, dots: Dots) -> Option<Self> {
        let (all, blocks) = (packed(outputs, inputs), packed(outputs, inputs / bytes::BLOCK));
        let fits = weights.data.len() == all && weights.scales.len() == blocks && weights.sums.len() == blocks;
        (fits && inputs.is_multiple_of(bytes::BLOCK)).then_some(Self { inputs, outputs, weights, dots })
    }

    /// The packed blocks.
    pub(super) fn data(&self) -> &bytes::Weights {
        &self.weights
    }

    /// Multiplies rows of inputs, which are rounded to bytes in blocks of 32; sums of blocks are f32.
    pub(super) fn apply(&self, x: &[f32], out: &mut [f32]) {
        thread_local! {
            static ROUNDED: RefCell<bytes::Inputs> = RefCell::default();
        }
        let rows = x.len() / self.inputs.max(1);
        let fits = x.len() == rows * self.inputs && out.len() == rows * self.outputs;
        assert!(fits && self.inputs.is_multiple_of(bytes::BLOCK) && self.dots <= Dots::of_processor());
        let shape = Shape { rows, inputs: self.inputs, outputs: self.outputs };
        ROUNDED.with_borrow_mut(|rounded| {
            rounded.data.resize(x.len(), 0);
            rounded.scales.resize(x.len() / bytes::BLOCK, 0.0);
            let rows_of = |row: ((&[f32], &mut [u8]), &mut [f32])| wide::quantise(row.0.0, row.0.1, row.1);
            let width = self.inputs.max(1);
            let (data, scales) =
                (rounded.data.par_chunks_exact_mut(width), rounded.scales.par_chunks_exact_mut(width / bytes::BLOCK));
            x.par_chunks_exact(width).zip(data).zip(scales).with_min_len(16).for_each(rows_of);
            let (x, w, to) = (&*rounded, &self.weights, Columns(out.as_mut_ptr()));
            match self.dots {
                Dots::Four => shape.each_group(bytes::TILE_PANELS, true, |group| {
                    // SAFETY: the processor was asked, the slices have the sizes of `shape`, and groups write to columns of their own.
                    unsafe { bytes::group_four(shape, x, w, to, group) }
                }),
                Dots::Wide => shape.each_group(bytes::TILE_PANELS, true, |group| {
                    // SAFETY: as above.
                    unsafe { bytes::group_wide(shape, x, w, to, group) }
                }),
                Dots::Plain => bytes::plain(shape, x, w, out),
            }
        });
    }
}

/// The nearest bf16 number, ties to even; bfloat16 is the upper half of an f32.
pub(super) fn to_bf16(x: f32) -> u16 {
    let bits = x.to_bits();
    // A NaN whose digits are all in the lower half would become an infinity.
    let rounded = if x.is_nan() { bits | 0x0040_0000 } else { bits.wrapping_add(0x7fff + (bits >> 16 & 1)) };
    (rounded >> 16) as u16
}

/// The f32 with the value of a bf16 number.
pub(super) fn from_bf16(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// Rounds rows of `width` numbers to bf16, each padded with zeros to `padded`.
fn round(x: &[f32], width: usize, out: &mut [u16], padded: usize, level: Level) {
    let row = |(x, out): (&[f32], &mut [u16])| {
        let (out, rest) = out.split_at_mut(width);
        if level >= Level::WideBf16 {
            // SAFETY: `apply` compared the level with the processor's.
            unsafe { wide::round(x, out) };
        } else {
            out.iter_mut().zip(x).for_each(|(o, x)| *o = to_bf16(*x));
        }
        rest.fill(0);
    };
    x.par_chunks_exact(width.max(1)).zip(out.par_chunks_exact_mut(padded.max(1))).with_min_len(16).for_each(row);
}

/// Sizes of a product.
#[derive(Debug, Clone, Copy)]
struct Shape {
    rows: usize,
    inputs: usize,
    outputs: usize,
}

/// Panels from `first` on.
#[derive(Debug, Clone, Copy)]
struct Group {
    first: usize,
    panels: usize,
}

/// The start of a result of which each thread writes other columns.
#[derive(Debug, Clone, Copy)]
struct Columns(*mut f32);

// SAFETY: every kernel writes only to the columns of its group, and groups do not overlap.
unsafe impl Send for Columns {}
// SAFETY: as above.
unsafe impl Sync for Columns {}

impl Shape {
    /// Runs over the panels in groups; `parallel`: on all threads of the pool where the product is large.
    fn each_group(self, panels: usize, parallel: bool, run: impl Fn(Group) + Sync) {
        let groups = 0..self.outputs.div_ceil(PANEL).div_ceil(panels);
        if parallel && self.rows * self.inputs * self.outputs >= 1 << 18 {
            groups.into_par_iter().for_each(|i| run(self.group_at(panels, i)));
        } else {
            groups.for_each(|i| run(self.group_at(panels, i)));
        }
    }

    fn group_at(self, panels: usize, index: usize) -> Group {
        let first = index * panels;
        Group { first, panels: panels.min(self.outputs.div_ceil(PANEL) - first) }
    }
}
