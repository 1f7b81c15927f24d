//! stepscope: the workbench for process supervision, in the terminal.
//!
//! ```text
//! file ──Corpus──> record ──Format::read──> Trace ──Scorer──> StepScore ─┐
//!                                             └────────────> Session <───┘──Format::write──> file
//! key ──Command──> update(&mut App, Message) ──Effect──> shell ──> store, worker, clipboard
//!                       └──────────────────> App ──view──> screen
//! ```
//!
//! 1. What was read never changes; scores and labels are laid beside it by content key; the screen is a picture of both.
//! 2. Every trace is a tree ([`trace::Trace`]); a plain solution is a tree with one leaf.
//! 3. A step is named by what it says and by all that stands before it ([`trace::StepKey`]).
//! 4. Files are read lazily, by offset ([`corpus::Corpus`]); a bad record is an item, never the end of the file.
//! 5. Event in, effects out: [`app`] is pure, [`shell`] carries effects out.
//! 6. Tokio waits, threads compute, a child process holds the model ([`scoring`]).
//! 7. A score request is a tree; shared prefixes are computed once ([`prm`]).
//! 8. Nothing from a file reaches the terminal but through [`text::safe`].
//!
//! | folder | owns |
//! |---|---|
//! | [`trace`] | problems, steps, trees, keys, labels and scores as pure data |
//! | [`corpus`] | from path to records: framing, index, lazy reads, cache |
//! | [`formats`], [`segment`] | one file a format, both directions; splitting a text into steps |
//! | [`prm`] | checkpoint, decoder, head, one file a family; the built-in feature model |
//! | [`scoring`] | line protocol, worker process, schedule, cache |
//! | [`training`] | what trainers of process reward models really read of a record |
//! | [`checks`], [`analysis`] | evidence without a model; metrics and decisions |
//! | [`labels`] | events, fold, undo, store, export policy |
//! | [`query`] | questions that choose solutions and put them in order |
//! | [`text`], [`math`], [`typeset`] | foreign text made safe, measured and wrapped; LaTeX as Unicode, faithfully or not at all; both as rows |
//! | [`app`], [`ui`], [`shell`] | state and commands; drawing; the one loop that waits |
//! | [`cli`] | one file a subcommand |
//!
//! Which folder may not use which others says the table of `tests/it/layers.rs`, which holds every file to it.

pub mod analysis;
pub mod app;
pub mod checks;
pub mod cli;
pub mod corpus;
pub mod formats;
pub mod labels;
pub mod math;
pub mod prm;
pub mod query;
pub mod scoring;
pub mod segment;
pub mod shell;
mod sqlite;
pub mod text;
pub mod trace;
pub mod training;
pub mod typeset;
pub mod ui;
