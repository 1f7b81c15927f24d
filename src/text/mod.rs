//! Foreign text on the screen: the one gate ([`safe()`]), how wide it is ([`width()`]) and where its rows break ([`wrap()`]).
//!
//! Everything here is pure and linear in the length of the text. Nothing here knows what a step or a score is.

mod cluster;
mod safe;
mod width;
mod wrap;

pub use cluster::{Clusters, clusters};
pub use safe::{Safe, acts, safe, safe_line};
pub use width::{Ambiguous, Glyphs, clip, pad, width};
pub use wrap::{Row, WrapOptions, Wrapped, wrap, wrap_each};

/// So many things by the name of one: "1 step", "2 steps".
pub fn many(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// FNV-1a of some bytes, 64 bits: the same on every machine and in every run.
pub fn fnv1a(bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
