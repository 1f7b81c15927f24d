//! The project: what a labelling task calls the kinds of errors, which reasons it knows, and how its annotators go through a solution.
//! A TOML file says it; without one it is mathematics.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::Overlap;

/// Name of the project file that is looked for beside the data.
pub const FILE_NAME: &str = "stepscope.toml";

/// Kinds of errors in mathematics, reasons, and no further questions.
const MATHS: &str = include_str!("../../assets/maths.toml");

/// One choice of a list: a letter, what is stored, and what it means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// The key.
    pub letter: char,
    /// What is written into the label.
    pub name: String,
    /// What it means; may be empty.
    pub meaning: String,
}

/// Which steps the annotators rate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Every step that they like; ratings decide a solution once all its steps have one.
    #[default]
    All,
    /// A solution is done at its first bad step.
    FirstError,
}

/// How solutions are gone through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// Which steps are rated.
    pub scope: Scope,
    /// Solutions begin at their first step without a rating.
    pub every: bool,
    /// A step is shown once the one before it is rated.
    pub guided: bool,
}

impl Rules {
    /// What they are, in a few words; nothing where all is as it is without a project.
    pub fn name(self) -> &'static str {
        match self {
            Self { guided: true, scope: Scope::FirstError, .. } => "GUIDED TO FIRST BAD",
            Self { guided: true, .. } => "GUIDED",
            Self { scope: Scope::FirstError, .. } => "TO FIRST BAD",
            Self { every: true, .. } => "RATE ALL",
            _ => "",
        }
    }
}

/// What digits do in the steps of a solution.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Digits {
    /// They are a count before a command: `4x`.
    #[default]
    Count,
    /// They mark the first error: `4`.
    Mark,
}

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    /// Kinds of first errors.
    pub errors: Vec<Choice>,
    /// Why a problem is broken.
    pub bad_problem: Vec<Choice>,
    /// Why one gives up.
    pub give_up: Vec<Choice>,
    /// After a first error: how far had the solution come?
    pub progress: bool,
    /// Which steps are rated.
    pub scope: Scope,
    /// The file asks for ratings of every step: solutions begin at their first step without one.
    #[serde(default)]
    pub every: bool,
    /// A step is shown once the one before it is rated.
    pub guided: bool,
    /// What digits do.
    #[serde(default)]
    pub digits: Digits,
    /// Filters with a name.
    #[serde(default)]
    pub filters: BTreeMap<String, String>,
    /// Who gets which problems; without it everybody gets all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap: Option<Overlap>,
    /// Keys that say nothing to this version: a file of a newer one, or a slip.
    #[serde(skip)]
    pub unknown: Vec<String>,
}

/// A project file that says something impossible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProjectError {
    /// No TOML, or a value of another kind.
    #[error("line {line}: {what}")]
    Toml {
        /// From 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
    /// A list that cannot be chosen from.
    #[error("[{table}] {what}")]
    Choice {
        /// The table.
        table: &'static str,
        /// What is wrong with it.
        what: String,
    },
}

/// The file as it is written. A table that is missing is that of the preset.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct File {
    errors: Option<BTreeMap<String, String>>,
    bad_problem: Option<BTreeMap<String, String>>,
    give_up: Option<BTreeMap<String, String>>,
    #[serde(default)]
    progress: bool,
    scope: Option<Scope>,
    #[serde(default)]
    guided: bool,
    #[serde(default)]
    digits: Digits,
    #[serde(default)]
    filters: BTreeMap<String, String>,
    overlap: Option<Overlap>,
    #[serde(flatten)]
    #[expect(clippy::zero_sized_map_values, reason = "a flattened field is a map; what unknown keys say is of no use")]
    unknown: BTreeMap<String, IgnoredAny>,
}

impl Default for Project {
    fn default() -> Self {
        let empty = Self {
            errors: Vec::new(),
            bad_problem: Vec::new(),
            give_up: Vec::new(),
            progress: false,
            scope: Scope::All,
            every: false,
            guided: false,
            digits: Digits::Count,
            filters: BTreeMap::new(),
            overlap: None,
            unknown: Vec::new(),
        };
        // Invariant: the preset is a project file (tested).
        Self::over(&empty, MATHS).unwrap_or(empty)
    }
}

impl Project {
    /// How solutions are gone through.
    pub fn rules(&self) -> Rules {
        Rules { scope: self.scope, every: self.every, guided: self.guided }
    }

    /// The same with other rules.
    pub fn rule(&mut self, Rules { scope, every, guided }: Rules) {
        (self.scope, self.every, self.guided) = (scope, every, guided);
    }

    /// What a project file says.
    pub fn parse(text: &str) -> Result<Self, ProjectError> {
        Self::over(&Self::default(), text)
    }

    fn over(preset: &Self, text: &str) -> Result<Self, ProjectError> {
        let file: File = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            ProjectError::Toml { line, what: error.message().trim().replace('\n', "; ") }
        })?;
        let table = |name, given: Option<BTreeMap<String, String>>, preset: &Vec<Choice>| match given {
            Some(given) => choices(name, given),
            None => Ok(preset.clone()),
        };
        if let Some(what) = file.overlap.as_ref().and_then(Overlap::wrong) {
            return Err(ProjectError::Choice { table: "overlap", what });
        }
        Ok(Self {
            errors: table("errors", file.errors, &preset.errors)?,
            bad_problem: table("bad-problem", file.bad_problem, &preset.bad_problem)?,
            give_up: table("give-up", file.give_up, &preset.give_up)?,
            progress: file.progress,
            scope: file.scope.unwrap_or_default(),
            every: file.scope == Some(Scope::All),
            guided: file.guided,
            digits: file.digits,
            filters: file.filters,
            overlap: file.overlap,
            unknown: file.unknown.into_keys().collect(),
        })
    }
}

/// `letter = "name: meaning"` for each choice.
fn choices(table: &'static str, given: BTreeMap<String, String>) -> Result<Vec<Choice>, ProjectError> {
    let wrong = |what: String| ProjectError::Choice { table, what };
    let mut choices: Vec<Choice> = Vec::new();
    for (letter, said) in given {
        let mut characters = letter.chars();
        let (Some(key), None) = (characters.next().filter(|c| !c.is_control() && !c.is_whitespace()), characters.next()) else {
            return Err(wrong(format!("{letter:?} is no single letter")));
        };
        let (name, meaning) = said.split_once(':').unwrap_or((&said, ""));
        let choice = Choice { letter: key, name: name.trim().to_owned(), meaning: meaning.trim().to_owned() };
        if choice.name.is_empty() {
            return Err(wrong(format!("{letter} has no name")));
        }
        if let Some(other) = choices.iter().find(|other| other.name == choice.name) {
            return Err(wrong(format!("{} and {letter} are both called {:?}", other.letter, choice.name)));
        }
        choices.push(choice);
    }
    Ok(choices)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preset_is_a_project_file() {
        let project = Project::default();
        assert!(project.errors.iter().any(|kind| kind.letter == 's' && kind.name == "sign"), "{project:?}");
        assert!(!project.bad_problem.is_empty() && !project.give_up.is_empty());
    }

    #[test]
    fn a_file_replaces_the_tables_that_it_has() {
        let project = Project::parse("progress = true\nscope = \"first-error\"\n[errors]\nt = \"type: wrong type\"\n").unwrap();
        let [kind] = &project.errors[..] else { panic!("{project:?}") };
        assert_eq!((kind.letter, kind.name.as_str(), kind.meaning.as_str()), ('t', "type", "wrong type"));
        assert!(project.progress);
        assert_eq!(project.scope, Scope::FirstError);
        assert_eq!(project.bad_problem, Project::default().bad_problem);
    }

    #[test]
    fn what_else_a_file_with_unknown_keys_says_counts() {
        let project = Project::parse("colour = 1\nprogress = true\n[erors]\na = \"x\"\n").unwrap();
        assert_eq!((project.progress, &project.unknown[..]), (true, &["colour".to_owned(), "erors".to_owned()][..]));
        let error = Project::parse("colour = 1\nprogress = 3\n").unwrap_err().to_string();
        assert!(error.starts_with("line 2: "), "{error}");
    }

    #[test]
    fn what_cannot_be_chosen_from_is_refused_with_the_reason() {
        for (text, said) in [
            ("[errors]\nab = \"x\"", "no single letter"),
            ("[errors]\na = \"\"", "no name"),
            ("[errors]\na = \"x\"\nb = \"x: y\"", "both called"),
            ("[errors", "line 1: unclosed table"),
            ("[overlap]\nannotators = [\"a\"]\neach = 2\npercent = 20", "2 annotators of 1"),
        ] {
            let error = Project::parse(text).unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
