//! What is known of the path on show, worked out once and kept until something that it hangs on changes. A solution may have a hundred thousand
//! steps, and a key that moves the cursor is no reason to go through all of them, nor is a frame.

use std::cell::RefCell;
use std::sync::{Arc, Weak};

use super::App;
use super::ratings::RatedFrom;
use super::thoughts::Thoughts;
use crate::analysis::aggregate::Aggregate;
use crate::labels::Said;
use crate::query::Ruler;
use crate::trace::{NodeId, Rating, Solution, SolutionLabels, StepKey, Trace};

/// A value, and what it was worked out from.
#[derive(Debug)]
pub(super) struct Memo<K, V>(RefCell<Option<(K, V)>>);

impl<K, V> Default for Memo<K, V> {
    fn default() -> Self {
        Self(RefCell::new(None))
    }
}

impl<K: PartialEq, V: Clone> Memo<K, V> {
    /// What comes of this; worked out where that was not done already.
    pub(super) fn of(&self, from: K, work: impl FnOnce() -> V) -> V {
        if let Some((_, value)) = self.0.borrow().as_ref().filter(|(known, _)| *known == from) {
            return value.clone();
        }
        let value = work();
        self.0.replace(Some((from, value.clone())));
        value
    }

    /// The value comes of this as well, if it came of `before`.
    fn keep(&self, before: &K, from: K) {
        if let Some((known, _)) = self.0.borrow_mut().as_mut().filter(|(known, _)| known == before) {
            *known = from;
        }
    }
}

/// A path of a trace that is in memory.
#[derive(Debug, Clone)]
pub(super) struct Path {
    trace: Weak<Trace>,
    leaf: NodeId,
}

impl PartialEq for Path {
    fn eq(&self, other: &Self) -> bool {
        self.leaf == other.leaf && self.trace.ptr_eq(&other.trace)
    }
}

/// What a model says of the steps of a path.
#[derive(Debug, Default, PartialEq)]
pub struct Outlook {
    /// The score of each step.
    pub scores: Vec<Option<f64>>,
    /// The predicted first error, as an index from 0.
    pub first_error: Option<usize>,
    /// The steps with a score, the one that is most likely wrong first.
    pub suspects: Vec<usize>,
    /// The scores of the path as a solution by every form that has sense; nothing before its last step is scored.
    pub forms: Vec<(Aggregate, f64)>,
}

/// All that is kept.
#[derive(Debug, Default)]
pub(super) struct Known {
    own: Memo<(Path, usize), SolutionLabels>,
    overlaid: Memo<(Path, usize, usize), SolutionLabels>,
    outlook: Memo<(Path, u64, Ruler), Arc<Outlook>>,
    pub(super) thoughts: Memo<Path, Arc<Thoughts>>,
    pub(super) ratings: Memo<RatedFrom, Vec<Option<Rating>>>,
    pub(super) said: Memo<(Path, usize), Vec<Said>>,
}

impl App {
    /// The last step of the path on show.
    pub fn leaf(&self) -> NodeId {
        self.cursor.path.last().copied().unwrap_or(NodeId::ROOT)
    }

    /// The path on show, and the trace that it is one of.
    pub(super) fn path(&self) -> Option<(Path, &Arc<Trace>)> {
        let trace = self.trace()?;
        Some((Path { trace: Arc::downgrade(trace), leaf: self.leaf() }, trace))
    }

    /// The same where it is that of this trace to this step.
    fn path_to(&self, trace: &Trace, leaf: NodeId) -> Option<Path> {
        let (path, here) = self.path().filter(|(path, _)| path.leaf == leaf)?;
        std::ptr::eq(here.as_ref(), trace).then_some(path)
    }

    /// A step of the path on show has this key.
    pub(super) fn on_path(&self, key: StepKey) -> bool {
        let at = |trace: &Arc<Trace>| {
            let id = trace.find(key)?;
            Some(self.cursor.path.get(trace.node(id).depth.checked_sub(1)?) == Some(&id))
        };
        self.trace().and_then(at).unwrap_or(false)
    }

    /// One's own labels of the path to `leaf`.
    pub fn own_labels(&self, trace: &Trace, leaf: NodeId) -> SolutionLabels {
        let labels = || self.session.labels(trace, &Solution::new(leaf));
        match self.path_to(trace, leaf) {
            Some(path) => self.known.own.of((path, self.session.len()), labels),
            None => labels(),
        }
    }

    /// One's own labels of the solution on show, which is one of this trace, laid over those of the file.
    pub(super) fn overlaid(&self, trace: &Trace, solution: &Solution) -> SolutionLabels {
        let labels = || self.session.overlay(trace, solution).0;
        match self.path_to(trace, solution.leaf) {
            Some(path) => self.known.overlaid.of((path, self.session.len(), self.cursor.solution), labels),
            None => labels(),
        }
    }

    /// What the model on show says of the path on show, whether or not it may be seen.
    pub fn outlook(&self) -> Arc<Outlook> {
        let Some((path, trace)) = self.path() else { return Arc::default() };
        let judge = &*self.scoring;
        let from = (path, judge.scores.stamp(), judge.ruler());
        self.known.outlook.of(from, || Arc::new(judge.outlook(trace, &self.cursor.path)))
    }

    /// Scores of other steps than those on show came in since they had the stamp `before`.
    pub(super) fn keep_outlook(&self, before: u64) {
        if let Some((path, _)) = self.path() {
            let (now, ruler) = (self.scoring.scores.stamp(), self.scoring.ruler());
            self.known.outlook.keep(&(path.clone(), before, ruler), (path, now, ruler));
        }
    }
}
