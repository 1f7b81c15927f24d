//! On the way to the disk: labels go to the store one at a time and in order, and what builds on them waits.
//!
//! A label counts, and is shown, when the store has committed it. One that could not be written stays at the head of the queue:
//! no later label overtakes it. The store is tried again by itself, in silence and with growing pauses, until it can write.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::commands::{self, Command, Group};
use super::judge::Judge;
use super::ratings::Decision;
use super::stamped::Stamped;
use super::typed::Given;
use super::{App, Effect, key_press, run_given};
use crate::labels::{Action, Body, Context, Draft, Event, Saw};
use crate::trace::{NodeId, RecordKey, StepKey, StepScore, Trace, Writing};
use crate::typeset::View;

/// The state of saving.
#[derive(Debug, Default)]
pub struct Saving {
    /// Labels that are not on the disk yet, oldest first.
    pub queue: Stamped<VecDeque<Draft>>,
    /// The head of the queue is with the store.
    pub in_flight: bool,
    /// Why the head of the queue could not be written.
    pub error: Option<String>,
    /// Labels confirmed in this session.
    pub count: usize,
    /// Time of the last confirmation, as shown.
    pub at: Option<String>,
    held: VecDeque<Held>,
    quit_asked: bool,
    /// The try under way comes after one that failed, and not because somebody asked for it: nobody waits for it, and it fails without a word.
    retrying: bool,
    /// Tries that failed in a row.
    failures: u32,
    /// What was said of labels that are not saved, since the queue was last empty.
    told: Option<String>,
}

/// The pause before the first try that nobody asked for, and the longest one between two.
const PAUSES: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(10));

impl Saving {
    /// Keys wait until a label is written.
    pub(super) fn holds_keys(&self) -> bool {
        !self.held.is_empty()
    }

    /// Forgets the keys that wait.
    pub(super) fn drop_keys(&mut self) {
        self.held.clear();
    }

    /// How many tries failed in a row, and how long to wait before the next one; `None` while no label waits because of an error.
    pub fn retry_after(&self) -> Option<(u32, Duration)> {
        let waits = !self.in_flight && self.error.is_some() && !self.queue.is_empty();
        let (first, longest) = PAUSES;
        waits.then(|| (self.failures, longest.min(first * self.failures.max(1))))
    }

    /// Nothing waits any more.
    fn all_is_well(&mut self) {
        self.error = None;
        self.told = None;
        self.failures = 0;
    }
}

/// Keys wait here while something is being written or read that they build upon.
#[derive(Debug)]
enum Held {
    Command(&'static Command, Given),
    /// What a command left to be done once its label is written.
    Rest(&'static Command, usize),
    Key(KeyEvent),
}

fn record_of(body: &Body) -> Option<RecordKey> {
    match body {
        Body::Act(action) => action.record(),
        Body::Undo(_) => None,
    }
}

impl App {
    /// Hands a label to the store; `None` where it comes too early, which is said.
    pub(crate) fn record(&mut self, body: Body, step: Option<StepKey>) -> Option<Vec<Effect>> {
        let decided = if let Body::Act(action) = &body { self.decided_by(action) } else { None };
        self.record_deciding(body, step, decided)
    }

    /// The same of a label of which it is known what it makes of the solution on show.
    pub(crate) fn record_deciding(
        &mut self,
        body: Body,
        step: Option<StepKey>,
        decided: Option<Decision>,
    ) -> Option<Vec<Effect>> {
        if self.comes_too_early(&body) {
            // What a second label takes back can be said only when the first one counts.
            self.notice = Some(format!(
                "the last label of this solution is NOT SAVED yet; {} tries again, {} takes it back",
                self.key("retry-saving"),
                self.key("undo")
            ));
            return None;
        }
        let leaf = self.record_key_here();
        let path = self.trace().cloned().map(|trace| self.cursor.path.iter().map(|&id| trace.node(id).key).collect::<Vec<_>>());
        let spent = match &body {
            // A look at the names is no work on the solution.
            Body::Act(Action::Names { .. }) | Body::Undo(_) => None,
            Body::Act(_) => self.clock.take(leaf, path.unwrap_or_default().into_iter()),
        };
        let (ms_spent, step_ms) = spent.map_or((None, Vec::new()), |(ms, steps)| (Some(ms), steps));
        let mut saw = self.saw(step);
        saw.context.step_ms = step_ms;
        if let Body::Act(action) = &body {
            let chooses = matches!(action, Action::Choose { .. });
            saw.context.sampled = step.map_or_else(Vec::new, |step| self.sampled_here(step, chooses));
            saw.context.record = self.record_key().filter(|_| action.record().is_none() && (chooses || action.rates()));
            if action.rates() {
                saw.context.scope = Some(self.project.scope);
                saw.context.verdict = decided.map(|decided| decided.verdict);
            }
        }
        let draft = Draft { body, saw, ms_spent };
        super::review::name_source(self);
        if let Body::Act(action) = &draft.body
            && let Some(word) = self.heard_label(action, decided, ms_spent)
        {
            self.notice = Some(self.notice.take().map_or(word.clone(), |said| format!("{said}   ({word})")));
        }
        self.saving.queue.push_back(draft);
        // Where others wait already this is one more try, and it is known what may become of it.
        self.saving.retrying |= self.saving.error.is_some() && !self.saving.in_flight;
        Some(self.send())
    }

    /// How far the newest label of this step or, without one, of this solution is from the disk: `!` it could not be written, `~` it is being
    /// written, `.` it waits; `None` where all is saved.
    pub fn save_state(&self, record: RecordKey, step: Option<StepKey>) -> Option<&'static str> {
        let about = |draft: &Draft| match &draft.body {
            Body::Act(action) => match step {
                Some(step) => action.ratings().map_or(action.step() == Some(step), |(steps, _)| steps.contains(&step)),
                None => action.record().or(draft.saw.context.record) == Some(record),
            },
            Body::Undo(_) => false,
        };
        let at = self.saving.queue.iter().rposition(about)?;
        Some(match at {
            _ if self.saving.error.is_some() => "!",
            0 if self.saving.in_flight => "~",
            _ => ".",
        })
    }

    /// Another label of its solution is on its way to the store, and it might take that one back. A text or a further answer takes
    /// nothing back, and must not be lost.
    fn comes_too_early(&self, body: &Body) -> bool {
        let builds = !matches!(body, Body::Act(Action::Write { .. } | Action::Progress { .. }));
        builds && record_of(body).is_some_and(|record| self.is_on_its_way(record))
    }

    /// A label of this solution is on its way to the store.
    pub(super) fn is_on_its_way(&self, record: RecordKey) -> bool {
        self.saving.queue.iter().any(|draft| record_of(&draft.body) == Some(record))
    }

    /// What was on the screen when a label was set.
    fn saw(&self, step: Option<StepKey>) -> Saw {
        let (mode, served) = self.circumstances();
        let rounded = |score: StepScore| (score.value() * 1e4).round() / 1e4;
        // What was seen and then hidden was seen.
        let seen = self.scores_seen();
        let of = |judge: &Judge| {
            let known = |trace: &Arc<Trace>| {
                let score = |id: &NodeId| judge.scores.get(&trace.node(*id).key).copied().map(rounded);
                self.cursor.path.iter().map(score).collect::<Vec<_>>()
            };
            self.trace().filter(|_| seen).map_or_else(Vec::new, known)
        };
        let known = |scores: &Vec<Option<f64>>| scores.iter().any(Option::is_some);
        let scores = of(&self.scoring);
        let others = self.scoring.others().map(|(_, judge)| (judge.name().to_owned(), of(judge)));
        let beside = others.filter(|(_, scores)| known(scores)).collect();
        let context = Context {
            mode: Some(mode),
            served,
            scores: if known(&scores) { scores } else { Vec::new() },
            beside,
            guideline: self.trust.terms.guide.as_ref().map(|guide| guide.version.clone()),
            view: (self.steps.view == View::Drawn).then(|| View::Drawn.name().to_owned()),
            queue: self.like().map(|mistake| format!("like {mistake}")).or_else(|| self.queue.describe()),
            drawn: self.drawn_here(),
            took: self.review.as_ref().and_then(|review| review.taking),
            ..Context::default()
        };
        Saw {
            file: self.items.files.get(self.cursor.item.file).map(|file| file.id.clone()),
            item: Some(self.cursor.item.problem as u64),
            prm: seen.then(|| self.scoring.key().map(str::to_owned)).flatten(),
            score: step.and_then(|key| self.scoring.scores.get(&key).filter(|_| seen)).map(|score| score.value()),
            blind: !seen,
            shown: self.on_show(),
            context,
        }
    }

    /// The chance with which the solution on show was drawn, where it was.
    fn drawn_here(&self) -> Option<f64> {
        let place = self.queue.places().get(self.place_in_queue()?)?;
        place.drawn.then_some(self.trust.terms.random_share)
    }

    /// Sends the oldest label that is not written, unless one is on its way.
    pub(crate) fn send(&mut self) -> Vec<Effect> {
        if self.saving.in_flight {
            return Vec::new();
        }
        let Some(draft) = self.saving.queue.front() else { return Vec::new() };
        self.saving.in_flight = true;
        vec![Effect::Save(Box::new(draft.clone()))]
    }

    /// Takes back a label that was never written; says which one.
    pub(crate) fn drop_unsaved(&mut self) -> Option<Draft> {
        if self.saving.queue.len() <= usize::from(self.saving.in_flight) {
            return None;
        }
        let draft = self.saving.queue.pop_back()?;
        if self.saving.queue.is_empty() {
            self.saving.all_is_well();
        }
        if let Body::Act(action) = &draft.body
            && let Some(record) = action.record().or(draft.saw.context.record)
            && self.opens_again(action, record)
        {
            self.trust.unsay(record);
        }
        Some(draft)
    }

    /// A label cannot be set now: another is being written, or the item is still being read. Nobody waits for a try that nobody asked for:
    /// it may take as long as the last one, and fail like it.
    fn must_wait(&self) -> bool {
        let written = self.saving.in_flight && !self.saving.retrying;
        written || (self.items.get(self.cursor.item).is_none() && self.items.total() > 0)
    }

    /// The same of a command. What the store is just being asked to write can be taken back when it has answered.
    fn must_put_off(&self, command: &Command) -> bool {
        let asked = self.saving.in_flight && self.saving.queue.len() == 1;
        command.group == Group::Label && (self.must_wait() || (asked && command.name == "undo"))
    }

    /// Nothing that the last keys asked for is still on its way. Scores are: they come when they come.
    pub fn is_settled(&self) -> bool {
        let read = self.items.get(self.cursor.item).is_some() || (self.items.total() == 0 && self.items.complete());
        read && self.seek.is_none() && self.saving.held.is_empty() && (!self.saving.in_flight || self.saving.error.is_some())
    }

    /// Puts a command behind the label that is being written.
    pub(crate) fn hold(&mut self, name: &str, count: usize) {
        if let Some(command) = commands::by_name(name) {
            self.saving.held.push_front(Held::Rest(command, count));
        }
    }
}

/// True when the command had to be put off. A label builds on the ones before it (undo above all) and on the trace it is put on.
pub(super) fn put_off(app: &mut App, command: &'static Command, given: &Given) -> bool {
    let wait = app.must_put_off(command);
    if wait {
        // Before the keys that were pressed after it, where it is one that waited already.
        app.saving.held.push_front(Held::Command(command, given.clone()));
    }
    wait
}

/// True when a key whose answer would be a label had to be put off.
pub(super) fn hold_key(app: &mut App, key: KeyEvent) -> bool {
    let wait = app.must_wait();
    if wait {
        app.saving.held.push_back(Held::Key(key));
    }
    wait
}

/// Takes a key, or puts it behind a command that waits. Leaving, stopping and giving up never wait.
pub(super) fn key_or_hold(app: &mut App, key: KeyEvent) -> Vec<Effect> {
    if app.saving.held.is_empty() {
        return key_press(app, key);
    }
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Esc => {
            app.saving.held.clear();
            app.notice = Some("the keys that waited are forgotten".to_owned());
            Vec::new()
        }
        KeyCode::Char('c') if control => quit(app),
        KeyCode::Char('z') if control => vec![Effect::Suspend],
        _ if app.input.is_none() && app.keys.single(key).is_some_and(|command| leaves(app, command)) => quit(app),
        _ => {
            app.saving.held.push_back(Held::Key(key));
            Vec::new()
        }
    }
}

/// The store has committed the head of the queue.
pub(super) fn saved(app: &mut App, event: &Event, at: String) -> Vec<Effect> {
    app.session.apply(event);
    super::review::saved(app, event);
    // Steps on the screen may be others by it.
    if app.items.any_cut() || matches!(app.session.action(event.id), Some(Action::Segment { .. })) {
        app.cut_anew();
    }
    app.label_nodes();
    app.tally_at(app.session.place(event.id).and_then(|(file, item)| Some((file.to_owned(), item?))));
    app.saving.in_flight = false;
    app.saving.retrying = false;
    app.saving.queue.pop_front();
    app.saving.count += 1;
    app.saving.at = Some(at);
    app.saving.error = None;
    app.saving.failures = 0;
    if app.saving.queue.is_empty()
        && let Some(told) = app.saving.told.take()
        && app.notice.as_ref().is_none_or(|notice| *notice == told)
    {
        app.notice = Some("saved again: every label that waited is in the store".to_owned());
    }
    let mut effects = app.send();
    effects.extend(release(app));
    effects
}

/// The store could not write the head of the queue: it stays there.
pub(super) fn save_failed(app: &mut App, error: String) -> Vec<Effect> {
    app.saving.in_flight = false;
    app.saving.failures = app.saving.failures.saturating_add(1);
    // Nothing is new when the same label fails once more: no word is changed that somebody reads, and no key is lost.
    if std::mem::take(&mut app.saving.retrying) {
        app.saving.error = Some(error);
        app.saving.held.retain(|held| !matches!(held, Held::Rest(..)));
        return release(app);
    }
    app.saving.quit_asked = false;
    let told = format!(
        "the label is NOT SAVED: {}; it is tried again by itself, {} tries now, {} takes it back",
        error.trim_start_matches("NOT SAVED: "),
        app.key("retry-saving"),
        app.key("undo")
    );
    app.saving.told = Some(told.clone());
    app.notice = Some(told);
    app.saving.error = Some(error);
    let forgotten = forget_undos(app);
    let effects = release(app);
    if forgotten > 0 {
        let (keys, are) = if forgotten == 1 { ("1 key".to_owned(), "is") } else { (format!("{forgotten} keys"), "are") };
        app.notice = Some(format!("the label is NOT SAVED, and {keys} typed meanwhile to take labels back {are} forgotten"));
    }
    effects
}

/// Labels go on behind one that could not be written; a row of undos must not go on over a hole. Gives the keys that are forgotten.
fn forget_undos(app: &mut App) -> usize {
    let undoes = app.saving.queue.front().is_some_and(|draft| matches!(draft.body, Body::Undo(_)));
    let is_undo = |command: &Command| undoes && ["undo", "redo"].contains(&command.name);
    let App { saving, keys, .. } = app;
    // Leaving takes nothing back.
    saving.held.retain(|held| !matches!(held, Held::Rest(command, _) if command.name == "quit"));
    let before = saving.held.len();
    saving.held.retain(|held| match held {
        Held::Rest(..) => false,
        Held::Command(command, _) => !is_undo(command),
        Held::Key(key) => !keys.single(*key).is_some_and(is_undo),
    });
    before - saving.held.len()
}

/// The pause after a failure is over: the head of the queue is tried again.
pub(super) fn retry(app: &mut App) -> Vec<Effect> {
    if app.saving.retry_after().is_none() {
        return Vec::new();
    }
    app.saving.retrying = true;
    app.send()
}

/// Tries again because the user asks for it: the answer is waited for and told.
pub(crate) fn retry_now(app: &mut App) -> Vec<Effect> {
    if app.saving.queue.is_empty() {
        app.notice = Some("every label is saved".to_owned());
    }
    app.saving.retrying = false;
    app.send()
}

/// Plays the keys that waited, up to the next one that has to wait.
pub(super) fn release(app: &mut App) -> Vec<Effect> {
    let waits = |app: &App, held: &Held| match held {
        Held::Command(command, _) => app.must_put_off(command),
        Held::Rest(..) => app.saving.in_flight || app.must_wait(),
        Held::Key(_) => app.must_wait(),
    };
    let mut effects = Vec::new();
    while app.saving.held.front().is_some_and(|held| !waits(app, held))
        && let Some(held) = app.saving.held.pop_front()
    {
        effects.extend(match held {
            Held::Command(command, given) => run_given(app, command, given),
            Held::Rest(command, count) => run_given(app, command, Given::Count(Some(count))),
            Held::Key(key) => key_press(app, key),
        });
    }
    effects
}

/// True for a command that leaves as things stand.
pub(super) fn leaves(app: &App, command: &Command) -> bool {
    command.name == "quit" || (command.name == "close" && !app.closes_a_view())
}

/// Leaves, unless labels are not on the disk yet: then the first request only says so.
pub(crate) fn quit(app: &mut App) -> Vec<Effect> {
    let unsaved = app.saving.queue.len();
    if app.saving.in_flight && app.saving.error.is_none() && !app.saving.quit_asked {
        // It takes a moment: leaving follows by itself, a second wish does not wait for it.
        app.saving.quit_asked = true;
        app.hold("quit", 1);
        return Vec::new();
    }
    if unsaved > 0 && !app.saving.quit_asked {
        app.saving.quit_asked = true;
        let labels = if unsaved == 1 { "1 label is".to_owned() } else { format!("{unsaved} labels are") };
        let again = app.key(if app.closes_a_view() { "quit" } else { "close" });
        app.notice = Some(format!("{labels} NOT SAVED; press {again} again to leave: they go into a store of their own"));
        return Vec::new();
    }
    leave(app)
}

/// Any other command withdraws the wish to leave.
pub(super) fn stay(app: &mut App) {
    app.saving.quit_asked = false;
}

/// Leaves at once.
pub(super) fn leave(app: &mut App) -> Vec<Effect> {
    app.quitting = true;
    vec![Effect::SavePlace(app.place_now()), Effect::Quit]
}

/// A decision in a few words.
pub(crate) fn what(action: &Action) -> &'static str {
    match action {
        Action::FirstError { .. } => "first error",
        Action::AllGood { .. } => "all steps right",
        Action::Rate { rating: Some(_), .. } => "rating of a step",
        Action::Rate { rating: None, .. } => "taking a rating away",
        Action::Flag { .. } => "flag",
        Action::Skip { .. } => "leaving for later",
        Action::BadProblem { .. } => "bad problem",
        Action::GiveUp { .. } => "giving up",
        Action::RateRange { rating: Some(_), .. } => "rating of several steps",
        Action::RateRange { rating: None, .. } => "taking ratings away",
        Action::Write { writing: Writing::Note, .. } => "note",
        Action::Write { writing: Writing::Critique, .. } => "critique",
        Action::Write { writing: Writing::Correction, .. } => "correction",
        Action::Write { writing: Writing::Tags, .. } => "tags",
        Action::Progress { .. } => "progress",
        Action::Choose { .. } => "best alternative",
        Action::Segment { .. } => "cutting into steps",
        Action::SendBack { .. } => "sending back",
        Action::Names { shown: true } => "showing the names",
        Action::Names { shown: false } => "hiding the names",
    }
}
