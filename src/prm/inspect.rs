//! What a checkpoint folder is and whether it can be used, without loading its weights.

use std::fmt;

use serde::Serialize;

use super::checkpoint::{Checkpoint, available_memory, parameters};
use super::decoder;
use super::error::gigabytes;
use super::families::Opened;
use super::linear::Precision;
use super::model::memory_needed;
use super::request::CheckpointSource;

/// What was detected in a checkpoint, and why.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Inspection {
    /// The place as given.
    pub place: String,
    /// Name for people.
    pub name: Option<String>,
    /// Class named by the configuration.
    pub architecture: Option<String>,
    /// Name of the scoring family.
    pub family: Option<String>,
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
    /// Bytes of memory needed to run it.
    pub memory_needed: Option<u64>,
    /// Bytes of free memory, where the system says so.
    pub memory_available: Option<u64>,
    /// The first thing that keeps the model from being used.
    pub problem: Option<String>,
}

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
    found.context = Some(config.context);
    found.decoder = Some(format!(
        "{} layers, width {}, {} heads ({} of keys and values) of {}, MLP {}, {} tokens",
        config.layers, config.hidden, config.heads, config.kv_heads, config.head_dim, config.intermediate, config.vocab
    ));
    let mut layout = decoder::layout(config);
    layout.extend(opened.head());
    found.parameters = Some(parameters(&layout));
    let dtype = checkpoint.dtypes(&layout);
    let precision = Precision::of(&dtype, parameters(&layout));
    found.memory_needed = Some(memory_needed(parameters(&layout), config, precision));
    checkpoint.check(&layout)?;
    found.dtype = Some(dtype);
    Ok(())
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
        line("about", self.about.clone())?;
        line("decoder", self.decoder.clone())?;
        line("context", self.context.map(|c| format!("{c} tokens")))?;
        line("parameters", self.parameters.map(|p| p.to_string()))?;
        line("stored as", self.dtype.clone())?;
        for (file, tensors) in &self.files {
            line("weights", Some(format!("{file} ({tensors} tensors)")))?;
        }
        let free = self.memory_available.map_or(String::new(), |a| format!(" ({} free)", gigabytes(a)));
        line("memory", self.memory_needed.map(|n| format!("{}{free}", gigabytes(n))))?;
        line("usable", Some(self.problem.as_ref().map_or("yes".to_owned(), |p| format!("no: {p}"))))
    }
}
