//! The program without a terminal: state, messages in, effects out.
//!
//! [`update`] is pure: it reads and writes no file, starts no thread, asks no clock. The shell turns terminal events, worker lines
//! and finished saves into [`Message`]s, and carries [`Effect`]s out. The screen draws from `&App` alone.

pub mod commands;
pub mod cursor;
pub mod describe;
pub mod input;
pub mod items;
pub mod keys;
pub mod layout;
pub mod scoring;
pub mod seek;
pub mod steps;
pub mod tree;

use std::collections::VecDeque;
use std::sync::Arc;

use crossterm::event::{Event as TerminalEvent, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::corpus::ProblemView;
use crate::labels::{Body, Draft, Event, Saw, Session};
use crate::scoring::{ScoreRequest, WorkerEvent};
use crate::trace::{Label, NodeId, PromptKey, RecordKey, Solution, SolutionLabels, StepKey, StepScore, Trace};
use crate::ui::code::Tokens;
use crate::ui::look::Look;
use crate::ui::text::Safe;

use cursor::Cursor;
use input::Input;
use items::{FileState, ItemId, Items};
use keys::{Keys, Press};
use scoring::{Known, Scoring};
use seek::Seek;
use steps::StepsView;
use tree::TreeView;

/// What happened outside.
#[derive(Debug)]
pub enum Message {
    /// A key, a resize, a paste.
    Terminal(TerminalEvent),
    /// A problem was read.
    Loaded {
        /// Which one.
        item: ItemId,
        /// What is in it.
        view: Arc<ProblemView>,
    },
    /// A file's index grew.
    Files(Vec<FileState>),
    /// Something came from the worker.
    Worker(WorkerEvent),
    /// An item is ready to be scored: what the cache knew, and what is left to ask.
    Prepared {
        /// Which one.
        item: ItemId,
        /// What needs no worker.
        known: Known,
        /// What the worker is to be asked; empty when all is known.
        requests: Vec<ScoreRequest>,
    },
    /// The colours of the code in a step.
    Coloured {
        /// The step.
        key: StepKey,
        /// What stands where in its safe text.
        tokens: Tokens,
    },
    /// The label store committed this event.
    Saved {
        /// The event as it stands in the store.
        event: Box<Event>,
        /// Local time, as shown.
        at: String,
    },
    /// The label store could not write; the label is still in memory.
    SaveFailed {
        /// Number of the save.
        ticket: u64,
        /// What was to be written.
        draft: Box<Draft>,
        /// Why it was not.
        error: String,
    },
    /// Events that another session wrote to the same store.
    Foreign(Vec<Event>),
    /// A line for the status bar.
    Notice(String),
    /// A wait is over: half-typed keys get their hint.
    Tick,
    /// The terminal asked the program to stop for a while.
    Stop,
    /// The program was continued.
    Continued,
    /// The program must end (signal, lost terminal).
    Terminate,
}

/// What is to be done outside.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Read a problem.
    Load(ItemId),
    /// Read a problem in order to score it.
    Prepare(ItemId),
    /// Compute the colours of the code in a step.
    Colour(StepKey, Safe),
    /// Ask the worker.
    Score(ScoreRequest),
    /// Tell the worker to stop a request.
    CancelScore(u64),
    /// Start the worker (again).
    StartWorker,
    /// Write a label; the answer names the ticket.
    Save {
        /// Number of the save.
        ticket: u64,
        /// What is to be written.
        draft: Box<Draft>,
    },
    /// Remember where the annotator is.
    SavePlace(Place),
    /// Put text on the clipboard.
    Copy(String),
    /// Stop the program until the shell continues it.
    Suspend,
    /// Draw everything anew.
    Redraw,
    /// Leave.
    Quit,
}

/// Where a session stopped, found again by content.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Place {
    /// The file as given.
    pub file: String,
    /// Problem index in the file.
    pub problem: usize,
    /// The solution, by what it says.
    pub record: Option<RecordKey>,
    /// Index of the solution in its trace.
    pub solution: usize,
    /// Index of the step on the path.
    pub step: usize,
}

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

/// The state of saving.
#[derive(Debug, Default)]
pub struct Saving {
    /// Labels handed to the store and not yet confirmed.
    pub pending: usize,
    /// Labels that could not be written and live in memory alone.
    pub failed: Vec<(u64, Draft)>,
    /// Why the last one failed.
    pub error: Option<String>,
    /// Labels confirmed in this session.
    pub count: usize,
    /// Time of the last confirmation, as shown.
    pub at: Option<String>,
    next_ticket: u64,
}

/// What the program was started with.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The open files.
    pub files: Vec<FileState>,
    /// Labels so far.
    pub session: Session,
    /// Name of the annotator.
    pub annotator: String,
    /// Name of the label store, as shown.
    pub store: String,
    /// Colours and glyphs.
    pub look: Look,
    /// Where the last session stopped.
    pub place: Option<Place>,
    /// A worker may be started.
    pub scoring: bool,
}

/// Everything that the screen shows.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each one is a switch that the user flips by itself")]
pub struct App {
    /// Files and problems.
    pub items: Items,
    /// Where the annotator is.
    pub cursor: Cursor,
    /// Labels.
    pub session: Session,
    /// Name of the annotator.
    pub annotator: String,
    /// Name of the label store, as shown.
    pub store: String,
    /// Scores and the worker.
    pub scoring: Scoring,
    /// State of saving.
    pub saving: Saving,
    /// Half-typed keys.
    pub keys: Keys,
    /// The which-key strip is due.
    pub hint_due: bool,
    /// A text input that owns the keyboard.
    pub input: Option<Input>,
    /// The running or last search.
    pub search: Option<regex::Regex>,
    /// A walk to the next place of some kind.
    pub seek: Option<Seek>,
    /// The steps pane.
    pub steps: StepsView,
    /// The tree pane.
    pub tree: TreeView,
    /// First visible row of the tree and list panes.
    pub tree_top: usize,
    /// First visible row of the list pane.
    pub list_top: usize,
    /// Which pane the motion keys act on.
    pub focus: Focus,
    /// The tree pane is open.
    pub show_tree: bool,
    /// The list pane is wanted where there is room.
    pub show_list: bool,
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
    /// The program is leaving.
    pub quitting: bool,
    aim: Option<Aim>,
    quit_asked: bool,
    held: VecDeque<Held>,
}

/// Where to go in an item that is still being read.
#[derive(Debug)]
struct Aim {
    record: Option<RecordKey>,
    step_key: Option<StepKey>,
    solution: Option<usize>,
    step: Option<usize>,
}

/// Keys wait here while a label is being written that a later label builds upon.
#[derive(Debug)]
enum Held {
    Command(&'static commands::Command, Option<usize>),
    Key(KeyEvent),
}

impl App {
    /// The state at the start, with what has to be read first.
    pub fn new(setup: Setup, size: (u16, u16)) -> (Self, Vec<Effect>) {
        let mut app = Self {
            items: Items::new(setup.files),
            cursor: Cursor::at(ItemId { file: 0, problem: 0 }),
            session: setup.session,
            annotator: setup.annotator,
            store: setup.store,
            scoring: Scoring::new(setup.scoring),
            saving: Saving::default(),
            keys: Keys::default(),
            hint_due: false,
            input: None,
            search: None,
            seek: None,
            steps: StepsView::default(),
            tree: TreeView::default(),
            tree_top: 0,
            list_top: 0,
            focus: Focus::Steps,
            show_tree: false,
            show_list: true,
            show_prm: true,
            show_reference: true,
            whole_problem: false,
            help: None,
            notice: None,
            look: setup.look,
            size,
            quitting: false,
            aim: None,
            quit_asked: false,
            held: VecDeque::new(),
        };
        if let Some(place) = setup.place
            && let Some(file) = app.items.files.iter().position(|file| file.name == place.file)
        {
            app.cursor = Cursor::at(ItemId { file, problem: place.problem });
            app.aim = Some(Aim { record: place.record, step_key: None, solution: Some(place.solution), step: Some(place.step) });
        }
        let mut effects = vec![Effect::Load(app.cursor.item)];
        if setup.scoring {
            effects.push(Effect::StartWorker);
        }
        effects.extend(app.wants());
        (app, effects)
    }

    /// The trace under the cursor; `None` while it is being read or when its record is broken.
    pub fn trace(&self) -> Option<&Arc<Trace>> {
        self.items.trace(self.cursor.item)
    }

    /// The solution under the cursor.
    pub fn solution(&self) -> Option<&Solution> {
        self.trace()?.solutions.get(self.cursor.solution)
    }

    /// The key of the path on show, as a whole.
    pub fn record_key(&self) -> Option<RecordKey> {
        let trace = self.trace()?;
        let leaf = self.cursor.path.last().copied().unwrap_or(NodeId::ROOT);
        Some(trace.record_key(leaf))
    }

    /// The key of the path on show for drawing; the problem's own key while nothing is loaded.
    pub fn record_key_here(&self) -> RecordKey {
        self.record_key().unwrap_or_else(|| PromptKey::of("").record())
    }

    /// Labels of the path on show: one's own when there are any, else the ones in the file. Says which.
    pub fn labels_here(&self, trace: &Trace) -> (SolutionLabels, bool) {
        let leaf = self.cursor.path.last().copied().unwrap_or(NodeId::ROOT);
        let own = self.own_labels(trace, leaf);
        if own.is_labelled() || own.steps.iter().any(|label| *label != Label::Unseen) {
            return (own, true);
        }
        match self.solution() {
            Some(solution) if solution.leaf == leaf => (trace.recorded_labels(solution), false),
            _ => (own, false),
        }
    }

    /// One's own labels of the path to `leaf`.
    pub fn own_labels(&self, trace: &Trace, leaf: NodeId) -> SolutionLabels {
        self.session.labels(trace, &Solution::new(leaf))
    }

    /// The score shown for a step, if it is known and the session is not blind.
    pub fn shown_score(&self, key: StepKey) -> Option<StepScore> {
        if self.show_prm { self.scoring.scores.get(&key).copied() } else { None }
    }

    /// Hands a label to the store. It counts, and is shown, as soon as the store has committed it.
    pub(crate) fn record(&mut self, body: Body, step: Option<StepKey>) -> Effect {
        let saw = Saw {
            file: self.items.files.get(self.cursor.item.file).map(|file| file.name.clone()),
            item: Some(self.cursor.item.problem as u64),
            prm: self.show_prm.then(|| self.scoring.model.as_ref().map(|model| model.key.clone())).flatten(),
            score: step.and_then(|key| self.shown_score(key)).map(StepScore::value),
            blind: !self.show_prm,
            shown: if self.show_reference { "reference" } else { "" }.to_owned(),
        };
        let ticket = self.saving.next_ticket;
        self.saving.next_ticket += 1;
        self.saving.pending += 1;
        Effect::Save { ticket, draft: Box::new(Draft { body, saw, ms_spent: None }) }
    }

    /// Where the annotator is, in a form that survives a restart.
    pub fn place_now(&self) -> Place {
        let item = self.cursor.item;
        Place {
            file: self.items.files.get(item.file).map_or_else(String::new, |file| file.name.clone()),
            problem: item.problem,
            record: self.record_key(),
            solution: self.cursor.solution,
            step: self.cursor.step(),
        }
    }

    /// Goes to another item; the cursor settles as soon as it is read.
    pub(crate) fn go_to_item(&mut self, item: ItemId) {
        if item != self.cursor.item {
            self.cursor = Cursor::at(item);
        }
        self.settle();
    }

    /// Brings cursor, tree and panes into agreement with the item under the cursor.
    pub(crate) fn settle(&mut self) {
        let Some(trace) = self.trace().cloned() else {
            self.steps.reset();
            self.tree = TreeView::default();
            return;
        };
        self.cursor.settle(&trace);
        if self.steps.shown() != Some((trace.prompt_key, trace.nodes.len())) {
            self.steps.show(trace.prompt_key, trace.nodes.len());
            self.tree = TreeView::new(&trace);
            self.tree_top = 0;
            self.show_tree = commands::view::opens_as_tree(&trace);
            self.focus = match (self.show_tree, self.focus) {
                (_, Focus::List) => Focus::List,
                (true, _) => Focus::Tree,
                (false, _) => Focus::Steps,
            };
        }
        self.items.touch(self.cursor.item);
    }

    /// Goes to an item, and there to the solution and step that these keys name.
    pub(crate) fn return_to(&mut self, item: ItemId, record: Option<RecordKey>, step: Option<StepKey>) {
        self.go_to_item(item);
        self.aim = Some(Aim { record, step_key: step, solution: None, step: None });
        self.take_aim();
    }

    /// A label cannot be set now: another is being written, or the item is still being read.
    fn must_wait(&self) -> bool {
        self.saving.pending > 0 || (self.items.get(self.cursor.item).is_none() && self.items.total() > 0)
    }

    /// Puts a command behind the label that is being written.
    pub(crate) fn hold(&mut self, name: &str, count: usize) {
        if let Some(command) = commands::by_name(name) {
            self.held.push_front(Held::Command(command, Some(count)));
        }
    }

    /// Goes to the remembered solution and step once their trace is there: by content first, else by number.
    fn take_aim(&mut self) {
        let Some(trace) = self.trace().cloned() else { return };
        let Some(aim) = self.aim.take() else { return };
        let by_content = aim.record.and_then(|record| trace.solutions.iter().position(|s| trace.record_key(s.leaf) == record));
        if let Some(solution) = by_content.or(aim.solution) {
            self.cursor.go_to_solution(&trace, solution);
        }
        if let Some(node) = aim.step_key.and_then(|key| trace.find(key)) {
            self.cursor.go_to_node(&trace, node);
        } else if let Some(step) = aim.step {
            self.cursor.go_to_step(step);
        }
        self.tree.reveal(&trace, self.cursor.node);
    }

    /// What has to be read for the screen to be complete: the item under the cursor, its neighbours, the visible list rows.
    fn wants(&self) -> Vec<Effect> {
        let mut wanted = vec![self.cursor.item];
        wanted.extend(self.items.neighbour(self.cursor.item, true));
        wanted.extend(self.items.neighbour(self.cursor.item, false));
        wanted.extend(layout::visible_items(self));
        wanted.retain(|&item| self.items.get(item).is_none());
        wanted.sort_unstable();
        wanted.dedup();
        wanted.into_iter().map(Effect::Load).collect()
    }
}

/// Takes in one message and says what is to be done. Pure.
pub fn update(app: &mut App, message: Message) -> Vec<Effect> {
    let before = app.cursor.item;
    let mut effects = match message {
        Message::Terminal(event) => terminal(app, event),
        Message::Loaded { item, view } => loaded(app, item, view),
        Message::Files(files) => {
            app.items.files = files;
            Vec::new()
        }
        Message::Worker(event) => scoring::worker_event(app, event),
        Message::Prepared { item, known, requests } => scoring::prepared(app, item, known, requests),
        Message::Coloured { key, tokens } => {
            app.steps.coloured(key, tokens);
            Vec::new()
        }
        Message::Saved { event, at } => saved(app, &event, at),
        Message::SaveFailed { ticket, draft, error } => save_failed(app, ticket, *draft, error),
        Message::Foreign(events) => {
            app.session.extend(&events);
            Vec::new()
        }
        Message::Notice(text) => {
            app.notice = Some(text);
            Vec::new()
        }
        Message::Tick => {
            app.hint_due = app.keys.count.is_some() || !app.keys.pending.is_empty();
            Vec::new()
        }
        Message::Stop => vec![Effect::Suspend],
        Message::Continued => vec![Effect::Redraw],
        Message::Terminate => leave(app),
    };
    if app.cursor.item != before {
        effects.extend(scoring::moved(app));
        effects.push(Effect::SavePlace(app.place_now()));
    }
    layout::arrange(app);
    effects.extend(app.steps.take_uncoloured().into_iter().map(|(key, text)| Effect::Colour(key, text)));
    effects.extend(scoring::feed(app));
    effects.extend(app.wants());
    effects
}

fn terminal(app: &mut App, event: TerminalEvent) -> Vec<Effect> {
    match event {
        TerminalEvent::Key(key) if key.kind != KeyEventKind::Release => {
            // Nothing is bound to Alt: terminals send the same bytes for Alt-q and for Esc followed by q.
            let split = matches!(key.code, KeyCode::Char(_)) && key.modifiers.contains(KeyModifiers::ALT);
            let keys = if split {
                vec![KeyEvent::from(KeyCode::Esc), KeyEvent::new(key.code, key.modifiers - KeyModifiers::ALT)]
            } else {
                vec![key]
            };
            keys.into_iter().flat_map(|key| key_or_hold(app, key)).collect()
        }
        TerminalEvent::Paste(text) => {
            if let Some(input) = &mut app.input {
                input.paste(&text);
            }
            Vec::new()
        }
        TerminalEvent::Resize(columns, rows) => {
            app.size = (columns, rows);
            Vec::new()
        }
        _ => Vec::new(),
    }
}

fn key_or_hold(app: &mut App, key: KeyEvent) -> Vec<Effect> {
    if app.held.is_empty() {
        return key_press(app, key);
    }
    app.held.push_back(Held::Key(key));
    Vec::new()
}

fn key_press(app: &mut App, key: KeyEvent) -> Vec<Effect> {
    app.hint_due = false;
    if app.input.is_some() {
        return input::key(app, key);
    }
    if app.help.is_some() {
        return commands::help::key(app, key);
    }
    app.notice = None;
    app.seek = None;
    let Some(token) = keys::token(key) else { return Vec::new() };
    match app.keys.press(token) {
        // A label builds on the ones before it (undo above all) and on the trace that it is put on: it waits until those are there,
        // and later keys wait behind it.
        Press::Run(command, count) if command.group == commands::Group::Label && app.must_wait() => {
            app.held.push_back(Held::Command(command, count));
            Vec::new()
        }
        Press::Run(command, count) => run(app, command, count),
        Press::Pending | Press::Cancelled => Vec::new(),
        Press::Unknown(typed) => {
            app.notice = Some(format!("{typed} is not bound; ? shows the keys"));
            Vec::new()
        }
    }
}

/// Runs one command of the table.
pub(crate) fn run(app: &mut App, command: &commands::Command, count: Option<usize>) -> Vec<Effect> {
    if command.name != "quit" {
        app.quit_asked = false;
    }
    (command.run)(app, count)
}

fn loaded(app: &mut App, item: ItemId, view: Arc<ProblemView>) -> Vec<Effect> {
    app.items.insert(item, view);
    if item == app.cursor.item {
        app.settle();
        app.take_aim();
    }
    let mut effects = seek::continue_with(app, item);
    effects.extend(release(app));
    effects
}

fn saved(app: &mut App, event: &Event, at: String) -> Vec<Effect> {
    app.session.apply(event);
    app.saving.pending = app.saving.pending.saturating_sub(1);
    app.saving.count += 1;
    app.saving.at = Some(at);
    if app.saving.failed.is_empty() {
        app.saving.error = None;
    }
    release(app)
}

fn save_failed(app: &mut App, ticket: u64, draft: Draft, error: String) -> Vec<Effect> {
    app.saving.pending = app.saving.pending.saturating_sub(1);
    app.saving.failed.push((ticket, draft));
    app.saving.error = Some(error);
    release(app)
}

/// Plays the keys that waited, up to the next label.
fn release(app: &mut App) -> Vec<Effect> {
    let mut effects = Vec::new();
    while !app.must_wait()
        && let Some(held) = app.held.pop_front()
    {
        effects.extend(match held {
            Held::Command(command, count) => run(app, command, count),
            Held::Key(key) => key_press(app, key),
        });
    }
    effects
}

/// Leaves, unless labels are not on the disk yet: then the first request only says so.
pub(crate) fn quit(app: &mut App) -> Vec<Effect> {
    let unsaved = app.saving.pending + app.saving.failed.len();
    if unsaved > 0 && !app.quit_asked {
        app.quit_asked = true;
        app.notice = Some(format!("{unsaved} labels are NOT SAVED; press q again to leave without them"));
        return Vec::new();
    }
    leave(app)
}

fn leave(app: &mut App) -> Vec<Effect> {
    app.quitting = true;
    vec![Effect::SavePlace(app.place_now()), Effect::Quit]
}
