//! The way back: labelled solutions to records of a target format, with an account of what was lost.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use serde_json::Value;

use super::{json, span};
use crate::labels::policy::{Policy, Skipped, StepTarget};
use crate::trace::{FirstError, Label, Node, NodeId, NodeStats, Solution, SolutionLabels, StepKind, Trace};

/// One solution with the labels to export.
#[derive(Debug, Clone)]
pub struct Labelled<'a> {
    /// The trace it belongs to.
    pub trace: &'a Trace,
    /// Its index in [`Trace::solutions`].
    pub solution: usize,
    /// What is to be said about it.
    pub labels: SolutionLabels,
    /// The bytes of its record, when it was read from the format it is written to.
    pub raw: Option<&'a [u8]>,
    /// The labels differ from those in the file.
    pub touched: bool,
}

impl<'a> Labelled<'a> {
    /// The solution itself.
    pub fn of(&self) -> &'a Solution {
        &self.trace.solutions[self.solution]
    }

    /// Its steps.
    pub(super) fn path(&self) -> impl Iterator<Item = &'a Node> {
        let trace = self.trace;
        trace.solution_path(self.of()).into_iter().map(|id| trace.node(id))
    }

    /// True when somebody else than the file names judged the solution just as the file does.
    pub fn confirmed(&self) -> bool {
        !self.touched && self.labels.annotator.is_some() && self.labels.annotator != self.of().annotator
    }

    /// The bytes of the source, when they can be written as they are.
    pub(super) fn verbatim(&self) -> Option<&'a [u8]> {
        self.raw.filter(|_| !self.touched)
    }

    /// An identifier for targets that want one: that of the source, else one made of the content.
    pub(super) fn id(&self) -> String {
        let solution = self.of();
        solution.source_id.clone().unwrap_or_else(|| {
            let key = self.trace.record_key(solution.leaf).to_string();
            format!("{}-{}", &key[..12], solution.record)
        })
    }
}

/// How the records of a file are held together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// One record a line.
    Lines,
    /// One JSON list.
    Array,
}

impl Framing {
    /// What stands before the first record.
    pub fn start(self) -> &'static str {
        match self {
            Self::Lines => "",
            Self::Array => "[\n ",
        }
    }

    /// What stands between two records.
    pub fn between(self) -> &'static str {
        match self {
            Self::Lines => "\n",
            Self::Array => ",\n ",
        }
    }

    /// What stands behind the last record (behind [`Framing::start`] when there is none).
    pub fn end(self) -> &'static str {
        match self {
            Self::Lines => "\n",
            Self::Array => "\n]\n",
        }
    }

    /// A record as it may stand in this framing: a pretty-printed one loses its line ends where lines count.
    pub fn record(self, bytes: &[u8]) -> Cow<'_, [u8]> {
        match self {
            Self::Lines if memchr::memchr2(b'\n', b'\r', bytes).is_some() => Cow::Owned(span::compact(bytes)),
            _ => Cow::Borrowed(bytes),
        }
    }
}

/// What an export did, and what the target could not hold. Counted by [`Writer::write_unit`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Loss {
    /// How often something was lost, by what it was.
    pub counts: BTreeMap<&'static str, u64>,
    /// Solutions left out, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Solutions written.
    pub written: u64,
    /// Solutions written whose labels differ from those in the file.
    pub changed: u64,
    /// Solutions looked at.
    pub read: u64,
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
        self.read += other.read;
    }
}

/// Writes labelled solutions in one format.
pub trait Writer: Sync {
    /// Appends the record of one solution, without a line end. Leaves `out` as it was when it refuses.
    fn write(&self, item: &Labelled<'_>, policy: &Policy, out: &mut Vec<u8>, loss: &mut Loss) -> Result<(), Skipped>;

    /// How the records of a new file of this format are held together.
    fn framing(&self) -> Framing;

    /// Which of the features that [`Loss::counts`] names the format can hold.
    fn keeps(&self) -> &'static [&'static str];

    /// Appends the records of all solutions of one trace, one entry a record, and counts.
    fn write_unit(&self, unit: &[Labelled<'_>], policy: &Policy, out: &mut Vec<Vec<u8>>, loss: &mut Loss) {
        let Some(trace) = unit.first().map(|item| item.trace) else { return };
        let halves = json::replaced_halves(&trace.warnings);
        let (mut lost_branches, mut lost_halves) = (false, 0);
        for item in unit {
            loss.read += 1;
            let (mut bytes, mut own) = (Vec::new(), Loss::default());
            if let Err(skipped) = self.write(item, policy, &mut bytes, &mut own) {
                // What a solution would have lost is not lost when all of it is left out.
                loss.skip(&skipped);
                continue;
            }
            loss.written += 1;
            loss.changed += u64::from(item.touched);
            loss.add(&own);
            if item.raw.is_none() {
                lost_features(LABELS.iter().chain(FEATURES), item, self.keeps(), loss);
                lost_branches = true;
            } else if item.touched || item.confirmed() {
                // All else is still in the record of the source.
                lost_features(LABELS, item, self.keeps(), loss);
            }
            if halves > 0 {
                let kept = item.raw.map_or(0, |_| json::halves(&bytes));
                lost_halves = lost_halves.max(halves.saturating_sub(kept));
            }
            out.push(bytes);
        }
        loss.lose(NO_TEXT, lost_halves);
        if lost_branches && !self.keeps().contains(&ALTERNATIVES) {
            loss.lose(ALTERNATIVES, alternatives(trace));
        }
    }
}

/// Name under which steps outside of all solutions are lost.
pub(super) const ALTERNATIVES: &str = "alternative steps";

/// Name under which halves of surrogate pairs are lost: they can be written as escapes only, and are U+FFFD in a trace.
pub(super) const NO_TEXT: &str = "characters that were no text";

/// Name under which the names of people are lost.
pub(super) const ANNOTATORS: &str = "annotators";

/// Name under which ratings of steps behind the first error are lost. Formats that can hold some of them count the others.
pub(super) const BEHIND_ERROR: &str = "ratings behind the first error";

/// The steps behind the first error that have ratings of their own, by index.
pub(super) fn rated_behind_error(labels: &SolutionLabels) -> impl Iterator<Item = usize> {
    let from = if let FirstError::At(k) = labels.first_error { k + 1 } else { labels.steps.len() };
    let rated = |label: Label| !matches!(label, Label::AfterError | Label::Unseen);
    labels.steps.iter().enumerate().skip(from).filter(move |&(_, &label)| rated(label)).map(|(index, _)| index)
}

/// Steps that stand on no solution's path.
fn alternatives(trace: &Trace) -> u64 {
    let mut on_path = HashSet::new();
    for solution in &trace.solutions {
        let mut at = solution.leaf;
        while at != NodeId::ROOT && on_path.insert(at) {
            at = trace.node(at).parent.unwrap_or(NodeId::ROOT);
        }
    }
    (trace.nodes.len() - 1 - on_path.len()) as u64
}

type Feature = (&'static str, fn(&Labelled<'_>) -> u64);

/// What labels say.
const LABELS: &[Feature] = &[
    ("neutral ratings", |item| count(item, Label::Neutral)),
    (BEHIND_ERROR, |item| rated_behind_error(&item.labels).count() as u64),
    ("unsure marks", |item| u64::from(item.labels.unsure)),
    (ANNOTATORS, |item| u64::from(item.labels.annotator.is_some())),
];

/// What a record holds beside its labels.
const FEATURES: &[Feature] = &[
    ("ids", |item| u64::from(item.of().source_id.is_some())),
    ("generators", |item| u64::from(item.of().generator.is_some())),
    ("final answers", |item| u64::from(item.of().final_answer.is_some())),
    ("outcomes", |item| u64::from(item.of().outcome != crate::trace::Outcome::Unknown)),
    ("references", |item| {
        let problem = &item.trace.problem;
        u64::from(problem.reference_answer.is_some() || problem.reference_solution.is_some())
    }),
    ("step scores and search statistics", |item| {
        let nodes = item.path().filter(|node| node.stats != NodeStats::default()).count();
        nodes.max(item.of().scores.iter().flatten().count()) as u64
    }),
    ("separators", |item| item.path().filter(|node| !matches!(node.sep_after.as_str(), "" | "\n" | "\n\n")).count() as u64),
    ("kinds of steps", |item| item.path().filter(|node| node.kind != StepKind::Text).count() as u64),
    ("further fields", |item| {
        (item.of().extra.len() + item.trace.extra.len() + item.path().map(|node| node.extra.len()).sum::<usize>()) as u64
    }),
];

fn count(item: &Labelled<'_>, label: Label) -> u64 {
    item.labels.steps.iter().filter(|&&step| step == label).count() as u64
}

/// Counts what a solution has and a format that `keeps` only some features does not take.
fn lost_features<'a>(features: impl IntoIterator<Item = &'a Feature>, item: &Labelled<'_>, keeps: &[&str], loss: &mut Loss) {
    for (name, present) in features {
        if !keeps.contains(name) {
            loss.lose(name, present(item));
        }
    }
}

/// The steps that stay under a policy, for targets in which each step must be right or wrong: the solution ends before the first
/// step without a target, and `loss` says so, as it says which ratings behind the first error go or turn.
pub(super) fn decided(policy: Policy, labels: &SolutionLabels, loss: &mut Loss) -> Result<Vec<(usize, bool)>, Skipped> {
    let targets = crate::labels::policy::apply(&policy, labels)?;
    let total = targets.len();
    let kept: Vec<_> = targets
        .into_iter()
        .map_while(|(index, target)| match target {
            StepTarget::Positive => Some((index, true)),
            StepTarget::Negative => Some((index, false)),
            StepTarget::Unset => None,
        })
        .collect();
    if kept.is_empty() && total > 0 {
        return Err(Skipped::NothingLeft);
    }
    loss.lose("steps without a target", (total - kept.len()) as u64);
    let gone = rated_behind_error(labels).filter(|&index| match kept.binary_search_by_key(&index, |&(at, _)| at) {
        Ok(at) => labels.steps[index] == if kept[at].1 { Label::Bad } else { Label::Good },
        Err(_) => true,
    });
    loss.lose(BEHIND_ERROR, gone.count() as u64);
    Ok(kept)
}

/// Appends a JSON value.
pub(super) fn push_json(out: &mut Vec<u8>, value: &Value) {
    out.extend_from_slice(value.to_string().as_bytes());
}

/// `raw` with one field set; by its bytes alone where possible, else by writing the whole record anew with all of its fields.
pub(super) fn set_field(raw: &[u8], path: &[&str], value: &Value) -> Result<Vec<u8>, Skipped> {
    if let Some(out) = span::replace(raw, path, value.to_string().as_bytes()) {
        return Ok(out);
    }
    let unwritable = || Skipped::Unwritable(format!("its record in the source has no place for {}", path.join(".")));
    let mut whole = super::parse_json(raw).map_err(|_| unwritable())?;
    let mut at = &mut whole;
    for key in path {
        let Value::Object(map) = at else { return Err(unwritable()) };
        at = map.entry(*key).or_insert(Value::Null);
    }
    *at = value.clone();
    Ok(whole.to_string().into_bytes())
}
