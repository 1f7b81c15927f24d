//! The fold: from the events of one annotator to what holds now.
//!
//! Every key (a step, a solution) is a register; an event writes some registers and the last event that was not undone wins. Each
//! register keeps the writes of all events in force, in order, so undo and redo put back what was there before without
//! folding again, and events may arrive in any order: two programs on one store, or a merge, end in the same state.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::state::{Mark, State, Subject, Timeline, Verdict};
use super::{Action, Body, Event, EventId, Mode, Order, Served};
use crate::trace::{Cut, RecordKey, StepKey, Writing};

/// An event as the fold remembers it.
#[derive(Debug, Clone)]
struct Known {
    order: Order,
    kind: Kind,
    /// When it was said, how long that took and in which mode, for the history.
    said: Said,
    /// File and problem that were on the screen.
    place: Option<(Arc<str>, u64)>,
    /// Undo events in force that name this event. It is in force itself while there are none.
    undone_by: u32,
}

#[derive(Debug, Clone)]
struct Said {
    at_utc: Box<str>,
    ms_spent: Option<u64>,
    mode: Option<Mode>,
    served: Option<Served>,
    guideline: Option<Arc<str>>,
    prm: Option<Arc<str>>,
}

/// A verdict in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judged<'a> {
    /// The solution.
    pub record: RecordKey,
    /// The verdict.
    pub action: &'a Action,
    /// File and problem number that were on the screen.
    pub place: Option<(&'a str, u64)>,
    /// Time spent on it, in milliseconds.
    pub ms_spent: Option<u64>,
    /// Why it was on the screen, where that was not the annotator's choice.
    pub served: Option<Served>,
}

/// One thing that was said of a solution or one of its steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Past<'a> {
    /// UTC wall time, RFC 3339.
    pub at_utc: &'a str,
    /// What was said.
    pub action: &'a Action,
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

/// All that one annotator said, and what of it holds.
#[derive(Debug, Clone, Default)]
pub(super) struct Book {
    known: Vec<Known>,
    files: HashSet<Arc<str>>,
    /// Guidelines and scorers that events name.
    circumstances: HashSet<Arc<str>>,
    ids: HashMap<EventId, usize>,
    by_index: Vec<EventId>,
    /// Undo events that arrived before the event they name.
    waiting: HashMap<EventId, Vec<Event>>,
    state: State,
    /// Actions in force: what undo takes back, newest first.
    live: Timeline<usize>,
    /// Undos of actions in force: what redo takes back, newest first.
    undos: Timeline<usize>,
    /// Place of the newest action, in force or not: redo does not reach behind it.
    newest: Option<Order>,
    /// Solutions that were labelled after scores had been shown.
    revealed: HashSet<RecordKey>,
}

impl Book {
    /// The files that events name.
    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|file| &**file)
    }

    /// Takes an event in; one that is known already changes nothing.
    pub(super) fn apply(&mut self, event: &Event) {
        if self.ids.contains_key(&event.id) {
            return;
        }
        let kind = match &event.body {
            Body::Act(action) => {
                self.newest = self.newest.max(Some(event.order()));
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
        let place = event.saw.file.as_deref().zip(event.saw.item).map(|(file, item)| (shared(&mut self.files, file), item));
        let index = self.known.len();
        if let (Some(Mode::RevealAfter), Body::Act(action)) = (event.saw.context.mode, &event.body) {
            self.revealed.extend(action.record());
        }
        let (mode, served) = (event.saw.context.mode, event.saw.context.served);
        let guideline = event.saw.context.guideline.as_deref().map(|name| shared(&mut self.circumstances, name));
        let prm = event.saw.prm.as_deref().map(|name| shared(&mut self.circumstances, name));
        let said = Said { at_utc: event.at_utc.as_str().into(), ms_spent: event.ms_spent, mode, served, guideline, prm };
        self.known.push(Known { order: event.order(), kind, said, place, undone_by: 0 });
        self.by_index.push(event.id);
        self.ids.insert(event.id, index);
        self.put(index, true);
        for undo in self.waiting.remove(&event.id).unwrap_or_default() {
            self.apply(&undo);
        }
    }

    /// Puts an event in force or takes it back, and with it all that follows: taking back an undo puts its target in force again.
    fn put(&mut self, mut index: usize, mut on: bool) {
        loop {
            let order = self.known[index].order;
            let target = match &self.known[index].kind {
                Kind::Act(action) => {
                    self.state.set(order, action, on);
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
        (Some(*order) > self.newest).then(|| self.by_index[*index])
    }

    /// The action that an event is, takes back or puts back.
    pub(super) fn action(&self, id: EventId) -> Option<&Action> {
        let mut index = *self.ids.get(&id)?;
        loop {
            match &self.known[index].kind {
                Kind::Act(action) => return Some(action),
                Kind::Undo(target) => index = *target,
            }
        }
    }

    /// File and problem number on the screen when the action behind this event was decided.
    pub(super) fn place(&self, id: EventId) -> Option<(&str, u64)> {
        let mut known = &self.known[*self.ids.get(&id)?];
        while let Kind::Undo(target) = known.kind {
            known = &self.known[target];
        }
        known.place.as_ref().map(|(file, item)| (file.as_ref(), *item))
    }

    /// All that was ever said of a solution or one of these steps, oldest first.
    pub(super) fn history(&self, record: RecordKey, steps: &[StepKey]) -> Vec<Past<'_>> {
        let about = |action: &Action| action.record() == Some(record) || action.step().is_some_and(|step| steps.contains(&step));
        let mut found: Vec<(Order, Past<'_>)> = Vec::new();
        for known in &self.known {
            let Kind::Act(action) = &known.kind else { continue };
            if about(action) {
                let Said { at_utc, ms_spent, mode, .. } = &known.said;
                let past = Past { at_utc, action, ms_spent: *ms_spent, mode: *mode, in_force: known.undone_by == 0 };
                found.push((known.order, past));
            }
        }
        found.sort_by_key(|(order, _)| *order);
        found.into_iter().map(|(_, past)| past).collect()
    }

    /// Some label of this solution, in force or not, says that scores had been shown before it.
    pub(super) fn was_revealed(&self, record: RecordKey) -> bool {
        self.revealed.contains(&record)
    }

    /// The verdicts in force, oldest first; a solution may have several, and the last one counts.
    pub(super) fn verdicts(&self) -> impl Iterator<Item = Judged<'_>> {
        self.live.values().filter_map(|index| {
            let known = &self.known[*index];
            let Kind::Act(action) = &known.kind else { return None };
            let record = action.record().filter(|_| action.verdict().is_some())?;
            let place = known.place.as_ref().map(|(file, item)| (file.as_ref(), *item));
            Some(Judged { record, action, place, ms_spent: known.said.ms_spent, served: known.said.served })
        })
    }

    /// Guideline in force and scorer on show at each decision that holds.
    pub(super) fn circumstances(&self) -> impl Iterator<Item = (Option<&str>, Option<&str>)> {
        self.live.values().map(|index| {
            let said = &self.known[*index].said;
            (said.guideline.as_deref(), said.prm.as_deref())
        })
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

    /// The newest decision in force on a solution as a whole, else on one of these steps.
    pub(super) fn basis(&self, record: RecordKey, steps: &[StepKey]) -> Option<EventId> {
        let marks = || steps.iter().filter_map(|step| self.mark(*step)).map(|(order, _)| order).max();
        let order = self.verdict(record).map(|(order, _)| *order).or_else(marks)?;
        self.live.get(order).map(|index| self.by_index[*index])
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
mod tests {
    use std::collections::{BTreeMap, HashSet};

    use proptest::prelude::*;

    use super::super::event::tests::{actions, event, record, step};
    use super::*;
    use crate::trace::Rating;

    /// What a person does at the keyboard.
    #[derive(Debug, Clone)]
    enum Key {
        Act(Action),
        Undo,
        Redo,
    }

    fn keys() -> impl Strategy<Value = Vec<Key>> {
        let key = prop_oneof![5 => actions().prop_map(Key::Act), 3 => Just(Key::Undo), 2 => Just(Key::Redo)];
        proptest::collection::vec(key, 0..60)
    }

    /// Types the keys, and beside it keeps the two stacks of any editor; they must name the same targets throughout.
    fn typed(keys: &[Key]) -> (Vec<Event>, Book) {
        let (mut book, mut events) = (Book::default(), Vec::new());
        let (mut done, mut undone): (Vec<EventId>, Vec<(EventId, EventId)>) = (Vec::new(), Vec::new());
        for key in keys {
            let body = match key {
                Key::Act(action) => Body::Act(action.clone()),
                Key::Undo => match book.undo_target(&HashSet::new()) {
                    Some(target) => Body::Undo(target),
                    None => continue,
                },
                Key::Redo => match book.redo_target(&HashSet::new()) {
                    Some(target) => Body::Undo(target),
                    None => continue,
                },
            };
            let n = events.len() as u64 + 1;
            let event = event(1, n, n, body);
            book.apply(&event);
            match key {
                Key::Act(_) => {
                    done.push(event.id);
                    undone.clear();
                }
                Key::Undo => undone.push((done.pop().unwrap(), event.id)),
                Key::Redo => done.push(undone.pop().unwrap().0),
            }
            assert_eq!(book.undo_target(&HashSet::new()), done.last().copied());
            assert_eq!(book.redo_target(&HashSet::new()), undone.last().map(|(_, undo)| *undo));
            events.push(event);
        }
        (events, book)
    }

    /// What holds, told so simply that it can be seen to be right: drop what is undone, then let each action overwrite.
    #[derive(Debug, Default, PartialEq)]
    struct Naive {
        marks: BTreeMap<StepKey, Mark>,
        verdicts: BTreeMap<RecordKey, Verdict>,
        flags: BTreeMap<RecordKey, bool>,
        skips: BTreeMap<RecordKey, bool>,
        texts: BTreeMap<(Writing, Option<StepKey>, Option<RecordKey>), String>,
        kinds: BTreeMap<StepKey, String>,
        progress: BTreeMap<RecordKey, u8>,
        choices: BTreeMap<StepKey, StepKey>,
        segments: BTreeMap<RecordKey, Vec<Cut>>,
        sent_back: BTreeMap<RecordKey, (Vec<EventId>, String)>,
    }

    impl Naive {
        fn refold(events: &[Event]) -> Self {
            let mut undone = HashSet::new();
            for event in events.iter().rev() {
                // Whatever undoes an event stands behind it, so from the end each event's fate is known when it comes up.
                if let (Body::Undo(target), false) = (&event.body, undone.contains(&event.id)) {
                    undone.insert(*target);
                }
            }
            let mut naive = Self::default();
            for event in events.iter().filter(|event| !undone.contains(&event.id)) {
                if let Body::Act(action) = &event.body {
                    naive.act(action);
                }
            }
            naive
        }

        fn act(&mut self, action: &Action) {
            let record = action.record();
            if let Action::FirstError { clears, .. } | Action::AllGood { clears, .. } = action {
                self.marks.retain(|step, _| !clears.contains(step));
            }
            let verdict = match action {
                Action::FirstError { step, kind, .. } => {
                    self.marks.insert(*step, Mark { rating: Rating::Bad, first_error: true });
                    self.kinds.insert(*step, kind.clone());
                    Some(Verdict::FoundError)
                }
                Action::AllGood { .. } => Some(Verdict::AllGood),
                Action::BadProblem { reason, .. } => Some(Verdict::BadProblem(reason.clone())),
                Action::GiveUp { reason, .. } => Some(Verdict::GiveUp(reason.clone())),
                _ => None,
            };
            match (verdict, record) {
                (Some(verdict), Some(record)) => {
                    self.verdicts.insert(record, verdict);
                    self.skips.insert(record, false);
                }
                _ => self.rest(action),
            }
        }

        fn rest(&mut self, action: &Action) {
            match action {
                Action::Rate { step, rating } => self.rate(&[*step], *rating),
                Action::RateRange { steps, rating, .. } => self.rate(steps, *rating),
                Action::Flag { record, on } => {
                    self.flags.insert(*record, *on);
                }
                Action::Skip { record } => {
                    self.skips.insert(*record, true);
                }
                Action::SendBack { record, decisions, text } => {
                    self.skips.insert(*record, true);
                    self.sent_back.insert(*record, (decisions.clone(), text.clone()));
                }
                Action::Write { writing, step, record, text } => {
                    self.texts.insert((*writing, *step, step.is_none().then_some(*record)), text.clone());
                }
                Action::Progress { record, progress } => {
                    self.progress.remove(record);
                    self.progress.extend(progress.map(|progress| (*record, progress)));
                }
                Action::Choose { parent, chosen } => {
                    self.choices.remove(parent);
                    self.choices.extend(chosen.map(|chosen| (*parent, chosen)));
                }
                Action::Segment { record, starts } => {
                    self.segments.insert(*record, starts.clone());
                }
                _ => {}
            }
        }

        fn rate(&mut self, steps: &[StepKey], rating: Option<Rating>) {
            for step in steps {
                self.marks.remove(step);
                self.marks.extend(rating.map(|rating| (*step, Mark { rating, first_error: false })));
            }
        }

        fn of(book: &Book) -> Self {
            let mut naive = Self::default();
            let writings = [Writing::Note, Writing::Critique, Writing::Correction, Writing::Tags];
            for step in (0..6).map(step) {
                book.mark(step).map(|(_, mark)| naive.marks.insert(step, mark));
                naive.kinds.insert(step, book.error_kind(step).to_owned());
                book.chosen(step).map(|chosen| naive.choices.insert(step, chosen));
                for writing in writings {
                    let text = book.text(writing, Some(step), record(0));
                    text.map(|text| naive.texts.insert((writing, Some(step), None), text.to_owned()));
                }
            }
            for record in (0..4).map(record) {
                book.verdict(record).map(|(_, verdict)| naive.verdicts.insert(record, verdict.clone()));
                book.flagged(record).map(|on| naive.flags.insert(record, on));
                book.progress(record).map(|progress| naive.progress.insert(record, progress));
                naive.segments.insert(record, book.starts(record).to_vec());
                book.sent_back(record).map(|sent| naive.sent_back.insert(record, sent.clone()));
                for writing in writings {
                    let text = book.text(writing, None, record);
                    text.map(|text| naive.texts.insert((writing, None, Some(record)), text.to_owned()));
                }
                if book.skipped(record) {
                    naive.skips.insert(record, true);
                }
            }
            naive.trimmed()
        }

        /// Without entries that say nothing.
        fn trimmed(mut self) -> Self {
            self.skips.retain(|_, on| *on);
            self.texts.retain(|_, text| !text.is_empty());
            self.kinds.retain(|_, kind| !kind.is_empty());
            self.segments.retain(|_, starts| !starts.is_empty());
            self
        }
    }

    proptest! {
        #[test]
        fn the_incremental_state_is_that_of_a_naive_refold(keys in keys()) {
            let (events, book) = typed(&keys);
            prop_assert_eq!(Naive::of(&book), Naive::refold(&events).trimmed());
        }

        #[test]
        fn events_may_arrive_in_any_order_and_more_than_once(keys in keys(), seed in any::<u64>()) {
            let (mut events, book) = typed(&keys);
            let mut other = Book::default();
            let mut random = seed;
            for at in (1..events.len()).rev() {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                events.swap(at, usize::try_from(random >> 33).unwrap() % (at + 1));
            }
            for event in events.iter().chain(&events) {
                other.apply(event);
            }
            prop_assert!(other.agrees(&book));
        }

        #[test]
        fn undoing_everything_leaves_nothing_and_redoing_it_brings_it_back(keys in keys()) {
            let (mut events, mut book) = typed(&keys);
            let full = book.clone();
            let mut push = |book: &mut Book, target| {
                let n = events.len() as u64 + 1;
                events.push(event(1, n, n, Body::Undo(target)));
                book.apply(&events[events.len() - 1]);
            };
            let mut undone = 0;
            while let Some(target) = book.undo_target(&HashSet::new()) {
                push(&mut book, target);
                undone += 1;
            }
            prop_assert_eq!(&book.state, &State::default());
            for _ in 0..undone {
                let target = book.redo_target(&HashSet::new()).unwrap();
                push(&mut book, target);
            }
            prop_assert_eq!(&book.state, &full.state);
        }
    }

    #[test]
    fn two_programs_that_undo_the_same_label_undo_it_once() {
        let mut book = Book::default();
        let label = event(1, 1, 1, Body::Act(Action::Flag { record: record(0), on: true }));
        let undos = [event(1, 2, 2, Body::Undo(label.id)), event(2, 1, 2, Body::Undo(label.id))];
        for event in [&label, &undos[0], &undos[1]] {
            book.apply(event);
        }
        assert_eq!(book.flagged(record(0)), None);
        book.apply(&event(1, 3, 3, Body::Undo(undos[0].id)));
        assert_eq!(book.flagged(record(0)), None, "the other undo still stands");
        book.apply(&event(1, 4, 4, Body::Undo(undos[1].id)));
        assert_eq!(book.flagged(record(0)), Some(true));
    }
}
