//! The steps pane: wrapped texts, folds and scroll position. Texts are wrapped once a width and kept.

use std::collections::HashMap;
use std::sync::Arc;

use crate::math::Reason;
use crate::text::{Ambiguous, Glyphs, Safe, WrapOptions, safe};
use crate::trace::{Node, NodeId, PromptKey, StepKey, StepKind};
use crate::typeset::{Page, Setting, View};
use crate::ui::code::Tokens;
use crate::ui::look::Look;

use super::App;
use super::items::ItemId;
use super::layout;

/// Steps with more rows than this fold by themselves unless they are current or suspect.
const FOLD_ABOVE: usize = 14;
/// Rows of a folded step that stay visible at least.
const FOLD_TO: usize = 3;
/// Cells of a row where rows do not end.
const LINE: usize = 1 << 30;
/// Wrapped texts that are kept.
const KEPT: usize = 2048;

impl App {
    /// How a text is set in `width` cells; formulas take several rows where the eye rests (`focused`).
    fn setting(&self, width: usize, focused: bool) -> Setting {
        setting(&self.look, self.steps.view, width, focused)
    }

    /// The problem text, wrapped to this width; `None` while there is no problem.
    pub fn problem_page(&self, width: usize) -> Option<&Page> {
        let trace = self.trace()?;
        let (key, at, page) = self.steps.problem.as_ref()?;
        (*key == trace.prompt_key && *at == self.setting(width, self.whole_problem)).then_some(page)
    }

    /// Wraps the problem text unless that was done already.
    pub(super) fn wrap_problem(&mut self, width: usize) {
        let Some(trace) = self.trace().cloned() else { return };
        if self.problem_page(width).is_none() {
            let setting = self.setting(width, self.whole_problem);
            self.steps.problem = Some((trace.prompt_key, setting, Page::new(&trace.problem.text, setting)));
        }
    }

    /// How a text is set that is said line by line.
    pub fn linear_setting(&self) -> Setting {
        setting(&self.look, self.steps.view, LINE, false)
    }

    /// How many formulas of the current step stand as their source, and why the first one does.
    pub fn formulas_left_out(&self) -> Option<(usize, &Reason)> {
        let key = self.trace()?.node(self.cursor.node).key;
        let width = layout::step_columns(self, layout::panes(self)?.steps?.width).text;
        let page = self.step_page(self.cursor.node, key, width)?;
        page.left_out.first().map(|reason| (page.left_out.len(), reason))
    }

    /// The text of a step that is on the screen, as it is shown there.
    pub fn step_page(&self, id: NodeId, key: StepKey, width: usize) -> Option<&Arc<Page>> {
        self.steps.pages.get(&(key, step_setting(&self.look, &self.steps, width, id == self.cursor.node)))
    }
}

/// Glyph sets without mathematical signs show the source; where signs have no sure width, formulas stay on one line.
pub(super) fn setting(look: &Look, view: View, width: usize, focused: bool) -> Setting {
    let view = if view == View::Drawn && look.glyphs == Glyphs::ASCII { View::Plain } else { view };
    let tall = view == View::Drawn && focused && look.ambiguous == Ambiguous::Narrow;
    Setting { view, tall, wrap: WrapOptions { ambiguous: look.ambiguous, ..WrapOptions::new(width) } }
}

/// How the text of a step is set.
fn step_setting(look: &Look, steps: &StepsView, width: usize, current: bool) -> Setting {
    let tall = current && !steps.flat && !steps.crowded;
    setting(look, steps.view, if steps.cut && !current { LINE } else { width }, tall)
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
    /// Formulas of the current step stand on one line each: over several rows they would not be in sight where the user scrolled to.
    pub(super) flat: bool,
    /// So do they where they would push something out of sight.
    crowded: bool,
    /// The step that the cursor was moved to, and did not come to by itself or by a page that was turned.
    chosen: Option<NodeId>,
    folds: HashMap<NodeId, bool>,
    fold_default: Option<bool>,
    /// Rows that steps keep that fold by themselves, where the page has rows to spare.
    kept: HashMap<NodeId, usize>,
    pages: HashMap<(StepKey, Setting), Arc<Page>>,
    problem: Option<(PromptKey, Setting, Page)>,
    /// What is shown of texts.
    pub view: View,
    /// Lines end at the edge, but for those of the current step.
    pub cut: bool,
    /// Colours of program code; `None` while they are being computed, and where there is none.
    code: HashMap<StepKey, Option<Arc<Tokens>>>,
    /// Texts on the screen whose colours nobody has asked for yet.
    uncoloured: Vec<(StepKey, Safe)>,
    /// What is on the screen.
    pub visible: Vec<Slice>,
    /// The step at which the scores predict the first error: it is never folded.
    pub(super) suspect: Option<NodeId>,
    /// Rows that the steps leave to the problem, wherever the cursor stands.
    pub(super) spare: usize,
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

    /// The trace has more steps now, and those that it had are where they were.
    pub(super) fn grew(&mut self, shown: Shown) {
        self.shown = Some(shown);
    }

    /// Forgets the trace; wrapped texts stay.
    pub fn reset(&mut self) {
        self.shown = None;
        self.leaf = None;
        self.top = (0, 0);
        self.pinned = None;
        self.flat = false;
        self.folds.clear();
        self.kept.clear();
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
    pub(super) fn look_at(&mut self, node: &Node) {
        if self.code.contains_key(&node.key) {
            return;
        }
        self.code.insert(node.key, None);
        if node.kind == StepKind::Code || node.text.contains("```") {
            self.uncoloured.push((node.key, safe(&node.text)));
        }
    }

    /// The cursor was moved to this step, or (`None`) is somewhere else.
    pub(super) fn choose(&mut self, node: Option<NodeId>) {
        self.chosen = node.filter(|node| self.pinned != Some(*node));
    }

    /// Prepares for a path: another path starts at its top, another cursor step is followed again.
    pub(super) fn begin(&mut self, path: &[NodeId]) {
        let leaf = path.last().copied();
        if leaf != self.leaf {
            self.leaf = leaf;
            self.top = (0, 0);
            self.pinned = None;
        }
        if self.pages.len() > KEPT {
            self.pages.clear();
            self.code.clear();
        }
        self.top.0 = self.top.0.min(path.len().saturating_sub(1));
    }
}

/// How a step of the path is shown: in full, or folded with a count of what is hidden. The current step is never folded by itself,
/// the suspect one never at all.
pub(super) fn shape(app: &mut App, step: usize, width: usize) -> Shape {
    let Some(trace) = app.items.trace(app.cursor.item).cloned() else { return Shape { rows: 1, hidden: 0 } };
    let Some(&id) = app.cursor.path.get(step) else { return Shape { rows: 1, hidden: 0 } };
    if step >= app.open_steps() {
        return Shape { rows: 1, hidden: 0 };
    }
    let node = trace.node(id);
    let setting = step_setting(&app.look, &app.steps, width, id == app.cursor.node);
    let page = app.steps.pages.entry((node.key, setting)).or_insert_with(|| Arc::new(Page::new(&node.text, setting)));
    let rows = page.rows();
    let low = app.scoring.scores.get(&node.key).is_some_and(|score| score.value() < app.scoring.threshold);
    let suspect = app.show_prm && (low || app.steps.suspect == Some(id));
    let by_hand = app.steps.folds.get(&id).copied().or(app.steps.fold_default);
    let folded_to = match by_hand {
        Some(true) if !suspect => Some(1),
        None if rows > FOLD_ABOVE && id != app.cursor.node && !suspect => {
            Some(app.steps.kept.get(&id).copied().unwrap_or(FOLD_TO))
        }
        _ => None,
    };
    match folded_to {
        Some(keep) if rows > keep + 1 => Shape { rows: keep + 1, hidden: rows - keep },
        _ => Shape { rows, hidden: 0 },
    }
}

/// Rows that all steps of a path take.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rows {
    /// With formulas on one line.
    pub(super) flat: usize,
    /// More with the formulas of the current step over several rows, and with those of the step that makes the most of it.
    pub(super) current: usize,
    pub(super) most: usize,
}

/// The rows of the steps on show, none of them folded; of a path that takes more than `limit` not all are counted.
pub(super) fn open_rows(app: &mut App, width: usize, limit: usize) -> Rows {
    let Some(trace) = app.items.trace(app.cursor.item).cloned() else { return Rows::default() };
    let (look, steps) = (&app.look, &mut app.steps);
    let mut rows = Rows::default();
    for &id in &app.cursor.path {
        let node = trace.node(id);
        let mut rows_of = |tall: bool| {
            let setting = setting(look, steps.view, if steps.cut && !tall { LINE } else { width }, tall);
            steps.pages.entry((node.key, setting)).or_insert_with(|| Arc::new(Page::new(&node.text, setting))).rows()
        };
        let flat = rows_of(false);
        rows.flat += flat;
        if rows.flat > limit {
            break;
        }
        let more = rows_of(true).saturating_sub(flat);
        rows.most = rows.most.max(more);
        if id == app.cursor.node {
            rows.current = more;
        }
    }
    rows
}

/// Formulas that would push the end of the solution out of sight stay on one line: always where it has room as long as they do, and in a
/// longer one until the cursor is moved to their step.
pub(super) fn crowd(app: &mut App, width: usize, page: usize) {
    let Rows { flat, current, .. } = open_rows(app, width, page);
    let chosen = app.steps.chosen == Some(app.cursor.node);
    app.steps.crowded = flat + current > page && (flat <= page || !chosen);
}

/// Rows of the page that would stay empty go to the steps that fold by themselves, from the first one on: nothing is folded away that has
/// room.
pub(super) fn spread_rows(app: &mut App, width: usize, page: usize) {
    app.steps.kept.clear();
    let (mut used, mut folded) = (0, Vec::new());
    for step in 0..app.cursor.path.len() {
        let Shape { rows, hidden } = shape(app, step, width);
        used += rows;
        if used > page {
            return;
        }
        let by_itself = |id: &NodeId| !app.steps.folds.contains_key(id) && app.steps.fold_default.is_none();
        folded.extend(app.cursor.path.get(step).copied().filter(|id| hidden > 0 && by_itself(id)).map(|id| (id, hidden)));
    }
    let mut free = page - used;
    for (id, hidden) in folded {
        // An open step has no row that counts what is hidden.
        let more = if hidden - 1 <= free { hidden } else { free };
        app.steps.kept.insert(id, FOLD_TO + more);
        free = free.saturating_sub(more);
    }
}
