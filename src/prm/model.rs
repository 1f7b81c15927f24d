//! A loaded model and the walk over a request tree.

use std::fmt::{self, Write as _};
use std::ops::ControlFlow;

use super::PrmError;
use super::checkpoint::{Checkpoint, Layout, available_memory, parameters};
use super::config::DecoderConfig;
use super::critic::Memory;
use super::decoder::{self, Decoder, Target};
use super::families::{Explained, Judge, Opened, Reference};
use super::head::LmHead;
use super::kernels::Level;
use super::linear::Precision;
use super::lora::Adapter;
use super::pass::{Pass, Work};
use super::reader::{Met, Reader};
use super::request::{CheckpointSource, Device, ModelInfo, NodeScore, PrmRequest, ScoreStats};
use super::tokens::{NodeTokens, Plan, TokenTree};

/// A process reward model in memory.
pub struct Prm {
    pub(super) info: ModelInfo,
    pub(super) judge: Judge,
    pub(super) reader: Reader,
    /// What a critic wrote about earlier steps.
    pub(super) critiques: Memory,
}

impl fmt::Debug for Prm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prm").field("info", &self.info).finish_non_exhaustive()
    }
}

impl Opened {
    /// Parameters in use, of both models where there are two, and bytes of memory to run them.
    pub(super) fn size(&self, layout: &Layout, dtype: &str, target: &Target) -> (u64, u64) {
        let one = |layout: &Layout, config: &DecoderConfig, dtype: &str| {
            let count = parameters(layout);
            (count, memory_needed(count, config, target.precision(dtype, count)))
        };
        let own = one(layout, &self.config, dtype);
        let second = self.reference.as_ref().map_or((0, 0), |r| one(&r.layout, &r.config, &r.checkpoint.dtypes(&r.layout)));
        (own.0 + second.0, own.1.saturating_add(second.1))
    }
}

impl Reference {
    /// The second model; its key becomes part of what names the scores.
    fn load(mut self, identity: &mut String, target: &Target) -> Result<(Box<dyn Decoder>, LmHead), PrmError> {
        let precision = target.precision(&self.checkpoint.dtypes(&self.layout), parameters(&self.layout));
        let (mut weights, key) = self.checkpoint.load(&self.layout, "reference", target)?;
        let _ = write!(identity, "\nreference {key}");
        let head = LmHead::load(&mut weights, &self.config)?;
        Ok((target.load(self.config, &mut weights, precision)?, head))
    }
}

impl Prm {
    /// Loads a checkpoint, to be computed on the processor.
    pub fn load(source: &CheckpointSource) -> Result<Self, PrmError> {
        Self::load_on(source, Device::Cpu)
    }

    /// Loads a checkpoint. Nothing large is read before the device is open, the family is known, every tensor has the shape that the
    /// configuration says, the special tokens are there, and the model fits into free memory (that of a device is not looked at).
    pub fn load_on(source: &CheckpointSource, device: Device) -> Result<Self, PrmError> {
        Level::allowed()?;
        let mut prm = Self::load_by(source, &Target::open(device)?)?;
        if device != Device::Cpu {
            let _ = write!(prm.info.computes, " on {device}");
        }
        Ok(prm)
    }

    fn load_by(source: &CheckpointSource, target: &Target) -> Result<Self, PrmError> {
        let mut checkpoint = Checkpoint::open(source)?;
        let mut opened = Opened::new(&checkpoint)?;
        let config = opened.config.clone();
        let layout = opened.layout();
        checkpoint.check(&layout)?;
        let dtype = checkpoint.dtypes(&layout);
        let (count, needed) = opened.size(&layout, &dtype, target);
        let precision = target.precision(&dtype, parameters(&layout));
        let needed = needed + checkpoint.adapter.as_ref().map_or(0, Adapter::bytes);
        let available = available_memory();
        enough_memory(&checkpoint.place, count, needed, available)?;
        let mut identity = match precision {
            Precision::F32 => opened.identity(),
            Precision::Bf16 | Precision::Q8 => format!("{}\n{}", opened.identity(), precision.name()),
        };
        if let Target::Tensors(_) = target {
            // Sums in another order: close, not equal.
            identity.push_str("\ntensors");
        }
        let second = opened.reference.take().map(|reference| reference.load(&mut identity, target)).transpose()?;
        let (second, head) = second.unzip();
        let (mut weights, key) = checkpoint.load(&layout, &identity, target)?;
        let info = ModelInfo {
            name: checkpoint.name.clone(),
            family: opened.family.name,
            model: opened.settings.preset.name,
            meaning: opened.settings.meaning,
            context: config.context,
            parameters: count,
            dtype,
            computes: precision.name().to_owned(),
            key,
            embedded: checkpoint.embedded,
        };
        let judge = opened.load(&mut weights, head)?;
        let decoders: Vec<Box<dyn Decoder>> = [target.load(config, &mut weights, precision)?].into_iter().chain(second).collect();
        let reader = Reader::new(decoders, prefix_bytes(needed, available), run_length(count, precision));
        Ok(Self { info, judge, reader, critiques: Memory::default() })
    }

    /// What is known about the model.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// Sets how many bytes of keys and values of earlier tokens are kept, and forgets those of now. Scores do not depend on it.
    pub fn remember_prefixes(&mut self, bytes: u64) {
        self.reader.remember_prefixes(bytes);
    }

    /// The tokens of a request, as they would be scored.
    pub fn tokens(&self, request: &PrmRequest) -> Result<TokenTree, PrmError> {
        self.judge.plan(request)
    }

    /// Scores the nodes of a request depth first. `on` is called with the index of each node that is not known as soon as its score is there,
    /// once, and before that with what explains the score; [`ControlFlow::Break`] ends the work there. Every token of the tree is computed once, and
    /// tokens that an earlier request began with (the same problem, the same first steps) not again while they are remembered.
    pub fn score(
        &mut self,
        request: &PrmRequest,
        on: &mut dyn FnMut(usize, NodeScore) -> ControlFlow<()>,
    ) -> Result<ScoreStats, PrmError> {
        let tree = self.judge.plan(request)?;
        let plan = Plan::new(request, &tree, self.info.context)?;
        if self.judge.critic().is_some() {
            return self.criticise(request, &plan, on);
        }
        let work = Work { request, tree: &tree, plan: &plan };
        let Self { judge, reader, .. } = self;
        reader.each(work, &mut |met| match met {
            Met::Blocked(node, reason) => Ok(on(node, NodeScore::NotScored(reason.to_owned()))),
            Met::Read(pass) => Ok(readout(judge, work, &pass)?.into_iter().try_for_each(|(node, (score, rationale))| {
                if let Some(rationale) = rationale {
                    on(node, NodeScore::Rationale(rationale))?;
                }
                on(node, score.map_or_else(NodeScore::NotScored, NodeScore::Score))
            })),
        })
    }
}

/// The scores of the nodes of a pass that are wanted.
fn readout(judge: &Judge, work: Work<'_>, pass: &Pass) -> Result<Vec<(usize, Explained)>, PrmError> {
    let wanted = pass.nodes.iter().map(|p| p.node).filter(|&n| !work.request.nodes[n].known);
    let (nodes, tokens): (Vec<usize>, Vec<&NodeTokens>) = wanted.filter_map(|n| Some((n, work.tokens(n)?))).unzip();
    if nodes.is_empty() {
        return Ok(Vec::new());
    }
    let scores = judge.scores(&tokens, &pass.states)?;
    if scores.len() != nodes.len() {
        return Err(PrmError::Compute(format!("{} scores came from {} steps", scores.len(), nodes.len())));
    }
    Ok(nodes.into_iter().zip(scores).collect())
}

/// Tokens of one pass: the larger the model, the shorter the wait for the next scores must be kept. Fixed numbers, not measured ones,
/// so that the same request is always computed in the same way.
pub(super) fn run_length(parameters: u64, precision: Precision) -> usize {
    let run = match parameters {
        0..100_000_000 => 256,
        100_000_000..1_000_000_000 => 128,
        _ => 64,
    };
    // With tiles, memory is slower than the products of few rows, the more so where weights are taken apart for them.
    let tiles = Level::of_processor() >= Level::Tiles;
    match (precision, parameters) {
        (Precision::F32, 100_000_000..1_000_000_000) if tiles => 4 * run,
        (Precision::F32, 1_000_000_000..) | (Precision::Bf16, _) if tiles => 2 * run,
        _ => run,
    }
}

/// Bytes for weights, and for cache and activations of a solution of up to 8,192 tokens (longer contexts are rarely filled).
pub(super) fn memory_needed(parameters: u64, config: &DecoderConfig, precision: Precision) -> u64 {
    let tokens = config.context.min(8192);
    let cache = config.kv_bytes().saturating_mul(tokens as u64);
    precision.bytes(parameters).saturating_add(cache).saturating_add(decoder::working_bytes(config, tokens))
}

/// Bytes of keys and values of earlier tokens that are kept: a quarter of what the model leaves free, and 1 GiB at most.
pub(super) fn prefix_bytes(needed: u64, available: Option<u64>) -> u64 {
    const MOST: u64 = 1 << 30;
    available.map_or(MOST / 4, |a| (a.saturating_sub(needed) / 4).min(MOST))
}

pub(super) fn enough_memory(place: &str, parameters: u64, needed: u64, available: Option<u64>) -> Result<(), PrmError> {
    match available {
        Some(available) if needed > available => Err(PrmError::Memory { place: place.to_owned(), parameters, needed, available }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::request::PrmNode;
    use super::*;

    #[test]
    fn a_model_larger_than_free_memory_is_refused_with_both_numbers() {
        let error = enough_memory("dir", 7_000_000_000, 30_500_000_000, Some(12_000_000_000)).unwrap_err().to_string();
        assert_eq!(error, "dir: the model needs about 30.5 GB of memory (7000000000 parameters), 12.0 GB are free");
        assert!(enough_memory("dir", 1, 10, Some(10)).is_ok());
        assert!(enough_memory("dir", 1, 10, None).is_ok());
    }

    /// A tree, and then an edit of it that goes on from what is remembered.
    #[test]
    fn tensors_score_a_tree_as_our_kernels_do() {
        let node = |parent: Option<usize>, text: &str| PrmNode { parent, text: text.to_owned(), ..PrmNode::default() };
        let nodes = vec![
            node(None, "There are 3 boxes of 4 pens, so 3 * 4 = 12 pens."),
            node(Some(0), "With 5 more pens that is 12 + 5 = 17."),
            node(Some(0), "With 5 more pens that is 12 + 5 = 18."),
            node(Some(2), "The answer is 18."),
            node(Some(1), "The answer is 17."),
        ];
        let tree = PrmRequest { problem: "How many pens are 3 boxes of 4 pens and 5 pens?".to_owned(), nodes };
        let mut edited = tree.clone();
        edited.nodes[4].text = "So there are 17 pens.".to_owned();
        let mut native = Prm::load(&CheckpointSource::Embedded).unwrap();
        let mut tensors = Prm::load_by(&CheckpointSource::Embedded, &Target::Tensors(candle_core::Device::Cpu)).unwrap();
        assert_ne!(native.info().key, tensors.info().key);
        for request in [&tree, &edited] {
            let (want, want_stats) = scores(&mut native, request);
            let (got, stats) = scores(&mut tensors, request);
            assert_eq!(stats, want_stats);
            assert_eq!(got.len(), 5);
            for ((node, got), (same, want)) in got.iter().zip(&want) {
                assert!(node == same && (got - want).abs() < 1e-4, "step {node}: {got}, {want} was expected");
            }
        }
    }

    fn scores(prm: &mut Prm, request: &PrmRequest) -> (Vec<(usize, f64)>, ScoreStats) {
        let mut scores = Vec::new();
        let stats = prm.score(request, &mut |node, score| {
            if let NodeScore::Score(score) = score {
                scores.push((node, score.value()));
            }
            ControlFlow::Continue(())
        });
        (scores, stats.unwrap())
    }
}
