//! The steps pane: wrapped texts, folds and scroll position. Texts are wrapped once a width and kept.

use std::collections::HashMap;
use std::sync::Arc;

use crate::text::{Safe, WrapOptions, Wrapped, safe, wrap};
use crate::trace::{Node, NodeId, PromptKey, StepKey, StepKind};
use crate::ui::code::Tokens;

use super::App;
use super::items::ItemId;

/// Steps with more rows than this fold by themselves unless they are current or suspect.
const FOLD_ABOVE: usize = 14;
/// Rows of a folded step that stay visible.
const FOLD_TO: usize = 3;
/// Wrapped texts that are kept.
const KEPT: usize = 2048;

/// A text made safe and wrapped.
#[derive(Debug, PartialEq, Eq)]
pub struct Body {
    /// The text as it may be shown.
    pub text: Safe,
    /// Its rows.
    pub wrapped: Wrapped,
}

impl Body {
    /// The text, safe and wrapped to a width.
    pub fn new(text: &str, width: usize) -> Self {
        let text = if text.trim().is_empty() { safe("(empty)") } else { safe(text) };
        let wrapped = wrap(&text, WrapOptions::new(width));
        Self { text, wrapped }
    }

    /// Number of rows, at least 1.
    pub fn rows(&self) -> usize {
        self.wrapped.height()
    }
}

impl App {
    /// The problem text, wrapped to this width; `None` while there is no problem.
    pub fn problem_body(&self, width: usize) -> Option<&Body> {
        let trace = self.trace()?;
        let (key, at, body) = self.steps.problem.as_ref()?;
        (*key == trace.prompt_key && *at == width).then_some(body)
    }

    /// Wraps the problem text unless that was done already.
    pub(super) fn wrap_problem(&mut self, width: usize) {
        let Some(trace) = self.trace().cloned() else { return };
        if self.problem_body(width).is_none() {
            self.steps.problem = Some((trace.prompt_key, width, Body::new(&trace.problem.text, width)));
        }
    }
}

/// How a step is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Rows on the screen, the fold line included.
    pub rows: usize,
    /// Rows that the fold hides; 0 for an open step.
    pub hidden: usize,
}

/// A part of a step that is on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    /// Index of the step on the path.
    pub step: usize,
    /// First row of the step that is shown.
    pub first: usize,
    /// Rows shown.
    pub rows: usize,
    /// Row of the pane that it starts on.
    pub y: usize,
    /// How the step is shown.
    pub shape: Shape,
}

/// What folds and scroll position belong to: the item, its problem, its number of nodes.
pub type Shown = (ItemId, PromptKey, usize);

/// State of the pane.
#[derive(Debug, Default)]
pub struct StepsView {
    shown: Option<Shown>,
    leaf: Option<NodeId>,
    /// First visible step and its first visible row.
    pub top: (usize, usize),
    /// The user scrolled at this step: while it is the current one, its top may be off the screen.
    pub pinned: Option<NodeId>,
    folds: HashMap<NodeId, bool>,
    fold_default: Option<bool>,
    bodies: HashMap<(StepKey, usize), Arc<Body>>,
    problem: Option<(PromptKey, usize, Body)>,
    /// Colours of program code; `None` while they are being computed.
    code: HashMap<StepKey, Option<Arc<Tokens>>>,
    /// Texts on the screen whose colours nobody has asked for yet.
    uncoloured: Vec<(StepKey, Safe)>,
    /// What is on the screen.
    pub visible: Vec<Slice>,
}

impl StepsView {
    /// The trace that the folds belong to.
    pub fn shown(&self) -> Option<Shown> {
        self.shown
    }

    /// Starts on another trace.
    pub fn show(&mut self, shown: Shown) {
        self.reset();
        self.shown = Some(shown);
    }

    /// Forgets the trace; wrapped texts stay.
    pub fn reset(&mut self) {
        self.shown = None;
        self.leaf = None;
        self.top = (0, 0);
        self.pinned = None;
        self.folds.clear();
        self.fold_default = None;
        self.visible.clear();
    }

    /// Folds or unfolds one step for good.
    pub fn set_fold(&mut self, node: NodeId, folded: bool) {
        self.folds.insert(node, folded);
    }

    /// Folds or unfolds all steps.
    pub fn set_all(&mut self, folded: bool) {
        self.folds.clear();
        self.fold_default = Some(folded);
    }

    /// True when the user folded this step.
    pub fn is_folded(&self, node: NodeId) -> bool {
        self.folds.get(&node).copied().or(self.fold_default).unwrap_or(false)
    }

    /// The wrapped text of a step that is on the screen.
    pub fn body(&self, key: StepKey, width: usize) -> Option<&Arc<Body>> {
        self.bodies.get(&(key, width))
    }

    /// The colours of the code in a step, once they are known.
    pub fn code(&self, key: StepKey) -> Option<&Tokens> {
        self.code.get(&key)?.as_deref()
    }

    /// Takes in computed colours.
    pub(super) fn coloured(&mut self, key: StepKey, tokens: Tokens) {
        self.code.insert(key, Some(Arc::new(tokens)));
    }

    /// Texts whose colours are to be computed, each named once.
    pub(super) fn take_uncoloured(&mut self) -> Vec<(StepKey, Safe)> {
        std::mem::take(&mut self.uncoloured)
    }

    /// A step came onto the screen: code in it wants colours.
    pub(super) fn look_at(&mut self, node: &Node, width: usize) {
        let code = node.kind == StepKind::Code || node.text.contains("```");
        if !code || self.code.contains_key(&node.key) {
            return;
        }
        if let Some(body) = self.bodies.get(&(node.key, width)) {
            self.uncoloured.push((node.key, body.text.clone()));
            self.code.insert(node.key, None);
        }
    }

    /// Prepares for a path: another path starts at its top, another cursor step is followed again.
    pub(super) fn begin(&mut self, path: &[NodeId]) {
        let leaf = path.last().copied();
        if leaf != self.leaf {
            self.leaf = leaf;
            self.top = (0, 0);
            self.pinned = None;
        }
        if self.bodies.len() > KEPT {
            self.bodies.clear();
            self.code.clear();
        }
        self.top.0 = self.top.0.min(path.len().saturating_sub(1));
    }
}

/// Rows of a step on the screen.
pub(super) fn height(app: &mut App, step: usize, width: usize) -> usize {
    shape(app, step, width).rows
}

/// How a step of the path is shown: in full, or folded with a count of what is hidden. The current step is never folded by itself,
/// the suspect one never at all.
pub(super) fn shape(app: &mut App, step: usize, width: usize) -> Shape {
    let Some(trace) = app.items.trace(app.cursor.item).cloned() else { return Shape { rows: 1, hidden: 0 } };
    let Some(&id) = app.cursor.path.get(step) else { return Shape { rows: 1, hidden: 0 } };
    let node = trace.node(id);
    let body = app.steps.bodies.entry((node.key, width)).or_insert_with(|| Arc::new(Body::new(&node.text, width)));
    let rows = body.rows();
    let suspect = app.show_prm && app.scoring.scores.get(&node.key).is_some_and(|score| score.value() < app.scoring.threshold);
    let by_hand = app.steps.folds.get(&id).copied().or(app.steps.fold_default);
    let folded_to = match by_hand {
        Some(true) if !suspect => Some(1),
        None if rows > FOLD_ABOVE && id != app.cursor.node && !suspect => Some(FOLD_TO),
        _ => None,
    };
    match folded_to {
        Some(keep) if rows > keep + 1 => Shape { rows: keep + 1, hidden: rows - keep },
        _ => Shape { rows, hidden: 0 },
    }
}
