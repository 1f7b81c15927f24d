//! Weight matrices in the layout of the kernel that multiplies by them.

use super::gguf::{self, Q8_BYTES};
use super::kernels::{Dots, Level, PanelsBf16, PanelsF32, PanelsQ8, View, WeightsQ8, from_bf16, matmul, to_bf16};
use super::lined::Lined;
use super::packed::Packed;
use super::safetensors::Values;

/// The numbers that weight matrices are multiplied in. Sums are f32 in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Precision {
    F32,
    /// Weights as they are stored in bf16, inputs rounded to it.
    Bf16,
    /// Weights as they are stored in Q8_0 blocks, inputs rounded to such; other weights as [`Self::F32`].
    Q8,
}

/// Parameters from which a decoder is computed in bf16: a smaller one is fast enough without.
const LARGE: u64 = 50_000_000;

impl Precision {
    /// What a checkpoint stored in some number kinds is computed in on this processor.
    pub(super) fn of(dtypes: &str, parameters: u64) -> Self {
        // Numbers of at most 8 bits lose nothing that counts when they are rounded to bf16.
        let is_short = |d: &str| d == "BF16" || d.starts_with('Q');
        let has = |is: &dyn Fn(&str) -> bool| dtypes.split('+').any(is);
        // Tiles of bf16 are faster than the products of bytes.
        let has_tiles = Level::of_processor() >= Level::Tiles;
        if parameters < LARGE {
            Self::F32
        } else if has(&|d| d == "Q8_0") && !has(&|d| d.ends_with("_K")) && Dots::of_processor() > Dots::Plain && !has_tiles {
            Self::Q8
        } else if has(&is_short) && Level::of_processor() >= Level::WideBf16 {
            Self::Bf16
        } else {
            Self::F32
        }
    }

    /// What it is computed in on a device with tensors of its own.
    pub(super) fn on_device(dtypes: &str) -> Self {
        if dtypes.split('+').all(|d| d == "BF16" || d.starts_with('Q')) { Self::Bf16 } else { Self::F32 }
    }

    /// Name as in `score --stats`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::Q8 => "q8_0",
        }
    }

    /// Bytes of that many weights.
    pub(super) fn bytes(self, weights: u64) -> u64 {
        match self {
            Self::F32 => weights.saturating_mul(4),
            Self::Bf16 => weights.saturating_mul(2),
            // A block of 32 has a scale and a sum of two bytes each.
            Self::Q8 => weights.saturating_add(weights / 8),
        }
    }
}

/// A matrix `(outputs, inputs)` that rows of inputs are multiplied by.
#[derive(Debug)]
pub(super) struct Linear {
    inputs: usize,
    outputs: usize,
    weight: Weight,
}

#[derive(Debug)]
enum Weight {
    /// `(inputs, outputs)`, for the general matrix product.
    Plain(Lined<f32>),
    F32(PanelsF32),
    Bf16(PanelsBf16),
    Q8(PanelsQ8),
}

impl Linear {
    /// Stacks matrices of `inputs` columns, each given row by row.
    pub(super) fn new(inputs: usize, parts: Vec<Values>, precision: Precision) -> Self {
        let level = Level::of_processor();
        let (outputs, weight) = match precision {
            Precision::Bf16 => {
                let parts: Vec<Vec<u16>> = parts.into_iter().map(into_bf16).collect();
                let rows: Vec<&[u16]> = parts.iter().flat_map(|p| p.chunks_exact(inputs)).collect();
                (rows.len(), Weight::Bf16(PanelsBf16::pack(inputs, &rows, level)))
            }
            Precision::Q8 if parts.iter().all(|part| matches!(part, Values::Q8(_))) => {
                let width = inputs / 32 * Q8_BYTES;
                let rows = parts.iter().flat_map(|part| match part {
                    Values::Q8(blocks) => blocks.chunks_exact(width),
                    _ => [].chunks_exact(width),
                });
                let rows: Vec<&[u8]> = rows.collect();
                (rows.len(), Weight::Q8(PanelsQ8::pack(inputs, &rows, Dots::of_processor())))
            }
            Precision::F32 | Precision::Q8 => {
                let parts: Vec<Vec<f32>> = parts.into_iter().map(Values::into_f32).collect();
                let rows: Vec<&[f32]> = parts.iter().flat_map(|p| p.chunks_exact(inputs)).collect();
                let weight = match level {
                    Level::Plain => Weight::Plain(transposed(&rows)),
                    Level::Narrow | Level::Wide | Level::WideBf16 | Level::Tiles => {
                        Weight::F32(PanelsF32::pack(inputs, rows.iter().copied(), level))
                    }
                };
                (rows.len(), weight)
            }
        };
        Self { inputs, outputs, weight }
    }

    /// The arrays that it consists of, with the ends of their names in a packed file.
    pub(super) fn arrays(&self) -> Vec<(&'static str, &[u8])> {
        match &self.weight {
            Weight::Plain(weight) => vec![(".plain", bytemuck::cast_slice(weight))],
            Weight::F32(panels) => vec![(".f32", bytemuck::cast_slice(panels.data()))],
            Weight::Bf16(panels) => vec![(".bf16", bytemuck::cast_slice(panels.data()))],
            Weight::Q8(panels) => {
                let WeightsQ8 { data, scales, sums } = panels.data();
                [
                    (".q8", bytemuck::cast_slice(data)),
                    (".scales", bytemuck::cast_slice(scales)),
                    (".sums", bytemuck::cast_slice(sums)),
                ]
                .into()
            }
        }
    }

    /// The matrix of that name in a file that was packed on such a processor; `None` where it is not there in this size.
    pub(super) fn packed(packed: &Packed, name: &str, inputs: usize, outputs: usize) -> Option<Self> {
        let (of, level) = (|end: &str| format!("{name}{end}"), Level::of_processor());
        let weight = if let Some(plain) = packed.array(&of(".plain")) {
            (plain.len() == inputs * outputs).then_some(Weight::Plain(plain))
        } else if let Some(data) = packed.array(&of(".f32")) {
            PanelsF32::of(inputs, outputs, data, level).map(Weight::F32)
        } else if let Some(data) = packed.array(&of(".bf16")) {
            PanelsBf16::of(inputs, outputs, data, level).map(Weight::Bf16)
        } else {
            let data = packed.array(&of(".q8"))?;
            let weights = WeightsQ8 { data, scales: packed.array(&of(".scales"))?, sums: packed.array(&of(".sums"))? };
            PanelsQ8::of(inputs, outputs, weights, Dots::of_processor()).map(Weight::Q8)
        };
        Some(Self { inputs, outputs, weight: weight? })
    }

    /// Width of what comes out.
    pub(super) fn outputs(&self) -> usize {
        self.outputs
    }

    /// Multiplies rows of `inputs` numbers; `out` receives as many rows of `outputs` numbers.
    pub(super) fn apply(&self, x: &[f32], out: &mut [f32]) {
        match &self.weight {
            Weight::Plain(weight) => {
                let x = View::rows(x, x.len() / self.inputs, self.inputs, self.inputs);
                matmul(out, x, View::rows(weight, self.inputs, self.outputs, self.outputs), true);
            }
            Weight::F32(panels) => panels.apply(x, out),
            Weight::Bf16(panels) => panels.apply(x, out),
            Weight::Q8(panels) => panels.apply(x, out),
        }
    }
}

fn into_bf16(values: Values) -> Vec<u16> {
    match values {
        Values::Bf16(values) => values,
        other => other.into_f32().into_iter().map(to_bf16).collect(),
    }
}

/// Rows as columns. In blocks, so that both sides stay in the processor's cache.
fn transposed(rows: &[&[f32]]) -> Lined<f32> {
    const BLOCK: usize = 32;
    let (width, stride) = (rows.first().map_or(0, |r| r.len()), rows.len());
    let mut columns = Lined::default();
    let to = columns.room(width * stride);
    for (b, rows) in rows.chunks(BLOCK).enumerate() {
        for start in (0..width).step_by(BLOCK) {
            for (r, row) in rows.iter().enumerate() {
                for (c, value) in row.iter().enumerate().skip(start).take(BLOCK) {
                    to[c * stride + b * BLOCK + r] = *value;
                }
            }
        }
    }
    columns
}

/// Vectors of the tokens of a vocabulary, `(tokens, width)`.
#[derive(Debug)]
pub(super) struct Embedding {
    width: usize,
    values: Values,
}

impl Embedding {
    pub(super) fn new(width: usize, values: Values) -> Self {
        Self { width, values }
    }

    /// Writes the vector of a token, which must be one of the vocabulary.
    pub(super) fn look_up(&self, token: u32, out: &mut [f32]) {
        let at = token as usize * self.width..(token as usize + 1) * self.width;
        match &self.values {
            Values::F32(values) => out.copy_from_slice(&values[at]),
            Values::Bf16(values) => out.iter_mut().zip(&values[at]).for_each(|(o, &v)| *o = from_bf16(v)),
            Values::Q8(blocks) => {
                let mut row = Vec::with_capacity(self.width);
                gguf::q8_0(&blocks[at.start / 32 * Q8_BYTES..at.end / 32 * Q8_BYTES], &mut row);
                out.copy_from_slice(&row);
            }
        }
    }
}
