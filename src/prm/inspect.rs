//! What a checkpoint folder is and whether it can be used, without loading its weights.

use std::fmt;
use std::ops::ControlFlow;

use serde::Serialize;

use super::checkpoint::{Checkpoint, available_memory};
use super::decoder::Target;
use super::error::gigabytes;
use super::families::{Convention, Opened};
use super::model::Prm;
use super::packed;
use super::request::{CheckpointSource, NodeScore, PrmRequest};
use super::tokens::NodeTokens;
use crate::analysis::meaning::Meaning;

/// What was detected in a checkpoint, and why.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Inspection {
    /// The place as given.
    pub place: String,
    /// Name for people.
    pub name: Option<String>,
    /// Class named by the configuration.
    pub architecture: Option<String>,
    /// Name of the scoring family.
    pub family: Option<String>,
    /// The model whose settings are used.
    pub model: Option<String>,
    /// What its scores mean.
    pub meaning: Option<Meaning>,
    /// The settings in force, which `stepscope.json` can change.
    pub settings: Vec<(&'static str, String)>,
    /// What the family is about.
    pub about: Option<String>,
    /// Why this family.
    pub evidence: Option<String>,
    /// Shape of the decoder.
    pub decoder: Option<String>,
    /// Largest number of tokens.
    pub context: Option<usize>,
    /// Parameters in use.
    pub parameters: Option<u64>,
    /// Number kinds in the file.
    pub dtype: Option<String>,
    /// Weights files with their numbers of tensors.
    pub files: Vec<(String, usize)>,
    /// What is to be said about packed weights.
    pub packed: Option<String>,
    /// Bytes of memory needed to run it.
    pub memory_needed: Option<u64>,
    /// Bytes of free memory, where the system says so.
    pub memory_available: Option<u64>,
    /// How a small solution would be read.
    pub dry_run: Option<DryRun>,
    /// The first thing that keeps the model from being used.
    pub problem: Option<String>,
}

/// Tokens and read positions of a small solution.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DryRun {
    /// The problem.
    pub problem: &'static str,
    /// Tokens before the first step.
    pub prefix: Vec<u32>,
    /// The steps.
    pub steps: Vec<DryStep>,
}

/// One step of a [`DryRun`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DryStep {
    /// Its text.
    pub text: &'static str,
    /// Its tokens, and those that stand behind it for its score only.
    pub tokens: Vec<u32>,
    /// Positions of the whole text at which states are read.
    pub read: Vec<usize>,
    /// Its score, when the weights were loaded, or why there is none.
    pub score: Option<Result<f64, String>>,
}

const PROBLEM: &str = "A shop sells 3 boxes of 4 pens and 5 single pens. How many pens are that?";
const STEPS: [&str; 3] =
    ["3 boxes of 4 pens are 3 * 4 = 12 pens.", "With the single pens there are 12 + 5 = 18 pens.", "The answer is 18."];

/// Looks at a checkpoint: files, family, shape, tokens and memory. What was found before a problem is reported with it.
pub fn inspect(source: &CheckpointSource) -> Inspection {
    let place = match source {
        CheckpointSource::Embedded => "built-in model".to_owned(),
        CheckpointSource::Dir(dir) => dir.display().to_string(),
    };
    let mut found = Inspection { place, memory_available: available_memory(), ..Inspection::default() };
    found.problem = look(source, &mut found).err().map(|e| e.to_string());
    if let (None, Some(needed), Some(available)) = (&found.problem, found.memory_needed, found.memory_available)
        && needed > available
    {
        found.problem = Some(format!("needs {} of memory, {} are free", gigabytes(needed), gigabytes(available)));
    }
    found
}

fn look(source: &CheckpointSource, found: &mut Inspection) -> Result<(), super::PrmError> {
    let checkpoint = Checkpoint::open(source)?;
    found.name = Some(checkpoint.name.clone());
    found.architecture = Some(checkpoint.architecture().to_owned());
    found.files = checkpoint.shards.iter().map(|s| (s.file.clone(), s.tensors.len())).collect();
    let opened = Opened::new(&checkpoint)?;
    let config = &opened.config;
    found.family = Some(opened.family.name.to_owned());
    found.about = Some(opened.family.about.to_owned());
    found.evidence = Some(opened.evidence.clone());
    found.model = Some(opened.settings.preset.name.to_owned());
    found.meaning = Some(opened.settings.meaning);
    found.settings = opened.settings.listed().map(|(key, value)| (key, value.to_owned())).collect();
    found.context = Some(config.context);
    found.decoder = Some(format!(
        "{} layers, width {}, {} heads ({} of keys and values) of {}, MLP {}, {} tokens",
        config.layers, config.hidden, config.heads, config.kv_heads, config.head_dim, config.intermediate, config.vocab
    ));
    let layout = opened.layout();
    let dtype = checkpoint.dtypes(&layout);
    let (count, needed) = opened.size(&layout, &dtype, &Target::Native);
    found.parameters = Some(count);
    found.memory_needed = Some(needed);
    checkpoint.check(&layout)?;
    found.dtype = Some(dtype);
    if !checkpoint.embedded {
        found.packed = Some(match checkpoint.packed(&layout) {
            Ok(_) => format!("{} is used in place of the weights", packed::FILE),
            Err(_) if !checkpoint.packed_file().exists() => {
                format!("none; stepscope models pack {} makes later starts faster", checkpoint.place)
            }
            Err(reason) => format!("{} is not used: {reason}", packed::FILE),
        });
    }
    found.dry_run = Some(dry_run(opened.convention.as_ref())?);
    Ok(())
}

fn demo() -> PrmRequest {
    PrmRequest::linear(PROBLEM, STEPS)
}

fn dry_run(convention: &dyn Convention) -> Result<DryRun, super::PrmError> {
    let tree = convention.plan(&demo())?;
    let mut start = tree.prefix.len();
    let step = |(text, node): (&'static str, Result<NodeTokens, String>)| match node {
        Ok(node) => {
            let read = node.read.iter().filter_map(|read| start.checked_add_signed(*read)).collect();
            start += node.ids.len();
            DryStep { text, tokens: [node.ids, node.tail].concat(), read, score: None }
        }
        Err(reason) => DryStep { text, tokens: Vec::new(), read: Vec::new(), score: Some(Err(reason)) },
    };
    let steps = STEPS.into_iter().zip(tree.nodes).map(step).collect();
    Ok(DryRun { problem: PROBLEM, prefix: tree.prefix, steps })
}

impl Inspection {
    /// Loads the weights and gives the small solution its scores. A failure becomes the problem.
    pub fn score(&mut self, source: &CheckpointSource) {
        let Some(dry) = self.dry_run.as_mut().filter(|_| self.problem.is_none()) else { return };
        let scored = Prm::load(source).and_then(|mut prm| {
            prm.score(&demo(), &mut |node, score| {
                let score = match score {
                    NodeScore::Score(score) => Ok(score.value()),
                    NodeScore::NotScored(reason) => Err(reason),
                    NodeScore::Rationale(_) => return ControlFlow::Continue(()),
                };
                if let Some(step) = dry.steps.get_mut(node) {
                    step.score = Some(score);
                }
                ControlFlow::Continue(())
            })
        });
        self.problem = scored.err().map(|error| error.to_string());
    }
}

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |name: &str, value: Option<String>| match value {
            Some(value) => writeln!(f, "{name:<13}{value}"),
            None => Ok(()),
        };
        line("place", Some(self.place.clone()))?;
        line("name", self.name.clone())?;
        line("class", self.architecture.clone())?;
        let family = self.family.as_ref().map(|n| format!("{n} ({})", self.evidence.as_deref().unwrap_or("")));
        line("family", family)?;
        line("model", self.model.clone())?;
        line("about", self.about.clone())?;
        line("scores", self.meaning.map(|meaning| meaning.to_string()))?;
        for (key, value) in &self.settings {
            let shown = value.chars().take(60).collect::<String>();
            line("setting", Some(format!("{key} = {shown:?}{}", if shown.len() < value.len() { " .." } else { "" })))?;
        }
        line("decoder", self.decoder.clone())?;
        line("context", self.context.map(|c| format!("{c} tokens")))?;
        line("parameters", self.parameters.map(|p| p.to_string()))?;
        line("stored as", self.dtype.clone())?;
        for (file, tensors) in &self.files {
            line("weights", Some(format!("{file} ({tensors} tensors)")))?;
        }
        line("packed", self.packed.clone())?;
        let free = self.memory_available.map_or(String::new(), |a| format!(" ({} free)", gigabytes(a)));
        line("memory", self.memory_needed.map(|n| format!("{}{free}", gigabytes(n))))?;
        if let Some(dry) = &self.dry_run {
            line("dry run", Some(format!("{} tokens before the steps of {:?}", dry.prefix.len(), dry.problem)))?;
            for step in &dry.steps {
                let score = match &step.score {
                    Some(Ok(score)) => format!(", score {score:.4}"),
                    Some(Err(reason)) => format!(", not scored: {reason}"),
                    None => String::new(),
                };
                let read = match step.read.as_slice() {
                    [] => "not read".to_owned(),
                    [one] => format!("read at {one}"),
                    [first, .., last] => format!("read from {first} to {last}"),
                };
                line("", Some(format!("{:?}: {} tokens, {read}{score}", step.text, step.tokens.len())))?;
            }
        }
        line("usable", Some(self.problem.as_ref().map_or("yes".to_owned(), |p| format!("no: {p}"))))
    }
}
