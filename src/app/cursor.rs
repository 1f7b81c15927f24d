//! Where the annotator is: a problem, a solution of it, a step on its path.

use crate::trace::{NodeId, Trace};

use super::items::ItemId;

/// The place of the annotator. Kept inside the trace by [`Cursor::settle`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The problem.
    pub item: ItemId,
    /// Index of the solution in its trace.
    pub solution: usize,
    /// The step; the root stands for "before the first step" and is never left there while there are steps.
    pub node: NodeId,
    /// The steps on show: the path of the solution, or of the node when no solution runs through it.
    pub path: Vec<NodeId>,
}

impl Cursor {
    /// The first solution of an item, not yet settled.
    pub fn at(item: ItemId) -> Self {
        Self { item, solution: 0, node: NodeId::ROOT, path: Vec::new() }
    }

    /// Index of the current step on the path, from 0.
    pub fn step(&self) -> usize {
        self.step_of(self.node).unwrap_or(0)
    }

    /// Index of a node on the path, from 0.
    pub fn step_of(&self, node: NodeId) -> Option<usize> {
        // Parents stand before their children in a trace: the numbers of a path rise.
        debug_assert!(self.path.is_sorted(), "a child before its parent");
        self.path.binary_search(&node).ok()
    }

    /// Brings solution, path and node into agreement with the trace.
    pub fn settle(&mut self, trace: &Trace) {
        self.solution = self.solution.min(trace.solutions.len().saturating_sub(1));
        if self.node.index() >= trace.nodes.len() {
            self.node = NodeId::ROOT;
        }
        let leaf = trace.solutions.get(self.solution).map_or(NodeId::ROOT, |solution| solution.leaf);
        self.path = trace.path(leaf);
        if self.node == NodeId::ROOT || self.step_of(self.node).is_none() {
            if self.node != NodeId::ROOT {
                self.follow(trace);
            } else if let Some(&first) = self.path.first() {
                self.node = first;
            } else if let Some(first) = trace.steps().next() {
                self.node = first;
                self.follow(trace);
            }
        }
    }

    /// Goes to a solution, to its first step.
    pub fn go_to_solution(&mut self, trace: &Trace, solution: usize) {
        self.solution = solution;
        self.node = NodeId::ROOT;
        self.settle(trace);
    }

    /// Goes to a node; the solution follows when the current one does not run through it.
    pub fn go_to_node(&mut self, trace: &Trace, node: NodeId) {
        self.node = node;
        self.settle(trace);
    }

    /// Goes to the step of this index on the path, as far as there is one.
    pub fn go_to_step(&mut self, step: usize) {
        if let Some(&node) = self.path.get(step.min(self.path.len().saturating_sub(1))) {
            self.node = node;
        }
    }

    /// Finds a solution through the node, or else shows the node's own path, continued along first children.
    fn follow(&mut self, trace: &Trace) {
        let depth = trace.node(self.node).depth;
        let through =
            (0..trace.solutions.len()).find(|&index| trace.ancestor_at(trace.solutions[index].leaf, depth) == Some(self.node));
        let leaf = if let Some(index) = through {
            self.solution = index;
            trace.solutions[index].leaf
        } else {
            let mut leaf = self.node;
            while let Some(&child) = trace.node(leaf).children.first() {
                leaf = child;
            }
            leaf
        };
        self.path = trace.path(leaf);
    }
}
