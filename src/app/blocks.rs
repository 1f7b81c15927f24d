//! Blocks of rows one below the other, as steps stand in a pane, and the window that is moved over them by rows. Heights are asked for
//! where the window is and where it goes, and nowhere else: what a movement costs follows the screen and not the solution.

/// A row of the screen's text: the block that it belongs to, and which of its rows it is.
pub type Row = (usize, usize);

/// The part of a block that is in the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The block.
    pub block: usize,
    /// Its first row that is shown.
    pub first: usize,
    /// Rows shown.
    pub rows: usize,
    /// Row of the window that it starts on.
    pub y: usize,
}

/// Blocks whose heights are known when they are asked for; each is one row high at least.
pub(super) struct Blocks<F> {
    /// How many there are; one at least.
    pub(super) count: usize,
    /// Rows of a block.
    pub(super) height: F,
}

impl<F: FnMut(usize) -> usize> Blocks<F> {
    fn height(&mut self, block: usize) -> usize {
        (self.height)(block).max(1)
    }

    /// The row `rows` above the beginning of a block, or the first one of all.
    pub(super) fn before(&mut self, mut block: usize, mut rows: usize) -> Row {
        while rows > 0 && block > 0 {
            block -= 1;
            let height = self.height(block);
            if height >= rows {
                return (block, height - rows);
            }
            rows -= height;
        }
        (block, 0)
    }

    /// The block that stands `rows` rows below the first one of the window, or the last one.
    pub(super) fn below(&mut self, (mut block, row): Row, rows: usize) -> usize {
        let mut used = self.height(block).saturating_sub(row);
        while used <= rows && block + 1 < self.count {
            block += 1;
            used += self.height(block);
        }
        block
    }

    /// Moves a window of `page` rows, and says whether it came to the end: the last row stays in it, or the first.
    pub(super) fn moved(&mut self, top: Row, rows: usize, page: usize, forward: bool) -> (Row, bool) {
        if !forward {
            let top = if top.1 >= rows { (top.0, top.1 - rows) } else { self.before(top.0, rows - top.1) };
            return (top, top == (0, 0));
        }
        let last = self.count - 1;
        let (mut block, mut row) = top;
        let mut left = rows;
        while left > 0 {
            let height = self.height(block);
            let rest = height - row.min(height);
            if left < rest || block == last {
                row = (row + left).min(height - 1);
                break;
            }
            left -= rest;
            (block, row) = (block + 1, 0);
        }
        let tail = self.height(last);
        let limit = if tail > page { (last, tail - page) } else { self.before(last, page - tail) };
        ((block, row).min(limit), (block, row) > limit)
    }

    /// The blocks that a window of `page` rows has, from the first one whose beginning is in it, unless one fills it.
    pub(super) fn in_sight(&mut self, (block, row): Row, page: usize) -> (usize, usize) {
        let ends = row > 0 && self.height(block).saturating_sub(row) < page && block + 1 < self.count;
        (if ends { block + 1 } else { block }, self.below((block, row), page.saturating_sub(1)))
    }

    /// Moves a window of `page` rows as little as needed for a block to be in it: as a whole if it has room, else its beginning. Who
    /// scrolled (`scrolled`) may see any part of it.
    pub(super) fn following(&mut self, (top, row): Row, at: usize, page: usize, scrolled: bool) -> Row {
        let own = self.height(at);
        // A block may have become lower since: by a fold, or by a wider screen.
        let row = row.min(self.height(top) - 1);
        let inside = scrolled && if at == top { row < own } else { at > top && at <= self.below((top, row), page - 1) };
        if inside {
            return (top, row);
        }
        if at < top || (at == top && row > 0) {
            return (at, 0);
        }
        (top, row).max(self.before(at, page - own.min(page)))
    }

    /// What a window of `page` rows shows.
    pub(super) fn parts(&mut self, (top, mut first): Row, page: usize) -> Vec<Part> {
        let (mut parts, mut y) = (Vec::new(), 0);
        for block in top..self.count {
            if y >= page {
                break;
            }
            let rows = self.height(block).saturating_sub(first).min(page - y);
            parts.push(Part { block, first, rows, y });
            (y, first) = (y + rows, 0);
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks<'a>(heights: &'a [usize], asked: &'a mut Vec<usize>) -> Blocks<impl FnMut(usize) -> usize + 'a> {
        let height = |block| {
            asked.push(block);
            heights[block]
        };
        Blocks { count: heights.len(), height }
    }

    #[test]
    fn a_window_goes_through_a_tall_block_row_by_row_and_stops_at_the_ends() {
        let heights = [2, 30, 1, 1];
        let mut asked = Vec::new();
        let mut blocks = blocks(&heights, &mut asked);
        assert_eq!(blocks.moved((0, 0), 8, 10, true), ((1, 6), false));
        assert_eq!(blocks.moved((1, 6), 8, 10, true), ((1, 14), false));
        assert_eq!(blocks.moved((1, 14), 20, 10, true), ((1, 22), true), "32 and 33 are the last rows of ten");
        assert_eq!(blocks.moved((1, 22), 10, 10, false), ((1, 12), false));
        assert_eq!(blocks.moved((1, 1), 8, 10, false), ((0, 0), true));
        assert_eq!((blocks.in_sight((1, 6), 10), blocks.in_sight((1, 22), 10)), ((1, 1), (2, 3)));
        assert_eq!(blocks.following((1, 6), 1, 10, true), (1, 6));
        assert_eq!(blocks.following((1, 6), 1, 10, false), (1, 0));
        assert_eq!(blocks.following((0, 0), 3, 10, false), (1, 22));
        let parts = blocks.parts((1, 22), 10);
        assert_eq!(parts[0], Part { block: 1, first: 22, rows: 8, y: 0 });
        assert_eq!(parts[2], Part { block: 3, first: 0, rows: 1, y: 9 });
    }

    #[test]
    fn what_a_movement_costs_follows_the_screen() {
        let heights = vec![3; 100_000];
        let mut asked = Vec::new();
        let mut all = blocks(&heights, &mut asked);
        let (top, _) = all.moved((50_000, 1), 40, 50, true);
        all.in_sight(top, 50);
        all.following(top, 50_020, 50, false);
        all.parts(top, 50);
        drop(all);
        assert!(asked.len() < 150, "{} heights", asked.len());
    }
}
