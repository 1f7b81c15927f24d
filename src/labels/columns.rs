//! Events as flat columns: what the store keeps, and the canonical bytes whose hash names an event.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Action, Body, Context, Event, EventId, Saw, WriterId};
use crate::trace::{Cut, Rating, RecordKey, StepKey, Writing};

/// `SQLite` integers are signed; nothing counted here comes near 2^63.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    FirstError,
    AllGood,
    BadProblem,
    GiveUp,
    StepRating,
    RangeRating,
    Writing(Writing),
    Flag,
    Skip,
    Progress,
    Choice,
    Segmentation,
    Adjudication,
    Session,
    Undo,
}

impl Kind {
    const ALL: [Self; 18] = [
        Self::FirstError,
        Self::AllGood,
        Self::BadProblem,
        Self::GiveUp,
        Self::StepRating,
        Self::RangeRating,
        Self::Writing(Writing::Note),
        Self::Writing(Writing::Critique),
        Self::Writing(Writing::Correction),
        Self::Writing(Writing::Tags),
        Self::Flag,
        Self::Skip,
        Self::Progress,
        Self::Choice,
        Self::Segmentation,
        Self::Adjudication,
        Self::Session,
        Self::Undo,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::FirstError => "first_error",
            Self::AllGood => "all_good",
            Self::BadProblem => "bad_problem",
            Self::GiveUp => "give_up",
            Self::StepRating => "step_rating",
            Self::RangeRating => "range_rating",
            Self::Writing(Writing::Note) => "note",
            Self::Writing(Writing::Critique) => "critique",
            Self::Writing(Writing::Correction) => "correction",
            Self::Writing(Writing::Tags) => "tags",
            Self::Flag => "flag",
            Self::Skip => "skip",
            Self::Progress => "progress",
            Self::Choice => "choice",
            Self::Segmentation => "segmentation",
            Self::Adjudication => "adjudicate",
            Self::Session => "session",
            Self::Undo => "undo",
        }
    }
}

/// The parts of an action that have no column of their own: the canonical JSON of `event.value`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Rest {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    clears: Vec<StepKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rating: Option<Rating>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    on: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    text: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    steps: Vec<StepKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<StepKey>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    starts: Vec<Cut>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    decisions: Vec<EventId>,
}

impl Rest {
    fn to_json(&self) -> Option<String> {
        serde_json::to_string(self).ok().filter(|json| json != "{}")
    }
}

type Parts = (Kind, Option<RecordKey>, Option<usize>, Option<StepKey>, Rest);

impl Action {
    fn parts(&self) -> Parts {
        let record = self.record();
        let step = self.step();
        let text = |text: &String| Rest { text: text.clone(), ..Rest::default() };
        let clears = |clears: &Vec<StepKey>| Rest { clears: clears.clone(), ..Rest::default() };
        let rest = Rest::default;
        match self {
            Self::FirstError { index, clears: steps, kind, .. } => {
                (Kind::FirstError, record, Some(*index), step, Rest { text: kind.clone(), ..clears(steps) })
            }
            Self::AllGood { clears: steps, .. } => (Kind::AllGood, record, None, None, clears(steps)),
            Self::Rate { rating, .. } => (Kind::StepRating, None, None, step, Rest { rating: *rating, ..rest() }),
            Self::RateRange { steps, rating, .. } => {
                (Kind::RangeRating, record, None, None, Rest { steps: steps.clone(), rating: *rating, ..rest() })
            }
            Self::Flag { on, .. } => (Kind::Flag, record, None, None, Rest { on: *on, ..rest() }),
            Self::Skip { .. } => (Kind::Skip, record, None, None, rest()),
            Self::BadProblem { reason, .. } => (Kind::BadProblem, record, None, None, text(reason)),
            Self::GiveUp { reason, .. } => (Kind::GiveUp, record, None, None, text(reason)),
            Self::Write { writing, text: written, .. } => (Kind::Writing(*writing), record, None, step, text(written)),
            Self::Progress { progress, .. } => (Kind::Progress, record, None, None, Rest { progress: *progress, ..rest() }),
            Self::Choose { parent, .. } => (Kind::Choice, None, None, step, Rest { parent: Some(*parent), ..rest() }),
            Self::Segment { starts, .. } => (Kind::Segmentation, record, None, None, Rest { starts: starts.clone(), ..rest() }),
            Self::SendBack { decisions, text: said, .. } => {
                (Kind::Adjudication, record, None, None, Rest { decisions: decisions.clone(), ..text(said) })
            }
            Self::Names { shown } => (Kind::Session, None, None, None, Rest { on: *shown, ..rest() }),
        }
    }
}

impl Event {
    pub(super) fn columns(&self) -> Columns {
        let (kind, record, index, step, rest) = match &self.body {
            Body::Act(action) => action.parts(),
            Body::Undo(_) => (Kind::Undo, None, None, None, Rest::default()),
        };
        Columns {
            writer: self.writer.as_bytes().to_vec(),
            seq: signed(self.seq),
            prev: self.prev.map(|id| id.as_bytes().to_vec()),
            lamport: signed(self.lamport),
            annotator: self.annotator.clone(),
            at_utc: self.at_utc.clone(),
            clock_suspect: i64::from(self.clock_suspect),
            kind: kind.name().to_owned(),
            record_key: record.map(|key| key.as_bytes().to_vec()),
            step: index.and_then(|index| i64::try_from(index).ok()),
            step_key: step.map(|key| key.as_bytes().to_vec()),
            value: rest.to_json(),
            target: match &self.body {
                Body::Undo(target) => Some(target.as_bytes().to_vec()),
                Body::Act(_) => None,
            },
            saw_file: self.saw.file.clone(),
            saw_item: self.saw.item.map(signed),
            saw_prm: self.saw.prm.clone(),
            saw_score: self.saw.score.map(|score| score.to_string()),
            saw_blind: i64::from(self.saw.blind),
            saw_shown: self.saw.shown.clone(),
            app_version: self.app_version.clone(),
            ms_spent: self.ms_spent.map(signed),
            context: Some(&self.saw.context).filter(|context| !context.is_empty()).and_then(|c| serde_json::to_string(c).ok()),
        }
    }
}

/// A stored event that cannot be read back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum DecodeError {
    /// A field is missing or has another form.
    #[error("{0} is missing or malformed")]
    Field(&'static str),
    /// The row says something else than the name it carries.
    #[error("its content does not have the hash {0}")]
    Hash(EventId),
}

/// The columns of table `event` behind `event_id`, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) writer: Vec<u8>,
    pub(super) seq: i64,
    pub(super) prev: Option<Vec<u8>>,
    pub(super) lamport: i64,
    pub(super) annotator: String,
    pub(super) at_utc: String,
    pub(super) clock_suspect: i64,
    pub(super) kind: String,
    pub(super) record_key: Option<Vec<u8>>,
    pub(super) step: Option<i64>,
    pub(super) step_key: Option<Vec<u8>>,
    pub(super) value: Option<String>,
    pub(super) target: Option<Vec<u8>>,
    pub(super) saw_file: Option<String>,
    pub(super) saw_item: Option<i64>,
    pub(super) saw_prm: Option<String>,
    pub(super) saw_score: Option<String>,
    pub(super) saw_blind: i64,
    pub(super) saw_shown: String,
    pub(super) app_version: String,
    pub(super) ms_spent: Option<i64>,
    pub(super) context: Option<String>,
}

impl Columns {
    /// SHA-256 over a domain tag and every column, each with a mark whether it is there and its length, so that neither text nor
    /// absence can slide from one column into the next.
    pub(super) fn hash(&self) -> EventId {
        let mut hasher = Sha256::new();
        hasher.update(b"sse1/event");
        let mut field = |bytes: Option<&[u8]>| match bytes {
            None => hasher.update([0]),
            Some(bytes) => {
                hasher.update([1]);
                hasher.update((bytes.len() as u64).to_le_bytes());
                hasher.update(bytes);
            }
        };
        let number = |number: i64| number.to_le_bytes();
        field(Some(&self.writer));
        field(Some(&number(self.seq)));
        field(self.prev.as_deref());
        field(Some(&number(self.lamport)));
        field(Some(self.annotator.as_bytes()));
        field(Some(self.at_utc.as_bytes()));
        field(Some(&number(self.clock_suspect)));
        field(Some(self.kind.as_bytes()));
        field(self.record_key.as_deref());
        field(self.step.map(number).as_ref().map(<[u8; 8]>::as_slice));
        field(self.step_key.as_deref());
        field(self.value.as_deref().map(str::as_bytes));
        field(self.target.as_deref());
        field(self.saw_file.as_deref().map(str::as_bytes));
        field(self.saw_item.map(number).as_ref().map(<[u8; 8]>::as_slice));
        field(self.saw_prm.as_deref().map(str::as_bytes));
        field(self.saw_score.as_deref().map(str::as_bytes));
        field(Some(&number(self.saw_blind)));
        field(Some(self.saw_shown.as_bytes()));
        field(Some(self.app_version.as_bytes()));
        field(self.ms_spent.map(number).as_ref().map(<[u8; 8]>::as_slice));
        // Events of schema 1 have no context, and keep the names they have.
        if let Some(context) = &self.context {
            field(Some(context.as_bytes()));
        }
        EventId::from(<[u8; 32]>::from(hasher.finalize()))
    }

    /// The event in this row, if the row says exactly what its name promises.
    pub(super) fn decode(self, id: &[u8]) -> Result<Event, DecodeError> {
        use DecodeError::Field;
        let id = EventId::from_bytes(id).ok_or(Field("event_id"))?;
        if self.hash() != id {
            return Err(DecodeError::Hash(id));
        }
        let unsigned = |number: i64, name| u64::try_from(number).map_err(|_| Field(name));
        let body = self.body()?;
        Ok(Event {
            id,
            writer: WriterId::from_bytes(&self.writer).ok_or(Field("writer"))?,
            seq: unsigned(self.seq, "seq")?,
            prev: self.prev.map(|prev| EventId::from_bytes(&prev).ok_or(Field("prev"))).transpose()?,
            lamport: unsigned(self.lamport, "lamport")?,
            clock_suspect: self.clock_suspect != 0,
            body,
            saw: Saw {
                file: self.saw_file,
                item: self.saw_item.map(|item| unsigned(item, "saw_item")).transpose()?,
                prm: self.saw_prm,
                score: self.saw_score.map(|score| score.parse().map_err(|_| Field("saw_score"))).transpose()?,
                blind: self.saw_blind != 0,
                shown: self.saw_shown,
                context: match &self.context {
                    Some(json) => serde_json::from_str::<Context>(json).map_err(|_| Field("context"))?,
                    None => Context::default(),
                },
            },
            annotator: self.annotator,
            at_utc: self.at_utc,
            app_version: self.app_version,
            ms_spent: self.ms_spent.map(|ms| unsigned(ms, "ms_spent")).transpose()?,
        })
    }

    fn body(&self) -> Result<Body, DecodeError> {
        use DecodeError::Field;
        let rest: Rest = match &self.value {
            Some(json) => serde_json::from_str(json).map_err(|_| Field("value"))?,
            None => Rest::default(),
        };
        let record = || self.record_key.as_deref().and_then(RecordKey::from_bytes).ok_or(Field("record_key"));
        let step = || self.step_key.as_deref().and_then(StepKey::from_bytes).ok_or(Field("step_key"));
        let maybe_step = || if self.step_key.is_some() { step().map(Some) } else { Ok(None) };
        let kind = Kind::ALL.into_iter().find(|kind| kind.name() == self.kind).ok_or(Field("kind"))?;
        Ok(Body::Act(match kind {
            Kind::FirstError => Action::FirstError {
                record: record()?,
                step: step()?,
                index: self.step.and_then(|index| usize::try_from(index).ok()).ok_or(Field("step"))?,
                clears: rest.clears,
                kind: rest.text,
            },
            Kind::AllGood => Action::AllGood { record: record()?, clears: rest.clears },
            Kind::BadProblem => Action::BadProblem { record: record()?, reason: rest.text },
            Kind::GiveUp => Action::GiveUp { record: record()?, reason: rest.text },
            Kind::StepRating => Action::Rate { step: step()?, rating: rest.rating },
            Kind::RangeRating => Action::RateRange { record: record()?, steps: rest.steps, rating: rest.rating },
            Kind::Writing(writing) => Action::Write { writing, step: maybe_step()?, record: record()?, text: rest.text },
            Kind::Progress => Action::Progress { record: record()?, progress: rest.progress },
            Kind::Choice => Action::Choose { parent: rest.parent.ok_or(Field("value"))?, chosen: maybe_step()? },
            Kind::Segmentation => Action::Segment { record: record()?, starts: rest.starts },
            Kind::Adjudication => Action::SendBack { record: record()?, decisions: rest.decisions, text: rest.text },
            Kind::Session => Action::Names { shown: rest.on },
            Kind::Flag => Action::Flag { record: record()?, on: rest.on },
            Kind::Skip => Action::Skip { record: record()? },
            Kind::Undo => {
                let target = self.target.as_deref().and_then(EventId::from_bytes);
                return Ok(Body::Undo(target.ok_or(Field("target"))?));
            }
        }))
    }
}
