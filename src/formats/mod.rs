//! Trace formats: one file each, both directions in it, one row in [`FORMATS`].
//!
//! A format turns the bytes of a record into a [`Trace`] and labels back into bytes. It knows nothing of paths, threads, clocks
//! or the terminal.

mod autorace;
mod bigbench_mistake;
mod chat;
mod delta_bench;
mod detect;
mod export;
mod fields;
mod flat;
mod fover;
mod glance;
mod graph_of_thoughts;
mod gsm8k_samples;
mod inspect;
mod json;
mod lats;
mod live_code_bench;
mod lm_eval;
pub mod mapping;
mod mario_values;
mod marks;
mod math_shepherd;
mod mm_prm;
mod mm_prm_chat;
mod mr_ben;
mod mr_gsm8k;
mod node_link;
mod numbers;
mod openr;
mod openr_prefixes;
mod openr_samples;
mod potato;
mod preference;
mod prm800k;
mod prm800k_samples;
mod prmbench;
mod processbench;
mod qwen_samples;
mod reason_eval;
mod reasons;
mod responses;
mod rest_mcts;
mod rlhflow;
mod rollouts;
mod rstar;
mod rstar_answer;
mod scan;
mod search_and_learn;
mod span;
mod stepscope;
mod super_mario;
mod swe_agent;
mod tagged;
mod targets;
mod toolbench;
mod tora;
mod tot;
mod tot_dfs;
mod trail;
mod tree;
mod tree_log;
mod trl;
mod turns;
mod unread;
mod verify_then_generate;
mod versaprm;
mod worked;

use serde_json::Value;

use crate::segment::Pieces;
use crate::trace::{NodeId, Trace, TraceBuilder};
use fields::{Fault, Fields};

pub use detect::{Confidence, DetectError, Detection, Evidence, detect};
pub use export::{
    Agreement, Completion, Exploded, Feature, Framing, Keeps, Kept, Labelled, LabelledTrace, Loss, Units, Verdict, Writer,
    Written, category, exploded, gathered,
};
pub use glance::Glance;
pub use json::{MAX_DEPTH, ParseFailure, Parsed, halves, parse_json, parse_json_noting};
pub use stepscope::TREE_KEY;
pub use targets::{EXPORTS, Target, target, targets};

/// One record of a file, as its bytes.
#[derive(Debug, Clone, Copy)]
pub struct RawRecord<'a> {
    /// Number of the record in its file, counted from 0.
    pub index: usize,
    /// Physical line of its first byte, counted from 1.
    pub line: usize,
    /// Its bytes, without the line end.
    pub bytes: &'a [u8],
}

/// A record that cannot be used, or only in part.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{}: {}{message}; record skipped", self.at(), .field.as_ref().map(|field| format!("{field}: ")).unwrap_or_default())]
pub struct RecordError {
    /// Number of the record in its file, counted from 0.
    pub record: usize,
    /// Physical line of its first byte, counted from 1.
    pub line: usize,
    /// The place in words where the line does not tell it: a member of an archive, or which of the records of a line.
    pub place: Option<String>,
    /// The field that is wrong, like `label` or `steps[1]`; `None` when the whole record is.
    pub field: Option<String>,
    /// What was expected and what was found.
    pub message: String,
}

impl RecordError {
    /// Where it is, for people.
    pub fn at(&self) -> String {
        self.place.clone().unwrap_or_else(|| format!("line {}", self.line))
    }
}

impl RawRecord<'_> {
    fn error(&self, fault: Fault) -> RecordError {
        RecordError { record: self.index, line: self.line, place: None, field: fault.field, message: fault.message }
    }

    /// Parses the record and lets a format make a trace of its fields.
    fn read(&self, read: impl FnOnce(Fields) -> Result<TraceBuilder, Fault>) -> Result<Trace, RecordError> {
        self.read_value(|value| read(Fields::record(value)?))
    }

    /// The same for formats whose records need not be objects.
    fn read_value(&self, read: impl FnOnce(Value) -> Result<TraceBuilder, Fault>) -> Result<Trace, RecordError> {
        let Parsed { value, warnings } = self.parsed()?;
        let mut trace = match read(value) {
            Ok(builder) => builder.finish(),
            Err(mut fault) => {
                // "found null" would puzzle somebody who sees NaN in the file.
                if !warnings.is_empty() {
                    fault.message = format!("{} ({})", fault.message, warnings.join("; "));
                }
                return Err(self.error(fault));
            }
        };
        trace.warnings.splice(0..0, warnings);
        for solution in &mut trace.solutions {
            solution.record = self.index;
        }
        Ok(trace)
    }

    fn parsed(&self) -> Result<Parsed, RecordError> {
        parse_json_noting(self.bytes).map_err(|failure| {
            let message = format!("{} (byte {} of the record)", failure.message, failure.at + 1);
            self.error(Fault { field: failure.field, message })
        })
    }

    /// The fields of the record and what was repaired to read them.
    fn fields(&self) -> Result<(Fields, Vec<String>), RecordError> {
        let parsed = self.parsed()?;
        let fields = Fields::record(parsed.value).map_err(|fault| self.error(fault))?;
        Ok((fields, parsed.warnings))
    }
}

/// What the records of one unit give: at most one trace, and the records that had to be left out.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Unit {
    /// The trace; `None` when no record could be used.
    pub trace: Option<Trace>,
    /// One error a record that was left out.
    pub errors: Vec<RecordError>,
}

impl Unit {
    /// What one record of it gives by itself, in formats whose units have several.
    fn of_one(mut self, record: &RawRecord<'_>) -> Result<Trace, RecordError> {
        match (self.errors.pop(), self.trace) {
            (Some(error), _) => Err(error),
            (None, Some(trace)) => Ok(trace),
            (None, None) => Err(record.error(Fault::record("expected a part of a trace, found none"))),
        }
    }
}

/// A trace format.
pub trait Format: Sync {
    /// Short, stable name for the command line.
    fn name(&self) -> &'static str;

    /// One line for people: what the format is and where it comes from.
    fn doc(&self) -> &'static str;

    /// The mapping by which records are read ([`mapping::Spec::to_toml`]), where it is no format of its own.
    fn mapping(&self) -> Option<&str> {
        None
    }

    /// Whether a sampled record looks like this format.
    fn detect(&self, value: &Value) -> Detection;

    /// Reads one record. Solutions carry its number.
    fn read(&self, record: &RawRecord<'_>) -> Result<Trace, RecordError>;

    /// What the record says of its only solution, without a trace; `None` when it has to be read whole: in formats with more than one
    /// plain solution a record, and wherever reading it would refuse or repair anything.
    fn glance<'a>(&self, _record: &'a [u8]) -> Option<Glance<'a>> {
        None
    }

    /// Records with the same key form one unit; `None` for formats in which each record is a unit of its own.
    fn unit_key(&self, _record: &[u8]) -> Option<u64> {
        None
    }

    /// Reads all records of one unit.
    fn read_unit(&self, records: &[RawRecord<'_>]) -> Unit {
        let mut unit = Unit::default();
        for record in records {
            match self.read(record) {
                Ok(trace) => match &mut unit.trace {
                    None => unit.trace = Some(trace),
                    Some(whole) => {
                        if !whole.absorb(trace) {
                            unit.errors.push(record.error(Fault::other_problem()));
                        }
                    }
                },
                Err(error) => unit.errors.push(error),
            }
        }
        unit
    }

    /// The keys on the way to the problem text of a record; empty when the text must be put together, which costs reading the record.
    fn problem_at(&self) -> &'static [&'static str] {
        &[]
    }

    /// A hash of the problem text, by which units of one problem are found; `None` when the record does not hold it.
    fn problem_hash(&self, record: &[u8]) -> Option<u64> {
        match self.problem_at() {
            [] => read_problem_hash(self, record),
            path => span::text(record, path).map(|text| span::hash(&text)),
        }
    }

    /// The way back, for formats that can be written.
    fn writer(&self) -> Option<&'static dyn Writer> {
        None
    }
}

/// The hash of the problem of a record that is read whole. Records without one are not all of one problem.
fn read_problem_hash(format: &(impl Format + ?Sized), record: &[u8]) -> Option<u64> {
    let text = format.read(&RawRecord { index: 0, line: 1, bytes: record }).ok()?.problem.text;
    (!text.is_empty()).then(|| span::hash(&text))
}

/// All formats. Where two fit a record equally well, the earlier one is taken: more specific ones stand first.
pub static FORMATS: &[&dyn Format] = &[
    &prm800k::Prm800k,
    &prm800k_samples::Prm800kSamples,
    &super_mario::SuperMario,
    &mario_values::MarioValues,
    &tree_log::TreeLog,
    &tot::TreeOfThoughts,
    &tot_dfs::TotDfs,
    &toolbench::ToolBench,
    &openr::Openr,
    &openr_prefixes::PARTIAL,
    &openr_prefixes::BARE,
    &openr_samples::OpenrSamples,
    &mm_prm::MmPrm,
    &mm_prm_chat::MmPrmChat,
    &rest_mcts::RestMcts,
    &rstar::RStar,
    &rstar_answer::RStarAnswer,
    &node_link::NodeLink,
    &graph_of_thoughts::GraphOfThoughts,
    &prmbench::PrmBench,
    &mr_gsm8k::FORMAT,
    &mr_gsm8k::MR_MATH,
    &mr_ben::FORMAT,
    &bigbench_mistake::FORMAT,
    &delta_bench::DeltaBench,
    &processbench::ProcessBench,
    &math_shepherd::MathShepherd,
    &tagged::OPENRLHF,
    &tagged::OPENR,
    &rlhflow::Rlhflow,
    &rlhflow::Answers,
    &versaprm::VersaPrm,
    &search_and_learn::SearchAndLearn,
    &trl::Trl,
    &verify_then_generate::FORMAT,
    &fover::FORMAT,
    &fover::Sheet,
    &reason_eval::FORMAT,
    &autorace::FORMAT,
    &lm_eval::LmEval,
    &inspect::Inspect,
    &rollouts::OpenR1,
    &rollouts::Verl,
    &rollouts::HUMAN_EVAL,
    &live_code_bench::LiveCodeBench,
    &preference::Preference,
    &qwen_samples::QwenSamples,
    &tora::Tora,
    &lats::Lats,
    &potato::Potato,
    &swe_agent::SweAgent,
    &gsm8k_samples::Gsm8kSamples,
    &chat::Chat,
    &worked::GSM8K,
    &worked::MATH,
    &worked::AQUA,
    &worked::SVAMP,
    &stepscope::Stepscope,
    &responses::Responses,
];

/// The format of this name.
pub fn by_name(name: &str) -> Option<&'static dyn Format> {
    FORMATS.iter().copied().find(|format| format.name() == name)
}

/// Whether no other format than the one of this name knows a record.
fn alone(value: &Value, name: &str) -> bool {
    FORMATS.iter().filter(|format| format.name() != name).all(|format| format.detect(value).confidence == Confidence::No)
}

/// Puts the pieces of a text below the root and gives the last step.
fn place(builder: &mut TraceBuilder, pieces: &Pieces<'_>) -> NodeId {
    place_below(builder, NodeId::ROOT, pieces)
}

/// Puts the pieces of a text below a step and gives the last one.
fn place_below(builder: &mut TraceBuilder, parent: NodeId, pieces: &Pieces<'_>) -> NodeId {
    let mut at = parent;
    if builder.trace().node(at).sep_after.is_empty() {
        pieces.lead.clone_into(&mut builder.node_mut(at).sep_after);
    }
    for piece in &pieces.pieces {
        at = builder.child(at, piece.text);
        let node = builder.node_mut(at);
        // A step that several texts share keeps the separator of the first that goes on behind it.
        if node.sep_after.is_empty() {
            piece.sep.clone_into(&mut node.sep_after);
        }
    }
    at
}
