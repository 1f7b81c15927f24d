//! Export policy: how the labels of one solution become the targets of a trainer. The target formats disagree about neutral steps,
//! steps behind the first error, steps nobody judged and doubtful verdicts, so the user says what happens to them. Records that keep
//! their format and their labels are copied, whatever the policy.

use std::fmt;
use std::str::FromStr;

use clap::ValueEnum;

use crate::trace::{Extra, FirstError, Label, SolutionLabels};

/// What a step that is true but brings no progress counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Neutral {
    /// A right step (so the authors of PRM800K count it).
    #[default]
    Positive,
    /// A wrong step (so TRL's converter of PRM800K counts it).
    Negative,
    /// Left out of the solution.
    DropStep,
    /// The solution ends before it.
    StopBefore,
}

/// What happens to the steps behind the first error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum AfterError {
    /// The solution ends with the first error.
    #[default]
    Drop,
    /// They keep ratings of their own; those without one count as unlabelled.
    KeepAsRated,
    /// They all count as wrong.
    ForceNegative,
}

/// What happens to steps that nobody judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Unlabelled {
    /// The solution ends before the first of them.
    #[default]
    Drop,
    /// They stay without a target, in formats that can say so.
    KeepUnset,
}

/// What happens to a solution whose annotator was not sure. PRM800K can flag steps, so only the first choice changes what is written
/// there; stepscope's own format keeps everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Unsure {
    /// It is left out.
    #[default]
    SkipTrace,
    /// It ends before the step called the first error; without such a step it is left out. PRM800K keeps the step and its flag.
    DropStep,
    /// The mark is ignored, or written where the format has one.
    Keep,
}

/// What becomes of steps that were offered beside those of a solution and rated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Alternatives {
    /// Left out where the format has no place for them.
    #[default]
    Ignore,
    /// Each makes a solution of its own: the steps before it, and it.
    ExplodeRows,
}

/// What becomes of records that were made to check or to train annotators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum QualityControl {
    /// Left out: they must not be trained on.
    #[default]
    Exclude,
    /// Written like the others.
    Include,
}

/// What becomes of rows that are the same to the byte. Samples that share a judged beginning give them when the policy ends them there: one
/// judgement would weigh as much as there are samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Repeats {
    /// They are written once.
    #[default]
    Once,
    /// They are all written.
    Keep,
}

/// Whose labels are written, where several people labelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Author {
    /// Those of the person named by --as.
    #[default]
    One,
    /// Everybody's: a solution that several people labelled is written once for each of them.
    Each,
    /// Those on which everybody agrees who labelled the solution; it is left out where they name different first errors.
    Consensus,
    /// Those of the person named by --as; where that person said nothing, those on which all others agree.
    Adjudicated,
}

/// What one example of a trainer of single judgements is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Level {
    /// One step, behind the steps before it.
    #[default]
    Step,
    /// The whole solution: right when all of its steps are (so TRL converts stepwise labels).
    Solution,
}

/// What kind of label a step gets, for trainers that take both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Values {
    /// Right or wrong, by the labels.
    #[default]
    Hard,
    /// The recorded share of right rollouts, or step score.
    Soft,
}

/// Which two steps behind the same beginning make a pair of chosen and rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum PairRule {
    /// What a person wrote in place of a wrong step, and that step.
    Correction,
    /// The best and the worst sibling.
    #[default]
    BestWorst,
    /// The best sibling and the next best that is worse (so MCTS-DPO).
    BestSecond,
    /// Each right sibling with each wrong one.
    All,
}

/// The decisions of an export.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Policy {
    /// Neutral steps.
    pub neutral: Neutral,
    /// Steps behind the first error.
    pub after_error: AfterError,
    /// Steps that nobody judged.
    pub unlabelled: Unlabelled,
    /// Doubtful verdicts.
    pub unsure: Unsure,
    /// Rated steps beside the solutions.
    pub alternatives: Alternatives,
    /// Records that check annotators.
    pub quality_control: QualityControl,
    /// Rows that are the same.
    pub repeats: Repeats,
    /// What one example is.
    pub level: Level,
    /// What a step label is.
    pub values: Values,
    /// What a pair is.
    pub pairs: PairRule,
    /// Steps that are not both rated make a pair when their values lie at least this far apart; `None`: only ratings count.
    pub min_gap: Option<f64>,
    /// Most pairs that one beginning gives; `None`: all.
    pub pairs_per_step: Option<usize>,
    /// Leave out pairs whose solutions end with the same answer.
    pub distinct_answers: bool,
    /// What joins problem and steps in formats of one text.
    pub glue: String,
}

impl Policy {
    /// Whether a record with these further fields stays out of the export.
    pub fn leaves_out(&self, extra: &Extra) -> bool {
        let is = |key: &str| extra.get(key).and_then(serde_json::Value::as_bool) == Some(true);
        self.quality_control == QualityControl::Exclude
            && (is("is_quality_control_question") || is("is_initial_screening_question"))
    }

    /// Why nothing of a solution with these further fields and labels counts, not even what stands beside its steps.
    pub fn refuses(&self, extra: &Extra, labels: &SolutionLabels) -> Option<Skipped> {
        if self.leaves_out(extra) { Some(Skipped::QualityControl) } else { doubt(self, labels) }
    }

    /// What becomes of a step with this label when it stands alone.
    pub fn fate(&self, label: Label) -> Fate {
        match label {
            Label::Good => Fate::Keep(StepTarget::Positive),
            Label::Bad => Fate::Keep(StepTarget::Negative),
            Label::Neutral => match self.neutral {
                Neutral::Positive => Fate::Keep(StepTarget::Positive),
                Neutral::Negative => Fate::Keep(StepTarget::Negative),
                Neutral::DropStep => Fate::Leave,
                Neutral::StopBefore => Fate::Stop,
            },
            Label::AfterError | Label::Unseen => match self.unlabelled {
                // Not only this step goes: a trainer must never see later steps behind a text that lacks one.
                Unlabelled::Drop => Fate::Stop,
                Unlabelled::KeepUnset => Fate::Keep(StepTarget::Unset),
            },
        }
    }

    /// The choice that was made for a decision, as it stands on the command line.
    pub fn choice(&self, switch: Switch) -> String {
        match switch {
            Switch::Neutral => self.neutral.to_string(),
            Switch::AfterError => self.after_error.to_string(),
            Switch::Unlabelled => self.unlabelled.to_string(),
            Switch::Unsure => self.unsure.to_string(),
            Switch::Level => self.level.to_string(),
            Switch::Values => self.values.to_string(),
            Switch::Pairs => self.pairs.to_string(),
            Switch::Glue => self.glue.clone(),
        }
    }
}

/// A decision that the user makes where it changes what is written: there is no silent default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Switch {
    /// [`Neutral`].
    Neutral,
    /// [`AfterError`].
    AfterError,
    /// [`Unlabelled`].
    Unlabelled,
    /// [`Unsure`].
    Unsure,
    /// [`Level`].
    Level,
    /// [`Values`].
    Values,
    /// [`PairRule`].
    Pairs,
    /// [`Policy::glue`].
    Glue,
}

impl Switch {
    /// The decisions that a trainer's targets of single steps need. Where every step must be right or wrong, a solution ends before one that
    /// nobody labelled, whatever is decided of such steps.
    pub const LABELS: &'static [Self] = &[Self::Neutral, Self::AfterError, Self::Unsure];

    /// All of them.
    pub const ALL: &'static [Self] =
        &[Self::Neutral, Self::AfterError, Self::Unlabelled, Self::Unsure, Self::Level, Self::Values, Self::Pairs, Self::Glue];

    /// Its name on the command line and in manifests.
    pub fn name(self) -> &'static str {
        match self {
            Self::Neutral => "neutral",
            Self::AfterError => "after-error",
            Self::Unlabelled => "unlabelled",
            Self::Unsure => "unsure",
            Self::Level => "level",
            Self::Values => "values",
            Self::Pairs => "pairs",
            Self::Glue => "glue",
        }
    }

    /// What can be chosen.
    pub fn choices(self) -> String {
        match self {
            Self::Neutral => names_of::<Neutral>(),
            Self::AfterError => names_of::<AfterError>(),
            Self::Unlabelled => names_of::<Unlabelled>(),
            Self::Unsure => names_of::<Unsure>(),
            Self::Level => names_of::<Level>(),
            Self::Values => names_of::<Values>(),
            Self::Pairs => names_of::<PairRule>(),
            Self::Glue => "a text such as \\n".to_owned(),
        }
    }
}

/// A name that no choice of a policy has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected one of {expected}, found {found:?}")]
pub struct UnknownChoice {
    found: String,
    expected: String,
}

fn name_of<T: ValueEnum>(choice: &T) -> String {
    choice.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

fn names_of<T: ValueEnum>() -> String {
    T::value_variants().iter().map(name_of).collect::<Vec<_>>().join(", ")
}

fn choice_named<T: ValueEnum>(name: &str) -> Result<T, UnknownChoice> {
    <T as ValueEnum>::from_str(name, false)
        .map_err(|_| UnknownChoice { found: name.chars().take(40).collect(), expected: names_of::<T>() })
}

macro_rules! names {
    ($($choice:ty),*) => {$(
        impl fmt::Display for $choice {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&name_of(self))
            }
        }

        impl FromStr for $choice {
            type Err = UnknownChoice;

            fn from_str(name: &str) -> Result<Self, UnknownChoice> {
                choice_named(name)
            }
        }
    )*};
}

names!(Neutral, AfterError, Unlabelled, Unsure, Alternatives, QualityControl, Repeats, Author, Level, Values, PairRule);

/// What a trainer is told about one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StepTarget {
    /// Right.
    Positive,
    /// Wrong.
    Negative,
    /// Part of the text, without a target.
    Unset,
}

/// Why a solution does not appear in an export.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Skipped {
    /// Nobody has reached a verdict on it.
    #[error("not labelled yet")]
    Unlabelled,
    /// The problem is broken or the annotator gave up.
    #[error("cannot be labelled (bad problem or given up)")]
    Unlabelable,
    /// The annotator was not sure.
    #[error("marked as unsure")]
    Unsure,
    /// Every step falls to the policy.
    #[error("the policy leaves no labelled step")]
    NothingLeft,
    /// The format wants to know whether the final answer is right, and nothing says so.
    #[error("whether the final answer is right is not known")]
    OutcomeUnknown,
    /// No step of it stands in a pair.
    #[error("no step of it makes a pair")]
    NoPair,
    /// Those who labelled it name different first errors.
    #[error("those who labelled it disagree")]
    Disagreement,
    /// It was made to check annotators.
    #[error("made to check annotators (--quality-control include writes it)")]
    QualityControl,
    /// The format has no way to write this solution.
    #[error("{0}")]
    Unwritable(String),
}

/// What becomes of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It stays, with this target.
    Keep(StepTarget),
    /// It alone goes.
    Leave,
    /// The solution ends before it.
    Stop,
}

/// Why the verdict on a solution does not count.
fn doubt(policy: &Policy, labels: &SolutionLabels) -> Option<Skipped> {
    if labels.first_error == FirstError::Unlabelable {
        return Some(Skipped::Unlabelable);
    }
    let counts = match policy.unsure {
        Unsure::Keep => true,
        Unsure::DropStep => matches!(labels.first_error, FirstError::At(_)),
        Unsure::SkipTrace => false,
    };
    (labels.unsure && !counts).then_some(Skipped::Unsure)
}

/// What becomes of the steps of one solution whose verdict counts, in order; behind a [`Fate::Stop`] stands nothing.
pub fn fates(policy: &Policy, labels: &SolutionLabels) -> Vec<Fate> {
    let end = match labels.first_error {
        FirstError::At(k) if labels.unsure && policy.unsure == Unsure::DropStep => k,
        _ => labels.steps.len(),
    };
    let behind_error = |index: usize| matches!(labels.first_error, FirstError::At(k) if index > k);
    let mut fates = Vec::with_capacity(labels.steps.len());
    for (index, &label) in labels.steps.iter().enumerate() {
        let fate = match policy.after_error {
            _ if index >= end => Fate::Stop,
            AfterError::Drop if behind_error(index) => Fate::Stop,
            AfterError::ForceNegative if behind_error(index) => Fate::Keep(StepTarget::Negative),
            _ => policy.fate(label),
        };
        fates.push(fate);
        if fate == Fate::Stop {
            break;
        }
    }
    fates
}

/// What a trainer sees of one solution: index (from 0) and target of every step that stays, in order.
pub fn apply(policy: &Policy, labels: &SolutionLabels) -> Result<Vec<(usize, StepTarget)>, Skipped> {
    if let Some(doubt) = doubt(policy, labels) {
        return Err(doubt);
    }
    let kept = |(index, fate)| if let Fate::Keep(target) = fate { Some((index, target)) } else { None };
    let targets: Vec<_> = fates(policy, labels).into_iter().enumerate().filter_map(kept).collect();
    let any_target = targets.iter().any(|&(_, target)| target != StepTarget::Unset);
    let any_label = labels.steps.iter().any(|&label| !matches!(label, Label::Unseen | Label::AfterError));
    match (any_target, any_label) {
        (true, _) => Ok(targets),
        (false, true) => Err(Skipped::NothingLeft),
        // A solution without steps that somebody called free of errors.
        (false, false) if labels.steps.is_empty() && labels.first_error == FirstError::NoError => Ok(targets),
        (false, false) => Err(Skipped::Unlabelled),
    }
}

#[cfg(test)]
mod tests {
    use super::StepTarget::{Negative, Positive, Unset};
    use super::*;
    use crate::trace::{EndState, Rating};

    fn rated(first_error: FirstError, ratings: &[i64]) -> SolutionLabels {
        // 9 stands for "no rating".
        let ratings: Vec<_> = ratings.iter().map(|&value| Rating::from_value(value)).collect();
        SolutionLabels::recorded(ratings.len(), first_error, &ratings, EndState::Open)
    }

    fn targets(policy: &Policy, labels: &SolutionLabels) -> Vec<StepTarget> {
        apply(policy, labels).unwrap().into_iter().map(|(_, target)| target).collect()
    }

    #[test]
    fn a_neutral_step_is_what_the_policy_says() {
        let labels = rated(FirstError::NoError, &[1, 0, 1]);
        let with = |neutral| Policy { neutral, ..Policy::default() };
        assert_eq!(targets(&with(Neutral::Positive), &labels), [Positive, Positive, Positive]);
        assert_eq!(targets(&with(Neutral::Negative), &labels), [Positive, Negative, Positive]);
        assert_eq!(apply(&with(Neutral::DropStep), &labels).unwrap(), [(0, Positive), (2, Positive)]);
        assert_eq!(targets(&with(Neutral::StopBefore), &labels), [Positive]);
    }

    #[test]
    fn steps_behind_the_first_error_are_dropped_kept_or_forced() {
        let labels = rated(FirstError::At(1), &[1, -1, 1, 9]);
        let with = |after_error, unlabelled| Policy { after_error, unlabelled, ..Policy::default() };
        assert_eq!(targets(&with(AfterError::Drop, Unlabelled::Drop), &labels), [Positive, Negative]);
        assert_eq!(targets(&with(AfterError::KeepAsRated, Unlabelled::Drop), &labels), [Positive, Negative, Positive]);
        assert_eq!(
            targets(&with(AfterError::KeepAsRated, Unlabelled::KeepUnset), &labels),
            [Positive, Negative, Positive, Unset]
        );
        assert_eq!(
            targets(&with(AfterError::ForceNegative, Unlabelled::Drop), &labels),
            [Positive, Negative, Negative, Negative]
        );
    }

    #[test]
    fn unlabelled_steps_never_become_targets() {
        let labels = rated(FirstError::Unknown, &[1, 9, 1]);
        assert_eq!(targets(&Policy::default(), &labels), [Positive]);
        let keep = Policy { unlabelled: Unlabelled::KeepUnset, ..Policy::default() };
        assert_eq!(targets(&keep, &labels), [Positive, Unset, Positive]);
        assert_eq!(apply(&keep, &SolutionLabels::unseen(2)), Err(Skipped::Unlabelled));
        assert_eq!(apply(&keep, &SolutionLabels::unseen(0)), Err(Skipped::Unlabelled));
        assert_eq!(apply(&keep, &rated(FirstError::Unlabelable, &[1])), Err(Skipped::Unlabelable));
        assert_eq!(apply(&keep, &rated(FirstError::NoError, &[])), Ok(Vec::new()));
    }

    #[test]
    fn a_doubtful_verdict_is_skipped_cut_or_kept() {
        let labels = SolutionLabels { unsure: true, ..rated(FirstError::At(1), &[1, -1, 9]) };
        let with = |unsure| Policy { unsure, ..Policy::default() };
        assert_eq!(apply(&with(Unsure::SkipTrace), &labels), Err(Skipped::Unsure));
        assert_eq!(targets(&with(Unsure::DropStep), &labels), [Positive]);
        assert_eq!(targets(&with(Unsure::Keep), &labels), [Positive, Negative]);
        let no_error = SolutionLabels { unsure: true, ..rated(FirstError::NoError, &[1]) };
        assert_eq!(apply(&with(Unsure::DropStep), &no_error), Err(Skipped::Unsure));
    }

    #[test]
    fn a_policy_that_removes_everything_says_so() {
        let policy = Policy { neutral: Neutral::StopBefore, ..Policy::default() };
        assert_eq!(apply(&policy, &rated(FirstError::NoError, &[0, 1])), Err(Skipped::NothingLeft));
    }

    #[test]
    fn names_on_the_command_line() {
        assert_eq!("stop-before".parse(), Ok(Neutral::StopBefore));
        assert_eq!("keep-as-rated".parse(), Ok(AfterError::KeepAsRated));
        assert_eq!("keep-unset".parse(), Ok(Unlabelled::KeepUnset));
        assert_eq!("skip-trace".parse(), Ok(Unsure::SkipTrace));
        let error = "maybe".parse::<Unsure>().unwrap_err().to_string();
        assert_eq!(error, "expected one of skip-trace, drop-step, keep, found \"maybe\"");
        assert_eq!(Switch::Pairs.choices(), "correction, best-worst, best-second, all");
        let policy = Policy { level: Level::Solution, ..Policy::default() };
        assert_eq!(
            Switch::ALL.iter().map(|&switch| policy.choice(switch)).collect::<Vec<_>>()[..5],
            ["positive", "drop", "drop", "skip-trace", "solution"]
        );
    }
}
