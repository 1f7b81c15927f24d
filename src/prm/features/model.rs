//! The built-in model: features, trees, and a floor under steps whose arithmetic is wrong.

use std::ops::ControlFlow;

use sha2::{Digest, Sha256};

use super::{Reader, Row, TableError, Trees, VERSION};
use crate::prm::{NodeScore, PrmRequest, ScoreStats};
use crate::text::hex;
use crate::trace::{Semantics, StepScore};

/// A step with an equality that does not hold scores no higher than this.
pub const MAX_BAD: f64 = 0.01;

const TABLE: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/prm-features/trees.bin"));

/// Boosted trees over step features.
#[derive(Debug)]
pub struct FeatureModel {
    trees: Trees,
    key: String,
}

impl FeatureModel {
    /// The model inside of this program.
    pub fn embedded() -> Result<Self, TableError> {
        Self::new(TABLE)
    }

    /// The model of a table.
    pub fn new(table: &[u8]) -> Result<Self, TableError> {
        let mut key = Sha256::new();
        key.update(format!("stepscope features {VERSION} {MAX_BAD}\0"));
        key.update(table);
        Ok(Self { trees: Trees::read(table)?, key: hex(&key.finalize()) })
    }

    /// Identity of all that decides the scores.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The trees.
    pub fn trees(&self) -> &Trees {
        &self.trees
    }

    /// The chance that a step is right, `0..=1`, given that all before it are.
    pub fn probability(&self, row: &Row) -> f64 {
        let probability = self.trees.probability(&row.values);
        if row.has_bad_equation { probability.min(MAX_BAD) } else { probability }
    }

    /// Scores the nodes of a request in their order and calls `on` with the index of each; stops when it breaks.
    pub fn score(&self, request: &PrmRequest, on: &mut dyn FnMut(usize, NodeScore) -> ControlFlow<()>) -> ScoreStats {
        walk(request, &mut |index, row| {
            let scored = match row {
                None => NodeScore::NotScored("the step before it is not in the request".into()),
                Some(row) => match StepScore::new(self.probability(&row), Semantics::Correctness) {
                    Ok(score) => NodeScore::Score(score),
                    Err(error) => NodeScore::NotScored(error.to_string()),
                },
            };
            on(index, scored)
        })
    }
}

/// Reads the nodes of a request in their order and calls `on` with the index and the features of each; stops when it breaks. A node whose
/// parent does not stand before it has no features.
pub fn walk(request: &PrmRequest, on: &mut dyn FnMut(usize, Option<Row>) -> ControlFlow<()>) -> ScoreStats {
    let nodes = &request.nodes;
    // How many steps still need the state behind each node: the last one takes it, so that a chain is never copied.
    let mut waiting = vec![0_usize; nodes.len()];
    for parent in nodes.iter().filter_map(|node| node.parent) {
        if let Some(waiting) = waiting.get_mut(parent) {
            *waiting += 1;
        }
    }
    let root = Reader::new(&request.problem);
    let mut behind: Vec<Option<Reader>> = Vec::with_capacity(nodes.len());
    let mut stats = ScoreStats::default();
    // Tokens of the path to each node: what scoring it alone would read.
    let mut paths = vec![0; nodes.len()];
    for (index, node) in nodes.iter().enumerate() {
        let reader = match node.parent {
            None => Some(root.clone()),
            Some(parent) => {
                if let Some(waiting) = waiting.get_mut(parent) {
                    *waiting -= 1;
                }
                let last = waiting.get(parent) == Some(&0);
                behind.get_mut(parent).and_then(|state| if last { state.take() } else { state.clone() })
            }
        };
        let row = reader.map(|mut reader| {
            let row = reader.step(&node.text);
            stats.tokens += row.tokens;
            stats.unique_tokens = stats.tokens;
            paths[index] = row.tokens + node.parent.map_or(0, |parent| paths[parent]);
            if waiting[index] == 0 {
                stats.naive_tokens += paths[index];
            }
            (row, (waiting[index] > 0).then_some(reader))
        });
        let (row, reader) = row.map_or((None, None), |(row, reader)| (Some(row), reader));
        behind.push(reader);
        if on(index, row).is_break() {
            break;
        }
    }
    stats
}
