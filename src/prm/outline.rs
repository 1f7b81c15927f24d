//! A model whose decoder runs elsewhere: tokens and read positions are ours, and so is what becomes of the numbers.

use candle_core::{Device, Tensor};
use sha2::{Digest, Sha256};

use super::PrmError;
use super::checkpoint::Checkpoint;
use super::decoder::Target;
use super::families::{Opened, RowScore};
use super::readout::{Head, Readout};
use super::request::{CheckpointSource, ModelInfo, PrmRequest};
use super::tokens::Plan;
use crate::text::hex;

/// The text side of a checkpoint, and its head where that is applied here.
pub(crate) struct Outline {
    opened: Opened,
    head: Option<Head>,
    info: ModelInfo,
}

/// The tokens of one path, and which node is read where.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct PathTokens {
    /// From the first token of the prompt to the last one of interest.
    pub(crate) ids: Vec<u32>,
    /// Position in `ids` and index of the node, ascending by position.
    pub(crate) reads: Vec<(usize, usize)>,
}

/// What a request asks of a server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Paths {
    /// The paths.
    pub(crate) list: Vec<PathTokens>,
    /// Nodes that cannot be scored, with the reason.
    pub(crate) left_out: Vec<(usize, String)>,
    /// Tokens of the tree with every node counted once.
    pub(crate) unique: usize,
}

impl Outline {
    /// Opens configuration and tokenizer of a checkpoint; its weights may be missing. With `with_head` the tensors of the head are read
    /// too. `place` names the server: scores of different servers are kept apart.
    pub(crate) fn open(source: &CheckpointSource, with_head: bool, place: &str) -> Result<Self, PrmError> {
        let mut checkpoint = if with_head { Checkpoint::open(source)? } else { Checkpoint::open_text(source)? };
        let opened = Opened::new(&checkpoint)?;
        let mut key = Sha256::new();
        key.update(place);
        key.update(checkpoint.text_digest(&opened.identity()));
        let head = if with_head {
            let layout = opened.head();
            checkpoint.check(&layout)?;
            let (mut weights, of_weights) = checkpoint.load(&layout, &opened.identity(), &Target::Native)?;
            key.update(of_weights);
            Some(opened.convention.readout().load(&mut weights, &opened.config, None)?)
        } else {
            None
        };
        let info = ModelInfo {
            name: checkpoint.name.clone(),
            family: opened.family.name,
            model: opened.settings.preset.name,
            meaning: opened.settings.meaning,
            context: opened.config.context,
            parameters: 0,
            dtype: String::new(),
            computes: "elsewhere".to_owned(),
            key: hex(&key.finalize()),
            embedded: checkpoint.embedded,
        };
        Ok(Self { opened, head, info })
    }

    /// What is known about the model.
    pub(crate) fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// What is read at the read positions.
    pub(crate) fn readout(&self) -> Readout {
        self.opened.convention.readout()
    }

    /// The paths that lead through all nodes without a known score, each node read once.
    pub(crate) fn paths(&self, request: &PrmRequest) -> Result<Paths, PrmError> {
        let tree = self.opened.convention.plan(request)?;
        let plan = Plan::new(request, &tree, self.info.context)?;
        let (mut paths, mut left_out): (Vec<PathTokens>, Vec<(usize, String)>) = (Vec::new(), Vec::new());
        // The path up to the node before, without tails; `reads` of it that no finished path holds.
        let mut path = PathTokens { ids: tree.prefix.clone(), reads: Vec::new() };
        let mut before: Option<usize> = None;
        for &node in &plan.order {
            if let Some(reason) = &plan.blocked[node] {
                left_out.push((node, reason.clone()));
                continue;
            }
            let Ok(tokens) = &tree.nodes[node] else { continue };
            if request.nodes[node].parent != before && !path.reads.is_empty() {
                paths.push(PathTokens { ids: path.ids.clone(), reads: std::mem::take(&mut path.reads) });
            }
            path.ids.truncate(plan.start[node]);
            let start = path.ids.len();
            path.ids.extend(&tokens.ids);
            before = Some(node);
            if request.nodes[node].known {
                continue;
            }
            let read: Option<usize> = match tokens.read.as_slice() {
                [read] => start.checked_add_signed(*read),
                _ => None,
            };
            match read {
                None => left_out.push((node, "this model gives no single score to such a step".to_owned())),
                Some(read) if tokens.tail.is_empty() => path.reads.push((read, node)),
                Some(read) => {
                    let ids = path.ids.iter().chain(&tokens.tail).copied().collect();
                    paths.push(PathTokens { ids, reads: vec![(read, node)] });
                }
            }
        }
        if !path.reads.is_empty() {
            paths.push(path);
        }
        Ok(Paths { list: paths, left_out, unique: plan.unique })
    }

    /// The score of a step from the logits of its read position.
    pub(crate) fn score(&self, logits: &[f32]) -> RowScore {
        if let Some(bad) = logits.iter().find(|x| x.is_nan()) {
            return Err(format!("expected finite numbers for this step, the server gave {bad}"));
        }
        self.info.meaning.score(self.opened.convention.score(logits)).map_err(|error| error.to_string())
    }

    /// Logits from hidden states behind the last norm, by the head that was read with the checkpoint.
    pub(crate) fn logits(&self, states: &[Vec<f32>]) -> Result<Vec<Vec<f32>>, PrmError> {
        let hidden = self.opened.config.hidden;
        if let Some(wrong) = states.iter().find(|state| state.len() != hidden) {
            return Err(PrmError::Compute(format!("expected states of {hidden} numbers, found {}", wrong.len())));
        }
        let Some(head) = &self.head else { return Err(PrmError::Compute("the head was not read".to_owned())) };
        let flat: Vec<f32> = states.iter().flatten().copied().collect();
        Ok(head.logits(&Tensor::from_vec(flat, (states.len(), hidden), &Device::Cpu)?)?)
    }
}
