//! Settings of a family: the defaults of the model that was recognised, and what the user says otherwise.
//!
//! A file `stepscope.json` in the checkpoint folder is a JSON object that changes any setting, for example
//! `{"model": "trl", "separator": "\n\n", "threshold": 0.4}`. It can also stand elsewhere and name the folder (`"checkpoint": "DIR"`);
//! `--prm` then takes the file. `stepscope models inspect` shows all settings of a checkpoint.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::super::PrmError;
use super::super::checkpoint::Checkpoint;
use crate::analysis::aggregate::Aggregate;
use crate::analysis::meaning::Meaning;

/// A published model, or a kind of them, with the settings that its authors use.
#[derive(Debug)]
pub(crate) struct Preset {
    /// Short stable name.
    pub(crate) name: &'static str,
    /// Which models.
    pub(crate) models: &'static str,
    /// What the scores mean.
    pub(crate) meaning: Meaning,
    /// Everything else that the family's code reads.
    pub(crate) settings: &'static [(&'static str, &'static str)],
}

/// Names that every family understands, beside its own.
const COMMON: [&str; 8] = ["model", "checkpoint", "semantics", "low", "high", "threshold", "aggregate", "context"];

/// The settings in force.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) preset: &'static Preset,
    pub(crate) meaning: Meaning,
    values: BTreeMap<&'static str, String>,
    file: String,
}

impl Settings {
    /// The preset's settings with those of the checkpoint's `stepscope.json` laid over them.
    pub(super) fn new(preset: &'static Preset, checkpoint: &Checkpoint) -> Result<Self, PrmError> {
        let values = preset.settings.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        let mut settings = Self { preset, meaning: preset.meaning, values, file: checkpoint.settings_file.clone() };
        for (key, value) in &checkpoint.settings {
            settings.set(key, value)?;
        }
        let Meaning { range: (low, high), threshold, .. } = settings.meaning;
        if low >= high || threshold < low || threshold > high {
            return Err(settings.bad("threshold", format!("{threshold} does not lie in the range from {low} to {high}")));
        }
        Ok(settings)
    }

    fn set(&mut self, key: &str, value: &Value) -> Result<(), PrmError> {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            _ => return Err(self.bad(key, "expected a text, a number, true or false")),
        };
        if let Some(slot) = self.values.get_mut(key) {
            *slot = text;
            return Ok(());
        }
        let named = || Value::String(text.clone());
        let number = || text.parse::<f64>().ok().filter(|x| !x.is_nan());
        match key {
            "model" | "checkpoint" => Some(()),
            "context" => {
                self.values.insert("context", text.clone());
                Some(())
            }
            "semantics" => serde_json::from_value(named()).ok().map(|semantics| self.meaning.semantics = semantics),
            "aggregate" => Aggregate::by_name(&text).map(|aggregate| self.meaning.aggregate = aggregate),
            "low" => number().map(|x| self.meaning.range.0 = x),
            "high" => number().map(|x| self.meaning.range.1 = x),
            "threshold" => number().map(|x| self.meaning.threshold = x),
            _ => {
                let known: Vec<&str> = COMMON.into_iter().chain(self.values.keys().copied()).collect();
                return Err(self.bad(key, format!("unknown setting; {} knows {}", self.preset.name, known.join(", "))));
            }
        }
        .ok_or_else(|| self.bad(key, format!("{text:?} is not understood")))
    }

    fn bad(&self, key: &str, message: impl fmt::Display) -> PrmError {
        PrmError::Config { file: self.file.clone(), message: format!("{key}: {message}") }
    }

    /// A setting of the family. One that no preset lists is empty.
    pub(super) fn text(&self, key: &str) -> &str {
        self.values.get(key).map_or("", String::as_str)
    }

    /// A setting that is one of `choices`.
    pub(super) fn one_of(&self, key: &str, choices: &[&'static str]) -> Result<&'static str, PrmError> {
        let text = self.text(key);
        let found = choices.iter().find(|c| **c == text).copied();
        found.ok_or_else(|| self.bad(key, format!("expected one of {}, found {text:?}", choices.join(", "))))
    }

    /// A setting that is a finite number.
    pub(crate) fn number(&self, key: &str) -> Result<f64, PrmError> {
        let number = self.text(key).parse::<f64>().ok().filter(|x| x.is_finite());
        number.ok_or_else(|| self.bad(key, format!("expected a number, found {:?}", self.text(key))))
    }

    /// A setting that is a whole number up to `most`.
    pub(crate) fn whole(&self, key: &str, most: usize) -> Result<usize, PrmError> {
        let number = self.text(key).parse::<usize>().ok().filter(|number| *number <= most);
        number.ok_or_else(|| self.bad(key, format!("expected a whole number up to {most}, found {:?}", self.text(key))))
    }

    /// A setting that is a folder, as seen from the settings file.
    pub(super) fn place(&self, key: &str) -> Result<PathBuf, PrmError> {
        match self.text(key) {
            "" => Err(self.bad(key, format!("{} needs it: name a folder in this file", self.preset.name))),
            place => Ok(Path::new(&self.file).parent().unwrap_or(Path::new("")).join(place)),
        }
    }

    /// The largest number of tokens, where a setting makes it less than that of the decoder.
    pub(super) fn context(&self, decoder: usize) -> Result<usize, PrmError> {
        match self.text("context") {
            "" => Ok(decoder),
            text => match text.parse() {
                Ok(context) if context > 0 => Ok(decoder.min(context)),
                _ => Err(self.bad("context", format!("expected a number of tokens, found {text:?}"))),
            },
        }
    }

    /// All settings as `key=value`, which names the convention in the model's key.
    pub(crate) fn listed(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.values.iter().map(|(key, value)| (*key, value.as_str()))
    }
}

/// The preset that `stepscope.json` names, if it does.
pub(super) fn asked(settings: &Map<String, Value>) -> Option<&str> {
    settings.get("model").and_then(Value::as_str)
}
