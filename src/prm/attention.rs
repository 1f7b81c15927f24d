//! Attention of some rows over a cache of keys and values, of which each row sees what stands on its own path.
//!
//! The cache is a list of columns. A plain text fills it in order, and a row sees all columns up to its own. A tree that is packed into one
//! pass lays its branches side by side, and a row sees the columns of its ancestors. In both cases the columns that a row sees, in order,
//! are the positions 0, 1, 2, .. of its path.

use std::cell::RefCell;
use std::ops::Range;

use rayon::prelude::*;

use super::kernels::{Level, PanelsF32, View, matmul, mix, softmax};
use super::lined::Lined;

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

impl Row<'_> {
    /// The columns that it sees, ascending. A window hides all but the last positions, the own included.
    pub(super) fn seen(&self, window: Option<usize>) -> impl Iterator<Item = Range<usize>> {
        let mut hidden = window.map_or(0, |w| (self.position + 1).saturating_sub(w));
        let seen = self.sees.iter().chain(std::iter::once(&self.own)).map(move |range| {
            let cut = hidden.min(range.len());
            hidden -= cut;
            range.start + cut..range.end
        });
        seen.filter(|range| !range.is_empty())
    }
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
    queries: Lined<f32>,
    scores: Lined<f32>,
    mixed: Lined<f32>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Keys and values of a sequence, `(columns, keys * width)` each.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) keys: &'a [f32],
    pub(super) values: &'a [f32],
}

/// Rows of queries from which it pays to pack the keys for them.
const PACKED: usize = 16;

/// Attention output `(rows, queries * width)` of as many query rows over the columns of keys and values. A window hides all but the last
/// positions, the own included. `packed` is memory for the keys of each head in the layout of the matrix product.
pub(super) fn attend(
    heads: Heads,
    rows: &[Row<'_>],
    q: &[f32],
    known: Known<'_>,
    window: Option<usize>,
    packed: &mut Vec<PanelsF32>,
    out: &mut [f32],
) {
    let (group, stride) = (heads.queries / heads.keys, heads.queries * heads.width);
    if Level::of_processor() >= Level::Narrow && rows.len() * group >= PACKED {
        let columns = rows.iter().map(|r| r.own.end).max().unwrap_or(0);
        packed.resize_with(heads.keys, PanelsF32::default);
        packed.par_iter_mut().enumerate().for_each(|(head, packed)| {
            let columns = known.keys.chunks_exact(heads.keys * heads.width).take(columns);
            packed.repack(heads.width, columns.map(|column| &column[head * heads.width..][..heads.width]));
        });
    } else {
        packed.clear();
    }
    let packed = &*packed;
    // Enough rows for a matrix product, few enough that a block skips what none of its rows sees.
    let block = (256 / group).clamp(16, 64);
    let blocks = out.par_chunks_mut(block * stride).zip(q.par_chunks(block * stride)).zip(rows.par_chunks(block));
    blocks.for_each(|((out, q), rows)| {
        SCRATCH.with_borrow_mut(|scratch| {
            let work = Block { heads, rows, q, known, window };
            (0..heads.keys).for_each(|head| work.one_head(head, packed.get(head), out, scratch));
        });
    });
}

/// Some rows of queries and what they see.
#[derive(Clone, Copy)]
struct Block<'a> {
    heads: Heads,
    rows: &'a [Row<'a>],
    q: &'a [f32],
    known: Known<'a>,
    window: Option<usize>,
}

impl Block<'_> {
    /// One head of keys with all query heads that it serves: they are rows of one matrix product.
    fn one_head(self, head: usize, packed: Option<&PanelsF32>, out: &mut [f32], scratch: &mut Scratch) {
        let Self { heads: Heads { queries, keys, width }, rows, q, known, window } = self;
        let (group, stride) = (queries / keys, queries * width);
        let columns = rows.iter().map(|r| r.own.end).max().unwrap_or(0);
        let all = group * rows.len();
        let queries = scratch.queries.room(all * width);
        for (to, at) in queries.chunks_exact_mut(width).zip(places(group, head, rows.len(), stride, width)) {
            to.copy_from_slice(&q[at..at + width]);
        }
        let of_head = |data| View::rows(data, columns, width, keys * width);
        let scores = scratch.scores.room(all * columns);
        if let Some(packed) = packed {
            packed.apply_first(queries, columns, scores);
        } else {
            let queries = View::rows(queries, all, width, width);
            matmul(scores, queries, of_head(&known.keys[head * width..]).transposed(), false);
        }
        let scale = 1.0 / (width as f32).sqrt();
        for of_head in scores.chunks_exact_mut(rows.len() * columns) {
            for (scores, row) in of_head.chunks_exact_mut(columns).zip(rows) {
                visible_softmax(scores, row, window, scale);
            }
        }
        let mixed = scratch.mixed.room(all * width);
        mix(scores, of_head(&known.values[head * width..]), mixed);
        for (from, at) in mixed.chunks_exact(width).zip(places(group, head, rows.len(), stride, width)) {
            out[at..at + width].copy_from_slice(from);
        }
    }
}

/// Where the query heads of a key head stand in rows of `stride` numbers, head by head.
fn places(group: usize, head: usize, rows: usize, stride: usize, width: usize) -> impl Iterator<Item = usize> {
    (0..group).flat_map(move |g| (0..rows).map(move |r| r * stride + (head * group + g) * width))
}

/// Softmax over the columns that a row sees; all others become zero.
fn visible_softmax(scores: &mut [f32], row: &Row<'_>, window: Option<usize>, scale: f32) {
    // Almost every row of a plain text sees one range.
    let seen: Vec<Range<usize>> = row.seen(window).collect();
    let mut end = 0;
    let mut kept = 0;
    for range in &seen {
        // Seen columns move together, so that the softmax runs over one slice.
        if range.start != kept {
            scores.copy_within(range.clone(), kept);
        }
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
