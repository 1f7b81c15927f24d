//! The way back: labelled solutions to records of a target format, with an account of what was lost.

mod agreement;
mod explode;
mod framing;
mod gather;
mod loss;

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::{json, span};
use crate::labels::policy::{Policy, Skipped, StepTarget, Switch};
use crate::trace::{EndState, FirstError, Label, Node, NodeId, Rating, Remark, Solution, SolutionLabels, Trace, Words};

pub(super) use agreement::first_error;
pub use agreement::{Agreement, Units, Verdict, category};
pub use explode::{Exploded, exploded};
pub use framing::Framing;
pub use gather::gathered;
pub use loss::{Feature, Keeps, Kept, Loss};
pub(super) use loss::{count_lost, count_lost_branches, on_paths, rated_behind_error};

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
    /// The trace in the steps of its source, when somebody cut those of this solution anew. Its solutions stand in the same order, but
    /// for targets that compare samples.
    pub source: Option<&'a Trace>,
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

    /// The labels are those of somebody else than the file names.
    fn of_another(&self) -> bool {
        self.labels.annotator.is_some() && self.labels.annotator != self.of().annotator
    }

    /// True when somebody else than the file names judged the solution just as the file does.
    pub fn confirmed(&self) -> bool {
        !self.touched && self.of_another()
    }

    /// Number of texts that somebody wrote and that the source does not have, with the kind of the error.
    pub fn words(&self) -> usize {
        let (recorded, kind) = (self.of().words.as_deref(), &self.labels.error_kind);
        let new_kind = !kind.is_empty() && recorded.is_none_or(|words| words.error_kind != *kind);
        self.labels.remarks.iter().filter(|remark| self.is_new(remark)).count() + usize::from(new_kind)
    }

    /// Whether the source does not have this text.
    pub(super) fn is_new(&self, remark: &Remark) -> bool {
        self.of().words.as_deref().is_none_or(|words| !words.remarks.contains(remark))
    }

    /// What the source says in words, where the labels are those of another person: who repeats its verdict has written none of them.
    pub(super) fn words_of_source(&self) -> Option<&'a Words> {
        self.of().words.as_deref().filter(|_| self.of_another())
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

/// One trace with what is said of its solutions and of single steps.
#[derive(Debug, Clone)]
pub struct LabelledTrace<'a> {
    /// The trace.
    pub trace: &'a Trace,
    /// The solutions to write, in source order.
    pub solutions: Vec<Labelled<'a>>,
    /// Ratings of steps by the session, beside those that the source gives ([`Node::rating`]).
    pub marks: HashMap<NodeId, Rating>,
    /// Steps that the session calls the best of their alternatives.
    pub chosen: HashSet<NodeId>,
}

impl<'a> LabelledTrace<'a> {
    /// A trace whose steps off all paths nobody rated anew.
    pub fn new(trace: &'a Trace, solutions: Vec<Labelled<'a>>) -> Self {
        Self { trace, solutions, marks: HashMap::new(), chosen: HashSet::new() }
    }

    /// Whether the session rated this step otherwise than the source does.
    pub(super) fn rated_anew(&self, id: NodeId) -> bool {
        self.marks.get(&id).is_some_and(|rating| Some(*rating) != self.trace.node(id).rating)
    }

    /// Whether it did so with a step beside this solution.
    pub(super) fn rated_beside(&self, item: &Labelled<'_>) -> bool {
        let beside = |id: NodeId| &self.trace.node(self.trace.node(id).parent.unwrap_or(NodeId::ROOT)).children;
        !self.marks.is_empty()
            && self.trace.solution_path(item.of()).into_iter().any(|id| beside(id).iter().any(|id| self.rated_anew(*id)))
    }

    /// All that is said of the solution of an item, by several people where they all have a word; `None` where the item is not the first.
    pub(super) fn together(&self, item: &Labelled<'_>) -> Option<&[Labelled<'a>]> {
        let from = self.solutions.partition_point(|other| other.solution < item.solution);
        let all = &self.solutions[from..];
        let all = &all[..all.partition_point(|other| other.solution == item.solution)];
        all.first().filter(|first| std::ptr::eq(*first, item)).map(|_| all)
    }
}

/// The files of records that an export writes.
#[derive(Debug, Clone, Copy)]
pub struct Written<'a> {
    /// The name that further files are named after.
    pub name: &'a str,
    /// Paths from the folder of those further files: the records to train on, then those to test with, if any.
    pub records: &'a [String],
}

/// Writes labelled traces in one format.
pub trait Writer: Sync {
    /// How the records of a new file of this format are held together.
    fn framing(&self) -> Framing {
        Framing::Lines
    }

    /// What the format can hold.
    fn keeps(&self) -> &'static Keeps;

    /// The decisions of the policy that change what is written; the user makes each of them.
    fn asks(&self) -> &'static [Switch];

    /// True when its records compare the samples of a problem with each other: it is given all of them at once, as one trace.
    fn compares(&self) -> bool {
        false
    }

    /// Whether texts that the source of a solution does not have make another record of it.
    fn takes_words(&self, item: &Labelled<'_>) -> bool {
        self.keeps().of(Feature::Remarks) != Kept::No && item.words() > 0
    }

    /// True when its trainer puts a text between steps that is no part of the records: an export tells what parted them where they come from.
    fn parted_by_trainer(&self) -> bool {
        false
    }

    /// Appends the records of one trace and counts. A record is one solution, one step, one pair of steps or the whole trace.
    fn write(&self, unit: &LabelledTrace<'_>, policy: &Policy, out: &mut Vec<Vec<u8>>, loss: &mut Loss);

    /// A record of this format that nobody touched, as it is copied: other bytes only where its trainer could not read them beside new records.
    fn copy(&self, raw: &[u8], _policy: &Policy) -> Vec<u8> {
        raw.to_vec()
    }

    /// What makes a record whole once all are known, where one hangs on the others. Its records are objects, one a line.
    fn completion(&self) -> Option<Completion> {
        None
    }

    /// What stands behind the last record, before the end of the framing.
    fn summary(&self, _loss: &Loss) -> String {
        String::new()
    }

    /// Further files that belong beside these: name and content.
    fn beside(&self, _files: Written<'_>, _loss: &Loss) -> Vec<(String, String)> {
        Vec::new()
    }
}

/// Makes a record whole that was written before all were known.
pub type Completion = fn(&[u8], &Loss) -> Vec<u8>;

/// Writes each solution on its own: `write` makes the records of one, or refuses it and leaves nothing.
///
/// Records that keep their format and their labels are copied.
pub(super) fn each_solution(
    writer: &dyn Writer,
    unit: &LabelledTrace<'_>,
    policy: &Policy,
    out: &mut Vec<Vec<u8>>,
    loss: &mut Loss,
    write: impl Fn(&Labelled<'_>, &mut Vec<Vec<u8>>, &mut Loss) -> Result<(), Skipped>,
) {
    let halves = json::replaced_halves(&unit.trace.warnings);
    let takes_alternatives = writer.keeps().of(Feature::Alternatives) != Kept::No;
    let (mut lost_branches, mut lost_halves) = (false, 0);
    for item in &unit.solutions {
        loss.read += 1;
        let (mut rows, mut own) = (Vec::new(), Loss::default());
        let written = if policy.leaves_out(&item.of().extra) {
            Err(Skipped::QualityControl)
        } else if let Some(raw) = item.verbatim().filter(|_| !takes_alternatives || !unit.rated_beside(item)) {
            own.kept_record(item);
            rows.push(writer.copy(raw, policy));
            Ok(())
        } else {
            write(item, &mut rows, &mut own)
        };
        if let Err(skipped) = written {
            // What a solution would have lost is not lost when all of it is left out.
            loss.skip(&skipped);
            continue;
        }
        loss.wrote(item);
        loss.records += rows.len() as u64;
        loss.add(&own);
        if item.raw.is_none() || item.touched {
            count_lost(item, writer.keeps(), item.raw.is_some(), loss);
        }
        lost_branches |= item.raw.is_none();
        if halves > 0 {
            let kept = item.raw.map_or(0, |_| rows.iter().map(|row| json::halves(row)).sum());
            lost_halves = lost_halves.max(halves.saturating_sub(kept));
        }
        out.append(&mut rows);
    }
    loss.lose(Feature::NoText.name(), lost_halves);
    if lost_branches {
        count_lost_branches(unit.trace, writer.keeps(), loss);
    }
}

/// How a labelling ended, in PRM800K's words; `None` while it has not.
pub(super) fn finish_reason(labels: &SolutionLabels) -> Option<&'static str> {
    match (labels.first_error, labels.end_state) {
        (FirstError::Unlabelable, EndState::BadProblem) => Some("bad_problem"),
        (FirstError::Unlabelable, _) => Some("give_up"),
        (FirstError::At(_), _) | (FirstError::Unknown, EndState::FoundError) => Some("found_error"),
        (FirstError::NoError, _) => Some("solution"),
        (FirstError::Unknown, _) => None,
    }
}

/// The steps that stay under a policy, for targets in which each step must be right or wrong: the solution ends before the first
/// step without a target, and `loss` says so, as it says which ratings behind the first error go or turn.
pub(super) fn decided(policy: &Policy, labels: &SolutionLabels, loss: &mut Loss) -> Result<Vec<(usize, bool)>, Skipped> {
    let targets = crate::labels::policy::apply(policy, labels)?;
    let total = targets.len();
    let kept: Vec<_> = targets
        .into_iter()
        .map_while(|(index, target)| match target {
            StepTarget::Positive => Some((index, true)),
            StepTarget::Negative => Some((index, false)),
            StepTarget::Unset => None,
        })
        .collect();
    // A solution without steps tells such trainers nothing, and some stumble over it.
    if kept.is_empty() {
        return Err(Skipped::NothingLeft);
    }
    loss.lose("steps without a target", (total - kept.len()) as u64);
    let gone = rated_behind_error(labels).filter(|&index| match kept.binary_search_by_key(&index, |&(at, _)| at) {
        Ok(at) => labels.steps[index] == if kept[at].1 { Label::Bad } else { Label::Good },
        Err(_) => true,
    });
    loss.lose(Feature::BehindError.name(), gone.count() as u64);
    Ok(kept)
}

/// A JSON value on one line.
pub(super) fn json_bytes(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

/// A record with these fields: the record of the source with them in place of its own, so that all else in it stays, or a new one.
///
/// Records of the source that cannot be copied are written this way: what an export then counts as lost is what labels say alone.
pub(super) fn record_with(raw: Option<&[u8]>, fields: Map<String, Value>) -> Result<Vec<u8>, Skipped> {
    match raw {
        None => Ok(json_bytes(&fields.into())),
        Some(raw) => fields.iter().try_fold(raw.to_vec(), |record, (key, value)| set_field(&record, &[key], value)),
    }
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
