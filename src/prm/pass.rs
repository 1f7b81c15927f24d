//! What one pass of the decoder computes: as many nodes of a request as it has room for, laid side by side.
//!
//! Nodes are taken depth first. The tokens of the path to the first of them that are known (the *spine*) are in the decoder's cache already;
//! the rest of that path (the *lead*) and the nodes are new rows. Every row sees the part of the spine that is on its path, and the rows of
//! its ancestors.

use std::collections::HashMap;
use std::ops::Range;

use candle_core::Tensor;

use super::attention::{Segment, first_columns};
use super::request::PrmRequest;
use super::tokens::{NodeTokens, Plan, TokenTree};

/// A request with its tokens and the order of work.
#[derive(Debug, Clone, Copy)]
pub(super) struct Work<'a> {
    pub(super) request: &'a PrmRequest,
    pub(super) tree: &'a TokenTree,
    pub(super) plan: &'a Plan,
}

/// The rows of a pass.
#[derive(Debug, Default)]
pub(super) struct Pass {
    /// Tokens of the spine.
    pub(super) spine: usize,
    pub(super) ids: Vec<u32>,
    pub(super) segments: Vec<Segment>,
    /// Nodes, in the order of work.
    pub(super) nodes: Vec<Placed>,
    /// Hidden states of the read positions of all nodes, in their order, from each decoder; filled by computing.
    pub(super) states: Vec<Tensor>,
    lead: Range<usize>,
    place: HashMap<usize, usize>,
}

/// Where a node stands in a pass.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) node: usize,
    /// The rows whose states make its score.
    pub(super) reads: Vec<usize>,
    /// Position of its first row on its path.
    pub(super) from: usize,
    /// Its rows, without the tail.
    pub(super) rows: Range<usize>,
    /// Columns that its first row sees before its own.
    sees: Vec<Range<usize>>,
    /// It stands on the path that the spine is the beginning of.
    straight: bool,
}

impl<'a> Work<'a> {
    pub(super) fn tokens(&self, node: usize) -> Option<&'a NodeTokens> {
        self.tree.nodes.get(node).and_then(|n| n.as_ref().ok())
    }

    /// All tokens before a node.
    pub(super) fn path_to(&self, node: usize) -> Vec<u32> {
        let mut above = Vec::new();
        let mut next = self.request.nodes[node].parent;
        while let Some(parent) = next {
            above.push(parent);
            next = self.request.nodes[parent].parent;
        }
        let steps = above.iter().rev().filter_map(|&n| self.tokens(n)).flat_map(|t| &t.ids);
        self.tree.prefix.iter().chain(steps).copied().collect()
    }

    /// Whether the nodes from place `at` of the order on fill a quarter of a pass of `limit` rows: a rest that does not comes along with the nodes before.
    fn is_worth_a_pass(&self, at: usize, limit: usize) -> bool {
        let mut rows = 0;
        self.plan.order[at..].iter().any(|&node| {
            rows += self.tokens(node).map_or(0, NodeTokens::len);
            4 * rows > limit
        })
    }

    /// The tokens up to the node at place `at` of the order, and on along the chain of nodes that starts there.
    pub(super) fn straight(&self, at: usize) -> Vec<u32> {
        let mut path = self.path_to(self.plan.order[at]);
        let mut before = None;
        for &node in &self.plan.order[at..] {
            if (before.is_some() && self.request.nodes[node].parent != before) || self.plan.blocked[node].is_some() {
                break;
            }
            path.extend(self.tokens(node).iter().flat_map(|t| &t.ids));
            before = Some(node);
        }
        path
    }
}

impl Pass {
    /// Lays out nodes from place `at` of the order on, at least one, until there are `limit` rows, or up to a quarter more where nothing is left
    /// then. `spine` tokens of the straight path are known. `elsewhere` says that most of a node off this path is known too, so that it is
    /// better computed in a pass of its own.
    pub(super) fn new(work: Work<'_>, at: usize, spine: usize, limit: usize, elsewhere: impl Fn(usize) -> bool) -> Self {
        let mut pass = Self { spine, ..Self::default() };
        let path = work.path_to(work.plan.order[at]);
        pass.lead(&path);
        for (i, &node) in work.plan.order.iter().enumerate().skip(at) {
            let parent = work.request.nodes[node].parent;
            let previous = pass.nodes.last();
            let straight = previous.is_none_or(|p| p.straight && Some(p.node) == parent);
            let more = pass.ids.len() + work.tokens(node).map_or(0, NodeTokens::len) > limit;
            let full = previous.is_some() && more && work.is_worth_a_pass(i, limit);
            if full || work.plan.blocked[node].is_some() || (!straight && elsewhere(node)) {
                break;
            }
            pass.node(work, node, straight);
        }
        pass
    }

    fn lead(&mut self, path: &[u32]) {
        if let Some(lead) = path.get(self.spine..).filter(|lead| !lead.is_empty()) {
            self.ids.extend(lead);
            self.lead = 0..lead.len();
            self.segments.push(Segment { tokens: lead.len(), sees: first_columns(self.spine) });
        }
    }

    fn node(&mut self, work: Work<'_>, node: usize, straight: bool) {
        let Some(tokens) = work.tokens(node) else { return };
        let start = work.plan.start[node];
        let end = start + tokens.ids.len();
        let is_known = work.request.nodes[node].known;
        let reads: Vec<usize> = tokens.read.iter().filter(|_| !is_known).filter_map(|&r| start.checked_add_signed(r)).collect();
        let parent = work.request.nodes[node].parent;
        let mut from = if straight { self.spine.clamp(start, end) } else { start };
        if let Some(&first) = reads.first().filter(|&&first| first < from) {
            // A known token whose state is wanted is computed again, unless it is the row of this pass before the node.
            let is_row = first < start && self.row_before(parent, start).is_some();
            let next = reads.iter().copied().find(|&read| read >= start).unwrap_or(from);
            from = from.min(if is_row { next } else { first });
        }
        let sees = self.seen(parent, from, straight);
        let first_row = self.ids.len();
        let path: Vec<u32> = if from < start { work.path_to(node)[from..].to_vec() } else { Vec::new() };
        self.ids.extend(path.iter().chain(&tokens.ids[from.saturating_sub(start)..]));
        let rows = first_row..self.ids.len();
        let tail: &[u32] = if is_known { &[] } else { &tokens.tail };
        self.ids.extend(tail);
        if self.ids.len() > first_row {
            self.segments.push(Segment { tokens: self.ids.len() - first_row, sees: sees.clone() });
        }
        let row = |read: usize| match read.checked_sub(from) {
            Some(behind) => Some(first_row + behind),
            None => self.row_before(parent, start),
        };
        let reads = reads.into_iter().filter_map(row).collect();
        self.place.insert(node, self.nodes.len());
        self.nodes.push(Placed { node, reads, from, rows, sees, straight });
    }

    /// The row of the last token before a node, where this pass computes it.
    fn row_before(&self, parent: Option<usize>, start: usize) -> Option<usize> {
        match parent.and_then(|p| self.place.get(&p)) {
            Some(&place) => self.nodes[place].rows.clone().next_back(),
            None => start.checked_sub(self.spine + 1).filter(|row| self.lead.contains(row)),
        }
    }

    /// The columns before position `from` of a node.
    fn seen(&self, parent: Option<usize>, from: usize, straight: bool) -> Vec<Range<usize>> {
        let parent = parent.and_then(|p| self.place.get(&p)).map(|&place| &self.nodes[place]);
        match parent {
            // On the spine or the lead, where columns are positions.
            None => first_columns(from),
            Some(parent) if (straight || parent.straight) && from <= self.spine => first_columns(from),
            Some(parent) => {
                let mut sees = parent.sees.clone();
                let own = self.spine + parent.rows.start..self.spine + parent.rows.end;
                match sees.last_mut() {
                    Some(last) if last.end == own.start => last.end = own.end,
                    _ => sees.push(own),
                }
                sees
            }
        }
    }

    /// Number of tokens behind the spine that came to stand in columns that are their positions: lead and nodes that follow each other.
    pub(super) fn straight_rows(&self) -> usize {
        let mut rows = self.lead.len();
        for placed in self.nodes.iter().take_while(|p| p.straight) {
            if placed.rows.start != rows || placed.from != self.spine + rows {
                break;
            }
            rows = placed.rows.end;
        }
        rows
    }

    /// Column of the token at position `index` of a node's path, where this pass computed it.
    pub(super) fn column(&self, placed: &Placed, index: usize) -> usize {
        self.spine + placed.rows.start + index - placed.from
    }

    /// Read rows of all nodes: ascending and each once for the decoder, and for each read of each node its place among them.
    pub(super) fn reads(&self) -> (Vec<usize>, Vec<u32>) {
        let mut rows: Vec<usize> = self.nodes.iter().flat_map(|n| n.reads.iter().copied()).collect();
        rows.sort_unstable();
        rows.dedup();
        let place = |row: &usize| rows.binary_search(row).ok().and_then(|i| u32::try_from(i).ok()).unwrap_or(0);
        let order = self.nodes.iter().flat_map(|n| n.reads.iter().map(place)).collect();
        (rows, order)
    }
}
