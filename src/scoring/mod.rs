//! From traces to step scores: who computes them, how they are asked for, in which order, and where they are kept.
//!
//! A scorer is a child process that speaks [`protocol`]; the one that ships with stepscope is `stepscope worker` ([`worker`]), which
//! holds a process reward model or asks a server that does. [`client`] runs such a process and turns its lines into checked [`WorkerEvent`]s, [`request`] cuts
//! traces into requests, [`schedule`] decides which request goes next, [`cache`] keeps scores across runs, and [`batch`] puts these
//! together for the headless commands. Nothing here knows the terminal or the labels.

pub mod batch;
pub mod cache;
pub mod client;
mod framing;
pub mod head;
pub mod local;
pub mod protocol;
#[cfg(feature = "candle")]
mod remote;
pub mod request;
pub mod schedule;
mod server;
mod session;
pub mod vectors;
pub mod worker;

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use crate::analysis::alike::Vector;
use crate::analysis::decide::Decision;
use crate::analysis::meaning::{Meaning, Scale, ScoreRule};
pub use crate::prm::Sample;
use crate::trace::{Rationale, Semantics, StepKey, StepScore};

pub use cache::ScoreCache;
pub use client::{Worker, WorkerSpec};
pub use schedule::{Priority, Scheduler};
pub use server::{Api, RunsOn, SamplerSpec, ServerSpec};

/// A tree of steps to be scored. Steps that share a prefix share nodes, so that a scorer can compute the prefix once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoreRequest {
    /// Chosen by the asker; answers carry it.
    pub id: u64,
    /// The problem statement.
    pub problem: String,
    /// The steps; parents stand before their children.
    pub nodes: Vec<RequestNode>,
}

/// One step of a [`ScoreRequest`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequestNode {
    /// Index of the step before this one in the same request; `None` for a first step.
    pub parent: Option<usize>,
    /// Names the step in answers.
    pub key: StepKey,
    /// The text of the step.
    pub text: String,
    /// True when a solution ends here, whether or not others go on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ends: bool,
    /// True when no answer is wanted: the node is there because later ones stand on it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub known: bool,
}

/// Asks a language model for steps that may follow a beginning.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SampleRequest {
    /// Chosen by the asker; answers carry it.
    pub id: u64,
    /// The problem statement.
    pub problem: String,
    /// The steps before.
    pub steps: Vec<String>,
    /// Number of the first one to write.
    pub first: u64,
    /// How many.
    pub count: u64,
    /// 0 takes the most probable token each time.
    pub temperature: f64,
    /// Another seed gives other texts.
    pub seed: u64,
}

/// What a scorer says about its model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkerModel {
    /// Name for people.
    pub name: String,
    /// Identity of everything that decides the scores (weights, configuration, tokenizer, prompt): scores are cached under it.
    pub key: String,
    /// Scoring family, as in `stepscope models`.
    pub family: String,
    /// What its scores mean.
    pub semantics: Semantics,
    /// A step with a score below this counts as wrong.
    pub threshold: f64,
    /// When given, whole solutions are judged by the first-error posterior with this tau instead ([`Decision::Posterior`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub posterior: Option<f64>,
    /// Range, aggregation and the like, where they are not the usual ones; boxed, so that events stay small.
    #[serde(default, skip_serializing_if = "Scale::is_usual")]
    pub scale: Box<Scale>,
    /// Longest input in tokens; 0 when the scorer does not say.
    #[serde(default)]
    pub context: u64,
    /// True for the model that is built into the program.
    #[serde(default)]
    pub embedded: bool,
    /// Numbers that it computes with, like `f32`; empty when it does not say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub dtype: String,
    /// Threads that it computes with; 0 when it does not say.
    #[serde(default)]
    pub threads: u64,
}

impl WorkerModel {
    /// Name and the first digits of the key: what score files and tables call the scorer.
    pub fn label(&self) -> String {
        let key: String = self.key.chars().take(12).collect();
        format!("{}@{key}", self.name)
    }

    /// What the scores mean.
    pub fn meaning(&self) -> Meaning {
        self.scale.meaning(self.semantics, self.threshold)
    }

    /// How whole solutions are judged.
    pub fn decision(&self) -> Decision {
        self.rule().decision()
    }

    /// How its scores are read, for a file.
    pub fn rule(&self) -> ScoreRule {
        let Self { semantics, threshold, posterior, ref scale, .. } = *self;
        ScoreRule { semantics, threshold: Some(threshold), posterior, scale: **scale }
    }
}

/// What a worker process reports.
#[derive(Debug, Clone, PartialEq)]
pub enum WorkerEvent {
    /// The model is loaded.
    Ready(WorkerModel),
    /// One step has its score.
    Score {
        /// The request that asked.
        request: u64,
        /// The step.
        key: StepKey,
        /// Its score.
        score: StepScore,
    },
    /// One step will not get a score.
    NotScored {
        /// The request that asked.
        request: u64,
        /// The step.
        key: StepKey,
        /// Why, in one line.
        reason: String,
    },
    /// What the model gives beside the answer of a step, which follows; a later one takes the place of an earlier one.
    Rationale {
        /// The request that asked.
        request: u64,
        /// The step.
        key: StepKey,
        /// Words or tokens.
        rationale: Rationale,
    },
    /// The direction of a step, where likeness is asked for and not a score.
    Vector {
        /// The request that asked.
        request: u64,
        /// The step.
        key: StepKey,
        /// The direction.
        vector: Vector,
    },
    /// A step that a language model writes, as it grows and once more when it is whole.
    Sampled {
        /// The request that asked.
        request: u64,
        /// The step.
        sample: Sample,
    },
    /// Every wanted step of the request has been answered, or the request was cancelled.
    Done {
        /// The request.
        request: u64,
        /// Work that it took.
        cost: Cost,
        /// Time the model took, in seconds.
        seconds: f64,
    },
    /// Something went wrong; with a request, that request is over.
    Failed {
        /// The request, when the fault belongs to one.
        request: Option<u64>,
        /// What happened, in one line.
        message: String,
    },
    /// Something to tell the user; the scorer goes on.
    Notice {
        /// What, in one line.
        message: String,
    },
    /// The process is gone, and with it every request in flight. Always the last event.
    Exited {
        /// How it ended, in one line.
        message: String,
    },
}

/// What a scorer found out about one node.
#[derive(Debug, Clone, PartialEq)]
pub enum Scored {
    /// Its score.
    Score(StepScore),
    /// Its direction: the answer of a scorer that measures likeness.
    Vector(Vector),
    /// No score, and why.
    NotScored(String),
    /// What the model gives beside the answer that follows; a later one takes the place of an earlier one.
    Rationale(Rationale),
}

/// What a finished request cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Tokens that the model really read.
    pub tokens: u64,
    /// Tokens of the tree of steps with every step counted once.
    pub unique: u64,
    /// Tokens that it would have taken to score every solution of the tree alone.
    pub naive: u64,
    /// The most memory that the process has held so far, in MiB; 0 when it does not say.
    pub peak_rss_mb: u64,
}

impl std::ops::AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.tokens += other.tokens;
        self.unique += other.unique;
        self.naive += other.naive;
        self.peak_rss_mb = self.peak_rss_mb.max(other.peak_rss_mb);
    }
}

impl Cost {
    /// The cost of a scorer that does not know about shared beginnings.
    pub fn plain(tokens: u64) -> Self {
        Self { tokens, unique: tokens, naive: tokens, peak_rss_mb: 0 }
    }
}

/// Computes step scores inside the worker process. The process reward models implement it, and so do the scorers of the tests.
pub trait Scorer {
    /// What this scorer is.
    fn model(&self) -> WorkerModel;

    /// Scores the nodes of a request in any order and reports each by its index. Stops early, without an error, when `on` breaks.
    fn score(&mut self, request: &ScoreRequest, on: &mut dyn FnMut(usize, Scored) -> ControlFlow<()>) -> Result<Cost, String>;

    /// Writes steps behind a beginning and reports each as it grows and when it is whole. Stops early, without an error, when `on` breaks.
    fn sample(&mut self, _request: &SampleRequest, _on: &mut dyn FnMut(Sample) -> ControlFlow<()>) -> Result<Cost, String> {
        Err("this model judges steps and writes none".to_owned())
    }
}
