//! The tree pane: which nodes are open, and the rows that follow from it. Only rows on screen are ever drawn.

use std::collections::HashSet;
use std::sync::Arc;

use super::{App, Focus};
use crate::labels::Mode;
use crate::query::{AtStep, Facts, Query};
use crate::trace::{NodeId, NodeStats, RecordKey, SolutionLabels, StepKey, StepScore, Trace};

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
    /// Solutions through each node, and how many there were when they were counted.
    through: Vec<u32>,
    solutions: usize,
    /// Steps behind each node.
    behind: Vec<u32>,
    /// The visible rows, from top to bottom.
    pub rows: Vec<TreeRow>,
    /// The steps that a filter asks for, and all above them.
    found: Option<Found>,
    /// What the filter was asked with.
    basis: Option<Box<Basis>>,
    /// The iteration of the search that made each step, and the one that is on show: later steps are not there yet.
    until: Option<(Arc<[u32]>, u32)>,
}

/// What a filter of steps found.
#[derive(Debug, Clone, Default)]
struct Found {
    fitting: HashSet<NodeId>,
    shown: HashSet<NodeId>,
}

/// What the answers of a filter hang on, beside the trace.
#[derive(Debug, Clone, PartialEq)]
struct Basis {
    shown: (bool, bool),
    mode: Mode,
    /// The path on show, where what is revealed is that of its steps alone.
    revealed: Option<RecordKey>,
    threshold: f64,
    model: String,
    /// Events taken in, and own labels that are out of sight, where the filter asks for labels.
    labels: Option<(usize, bool)>,
}

/// Trees with more nodes than this open with only their first levels unfolded.
const OPEN_ALL: usize = 400;
/// How many levels of a big tree are open at first.
const OPEN_DEPTH: usize = 2;

impl TreeView {
    /// The rows of a trace as it is first shown.
    pub fn new(trace: &Trace) -> Self {
        let mut view = Self { behind: steps_behind(trace), ..Self::default() };
        view.recount(trace);
        if trace.nodes.len() > OPEN_ALL {
            view.closed =
                trace.steps().filter(|&id| trace.node(id).depth >= OPEN_DEPTH && !trace.node(id).children.is_empty()).collect();
        }
        view.rebuild(trace);
        view
    }

    /// Counts the solutions again where more have come: of a file that is still being read, all their steps may be there already.
    pub fn recount(&mut self, trace: &Trace) {
        if self.through.len() != trace.nodes.len() || self.solutions != trace.solutions.len() {
            self.through = solutions_through(trace);
            self.solutions = trace.solutions.len();
        }
    }

    /// True when the node's children are shown (or it has none).
    pub fn is_open(&self, node: NodeId) -> bool {
        !self.closed.contains(&node)
    }

    /// Steps that the filter asks for; `None` without one.
    pub fn fitting(&self) -> Option<usize> {
        self.found.as_ref().map(|found| found.fitting.len())
    }

    /// The step is what the filter asks for, and not only above such a one.
    pub fn fits(&self, node: NodeId) -> bool {
        self.found.as_ref().is_none_or(|found| found.fitting.contains(&node))
    }

    /// Shows these steps and all above them, or everything again.
    pub fn show_only(&mut self, trace: &Trace, fitting: Option<HashSet<NodeId>>) {
        self.found = fitting.map(|fitting| {
            let mut shown = HashSet::new();
            for &node in &fitting {
                let mut at = Some(node);
                while let Some(node) = at.filter(|&node| shown.insert(node)) {
                    at = trace.node(node).parent;
                }
            }
            // What was found is not hidden in a fold.
            self.closed.retain(|node| !shown.contains(node) || fitting.contains(node));
            Found { fitting, shown }
        });
        self.rebuild(trace);
    }

    /// Leaves out the steps that the search makes later, or none.
    pub fn show_until(&mut self, trace: &Trace, until: Option<(Arc<[u32]>, u32)>) {
        self.until = until;
        self.rebuild(trace);
    }

    /// The search has made the step, and a filter asks for it or for one behind it.
    pub(super) fn is_there(&self, node: NodeId) -> bool {
        self.until.as_ref().is_none_or(|(born, now)| born[node.index()] <= *now)
            && self.found.as_ref().is_none_or(|found| found.shown.contains(&node))
    }

    /// Number of solutions whose path runs through a node.
    pub fn through(&self, node: NodeId) -> usize {
        self.through.get(node.index()).map_or(0, |&count| count as usize)
    }

    /// Number of steps behind a node.
    pub fn behind(&self, node: NodeId) -> usize {
        self.behind.get(node.index()).map_or(0, |&count| count as usize)
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
            if parent != NodeId::ROOT && (!self.is_open(parent) || !self.is_there(node)) {
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
        let there = |node: &NodeId| self.is_there(*node);
        let children: Vec<NodeId> = trace.node(parent).children.iter().copied().filter(there).collect();
        let elbow = children.len() > 1;
        for (index, node) in children.iter().copied().enumerate().rev() {
            let rails = if elbow { rails.with(index + 1 < children.len()) } else { rails };
            let branch = trace.node(node).children.iter().any(there);
            stack.push(TreeRow { node, rails, elbow, branch, open: self.is_open(node) });
        }
    }
}

impl App {
    /// Keys act on a tree that shows only the steps that a filter asks for.
    pub(crate) fn filters_tree(&self) -> bool {
        self.focus == Focus::Tree && self.show_tree && self.step_filter.is_some()
    }

    /// The next row below the cursor that is what the filter asks for, but for those that are passed over.
    pub(crate) fn next_fitting(&self, passed: impl Fn(NodeId) -> bool) -> Option<NodeId> {
        let at = self.tree.row_of(self.tree.visible_ancestor(self.trace()?, self.cursor.node))?;
        let mut behind = self.tree.rows.iter().skip(at + 1).map(|row| row.node);
        behind.find(|&node| self.tree.fits(node) && !passed(node))
    }

    /// Filters the steps anew where something changed that the answers hang on. Called once it is known what may be seen. In another tree the
    /// cursor goes to the first step that fits, unless it was led elsewhere.
    pub(super) fn filter_anew(&mut self, led: bool) {
        let Some(trace) = self.trace().filter(|_| self.step_filter.is_some()).cloned() else { return };
        if self.tree.basis == self.basis() {
            return;
        }
        let first = self.tree.basis.is_none();
        self.filter_tree();
        if first && !led && self.filters_tree() && !self.tree.fits(self.cursor.node) {
            let fitting = self.tree.rows.iter().map(|row| row.node).find(|&node| self.tree.fits(node));
            if let Some(node) = fitting {
                self.cursor.go_to_node(&trace, node);
            }
        }
    }

    fn basis(&self) -> Option<Box<Basis>> {
        self.step_filter.as_ref().map(|filter| {
            Box::new(Basis {
                shown: (self.show_prm, self.reference_shown()),
                mode: self.trust.mode,
                revealed: self.record_key().filter(|_| self.trust.mode == Mode::RevealAfter),
                threshold: self.scoring.threshold,
                model: self.scoring.name().to_owned(),
                labels: filter.asks_for_labels().then(|| (self.session.len(), self.own_hidden())),
            })
        })
    }

    /// Asks every step of the trace on show what the filter of steps wants to know, and shows what fits.
    pub(super) fn filter_tree(&mut self) {
        let Some(trace) = self.trace().cloned() else { return };
        let reference = self.reference_shown();
        let fitting = self.step_filter.as_ref().map(|filter| {
            let score = |key: StepKey| self.shown_score(key).map(StepScore::value);
            let own = SolutionLabels::unseen(0);
            let fits = |&node: &NodeId| {
                // What is out of sight does not show by what a filter finds.
                let open = self.show_prm && self.shows_numbers_of(node);
                let before = trace.node(node).parent.and_then(|parent| score(trace.node(parent).key));
                let at = AtStep {
                    node,
                    score: score(trace.node(node).key),
                    file: self.scoring.of_file(trace.node(node).key).filter(|_| self.shows_scores_of(trace.node(node).key)),
                    before,
                    own: self.node_labels.get(&node).copied(),
                    through: self.tree.through(node),
                    stats: if open { trace.node(node).stats } else { NodeStats::default() },
                    rating: trace.node(node).rating.filter(|_| open && reference),
                };
                let facts = Facts {
                    threshold: self.scoring.threshold,
                    step: Some(at),
                    ..Facts::bare(&trace, usize::MAX, std::slice::from_ref(&at.node), std::slice::from_ref(&at.score), &own)
                };
                filter.holds(&facts) == Some(true)
            };
            trace.steps().filter(fits).collect()
        });
        self.tree.basis = self.basis();
        self.tree.show_only(&trace, fitting);
    }

    /// The filter of steps as it was typed.
    pub fn step_filter_text(&self) -> &str {
        self.step_filter.as_ref().map_or("", Query::text)
    }
}

/// That there is nothing to be seen, and what shows it.
pub(crate) fn hidden_numbers(app: &App) -> String {
    format!("scores and search values are hidden; {} shows them", app.key("hide-prm"))
}

/// Takes a filter of steps and goes to the first one that fits; an empty text takes it away.
pub(super) fn set_filter(app: &mut App, text: &str) {
    if text.trim().is_empty() {
        clear_filter(app);
        return;
    }
    match Query::steps(text) {
        Ok(query) => {
            app.step_filter = Some(query);
            app.filter_tree();
            let first = app.tree.rows.iter().map(|row| row.node).find(|&node| app.tree.fits(node));
            if let Some((node, trace)) = first.filter(|_| !app.tree.fits(app.cursor.node)).zip(app.trace().cloned()) {
                app.cursor.go_to_node(&trace, node);
            }
            let hidden = !app.show_prm && app.step_filter.as_ref().is_some_and(Query::asks_for_numbers);
            app.notice = match first {
                None if hidden => Some(hidden_numbers(app)),
                None => Some(format!("no step of this tree: {text}")),
                Some(_) => None,
            };
        }
        Err(error) => app.notice = Some(format!("filter of steps: {}", error.marked(text, app.look.glyphs.folded))),
    }
}

/// Shows all steps again; the cursor stays with its own.
pub(super) fn clear_filter(app: &mut App) {
    if app.step_filter.take().is_some() {
        app.filter_tree();
        if let Some(trace) = app.trace().cloned() {
            app.tree.reveal(&trace, app.cursor.node);
        }
        app.notice = Some("all steps again".to_owned());
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

/// The same of the steps behind each node.
fn steps_behind(trace: &Trace) -> Vec<u32> {
    let mut behind = vec![0; trace.nodes.len()];
    for index in (1..trace.nodes.len()).rev() {
        if let Some(parent) = trace.nodes[index].parent {
            behind[parent.index()] += behind[index] + 1;
        }
    }
    behind
}
