//! The fold: from the events of one annotator to what holds now.
//!
//! Every key (a step, a solution) is a register; an event writes some registers and the last event that was not undone wins. Each
//! register keeps the writes of all events in force, in order, so undo and redo put back what was there before without
//! folding again, and events may arrive in any order: two programs on one store, or a merge, end in the same state.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::state::{Given, Mark, State, Subject, Timeline, Verdict};
use super::{Action, Body, Context, Event, EventId, Mode, Order, Sampled, Scope, Served, WriterId};
use crate::trace::{Cut, FirstError, RecordKey, StepKey, Writing};

/// An event as the fold remembers it.
#[derive(Debug, Clone)]
struct Known {
    order: Order,
    kind: Kind,
    /// When it was said, how long that took and in which mode, for the history.
    said: Said,
    /// File and problem that were on the screen; no problem where the file no longer has it.
    place: Option<(Arc<str>, Option<u64>)>,
    /// Undo events in force that name this event. It is in force itself while there are none.
    undone_by: u32,
}

#[derive(Debug, Clone)]
struct Said {
    at_utc: Box<str>,
    clock_suspect: bool,
    ms_spent: Option<u64>,
    mode: Option<Mode>,
    served: Option<Served>,
    guideline: Option<Arc<str>>,
    prm: Option<Arc<str>>,
    /// The solution on the screen, for actions that name none.
    record: Option<RecordKey>,
    scope: Option<Scope>,
    verdict: Option<FirstError>,
}

/// Adds up the time of all that is said of a solution until a label decides it: ratings, notes, doubts, and that label.
#[derive(Debug, Default)]
pub struct Spent(HashMap<RecordKey, u64>);

impl Spent {
    /// A label on this solution took so many milliseconds; gives what it and those before it took since the last decision.
    pub fn add(&mut self, record: RecordKey, ms: Option<u64>, decides: bool) -> Option<u64> {
        let before = self.0.get(&record).copied().unwrap_or(0);
        let spent = ms.map(|ms| before + ms);
        if decides {
            self.0.remove(&record);
        } else if let Some(spent) = spent {
            self.0.insert(record, spent);
        }
        spent
    }
}

/// A verdict in force, or the rating that decided a solution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judged<'a> {
    /// The event.
    pub id: EventId,
    /// The solution.
    pub record: RecordKey,
    /// The label that decided it.
    pub action: &'a Action,
    /// What it came to.
    pub verdict: FirstError,
    /// File and problem number that were on the screen.
    pub place: Option<(&'a str, u64)>,
    /// Time spent on it and on the ratings before it, in milliseconds.
    pub ms_spent: Option<u64>,
    /// Why it was on the screen, where that was not the annotator's choice.
    pub served: Option<Served>,
    /// The draws that the solution is of, whichever label they came with; of each filter the likeliest one.
    pub drawn: &'a [Draw],
}

/// A solution was drawn at random to be labelled.
#[derive(Debug, Clone, PartialEq)]
pub struct Draw {
    /// The chance of it, 0 to 1: the solution stands for so many as its reciprocal.
    pub chance: f64,
    /// The filter among whose solutions it was drawn; `None` for all.
    pub filter: Option<Arc<str>>,
}

/// One thing that was said of a solution or one of its steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Past<'a> {
    /// UTC wall time, RFC 3339.
    pub at_utc: &'a str,
    /// The clock stood before the time of the label before it.
    pub clock_suspect: bool,
    /// What was said.
    pub action: &'a Action,
    /// Index of the step that it speaks of, among those of now.
    pub step: Option<usize>,
    /// Time spent on it, in milliseconds.
    pub ms_spent: Option<u64>,
    /// How scores were on show.
    pub mode: Option<Mode>,
    /// It was not taken back.
    pub in_force: bool,
}

#[derive(Debug, Clone)]
enum Kind {
    Act(Box<Action>),
    Undo(usize),
}

/// One copy of each name, however many events have it.
fn shared(names: &mut HashSet<Arc<str>>, name: &str) -> Arc<str> {
    if let Some(known) = names.get(name) {
        return Arc::clone(known);
    }
    let name: Arc<str> = name.into();
    names.insert(Arc::clone(&name));
    name
}

/// The filter of a queue as labels describe it: `order NAME; filter TEXT`.
fn filter_of(queue: &str) -> Option<&str> {
    queue.strip_prefix("filter ").or_else(|| queue.split_once("; filter ").map(|(_, filter)| filter))
}

/// All that one annotator said, and what of it holds.
#[derive(Debug, Clone, Default)]
pub(super) struct Book {
    known: Vec<Known>,
    files: HashSet<Arc<str>>,
    /// Guidelines and scorers that events name.
    circumstances: HashSet<Arc<str>>,
    ids: HashMap<EventId, usize>,
    by_index: Vec<EventId>,
    /// Actions, in force or not, by the step that they speak of.
    by_step: HashMap<StepKey, Vec<usize>>,
    /// Those that name a solution, by it.
    by_record: HashMap<RecordKey, Vec<usize>>,
    /// Undo events that arrived before the event they name.
    waiting: HashMap<EventId, Vec<Event>>,
    state: State,
    /// Actions in force: what undo takes back, newest first.
    live: Timeline<usize>,
    /// Undos of actions in force: what redo takes back, newest first.
    undos: Timeline<usize>,
    /// Place of the newest event.
    newest: Option<Order>,
    /// Place of the newest action, in force or not: redo does not reach behind it.
    newest_action: Option<Order>,
    /// Solutions that were labelled after scores had been shown.
    revealed: HashSet<RecordKey>,
    /// The draws of solutions that were drawn at random: a label that comes later elsewhere takes nothing from that.
    drawn: HashMap<RecordKey, Vec<Draw>>,
    /// Steps that a language model wrote and that decisions, in force or not, speak of; in the order of their keys.
    sampled: BTreeMap<StepKey, Sampled>,
}

impl Book {
    /// The files that events name.
    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|file| &**file)
    }

    /// File and problem number on the screen at each decision in force, and the solution that it speaks of. Problems whose steps were ever cut
    /// by hand are left out: what was said of steps that were cut once more has the name of none that are there.
    pub(super) fn given(&self) -> impl Iterator<Item = (&str, u64, RecordKey)> {
        let cut = |known: &Known| matches!(&known.kind, Kind::Act(action) if matches!(**action, Action::Segment { .. }));
        let cut: HashSet<_> = self.known.iter().filter(|known| cut(known)).filter_map(|known| known.place.as_ref()).collect();
        self.live.values().filter_map(move |index| {
            let Known { kind: Kind::Act(action), said, place: Some(place), .. } = &self.known[*index] else { return None };
            let record = action.record().or(said.record).filter(|_| !cut.contains(place))?;
            Some((place.0.as_ref(), place.1?, record))
        })
    }

    /// Writers and numbers of the events.
    pub(super) fn numbers(&self) -> impl Iterator<Item = (WriterId, u64)> {
        self.known.iter().map(|known| (known.order.writer, known.order.seq))
    }

    /// Takes an event in; one that is known already changes nothing.
    pub(super) fn apply(&mut self, event: &Event) {
        if self.ids.contains_key(&event.id) {
            return;
        }
        let kind = match &event.body {
            Body::Act(action) => {
                self.newest_action = self.newest_action.max(Some(event.order()));
                Kind::Act(Box::new(action.clone()))
            }
            Body::Undo(target) => {
                let Some(&target) = self.ids.get(target) else {
                    let waiting = self.waiting.entry(*target).or_default();
                    if waiting.iter().all(|other| other.id != event.id) {
                        waiting.push(event.clone());
                    }
                    return;
                };
                Kind::Undo(target)
            }
        };
        let place = event.saw.file.as_deref().zip(event.saw.item).map(|(file, item)| (shared(&mut self.files, file), Some(item)));
        self.newest = self.newest.max(Some(event.order()));
        let index = self.known.len();
        if let Body::Act(action) = &event.body {
            if let Some(step) = action.step() {
                self.by_step.entry(step).or_default().push(index);
            }
            if let Some(record) = action.record() {
                self.by_record.entry(record).or_default().push(index);
            }
        }
        if let (Some(Mode::RevealAfter), Body::Act(action)) = (event.saw.context.mode, &event.body) {
            self.revealed.extend(action.record().or(event.saw.context.record));
        }
        self.sampled.extend(event.saw.context.sampled.iter().map(|sampled| (sampled.step, sampled.clone())));
        self.draw(event);
        let Context { mode, served, record, scope, verdict, .. } = event.saw.context;
        let guideline = event.saw.context.guideline.as_deref().map(|name| shared(&mut self.circumstances, name));
        let prm = event.saw.prm.as_deref().map(|name| shared(&mut self.circumstances, name));
        let (at_utc, ms_spent) = (event.at_utc.as_str().into(), event.ms_spent);
        let clock_suspect = event.clock_suspect;
        let said = Said { at_utc, clock_suspect, ms_spent, mode, served, guideline, prm, record, scope, verdict };
        self.known.push(Known { order: event.order(), kind, said, place, undone_by: 0 });
        self.by_index.push(event.id);
        self.ids.insert(event.id, index);
        self.put(index, true);
        for undo in self.waiting.remove(&event.id).unwrap_or_default() {
            self.apply(&undo);
        }
    }

    /// Remembers that the solution of a label was drawn at random.
    fn draw(&mut self, event: &Event) {
        let Body::Act(action) = &event.body else { return };
        let Context { drawn, record, queue, .. } = &event.saw.context;
        let Some((record, chance)) = action.record().or(*record).zip(drawn.filter(|chance| *chance > 0.0)) else { return };
        // Who goes through steps that are alike was led there, and the filter is not told.
        if queue.as_deref().is_some_and(|queue| queue.starts_with("like ")) {
            return;
        }
        let filter = queue.as_deref().and_then(filter_of).map(|filter| shared(&mut self.circumstances, filter));
        let draws = self.drawn.entry(record).or_default();
        match draws.iter_mut().find(|draw| draw.filter == filter) {
            Some(draw) => draw.chance = draw.chance.max(chance),
            None => draws.push(Draw { chance, filter }),
        }
    }

    /// The draws of a solution.
    pub(super) fn drawn(&self, record: RecordKey) -> &[Draw] {
        self.drawn.get(&record).map_or(&[], Vec::as_slice)
    }

    /// Puts an event in force or takes it back, and with it all that follows: taking back an undo puts its target in force again.
    fn put(&mut self, mut index: usize, mut on: bool) {
        loop {
            let order = self.known[index].order;
            let target = match &self.known[index].kind {
                Kind::Act(action) => {
                    let said = &self.known[index].said;
                    let record = action.record().or(said.record);
                    self.state.set(order, action, Given { record, scope: said.scope, decides: said.verdict.is_some() }, on);
                    Self::list(&mut self.live, order, index, on);
                    return;
                }
                Kind::Undo(target) => *target,
            };
            if matches!(self.known[target].kind, Kind::Act(_)) {
                Self::list(&mut self.undos, order, index, on);
            }
            let count = &mut self.known[target].undone_by;
            let before = *count;
            *count = if on { before + 1 } else { before.saturating_sub(1) };
            if (before == 0) == (*count == 0) {
                return;
            }
            on = *count == 0;
            index = target;
        }
    }

    fn list(timeline: &mut Timeline<usize>, order: Order, index: usize, on: bool) {
        if on {
            timeline.insert(order, index);
        } else {
            timeline.remove(order);
        }
    }

    /// The newest action in force, but for those that `others` has.
    pub(super) fn undo_target(&self, others: &HashSet<EventId>) -> Option<EventId> {
        self.live.newest_first().map(|(_, index)| self.by_index[*index]).find(|id| !others.contains(id))
    }

    /// The newest undo in force but for those that `others` has, unless a new action stands behind it.
    pub(super) fn redo_target(&self, others: &HashSet<EventId>) -> Option<EventId> {
        let (order, index) = self.undos.newest_first().find(|(_, index)| !others.contains(&self.by_index[*index]))?;
        (Some(*order) > self.newest_action).then(|| self.by_index[*index])
    }

    /// The action that an event is, takes back or puts back, with what is known of it.
    fn decision(&self, id: EventId) -> Option<(&Known, &Action)> {
        let mut known = &self.known[*self.ids.get(&id)?];
        loop {
            match &known.kind {
                Kind::Act(action) => return Some((known, action)),
                Kind::Undo(target) => known = &self.known[*target],
            }
        }
    }

    /// The action that an event is, takes back or puts back.
    pub(super) fn action(&self, id: EventId) -> Option<&Action> {
        self.decision(id).map(|(_, action)| action)
    }

    /// The solution that the action behind this event speaks of, or that was on the screen.
    pub(super) fn record(&self, id: EventId) -> Option<RecordKey> {
        self.decision(id).and_then(|(known, action)| action.record().or(known.said.record))
    }

    /// File and problem number on the screen when the action behind this event was decided; no number where the file no longer has it.
    pub(super) fn place(&self, id: EventId) -> Option<(&str, Option<u64>)> {
        let (known, _) = self.decision(id)?;
        known.place.as_ref().map(|(file, item)| (file.as_ref(), *item))
    }

    /// Problem numbers on the screen when something was decided, with their files.
    pub(super) fn places(&self) -> impl Iterator<Item = (&str, u64)> {
        self.known.iter().filter_map(|known| known.place.as_ref().and_then(|(file, item)| Some((file.as_ref(), (*item)?))))
    }

    /// The problems of a file have other numbers now, or are no longer in it.
    pub(super) fn renumber(&mut self, file: &str, number: impl Fn(u64) -> Option<u64>) {
        for (of, item) in self.known.iter_mut().filter_map(|known| known.place.as_mut()) {
            if of.as_ref() == file {
                *item = item.and_then(&number);
            }
        }
    }

    /// All that was ever said of a solution under one of these names or of one of these steps, which have their indices, oldest first.
    pub(super) fn history(&self, records: &[RecordKey], steps: &HashMap<StepKey, usize>) -> Vec<Past<'_>> {
        let of_steps = steps.keys().filter_map(|step| self.by_step.get(step));
        let of_records = records.iter().filter_map(|record| self.by_record.get(record));
        let mut found: Vec<(Order, usize)> =
            of_steps.chain(of_records).flatten().map(|&index| (self.known[index].order, index)).collect();
        found.sort_unstable();
        found.dedup();
        let past = |(_, index): (Order, usize)| {
            let Known { kind: Kind::Act(action), said, undone_by, .. } = &self.known[index] else { return None };
            let Said { at_utc, clock_suspect, ms_spent, mode, .. } = said;
            let step = action.step().and_then(|step| steps.get(&step)).copied();
            let (clock_suspect, ms_spent, mode) = (*clock_suspect, *ms_spent, *mode);
            Some(Past { at_utc, clock_suspect, action, step, ms_spent, mode, in_force: *undone_by == 0 })
        };
        found.into_iter().filter_map(past).collect()
    }

    /// Some label of this solution, in force or not, says that scores had been shown before it.
    pub(super) fn was_revealed(&self, record: RecordKey) -> bool {
        self.revealed.contains(&record)
    }

    /// The verdicts in force and the ratings that decided a solution, oldest first; a solution may have several, and the last one counts.
    pub(super) fn verdicts(&self) -> impl Iterator<Item = Judged<'_>> {
        let mut spent = Spent::default();
        self.live.values().filter_map(move |index| {
            let Known { kind, said, place, .. } = &self.known[*index];
            let Kind::Act(action) = kind else { return None };
            let verdict = action.verdict().or(said.verdict);
            let record = action.record().or(said.record)?;
            let ms_spent = spent.add(record, said.ms_spent, verdict.is_some());
            let place = place.as_ref().and_then(|(file, item)| Some((file.as_ref(), (*item)?)));
            let (id, served) = (self.by_index[*index], said.served);
            Some(Judged { id, record, action, verdict: verdict?, place, ms_spent, served, drawn: self.drawn(record) })
        })
    }

    /// Guideline in force and scorer on show at each decision that holds.
    pub(super) fn circumstances(&self) -> impl Iterator<Item = (Option<&str>, Option<&str>)> {
        self.live.values().map(|index| {
            let said = &self.known[*index].said;
            (said.guideline.as_deref(), said.prm.as_deref())
        })
    }

    /// Place of the newest event.
    pub(super) fn newest(&self) -> Option<Order> {
        self.newest
    }

    /// Number of events taken in.
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// Number of actions in force.
    pub(super) fn live(&self) -> usize {
        self.live.len()
    }

    pub(super) fn mark(&self, step: StepKey) -> Option<(Order, Mark)> {
        self.state.marks.get(&step).and_then(|(order, mark)| Some((*order, (*mark)?)))
    }

    /// The step has, or had until it was taken away, a rating of its own.
    pub(super) fn speaks_of(&self, step: StepKey) -> bool {
        self.state.marks.get(&step).is_some()
    }

    pub(super) fn verdict(&self, record: RecordKey) -> Option<&(Order, Verdict)> {
        self.state.verdicts.get(&record)
    }

    pub(super) fn flagged(&self, record: RecordKey) -> Option<bool> {
        self.state.flags.get(&record).map(|(_, on)| *on)
    }

    pub(super) fn skipped(&self, record: RecordKey) -> bool {
        self.state.skips.get(&record).is_some_and(|(_, on)| *on)
    }

    /// A text on a step, or on the whole solution.
    pub(super) fn text(&self, writing: Writing, step: Option<StepKey>, record: RecordKey) -> Option<&str> {
        let subject = step.map_or(Subject::Record(record), Subject::Step);
        self.state.texts.get(&(writing, subject)).map(|(_, text)| text.as_str()).filter(|text| !text.is_empty())
    }

    /// Kind of the first error at this step; empty when none was given.
    pub(super) fn error_kind(&self, step: StepKey) -> &str {
        self.state.kinds.get(&step).map_or("", |(_, kind)| kind)
    }

    /// How many first errors in force are of each kind; those without a kind are not counted.
    pub(super) fn error_kinds(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for (step, kind) in self.state.kinds.iter() {
            if !kind.is_empty() && self.mark(*step).is_some_and(|(_, mark)| mark.first_error) {
                *counts.entry(kind.as_str()).or_insert(0) += 1;
            }
        }
        counts
    }

    /// How many steps and solutions carry each tag.
    pub(super) fn tags(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        let written = self.state.texts.iter().filter(|((writing, _), _)| *writing == Writing::Tags);
        for tag in written.flat_map(|(_, tags)| tags.split_whitespace()) {
            *counts.entry(tag).or_insert(0) += 1;
        }
        counts
    }

    pub(super) fn progress(&self, record: RecordKey) -> Option<u8> {
        self.state.progress.get(&record).and_then(|(_, progress)| *progress)
    }

    pub(super) fn chosen(&self, parent: StepKey) -> Option<StepKey> {
        self.state.choices.get(&parent).and_then(|(_, chosen)| *chosen)
    }

    /// The newest decision in force on one of these solutions, as a whole or on a step that was on the screen with it, or on one of these
    /// steps: a rating, or that one was taken away.
    pub(super) fn basis(&self, records: &[RecordKey], steps: &[StepKey]) -> Option<(Order, EventId)> {
        let verdicts = records.iter().filter_map(|record| self.verdict(*record)).map(|(order, _)| *order);
        let rated = records.iter().filter_map(|record| self.state.rated.get(record)).map(|(order, ())| *order);
        let marks = steps.iter().filter_map(|step| self.state.marks.get(step)).map(|(order, _)| *order);
        let order = verdicts.chain(rated).chain(marks).max()?;
        self.live.get(order).map(|index| (order, self.by_index[*index]))
    }

    /// The same, or the newest word on whether the annotator is unsure of one of the solutions.
    pub(super) fn word(&self, records: &[RecordKey], steps: &[StepKey]) -> Option<(Order, EventId)> {
        let flags = records.iter().filter_map(|record| self.state.flags.get(record));
        let doubts = flags.filter_map(|(order, _)| Some((*order, self.by_index[*self.live.get(*order)?])));
        self.basis(records, steps).into_iter().chain(doubts).max_by_key(|(order, _)| *order)
    }

    /// Place among all events of this decision, where it is in force.
    pub(super) fn order(&self, id: EventId) -> Option<Order> {
        self.holds(id).then(|| self.known[self.ids[&id]].order)
    }

    /// Steps that a language model wrote and that decisions speak of.
    pub(super) fn samples(&self) -> impl Iterator<Item = &Sampled> {
        self.sampled.values()
    }

    /// The one of this key.
    pub(super) fn sampled(&self, step: StepKey) -> Option<&Sampled> {
        self.sampled.get(&step)
    }

    /// The decisions of others on a solution that are sent back, and what to look at again.
    pub(super) fn sent_back(&self, record: RecordKey) -> Option<&(Vec<EventId>, String)> {
        self.state.sent_back.get(&record).map(|(_, sent)| sent)
    }

    /// All decisions of others that are sent back.
    pub(super) fn all_sent_back(&self) -> impl Iterator<Item = (RecordKey, &[EventId])> {
        self.state.sent_back.iter().map(|(record, (decisions, _))| (*record, decisions.as_slice()))
    }

    /// True when this event is a decision.
    pub(super) fn is_action(&self, id: EventId) -> bool {
        self.ids.get(&id).is_some_and(|index| matches!(self.known[*index].kind, Kind::Act(_)))
    }

    /// True when this event is a decision in force.
    pub(super) fn holds(&self, id: EventId) -> bool {
        self.is_action(id) && self.ids.get(&id).is_some_and(|index| self.known[*index].undone_by == 0)
    }

    /// Own beginnings of the steps of a solution; empty when the source's stand.
    pub(super) fn starts(&self, record: RecordKey) -> &[Cut] {
        self.state.segments.get(&record).map_or(&[], |(_, starts)| starts)
    }

    /// True when any solution was cut anew.
    pub(super) fn has_segments(&self) -> bool {
        !self.state.segments.is_empty()
    }

    /// True when both hold the same, whatever the order in which they took their events in.
    pub(super) fn agrees(&self, other: &Self) -> bool {
        self.state == other.state
            && self.undo_target(&HashSet::new()) == other.undo_target(&HashSet::new())
            && self.redo_target(&HashSet::new()) == other.redo_target(&HashSet::new())
            && self.len() == other.len()
            && self.waiting.len() == other.waiting.len()
    }
}

#[cfg(test)]
mod tests;
