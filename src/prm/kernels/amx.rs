//! Products of bf16 in tiles (AMX): 16 by 16 sums in one instruction of 32 inputs. The instructions have no stable intrinsics, so they are
//! written as assembly.

#[cfg(target_arch = "x86_64")]
use super::wide::Ahead;
use super::{Columns, Group, PANEL, Shape};

/// Rows that are computed together: two tiles.
pub(super) const ROWS: usize = 32;
/// Panels that are computed together: two tiles.
pub(super) const PANELS: usize = 2;

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

/// Inputs of one block: the weights of a block stay in the processor's first cache for all rows.
const DEPTH: usize = 512;

/// The columns of up to two panels.
///
/// # Safety
/// The processor has tiles and they are [`allowed`]; `x` holds `shape.rows` rounded up to [`ROWS`] rows of `shape.inputs` numbers, a multiple
/// of 32; `panels` holds the panels of `shape.outputs` outputs; nobody else touches the columns of the group in `out`.
#[cfg(target_arch = "x86_64")]
pub(super) unsafe fn group(shape: Shape, x: *const u16, panels: *const u16, out: Columns, group: Group) {
    use std::arch::asm;
    let configuration = CONFIGURATION;
    let width = group.panels * PANEL;
    let column = group.first * PANEL;
    let blocks = shape.inputs.div_ceil(DEPTH).max(1);
    // SAFETY: the addresses that are computed lie in the matrices that the caller vouches for.
    unsafe {
        asm!("ldtilecfg [{}]", in(reg) &raw const configuration, options(nostack, readonly));
        for block in 0..blocks {
            // Blocks of about the same depth, in steps of 32 inputs.
            let steps = shape.inputs / 32;
            let (start, end) = (block * steps / blocks * 32, (block + 1) * steps / blocks * 32);
            let w = panels.add(group.first * PANEL * shape.inputs + start * width);
            let ahead = Ahead::new(w, (end - start) * width, shape.rows.div_ceil(ROWS) * (end - start) / 32);
            let (steps, resume) = ((end - start) / 32, block > 0);
            let mut product = Product { w, panels: group.panels, stride: 2 * shape.inputs, steps, resume, ahead };
            for row in (0..shape.rows).step_by(ROWS) {
                let x = x.add(row * shape.inputs + start);
                let to = out.0.add(row * shape.outputs + column);
                let (rows, width) = ((shape.rows - row).min(ROWS), width.min(shape.outputs - column));
                if rows == ROWS && width == PANELS * PANEL {
                    product.add(x, to, shape.outputs);
                    continue;
                }
                // What does not fill the tiles goes through sums of their size.
                let mut sums = [0f32; ROWS * PANELS * PANEL];
                for (i, sums) in sums.chunks_exact_mut(PANELS * PANEL).take(rows).enumerate().filter(|_| product.resume) {
                    sums.as_mut_ptr().copy_from_nonoverlapping(to.add(i * shape.outputs), width);
                }
                product.add(x, sums.as_mut_ptr(), PANELS * PANEL);
                for (i, sums) in sums.chunks_exact(PANELS * PANEL).take(rows).enumerate() {
                    to.add(i * shape.outputs).copy_from_nonoverlapping(sums.as_ptr(), width);
                }
            }
        }
        asm!("tilerelease", options(nostack, nomem));
    }
}

/// A block of weights that many blocks of rows are multiplied by.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
struct Product {
    w: *const u16,
    panels: usize,
    /// Bytes from one row of inputs to the next.
    stride: usize,
    /// Inputs, in steps of 32.
    steps: usize,
    /// Add to what stands in the result already.
    resume: bool,
    ahead: Ahead,
}

#[cfg(target_arch = "x86_64")]
impl Product {
    /// [`ROWS`] rows of inputs times the block, to as many rows of `PANELS * PANEL` numbers, `width` numbers from one to the next. Where the
    /// block has one panel only, the second half of the numbers is of no use.
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
                "tileloadd tmm4, [{top} + {stride}*1]",
                "tileloadd tmm6, [{first} + {pairs}*1]",
                "add {first}, {second}",
                "tileloadd tmm7, [{first} + {pairs}*1]",
                "sub {first}, {second}",
                "tileloadd tmm5, [{bottom} + {stride}*1]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "prefetcht1 [{next}]",
                "add {next}, {ahead}",
                "add {top}, 64", "add {bottom}, 64", "lea {first}, [{first} + {pairs}*8]", "lea {first}, [{first} + {pairs}*8]",
                "dec {steps}",
                "jnz 2b",
                "tilestored [{to} + {line}*1], tmm0",
                "tilestored [{to} + {line}*1 + 64], tmm1",
                "tilestored [{below} + {line}*1], tmm2",
                "tilestored [{below} + {line}*1 + 64], tmm3",
                top = inout(reg) x => _,
                bottom = inout(reg) x.byte_add(ROWS / 2 * self.stride) => _,
                first = inout(reg) self.w => _,
                second = in(reg) 64 * (self.panels - 1),
                steps = inout(reg) self.steps => _,
                stride = in(reg) self.stride,
                pairs = in(reg) 64 * self.panels,
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
