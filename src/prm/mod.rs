//! Process reward models that run in this program: checkpoint folder -> decoder -> score head, and the small built-in one that needs no
//! inference engine ([`features`]).
//!
//! [`Prm::load`] finds the family of a checkpoint by what it says about itself and checks every file before it is used;
//! [`Prm::score`] walks a request tree depth first and computes every token once. Nothing here knows the screen, labels or files of traces.

#[cfg(feature = "candle")]
mod attention;
#[cfg(feature = "candle")]
mod bare;
#[cfg(feature = "candle")]
mod checkpoint;
#[cfg(feature = "candle")]
mod config;
#[cfg(feature = "candle")]
mod critic;
#[cfg(feature = "candle")]
mod decoder;
#[cfg(feature = "candle")]
mod embedder;
mod error;
#[cfg(feature = "candle")]
mod families;
pub mod features;
#[cfg(feature = "candle")]
mod generate;
#[cfg(feature = "candle")]
mod gguf;
#[cfg(feature = "candle")]
mod head;
#[cfg(feature = "candle")]
mod inspect;
#[cfg(feature = "candle")]
mod kernels;
#[cfg(feature = "candle")]
mod linear;
#[cfg(feature = "candle")]
mod lined;
#[cfg(feature = "candle")]
mod lora;
#[cfg(feature = "candle")]
mod matrices;
#[cfg(feature = "candle")]
mod model;
#[cfg(feature = "candle")]
mod ops;
#[cfg(feature = "candle")]
pub(crate) mod outline;
#[cfg(feature = "candle")]
mod packed;
#[cfg(feature = "candle")]
mod pass;
#[cfg(feature = "candle")]
mod prefix;
#[cfg(feature = "candle")]
mod reader;
#[cfg(feature = "candle")]
mod readout;
mod request;
#[cfg(feature = "candle")]
mod safetensors;
#[cfg(feature = "candle")]
mod tokenizer;
#[cfg(feature = "candle")]
mod tokens;
#[cfg(feature = "candle")]
mod trainer_tokens;

#[cfg(feature = "candle")]
pub use bare::Bare;
#[cfg(feature = "candle")]
pub use embedder::{Direction, Embedder};
pub use error::PrmError;
#[cfg(feature = "candle")]
pub use families::sampler::Sampler;
#[cfg(feature = "candle")]
pub use inspect::{Inspection, inspect};
#[cfg(feature = "candle")]
pub(crate) use kernels::check_setting;
#[cfg(feature = "candle")]
pub use model::Prm;
#[cfg(feature = "candle")]
pub use packed::{PackedFile, pack};
#[cfg(feature = "candle")]
pub(crate) use readout::Readout;
pub use request::{Beginning, CheckpointSource, Device, ModelInfo, NodeScore, PrmNode, PrmRequest, Sample, ScoreStats};
#[cfg(feature = "candle")]
pub use tokens::{NodeTokens, TokenTree};
#[cfg(feature = "candle")]
pub use trainer_tokens::TrainerTokens;

/// A model that can be run, as `stepscope models` lists it.
#[cfg(feature = "candle")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KnownModel {
    /// Name of its family.
    pub family: &'static str,
    /// How the family reads steps.
    pub reading: &'static str,
    /// Name of its settings.
    pub model: &'static str,
    /// Which published models.
    pub models: &'static str,
    /// What the scores mean.
    pub meaning: crate::analysis::meaning::Meaning,
}

/// All models of all families.
#[cfg(feature = "candle")]
pub fn known_models() -> impl Iterator<Item = KnownModel> {
    families::FAMILIES.iter().flat_map(|family| {
        family.presets.iter().map(|preset| KnownModel {
            family: family.name,
            reading: family.about,
            model: preset.name,
            models: preset.models,
            meaning: preset.meaning,
        })
    })
}
