//! A decoder as a measure of likeness: the direction in which the states over a step point, averaged over its tokens. It judges nothing, and a
//! score head is not read, so that any decoder will do.

use std::ops::ControlFlow;

use candle_core::Tensor;

use super::PrmError;
use super::bare::{Bare, BareFiles};
use super::pass::{Pass, Work};
use super::reader::Met;
use super::request::{CheckpointSource, Device, PrmRequest, ScoreStats};
use super::tokenizer::{Part, Vocabulary};
use super::tokens::{NodeTokens, Plan, TokenTree};
use crate::analysis::alike::Vector;

/// What stands behind the problem and between two steps. Without a problem it stands there all the same: the state of the first token of a text
/// says that it is the first one, and nothing else.
const SEPARATOR: &str = "\n\n";

/// A decoder in memory.
pub struct Embedder {
    decoder: Bare,
    vocabulary: Vocabulary,
    /// Stands before everything.
    first: Option<u32>,
}

/// The direction of a step, or why there is none.
pub type Direction = Result<Vector, String>;

impl std::fmt::Debug for Embedder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Embedder").field("name", &self.decoder.name()).finish_non_exhaustive()
    }
}

impl Embedder {
    /// Loads the decoder of a checkpoint.
    pub fn load(source: &CheckpointSource, device: Device) -> Result<Self, PrmError> {
        let mut files = BareFiles::open(source, device)?;
        let first = files.checkpoint.special_token("bos_token");
        let first = first.map(|token| files.vocabulary.control(&token)).transpose()?;
        let (decoder, vocabulary, ()) = files.load("vectors 1", |_| Vec::new(), |_, _| Ok(()))?;
        Ok(Self { decoder, vocabulary, first })
    }

    /// What is known about the decoder.
    pub fn decoder(&self) -> &Bare {
        &self.decoder
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
        let plan = Plan::new(request, &tree, self.decoder.context())?;
        let work = Work { request, tree: &tree, plan: &plan };
        self.decoder.reader.each(work, &mut |met| match met {
            Met::Blocked(node, reason) => Ok(on(node, Err(reason.to_owned()))),
            Met::Read(pass) => Ok(means(request, &pass)?.into_iter().try_for_each(|(node, direction)| on(node, direction))),
        })
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
