//! The kernel of f32 in 256-bit registers, for processors without wider ones.

#[cfg(not(target_arch = "x86_64"))]
use super::{Columns, Group, Shape};

/// Panels that are computed together: two registers of each row.
pub(super) const PANELS: usize = 1;

#[cfg(target_arch = "x86_64")]
mod here {
    use std::arch::x86_64::{__m256, _mm256_broadcast_ss, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_setzero_ps, _mm256_storeu_ps};

    use super::super::wide::{Ahead, Tile};
    use super::super::{Columns, Group, PANEL, Shape};

    /// Rows of one tile, the sums of which stay in registers with the weights of an input and one number.
    const ROWS: usize = 6;
    /// Inputs after which sums are put down: the weights of so many stay in the processor's first cache for all rows.
    const DEPTH: usize = 256;

    /// The columns of some panels. The weights of an input stand `step` numbers behind those of the one before, panel after panel.
    ///
    /// # Safety
    /// The processor has AVX2 and FMA; `x` holds the rows of `shape`, `w` the weights of the group for its inputs; nobody else touches the
    /// columns of the group.
    #[target_feature(enable = "avx2,fma")]
    pub(in super::super) unsafe fn group_f32(
        shape: Shape,
        x: *const f32,
        w: *const f32,
        step: usize,
        out: Columns,
        group: Group,
    ) {
        for start in (0..shape.inputs).step_by(DEPTH) {
            let depth = DEPTH.min(shape.inputs - start);
            for panel in 0..group.panels {
                // SAFETY: the addresses lie in the matrices that the caller vouches for.
                let (x, w) = unsafe { (x.add(start), w.add(panel * PANEL + start * step)) };
                let mut ahead = Ahead::new(w, depth * step, shape.rows.div_ceil(ROWS) * depth);
                for row in (0..shape.rows).step_by(ROWS) {
                    let tile = Tile { shape, row, column: (group.first + panel) * PANEL, depth, step, resume: start > 0 };
                    // SAFETY: as above.
                    unsafe {
                        let x = x.add(row * shape.inputs);
                        match (shape.rows - row).min(ROWS) {
                            1 => tile_f32::<1>(tile, x, w, out, &mut ahead),
                            2 => tile_f32::<2>(tile, x, w, out, &mut ahead),
                            3 => tile_f32::<3>(tile, x, w, out, &mut ahead),
                            4 => tile_f32::<4>(tile, x, w, out, &mut ahead),
                            5 => tile_f32::<5>(tile, x, w, out, &mut ahead),
                            _ => tile_f32::<6>(tile, x, w, out, &mut ahead),
                        }
                    }
                }
            }
        }
    }

    #[target_feature(enable = "avx2,fma")]
    #[inline]
    unsafe fn tile_f32<const R: usize>(tile: Tile, mut x: *const f32, mut w: *const f32, out: Columns, ahead: &mut Ahead) {
        let rows: [usize; R] = std::array::from_fn(|r| r * tile.shape.inputs);
        let width = PANEL.min(tile.shape.outputs - tile.column);
        // SAFETY: the callers keep rows and panels inside of the matrices; only outputs that there are, are read and written.
        unsafe {
            let to = |r: usize| out.0.add(tile.place(r, 0));
            let mut sums = [[_mm256_setzero_ps(); 2]; R];
            if tile.resume {
                for (r, sums) in sums.iter_mut().enumerate() {
                    *sums = begin(to(r), width);
                }
            }
            let mut look = *ahead;
            for _ in 0..tile.depth {
                look.look();
                let weights = [_mm256_loadu_ps(w), _mm256_loadu_ps(w.add(8))];
                for (sums, row) in sums.iter_mut().zip(rows) {
                    let x = _mm256_broadcast_ss(&*x.add(row));
                    for (sum, weight) in sums.iter_mut().zip(weights) {
                        *sum = _mm256_fmadd_ps(x, weight, *sum);
                    }
                }
                (x, w) = (x.add(1), w.add(tile.step));
            }
            *ahead = look;
            for (r, sums) in sums.into_iter().enumerate() {
                end(to(r), width, sums);
            }
        }
    }

    /// The sums so far.
    #[target_feature(enable = "avx2,fma")]
    #[inline]
    unsafe fn begin(from: *const f32, width: usize) -> [__m256; 2] {
        let mut all = [0f32; PANEL];
        // SAFETY: the caller vouches for `width` numbers.
        unsafe {
            if width == PANEL {
                return [_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))];
            }
            all.as_mut_ptr().copy_from_nonoverlapping(from, width);
            [_mm256_loadu_ps(all.as_ptr()), _mm256_loadu_ps(all.as_ptr().add(8))]
        }
    }

    #[target_feature(enable = "avx2,fma")]
    #[inline]
    unsafe fn end(to: *mut f32, width: usize, sums: [__m256; 2]) {
        let mut all = [0f32; PANEL];
        // SAFETY: the caller vouches for `width` numbers.
        unsafe {
            let place = if width == PANEL { to } else { all.as_mut_ptr() };
            _mm256_storeu_ps(place, sums[0]);
            _mm256_storeu_ps(place.add(8), sums[1]);
            if width < PANEL {
                to.copy_from_nonoverlapping(all.as_ptr(), width);
            }
        }
    }
}
#[cfg(target_arch = "x86_64")]
pub(super) use here::group_f32;

#[cfg(not(target_arch = "x86_64"))]
pub(super) unsafe fn group_f32(_: Shape, _: *const f32, _: *const f32, _: usize, _: Columns, _: Group) {}
