//! Labels of the running session: events, their fold with undo and redo, and the store that makes them durable.
//!
//! A label is an [`Event`]: an append-only fact that says who judged what, when, and with which score in view. [`Session`] folds
//! events into the present state and lays it over the labels that a file brought along; it is pure and knows no disk.
//! [`Store`] is the only place that knows `SQLite`. Marks hang on [`crate::trace::StepKey`] and so hold for every solution through
//! that step; verdicts on a whole solution hang on [`crate::trace::RecordKey`].

pub mod annotator;
mod columns;
mod event;
mod fold;
mod overlap;
mod panel;
pub mod policy;
pub mod project;
mod session;
mod state;
pub mod store;

pub use event::{Action, Body, Context, Draft, Event, EventId, Mode, Order, Sampled, Saw, Served, WriterId};
pub use fold::{Draw, Judged, Past, Spent};
pub use overlap::Overlap;
pub use panel::{Panel, Said, SentBack};
pub use project::{Choice, Digits, Project, ProjectError, Rules, Scope};
pub use session::Session;
pub use state::{Mark, Verdict};
pub use store::{Store, StoreError};
