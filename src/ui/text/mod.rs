//! Foreign text on the screen: the one gate ([`safe()`]), how wide it is ([`width()`]), where its rows break ([`wrap()`]) and how a
//! row becomes styled spans ([`styled()`]).
//!
//! Everything here is pure and linear in the length of the text. Nothing here knows what a step or a score is.

mod cluster;
mod safe;
mod styled;
mod width;
mod wrap;

pub use cluster::{Clusters, clusters};
pub use safe::{Safe, safe, safe_line};
pub use styled::{Run, mark_runs, styled};
pub use width::{Ambiguous, Glyphs, clip, pad, put, width};
pub use wrap::{Row, WrapCache, WrapOptions, Wrapped, unwrapped, wrap};
