//! Products of bf16 in tiles (AMX): 16 by 16 sums in one instruction of 32 inputs. The instructions have no stable intrinsics, so they are
//! written as assembly.

use rayon::prelude::*;

#[cfg(target_arch = "x86_64")]
use super::wide::Ahead;
use super::{Columns, Group, Level, PANEL, Shape, wide};

/// Rows that are computed together: two tiles.
pub(super) const ROWS: usize = 32;
/// Panels that are computed together: two tiles.
pub(super) const PANELS: usize = 2;
/// Panels that one thread goes through with one block of inputs.
pub(super) const TOGETHER: usize = 4 * PANELS;

/// Whether the processor has tiles of bf16 and the system lets this process use them. Linux asks for a permission, once.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
pub(super) fn allowed() -> bool {
    use std::arch::asm;
    use std::arch::x86_64::__cpuid_count;
    use std::sync::LazyLock;
    static ALLOWED: LazyLock<bool> = LazyLock::new(|| {
        const TILE: u32 = 1 << 24;
        const BF16: u32 = 1 << 22;
        const ARCH_PRCTL: u64 = 158;
        const ARCH_REQ_XCOMP_PERM: u64 = 0x1023;
        const XFEATURE_XTILEDATA: u64 = 18;
        let features = __cpuid_count(7, 0).edx;
        if features & (TILE | BF16) != TILE | BF16 {
            return false;
        }
        let result: i64;
        // SAFETY: a system call that takes no pointers and changes nothing but the permission.
        unsafe {
            asm!("syscall", inlateout("rax") ARCH_PRCTL => result, in("rdi") ARCH_REQ_XCOMP_PERM, in("rsi") XFEATURE_XTILEDATA,
                 out("rcx") _, out("r11") _, options(nostack));
        }
        result == 0
    });
    *ALLOWED
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
pub(super) fn allowed() -> bool {
    false
}

/// The configuration of the tiles: palette 1, eight tiles of 16 rows of 64 bytes.
#[repr(C, align(64))]
struct Configuration {
    palette: u8,
    start: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

const EIGHT: [u16; 16] = [64, 64, 64, 64, 64, 64, 64, 64, 0, 0, 0, 0, 0, 0, 0, 0];
const CONFIGURATION: Configuration = Configuration {
    palette: 1,
    start: 0,
    reserved: [0; 14],
    row_bytes: EIGHT,
    rows: [16, 16, 16, 16, 16, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0],
};

/// The tiles of this thread, configured until it is dropped.
#[cfg(target_arch = "x86_64")]
pub(super) struct Tiles;

#[cfg(target_arch = "x86_64")]
impl Tiles {
    /// # Safety
    /// The processor has tiles and they are [`allowed`].
    pub(super) unsafe fn configured() -> Self {
        let configuration = CONFIGURATION;
        // SAFETY: as the caller vouches.
        unsafe { std::arch::asm!("ldtilecfg [{}]", in(reg) &raw const configuration, options(nostack, readonly)) };
        Self
    }
}

#[cfg(target_arch = "x86_64")]
impl Drop for Tiles {
    fn drop(&mut self) {
        // SAFETY: they were configured.
        unsafe { std::arch::asm!("tilerelease", options(nostack, nomem)) };
    }
}

/// Inputs of a tile: as many pairs of them as a tile has rows.
pub(super) const STEP: usize = 32;
/// Numbers of a tile.
pub(super) const TILE: usize = 512;
/// Bytes of the weights of a block, which stay in the processor's first cache for all rows.
const BLOCK: usize = 32 << 10;

/// Numbers that rows of `inputs`, a multiple of [`STEP`], take in tiles.
pub(super) fn room(rows: usize, inputs: usize) -> usize {
    rows.next_multiple_of(ROWS) * inputs
}

/// Puts rows of `width` numbers, rounded to bf16, into tiles, `(block of 16 rows, step of 32 inputs, 16, 32)`, with zeros up to `inputs`. Rows
/// beyond the last keep what they had: their results are not looked at.
pub(super) fn tile(x: &[f32], width: usize, inputs: usize, out: &mut [u16]) {
    let rows = x.len() / width.max(1);
    assert!(x.len() == rows * width && width <= inputs && inputs.is_multiple_of(STEP) && out.len() == room(rows, inputs));
    assert!(Level::of_processor() >= Level::Tiles);
    let block = |(out, x): (&mut [u16], &[f32])| {
        for (r, x) in x.chunks_exact(width.max(1)).enumerate() {
            for (x, tile) in x.chunks(STEP).zip(out.chunks_exact_mut(TILE)) {
                // SAFETY: the processor was asked.
                unsafe { wide::round(x, &mut tile[r * STEP..][..STEP]) };
            }
        }
    };
    out.par_chunks_mut((16 * inputs).max(1)).zip(x.par_chunks(16 * width.max(1))).for_each(block);
}

/// The columns of some panels.
///
/// # Safety
/// The processor has tiles and they are [`allowed`]; `x` holds the rows of `shape` as [`tile`] puts them; `panels` holds the panels of all
/// outputs, [`PANELS`] in each group: `(group, pair of inputs, panel, 16, 2)`; the group
/// begins where one of these does; nobody else touches its columns in `out`.
#[cfg(target_arch = "x86_64")]
pub(super) unsafe fn group(shape: Shape, x: *const u16, panels: *const u16, out: Columns, group: Group) {
    let steps = shape.inputs / STEP;
    let blocks = (steps * TILE * PANELS * size_of::<u16>()).div_ceil(BLOCK).max(1);
    // SAFETY: the addresses that are computed lie in the matrices that the caller vouches for.
    unsafe {
        let _tiles = Tiles::configured();
        // A block of inputs for all panels: so much of the rows stays in the processor's second cache.
        for block in 0..blocks {
            let (start, end) = (block * steps / blocks, (block + 1) * steps / blocks);
            for first in (group.first..group.first + group.panels).step_by(PANELS) {
                let tiles = PANELS * TILE;
                let w = panels.add((first / PANELS * steps + start) * tiles);
                let mut ahead = Ahead::new(w, (end - start) * tiles, shape.rows.div_ceil(ROWS) * (end - start));
                // What comes next: the same inputs of the next panels, or the next inputs of the first ones.
                if first + PANELS < group.first + group.panels {
                    ahead.next = w.wrapping_add(steps * tiles).cast();
                } else if end < steps {
                    ahead.next = panels.wrapping_add((group.first / PANELS * steps + end) * tiles).cast();
                }
                let below = steps * TILE;
                let mut product = Product { w, below, steps: end - start, resume: block > 0, ahead };
                for row in (0..shape.rows).step_by(ROWS) {
                    product.rows(shape, x.add((row * steps + start * 16) * STEP), row, first * PANEL, out);
                }
            }
        }
    }
}

/// A block of weights that many blocks of rows are multiplied by.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
struct Product {
    w: *const u16,
    /// Numbers from the tiles of 16 rows to those of the next 16.
    below: usize,
    /// Inputs, in steps of 32.
    steps: usize,
    /// Add to what stands in the result already.
    resume: bool,
    ahead: Ahead,
}

#[cfg(target_arch = "x86_64")]
impl Product {
    /// The columns of the block in up to [`ROWS`] rows.
    ///
    /// # Safety
    /// As [`group`]; `x` points to the tiles of the rows.
    unsafe fn rows(&mut self, shape: Shape, x: *const u16, row: usize, column: usize, out: Columns) {
        let (rows, width) = ((shape.rows - row).min(ROWS), (PANELS * PANEL).min(shape.outputs - column));
        // SAFETY: the addresses lie in the matrices that the caller vouches for.
        unsafe {
            let to = out.0.add(row * shape.outputs + column);
            if rows == ROWS && width == PANELS * PANEL {
                return self.add(x, to, shape.outputs);
            }
            // What does not fill the tiles goes through sums of their size.
            let mut sums = [0f32; ROWS * PANELS * PANEL];
            for (i, sums) in sums.chunks_exact_mut(PANELS * PANEL).take(rows).enumerate().filter(|_| self.resume) {
                sums.as_mut_ptr().copy_from_nonoverlapping(to.add(i * shape.outputs), width);
            }
            self.add(x, sums.as_mut_ptr(), PANELS * PANEL);
            for (i, sums) in sums.chunks_exact(PANELS * PANEL).take(rows).enumerate() {
                to.add(i * shape.outputs).copy_from_nonoverlapping(sums.as_ptr(), width);
            }
        }
    }

    /// [`ROWS`] rows of inputs times the block, to as many rows of `PANELS * PANEL` numbers, `width` numbers from one to the next.
    ///
    /// # Safety
    /// The tiles are configured, and the rows lie inside of what the pointers point to.
    unsafe fn add(&mut self, x: *const u16, to: *mut f32, width: usize) {
        use std::arch::asm;
        // SAFETY: as the caller vouches; the weights are read as far as `steps` and `panels` say.
        unsafe {
            asm!(
                "tilezero tmm0", "tilezero tmm1", "tilezero tmm2", "tilezero tmm3",
                "test {resume}, {resume}",
                "jz 2f",
                "tileloadd tmm0, [{to} + {line}*1]",
                "tileloadd tmm1, [{to} + {line}*1 + 64]",
                "tileloadd tmm2, [{below} + {line}*1]",
                "tileloadd tmm3, [{below} + {line}*1 + 64]",
                "2:",
                "tileloadd tmm4, [{top} + {row}*1]",
                "tileloadd tmm6, [{first} + {pairs}*1]",
                "tileloadd tmm7, [{first} + {pairs}*1 + 64]",
                "tileloadd tmm5, [{bottom} + {row}*1]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "add {first}, 2048",
                "add {top}, 1024", "add {bottom}, 1024",
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
                first = inout(reg) self.w => _,
                until = out(reg) _,
                steps = inout(reg) self.steps => _,
                row = in(reg) 64_usize,
                pairs = in(reg) 64 * PANELS,
                next = inout(reg) self.ahead.next,
                ahead = in(reg) self.ahead.step,
                to = in(reg) to,
                below = in(reg) to.add(ROWS / 2 * width),
                line = in(reg) 4 * width,
                resume = in(reg) usize::from(self.resume),
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _, out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack),
            );
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) unsafe fn group(_: Shape, _: *const u16, _: *const u16, _: Columns, _: Group) {}
