//! Scoring families: how text is put together for a model, where its states are read, and how they become scores.
//!
//! A family is one file and one row of [`FAMILIES`]. It is found by what the checkpoint says about itself, never by its
//! `model_type`, which several families share.

mod qwen_prm;

use candle_core::Tensor;

use super::PrmError;
use super::checkpoint::{Checkpoint, Layout, Weights};
use super::config::DecoderConfig;
use super::request::PrmRequest;
use super::tokens::{NodeTokens, TokenTree};
use crate::trace::{Semantics, StepScore};

/// All known families; the first that fits is taken.
pub(super) static FAMILIES: &[&dyn Family] = &[&qwen_prm::QwenPrm];

/// The score of one read position, or why there is none.
pub(super) type RowScore = Result<StepScore, String>;

/// One way of turning steps into scores.
pub(super) trait Family: Sync {
    /// Short stable name.
    fn name(&self) -> &'static str;
    /// One line for people: which models, and the source of the convention.
    fn doc(&self) -> &'static str;
    /// What [`Self::fingerprint`] looks at, for the message that nothing fits.
    fn looks_for(&self) -> &'static str;
    /// The evidence that a checkpoint is of this family.
    fn fingerprint(&self, checkpoint: &Checkpoint) -> Option<String>;
    /// What the scores mean.
    fn semantics(&self) -> Semantics;
    /// Scores below it count as an error.
    fn threshold(&self) -> f64;
    /// The tensors of the score head.
    fn head(&self, config: &DecoderConfig) -> Layout;
    /// Builds the convention from the checked checkpoint and its loaded weights.
    fn load(
        &self,
        checkpoint: &Checkpoint,
        weights: &mut Weights,
        config: &DecoderConfig,
    ) -> Result<Box<dyn Convention>, PrmError>;
    /// Checks what can be checked without weights: tokens, mostly.
    fn check(&self, checkpoint: &Checkpoint, config: &DecoderConfig) -> Result<(), PrmError>;
}

/// A family with the tokenizer and head of one checkpoint.
pub(super) trait Convention: Send {
    /// The tokens of a request and the positions at which states are read.
    fn plan(&self, request: &PrmRequest) -> Result<TokenTree, PrmError>;
    /// The scores of some nodes of a plan; a node without a finite score has a reason. `states` holds the hidden states of each decoder,
    /// `(rows, hidden)`, with one row for each read position of the nodes, in their order.
    fn readout(&self, nodes: &[&NodeTokens], states: &[Tensor]) -> Result<Vec<RowScore>, PrmError>;
}

/// The family of a checkpoint, with the evidence.
pub(super) fn detect(checkpoint: &Checkpoint) -> Result<(&'static dyn Family, String), PrmError> {
    let fits = FAMILIES.iter().find_map(|f| f.fingerprint(checkpoint).map(|evidence| (*f, evidence)));
    fits.ok_or_else(|| PrmError::UnknownFamily {
        place: checkpoint.place.clone(),
        looked: looked_for(),
        found: found(checkpoint),
    })
}

fn looked_for() -> String {
    FAMILIES.iter().map(|f| format!("{} ({})", f.looks_for(), f.name())).collect::<Vec<_>>().join("; ")
}

/// What a checkpoint says about itself: class, type, and the tensors that do not belong to the decoder.
fn found(checkpoint: &Checkpoint) -> String {
    let model_type = checkpoint.config.get("model_type").and_then(|v| v.as_str()).unwrap_or("");
    let tensors = checkpoint.shards.iter().flat_map(|s| &s.tensors);
    let heads: Vec<String> =
        tensors.filter(|t| !t.name.starts_with("model.")).take(8).map(|t| format!("{:?} {:?}", t.name, t.shape)).collect();
    let heads = if heads.is_empty() { "none".to_owned() } else { heads.join(", ") };
    format!("architectures {:?}, model_type {model_type:?}, tensors beside the decoder: {heads}", checkpoint.architecture())
}
