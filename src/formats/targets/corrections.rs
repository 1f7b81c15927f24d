//! Wrong steps with what should stand in their place, for training on corrections (in the manner of LEMMA, arXiv:2503.17439, whose public
//! files have no documented form: the names of the fields are ours).
//!
//! The correction is what the annotator wrote, else a step that a person wrote in the source, else a right step beside the wrong one.

use serde_json::{Value, json};

use super::super::export::{Feature, Keeps, Labelled, LabelledTrace, Loss, Writer, each_solution, json_bytes};
use super::Target;
use super::siblings::Siblings;
use crate::labels::policy::{AfterError, Neutral, Policy, Skipped, Switch, Unlabelled, Unsure};
use crate::trace::{FirstError, NodeId, Writing};

pub(super) const CORRECTIONS: Target = Target {
    name: "corrections",
    doc: "corrections: problem, prefix, wrong_step, reason, category, corrected_step, continuation, answer",
    writer: &Corrections {
        keeps: &Keeps { all: &[Feature::Ids, Feature::References, Feature::Annotators], partly: PARTLY },
        asks: &[Switch::Unsure],
        record,
    },
};

pub(super) const SFT: Target = Target {
    name: "corrections-sft",
    doc: "fine-tuning on corrections: prompt and completion, in which a wrong step is noticed and put right",
    writer: &Corrections { keeps: &Keeps { all: &[], partly: PARTLY }, asks: &[Switch::Unsure, Switch::Glue], record: noticed },
};

const PARTLY: &[Feature] = &[Feature::FirstError, Feature::Alternatives, Feature::Tree, Feature::Remarks];

struct Corrections {
    keeps: &'static Keeps,
    asks: &'static [Switch],
    record: fn(&Labelled<'_>, &Correction<'_>, &Policy) -> Value,
}

/// A wrong step and what should stand in its place.
struct Correction<'a> {
    prefix: Vec<&'a str>,
    wrong: &'a str,
    reason: Option<&'a str>,
    corrected: &'a str,
    continuation: Vec<&'a str>,
}

impl Writer for Corrections {
    fn keeps(&self) -> &'static Keeps {
        self.keeps
    }

    fn asks(&self) -> &'static [Switch] {
        self.asks
    }

    fn compares(&self) -> bool {
        true
    }

    fn write(&self, unit: &LabelledTrace<'_>, policy: &Policy, out: &mut Vec<Vec<u8>>, loss: &mut Loss) {
        // Only what is right without question corrects, and every rating counts: none of this is asked.
        let (neutral, after_error, unlabelled) = (Neutral::DropStep, AfterError::Drop, Unlabelled::KeepUnset);
        let strict = Policy { neutral, after_error, unlabelled, ..policy.clone() };
        let siblings = Siblings::of(unit, &strict);
        each_solution(self, unit, policy, out, loss, |item, rows, _| {
            rows.push(json_bytes(&(self.record)(item, &correction(&siblings, item, policy)?, policy)));
            Ok(())
        });
    }
}

fn correction<'a>(siblings: &Siblings<'a>, item: &'a Labelled<'_>, policy: &Policy) -> Result<Correction<'a>, Skipped> {
    let (trace, labels) = (siblings.unit.trace, &item.labels);
    let FirstError::At(at) = labels.first_error else {
        return Err(Skipped::Unwritable("no wrong step".to_owned()));
    };
    if labels.unsure && policy.unsure != Unsure::Keep {
        return Err(Skipped::Unsure);
    }
    let path = trace.solution_path(item.of());
    let wrong = *path.get(at).ok_or(Skipped::NothingLeft)?;
    let text = |id: &NodeId| trace.node(*id).text.as_str();
    let (corrected, rest) = if let Some(correction) = labels.remark(Writing::Correction, Some(at)) {
        (correction, Vec::new())
    } else {
        let sibling = right_sibling(siblings, wrong);
        let id = sibling.ok_or_else(|| Skipped::Unwritable("no correction of its wrong step".to_owned()))?;
        (text(&id), continuation(siblings, id))
    };
    if corrected.trim() == text(&wrong).trim() {
        return Err(Skipped::Unwritable("a correction that differs from its wrong step in white space alone".to_owned()));
    }
    Ok(Correction {
        prefix: path[..at].iter().map(text).collect(),
        wrong: text(&wrong),
        reason: labels.remark(Writing::Critique, Some(at)),
        corrected,
        continuation: rest.iter().map(text).collect(),
    })
}

fn record(item: &Labelled<'_>, found: &Correction<'_>, _: &Policy) -> Value {
    let (trace, labels) = (item.trace, &item.labels);
    json!({
        "id": item.id(),
        "problem": trace.problem.text,
        "prefix": found.prefix,
        "wrong_step": found.wrong,
        "reason": found.reason,
        "category": Some(&labels.error_kind).filter(|kind| !kind.is_empty()),
        "corrected_step": found.corrected,
        "continuation": found.continuation,
        "mode": "fix_continue",
        "answer": trace.problem.reference_answer,
        "annotator": labels.annotator,
    })
}

/// The solution up to the wrong step, the moment of noticing with the annotator's reason, the right step and what follows it. TRL's trainer of
/// prompts and completions joins both as they are, so the prompt ends with the glue.
fn noticed(item: &Labelled<'_>, found: &Correction<'_>, policy: &Policy) -> Value {
    let noticing = found.reason.map_or_else(|| NOTICED.to_owned(), |reason| format!("{NOTICED} {reason}"));
    let middle = [found.wrong, &noticing, found.corrected];
    let steps = found.prefix.iter().chain(&middle).chain(&found.continuation);
    json!({
        "prompt": format!("{}{}", item.trace.problem.text, policy.glue),
        "completion": steps.copied().collect::<Vec<_>>().join(&policy.glue),
    })
}

/// What is said before a step is put right.
const NOTICED: &str = "Wait, that step is wrong.";

/// A step beside the wrong one that is right: one that a person wrote comes first, also when nobody rated it.
fn right_sibling(siblings: &Siblings<'_>, wrong: NodeId) -> Option<NodeId> {
    let trace = siblings.unit.trace;
    let text = |id: NodeId| trace.node(id).text.trim();
    let human = |id: &NodeId| trace.node(*id).by_a_person();
    let right = |id: &NodeId| siblings.target(*id).unwrap_or_else(|| human(id) && siblings.is_unrated(*id));
    let beside = siblings.behind(trace.node(wrong).parent?);
    let mut right = beside.into_iter().filter(|&id| id != wrong && text(id) != text(wrong)).filter(right);
    let first = right.next()?;
    Some(std::iter::once(first).chain(right).find(human).unwrap_or(first))
}

/// What follows a step in a solution through it, when that solution is right.
fn continuation(siblings: &Siblings<'_>, id: NodeId) -> Vec<NodeId> {
    let trace = siblings.unit.trace;
    let right = siblings.through(id).iter().find(|item| item.labels.first_error == FirstError::NoError);
    right.map(|item| trace.solution_path(item.of()).split_off(trace.node(id).depth)).unwrap_or_default()
}
