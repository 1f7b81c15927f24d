//! What a trainer really reads of a record: token ids, separators, and the label at each token, as its own code makes them; and the
//! traps that training code falls into without a word.
//!
//! One file a trainer, one row in [`TRAINERS`]. Nothing here knows files or tokenizer libraries: see [`Tokens`].

mod chat;
mod openrlhf;
mod qwen;
mod rlhflow;
mod survey;
mod trl;

use std::fmt;
use std::ops::Range;

use serde_json::Value;

pub use survey::{Column, Survey};

/// A tokenizer, used as trainers use it: special tokens that stand in a text are read as such.
pub trait Tokens {
    /// The ids of a text, without tokens that the tokenizer would add by itself.
    fn encode(&self, text: &str) -> Result<Vec<u32>, String>;
    /// The text of one token, for people.
    fn text(&self, id: u32) -> String;
    /// The id of a token of this very text.
    fn id(&self, token: &str) -> Option<u32>;
    /// The token that stands at the beginning of every text, for models that have one.
    fn bos(&self) -> Option<u32>;
}

/// Settings of a training run that decide what is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What stands behind each step; `None`: the trainer's own default.
    pub separator: Option<String>,
    /// Tokens behind which a sequence is cut off; `None`: never.
    pub max_length: Option<usize>,
    /// Last tokens that are kept of a prompt; `None`: all. Not every trainer has such a limit.
    pub max_prompt_length: Option<usize>,
}

/// The label that a token carries.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mark {
    /// The loss does not look at this token (-100).
    Ignored,
    /// A class, or the id of the token to predict.
    Class(i64),
    /// A share, `0..=1`: a soft label.
    Share(f64),
}

impl Mark {
    /// As the trainer's arrays hold it.
    pub fn value(self) -> Value {
        match self {
            Self::Ignored => (-100).into(),
            Self::Class(class) => class.into(),
            Self::Share(share) => share.into(),
        }
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ignored => f.write_str("ignored"),
            Self::Class(class) => write!(f, "{class}"),
            Self::Share(share) => write!(f, "{share}"),
        }
    }
}

/// One step as the trainer sees it. Ranges and positions count tokens from 0 in [`Reading::ids`], before anything is cut off.
#[derive(Debug, Clone, PartialEq)]
pub struct StepReading {
    /// The step's own tokens.
    pub tokens: Range<usize>,
    /// The tokens of what stands behind it.
    pub separator: Range<usize>,
    /// The token whose label is the step's.
    pub at: usize,
    /// That label.
    pub mark: Mark,
    /// It lies behind the length at which the sequence is cut off.
    pub cut: bool,
}

/// A record as the trainer sees it, cut off at the longest length.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reading {
    /// Token ids.
    pub ids: Vec<u32>,
    /// One label a token.
    pub labels: Vec<Mark>,
    /// The steps.
    pub steps: Vec<StepReading>,
    /// Token ids from here on were cut off; equal to the number of ids otherwise.
    pub uncut: usize,
}

/// Something that would train a model on what nobody meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trap {
    /// The step, counted from 0; `None` when it is about the whole record.
    pub step: Option<usize>,
    /// What the trainer does and what to do about it.
    pub message: String,
}

impl Trap {
    fn record(message: impl Into<String>) -> Self {
        Self { step: None, message: message.into() }
    }

    fn step(step: usize, message: impl Into<String>) -> Self {
        Self { step: Some(step), message: message.into() }
    }
}

/// A reading and the traps in it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Diagnosis {
    /// What is read; `None` when the trainer would stop with an error.
    pub reading: Option<Reading>,
    /// What is wrong.
    pub traps: Vec<Trap>,
}

impl Diagnosis {
    fn stops(trap: Trap) -> Self {
        Self { reading: None, traps: vec![trap] }
    }
}

/// One trainer of process reward models.
pub trait Trainer: Sync {
    /// Short stable name.
    fn name(&self) -> &'static str;
    /// One line for people: which code, which version.
    fn doc(&self) -> &'static str;
    /// Tokens at which it cuts sequences off unless told otherwise.
    fn max_length(&self) -> Option<usize>;
    /// Last tokens that it keeps of a prompt unless told otherwise.
    fn max_prompt_length(&self) -> Option<usize> {
        None
    }
    /// Fields of a record that may hold its step labels.
    fn label_fields(&self) -> &'static [&'static str];
    /// What it reads of a record.
    fn read(&self, record: &Value, settings: &Settings, survey: &Survey, tokens: &dyn Tokens) -> Diagnosis;
}

/// All trainers.
pub static TRAINERS: &[&dyn Trainer] = &[&trl::Trl, &openrlhf::OpenRlhf, &rlhflow::RlhFlow, &qwen::Qwen];

/// The trainer of this name.
pub fn trainer(name: &str) -> Option<&'static dyn Trainer> {
    TRAINERS.iter().copied().find(|trainer| trainer.name() == name)
}

/// A sequence while it is put together.
#[derive(Default)]
struct Sequence(Reading);

impl Sequence {
    fn push(&mut self, ids: &[u32]) -> Range<usize> {
        let start = self.0.ids.len();
        self.0.ids.extend_from_slice(ids);
        self.0.labels.resize(self.0.ids.len(), Mark::Ignored);
        start..self.0.ids.len()
    }

    /// Puts a step's label on one token.
    fn mark(&mut self, tokens: Range<usize>, separator: Range<usize>, at: usize, mark: Mark) {
        if let Some(slot) = self.0.labels.get_mut(at) {
            *slot = mark;
        }
        self.0.steps.push(StepReading { tokens, separator, at, mark, cut: false });
    }

    /// Cuts the sequence off and tells which steps lose their label.
    fn finish(mut self, max_length: Option<usize>, traps: &mut Vec<Trap>) -> Reading {
        let reading = &mut self.0;
        reading.uncut = reading.ids.len();
        if let Some(limit) = max_length.filter(|&limit| limit < reading.uncut) {
            reading.ids.truncate(limit);
            reading.labels.truncate(limit);
            let cut: Vec<_> = (0..reading.steps.len()).filter(|&index| reading.steps[index].at >= limit).collect();
            for &index in &cut {
                reading.steps[index].cut = true;
            }
            if let Some(&first) = cut.first() {
                let message = format!(
                    "the record has {} tokens and is cut off behind {limit}: {} of {} labels are lost; raise the trainer's max_length or leave the record out",
                    reading.uncut,
                    cut.len(),
                    reading.steps.len()
                );
                traps.push(Trap::step(first, message));
            }
        }
        self.0
    }
}

/// The list of strings in a field.
fn texts(record: &Value, field: &str) -> Result<Vec<String>, Trap> {
    let list = record.get(field).and_then(Value::as_array);
    let texts = list.and_then(|list| list.iter().map(|item| item.as_str().map(str::to_owned)).collect());
    texts.ok_or_else(|| Trap::record(format!("expected a list of strings `{field}`; the trainer stops with an error")))
}

/// The string in a field.
fn text<'a>(record: &'a Value, field: &str) -> Result<&'a str, Trap> {
    let text = record.get(field).and_then(Value::as_str);
    text.ok_or_else(|| Trap::record(format!("expected a text `{field}`; the trainer stops with an error")))
}

fn encode(tokens: &dyn Tokens, text: &str) -> Result<Vec<u32>, Trap> {
    tokens.encode(text).map_err(Trap::record)
}

/// The id of a text that must be one token.
fn single(tokens: &dyn Tokens, text: &str, what: &str) -> Result<u32, Trap> {
    match encode(tokens, text)?.as_slice() {
        [id] => Ok(*id),
        ids => Err(Trap::record(format!(
            "{what} {text:?} is {} tokens of this tokenizer, the trainer needs one: no label would be found",
            ids.len()
        ))),
    }
}
