//! Process reward models that run in this program: checkpoint folder -> decoder -> score head, and the small built-in one that needs no
//! inference engine ([`features`]).
//!
//! [`Prm::load`] finds the family of a checkpoint by what it says about itself and checks every file before it is used;
//! [`Prm::score`] walks a request tree depth first and computes every token once. Nothing here knows the screen, labels or files of traces.

#[cfg(feature = "candle")]
mod checkpoint;
#[cfg(feature = "candle")]
mod config;
#[cfg(feature = "candle")]
mod decoder;
mod error;
#[cfg(feature = "candle")]
mod families;
pub mod features;
#[cfg(feature = "candle")]
#[allow(dead_code, reason = "the families that read the vocabulary come next")]
mod head;
#[cfg(feature = "candle")]
mod inspect;
#[cfg(feature = "candle")]
mod model;
#[cfg(feature = "candle")]
mod ops;
mod request;
#[cfg(feature = "candle")]
mod safetensors;
#[cfg(feature = "candle")]
mod tokenizer;
#[cfg(feature = "candle")]
mod tokens;

pub use error::PrmError;
#[cfg(feature = "candle")]
pub use inspect::{Inspection, inspect};
#[cfg(feature = "candle")]
pub use model::Prm;
pub use request::{CheckpointSource, ModelInfo, NodeScore, PrmNode, PrmRequest, ScoreStats};
#[cfg(feature = "candle")]
pub use tokens::{NodeTokens, TokenTree};

/// Name and one line about each scoring family, in the order they are tried.
#[cfg(feature = "candle")]
pub fn known_families() -> impl Iterator<Item = (&'static str, &'static str)> {
    families::FAMILIES.iter().map(|family| (family.name(), family.doc()))
}

/// Bytes as hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, b| {
        let _ = write!(text, "{b:02x}");
        text
    })
}
