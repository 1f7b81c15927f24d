//! What a target keeps and what an export lost, by the same names.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::super::TREE_KEY;
use super::agreement::{Agreement, category};
use super::{Labelled, LabelledTrace};
use crate::labels::policy::Skipped;
use crate::segment;
use crate::trace::{Extra, FirstError, Label, Node, NodeId, NodeStats, Outcome, SolutionLabels, StepKind, Trace};

/// Something that a trace or its labels can hold and a target may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Feature {
    /// Where the solution goes wrong first.
    FirstError,
    /// Ratings of single steps without a verdict on the whole.
    Ratings,
    /// Neutral as a rating of its own.
    Neutral,
    /// Ratings of steps behind the first error.
    BehindError,
    /// Doubt of the annotator.
    Unsure,
    /// Step scores, Monte Carlo estimates, values and visits.
    Scores,
    /// Steps on no solution's path.
    Alternatives,
    /// What follows an alternative: a tree deeper than one level.
    Tree,
    /// Critiques, corrections, notes, tags and kinds of errors.
    Remarks,
    /// Names of those who labelled.
    Annotators,
    /// Identifiers of the source.
    Ids,
    /// Who wrote the solution.
    Generators,
    /// Final answers.
    Answers,
    /// Whether the final answer is right.
    Outcomes,
    /// Reference answers and solutions.
    References,
    /// Separators other than one or two line ends.
    Separators,
    /// Thoughts, code and tool output told apart.
    Kinds,
    /// The steps of the source, beside those that somebody cut anew.
    SourceSteps,
    /// Fields of the source without a place of their own.
    Further,
    /// Characters that were no text: halves of surrogate pairs, which can be written as escapes only and are U+FFFD in a trace.
    NoText,
}

impl Feature {
    /// All of them, in the order in which people want to know.
    pub const ALL: [Self; 20] = [
        Self::FirstError,
        Self::Ratings,
        Self::Neutral,
        Self::BehindError,
        Self::Unsure,
        Self::Scores,
        Self::Alternatives,
        Self::Tree,
        Self::Remarks,
        Self::Annotators,
        Self::Ids,
        Self::Generators,
        Self::Answers,
        Self::Outcomes,
        Self::References,
        Self::Separators,
        Self::Kinds,
        Self::SourceSteps,
        Self::Further,
        Self::NoText,
    ];

    /// Its name in reports and manifests.
    pub fn name(self) -> &'static str {
        match self {
            Self::FirstError => "first errors",
            Self::Ratings => "ratings without a verdict",
            Self::Neutral => "neutral ratings",
            Self::BehindError => "ratings behind the first error",
            Self::Unsure => "unsure marks",
            Self::Scores => "step scores and search statistics",
            Self::Alternatives => "alternative steps",
            Self::Tree => "steps behind alternatives",
            Self::Remarks => "critiques, corrections and notes",
            Self::Annotators => "annotators",
            Self::Ids => "ids",
            Self::Generators => "generators",
            Self::Answers => "final answers",
            Self::Outcomes => "outcomes",
            Self::References => "references",
            Self::Separators => "separators",
            Self::Kinds => "kinds of steps",
            Self::SourceSteps => "steps as the source cuts them",
            Self::Further => "further fields",
            Self::NoText => "characters that were no text",
        }
    }

    /// How often a solution has it; what belongs to the whole trace counts 0 here.
    pub(in super::super) fn present(self, item: &Labelled<'_>) -> usize {
        let (solution, labels) = (item.of(), &item.labels);
        match self {
            Self::FirstError => usize::from(matches!(labels.first_error, FirstError::At(_))),
            Self::Ratings => match labels.first_error {
                FirstError::At(_) | FirstError::NoError => 0,
                _ => labels.steps.iter().filter(|label| matches!(label, Label::Good | Label::Bad)).count(),
            },
            Self::Neutral => labels.steps.iter().filter(|&&label| label == Label::Neutral).count(),
            Self::BehindError => rated_behind_error(labels).count(),
            Self::Unsure => usize::from(labels.unsure),
            Self::Scores => {
                let nodes = item.path().map(|node| self.of_step(node)).sum::<usize>();
                nodes.max(solution.scores.iter().flatten().count())
            }
            Self::Remarks => labels.remarks.len() + usize::from(!labels.error_kind.is_empty()),
            Self::Annotators => usize::from(labels.annotator.is_some()),
            Self::Ids => usize::from(solution.source_id.is_some()),
            Self::Generators => usize::from(solution.generator.is_some()),
            Self::Answers => usize::from(solution.final_answer.is_some()),
            Self::Outcomes => usize::from(solution.outcome != Outcome::Unknown),
            Self::References => {
                let problem = &item.trace.problem;
                usize::from(problem.reference_answer.is_some() || problem.reference_solution.is_some())
            }
            Self::Separators | Self::Kinds => item.path().map(|node| self.of_step(node)).sum(),
            Self::SourceSteps => usize::from(item.source.is_some()),
            Self::Further => {
                further(&solution.extra) + further(&item.trace.extra) + item.path().map(|node| self.of_step(node)).sum::<usize>()
            }
            Self::Alternatives | Self::Tree | Self::NoText => 0,
        }
    }

    /// How often a step has it, of what a step has by itself.
    pub(in super::super) fn of_step(self, node: &Node) -> usize {
        match self {
            Self::Scores => usize::from(node.stats != NodeStats::default()),
            Self::Separators => usize::from(!matches!(node.sep_after.as_str(), "" | "\n" | "\n\n")),
            Self::Kinds => usize::from(node.kind != StepKind::Text),
            Self::Further => further(&node.extra),
            _ => 0,
        }
    }

    /// True for what labels say, in contrast to what a record holds beside them.
    fn of_labels(self) -> bool {
        use Feature::{Annotators, BehindError, FirstError, Neutral, Ratings, Remarks, Unsure};
        matches!(self, FirstError | Ratings | Neutral | BehindError | Unsure | Remarks | Annotators)
    }
}

/// Fields that the source had: not those that tell how we cut a text, or which lines of an archive belong together.
fn further(extra: &Extra) -> usize {
    extra.keys().filter(|key| !matches!(key.as_str(), segment::EXTRA_KEY | TREE_KEY)).count()
}

/// How much of a feature a target keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// All of it.
    Yes,
    /// Some of it, or by policy; the writer itself counts what goes.
    Partly,
    /// Nothing.
    No,
}

/// What a target keeps; it loses what is not named.
#[derive(Debug, Clone, Copy)]
pub struct Keeps {
    /// Kept whole.
    pub all: &'static [Feature],
    /// Kept in part; the writer counts what goes.
    pub partly: &'static [Feature],
}

impl Keeps {
    /// How much of this feature is kept.
    pub fn of(&self, feature: Feature) -> Kept {
        if self.all.contains(&feature) {
            Kept::Yes
        } else if self.partly.contains(&feature) {
            Kept::Partly
        } else {
            Kept::No
        }
    }
}

/// What an export did, and what the target could not hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Loss {
    /// How often something was lost, by what it was.
    pub counts: BTreeMap<&'static str, u64>,
    /// Solutions (or pairs of steps) left out, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Solutions written.
    pub written: u64,
    /// Solutions written whose labels differ from those in the file.
    pub changed: u64,
    /// Solutions written in steps that somebody cut anew.
    pub recut: u64,
    /// Solutions looked at.
    pub read: u64,
    /// Records written: for some targets one a step, a pair of steps or a problem.
    pub records: u64,
    /// Names of those whose labels were written.
    pub annotators: BTreeSet<String>,
    /// Verdicts on the solutions written.
    pub verdicts: BTreeMap<&'static str, u64>,
    /// First errors here and in the source, by [`category`], of solutions that another person judged there, with their number.
    pub against_source: BTreeMap<(i64, i64), u64>,
    /// First errors by labels and by recorded scores, where a target compares them, with the number of solutions.
    pub against_scores: BTreeMap<(i64, i64), u64>,
    /// What stood between steps in the source, with the number of steps it stood behind; without an entry where the source does not say it.
    pub separators: BTreeMap<String, u64>,
    /// Number of places where a step follows another one.
    pub borders: u64,
    /// Verdicts of several people here.
    pub agreement: Agreement,
    /// Number of steps of the longest solution written.
    pub most_steps: usize,
}

impl Loss {
    /// Counts something that was lost.
    pub fn lose(&mut self, what: &'static str, times: u64) {
        if times > 0 {
            *self.counts.entry(what).or_default() += times;
        }
    }

    /// Counts a solution that was left out.
    pub fn skip(&mut self, reason: &Skipped) {
        *self.skipped.entry(reason.to_string()).or_default() += 1;
    }

    /// Counts a solution that was written.
    pub(in super::super) fn wrote(&mut self, item: &Labelled<'_>) {
        self.written += 1;
        self.changed += u64::from(item.touched);
        self.recut += u64::from(item.source.is_some());
        self.most_steps = self.most_steps.max(item.labels.steps.len());
        match item.labels.annotators.as_slice() {
            [] => self.annotators.extend(item.labels.annotator.clone()),
            several => self.annotators.extend(several.iter().cloned()),
        }
        let verdict = match item.labels.first_error {
            FirstError::At(_) => "with a first error",
            FirstError::NoError => "without error",
            FirstError::Unlabelable => "that cannot be labelled",
            FirstError::Unknown => "without a verdict",
        };
        *self.verdicts.entry(verdict).or_default() += 1;
        let solution = item.of();
        let mut before: Option<&str> = None;
        for node in item.path() {
            self.borders += u64::from(before.is_some());
            if let Some(separator) = before.filter(|separator| !separator.is_empty()) {
                self.part(separator, 1);
            }
            before = Some(&node.sep_after);
        }
        let both = item.labels.is_labelled() && solution.first_error != FirstError::Unknown;
        if both && item.labels.annotator != solution.annotator {
            let pair = (category(item.labels.first_error), category(solution.first_error));
            *self.against_source.entry(pair).or_default() += 1;
        }
    }

    /// Counts a separator. A source has a few; where every step has another one, the first ones have to do.
    fn part(&mut self, separator: &str, times: u64) {
        const MOST: usize = 32;
        if let Some(known) = self.separators.get_mut(separator) {
            *known += times;
        } else if self.separators.len() < MOST && separator.len() <= MOST {
            self.separators.insert(separator.to_owned(), times);
        }
    }

    /// Counts a trace whose records were copied as they stand.
    pub fn copied(&mut self, unit: &LabelledTrace<'_>, records: usize) {
        self.read += unit.solutions.len() as u64;
        self.records += records as u64;
        for item in &unit.solutions {
            self.wrote(item);
            self.kept_record(item);
        }
    }

    /// Counts what is said of a solution whose record keeps its labels: it stays that of the person whose labels it holds.
    pub(in super::super) fn kept_record(&mut self, item: &Labelled<'_>) {
        self.lose(Feature::Annotators.name(), u64::from(item.confirmed()));
        self.lose(Feature::Remarks.name(), item.words() as u64);
    }

    /// Adds the counts of another part of the same export.
    pub fn add(&mut self, other: &Loss) {
        for (what, times) in &other.counts {
            *self.counts.entry(what).or_default() += times;
        }
        for (reason, times) in &other.skipped {
            *self.skipped.entry(reason.clone()).or_default() += times;
        }
        self.written += other.written;
        self.changed += other.changed;
        self.recut += other.recut;
        self.read += other.read;
        self.records += other.records;
        for (verdict, times) in &other.verdicts {
            *self.verdicts.entry(verdict).or_default() += times;
        }
        let pairs = [(&mut self.against_source, &other.against_source), (&mut self.against_scores, &other.against_scores)];
        for (all, part) in pairs {
            for (pair, times) in part {
                *all.entry(*pair).or_default() += times;
            }
        }
        for (separator, times) in &other.separators {
            self.part(separator, *times);
        }
        self.borders += other.borders;
        self.agreement.add(&other.agreement);
        self.annotators.extend(other.annotators.iter().cloned());
        self.most_steps = self.most_steps.max(other.most_steps);
    }
}

/// Counts what a solution has and a target does not take; with `labels_only` all else is still in the record of the source.
pub(in super::super) fn count_lost(item: &Labelled<'_>, keeps: &Keeps, labels_only: bool, loss: &mut Loss) {
    for feature in Feature::ALL {
        if (feature.of_labels() || !labels_only) && keeps.of(feature) == Kept::No {
            loss.lose(feature.name(), feature.present(item) as u64);
        }
    }
}

/// The nodes on the paths of solutions, and the root.
pub(in super::super) fn on_paths(trace: &Trace) -> HashSet<NodeId> {
    let mut on_path = HashSet::from([NodeId::ROOT]);
    for solution in &trace.solutions {
        let mut at = solution.leaf;
        while on_path.insert(at) {
            at = trace.node(at).parent.unwrap_or(NodeId::ROOT);
        }
    }
    on_path
}

/// Counts the steps of a trace that no solution holds, and those that no sibling of a solution's step is; where they stay, what of theirs
/// does not.
pub(in super::super) fn count_lost_branches(trace: &Trace, keeps: &Keeps, loss: &mut Loss) {
    let on_path = on_paths(trace);
    let off = trace.steps().filter(|id| !on_path.contains(id));
    let (near, far): (Vec<_>, Vec<_>) =
        off.partition(|&id| trace.node(id).parent.is_some_and(|parent| on_path.contains(&parent)));
    let stay = match (keeps.of(Feature::Alternatives), keeps.of(Feature::Tree)) {
        (Kept::No, _) => {
            loss.lose(Feature::Alternatives.name(), (near.len() + far.len()) as u64);
            Vec::new()
        }
        (_, Kept::No) => {
            loss.lose(Feature::Tree.name(), far.len() as u64);
            near
        }
        _ => [near, far].concat(),
    };
    for feature in Feature::ALL.into_iter().filter(|feature| keeps.of(*feature) == Kept::No) {
        loss.lose(feature.name(), stay.iter().map(|id| feature.of_step(trace.node(*id)) as u64).sum());
    }
}

/// The steps behind the first error that have ratings of their own, by index.
pub(in super::super) fn rated_behind_error(labels: &SolutionLabels) -> impl Iterator<Item = usize> {
    let from = if let FirstError::At(k) = labels.first_error { k + 1 } else { labels.steps.len() };
    let rated = |label: Label| !matches!(label, Label::AfterError | Label::Unseen);
    labels.steps.iter().enumerate().skip(from).filter(move |&(_, &label)| rated(label)).map(|(index, _)| index)
}
