//! The tree pane: which nodes are open, and the rows that follow from it. Only rows on screen are ever drawn.

use std::collections::HashSet;

use crate::trace::{NodeId, Trace};

/// One row of the tree pane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeRow {
    /// The node of the row.
    pub node: NodeId,
    /// The branchings above. A chain of only children adds no level, so that long solutions stay at the left edge.
    pub rails: Rails,
    /// The row is one of several siblings; its last rail is its own.
    pub elbow: bool,
    /// It has children.
    pub branch: bool,
    /// Its children are shown.
    pub open: bool,
}

/// For each branching above a row: does the line of siblings go on below? The innermost 128 are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rails {
    bits: u128,
    /// Number of branchings above.
    pub depth: usize,
}

impl Rails {
    fn with(self, more: bool) -> Self {
        Self { bits: self.bits << 1 | u128::from(more), depth: self.depth + 1 }
    }

    /// From the outermost kept branching to the innermost.
    pub fn iter(self) -> impl Iterator<Item = bool> {
        (0..self.depth.min(128)).rev().map(move |level| self.bits >> level & 1 == 1)
    }
}

/// Open nodes and the rows that they give.
#[derive(Debug, Clone, Default)]
pub struct TreeView {
    closed: HashSet<NodeId>,
    /// Solutions through each node.
    through: Vec<u32>,
    /// The visible rows, from top to bottom.
    pub rows: Vec<TreeRow>,
}

/// Trees with more nodes than this open with only their first levels unfolded.
const OPEN_ALL: usize = 400;
/// How many levels of a big tree are open at first.
const OPEN_DEPTH: usize = 2;

impl TreeView {
    /// The rows of a trace as it is first shown.
    pub fn new(trace: &Trace) -> Self {
        let mut view = Self { through: solutions_through(trace), ..Self::default() };
        if trace.nodes.len() > OPEN_ALL {
            view.closed =
                trace.steps().filter(|&id| trace.node(id).depth >= OPEN_DEPTH && !trace.node(id).children.is_empty()).collect();
        }
        view.rebuild(trace);
        view
    }

    /// True when the node's children are shown (or it has none).
    pub fn is_open(&self, node: NodeId) -> bool {
        !self.closed.contains(&node)
    }

    /// Number of solutions whose path runs through a node.
    pub fn through(&self, node: NodeId) -> usize {
        self.through.get(node.index()).map_or(0, |&count| count as usize)
    }

    /// Shows or hides the children of a node.
    pub fn set_open(&mut self, trace: &Trace, node: NodeId, open: bool) {
        let changed = if open { self.closed.remove(&node) } else { self.closed.insert(node) };
        if changed {
            self.rebuild(trace);
        }
    }

    /// Shows or hides the children of every node.
    pub fn set_all(&mut self, trace: &Trace, open: bool) {
        self.closed =
            if open { HashSet::new() } else { trace.steps().filter(|&id| !trace.node(id).children.is_empty()).collect() };
        self.rebuild(trace);
    }

    /// Opens every ancestor of a node, so that its row exists.
    pub fn reveal(&mut self, trace: &Trace, node: NodeId) {
        let mut changed = false;
        let mut at = trace.node(node).parent;
        while let Some(parent) = at {
            changed |= self.closed.remove(&parent);
            at = trace.node(parent).parent;
        }
        if changed {
            self.rebuild(trace);
        }
    }

    /// The row of a node, if it is visible.
    pub fn row_of(&self, node: NodeId) -> Option<usize> {
        self.rows.iter().position(|row| row.node == node)
    }

    /// The innermost visible ancestor of a node (or the node itself).
    pub fn visible_ancestor(&self, trace: &Trace, mut node: NodeId) -> NodeId {
        let mut visible = node;
        while let Some(parent) = trace.node(node).parent {
            if parent != NodeId::ROOT && !self.is_open(parent) {
                visible = parent;
            }
            node = parent;
        }
        visible
    }

    /// Walks the open part of the tree without recursion: a chain may be any number of steps deep.
    fn rebuild(&mut self, trace: &Trace) {
        self.rows.clear();
        let mut stack: Vec<TreeRow> = Vec::new();
        self.push_children(trace, NodeId::ROOT, Rails::default(), &mut stack);
        while let Some(row) = stack.pop() {
            if row.open {
                self.push_children(trace, row.node, row.rails, &mut stack);
            }
            self.rows.push(row);
        }
    }

    fn push_children(&self, trace: &Trace, parent: NodeId, rails: Rails, stack: &mut Vec<TreeRow>) {
        let children = &trace.node(parent).children;
        let elbow = children.len() > 1;
        for (index, &node) in children.iter().enumerate().rev() {
            let rails = if elbow { rails.with(index + 1 < children.len()) } else { rails };
            let branch = !trace.node(node).children.is_empty();
            stack.push(TreeRow { node, rails, elbow, branch, open: self.is_open(node) });
        }
    }
}

/// Counts from the leaves up: parents stand before their children.
fn solutions_through(trace: &Trace) -> Vec<u32> {
    let mut through = vec![0; trace.nodes.len()];
    for solution in &trace.solutions {
        through[solution.leaf.index()] += 1;
    }
    for index in (1..trace.nodes.len()).rev() {
        if let Some(parent) = trace.nodes[index].parent {
            through[parent.index()] += through[index];
        }
    }
    through
}
