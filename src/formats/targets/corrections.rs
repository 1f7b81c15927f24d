//! Wrong steps with what should stand in their place, for training on corrections (in the manner of LEMMA, arXiv:2503.17439, whose public
//! files have no documented form: the names of the fields are ours).
//!
//! The correction is what the annotator wrote, else a step that a person wrote in the source, else a right step beside the wrong one.

use serde_json::{Value, json};

use super::super::export::{Feature, Keeps, Labelled, LabelledTrace, Loss, Writer, each_solution, json_bytes};
use super::Target;
use crate::labels::policy::{Policy, Skipped, Switch, Unsure};
use crate::trace::{FirstError, NodeId, Rating, Writing};

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

    fn write(&self, unit: &LabelledTrace<'_>, policy: &Policy, out: &mut Vec<Vec<u8>>, loss: &mut Loss) {
        each_solution(self, unit, policy, out, loss, |item, rows, _| {
            rows.push(json_bytes(&(self.record)(item, &correction(unit, item, policy)?, policy)));
            Ok(())
        });
    }
}

fn correction<'a>(unit: &LabelledTrace<'a>, item: &'a Labelled<'_>, policy: &Policy) -> Result<Correction<'a>, Skipped> {
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
    let (corrected, rest) = if let Some(correction) = labels.remark(Writing::Correction, Some(at)) {
        (correction, Vec::new())
    } else {
        let sibling = correct_sibling(unit, wrong);
        let id = sibling.ok_or_else(|| Skipped::Unwritable("no correction of its wrong step".to_owned()))?;
        (text(&id), continuation(unit, id))
    };
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
