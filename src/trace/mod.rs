//! Problems, steps, traces and the keys that name them: pure data, no input or output.
//!
//! Every trace is a tree. A plain solution is a tree with one leaf, ten samples of one problem are a tree with ten leaves merged
//! where their steps are equal, and a search log is a tree. What was read from a file never changes; scores and labels live
//! beside the trace and are found by [`StepKey`] and [`RecordKey`].

mod id;
mod key;
mod label;
mod problem;
mod rationale;
mod recut;
mod score;
mod tree;

pub use id::IdParseError;
pub(crate) use id::{bytes as id_bytes, id};
pub use key::{PromptKey, RecordKey, StepKey};
pub use label::{EndState, FirstError, Label, Outcome, Rating, Remark, SolutionLabels, Words, Writing};
pub use problem::{ALTERNATIVE, Problem};
pub use rationale::{Critique, Rationale};
pub use recut::{CLOSERS, Cut, Earlier, Origin, STEP_TAGS};
pub use score::{ScoreError, Semantics, StepScore};
pub use tree::{Extra, History, Node, NodeId, NodeStats, Solution, StepKind, Trace, TraceBuilder};
