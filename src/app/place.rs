//! Going to an item, and back to where one was: items may still have to be read, and what is remembered is found by content.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::cursor::Cursor;
use super::items::{FileState, ItemId};
use super::jumps::Spot;
use super::layout::Layout;
use super::tree::TreeView;
use super::{App, Effect, Focus, commands, layout, queue, saving, seek};
use crate::corpus::ProblemView;
use crate::labels::{Mode, Rules};
use crate::trace::{NodeId, RecordKey, StepKey};
use crate::typeset::View;

/// Where a session stopped, found again by content.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Place {
    /// Identity of the file.
    pub file: String,
    /// Problem index in the file.
    pub problem: usize,
    /// The solution, by what it says.
    pub record: Option<RecordKey>,
    /// Index of the solution in its trace.
    pub solution: usize,
    /// Index of the step on the path.
    pub step: usize,
    /// The step, by what it says; beside all solutions nothing else tells where one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_key: Option<StepKey>,
    /// The tree, or the steps without it, was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tree: Option<bool>,
    /// Scores were hidden.
    #[serde(default)]
    pub blind: bool,
    /// They were hidden until a verdict was given.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reveal: bool,
    /// Which panes were wanted.
    #[serde(default)]
    pub layout: Layout,
    /// How texts were shown.
    #[serde(default)]
    pub view: View,
    /// Reference and recorded labels were hidden.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_reference: bool,
    /// Places with a letter.
    #[serde(default)]
    pub marks: BTreeMap<char, Spot>,
    /// How solutions were gone through, where that is not as the project wants it, which stands before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<(Rules, Rules)>,
    /// The filter in force, as it was typed.
    #[serde(default)]
    pub filter: String,
    /// The order in force: its name or its expression.
    #[serde(default)]
    pub order: String,
}

/// Where to go in an item that is still being read.
#[derive(Debug)]
pub(super) struct Aim {
    item: ItemId,
    record: Option<RecordKey>,
    step_key: Option<StepKey>,
    solution: Option<usize>,
    step: Option<usize>,
    /// The file was written anew: what is not found by content may be another text, of which nobody knows.
    pub(super) anew: bool,
}

impl App {
    /// Where the annotator is, in a form that survives a restart.
    pub fn place_now(&self) -> Place {
        // What is served has no place of its own.
        let item = self.position();
        let here = || self.trace().filter(|_| self.cursor.node != NodeId::ROOT).map(|trace| trace.node(self.cursor.node).key);
        let solution = self.trust.serving.map_or(self.cursor.solution, |serving| serving.back.1);
        // What is still being read is known by what is looked for in it.
        let aim = self.aim.as_ref().filter(|aim| aim.item == item && self.trace().is_none());
        Place {
            file: self.items.files.get(item.file).map_or_else(String::new, |file| file.id.clone()),
            problem: item.problem,
            record: self.record_key().or_else(|| aim?.record).filter(|_| self.trust.serving.is_none()),
            solution,
            step: self.cursor.step(),
            step_key: here().or_else(|| aim?.step_key).filter(|_| self.trust.serving.is_none()),
            tree: self.walk.tree,
            blind: self.trust.mode == Mode::Blind,
            reveal: self.trust.mode == Mode::RevealAfter,
            layout: self.layout,
            view: self.steps.view,
            no_reference: !self.show_reference,
            // They are kept one by one: another session may have set more.
            marks: BTreeMap::new(),
            rules: Some((self.walk.asked, self.project.rules())).filter(|(asked, now)| asked != now),
            filter: self.queue.filter_text().to_owned(),
            // What is like a step is not known without it.
            order: match self.queue.order_name() {
                queue::SIMILAR => String::new(),
                order if self.queue.active() => order.to_owned(),
                _ => String::new(),
            },
        }
    }

    /// Starts where an earlier session stopped, as soon as the index has got there.
    pub(super) fn resume(&mut self, place: &Place) {
        // A blind session stays blind until somebody says otherwise, on the command line or later.
        if (place.blind || place.reveal) && self.trust.terms.mode.is_none() {
            self.trust.mode = if place.blind { Mode::Blind } else { Mode::RevealAfter };
        }
        (self.layout, self.steps.view) = (place.layout, place.view);
        self.show_reference = !place.no_reference;
        self.walk.tree = place.tree;
        // What the project says anew counts more than what was asked for before.
        if let Some((_, rules)) = place.rules.filter(|(asked, _)| *asked == self.walk.asked) {
            self.project.rule(rules);
        }
        self.jumps.marks = place.marks.clone();
        queue::resume(self, &place.filter, &place.order);
        let Some(file) = self.file(&place.file) else { return };
        let item = ItemId { file, problem: place.problem };
        self.cursor = Cursor::at(item);
        self.aim = Some(Aim {
            item,
            record: place.record,
            step_key: place.step_key,
            solution: Some(place.solution),
            step: Some(place.step),
            anew: false,
        });
        self.stay_inside();
    }

    /// Index of the open file with this identity.
    pub(crate) fn file(&self, id: &str) -> Option<usize> {
        self.items.files.iter().position(|file| file.id == id)
    }

    /// Goes to another item; the cursor settles as soon as it is read.
    pub(crate) fn go_to_item(&mut self, item: ItemId) {
        if item != self.cursor.item {
            self.cursor = Cursor::at(item);
            self.aim = None;
        }
        self.settle();
    }

    /// Goes to a solution of an item, by its number.
    pub(crate) fn go_to(&mut self, item: ItemId, solution: usize) {
        self.go_to_step_of(item, solution, None);
    }

    /// The same, and there to a step, as an index on its path.
    pub(crate) fn go_to_step_of(&mut self, item: ItemId, solution: usize, step: Option<usize>) {
        self.cursor = Cursor { solution, ..Cursor::at(item) };
        self.aim = Some(Aim { item, record: None, step_key: None, solution: Some(solution), step, anew: false });
        self.settle();
        self.take_aim();
        self.label_nodes();
    }

    /// Goes to an item, and there to the solution and step that these keys name.
    pub(crate) fn return_to(&mut self, item: ItemId, record: Option<RecordKey>, step: Option<StepKey>) {
        self.aim_at(item, record, step, false);
    }

    /// The same in a file that was written `anew`, where other texts may stand there.
    pub(super) fn aim_at(&mut self, item: ItemId, record: Option<RecordKey>, step_key: Option<StepKey>, anew: bool) {
        self.go_to_item(item);
        self.aim = Some(Aim { item, record, step_key, solution: None, step: None, anew });
        self.take_aim();
    }

    /// Brings cursor, tree and panes into agreement with the item under the cursor.
    pub(crate) fn settle(&mut self) {
        self.leave_replay();
        let Some(trace) = self.trace().cloned() else {
            self.steps.reset();
            *self.tree = TreeView::default();
            return;
        };
        self.cursor.settle(&trace);
        let shown = (self.cursor.item, trace.prompt_key, trace.nodes.len());
        if self.steps.shown() == Some(shown) {
            self.tree.recount(&trace);
        } else {
            self.label_nodes();
            self.steps.show(shown);
            *self.tree = TreeView::new(&trace);
            self.tree_top = 0;
            self.show_tree = self.walk.tree.unwrap_or_else(|| commands::view::opens_as_tree(&trace));
            self.focus = match (self.show_tree, self.focus) {
                (_, Focus::List) => Focus::List,
                (true, _) => Focus::Tree,
                (false, _) => Focus::Steps,
            };
        }
        self.items.touch(self.cursor.item);
    }

    /// Goes to the remembered solution and step once their trace is there: by content first, else by number.
    fn take_aim(&mut self) {
        let Some(trace) = self.trace().cloned() else { return };
        let Some(aim) = self.aim.take_if(|aim| aim.item == self.cursor.item) else { return };
        // A label may be of the steps as they are cut now, or of those of a source.
        let named = |record| trace.solutions.iter().position(|solution| trace.names(solution.leaf).any(|name| name == record));
        let by_content = aim.record.and_then(named);
        if let Some(solution) = by_content.or(aim.solution) {
            self.cursor.go_to_solution(&trace, solution);
        }
        if let Some(node) = aim.step_key.and_then(|key| trace.find(key)) {
            self.cursor.go_to_node(&trace, node);
            (self.walk.led, self.walk.suggest) = (true, false);
        } else if let Some(step) = aim.step {
            self.cursor.go_to_step(step);
            (self.walk.led, self.walk.suggest) = (true, false);
        }
        self.tree.reveal(&trace, self.cursor.node);
        if aim.anew {
            // Beside all solutions the step leads to the text.
            self.tell_lost(aim.record.is_some() && by_content.is_none() && self.record_key() != aim.record);
        }
    }

    /// Lays the annotator's own cuts over an item, and the steps that a language model wrote for it.
    pub(super) fn lay_cuts(&mut self, item: ItemId) {
        let laid = self.items.source(item).and_then(|source| {
            let cut = self.session.recut(source);
            cut.as_ref().unwrap_or(source).with_samples(self.offered()).or(cut)
        });
        self.items.set_cut(item, laid);
        self.scoring.cut_anew(item);
        super::scoring::read_file(self, item);
    }

    /// Steps were merged or split, or that was taken back: every loaded item is cut anew, and the cursor stays with its step.
    pub(super) fn cut_anew(&mut self) {
        let (solution, step, focus) = (self.cursor.solution, self.cursor.step(), self.focus);
        // Beside all solutions the path on show has no number.
        let end = |app: &Self| Some(app.trace()?.node(*app.cursor.path.last()?).key);
        let beside = self.solution_on_show().is_none().then(|| end(self)).flatten();
        let items: Vec<ItemId> = self.items.loaded().collect();
        for item in items {
            self.lay_cuts(item);
        }
        self.steps.reset();
        if let Some(trace) = self.trace().cloned() {
            self.cursor.go_to_solution(&trace, solution);
            if let Some(node) = beside.and_then(|key| trace.find(key)) {
                self.cursor.go_to_node(&trace, node);
            }
            self.cursor.go_to_step(step);
        }
        self.settle();
        if self.show_tree {
            self.focus = focus;
        }
        self.filter_tree();
        self.take_aim();
    }

    /// A file may have become shorter since the last session: the cursor goes to its last problem.
    fn stay_inside(&mut self) {
        let item = self.cursor.item;
        let Some(file) = self.items.files.get(item.file) else { return };
        if file.complete && item.problem >= file.problems {
            self.cursor = Cursor::at(ItemId { problem: file.problems.saturating_sub(1), ..item });
            self.aim = None;
        }
    }

    /// What has to be read for the screen to be complete: the item under the cursor, its neighbours, the visible list rows.
    pub(super) fn wants(&self) -> Vec<Effect> {
        let mut wanted = vec![self.cursor.item];
        wanted.extend(self.items.neighbour(self.cursor.item, true));
        wanted.extend(self.items.neighbour(self.cursor.item, false));
        wanted.extend(layout::visible_items(self));
        wanted.retain(|&item| self.items.get(item).is_none() && self.items.is_known(item));
        wanted.sort_unstable();
        wanted.dedup();
        wanted.into_iter().map(Effect::Load).collect()
    }
}

/// An item was read, perhaps again because more of its records were found.
pub(super) fn loaded(app: &mut App, item: ItemId, view: Arc<ProblemView>) -> Vec<Effect> {
    if app.items.get(item).is_some_and(|known| Arc::ptr_eq(known, &view)) {
        return seek::continue_with(app, item);
    }
    if item == app.cursor.item && app.aim.is_none() && app.trace().is_some() {
        // Node numbers mean nothing in another trace: the place is found again by content.
        // A cursor that nobody has moved may still go where the scores point.
        let stays = app.cursor.node != NodeId::ROOT && !app.walk.suggest;
        let step_key = app.trace().filter(|_| stays).map(|trace| trace.node(app.cursor.node).key);
        app.aim = Some(Aim { item, record: app.record_key(), step_key, solution: None, step: None, anew: false });
    }
    app.items.insert(item, view);
    app.queue.changed(item);
    app.lay_cuts(item);
    app.tally(item);
    if item == app.cursor.item {
        app.settle();
        app.take_aim();
    }
    // Before the keys that wait for the solution: they are meant for the next one that is open.
    app.pass_over();
    let mut effects = seek::continue_with(app, item);
    effects.extend(saving::release(app));
    effects
}

/// The index of some file grew. Problems may have got more solutions, so what is on the screen is read again, and everything once
/// a file is complete.
pub(super) fn files(app: &mut App, files: Vec<FileState>) -> Vec<Effect> {
    let mut effects = Vec::new();
    for (index, (old, new)) in app.items.files.iter().zip(&files).enumerate() {
        // The last record may be known before it is known whose solution it is.
        if !old.complete && (old.records != new.records || new.complete) && index == app.cursor.item.file {
            effects.push(Effect::Load(app.cursor.item));
        }
    }
    let finished: Vec<usize> = app
        .items
        .files
        .iter()
        .zip(&files)
        .enumerate()
        .filter(|(_, (old, new))| !old.complete && new.complete)
        .map(|(index, _)| index)
        .collect();
    app.items.set_files(files);
    app.queue.files_grew();
    for file in finished {
        app.items.forget_others(file, app.cursor.item);
        app.scoring.ask_again(file);
        app.queue.file_ended(file);
    }
    app.come_back();
    app.stay_inside();
    effects.extend(seek::go_on(app));
    effects.retain(|effect| !matches!(effect, Effect::Load(item) if !app.items.is_known(*item)));
    effects
}
