//! Wrong steps with what should stand in their place, for training on corrections (in the manner of LEMMA, arXiv:2503.17439, whose public
//! files have no documented form: the names of the fields are ours).
//!
//! The correction is what the annotator wrote, else a step that a person wrote in the source, else a right step beside the wrong one: the
//! solution is fixed and goes on. Where there is none of them, a right solution of the problem starts over (both ways are LEMMA's).

use std::cell::OnceCell;

use serde_json::{Value, json};

use super::super::export::{Feature, Keeps, Labelled, LabelledTrace, Loss, Writer, each_solution, json_bytes};
use super::Target;
use super::siblings::Siblings;
use crate::labels::policy::{AfterError, Neutral, Policy, Skipped, Switch, Unlabelled, Unsure};
use crate::trace::{FirstError, Label, NodeId, Outcome, Writing};

pub(super) const CORRECTIONS: Target = Target {
    name: "corrections",
    doc: "corrections: problem, prefix, wrong_step, reason, category, corrected_step, continuation, mode, answer",
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
    mode: Mode,
}

/// How a wrong solution becomes right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Another step stands in place of the wrong one.
    FixContinue,
    /// A right solution stands behind it, from its first step on.
    FreshRestart,
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
        let restart = Restart::new();
        each_solution(self, unit, policy, out, loss, |item, rows, _| {
            rows.push(json_bytes(&(self.record)(item, &correction(&siblings, &restart, item, policy)?, policy)));
            Ok(())
        });
    }
}

/// The right solution that all wrong ones of a problem start over with, once it was looked for.
type Restart = OnceCell<Option<(NodeId, Vec<NodeId>)>>;

fn correction<'a>(
    siblings: &Siblings<'a>,
    restart: &Restart,
    item: &'a Labelled<'_>,
    policy: &Policy,
) -> Result<Correction<'a>, Skipped> {
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
    let (corrected, rest, mode) = if let Some(correction) = labels.remark(Writing::Correction, Some(at)) {
        (correction, Vec::new(), Mode::FixContinue)
    } else if let Some(id) = right_sibling(siblings, wrong) {
        (text(&id), continuation(siblings, id), Mode::FixContinue)
    } else if let Some((first, rest)) = restart.get_or_init(|| right_solution(siblings)) {
        (text(first), rest.clone(), Mode::FreshRestart)
    } else {
        return Err(Skipped::Unwritable("no correction of its wrong step".to_owned()));
    };
    if mode == Mode::FixContinue && corrected.trim() == text(&wrong).trim() {
        return Err(Skipped::Unwritable("a correction that differs from its wrong step in white space alone".to_owned()));
    }
    Ok(Correction {
        prefix: path[..at].iter().map(text).collect(),
        wrong: text(&wrong),
        reason: labels.remark(Writing::Critique, Some(at)),
        corrected,
        continuation: rest.iter().map(text).collect(),
        mode,
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
        "mode": match found.mode {
            Mode::FixContinue => "fix_continue",
            Mode::FreshRestart => "fresh_restart",
        },
        "answer": trace.problem.reference_answer,
        "annotator": labels.annotator,
    })
}

/// The solution up to the wrong step, the moment of noticing with the annotator's reason, the right step and what follows it. TRL's trainer of
/// prompts and completions joins both as they are, so the prompt ends with the glue.
fn noticed(item: &Labelled<'_>, found: &Correction<'_>, policy: &Policy) -> Value {
    let again = (found.mode == Mode::FreshRestart).then_some(RESTARTED);
    let noticing = std::iter::once(NOTICED).chain(found.reason).chain(again).collect::<Vec<_>>().join(" ");
    let middle = [found.wrong, &noticing, found.corrected];
    let steps = found.prefix.iter().chain(&middle).chain(&found.continuation);
    json!({
        "prompt": format!("{}{}", item.trace.problem.text, policy.glue),
        "completion": steps.copied().collect::<Vec<_>>().join(&policy.glue),
    })
}

/// What is said before a step is put right.
const NOTICED: &str = "Wait, that step is wrong.";

/// What is said before a solution starts over.
const RESTARTED: &str = "Let me start over.";

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

/// The first right solution of the problem with which no other one quarrels: its first step and the others.
fn right_solution(siblings: &Siblings<'_>) -> Option<(NodeId, Vec<NodeId>)> {
    let trace = siblings.unit.trace;
    let right = |item: &&&Labelled<'_>| {
        let stands = |(id, label): (NodeId, &Label)| *label == Label::Neutral || siblings.target(id) == Some(true);
        item.labels.first_error == FirstError::NoError
            && item.of().outcome != Outcome::Wrong
            && trace.solution_path(item.of()).into_iter().zip(&item.labels.steps).all(stands)
    };
    let beginnings = siblings.behind(NodeId::ROOT).into_iter();
    let item = beginnings.filter_map(|id| siblings.through(id).iter().find(right)).min_by_key(|item| item.solution)?;
    let path = trace.solution_path(item.of());
    path.split_first().map(|(first, rest)| (*first, rest.to_vec()))
}
