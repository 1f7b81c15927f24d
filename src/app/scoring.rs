//! Scores by step key, the state of the worker, and what is scored next: first what is on screen, then what comes after it.

use std::collections::{HashMap, HashSet};
use std::ops::{Deref, DerefMut};

use crate::query::Query;
use crate::scoring::batch::NO_SCORER;
use crate::scoring::request::{Limits, asked_about, plan};
use crate::scoring::{Priority, Scheduler, ScoreRequest, WorkerEvent};
use crate::trace::{NodeId, Rationale, RecordKey, StepKey, StepScore, Trace};

use super::items::ItemId;
use super::judge::{self, Judge};
use super::reading::Against;
use super::runs::Runs;
use super::{App, Effect};

/// Items that are read ahead, so that the worker never waits for a file.
const READY: usize = 4;
/// Scores of files that are kept before those are let go of whose problems are not in memory.
const KEPT: usize = 1 << 20;

/// What is known of an item before the worker is asked.
#[derive(Debug, Default)]
pub struct Known {
    /// Scores from the cache.
    pub scores: Vec<(StepKey, StepScore)>,
    /// What the model gave beside them.
    pub rationales: Vec<(StepKey, Rationale)>,
    /// Steps that no request can hold, with the reason.
    pub refused: Vec<(StepKey, String)>,
    /// Number of its records that cannot be read.
    pub bad: usize,
    /// Number of its solutions.
    pub solutions: usize,
    /// Those that are counted one by one, each with its steps; without steps where there are very many.
    pub each: Vec<(RecordKey, Vec<StepKey>)>,
}

/// What the worker is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkerState {
    /// Not wanted.
    Off,
    /// The model is being loaded.
    Starting,
    /// The model is there.
    Running,
    /// The user stopped scoring; what is done is kept.
    Cancelled,
    /// It failed or died, for this reason.
    Stopped(String),
}

/// Scores and the way to more of them. What is read of it is what the judge on show says; what comes from the worker goes to the first one.
#[derive(Debug)]
pub struct Scoring {
    /// The model that runs, and behind it those whose scores were brought along or stand in the files; never empty.
    judges: Vec<Judge>,
    /// Which of them has the scores that stand in the files, once some do, and how many it may keep.
    of_files: Option<(usize, usize)>,
    /// Which of them colours the steps and predicts errors.
    shown: usize,
    /// The worker.
    pub state: WorkerState,
    /// Items whose every step has a score or a refusal.
    pub done: Runs,
    /// Tokens and seconds of all finished requests, for the rate.
    pub work: (u64, f64),
    /// Items from the cursor on that are known to need nothing.
    scanned: usize,
    queue: Scheduler,
    /// Items that were asked for, with the requests that are not answered yet; `None` while the item is being read.
    open: HashMap<ItemId, Option<Vec<u64>>>,
    /// Items that were cut anew and whose new steps were asked for.
    cut: HashSet<ItemId>,
    /// Numbers of requests for texts that stand in no file.
    own_ids: u64,
    /// Steps on show were scored, and what hangs on that is still to be worked out.
    pub(super) unsettled: bool,
}

/// The shell counts its requests from 1 on and never comes this far.
const FIRST_OWN: u64 = 1 << 40;

impl Scoring {
    /// No scores; `wanted` says whether a worker is going to be started.
    pub fn new(wanted: bool) -> Self {
        Self {
            judges: vec![Judge::default()],
            of_files: None,
            shown: 0,
            state: if wanted { WorkerState::Starting } else { WorkerState::Off },
            done: Runs::default(),
            work: (0, 0.0),
            scanned: 0,
            queue: Scheduler::default(),
            open: HashMap::new(),
            cut: HashSet::new(),
            own_ids: FIRST_OWN,
            unsettled: false,
        }
    }

    /// The model that runs, whichever is on show.
    pub(super) fn running(&self) -> &Judge {
        &self.judges[0]
    }

    fn running_mut(&mut self) -> &mut Judge {
        &mut self.judges[0]
    }

    /// A model whose scores were brought along.
    pub(super) fn bring(&mut self, judge: Judge) {
        self.judges.push(judge);
    }

    /// Takes in scores that the file of a trace records; gives true when they are the first ones. They colour where no model does.
    fn read(&mut self, scores: Vec<(StepKey, StepScore)>) -> bool {
        if let Some((at, _)) = self.of_files {
            self.judges[at].read(scores);
            return false;
        }
        if scores.is_empty() {
            return false;
        }
        self.of_files = Some((self.judges.len(), KEPT));
        // A model that was brought along stays what one goes to first.
        if self.is_idle() && self.judges.len() == 1 {
            self.shown = 1;
        }
        self.judges.push(Judge::of_files(scores));
        true
    }

    /// The score that the file records of a step.
    pub(super) fn of_file(&self, step: StepKey) -> Option<f64> {
        let (at, _) = self.of_files?;
        self.judges[at].scores.get(&step).map(|score| score.value())
    }

    /// There is no model of which anything could come to the screen.
    fn is_idle(&self) -> bool {
        let judge = &self.judges[0];
        self.state == WorkerState::Off && judge.model.is_none() && judge.scores.is_empty() && judge.outcomes.is_empty()
    }

    /// All judges with the letter that names them; which of them is on show.
    pub fn judges(&self) -> impl Iterator<Item = (char, &Judge, bool)> {
        ('A'..='Z').zip(&self.judges).enumerate().map(|(index, (letter, judge))| (letter, judge, index == self.shown))
    }

    /// The judges but for the one on show.
    pub fn others(&self) -> impl Iterator<Item = (char, &Judge)> {
        self.judges().filter(|(.., shown)| !shown).map(|(letter, judge, _)| (letter, judge))
    }

    /// How far the judges lie apart at a step, from 0 to 1 of their scales; `None` where fewer than two know it.
    pub fn apart(&self, step: StepKey) -> Option<f64> {
        let places = self.judges.iter().filter_map(|judge| Some(judge.place(judge.scores.get(&step)?.value())));
        let (low, high, known) = places.fold((f64::INFINITY, f64::NEG_INFINITY, 0), |(low, high, known), place| {
            (low.min(place), high.max(place), known + 1)
        });
        (known > 1).then_some(high - low)
    }

    /// The next judge comes on show; `None` where there is only one.
    pub(super) fn next_judge(&mut self) -> Option<(char, &Judge)> {
        // A model that nobody started says nothing.
        let first = usize::from(self.is_idle() && self.judges.len() > 1);
        self.shown = if self.shown + 1 < self.judges.len() { self.shown + 1 } else { first };
        self.judges()
            .filter(|_| self.judges.len() > first + 1)
            .find(|(.., shown)| *shown)
            .map(|(letter, judge, _)| (letter, judge))
    }

    /// The steps of an item were cut anew: those that nobody knows yet are to be asked for.
    pub(super) fn cut_anew(&mut self, item: ItemId) {
        self.cut.remove(&item);
    }

    /// Asks for the steps of a trace that have neither score nor refusal, before everything else.
    pub(super) fn ask_for(&mut self, trace: &Trace, wanted: impl Fn(NodeId) -> bool) -> Vec<u64> {
        let judge = &mut self.judges[0];
        let open = |key: StepKey| judge.known(key).is_none() && !judge.refused.contains_key(&key);
        let asked = asked_about(trace, &judge.meaning);
        let plan =
            plan(trace, &Limits::default(), &mut self.own_ids, |id| asked[id.index()] && wanted(id) && open(trace.node(id).key));
        judge.refused.extend(plan.left_out);
        let ids = plan.requests.iter().map(|request| request.id).collect();
        for request in plan.requests {
            self.queue.push(request, Priority::Selected);
        }
        ids
    }

    /// Every item has all its scores.
    pub(super) fn complete(&self, items: usize) -> bool {
        self.done.len() >= items && !self.busy()
    }

    /// Tokens a second over all finished requests, if there were any.
    pub fn rate(&self) -> Option<f64> {
        (self.work.1 > 0.0).then(|| self.work.0 as f64 / self.work.1)
    }

    /// The worker failed or died.
    pub fn failed(&self) -> bool {
        matches!(self.state, WorkerState::Stopped(_))
    }

    /// True while something is being scored or waits for it.
    pub fn busy(&self) -> bool {
        !self.open.is_empty()
    }

    /// Requests whose answers nobody waits for any more.
    pub(super) fn cancel(&mut self, requests: Vec<u64>) -> Vec<Effect> {
        requests.into_iter().filter(|&id| self.queue.cancel(id)).map(Effect::CancelScore).collect()
    }

    /// Forgets what was asked, so that it is asked again; scores stay. Gives the requests that the worker must be told to stop.
    fn forget_requests(&mut self) -> Vec<u64> {
        self.open.clear();
        self.cut.clear();
        self.scanned = 0;
        self.queue.cancel_all()
    }

    /// The files are others: what their items are asked for, and what they record, is found anew. Other scores stay.
    pub(super) fn begin_anew(&mut self) -> Vec<Effect> {
        self.done = Runs::default();
        if let Some((at, _)) = self.of_files {
            self.judges[at].scores.clear();
        }
        self.forget_requests().into_iter().map(Effect::CancelScore).collect()
    }

    /// The problems of a file may have got more solutions: their steps are asked for again.
    pub(super) fn ask_again(&mut self, file: usize) {
        self.done.clear_file(file);
        self.scanned = 0;
    }

    fn owner(&self, request: u64) -> Option<ItemId> {
        self.open.iter().find(|(_, requests)| requests.as_ref().is_some_and(|ids| ids.contains(&request))).map(|(item, _)| *item)
    }
}

impl Deref for Scoring {
    type Target = Judge;

    fn deref(&self) -> &Judge {
        &self.judges[self.shown]
    }
}

impl DerefMut for Scoring {
    fn deref_mut(&mut self) -> &mut Judge {
        &mut self.judges[self.shown]
    }
}

/// The next item to score: the one under the cursor, then the ones behind it, then the ones before it. Items that were looked at are
/// not looked at again until the cursor moves, so that a whole session costs one look an item.
fn next_item(app: &mut App) -> Option<ItemId> {
    let total = app.items.total();
    let here = app.cursor.item;
    let unlisted = app.items.files.get(here.file).is_some_and(|file| file.hidden);
    if unlisted && !app.scoring.open.contains_key(&here) && !app.scoring.done.contains(here) {
        return Some(here);
    }
    let start = app.items.rank(app.position());
    while app.scoring.scanned < total {
        let item = app.items.at_rank((start + app.scoring.scanned) % total)?;
        let done = app.scoring.done.from(item);
        if done == 0 && !app.scoring.open.contains_key(&item) {
            return Some(item);
        }
        app.scoring.scanned += done.max(1);
    }
    None
}

/// An item was read or cut anew: what its file says of its steps is laid beside them. Where solutions with a known answer come in between,
/// it stays away: those without it would be told apart.
pub(super) fn read_file(app: &mut App, item: ItemId) {
    let Some(trace) = app.items.trace(item).filter(|_| !app.has_gold() && !app.exam_runs()) else { return };
    if app.scoring.read(judge::recorded_scores(trace)) {
        app.queue.judges_changed();
    }
    let Some((at, most)) = app.scoring.of_files else { return };
    if app.scoring.judges[at].scores.len() > most {
        let scores: Vec<_> =
            app.items.loaded().filter_map(|item| app.items.trace(item)).flat_map(|trace| judge::recorded_scores(trace)).collect();
        let kept = &mut app.scoring.judges[at];
        kept.scores.clear();
        kept.read(scores);
        app.scoring.of_files = Some((at, KEPT.max(2 * kept.scores.len())));
    }
}

/// Keeps the worker busy: asks for the next items to be read and sends the next requests.
pub(super) fn feed(app: &mut App) -> Vec<Effect> {
    if app.scoring.state != WorkerState::Running || app.quitting {
        return Vec::new();
    }
    let here = app.cursor.item;
    if app.items.is_cut(here)
        && app.scoring.cut.insert(here)
        && let Some(trace) = app.items.trace(here)
    {
        app.scoring.ask_for(trace, |_| true);
    }
    let mut effects = Vec::new();
    while let Some(request) = app.scoring.queue.next() {
        effects.push(Effect::Score(request));
    }
    // While somebody writes, the worker is theirs.
    while app.rewrite.is_none() && app.scoring.open.len() < READY {
        let Some(item) = next_item(app) else { break };
        app.scoring.open.insert(item, None);
        effects.push(Effect::Prepare(item));
    }
    effects
}

/// The cursor went to another item: it is scored next, and running requests for something else give way.
pub(super) fn moved(app: &mut App) -> Vec<Effect> {
    app.scoring.scanned = 0;
    if app.scoring.done.contains(app.cursor.item) { Vec::new() } else { give_way(app) }
}

/// Running requests for anything but the item under the cursor give way.
pub(super) fn give_way(app: &mut App) -> Vec<Effect> {
    let here = app.cursor.item;
    let scoring = &mut app.scoring;
    if scoring.state != WorkerState::Running {
        return Vec::new();
    }
    scoring.scanned = 0;
    let others: Vec<ItemId> = scoring.open.keys().copied().filter(|&item| item != here).collect();
    // Finished steps of an item are in the cache: nothing is computed twice when its turn comes again.
    let requests: Vec<u64> =
        others.into_iter().flat_map(|item| scoring.open.remove(&item).flatten().unwrap_or_default()).collect();
    scoring.cancel(requests)
}

/// An item was read and compared with the cache.
pub(super) fn prepared(app: &mut App, item: ItemId, known: Known, requests: Vec<ScoreRequest>) -> Vec<Effect> {
    if app.scoring.state == WorkerState::Starting {
        // An answer for the model before.
        return Vec::new();
    }
    app.items.note_bad(item, known.bad);
    // What comes in between is counted nowhere: the sum would give it away.
    if let Some(file) = app.items.files.get(item.file).filter(|file| !file.hidden) {
        let judged = known.each.iter().filter(|(record, steps)| app.session.judges_named(*record, steps)).count();
        app.progress.sized(item, Some(file.id.as_str()).filter(|_| !known.each.is_empty()), known.solutions, judged);
    }
    let scoring = &mut app.scoring;
    let judge = scoring.running_mut();
    judge.add(known.scores);
    judge.rationales.extend(known.rationales);
    judge.refused.extend(known.refused);
    // An item that was dropped and asked for again may be prepared twice: the first answer counts.
    let Some(slot) = scoring.open.get_mut(&item).filter(|slot| slot.is_none()) else { return Vec::new() };
    if requests.is_empty() {
        scoring.open.remove(&item);
        scoring.done.insert(item);
        scored(app, item);
        return Vec::new();
    }
    *slot = Some(requests.iter().map(|request| request.id).collect());
    let priority = if item == app.cursor.item { Priority::Selected } else { Priority::Near };
    for request in requests {
        scoring.queue.push(request, priority);
    }
    Vec::new()
}

/// Commands that say the first error is at a suspect on which the cursor did not come to rest, the likeliest first.
pub const OTHER_SUSPECTS: [&str; 2] = ["first-error-second", "first-error-third"];

impl App {
    /// The steps that are suspected next to the one on which the cursor came to rest, as indices, the likeliest first; each has a key of its
    /// own ([`OTHER_SUSPECTS`]). None where scores are hidden or the solution has a label.
    pub fn other_suspects(&self) -> impl Iterator<Item = usize> + use<> {
        let first = self.first_suspect();
        let suspects = first.map(|_| self.outlook().suspects.iter().copied().take(1 + OTHER_SUSPECTS.len()).collect::<Vec<_>>());
        suspects.into_iter().flatten().filter(move |step| Some(*step) != first).take(OTHER_SUSPECTS.len())
    }

    /// The step on which the cursor comes to rest, as an index; `None` where scores are hidden or the solution has a label.
    pub(super) fn first_suspect(&self) -> Option<usize> {
        let trace = self.trace().filter(|_| self.show_prm && !self.project.guided)?;
        if self.labels_here(trace).1.contains(&true) {
            return None;
        }
        let here =
            |&(item, leaf, _): &(ItemId, NodeId, usize)| item == self.cursor.item && self.cursor.path.last() == Some(&leaf);
        let rest = self.walk.rest.filter(here).map(|(.., step)| step).filter(|step| *step < self.cursor.path.len());
        let first = || self.predicted_first_error().or_else(|| self.outlook().suspects.first().copied());
        rest.or_else(first)
    }
}

/// The step that an event is about.
pub(super) fn step_of(event: &WorkerEvent) -> Option<StepKey> {
    match event {
        WorkerEvent::Score { key, .. } | WorkerEvent::Rationale { key, .. } | WorkerEvent::NotScored { key, .. } => Some(*key),
        _ => None,
    }
}

/// Takes in what the worker says of one step. Of a million steps that are scored few are on show, and those come many at once: what hangs on
/// them is worked out when there is nothing more urgent.
pub(super) fn step_event(app: &mut App, event: WorkerEvent) -> Vec<Effect> {
    let on_show = app.trace().is_none() || step_of(&event).is_some_and(|key| app.on_path(key));
    let before = app.scoring.scores.stamp();
    let mut effects = worker_event(app, event);
    if !on_show {
        app.keep_outlook(before);
    } else if !std::mem::replace(&mut app.scoring.unsettled, true) {
        effects.push(Effect::Continue);
    }
    effects.extend(feed(app));
    effects
}

/// Takes in one event of the worker. Late answers to a dropped request still bring true scores, and change nothing else.
pub(super) fn worker_event(app: &mut App, event: WorkerEvent) -> Vec<Effect> {
    let scoring = &mut app.scoring;
    let about_steps = matches!(
        event,
        WorkerEvent::Score { .. } | WorkerEvent::Rationale { .. } | WorkerEvent::NotScored { .. } | WorkerEvent::Done { .. }
    );
    if scoring.state == WorkerState::Starting && about_steps {
        // A late answer of the worker before.
        return Vec::new();
    }
    match event {
        WorkerEvent::Ready(model) => {
            scoring.running_mut().is(model);
            // A model that comes when scoring was stopped meanwhile waits to be asked.
            if scoring.state == WorkerState::Starting {
                scoring.state = WorkerState::Running;
            }
        }
        WorkerEvent::Notice { message } => app.notice = Some(message),
        WorkerEvent::Score { key, score, .. } => {
            scoring.running_mut().add(vec![(key, score)]);
        }
        WorkerEvent::Rationale { key, rationale, .. } => {
            scoring.running_mut().rationales.insert(key, rationale);
            app.reading.read_again(Against::Critique);
        }
        WorkerEvent::NotScored { key, reason, .. } => scoring.running_mut().refuse(key, reason),
        WorkerEvent::Vector { key, .. } => {
            scoring.running_mut().refused.insert(key, NO_SCORER.to_owned());
        }
        // No scorer is asked for steps.
        WorkerEvent::Sampled { .. } => {}
        WorkerEvent::Done { request, cost, seconds } => {
            scoring.work.0 += cost.tokens;
            scoring.work.1 += seconds;
            answered(app, request);
        }
        WorkerEvent::Failed { request: Some(request), message } => {
            answered(app, request);
            app.notice = Some(message);
        }
        WorkerEvent::Failed { request: None, message } | WorkerEvent::Exited { message } => {
            // The first reason is the one that explains; the exit that follows it says less.
            if !matches!(scoring.state, WorkerState::Stopped(_)) {
                app.notice = Some(format!("scoring stopped, {} restarts it: {message}", app.keys.map.shown("start-scoring")));
                scoring.state = WorkerState::Stopped(message);
            }
            scoring.forget_requests();
        }
    }
    Vec::new()
}

/// A request needs no answer any more.
fn answered(app: &mut App, request: u64) {
    if let Some(item) = finish(&mut app.scoring, request) {
        scored(app, item);
    }
}

/// An item has all its scores.
fn scored(app: &mut App, item: ItemId) {
    app.queue.scored(item);
    if item == app.cursor.item && app.step_filter.as_ref().is_some_and(Query::needs_scores) {
        app.filter_tree();
    }
}

/// A request was answered; gives the item that has all its scores by that.
fn finish(scoring: &mut Scoring, request: u64) -> Option<ItemId> {
    if !scoring.queue.done(request) {
        return None;
    }
    let item = scoring.owner(request)?;
    let requests = scoring.open.get_mut(&item)?.as_mut()?;
    requests.retain(|&id| id != request);
    if !requests.is_empty() {
        return None;
    }
    scoring.open.remove(&item);
    scoring.done.insert(item);
    Some(item)
}

/// Another model is about to take the place of this one: nothing that it said holds any longer.
pub(super) fn forget_model(app: &mut App) {
    let scoring = &mut app.scoring;
    scoring.forget_requests();
    scoring.running_mut().forget();
    scoring.done.clear();
    scoring.work = (0, 0.0);
    scoring.state = WorkerState::Starting;
}

/// Stops scoring and keeps what is done.
pub(crate) fn cancel(app: &mut App) -> Vec<Effect> {
    let running = app.scoring.forget_requests();
    app.scoring.state = WorkerState::Cancelled;
    running.into_iter().map(Effect::CancelScore).collect()
}

/// Starts scoring again after a cancel or a failure.
pub(crate) fn restart(app: &mut App) -> Vec<Effect> {
    match app.scoring.state {
        WorkerState::Cancelled if app.scoring.running().model.is_some() => {
            app.scoring.state = WorkerState::Running;
            Vec::new()
        }
        WorkerState::Stopped(_) | WorkerState::Off | WorkerState::Cancelled => {
            app.scoring.forget_requests();
            app.scoring.state = WorkerState::Starting;
            vec![Effect::StartWorker]
        }
        WorkerState::Starting | WorkerState::Running => Vec::new(),
    }
}
