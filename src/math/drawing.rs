//! Rows of cells, and how they are put beside and above each other.

use std::ops::Range;

use crate::text::Ambiguous;

/// One row of a drawn formula.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Strip {
    /// What is drawn.
    pub text: String,
    /// Its cells.
    pub width: usize,
    /// Bytes that stand for no sign of the source: brackets, bars, marks.
    pub added: Vec<Range<usize>>,
    /// Bytes in bold face.
    pub bold: Vec<Range<usize>>,
}

impl Strip {
    /// Signs of the source.
    pub(super) fn ink(text: &str, bold: bool) -> Self {
        let range = 0..text.len();
        Self {
            text: text.to_owned(),
            width: Ambiguous::Narrow.text(text),
            added: Vec::new(),
            bold: if bold { vec![range] } else { Vec::new() },
        }
    }

    /// Signs that the drawing adds.
    pub(super) fn added(text: &str) -> Self {
        let range = 0..text.len();
        Self { text: text.to_owned(), width: Ambiguous::Narrow.text(text), added: vec![range], bold: Vec::new() }
    }

    pub(super) fn pad(&mut self, cells: usize) {
        self.text.extend(std::iter::repeat_n(' ', cells));
        self.width += cells;
    }

    pub(super) fn push(&mut self, other: &Self) {
        let at = self.text.len();
        let moved = |range: &Range<usize>| range.start + at..range.end + at;
        self.added.extend(other.added.iter().map(moved));
        self.bold.extend(other.bold.iter().map(moved));
        self.text.push_str(&other.text);
        self.width += other.width;
    }

    /// The signs of the source in this row.
    pub fn inked(&self) -> impl Iterator<Item = char> + '_ {
        let mut added = self.added.iter().peekable();
        self.text.char_indices().filter_map(move |(at, c)| {
            while added.next_if(|range| range.end <= at).is_some() {}
            let outside = added.peek().is_none_or(|range| at < range.start);
            (outside && !c.is_whitespace()).then_some(c)
        })
    }
}

/// A drawn formula: rows of equal width, one of them the base line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawing {
    /// Top to bottom; never empty.
    pub rows: Vec<Strip>,
    /// Index of the row on which text stands.
    pub base: usize,
}

impl Drawing {
    pub(super) fn of(strip: Strip) -> Self {
        Self { rows: vec![strip], base: 0 }
    }

    pub(super) fn empty() -> Self {
        Self::of(Strip::default())
    }

    pub(super) fn blank(cells: usize) -> Self {
        let mut strip = Strip::default();
        strip.pad(cells);
        Self::of(strip)
    }

    /// Cells of the widest row.
    pub fn width(&self) -> usize {
        self.rows.iter().map(|row| row.width).max().unwrap_or(0)
    }

    /// Number of rows.
    pub fn height(&self) -> usize {
        self.rows.len()
    }

    fn below(&self) -> usize {
        self.rows.len() - self.base
    }

    /// Puts `other` at the right end, base line on base line.
    pub(super) fn push(&mut self, other: &Self) {
        if self.height() == 1 && other.height() == 1 {
            if let (Some(row), Some(more)) = (self.rows.first_mut(), other.rows.first()) {
                row.push(more);
            }
            return;
        }
        let (width, other_width) = (self.width(), other.width());
        // In place: a long formula is put together from thousands of parts.
        let lift = other.base.saturating_sub(self.base);
        self.rows.splice(0..0, std::iter::repeat_n(Strip::default(), lift));
        self.base += lift;
        let below = other.below().saturating_sub(self.below());
        self.rows.extend(std::iter::repeat_n(Strip::default(), below));
        let first = self.base - other.base;
        for (y, row) in self.rows.iter_mut().enumerate() {
            row.pad(width - row.width);
            if let Some(more) = y.checked_sub(first).and_then(|y| other.rows.get(y)) {
                row.push(more);
            }
            row.pad(width + other_width - row.width);
        }
    }

    /// Puts drawings above each other, each moved to the right by its cells; the base line is that of the drawing `base`.
    pub(super) fn stack(parts: Vec<(usize, Self)>, base: usize) -> Self {
        let width = parts.iter().map(|(left, part)| left + part.width()).max().unwrap_or(0);
        let mut rows = Vec::new();
        let mut line = 0;
        for (index, (left, part)) in parts.into_iter().enumerate() {
            if index == base {
                line = rows.len() + part.base;
            }
            for more in part.rows {
                let mut row = Strip::default();
                row.pad(left);
                row.push(&more);
                row.pad(width - row.width);
                rows.push(row);
            }
        }
        Self { rows, base: line }
    }

    /// The same with empty cells at both sides.
    pub(super) fn centred(self, width: usize) -> (usize, Self) {
        ((width - self.width().min(width)) / 2, self)
    }
}
