//! Products of bf16 in tiles (AMX): 16 by 16 sums in one instruction of 32 inputs. The instructions have no stable intrinsics, so they are
//! written as assembly.

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

/// The columns of up to two panels.
///
/// # Safety
/// The processor has tiles and they are [`allowed`]; `x` holds `shape.rows` rounded up to [`ROWS`] rows of `shape.inputs` numbers, a multiple
/// of 32; `panels` holds the panels of `shape.outputs` outputs; nobody else touches the columns of the group in `out`.
#[cfg(target_arch = "x86_64")]
pub(super) unsafe fn group(shape: Shape, x: *const u16, panels: *const u16, out: Columns, group: Group) {
    use std::arch::asm;
    let mut sums = [0f32; ROWS * PANELS * PANEL];
    let configuration = CONFIGURATION;
    let panel = PANEL * shape.inputs;
    // SAFETY: the addresses that are computed lie in the matrices that the caller vouches for; a group of one panel reads it twice and does
    // not use the second half of the sums.
    unsafe {
        let first = panels.add(group.first * panel);
        let second = first.add(if group.panels > 1 { panel } else { 0 });
        asm!("ldtilecfg [{}]", in(reg) &raw const configuration, options(nostack, readonly));
        for row in (0..shape.rows).step_by(ROWS) {
            let top = x.add(row * shape.inputs);
            asm!(
                "tilezero tmm0", "tilezero tmm1", "tilezero tmm2", "tilezero tmm3",
                "2:",
                "tileloadd tmm4, [{top} + {stride}*1]",
                "tileloadd tmm6, [{first} + {line}*1]",
                "tileloadd tmm7, [{second} + {line}*1]",
                "tileloadd tmm5, [{bottom} + {stride}*1]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "add {top}, 64", "add {bottom}, 64", "add {first}, 1024", "add {second}, 1024",
                "dec {steps}",
                "jnz 2b",
                "lea {bottom}, [{sums} + 2048]",
                "tilestored [{sums} + {line}*2], tmm0",
                "tilestored [{sums} + {line}*2 + 64], tmm1",
                "tilestored [{bottom} + {line}*2], tmm2",
                "tilestored [{bottom} + {line}*2 + 64], tmm3",
                top = inout(reg) top => _,
                bottom = inout(reg) top.add(16 * shape.inputs) => _,
                first = inout(reg) first => _,
                second = inout(reg) second => _,
                steps = inout(reg) shape.inputs / 32 => _,
                stride = in(reg) 2 * shape.inputs,
                line = in(reg) 64usize,
                sums = in(reg) sums.as_mut_ptr(),
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _, out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack),
            );
            let column = group.first * PANEL;
            let width = (group.panels * PANEL).min(shape.outputs - column);
            for (i, sums) in sums.chunks_exact(PANELS * PANEL).take(shape.rows - row).enumerate() {
                out.0.add((row + i) * shape.outputs + column).copy_from_nonoverlapping(sums.as_ptr(), width);
            }
        }
        asm!("tilerelease", options(nostack, nomem));
    }
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) unsafe fn group(_: Shape, _: *const u16, _: *const u16, _: Columns, _: Group) {}
