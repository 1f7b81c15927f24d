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
        let mut event = event(1, n, n, body);
        event.saw.context.scope = [None, Some(Scope::All), Some(Scope::FirstError)][events.len() % 3];
        event.id = event.hash();
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
                naive.act(action, event.saw.context.scope);
            }
        }
        naive
    }

    fn act(&mut self, action: &Action, scope: Option<Scope>) {
        let record = action.record();
        if let Action::FirstError { clears, .. } | Action::AllGood { clears, .. } = action {
            self.marks.retain(|step, _| !clears.contains(step));
        }
        let verdict = match action {
            Action::FirstError { step, kind, .. } => {
                self.marks.insert(*step, Mark { rating: Rating::Bad, first_error: true, ends: true });
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
            _ => self.rest(action, scope),
        }
    }

    fn rest(&mut self, action: &Action, scope: Option<Scope>) {
        let ends = scope == Some(Scope::FirstError);
        match action {
            Action::Rate { step, rating } => self.rate(&[*step], *rating, ends),
            Action::RateRange { steps, rating, .. } => self.rate(steps, *rating, ends),
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

    fn rate(&mut self, steps: &[StepKey], rating: Option<Rating>, ends: bool) {
        for step in steps {
            self.marks.remove(step);
            let mark = |rating| Mark { rating, first_error: false, ends: ends && rating == Rating::Bad };
            self.marks.extend(rating.map(|rating| (*step, mark(rating))));
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
