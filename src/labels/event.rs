//! The event: one decision of one annotator, named by the hash of all it says.
//!
//! Every writer (one annotator in one copy of a store) numbers its events without holes and names the one before, so a missing,
//! changed or exchanged event shows. Order is by Lamport clock; wall time is kept for people and never decides anything.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Scope;
use crate::trace::{Cut, FirstError, Rating, RecordKey, StepKey, Writing, id};

id! {
    /// Names an event: SHA-256 of its canonical bytes.
    EventId, 32
}
id! {
    /// Names one annotator in one copy of a store: 16 random bytes.
    WriterId, 16
}

impl EventId {
    /// Stands in the place of an id until it is computed.
    pub(super) const NONE: Self = Self([0; 32]);
}

/// What an annotator says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// The solution goes wrong first at this step.
    FirstError {
        /// The solution.
        record: RecordKey,
        /// The step that is wrong.
        step: StepKey,
        /// Its index in the solution, from 0.
        index: usize,
        /// Steps before it on this path that were called bad and no longer are.
        clears: Vec<StepKey>,
        /// Kind of the error, a name of the project's taxonomy; may be empty.
        kind: String,
    },
    /// The solution was read to its end and no step of it is wrong.
    AllGood {
        /// The solution.
        record: RecordKey,
        /// Steps on this path that were called bad and no longer are.
        clears: Vec<StepKey>,
    },
    /// Rates a single step; `None` takes the rating away.
    Rate {
        /// The step.
        step: StepKey,
        /// Its rating.
        rating: Option<Rating>,
    },
    /// Rates several steps at once; `None` takes their ratings away.
    RateRange {
        /// The solution on which they were chosen.
        record: RecordKey,
        /// The steps.
        steps: Vec<StepKey>,
        /// Their rating.
        rating: Option<Rating>,
    },
    /// The annotator is unsure about the solution, or no longer is.
    Flag {
        /// The solution.
        record: RecordKey,
        /// Unsure or not.
        on: bool,
    },
    /// Put off until later.
    Skip {
        /// The solution.
        record: RecordKey,
    },
    /// The problem statement is broken.
    BadProblem {
        /// The solution.
        record: RecordKey,
        /// Why; may be empty.
        reason: String,
    },
    /// The annotator cannot tell.
    GiveUp {
        /// The solution.
        record: RecordKey,
        /// Why; may be empty.
        reason: String,
    },
    /// A text; an empty one takes it away.
    Write {
        /// What it is for.
        writing: Writing,
        /// The step it is about; `None` for the whole solution.
        step: Option<StepKey>,
        /// The solution in which it was written.
        record: RecordKey,
        /// The text.
        text: String,
    },
    /// How far the solution had come when it went wrong.
    Progress {
        /// The solution.
        record: RecordKey,
        /// 0 (nowhere) to 3 (nearly done); `None` takes it away.
        progress: Option<u8>,
    },
    /// The best of the alternatives that follow one step.
    Choose {
        /// The step that they follow; the root's key for first steps.
        parent: StepKey,
        /// The best one; `None` takes the choice away.
        chosen: Option<StepKey>,
    },
    /// Where the steps of a solution begin, when the source cut them badly. Labels of the new steps hang on the new texts; the
    /// source's own steps keep theirs.
    Segment {
        /// The solution as the source cuts it.
        record: RecordKey,
        /// Beginnings of all steps; empty for the source's own.
        starts: Vec<Cut>,
    },
    /// An adjudicator sends a solution back to those who judged it, with a word on what to look at again. It is open as long as the
    /// decisions that it names hold.
    SendBack {
        /// The solution.
        record: RecordKey,
        /// The decisions of others that are sent back.
        decisions: Vec<EventId>,
        /// What to look at again.
        text: String,
    },
    /// An adjudicator looked who the annotators are, or hid their names again.
    Names {
        /// Names are on the screen.
        shown: bool,
    },
}

impl Action {
    /// The solution it speaks of, where it names one.
    pub fn record(&self) -> Option<RecordKey> {
        match self {
            Self::FirstError { record, .. }
            | Self::AllGood { record, .. }
            | Self::Flag { record, .. }
            | Self::Skip { record }
            | Self::BadProblem { record, .. }
            | Self::GiveUp { record, .. }
            | Self::RateRange { record, .. }
            | Self::Write { record, .. }
            | Self::Progress { record, .. }
            | Self::Segment { record, .. }
            | Self::SendBack { record, .. } => Some(*record),
            Self::Rate { .. } | Self::Choose { .. } | Self::Names { .. } => None,
        }
    }

    /// What it says of a solution as a whole; `None` for any other label.
    pub fn verdict(&self) -> Option<FirstError> {
        match self {
            Self::FirstError { index, .. } => Some(FirstError::At(*index)),
            Self::AllGood { .. } => Some(FirstError::NoError),
            Self::BadProblem { .. } | Self::GiveUp { .. } => Some(FirstError::Unlabelable),
            _ => None,
        }
    }

    /// It rates steps, or takes ratings away.
    pub fn rates(&self) -> bool {
        self.ratings().is_some()
    }

    /// The steps that it rates, and how; `None` for any other label. The rating is `None` where it takes ratings away.
    pub fn ratings(&self) -> Option<(&[StepKey], Option<Rating>)> {
        match self {
            Self::Rate { step, rating } => Some((std::slice::from_ref(step), *rating)),
            Self::RateRange { steps, rating, .. } => Some((steps, *rating)),
            _ => None,
        }
    }

    /// The step it speaks of, where it names one.
    pub fn step(&self) -> Option<StepKey> {
        match self {
            Self::FirstError { step, .. } | Self::Rate { step, .. } => Some(*step),
            Self::Write { step, .. } => *step,
            Self::Choose { chosen, .. } => *chosen,
            Self::RateRange { steps, .. } => steps.first().copied(),
            _ => None,
        }
    }
}

/// What an event does: a decision, or taking an earlier event back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Body {
    /// A decision.
    Act(Action),
    /// Takes this event back. Taking back an undo is a redo.
    Undo(EventId),
}

/// How scores and reference were on show while a solution was judged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Hidden.
    Blind,
    /// Shown from the start.
    #[default]
    Assist,
    /// Hidden until a verdict was given, then shown; the verdict could be changed.
    RevealAfter,
}

/// Why a solution was put before the annotator, where the annotator did not choose it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Served {
    /// One of the share that is always judged blind.
    BlindShare,
    /// One's own, served again to see how repeatable the labels are.
    Repeat,
    /// One with a known answer.
    Gold,
}

/// What was on the screen when it was decided: a label given with a score in view is other evidence than a blind one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Saw {
    /// The file that was open, as given.
    pub file: Option<String>,
    /// Number of the problem in that file, from 0: a hint where to jump at undo, never an identity.
    pub item: Option<u64>,
    /// The scorer whose scores were laid over the steps.
    pub prm: Option<String>,
    /// Its score of the step in question; finite.
    pub score: Option<f64>,
    /// Scores were hidden, and had not been on the screen before.
    pub blind: bool,
    /// What else the view showed, in words of the view.
    pub shown: String,
    /// What older versions of the store have no words for.
    #[serde(default, skip_serializing_if = "Context::is_empty")]
    pub context: Context,
}

/// More about the circumstances of a decision. Fields without a value are not written, so that events can gain more.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Context {
    /// How scores and reference were on show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Why the solution was put before the annotator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub served: Option<Served>,
    /// The scores of all steps that were on show, rounded to four digits behind the point.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scores: Vec<Option<f64>>,
    /// The same of other models whose scores stood beside them, by their names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub beside: BTreeMap<String, Vec<Option<f64>>>,
    /// Time with the cursor on each step, in milliseconds, idle time cut off.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub step_ms: Vec<u64>,
    /// Version of the guideline in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guideline: Option<String>,
    /// How formulas were on show, when not as plain text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub view: Option<String>,
    /// It was drawn at random among those of the queue, with this chance (0 to 1): it weighs one by that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drawn: Option<f64>,
    /// The order and filter in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// The decision of another annotator that was taken over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub took: Option<EventId>,
    /// The solution on the screen, where the action names none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<RecordKey>,
    /// Which steps were to be rated when one was: in [`Scope::FirstError`] a bad rating ends every solution that goes through the step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// What the ratings of the solution came to with this one, where they decided it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<FirstError>,
    /// Steps that the decision speaks of and that a language model wrote: no file has their texts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sampled: Vec<Sampled>,
}

/// A step that a language model wrote on request, beside those of a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sampled {
    /// The step that it follows; the root's key for first steps.
    pub parent: StepKey,
    /// Its own key.
    pub step: StepKey,
    /// What it says.
    pub text: String,
    /// Name and key of the model.
    pub by: String,
    /// Its number among those behind its parent, from 0: the seed follows from it.
    pub number: u64,
    /// How freely it was written.
    pub temperature: f64,
}

impl Context {
    /// True without any value.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// An event before the store has given it number, time and name.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// What it does.
    pub body: Body,
    /// What was on the screen.
    pub saw: Saw,
    /// Time spent on the decision, in milliseconds.
    pub ms_spent: Option<u64>,
}

impl Draft {
    /// A decision.
    pub fn of(action: Action) -> Self {
        Self { body: Body::Act(action), saw: Saw::default(), ms_spent: None }
    }

    /// The solution that it judges: by a verdict, or by a rating that decides it.
    pub fn judges(&self) -> Option<RecordKey> {
        let Body::Act(action) = &self.body else { return None };
        let context = &self.saw.context;
        action.record().or(context.record).filter(|_| action.verdict().or(context.verdict).is_some())
    }

    /// Taking back `target`: an undo when that is a decision, a redo when it is an undo.
    pub fn undo(target: EventId) -> Self {
        Self { body: Body::Undo(target), saw: Saw::default(), ms_spent: None }
    }

    /// The same with what was on the screen.
    #[must_use]
    pub fn saw(self, saw: Saw) -> Self {
        Self { saw, ..self }
    }

    /// The same with the time spent, in milliseconds.
    #[must_use]
    pub fn spent(self, ms: u64) -> Self {
        Self { ms_spent: Some(ms), ..self }
    }
}

/// Place of an event among all: Lamport clock first, then writer and number, so that every copy of a store agrees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Order {
    /// One more than the largest that the writer had seen.
    pub lamport: u64,
    /// Who wrote it.
    pub writer: WriterId,
    /// Its number at that writer, from 1.
    pub seq: u64,
}

/// A decision as it stands in the store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// SHA-256 of the canonical bytes of all other fields.
    pub id: EventId,
    /// One annotator in one copy of a store.
    pub writer: WriterId,
    /// 1, 2, 3, ... without holes per writer.
    pub seq: u64,
    /// The writer's event before this one.
    pub prev: Option<EventId>,
    /// One more than the largest that the writer had seen.
    pub lamport: u64,
    /// Name of the annotator.
    pub annotator: String,
    /// UTC wall time, RFC 3339. Never decides an order.
    pub at_utc: String,
    /// The wall clock stood before that of the writer's last event.
    pub clock_suspect: bool,
    /// What it does.
    pub body: Body,
    /// What was on the screen.
    pub saw: Saw,
    /// Version of stepscope that wrote it.
    pub app_version: String,
    /// Time spent on the decision, in milliseconds.
    pub ms_spent: Option<u64>,
}

impl Event {
    /// Place of the event among all.
    pub fn order(&self) -> Order {
        Order { lamport: self.lamport, writer: self.writer, seq: self.seq }
    }

    /// The hash that the event must have as its id.
    pub fn hash(&self) -> EventId {
        self.columns().hash()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::trace::PromptKey;

    pub(crate) fn step(n: usize) -> StepKey {
        PromptKey::of("q").step(&n.to_string())
    }

    pub(crate) fn record(n: usize) -> RecordKey {
        step(n).record()
    }

    fn writings() -> impl Strategy<Value = Writing> {
        prop_oneof![Just(Writing::Note), Just(Writing::Critique), Just(Writing::Correction), Just(Writing::Tags)]
    }

    /// Any action over a few steps and solutions, so that actions meet.
    pub(crate) fn actions() -> impl Strategy<Value = Action> {
        let step = || (0..6usize).prop_map(step);
        let record = || (0..4usize).prop_map(record);
        let clears = || proptest::collection::vec(step(), 0..3);
        let rating = prop_oneof![Just(None), Just(Some(Rating::Bad)), Just(Some(Rating::Neutral)), Just(Some(Rating::Good))];
        prop_oneof![
            (record(), step(), 0..9usize, clears(), "[a-z]{0,3}")
                .prop_map(|(record, step, index, clears, kind)| { Action::FirstError { record, step, index, clears, kind } }),
            (record(), clears()).prop_map(|(record, clears)| Action::AllGood { record, clears }),
            (step(), rating.clone()).prop_map(|(step, rating)| Action::Rate { step, rating }),
            (record(), clears(), rating).prop_map(|(record, steps, rating)| Action::RateRange { record, steps, rating }),
            (record(), any::<bool>()).prop_map(|(record, on)| Action::Flag { record, on }),
            record().prop_map(|record| Action::Skip { record }),
            (record(), ".{0,5}").prop_map(|(record, reason)| Action::BadProblem { record, reason }),
            (record(), ".{0,5}").prop_map(|(record, reason)| Action::GiveUp { record, reason }),
            (writings(), proptest::option::of(step()), record(), ".{0,5}")
                .prop_map(|(writing, step, record, text)| Action::Write { writing, step, record, text }),
            (record(), proptest::option::of(0..4u8)).prop_map(|(record, progress)| Action::Progress { record, progress }),
            (step(), proptest::option::of(step())).prop_map(|(parent, chosen)| Action::Choose { parent, chosen }),
            (record(), proptest::collection::vec((0..9usize, 0..9usize).prop_map(Cut::from), 0..3))
                .prop_map(|(record, starts)| Action::Segment { record, starts }),
            (record(), proptest::collection::vec(any::<[u8; 32]>().prop_map(EventId), 0..3), ".{0,5}")
                .prop_map(|(record, decisions, text)| Action::SendBack { record, decisions, text }),
            any::<bool>().prop_map(|shown| Action::Names { shown }),
        ]
    }

    /// An event of writer `writer` with a right id.
    pub(crate) fn event(writer: u8, seq: u64, lamport: u64, body: Body) -> Event {
        let mut event = Event {
            id: EventId([0; 32]),
            writer: WriterId([writer; 16]),
            seq,
            prev: None,
            lamport,
            annotator: "mira".into(),
            at_utc: "2026-01-01T00:00:00Z".into(),
            clock_suspect: false,
            body,
            saw: Saw::default(),
            app_version: "0".into(),
            ms_spent: None,
        };
        event.id = event.hash();
        event
    }

    fn saws() -> impl Strategy<Value = Saw> {
        let text = || proptest::option::of(".{0,6}");
        let score = proptest::option::of(proptest::num::f64::NORMAL | proptest::num::f64::ZERO);
        (text(), proptest::option::of(0..9u64), text(), score, any::<bool>(), ".{0,6}", contexts())
            .prop_map(|(file, item, prm, score, blind, shown, context)| Saw { file, item, prm, score, blind, shown, context })
    }

    fn contexts() -> impl Strategy<Value = Context> {
        let mode = prop_oneof![Just(None), Just(Some(Mode::Blind)), Just(Some(Mode::RevealAfter))];
        let served = prop_oneof![Just(None), Just(Some(Served::Repeat)), Just(Some(Served::Gold))];
        let scores = proptest::collection::vec(proptest::option::of((0..10_000i32).prop_map(|n| f64::from(n) / 1e4)), 0..4);
        let ms = proptest::collection::vec(0..9u64, 0..4);
        let rating = (0..4usize, 0..4usize).prop_map(|(n, at)| {
            let verdict = [None, Some(FirstError::At(at)), Some(FirstError::NoError), Some(FirstError::Unlabelable)][n];
            (verdict.map(|_| record(at)), [None, Some(Scope::All), Some(Scope::FirstError)][at % 3], verdict)
        });
        (mode, served, scores, ms, proptest::option::of("[a-z]{1,4}"), rating).prop_map(
            |(mode, served, scores, step_ms, guideline, (record, scope, verdict))| Context {
                mode,
                served,
                scores,
                step_ms,
                guideline,
                record,
                scope,
                verdict,
                ..Context::default()
            },
        )
    }

    fn events() -> impl Strategy<Value = Event> {
        let body = prop_oneof![8 => actions().prop_map(Body::Act), 1 => any::<[u8; 32]>().prop_map(|id| Body::Undo(EventId(id)))];
        (body, saws(), 1..99u64, proptest::option::of(any::<[u8; 32]>()), proptest::option::of(0..9u64)).prop_map(
            |(body, saw, seq, prev, ms_spent)| {
                let mut event = Event { saw, ms_spent, prev: prev.map(EventId), ..event(1, seq, seq, body) };
                event.id = event.hash();
                event
            },
        )
    }

    proptest! {
        #[test]
        fn an_event_survives_json_and_columns(event in events()) {
            let json = serde_json::to_string(&event).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Event>(&json).unwrap(), &event);
            prop_assert_eq!(&event.columns().decode(event.id.as_bytes()).unwrap(), &event);
            prop_assert_eq!(event.hash(), event.id);
        }

        #[test]
        fn a_changed_event_has_another_hash(event in events(), other in events()) {
            let changed = Event { body: other.body.clone(), ..event.clone() };
            prop_assert_eq!(changed.hash() == event.id, other.body == event.body);
            let [mut later, mut by_another] = [event.clone(), event];
            later.seq += 1;
            by_another.annotator.push('x');
            prop_assert!(later.hash() != later.id && by_another.hash() != by_another.id);
        }
    }

    #[test]
    fn identifiers_print_and_parse() {
        let id = EventId([0xa7; 32]);
        assert_eq!(id.to_string().parse::<EventId>().unwrap(), id);
        assert!("+7".repeat(32).parse::<EventId>().is_err());
        assert_eq!("12".parse::<WriterId>().unwrap_err().digits, 32);
    }
}
