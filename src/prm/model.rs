//! A loaded model and the walk over a request tree.

use std::fmt;
use std::ops::ControlFlow;

use super::PrmError;
use super::checkpoint::{Checkpoint, available_memory, parameters};
use super::config::DecoderConfig;
use super::decoder::{self, Decoder};
use super::families::{Judge, Opened, RowScore};
use super::request::{CheckpointSource, ModelInfo, NodeScore, PrmRequest, ScoreStats};
use super::tokens::{NodeTokens, Plan, TokenTree};

/// A process reward model in memory.
pub struct Prm {
    info: ModelInfo,
    /// One decoder, or two where the score is a ratio of two models; all read the same tokens.
    decoders: Vec<Decoder>,
    judge: Judge,
    /// The tokens whose keys and values the decoders hold.
    cached: Vec<u32>,
    /// Tokens of one pass, after which scores come out.
    run: usize,
}

impl fmt::Debug for Prm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prm").field("info", &self.info).finish_non_exhaustive()
    }
}

impl Prm {
    /// Loads a checkpoint. Nothing large is read before the family is known, every tensor has the shape that the configuration
    /// says, the special tokens are there, and the model fits into free memory.
    pub fn load(source: &CheckpointSource) -> Result<Self, PrmError> {
        let mut checkpoint = Checkpoint::open(source)?;
        let opened = Opened::new(&checkpoint)?;
        let config = opened.config.clone();
        let mut layout = decoder::layout(&config);
        layout.extend(opened.head());
        checkpoint.check(&layout)?;
        let parameters = parameters(&layout);
        enough_memory(&checkpoint.place, parameters, memory_needed(parameters, &config), available_memory())?;
        let dtype = checkpoint.dtypes(&layout);
        let (mut weights, key) = checkpoint.load(&layout, &opened.identity())?;
        let info = ModelInfo {
            name: checkpoint.name.clone(),
            family: opened.family.name,
            model: opened.settings.preset.name,
            meaning: opened.settings.meaning,
            context: config.context,
            parameters,
            dtype,
            key,
            embedded: checkpoint.embedded,
        };
        let judge = opened.load(&mut weights)?;
        let decoders = vec![Decoder::load(config, &mut weights)?];
        Ok(Self { info, decoders, judge, cached: Vec::new(), run: run_length(parameters) })
    }

    /// What is known about the model.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// The tokens of a request, as they would be scored.
    pub fn tokens(&self, request: &PrmRequest) -> Result<TokenTree, PrmError> {
        self.judge.plan(request)
    }

    /// Scores the nodes of a request depth first. `on` is called once for each node, with its index in the request, as soon as its
    /// score is there; [`ControlFlow::Break`] ends the work after that node. Every token of the tree is computed once, and tokens
    /// that the request shares with the one before it (the same problem, the same first steps) not again.
    pub fn score(
        &mut self,
        request: &PrmRequest,
        on: &mut dyn FnMut(usize, NodeScore) -> ControlFlow<()>,
    ) -> Result<ScoreStats, PrmError> {
        let tree = self.judge.plan(request)?;
        let plan = Plan::new(request, &tree, self.info.context)?;
        let mut stats = ScoreStats { tokens: 0, unique_tokens: plan.unique };
        let mut path = tree.prefix.clone();
        let mut at = 0;
        while let Some(&first) = plan.order.get(at) {
            if let Some(reason) = &plan.blocked[first] {
                at += 1;
                if on(first, NodeScore::NotScored(reason.clone())).is_break() {
                    break;
                }
                continue;
            }
            let (run, scores) = self.run(request, &tree, &plan, at, &mut path, &mut stats)?;
            at += run.len();
            for (&node, score) in run.iter().zip(scores) {
                let score = score.map_or_else(NodeScore::NotScored, NodeScore::Score);
                if on(node, score).is_break() {
                    return Ok(stats);
                }
            }
        }
        Ok(stats)
    }

    /// One pass of the decoder over a chain of nodes from place `at` of the order; `path` holds the tokens up to its first node.
    fn run<'p>(
        &mut self,
        request: &PrmRequest,
        tree: &TokenTree,
        plan: &'p Plan,
        at: usize,
        path: &mut Vec<u32>,
        stats: &mut ScoreStats,
    ) -> Result<(&'p [usize], Vec<RowScore>), PrmError> {
        let first = plan.order[at];
        path.truncate(plan.start[first]);
        let known = common(path, &self.cached);
        let run = plan.run(request, tree, at, known, self.run);
        let mut reads = Vec::with_capacity(run.len());
        let nodes: Vec<&NodeTokens> = run.iter().filter_map(|&node| tree.nodes[node].as_ref().ok()).collect();
        for tokens in &nodes {
            reads.extend(tokens.read.iter().filter_map(|&r| path.len().checked_add_signed(r)));
            path.extend(tokens.ids.iter().chain(&tokens.tail));
        }
        // The state of a position is there only in the pass that computes it, so the first read position is always new.
        let known = common(path, &self.cached).min(reads.first().copied().unwrap_or(path.len()));
        let relative: Vec<usize> = reads.iter().map(|r| r - known).collect();
        self.cached.truncate(known);
        let mut hidden = Vec::with_capacity(self.decoders.len());
        for decoder in &mut self.decoders {
            decoder.truncate(known);
            hidden.push(decoder.forward(&path[known..], &relative)?);
        }
        self.cached.extend(&path[known..]);
        stats.tokens += path.len() - known;
        Ok((run, self.judge.scores(&nodes, &hidden)?))
    }
}

/// Length of the common prefix.
fn common(a: &[u32], b: &[u32]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// Tokens of one pass: the larger the model, the shorter the wait for the next scores must be kept. Fixed numbers, not measured ones,
/// so that the same request is always computed in the same way.
fn run_length(parameters: u64) -> usize {
    match parameters {
        0..100_000_000 => 256,
        100_000_000..1_000_000_000 => 128,
        _ => 64,
    }
}

/// Bytes for weights as f32, and for cache and activations of a solution of up to 8,192 tokens (longer contexts are rarely filled).
pub(super) fn memory_needed(parameters: u64, config: &DecoderConfig) -> u64 {
    let tokens = config.context.min(8192);
    let cache = config.kv_bytes().saturating_mul(tokens as u64);
    parameters.saturating_mul(4).saturating_add(cache).saturating_add(decoder::working_bytes(config, tokens))
}

fn enough_memory(place: &str, parameters: u64, needed: u64, available: Option<u64>) -> Result<(), PrmError> {
    match available {
        Some(available) if needed > available => Err(PrmError::Memory { place: place.to_owned(), parameters, needed, available }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_larger_than_free_memory_is_refused_with_both_numbers() {
        let error = enough_memory("dir", 7_000_000_000, 30_500_000_000, Some(12_000_000_000)).unwrap_err().to_string();
        assert_eq!(error, "dir: the model needs about 30.5 GB of memory (7000000000 parameters as f32), 12.0 GB are free");
        assert!(enough_memory("dir", 1, 10, Some(10)).is_ok());
        assert!(enough_memory("dir", 1, 10, None).is_ok());
    }
}
