//! Labels on the nodes of a tree: what one's own marks and verdicts, and those of the file, say of each step. A tree may have a hundred
//! thousand nodes, and a label is no reason to go through each of its solutions.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::App;
use crate::labels::Session;
use crate::trace::{Label, NodeId, Solution, Trace};

impl App {
    /// Works out the labels of the tree's nodes anew: own marks, else what a verdict on a solution through the node says of it.
    pub(crate) fn label_nodes(&mut self) {
        self.node_labels.clear();
        let Some(trace) = self.trace().cloned() else { return };
        if !self.file_labels_of.ptr_eq(&Arc::downgrade(&trace)) {
            self.file_labels = Arc::new(of_file(&trace));
            self.file_labels_of = Arc::downgrade(&trace);
        }
        if self.own_hidden() {
            return;
        }
        let mut labels = of_session(&self.session, &trace);
        for id in trace.steps() {
            if let Some(mark) = self.session.mark(trace.node(id).key) {
                labels.insert(id, mark.rating.into());
            }
        }
        labels.retain(|_, label| *label != Label::Unseen);
        *self.node_labels = labels;
    }
}

/// For each node the last one with an own mark on the way to it, itself included. Solutions without one, and without a verdict of their own,
/// are not judged.
pub(super) fn last_marked(session: &Session, trace: &Trace) -> Vec<Option<NodeId>> {
    let mut last: Vec<Option<NodeId>> = vec![None; trace.nodes.len()];
    for id in trace.steps() {
        let node = trace.node(id);
        // Parents stand before their children.
        let before = node.parent.and_then(|parent| last[parent.index()]);
        last[id.index()] = if session.mark(node.key).is_some() { Some(id) } else { before };
    }
    last
}

/// Something was said of the solution itself, or it was cut anew: its marks are then not only those of its steps of now.
pub(super) fn stands_alone(session: &Session, trace: &Trace, solution: &Solution) -> bool {
    trace.origin(solution.leaf).is_some() || session.verdict(trace.record_key(solution.leaf)).is_some()
}

/// What the file says, by its solutions. Trees with more leaves than this show what it says of nodes alone.
fn of_file(trace: &Trace) -> HashMap<NodeId, Label> {
    const LEAVES: usize = 2000;
    let mut labels = HashMap::new();
    for solution in trace.solutions.iter().take(LEAVES) {
        spread(&mut labels, &trace.path(solution.leaf), &trace.recorded_labels(solution).steps);
    }
    labels
}

/// What was said oneself. Solutions of which nothing was said but by the same marks are the same behind the last of them.
fn of_session(session: &Session, trace: &Trace) -> HashMap<NodeId, Label> {
    let mut labels = HashMap::new();
    let last = last_marked(session, trace);
    let mut behind: HashMap<NodeId, Label> = HashMap::new();
    let mut walked = HashSet::new();
    for solution in &trace.solutions {
        let marked = last[solution.leaf.index()];
        let alone = stands_alone(session, trace, solution);
        match marked.filter(|_| !alone) {
            None if !alone => {}
            Some(mark) if behind.contains_key(&mark) => {
                let mut at = solution.leaf;
                while at != mark && walked.insert(at) {
                    spread(&mut labels, &[at], &[behind[&mark]]);
                    let Some(parent) = trace.node(at).parent else { break };
                    at = parent;
                }
            }
            _ => {
                let (path, steps) = (trace.path(solution.leaf), session.step_labels(trace, solution));
                spread(&mut labels, &path, &steps);
                // Nothing stands behind a mark on the last step: another solution of the kind goes on.
                if let Some(mark) = marked.filter(|mark| !alone && *mark != solution.leaf) {
                    behind.extend(steps.last().map(|label| (mark, *label)));
                }
            }
        }
    }
    labels
}

/// Puts the labels of a solution on the nodes of its path; where solutions say different things of a node, a verdict on it counts more
/// than that it stands behind an error.
fn spread(labels: &mut HashMap<NodeId, Label>, path: &[NodeId], steps: &[Label]) {
    for (&id, &label) in path.iter().zip(steps) {
        let known = labels.entry(id).or_insert(label);
        if matches!((*known, label), (Label::Unseen, _) | (Label::AfterError, Label::Good | Label::Neutral | Label::Bad)) {
            *known = label;
        }
    }
}
