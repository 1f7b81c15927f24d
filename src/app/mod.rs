//! The program without a terminal: state, messages in, effects out.
//!
//! [`update`] is pure: it reads and writes no file, starts no thread, asks no clock. The shell turns terminal events, worker lines
//! and finished saves into [`Message`]s, and carries [`Effect`]s out. The screen draws from `&App` alone.

pub mod answers;
mod around;
mod begin;
pub mod blocks;
pub mod choice;
pub mod clock;
pub mod clusters;
pub mod commands;
pub mod cursor;
pub mod describe;
pub mod guide;
pub mod input;
pub mod items;
pub mod judge;
pub mod jumps;
pub mod keymap;
pub mod keys;
pub mod layout;
pub mod likeness;
pub mod lines;
pub mod lists;
pub mod log;
pub mod mapping;
mod marks;
mod message;
mod mouse;
pub mod numbers;
pub mod pair;
mod passing;
pub mod path;
pub mod picker;
mod picture;
pub mod place;
pub mod progress;
pub mod quality;
pub mod queue;
mod ratings;
pub mod reading;
pub mod refit;
mod reload;
pub mod replay;
pub mod review;
pub mod rewrite;
pub mod runs;
pub mod sampling;
mod saving;
pub mod scissors;
pub mod scoring;
pub mod search;
pub mod seek;
pub mod segmenting;
pub mod sheet;
pub mod split;
pub mod stamped;
pub mod steps;
mod thoughts;
mod threshold;
pub mod tree;
pub mod trust;
mod typed;
mod update;
pub mod views;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};

use crate::labels::{EventId, Mode, Project, Session};
use crate::query::{Names, Query};
use crate::trace::{Label, NodeId, PromptKey, RecordKey, Solution, SolutionLabels, StepKey, StepScore, Trace};
use crate::ui::look::Look;

use cursor::Cursor;
use input::Input;
use items::{FileState, ItemId, Items};
use jumps::Jumps;
use keymap::Keymap;
use keys::Keys;
pub use message::{Effect, Manuscript, Message, Sifted};
use place::Aim;
pub use place::Place;
use progress::Progress;
use queue::Queue;
use reading::Reading;
use refit::Refit;
use review::Review;
use sampling::Sampling;
pub use saving::Saving;
use scoring::Scoring;
use search::{Mistake, Search};
use seek::Seek;
use steps::StepsView;
use tree::TreeView;
use trust::{Terms, Trust};
use typed::key_press;
pub(crate) use typed::{run, run_given};
pub use update::update;

/// Which part of the screen the motion keys act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Focus {
    /// The list of problems and solutions.
    List,
    /// The steps of one solution.
    Steps,
    /// The tree.
    Tree,
}

/// Steps that are chosen to be marked together: from here to the cursor, on this path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    item: ItemId,
    leaf: NodeId,
    from: NodeId,
}

/// Paths of label stores, as a command line names them.
#[derive(Debug, Clone, Default)]
pub struct Stores {
    /// One's own.
    pub own: String,
    /// Those of others.
    pub others: Vec<String>,
}

/// What the program was started with.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each one is a part of the program that is there or not")]
pub struct Setup {
    /// The open files.
    pub files: Vec<FileState>,
    /// Why other files that were asked for could not be opened, a line each.
    pub unopened: Vec<String>,
    /// Labels so far.
    pub session: Session,
    /// Name of the annotator.
    pub annotator: String,
    /// Name of the label store, as shown.
    pub store: String,
    /// Paths of the stores.
    pub stores: Box<Stores>,
    /// Colours and glyphs.
    pub look: Look,
    /// Where the last session stopped.
    pub place: Option<Place>,
    /// A worker is started at once.
    pub scoring: bool,
    /// There is a language model that can be asked for alternatives.
    pub sampler: bool,
    /// Likeness is measured by vectors of a model.
    pub vectors: bool,
    /// Modes, shares, exam, guideline.
    pub terms: Terms,
    /// Kinds of errors, reasons, how solutions are gone through.
    pub project: Project,
    /// Which keys run what.
    pub keymap: Keymap,
    /// One's own filters with a name.
    pub filters: Names,
    /// The labels of all others in the session are to be adjudicated.
    pub review: bool,
}

/// Everything that the screen shows.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each one is a switch that the user flips by itself")]
pub struct App {
    /// Files and problems.
    pub items: Items,
    /// Why other files that were asked for could not be opened.
    pub unopened: Vec<String>,
    /// Where the annotator is.
    pub cursor: Cursor,
    /// Labels.
    pub session: Session,
    /// Events that other programs on the store wrote meanwhile: they take back their own labels.
    others: HashSet<EventId>,
    /// Name of the annotator.
    pub annotator: String,
    /// Name of the label store, as shown.
    pub store: String,
    /// Paths of the stores; empty where a log is played.
    stores: Box<Stores>,
    /// Scores and the worker.
    pub scoring: Scoring,
    /// Alternatives that a language model writes.
    pub sampling: Box<Sampling>,
    /// State of saving.
    pub saving: Box<Saving>,
    /// What is wrong and stays so, each in a few words.
    alarms: Vec<String>,
    /// Half-typed keys.
    pub keys: Keys,
    /// The which-key strip is due.
    pub hint_due: bool,
    /// Labels of the nodes of the tree, by what holds for the solutions through them.
    pub node_labels: Box<HashMap<NodeId, Label>>,
    /// What the file says of the solutions through a node, where it does not rate the node itself.
    pub file_labels: Arc<HashMap<NodeId, Label>>,
    /// The trace of which that is: it says the same whatever is labelled.
    file_labels_of: Weak<Trace>,
    /// A text input that owns the keyboard.
    pub input: Option<Input>,
    /// What was typed in earlier ones.
    typed: Box<input::Typed>,
    /// A question that is answered with one letter.
    pub choice: Option<choice::Open>,
    /// Problems to go to by what one remembers of them.
    pub picker: Option<picker::Picker>,
    /// Steps that are compared.
    pub alike: Box<likeness::Alike>,
    /// The solutions of the problem by their answers.
    pub answers: Option<answers::Answers>,
    /// Two solutions of the problem side by side.
    pub pair: Option<Box<pair::Pair>>,
    /// The search of the tree on show, iteration by iteration.
    pub replay: Option<Box<replay::Replay>>,
    /// A page of text over the screen.
    pub sheet: Option<sheet::Sheet>,
    /// Modes, shares, what is served.
    pub trust: Trust,
    /// Time spent on steps.
    clock: clock::Clock,
    /// Answers of the other solutions, and what was said of this one.
    around: Box<around::Around>,
    /// What is known of the path on show.
    known: Box<path::Known>,
    /// Where the cursor goes by itself.
    walk: Box<begin::Walk>,
    /// A step that is being written anew.
    pub rewrite: Option<rewrite::Rewrite>,
    /// The place where a step is to be split.
    pub split: Option<split::Split>,
    /// The rule that is to cut the solution anew.
    pub segmenting: Option<segmenting::Segmenting>,
    /// Kinds of errors, reasons, how solutions are gone through.
    pub project: Project,
    /// The running or last search.
    pub search: Option<Search>,
    /// The last first error, to look for others like it.
    mistake: Option<Mistake>,
    /// A walk to the next place of some kind.
    pub seek: Option<Seek>,
    /// How often files were asked for a search: an answer that comes late is none.
    searches: u64,
    /// What another threshold changes, while that is counted.
    count: Option<Box<threshold::Count>>,
    /// The steps pane.
    pub steps: StepsView,
    /// Checks and comparisons.
    pub reading: Reading,
    /// Reference, answer and whether it is right, and of what.
    facts: (describe::FactsOf, String),
    /// Steps and problems on one line.
    pub lines: lines::Lines,
    /// First row of the detail pane once it was scrolled; it is there then also where it has no place of its own.
    pub detail: Option<usize>,
    /// The tree pane.
    pub tree: Box<TreeView>,
    /// Which steps it shows.
    pub step_filter: Option<Query>,
    /// First visible row of the tree pane.
    pub tree_top: usize,
    /// First visible row of the list pane.
    pub list_top: usize,
    /// Filter and order.
    pub queue: Box<Queue>,
    /// What other annotators say, where that is to be adjudicated.
    pub review: Option<Review>,
    /// Fits to the labels of the session.
    pub refit: Refit,
    /// One's own filters with a name.
    pub filters: Names,
    /// What is known of the pictures that files name.
    pictures: picture::Pictures,
    /// How far the work has come.
    pub progress: Progress,
    /// Where one was.
    pub jumps: Jumps,
    /// Where the steps to be marked together begin; they end at the cursor.
    pub range: Option<Range>,
    /// The last label, to be given again.
    pub(crate) last_label: Option<commands::label::Again>,
    /// The program hears of the mouse.
    pub mouse: bool,
    /// Which pane the motion keys act on.
    pub focus: Focus,
    /// The tree pane is open.
    pub show_tree: bool,
    /// The list pane is wanted where there is room.
    pub show_list: bool,
    /// Which panes are wanted.
    pub layout: layout::Layout,
    /// Scores are shown; otherwise the session is blind.
    pub show_prm: bool,
    /// Reference answer, recorded labels and outcome are shown.
    pub show_reference: bool,
    /// The problem is shown in full.
    pub whole_problem: bool,
    /// The help sheet.
    pub help: Option<commands::help::HelpSheet>,
    /// The line above the status bar.
    pub notice: Option<String>,
    /// Colours and glyphs.
    pub look: Look,
    /// Columns and rows of the screen.
    pub size: (u16, u16),
    /// Terminal events taken in.
    pub heard: u64,
    /// The program is leaving.
    pub quitting: bool,
    aim: Option<Aim>,
    /// Where a file that was written anew has not come yet.
    away: Option<Box<reload::Away>>,
}

impl App {
    /// The state at the start, with what has to be read first.
    pub fn new(mut setup: Setup, size: (u16, u16)) -> (Self, Vec<Effect>) {
        let (place, scoring) = (setup.place.take(), setup.scoring);
        let trust = Trust::new(std::mem::take(&mut setup.terms), &setup.session);
        let mut app = Self::untouched(setup, trust, size);
        (app.walk.suggest, app.walk.asked) = (place.is_none(), app.project.rules());
        if let Some(place) = &place {
            app.resume(place);
        }
        review::begin(&mut app, place.is_some());
        if !app.unopened.is_empty() {
            app.show_sheet("files that could not be opened", app.unopened.join("\n\n"));
        }
        app.conceal();
        let mut effects = Vec::new();
        if scoring {
            effects.push(Effect::StartWorker);
        }
        effects.extend(app.wants());
        (app, effects)
    }

    /// Everything as it is before anything happened, at the beginning of the files.
    fn untouched(setup: Setup, trust: Trust, size: (u16, u16)) -> Self {
        let progress = Progress::new(&setup.session);
        let review = setup.review.then(|| Review::of(&setup.session));
        Self {
            items: Items::new(setup.files),
            unopened: setup.unopened,
            cursor: Cursor::at(ItemId { file: 0, problem: 0 }),
            session: setup.session,
            others: HashSet::new(),
            annotator: setup.annotator,
            store: setup.store,
            stores: setup.stores,
            scoring: Scoring::new(setup.scoring),
            sampling: Box::new(Sampling::new(setup.sampler)),
            saving: Box::default(),
            alarms: Vec::new(),
            keys: Keys::new(setup.keymap),
            hint_due: false,
            node_labels: Box::default(),
            file_labels: Arc::default(),
            file_labels_of: Weak::new(),
            input: None,
            typed: Box::default(),
            choice: None,
            split: None,
            segmenting: None,
            picker: None,
            alike: Box::new(likeness::Alike::new(setup.vectors)),
            answers: None,
            pair: None,
            replay: None,
            sheet: None,
            trust,
            progress,
            clock: clock::Clock::default(),
            around: Box::default(),
            known: Box::default(),
            walk: Box::default(),
            rewrite: None,
            project: setup.project,
            search: None,
            mistake: None,
            seek: None,
            searches: 0,
            count: None,
            steps: StepsView::default(),
            reading: Reading::default(),
            detail: None,
            facts: Default::default(),
            lines: lines::Lines::default(),
            tree: Box::default(),
            step_filter: None,
            tree_top: 0,
            list_top: 0,
            queue: Box::default(),
            review,
            refit: Refit::default(),
            filters: setup.filters,
            pictures: picture::Pictures::default(),
            jumps: Jumps::default(),
            range: None,
            last_label: None,
            mouse: false,
            focus: Focus::Steps,
            show_tree: false,
            show_list: true,
            layout: layout::Layout::default(),
            show_prm: false,
            show_reference: true,
            whole_problem: false,
            help: None,
            notice: None,
            look: setup.look,
            size,
            heard: 0,
            quitting: false,
            aim: None,
            away: None,
        }
    }

    /// How to run a command: its first keys as they are typed, or its name on the command line.
    pub fn key(&self, command: &str) -> String {
        self.keys.map.shown(command)
    }

    /// The key that closes has something to close; else it leaves.
    pub(crate) fn closes_a_view(&self) -> bool {
        self.replay.is_some() || self.focus != Focus::Steps
    }

    /// The trace under the cursor; `None` while it is being read or when its record is broken.
    pub fn trace(&self) -> Option<&Arc<Trace>> {
        self.items.trace(self.cursor.item)
    }

    /// The solution under the cursor.
    pub fn solution(&self) -> Option<&Solution> {
        self.trace()?.solutions.get(self.cursor.solution)
    }

    /// A view covers the whole screen.
    pub fn is_covered(&self) -> bool {
        let clusters = self.alike.clusters.as_ref().is_some_and(|clusters| clusters.open);
        self.sheet.is_some() || self.answers.is_some() || clusters || self.pair.is_some() || self.help.is_some()
    }

    /// Begins to choose steps at the cursor, or gives it up.
    pub(crate) fn toggle_range(&mut self) {
        self.range = match self.range.filter(|_| self.selected().is_some()) {
            Some(_) => None,
            None => self.cursor.path.last().map(|&leaf| Range { item: self.cursor.item, leaf, from: self.cursor.node }),
        };
    }

    /// The chosen steps, as indices on the path.
    pub fn selected(&self) -> Option<std::ops::RangeInclusive<usize>> {
        let range = self.range.filter(|range| range.item == self.cursor.item && Some(&range.leaf) == self.cursor.path.last())?;
        let from = self.cursor.step_of(range.from)?;
        let to = self.cursor.step();
        Some(from.min(to)..=from.max(to))
    }

    /// The chosen steps in words, and what can be done with them.
    pub fn range_line(&self) -> Option<String> {
        let steps = self.selected()?;
        let keys = ["good", "neutral", "bad", "clear-rating", "cancel"].map(|command| self.key(command));
        let [good, neutral, bad, clear, cancel] = keys;
        let (from, to) = (steps.start() + 1, steps.end() + 1);
        Some(format!(
            "steps {from} to {to} are chosen: {good} {neutral} {bad} rate them, {clear} takes ratings away; {cancel} leaves it"
        ))
    }

    /// The solution under the cursor where its path is on show, and not one that leads beside all solutions.
    pub(crate) fn solution_on_show(&self) -> Option<&Solution> {
        self.solution().filter(|solution| self.leaf() == solution.leaf)
    }

    /// The key of the path on show, as a whole.
    pub fn record_key(&self) -> Option<RecordKey> {
        Some(self.trace()?.record_key(self.leaf()))
    }

    /// The key of the path on show for drawing; the problem's own key while nothing is loaded.
    pub fn record_key_here(&self) -> RecordKey {
        self.record_key().unwrap_or_else(|| PromptKey::of("").record())
    }

    /// Labels of the path on show, one's own over those of the file, and for each step whether it is one's own.
    pub fn labels_here(&self, trace: &Trace) -> (SolutionLabels, Vec<bool>) {
        let own = self.own_labels(trace, self.leaf());
        if self.own_hidden() {
            return (SolutionLabels::unseen(own.steps.len()), vec![false; own.steps.len()]);
        }
        let mine = own.steps.iter().map(|label| own.is_labelled() || *label != Label::Unseen).collect();
        match self.solution_on_show() {
            _ if !self.reference_shown() => (own, mine),
            Some(solution) => (self.overlaid(trace, solution), mine),
            None => (self.completed_by_file(trace, own), mine),
        }
    }

    /// Own labels of a path beside all solutions, with what the file says of the steps that they leave open.
    fn completed_by_file(&self, trace: &Trace, mut own: SolutionLabels) -> SolutionLabels {
        for (label, id) in own.steps.iter_mut().zip(&self.cursor.path).filter(|(label, _)| **label == Label::Unseen) {
            let said = trace.node(*id).rating.map(Label::from).or_else(|| self.file_labels.get(id).copied());
            *label = said.unwrap_or(*label);
        }
        own
    }

    /// Reference answer, outcome and recorded labels are shown. Never to somebody who labels blind, and never where solutions with a known
    /// answer come in between: those without it would be told apart.
    pub fn reference_shown(&self) -> bool {
        self.show_reference && self.show_prm && !self.is_gold() && !self.has_gold() && self.open_steps() >= self.cursor.path.len()
    }

    /// Own labels as far as they may be seen now.
    pub fn own(&self) -> Option<&Session> {
        (!self.own_hidden()).then_some(&self.session)
    }

    /// Steps of the path that may be seen: all, or in guided mode those up to the first one without a rating.
    pub fn open_steps(&self) -> usize {
        let steps = self.cursor.path.len();
        let Some(trace) = self.trace().filter(|_| self.project.guided) else { return steps };
        let rated = self.ratings().into_iter().map(|rating| rating.is_some());
        if self.own_hidden() {
            return rated.take_while(|rated| *rated).count() + 1;
        }
        let own = self.own_labels(trace, self.leaf());
        if own.is_labelled() {
            return steps;
        }
        own.steps.iter().zip(rated).take_while(|(label, rated)| *rated || **label != Label::Unseen).count() + 1
    }

    /// The score shown for a step, if it is known and the session is not blind. What a verdict reveals is the solution that was judged, and
    /// not what others of its problem say.
    pub fn shown_score(&self, key: StepKey) -> Option<StepScore> {
        self.scoring.scores.get(&key).copied().filter(|_| self.shows_scores_of(key))
    }

    /// Scores of this step may be seen.
    fn shows_scores_of(&self, key: StepKey) -> bool {
        self.show_prm && (self.trust.mode != Mode::RevealAfter || self.on_path(key))
    }
}
