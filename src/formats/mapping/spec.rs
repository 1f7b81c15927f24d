//! A mapping as people write it: `problem=question,steps=solution.steps,label=first_error,base=1`, on one line or as the lines of a TOML
//! file.

use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use super::{Mapping, Meaning, Verdict};
use crate::formats::json::excerpt;
use crate::formats::parse_json;
use crate::segment::Rule;
use crate::trace::StepKind;

/// All keys of a mapping, with what they say.
pub const KEYS: &[(&str, &str)] = &[
    ("problem", "path of the problem text"),
    (
        "solutions",
        "path of a list of several solutions; the paths of their parts go through it (samples.text), or to a list beside it with an entry for each",
    ),
    ("steps", "path of the steps: a list of texts, texts in a list of objects (steps.text), or one text"),
    ("split", "how one text is cut: auto, blank, line, numbered, sentence, thought, tag, length, as for --segment"),
    ("kind", "what the steps are: text, thought, code, tool"),
    ("label", "path of the label: index of the first error, or a list"),
    ("as", "what the label says: first-error, errors (all wrong steps), correct (true/false a step), ratings (-1, 0, 1 a step)"),
    ("base", "number of the first step in the label: 0 or 1"),
    ("none", "what the label is when no step is wrong: -1, null, N/A"),
    ("scores", "path of recorded step scores, 0 to 1"),
    ("answer", "path of the final answer"),
    ("outcome", "path of whether that answer is right"),
    ("reference", "path of the right answer"),
    ("solution", "path of a right solution"),
    ("id", "path of an identifier"),
    ("generator", "path of who wrote the solution"),
];

/// What is wrong with a mapping.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// Not `key=value`.
    #[error("expected KEY=VALUE, found `{0}`")]
    NoPair(String),
    /// A key that means nothing.
    #[error("no key `{found}` in a mapping; there are {}", KEYS.iter().map(|(key, _)| *key).collect::<Vec<_>>().join(", "))]
    UnknownKey {
        /// What was written.
        found: String,
    },
    /// A key that must be there.
    #[error("a mapping needs `steps=PATH`")]
    NoSteps,
    /// A value that its key cannot have.
    #[error("{key}: expected {expected}, found `{found}`")]
    Value {
        /// The key.
        key: &'static str,
        /// What it can be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// A line of a profile that is no `key = "value"`.
    #[error("line {line}: expected `key = \"value\"`, found `{found}`")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What stands there.
        found: String,
    },
}

/// The keys of a mapping and their values, checked when a [`Mapping`] is made of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spec {
    values: BTreeMap<&'static str, String>,
}

impl Spec {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    /// Sets a key; an empty value takes it away.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), SpecError> {
        let known = KEYS.iter().find(|(known, _)| *known == key);
        let (known, _) = known.ok_or_else(|| SpecError::UnknownKey { found: excerpt(key, 40) })?;
        if value.is_empty() {
            self.values.remove(known);
        } else {
            self.values.insert(known, value.to_owned());
        }
        Ok(())
    }

    /// The mapping that this says.
    pub fn mapping(&self) -> Result<Mapping<'_>, SpecError> {
        let steps = self.get("steps").ok_or(SpecError::NoSteps)?;
        let label = match self.get("label") {
            Some(path) => Some(self.verdict(path)?),
            None => None,
        };
        Ok(Mapping {
            solutions: self.get("solutions"),
            split: self.one_of(
                "split",
                "auto, blank, line, numbered, sentence, thought, tag, length or more as for --segment",
                Rule::Auto,
                |name| name.parse().ok(),
            )?,
            kind: self.one_of("kind", "text, thought, code or tool", StepKind::Text, StepKind::named)?,
            label,
            scores: self.get("scores"),
            answer: self.get("answer"),
            outcome: self.get("outcome"),
            reference_answer: self.get("reference"),
            reference_solution: self.get("solution"),
            id: self.get("id"),
            generator: self.get("generator"),
            ..Mapping::new(self.get("problem").unwrap_or_default(), steps)
        })
    }

    /// The mapping for the whole run of the program.
    pub fn leak(self) -> Result<Mapping<'static>, SpecError> {
        Box::leak(Box::new(self)).mapping()
    }

    fn verdict<'a>(&'a self, path: &'a str) -> Result<Verdict<'a>, SpecError> {
        let base = self.one_of("base", "0 or 1", 0, |base| base.parse().ok().filter(|base| (0..=1).contains(base)))?;
        let meaning = self.one_of("as", "first-error, errors, correct or ratings", Meaning::Auto, meaning)?;
        Ok(Verdict { path, meaning, base, none: self.get("none").unwrap_or("-1") })
    }

    fn one_of<T>(
        &self,
        key: &'static str,
        expected: &'static str,
        default: T,
        read: fn(&str) -> Option<T>,
    ) -> Result<T, SpecError> {
        let Some(value) = self.get(key) else { return Ok(default) };
        read(value).ok_or_else(|| SpecError::Value { key, expected, found: excerpt(value, 40) })
    }

    /// The lines of a profile, as TOML.
    pub fn to_toml(&self) -> String {
        self.pairs().fold(String::new(), |mut text, (key, value)| {
            // Strings of JSON are basic strings of TOML. Writing to a string cannot fail.
            let _ = writeln!(text, "{key} = {}", serde_json::Value::from(value));
            text
        })
    }

    /// A profile: the subset of TOML that [`Spec::to_toml`] writes, with comments.
    pub fn from_toml(text: &str) -> Result<Self, SpecError> {
        let mut spec = Self::default();
        for (at, line) in
            text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
        {
            let wrong = || SpecError::Line { line: at + 1, found: excerpt(line, 60) };
            let (key, value) = line.split_once('=').ok_or_else(wrong)?;
            let value = parse_json(value.trim().as_bytes()).map_err(|_| wrong())?;
            spec.set(key.trim(), value.as_str().ok_or_else(wrong)?)?;
        }
        Ok(spec)
    }

    /// Keys and values in the order of [`KEYS`].
    fn pairs(&self) -> impl Iterator<Item = (&'static str, &str)> {
        KEYS.iter().filter_map(|(key, _)| Some((*key, self.get(key)?)))
    }
}

fn meaning(name: &str) -> Option<Meaning> {
    Some(match name {
        "first-error" => Meaning::FirstError,
        "errors" => Meaning::Errors,
        "correct" => Meaning::Correct,
        "ratings" => Meaning::Ratings,
        _ => return None,
    })
}

impl FromStr for Spec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let mut spec = Self::default();
        for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').ok_or_else(|| SpecError::NoPair(excerpt(pair, 40)))?;
            spec.set(key.trim(), value.trim())?;
        }
        spec.mapping()?;
        Ok(spec)
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (key, value)) in self.pairs().enumerate() {
            write!(f, "{}{key}={value}", if index > 0 { "," } else { "" })?;
        }
        Ok(())
    }
}
