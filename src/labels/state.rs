//! What holds now: a register for every step and solution that something was said of.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;

use super::{Action, EventId, Order, Scope};
use crate::trace::{Cut, Rating, RecordKey, StepKey, Writing};

/// What is said of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Its rating.
    pub rating: Rating,
    /// Set by "first error here", which says that all steps before it are right.
    pub first_error: bool,
    /// A solution that goes through the step is judged: a first error, or a bad rating where solutions end at their first bad step.
    pub ends: bool,
}

/// What is said of a solution as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It goes wrong somewhere; the step marks say where.
    FoundError,
    /// Every step is right.
    AllGood,
    /// The problem statement is broken, with the reason.
    BadProblem(String),
    /// The annotator cannot tell, with the reason.
    GiveUp(String),
}

/// Values with their places in the order of events, sorted. New ones nearly always belong at the end.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Timeline<T>(Vec<(Order, T)>);

impl<T> Default for Timeline<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Timeline<T> {
    /// In order.
    pub(super) fn values(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|(_, value)| value)
    }

    pub(super) fn insert(&mut self, order: Order, value: T) {
        if self.last().is_none_or(|(last, _)| *last < order) {
            self.0.push((order, value));
            return;
        }
        match self.0.binary_search_by_key(&order, |(at, _)| *at) {
            Ok(at) => self.0[at].1 = value,
            Err(at) => self.0.insert(at, (order, value)),
        }
    }

    pub(super) fn remove(&mut self, order: Order) {
        if self.last().is_some_and(|(last, _)| *last == order) {
            self.0.pop();
        } else if let Ok(at) = self.0.binary_search_by_key(&order, |(at, _)| *at) {
            self.0.remove(at);
        }
    }

    pub(super) fn get(&self, order: Order) -> Option<&T> {
        self.0.binary_search_by_key(&order, |(at, _)| *at).ok().map(|at| &self.0[at].1)
    }

    pub(super) fn last(&self) -> Option<&(Order, T)> {
        self.0.last()
    }

    pub(super) fn newest_first(&self) -> impl Iterator<Item = &(Order, T)> {
        self.0.iter().rev()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Registers of one kind.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Registers<K: Eq + Hash, T>(HashMap<K, Timeline<T>>);

impl<K: Eq + Hash, T> Default for Registers<K, T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Eq + Hash, T> Registers<K, T> {
    /// Puts the write of an event in force (`Some`) or takes it back (`None`).
    pub(super) fn set(&mut self, key: K, order: Order, value: Option<T>) {
        match (self.0.entry(key), value) {
            (entry, Some(value)) => entry.or_default().insert(order, value),
            (Entry::Occupied(mut entry), None) => {
                entry.get_mut().remove(order);
                if entry.get().0.is_empty() {
                    entry.remove();
                }
            }
            (Entry::Vacant(_), None) => {}
        }
    }

    pub(super) fn get(&self, key: &K) -> Option<&(Order, T)> {
        self.0.get(key).and_then(Timeline::last)
    }

    /// Every register with what it holds.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &T)> {
        self.0.iter().filter_map(|(key, timeline)| timeline.last().map(|(_, value)| (key, value)))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What a text hangs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Subject {
    Step(StepKey),
    Record(RecordKey),
}

/// How a rating was given.
#[derive(Debug, Clone, Copy)]
pub(super) struct Given {
    /// On which solution.
    pub(super) record: Option<RecordKey>,
    /// Which steps were to be rated.
    pub(super) scope: Option<Scope>,
    /// It decided the solution.
    pub(super) decides: bool,
}

/// What holds now. Equal states answer every question alike.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct State {
    pub(super) marks: Registers<StepKey, Option<Mark>>,
    pub(super) verdicts: Registers<RecordKey, Verdict>,
    /// Solutions whose steps were rated.
    pub(super) rated: Registers<RecordKey, ()>,
    pub(super) flags: Registers<RecordKey, bool>,
    pub(super) skips: Registers<RecordKey, bool>,
    pub(super) texts: Registers<(Writing, Subject), String>,
    /// Kinds of first errors.
    pub(super) kinds: Registers<StepKey, String>,
    pub(super) progress: Registers<RecordKey, Option<u8>>,
    /// The best alternative behind a step.
    pub(super) choices: Registers<StepKey, Option<StepKey>>,
    pub(super) segments: Registers<RecordKey, Vec<Cut>>,
    /// Decisions of others that are sent back, and what to look at again.
    pub(super) sent_back: Registers<RecordKey, (Vec<EventId>, String)>,
}

impl State {
    /// Puts an action in force or takes it back.
    pub(super) fn set(&mut self, order: Order, action: &Action, rating: Given, on: bool) {
        let verdict = |state: &mut Self, record: RecordKey, verdict: Verdict| {
            state.verdicts.set(record, order, on.then_some(verdict));
            // Whoever judges a solution no longer puts it off.
            state.skips.set(record, order, on.then_some(false));
        };
        let Given { record: rated, scope, decides } = rating;
        if let Some(record) = rated.filter(|_| action.rates()) {
            self.rated.set(record, order, on.then_some(()));
            if decides {
                self.skips.set(record, order, on.then_some(false));
            }
        }
        match action {
            Action::FirstError { record, step, clears, kind, .. } => {
                self.clear(order, clears, on);
                self.kinds.set(*step, order, on.then(|| kind.clone()));
                self.marks.set(*step, order, on.then_some(Some(Mark { rating: Rating::Bad, first_error: true, ends: true })));
                verdict(self, *record, Verdict::FoundError);
            }
            Action::AllGood { record, clears } => {
                self.clear(order, clears, on);
                verdict(self, *record, Verdict::AllGood);
            }
            Action::Rate { step, rating } => self.rate(order, &[*step], *rating, scope, on),
            Action::RateRange { steps, rating, .. } => self.rate(order, steps, *rating, scope, on),
            Action::Flag { record, on: flag } => self.flags.set(*record, order, on.then_some(*flag)),
            Action::Skip { record } => self.skips.set(*record, order, on.then_some(true)),
            Action::BadProblem { record, reason } => verdict(self, *record, Verdict::BadProblem(reason.clone())),
            Action::GiveUp { record, reason } => verdict(self, *record, Verdict::GiveUp(reason.clone())),
            Action::Write { writing, step, record, text } => {
                let subject = step.map_or(Subject::Record(*record), Subject::Step);
                self.texts.set((*writing, subject), order, on.then(|| text.clone()));
            }
            Action::Progress { record, progress } => self.progress.set(*record, order, on.then_some(*progress)),
            Action::Choose { parent, chosen } => self.choices.set(*parent, order, on.then_some(*chosen)),
            Action::Segment { record, starts } => self.segments.set(*record, order, on.then(|| starts.clone())),
            Action::SendBack { record, decisions, text } => {
                self.sent_back.set(*record, order, on.then(|| (decisions.clone(), text.clone())));
                // Until the others have looked again, it waits.
                self.skips.set(*record, order, on.then_some(true));
            }
            Action::Names { .. } => {}
        }
    }

    fn rate(&mut self, order: Order, steps: &[StepKey], rating: Option<Rating>, scope: Option<Scope>, on: bool) {
        let ends = |rating| rating == Rating::Bad && scope == Some(Scope::FirstError);
        let mark = rating.map(|rating| Mark { rating, first_error: false, ends: ends(rating) });
        for step in steps {
            self.marks.set(*step, order, on.then_some(mark));
        }
    }

    fn clear(&mut self, order: Order, steps: &[StepKey], on: bool) {
        for step in steps {
            self.marks.set(*step, order, on.then_some(None));
        }
    }
}
