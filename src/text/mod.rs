//! Foreign text on the screen: the one gate ([`safe()`]), how wide it is ([`width()`]) and where its rows break ([`wrap()`]).
//!
//! Everything here is pure and linear in the length of the text. Nothing here knows what a step or a score is.

mod cluster;
mod safe;
mod width;
mod wrap;

pub use cluster::{Clusters, clusters};
pub use safe::{Safe, safe, safe_line};
pub use width::{Ambiguous, Glyphs, clip, pad, width};
pub use wrap::{Row, WrapCache, WrapOptions, Wrapped, unwrapped, wrap, wrap_each};
