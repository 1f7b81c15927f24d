//! PRM800K records from labels. Records of PRM800K itself keep everything but ratings and `finish_reason`; others are written in the
//! shape of phase 2.
//!
//! Of the export policy two decisions matter here. `unsure`: the format can flag steps, so `keep` and `drop-step` write the flag and only
//! `skip-trace` leaves the solution out. `unlabelled`: under `keep-unset` a solution that is rated in part is written with ratings of
//! null and no `finish_reason`; TRL's converter of PRM800K takes such ratings for wrong. What nobody changed is copied whatever the policy.

use serde_json::{Map, Value, json};

use super::super::export::{
    Feature, Keeps, Labelled, LabelledTrace, Loss, Writer, each_solution, json_bytes, rated_behind_error, set_field,
};
use super::super::{parse_json, span};
use super::{Prm800k, Taken, position};
use crate::labels::policy::{Policy, Skipped, Switch, Unlabelled, Unsure};
use crate::trace::{EndState, FirstError, Label, NodeId};

impl Writer for Prm800k {
    fn keeps(&self) -> &'static Keeps {
        // `relabelled` and `fresh` count the ratings behind the first error that find no place.
        &Keeps {
            all: &[
                Feature::FirstError,
                Feature::Ratings,
                Feature::Neutral,
                Feature::Unsure,
                Feature::Annotators,
                Feature::Answers,
                Feature::References,
            ],
            partly: &[Feature::BehindError, Feature::Alternatives, Feature::Tree],
        }
    }

    fn asks(&self) -> &'static [Switch] {
        &[Switch::Unlabelled, Switch::Unsure]
    }

    fn write(&self, unit: &LabelledTrace<'_>, policy: &Policy, out: &mut Vec<Vec<u8>>, loss: &mut Loss) {
        each_solution(self, unit, policy, out, loss, |item, rows, loss| {
            rows.push(record(item, policy, loss)?);
            Ok(())
        });
    }
}

fn record(item: &Labelled<'_>, policy: &Policy, loss: &mut Loss) -> Result<Vec<u8>, Skipped> {
    let labels = &item.labels;
    if labels.unsure && policy.unsure == Unsure::SkipTrace {
        return Err(Skipped::Unsure);
    }
    let rated = labels.steps.iter().any(|&label| is_rated(label));
    if labels.first_error == FirstError::Unknown && !(rated && policy.unlabelled == Unlabelled::KeepUnset) {
        return Err(Skipped::Unlabelled);
    }
    match item.raw {
        Some(raw) => relabelled(raw, item, loss),
        None => Ok(json_bytes(&fresh(item, loss))),
    }
}

/// `None` for a solution whose rating has not come to an end.
fn finish_reason(item: &Labelled<'_>) -> Option<&'static str> {
    match (item.labels.first_error, item.labels.end_state) {
        (FirstError::Unlabelable, EndState::BadProblem) => Some("bad_problem"),
        (FirstError::Unlabelable, _) => Some("give_up"),
        (FirstError::At(_), _) | (FirstError::Unknown, EndState::FoundError) => Some("found_error"),
        (FirstError::NoError, _) => Some("solution"),
        (FirstError::Unknown, _) => None,
    }
}

fn is_rated(label: Label) -> bool {
    !matches!(label, Label::AfterError | Label::Unseen)
}

fn rating(label: Label) -> Value {
    match label {
        Label::Good => 1.into(),
        Label::Neutral => 0.into(),
        Label::Bad => (-1).into(),
        Label::AfterError | Label::Unseen => Value::Null,
    }
}

/// Number of steps that are written as labelled: up to the first error.
fn labelled_steps(item: &Labelled<'_>) -> usize {
    let labels = &item.labels;
    match labels.first_error {
        FirstError::At(index) => index + 1,
        _ => labels.steps.iter().rposition(|&label| is_rated(label)).map_or(0, |at| at + 1),
    }
}

/// The record of the source with the ratings on its path, and the name of who gave them, replaced.
fn relabelled(raw: &[u8], item: &Labelled<'_>, loss: &mut Loss) -> Result<Vec<u8>, Skipped> {
    let unwritable = || Skipped::Unwritable("its record in the source cannot be read again".to_owned());
    let range = span::find(raw, &["label"]).ok_or_else(unwritable)?;
    let mut label = parse_json(&raw[range]).map_err(|_| unwritable())?;
    let Some(steps) = label.get_mut("steps").and_then(Value::as_array_mut) else { return Err(unwritable()) };
    let labels = &item.labels;
    let (count, wanted) = (steps.len(), labelled_steps(item));
    let flag_changed = labels.unsure != item.of().unsure;
    let decided = matches!(labels.first_error, FirstError::At(_) | FirstError::NoError);
    loss.lose(Feature::BehindError.name(), rated_behind_error(labels).filter(|&index| index >= count.max(wanted)).count() as u64);
    for (index, (step, &state)) in steps.iter_mut().zip(&labels.steps).enumerate() {
        let flag = flag_changed.then_some(labels.unsure && index + 1 == wanted);
        rate(step, state, decided, flag).ok_or_else(unwritable)?;
    }
    let texts: Vec<_> = item.path().map(|node| node.text.as_str()).collect();
    if wanted > count && count > 0 {
        choose_generated(&mut steps[count - 1]);
    }
    for (index, text) in texts.iter().enumerate().take(wanted).skip(count) {
        let flagged = if flag_changed && labels.unsure && index + 1 == wanted { Value::Bool(true) } else { Value::Null };
        steps.push(json!({
            "completions": [{"text": text, "rating": rating(labels.steps[index]), "flagged": flagged}],
            "human_completion": null,
            "chosen_completion": 0,
        }));
    }
    // Only phase 2 stops at the first error, without choosing anything there; phase 1 has no such reason to finish.
    let generated = span::find(raw, &["question", "pre_generated_steps"]).is_some();
    let mut reason = finish_reason(item);
    if let FirstError::At(_) = labels.first_error {
        if !generated {
            reason = Some("solution");
        } else if wanted == steps.len()
            && let Some(chosen) = steps[wanted - 1].get_mut("chosen_completion").filter(|chosen| **chosen == 0)
        {
            *chosen = Value::Null;
        }
    }
    if let Value::Object(label) = &mut label {
        label.insert("finish_reason".to_owned(), reason.into());
    }
    let record = set_field(raw, &["label"], &label)?;
    match &labels.annotator {
        Some(annotator) => set_field(&record, &["labeler"], &annotator.as_str().into()),
        None => Ok(record),
    }
}

/// Rates the candidate that the walk took at a position. `None` when the position cannot be read.
fn rate(step: &mut Value, state: Label, decided: bool, flag: Option<bool>) -> Option<()> {
    let read = position(step.clone(), String::new()).ok()?;
    // A step that the annotator wrote counts as right as long as nobody calls it otherwise, once there is a verdict on the whole.
    let implied = decided && read.human.as_ref().is_some_and(|human| human.rating.is_none()) && state == Label::Good;
    let slot = match read.taken() {
        None => return Some(()),
        Some(Taken::Human) => step.get_mut("human_completion"),
        Some(Taken::Completion(at)) => step.get_mut("completions").and_then(|list| list.get_mut(at)),
    };
    if let Some(Value::Object(candidate)) = slot {
        if !implied {
            candidate.insert("rating".to_owned(), rating(state));
        }
        if let Some(flag) = flag {
            candidate.insert("flagged".to_owned(), flag.into());
        }
    }
    Some(())
}

/// A position at which the walk had stopped and now goes on.
fn choose_generated(step: &mut Value) {
    if let Value::Object(step) = step
        && step.get("chosen_completion").is_none_or(Value::is_null)
        && step.get("human_completion").is_none_or(Value::is_null)
    {
        step.insert("chosen_completion".to_owned(), 0.into());
    }
}

/// A new record in the shape of phase 2.
fn fresh(item: &Labelled<'_>, loss: &mut Loss) -> Value {
    let (trace, solution, labels) = (item.trace, item.of(), &item.labels);
    let path = trace.solution_path(solution);
    let wanted = labelled_steps(item).min(path.len());
    loss.lose(Feature::BehindError.name(), rated_behind_error(labels).count() as u64);
    let mut steps = Vec::with_capacity(wanted);
    for (index, &id) in path[..wanted].iter().enumerate() {
        let first_error = labels.first_error == FirstError::At(index);
        let flagged = if labels.unsure && index + 1 == wanted { Value::Bool(true) } else { Value::Null };
        let node = trace.node(id);
        let mut completions = vec![json!({"text": node.text, "rating": rating(labels.steps[index]), "flagged": flagged})];
        let siblings = &trace.node(node.parent.unwrap_or(NodeId::ROOT)).children;
        for sibling in siblings.iter().filter(|&&sibling| sibling != id).map(|&sibling| trace.node(sibling)) {
            // Steps of other solutions are no candidates that an annotator saw here.
            let Some(rating) = sibling.rating else { continue };
            completions.push(json!({"text": sibling.text, "rating": rating.value(), "flagged": false}));
            loss.lose("steps behind alternatives", u64::from(!sibling.children.is_empty()));
        }
        steps.push(json!({
            "completions": completions,
            "human_completion": null,
            "chosen_completion": if first_error { Value::Null } else { 0.into() },
        }));
    }
    let mut question = Map::new();
    question.insert("problem".into(), trace.problem.text.clone().into());
    question.insert("ground_truth_solution".into(), trace.problem.reference_solution.clone().into());
    question.insert("ground_truth_answer".into(), trace.problem.reference_answer.clone().into());
    question.insert("pre_generated_steps".into(), path.iter().map(|&id| trace.node(id).text.as_str()).collect());
    question.insert("pre_generated_answer".into(), solution.final_answer.clone().into());
    question.insert("pre_generated_verifier_score".into(), Value::Null);
    json!({
        "labeler": labels.annotator,
        "timestamp": null,
        "generation": null,
        "is_quality_control_question": false,
        "is_initial_screening_question": false,
        "question": question,
        "label": {"steps": steps, "total_time": item.labels.ms_spent, "finish_reason": finish_reason(item)},
    })
}
