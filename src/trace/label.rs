//! What people (or their tools) said about steps and solutions. The same types hold labels that a file brought along and labels of
//! the running session.

use serde::{Deserialize, Serialize};

/// The rating of one step, with the values of PRM800K (arXiv:2305.20050).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rating {
    /// -1: wrong, unverifiable or off the topic.
    Bad,
    /// 0: true, but without progress.
    Neutral,
    /// +1: right and helpful.
    Good,
}

impl Rating {
    /// -1, 0 or 1.
    pub fn value(self) -> i8 {
        match self {
            Self::Bad => -1,
            Self::Neutral => 0,
            Self::Good => 1,
        }
    }

    /// As it is written: `+1`, `0`, `-1`.
    pub fn shown(self) -> &'static str {
        match self {
            Self::Bad => "-1",
            Self::Neutral => "0",
            Self::Good => "+1",
        }
    }

    /// The rating with this value, if there is one.
    pub fn from_value(value: i64) -> Option<Self> {
        match value {
            -1 => Some(Self::Bad),
            0 => Some(Self::Neutral),
            1 => Some(Self::Good),
            _ => None,
        }
    }
}

/// The state of one step on one solution path. Neutral is not the same as unlabelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Label {
    /// Right, by a mark of its own or because a later step was called the first error.
    Good,
    /// True, but without progress.
    Neutral,
    /// Wrong.
    Bad,
    /// Stands behind the first error and was not judged on its own.
    AfterError,
    /// Nobody has judged it.
    Unseen,
}

impl Label {
    /// The rating that it is; `None` where nobody judged the step on its own.
    pub fn rating(self) -> Option<Rating> {
        match self {
            Self::Good => Some(Rating::Good),
            Self::Neutral => Some(Rating::Neutral),
            Self::Bad => Some(Rating::Bad),
            Self::AfterError | Self::Unseen => None,
        }
    }
}

impl From<Rating> for Label {
    fn from(rating: Rating) -> Self {
        match rating {
            Rating::Bad => Self::Bad,
            Rating::Neutral => Self::Neutral,
            Rating::Good => Self::Good,
        }
    }
}

/// Where a solution goes wrong first. Four states that must never be folded into each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FirstError {
    /// Step of this index, counted from 0.
    At(usize),
    /// Somebody looked and found none.
    NoError,
    /// Nobody has said.
    #[default]
    Unknown,
    /// It cannot be said: the problem is broken, or the annotator gave up.
    Unlabelable,
}

/// How the labelling of a solution ended, in PRM800K's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndState {
    /// Read to its end.
    Solution,
    /// Stopped at the first error.
    FoundError,
    /// The problem statement is broken.
    BadProblem,
    /// The annotator could not tell.
    GiveUp,
    /// Not ended yet.
    #[default]
    Open,
}

/// Whether the final answer is right. Independent of step labels: a right answer may stand on a wrong step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Outcome {
    /// The final answer equals the reference.
    Correct,
    /// It does not.
    Wrong,
    /// Not recorded.
    #[default]
    Unknown,
}

impl From<bool> for Outcome {
    fn from(correct: bool) -> Self {
        if correct { Self::Correct } else { Self::Wrong }
    }
}

/// What a text of an annotator is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Writing {
    /// A remark for people.
    Note,
    /// Says what is wrong with a step: text to train critics on.
    Critique,
    /// The step as it should read: with the wrong one it makes a pair.
    Correction,
    /// Words to find a solution by, parted by spaces.
    Tags,
}

impl Label {
    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Neutral => "neutral",
            Self::Bad => "bad",
            Self::AfterError => "after the error",
            Self::Unseen => "no mark",
        }
    }
}

impl Writing {
    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Critique => "critique",
            Self::Correction => "correction",
            Self::Tags => "tags",
        }
    }
}

/// A text of an annotator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// What it is for.
    pub writing: Writing,
    /// Index of the step from 0; `None` when it is about the whole solution.
    pub step: Option<usize>,
    /// The text; never empty.
    pub text: String,
}

/// What a source says of a solution beside ratings and verdict.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Words {
    /// Kind of the first error; empty when none was given.
    pub error_kind: String,
    /// Why the problem is bad or was given up; may be empty.
    pub end_reason: String,
    /// How far the solution had come when it went wrong: 0 (nowhere) to 3 (nearly done).
    pub progress: Option<u8>,
    /// Notes, critiques, corrections and tags, by step.
    pub remarks: Vec<Remark>,
}

/// All that is said about one solution, ready to draw, count or export.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SolutionLabels {
    /// One label a step.
    pub steps: Vec<Label>,
    /// Derived from `steps` and the verdict on the whole.
    pub first_error: FirstError,
    /// How the labelling ended.
    pub end_state: EndState,
    /// The annotator was not sure.
    pub unsure: bool,
    /// Who said so; `None` where nobody did, or the file does not say who. Where several say the same, their names with commas between them.
    pub annotator: Option<String>,
    /// Their names where they are several; else empty.
    pub annotators: Vec<String>,
    /// Kind of the first error, a name of the project's taxonomy; empty when none was given.
    pub error_kind: String,
    /// Why the problem is bad or was given up; may be empty.
    pub end_reason: String,
    /// How far the solution had come when it went wrong: 0 (nowhere) to 3 (nearly done).
    pub progress: Option<u8>,
    /// Notes, critiques, corrections and tags, by step.
    pub remarks: Vec<Remark>,
    /// Time that the verdict took, in milliseconds, where that is known.
    pub ms_spent: Option<u64>,
    /// The chance with which it was drawn at random to be labelled, where it was.
    pub drawn: Option<f64>,
}

impl SolutionLabels {
    /// The labels of a solution of `n` steps that nobody has judged.
    pub fn unseen(n: usize) -> Self {
        Self { steps: vec![Label::Unseen; n], ..Self::default() }
    }

    /// Labels from a recorded first error and, where a source has them, ratings of single steps (`ratings` may be shorter than `n`).
    ///
    /// Steps before the first error count as good and steps behind it as after-error unless they have a rating of their own.
    pub fn recorded(n: usize, first_error: FirstError, ratings: &[Option<Rating>], end_state: EndState) -> Self {
        let implied = |index: usize| match first_error {
            FirstError::At(k) if index < k => Label::Good,
            FirstError::At(k) if index == k => Label::Bad,
            FirstError::At(_) => Label::AfterError,
            FirstError::NoError => Label::Good,
            FirstError::Unknown | FirstError::Unlabelable => Label::Unseen,
        };
        let steps =
            (0..n).map(|index| ratings.get(index).copied().flatten().map_or_else(|| implied(index), Label::from)).collect();
        Self { steps, first_error, end_state, ..Self::default() }
    }

    /// The same with the words of recorded labels that nothing was said against: texts of places that have none of their kind, but why a step
    /// is wrong and how it should read where it was judged to be right; and what belongs to a verdict where both have the same.
    #[must_use]
    pub fn with_words_of(mut self, recorded: &Self) -> Self {
        // Several of one kind can have come to one step where steps were merged.
        let own = self.remarks.len();
        for remark in &recorded.remarks {
            let said = |own: &Remark| (own.writing, own.step) == (remark.writing, remark.step);
            let label = |labels: &[Label]| remark.step.and_then(|step| labels.get(step)).copied();
            let against = matches!(remark.writing, Writing::Critique | Writing::Correction)
                && (label(&self.steps), label(&recorded.steps)) == (Some(Label::Good), Some(Label::Bad));
            if !against && !self.remarks[..own].iter().any(said) {
                self.remarks.push(remark.clone());
            }
        }
        if self.first_error == recorded.first_error {
            if self.error_kind.is_empty() {
                self.error_kind.clone_from(&recorded.error_kind);
            }
            self.progress = self.progress.or(recorded.progress);
        }
        if self.end_reason.is_empty() && self.end_state == recorded.end_state {
            self.end_reason.clone_from(&recorded.end_reason);
        }
        self
    }

    /// The first text of this kind on a step, or on the whole solution (`None`).
    pub fn remark(&self, writing: Writing, step: Option<usize>) -> Option<&str> {
        self.remarks.iter().find(|remark| remark.writing == writing && remark.step == step).map(|remark| remark.text.as_str())
    }

    /// The first error as a place among the steps, from 0; "no error" stands behind the last one. `None` without a verdict that says where.
    pub fn place(&self) -> Option<usize> {
        match self.first_error {
            FirstError::At(step) => Some(step),
            FirstError::NoError => Some(self.steps.len()),
            FirstError::Unknown | FirstError::Unlabelable => None,
        }
    }

    /// True when somebody has reached a verdict, be it that no verdict is possible.
    pub fn is_labelled(&self) -> bool {
        self.first_error != FirstError::Unknown
    }
}
