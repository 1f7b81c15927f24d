//! A decoder without a score head in memory: what a language model that writes and one that measures likeness have in common.

use super::PrmError;
use super::checkpoint::{Checkpoint, Layout, Weights, available_memory, parameters};
use super::config::DecoderConfig;
use super::decoder::Target;
use super::kernels::Level;
use super::matrices;
use super::model::{enough_memory, memory_needed, prefix_bytes, run_length};
use super::reader::Reader;
use super::request::{CheckpointSource, Device};
use super::tokenizer::Vocabulary;

/// A decoder that judges nothing.
pub struct Bare {
    name: String,
    key: String,
    computes: &'static str,
    pub(super) context: usize,
    pub(super) reader: Reader,
}

impl Bare {
    /// Name for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Identity of weights, configuration, tokenizer and of the way in which they are used.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Numbers that it computes with.
    pub fn computes(&self) -> &'static str {
        self.computes
    }

    /// Longest text in tokens.
    pub fn context(&self) -> usize {
        self.context
    }
}

/// The files of a decoder, of which nothing large was read yet.
pub(super) struct BareFiles {
    target: Target,
    pub(super) checkpoint: Checkpoint,
    config: DecoderConfig,
    pub(super) vocabulary: Vocabulary,
}

impl BareFiles {
    /// Reads configuration and tokenizer.
    pub(super) fn open(source: &CheckpointSource, device: Device) -> Result<Self, PrmError> {
        Level::allowed()?;
        let target = Target::open(device)?;
        let checkpoint = Checkpoint::open(source)?;
        let config = DecoderConfig::read(&checkpoint.config, &checkpoint.config_file)?;
        let vocabulary = Vocabulary::load(&checkpoint.tokenizer_bytes, &checkpoint.tokenizer_file, config.vocab)?;
        Ok(Self { target, checkpoint, config, vocabulary })
    }

    /// Reads the weights. As with a process reward model, nothing large is read before the files are known to be what they should be and the
    /// model to fit into free memory. `convention` names the way in which it is used; a head stands on tensors of its own, `more`, and is taken
    /// out before the decoder takes the embedding.
    pub(super) fn load<H>(
        self,
        convention: &str,
        more: impl FnOnce(&DecoderConfig) -> Layout,
        head: impl FnOnce(&mut Weights, &DecoderConfig) -> Result<H, PrmError>,
    ) -> Result<(Bare, Vocabulary, H), PrmError> {
        let Self { target, mut checkpoint, config, vocabulary } = self;
        let layout: Layout = matrices::layout(&config).into_iter().chain(more(&config)).collect();
        checkpoint.check(&layout)?;
        let count = parameters(&layout);
        let precision = target.precision(&checkpoint.dtypes(&layout), count);
        let (needed, available) = (memory_needed(count, &config, precision), available_memory());
        enough_memory(&checkpoint.place, count, needed, available)?;
        let (mut weights, key) = checkpoint.load(&layout, &format!("{convention}\n{}", precision.name()), &target)?;
        let head = head(&mut weights, &config)?;
        let context = config.context;
        let decoder = target.load(config, &mut weights, precision)?;
        let reader = Reader::new(vec![decoder], prefix_bytes(needed, available), run_length(count, precision));
        let bare = Bare { name: checkpoint.name.clone(), key, computes: precision.name(), context, reader };
        Ok((bare, vocabulary, head))
    }
}
