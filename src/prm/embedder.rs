//! A decoder as a measure of likeness: the direction in which the states over a step point, averaged over its tokens. It judges nothing, and a
//! score head is not read, so that any decoder will do.

use std::ops::ControlFlow;

use candle_core::Tensor;

use super::PrmError;
use super::checkpoint::{Checkpoint, Layout, available_memory, parameters};
use super::config::DecoderConfig;
use super::decoder::Target;
use super::kernels::Level;
use super::matrices;
use super::model::{enough_memory, memory_needed, prefix_bytes, run_length};
use super::pass::{Pass, Work};
use super::reader::Reader;
use super::request::{CheckpointSource, Device, PrmRequest, ScoreStats};
use super::tokenizer::{Part, Vocabulary};
use super::tokens::{NodeTokens, Plan, TokenTree};
use crate::analysis::alike::Vector;

/// What stands behind the problem and between two steps. Without a problem it stands there all the same: the state of the first token of a text
/// says that it is the first one, and nothing else.
const SEPARATOR: &str = "\n\n";

/// A decoder in memory.
pub struct Embedder {
    name: String,
    key: String,
    computes: String,
    context: usize,
    vocabulary: Vocabulary,
    /// Stands before everything.
    first: Option<u32>,
    reader: Reader,
}

/// The direction of a step, or why there is none.
pub type Direction = Result<Vector, String>;

impl std::fmt::Debug for Embedder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Embedder").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Embedder {
    /// Loads the decoder of a checkpoint. As with a process reward model, nothing large is read before the files are known to be what they should
    /// be and the model to fit into free memory.
    pub fn load(source: &CheckpointSource, device: Device) -> Result<Self, PrmError> {
        Level::allowed()?;
        let target = Target::open(device)?;
        let mut checkpoint = Checkpoint::open(source)?;
        let config = DecoderConfig::read(&checkpoint.config, &checkpoint.config_file)?;
        let mut vocabulary = Vocabulary::load(&checkpoint.tokenizer_bytes, &checkpoint.tokenizer_file, config.vocab)?;
        let first = checkpoint.special_token("bos_token").map(|token| vocabulary.control(&token)).transpose()?;
        let layout: Layout = matrices::layout(&config);
        checkpoint.check(&layout)?;
        let count = parameters(&layout);
        let precision = target.precision(&checkpoint.dtypes(&layout), count);
        let (needed, available) = (memory_needed(count, &config, precision), available_memory());
        enough_memory(&checkpoint.place, count, needed, available)?;
        let (mut weights, key) = checkpoint.load(&layout, &format!("vectors 1\n{}", precision.name()), &target)?;
        let context = config.context;
        let decoder = target.load(config, &mut weights, precision)?;
        let reader = Reader::new(vec![decoder], prefix_bytes(needed, available), run_length(count, precision));
        let computes = precision.name().to_owned();
        Ok(Self { name: checkpoint.name.clone(), key, computes, context, vocabulary, first, reader })
    }

    /// Name for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Identity of weights, configuration, tokenizer and of the way in which vectors are made.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Numbers that it computes with.
    pub fn computes(&self) -> &str {
        &self.computes
    }

    /// Longest text in tokens.
    pub fn context(&self) -> usize {
        self.context
    }

    fn plan(&self, request: &PrmRequest) -> Result<TokenTree, PrmError> {
        let lead = Part::Text(format!("{}{SEPARATOR}", request.problem));
        let prefix = self.vocabulary.ids(self.first.map(Part::Control).iter().chain([&lead]));
        let prefix = prefix.map_err(|message| PrmError::Request(format!("problem text: {message}")))?;
        let node = |text: &str| {
            let own = self.vocabulary.encode(text)?;
            if own.is_empty() {
                return Err("the step has no token".to_owned());
            }
            let read = (0..own.len().cast_signed()).collect();
            let ids = [own, self.vocabulary.encode(SEPARATOR)?].concat();
            Ok(NodeTokens { ids, tail: Vec::new(), read })
        };
        Ok(TokenTree { prefix, nodes: request.nodes.iter().map(|n| node(&n.text)).collect() })
    }

    /// The directions of the nodes of a request, depth first. `on` is called with the index of each node that is not known;
    /// [`ControlFlow::Break`] ends the work there. A step is read behind the problem and the steps before it; one that is to be read alone stands in
    /// a request without a problem, without a parent.
    pub fn directions(
        &mut self,
        request: &PrmRequest,
        on: &mut dyn FnMut(usize, Direction) -> ControlFlow<()>,
    ) -> Result<ScoreStats, PrmError> {
        let tree = self.plan(request)?;
        let plan = Plan::new(request, &tree, self.context)?;
        let work = Work { request, tree: &tree, plan: &plan };
        let mut stats = ScoreStats { tokens: 0, unique_tokens: plan.unique, naive_tokens: plan.naive };
        let mut at = 0;
        while let Some(&first) = plan.order.get(at) {
            if let Some(reason) = &plan.blocked[first] {
                at += 1;
                if !request.nodes[first].known && on(first, Err(reason.clone())).is_break() {
                    break;
                }
                continue;
            }
            let pass = self.reader.pass(work, at)?;
            at += pass.nodes.len();
            stats.tokens += pass.ids.len();
            for (node, direction) in means(request, &pass)? {
                if on(node, direction).is_break() {
                    return Ok(stats);
                }
            }
        }
        Ok(stats)
    }
}

/// For each wanted node of a pass the mean of its states.
fn means(request: &PrmRequest, pass: &Pass) -> Result<Vec<(usize, Direction)>, PrmError> {
    let Some(states) = pass.states.first() else { return Ok(Vec::new()) };
    let (mut row, mut found) = (0, Vec::new());
    for placed in &pass.nodes {
        let rows = row..row + placed.reads.len();
        row = rows.end;
        if !request.nodes[placed.node].known {
            let direction = mean(&states.narrow(0, rows.start, rows.len())?)?;
            found.push((placed.node, direction.ok_or_else(|| "its states have no direction".to_owned())));
        }
    }
    Ok(found)
}

/// The direction of the mean of states `(rows, hidden)`.
fn mean(states: &Tensor) -> Result<Option<Vector>, PrmError> {
    let rows: Vec<Vec<f32>> = states.to_vec2()?;
    let mut sums = vec![0.0; rows.first().map_or(0, Vec::len)];
    for row in &rows {
        for (sum, number) in sums.iter_mut().zip(row) {
            *sum += f64::from(*number);
        }
    }
    Ok(Vector::of(&sums))
}
