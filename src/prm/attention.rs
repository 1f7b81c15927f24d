//! Attention of some rows over a cache of keys and values, of which each row sees what stands on its own path.
//!
//! The cache is a list of columns. A plain text fills it in order, and a row sees all columns up to its own. A tree that is packed into one
//! pass lays its branches side by side, and a row sees the columns of its ancestors. In both cases the columns that a row sees, in order,
//! are the positions 0, 1, 2, .. of its path.

use std::cell::RefCell;
use std::ops::Range;

use rayon::prelude::*;

use super::kernels::{View, matmul, softmax};

/// Tokens of one branch that follow each other in the columns of a pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    /// Number of tokens.
    pub(super) tokens: usize,
    /// Columns before its own that all of its tokens see, ascending: the path that leads to it.
    pub(super) sees: Vec<Range<usize>>,
}

impl Segment {
    /// Position of its first token on its path.
    pub(super) fn position(&self) -> usize {
        self.sees.iter().map(Range::len).sum()
    }
}

/// The first columns, as a list of ranges.
pub(super) fn first_columns(columns: usize) -> Vec<Range<usize>> {
    std::iter::once(0..columns).collect()
}

/// What one row sees: the columns of its segment's path, and those of its segment up to itself.
#[derive(Debug, Clone)]
pub(super) struct Row<'a> {
    pub(super) sees: &'a [Range<usize>],
    pub(super) own: Range<usize>,
    /// Position on its path.
    pub(super) position: usize,
}

/// Sizes of the heads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heads {
    pub(super) queries: usize,
    /// Heads of keys and values; each serves as many neighbouring query heads.
    pub(super) keys: usize,
    pub(super) width: usize,
}

/// Buffers of one thread.
#[derive(Default)]
struct Scratch {
    queries: Vec<f32>,
    scores: Vec<f32>,
    mixed: Vec<f32>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Attention output `(rows, queries * width)` of as many query rows over the columns of `keys` and `values`, `(columns, keys * width)` each.
/// A window hides all but the last positions, the own included.
pub(super) fn attend(
    heads: Heads,
    rows: &[Row<'_>],
    q: &[f32],
    keys: &[f32],
    values: &[f32],
    window: Option<usize>,
    out: &mut [f32],
) {
    let stride = heads.queries * heads.width;
    // Enough rows for a matrix product, few enough that a block skips what none of its rows sees.
    let block = (256 / (heads.queries / heads.keys)).clamp(16, 64);
    let blocks = out.par_chunks_mut(block * stride).zip(q.par_chunks(block * stride)).zip(rows.par_chunks(block));
    blocks.for_each(|((out, q), rows)| {
        SCRATCH.with_borrow_mut(|scratch| {
            for head in 0..heads.keys {
                one_head(heads, head, rows, q, keys, values, window, out, scratch);
            }
        });
    });
}

/// One head of keys with all query heads that it serves: they are rows of one matrix product.
#[expect(clippy::too_many_arguments, reason = "the inner part of `attend`, with the same arguments")]
fn one_head(
    heads: Heads,
    head: usize,
    rows: &[Row<'_>],
    q: &[f32],
    keys: &[f32],
    values: &[f32],
    window: Option<usize>,
    out: &mut [f32],
    scratch: &mut Scratch,
) {
    let Heads { width, .. } = heads;
    let (group, stride) = (heads.queries / heads.keys, heads.queries * width);
    let columns = rows.iter().map(|r| r.own.end).max().unwrap_or(0);
    let queries = room(&mut scratch.queries, group * rows.len() * width);
    for (to, at) in queries.chunks_exact_mut(width).zip(places(group, head, rows.len(), stride, width)) {
        to.copy_from_slice(&q[at..at + width]);
    }
    let kv = |data| View::rows(data, columns, width, heads.keys * width);
    let scores = room(&mut scratch.scores, group * rows.len() * columns);
    let queries = View::rows(queries, group * rows.len(), width, width);
    matmul(scores, queries, kv(&keys[head * width..]).transposed(), false);
    let scale = 1.0 / (width as f32).sqrt();
    for of_head in scores.chunks_exact_mut(rows.len() * columns) {
        for (scores, row) in of_head.chunks_exact_mut(columns).zip(rows) {
            visible_softmax(scores, row, window, scale);
        }
    }
    let mixed = room(&mut scratch.mixed, group * rows.len() * width);
    matmul(mixed, View::rows(scores, group * rows.len(), columns, columns), kv(&values[head * width..]), false);
    for (from, at) in mixed.chunks_exact(width).zip(places(group, head, rows.len(), stride, width)) {
        out[at..at + width].copy_from_slice(from);
    }
}

/// Where the query heads of a key head stand in rows of `stride` numbers, head by head.
fn places(group: usize, head: usize, rows: usize, stride: usize, width: usize) -> impl Iterator<Item = usize> {
    (0..group).flat_map(move |g| (0..rows).map(move |r| r * stride + (head * group + g) * width))
}

/// Softmax over the columns that a row sees; all others become zero.
fn visible_softmax(scores: &mut [f32], row: &Row<'_>, window: Option<usize>, scale: f32) {
    let mut hidden = window.map_or(0, |w| (row.position + 1).saturating_sub(w));
    let seen = row.sees.iter().chain(std::iter::once(&row.own)).map(|range| {
        let cut = hidden.min(range.len());
        hidden -= cut;
        range.start + cut..range.end
    });
    // Almost every row of a plain text sees one range.
    let seen: Vec<Range<usize>> = seen.filter(|range| !range.is_empty()).collect();
    let mut end = 0;
    let mut kept = 0;
    for range in &seen {
        // Seen columns move together, so that the softmax runs over one slice.
        scores.copy_within(range.clone(), kept);
        kept += range.len();
        end = range.end;
    }
    softmax(&mut scores[..kept], scale);
    if kept < end {
        for range in seen.iter().rev() {
            kept -= range.len();
            scores.copy_within(kept..kept + range.len(), range.start);
        }
        let mut at = 0;
        for range in &seen {
            scores[at..range.start].fill(0.0);
            at = range.end;
        }
    }
    scores[end..].fill(0.0);
}

/// A buffer of that many numbers, whatever they are; it keeps its memory.
pub(super) fn room(buffer: &mut Vec<f32>, length: usize) -> &mut [f32] {
    if buffer.len() < length {
        buffer.resize(length, 0.0);
    }
    &mut buffer[..length]
}
