//! What is asked of a model and what comes back: plain data.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::Serialize;

use crate::analysis::meaning::Meaning;
use crate::trace::{Rationale, StepScore};

/// Where a checkpoint comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckpointSource {
    /// The small model inside of this program.
    Embedded,
    /// A folder with `config.json`, `tokenizer.json` and `*.safetensors`.
    Dir(PathBuf),
}

/// What a decoder is computed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Device {
    /// The processor.
    #[default]
    Cpu,
    /// The card with this number.
    Cuda(usize),
    /// The graphics processor with this number.
    Metal(usize),
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
            Self::Metal(index) => write!(f, "metal:{index}"),
        }
    }
}

impl FromStr for Device {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, index) = text.split_once(':').unwrap_or((text, "0"));
        match (name, index.parse()) {
            ("cpu", _) if name == text => Ok(Self::Cpu),
            ("cuda", Ok(index)) => Ok(Self::Cuda(index)),
            ("metal", Ok(index)) => Ok(Self::Metal(index)),
            _ => Err(format!("expected cpu, cuda, metal, or one of several like cuda:1, found {text}")),
        }
    }
}

/// The beginning of a solution, and which steps are to be written behind it.
#[derive(Debug, Clone, PartialEq)]
pub struct Beginning {
    /// The problem text.
    pub problem: String,
    /// The steps before.
    pub steps: Vec<String>,
    /// Number of the first step to write, from 0: each number has a text of its own.
    pub first: u64,
    /// How many.
    pub count: u64,
    /// 0 takes the most probable token each time; above, texts differ the more the higher it is.
    pub temperature: f32,
    /// Another seed gives other texts.
    pub seed: u64,
}

/// A step that a language model writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Its number.
    pub number: u64,
    /// What it says so far.
    pub text: String,
    /// It has come to its end.
    pub is_whole: bool,
}

/// The steps to be scored for one problem, as a tree: steps that share a prefix are computed once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PrmRequest {
    /// The problem text.
    pub problem: String,
    /// The steps; a parent stands before its children.
    pub nodes: Vec<PrmNode>,
}

impl PrmRequest {
    /// A request for one solution: each step follows the one before it.
    pub fn linear<S: Into<String>>(problem: impl Into<String>, steps: impl IntoIterator<Item = S>) -> Self {
        let nodes = steps
            .into_iter()
            .enumerate()
            .map(|(i, s)| PrmNode { parent: i.checked_sub(1), text: s.into(), ..PrmNode::default() })
            .collect();
        let mut request = Self { problem: problem.into(), nodes };
        if let Some(last) = request.nodes.last_mut() {
            last.ends = true;
        }
        request
    }

    /// The texts of the steps up to a node, the first one first.
    pub fn steps_to(&self, node: usize) -> Vec<&str> {
        let mut texts = Vec::new();
        let mut next = Some(node);
        while let Some((at, node)) = next.and_then(|at| Some((at, self.nodes.get(at)?))) {
            texts.push(node.text.as_str());
            next = node.parent.filter(|parent| *parent < at);
        }
        texts.reverse();
        texts
    }
}

/// One step of a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PrmNode {
    /// Index of the step before it in [`PrmRequest::nodes`], less than its own; `None` for a first step.
    pub parent: Option<usize>,
    /// The text of the step.
    pub text: String,
    /// A solution ends here, whether or not others go on. Models that judge whole solutions are asked about these steps only.
    pub ends: bool,
    /// No score is wanted: the step is there because others follow it.
    pub known: bool,
}

/// What became of one step.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeScore {
    /// A finite score with its meaning.
    Score(StepScore),
    /// Why there is none.
    NotScored(String),
    /// What the model gives beside the score that follows. It may come several times, growing, while a critic writes.
    Rationale(Rationale),
}

/// Work done for one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ScoreStats {
    /// Tokens that went through the decoder.
    pub tokens: usize,
    /// Tokens of the tree with every node counted once, without the nodes that could not be scored.
    pub unique_tokens: usize,
    /// Tokens that would go through the decoder if every solution of the tree were scored alone.
    pub naive_tokens: usize,
}

/// What is known about a loaded model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelInfo {
    /// Name for people: the repository or folder name, or `built-in`.
    pub name: String,
    /// Name of the scoring family.
    pub family: &'static str,
    /// Which model of the family: the one whose settings are used.
    pub model: &'static str,
    /// What its scores mean.
    pub meaning: Meaning,
    /// Largest number of tokens of problem and steps together.
    pub context: usize,
    /// Parameters in use.
    pub parameters: u64,
    /// Number kinds in the file, such as `BF16`.
    pub dtype: String,
    /// What weights are multiplied in: `f32`, `bf16` or `q8_0`, and where, if not on the processor. Everything else is computed in f32.
    pub computes: String,
    /// Hex SHA-256 over weights, configuration, tokenizer and scoring convention.
    pub key: String,
    /// Whether it is the model inside of this program.
    pub embedded: bool,
}
