//! Wrong steps with what should stand in their place, for training on corrections (in the manner of LEMMA, arXiv:2503.17439, whose public
//! files have no documented form: the names of the fields are ours).
//!
//! The correction is what the annotator wrote, else a step that a person wrote in the source, else a right step beside the wrong one.

use serde_json::json;

use super::super::export::{Feature, Keeps, Labelled, LabelledTrace, Loss, Writer, each_solution, json_bytes};
use super::Target;
use crate::labels::policy::{Policy, Skipped, Switch, Unsure};
use crate::trace::{FirstError, NodeId, Rating, Writing};

pub(super) const CORRECTIONS: Target = Target {
    name: "corrections",
    doc: "corrections: problem, prefix, wrong_step, reason, category, corrected_step, continuation, answer",
    writer: &Corrections,
};

struct Corrections;

impl Writer for Corrections {
    fn keeps(&self) -> &'static Keeps {
        &Keeps {
            all: &[Feature::Ids, Feature::References, Feature::Annotators],
            partly: &[Feature::FirstError, Feature::Alternatives, Feature::Tree, Feature::Remarks],
        }
    }

    fn asks(&self) -> &'static [Switch] {
        &[Switch::Unsure]
    }

    fn write(&self, unit: &LabelledTrace<'_>, policy: &Policy, out: &mut Vec<Vec<u8>>, loss: &mut Loss) {
        each_solution(self, unit, policy, out, loss, |item, rows, _| {
            rows.push(record(unit, item, policy)?);
            Ok(())
        });
    }
}

fn record(unit: &LabelledTrace<'_>, item: &Labelled<'_>, policy: &Policy) -> Result<Vec<u8>, Skipped> {
    let (trace, labels) = (unit.trace, &item.labels);
    let FirstError::At(at) = labels.first_error else {
        return Err(Skipped::Unwritable("no wrong step".to_owned()));
    };
    if labels.unsure && policy.unsure != Unsure::Keep {
        return Err(Skipped::Unsure);
    }
    let path = trace.solution_path(item.of());
    let wrong = *path.get(at).ok_or(Skipped::NothingLeft)?;
    let text = |id: &NodeId| trace.node(*id).text.as_str();
    let (corrected, continuation) = if let Some(correction) = labels.remark(Writing::Correction, Some(at)) {
        (correction, Vec::new())
    } else {
        let sibling = correct_sibling(unit, wrong);
        let id = sibling.ok_or_else(|| Skipped::Unwritable("no correction of its wrong step".to_owned()))?;
        (text(&id), continuation(unit, id))
    };
    Ok(json_bytes(&json!({
        "id": item.id(),
        "problem": trace.problem.text,
        "prefix": path[..at].iter().map(text).collect::<Vec<_>>(),
        "wrong_step": text(&wrong),
        "reason": labels.remark(Writing::Critique, Some(at)),
        "category": Some(&labels.error_kind).filter(|kind| !kind.is_empty()),
        "corrected_step": corrected,
        "continuation": continuation.iter().map(text).collect::<Vec<_>>(),
        "mode": "fix_continue",
        "answer": trace.problem.reference_answer,
        "annotator": labels.annotator,
    })))
}

/// A step beside the wrong one that is right: one that a person wrote comes first.
fn correct_sibling(unit: &LabelledTrace<'_>, wrong: NodeId) -> Option<NodeId> {
    let trace = unit.trace;
    let siblings = &trace.node(trace.node(wrong).parent?).children;
    let human = |id: &NodeId| trace.node(*id).extra.get("source").is_some_and(|source| source == "human");
    let rating = |id: &NodeId| unit.marks.get(id).copied().or(trace.node(*id).rating);
    let right = |id: &NodeId| rating(id) == Some(Rating::Good) || (human(id) && rating(id).is_none());
    let candidates = || siblings.iter().copied().filter(|id| *id != wrong && right(id));
    candidates().find(human).or_else(|| candidates().next())
}

/// What follows a step in a solution through it, when that solution is right.
fn continuation(unit: &LabelledTrace<'_>, id: NodeId) -> Vec<NodeId> {
    let depth = unit.trace.node(id).depth;
    let right = |item: &&Labelled<'_>| item.labels.first_error == FirstError::NoError;
    let through = unit.solutions.iter().filter(right).find(|item| unit.trace.ancestor_at(item.of().leaf, depth) == Some(id));
    through.map(|item| unit.trace.solution_path(item.of()).split_off(depth)).unwrap_or_default()
}
