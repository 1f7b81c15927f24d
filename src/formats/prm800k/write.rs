//! PRM800K records from labels. Records of PRM800K itself keep everything but ratings and `finish_reason`; others are written in the
//! shape of phase 2.

use serde_json::{Map, Value, json};

use super::super::export::{Framing, Labelled, Loss, Writer, push_json, set_field};
use super::super::{parse_json, span};
use super::{Prm800k, Taken, position};
use crate::labels::policy::{Policy, Skipped};
use crate::trace::{EndState, FirstError, Label, NodeId};

impl Writer for Prm800k {
    fn write(&self, item: &Labelled<'_>, _: &Policy, out: &mut Vec<u8>, loss: &mut Loss) -> Result<(), Skipped> {
        if let Some(raw) = item.verbatim() {
            out.extend_from_slice(raw);
            return Ok(());
        }
        if item.labels.first_error == FirstError::Unknown {
            return Err(Skipped::Unlabelled);
        }
        match item.raw {
            Some(raw) => out.extend(relabelled(raw, item)?),
            None => push_json(out, &fresh(item, loss)),
        }
        Ok(())
    }

    fn framing(&self) -> Framing {
        Framing::Lines
    }

    fn keeps(&self) -> &'static [&'static str] {
        &["neutral ratings", "unsure marks", "annotators", "final answers", "references", super::super::export::ALTERNATIVES]
    }
}

fn finish_reason(item: &Labelled<'_>) -> &'static str {
    match (item.labels.first_error, item.labels.end_state) {
        (FirstError::Unlabelable, EndState::BadProblem) => "bad_problem",
        (FirstError::Unlabelable, _) => "give_up",
        (FirstError::At(_), _) => "found_error",
        (FirstError::NoError | FirstError::Unknown, _) => "solution",
    }
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
        _ => labels.steps.iter().rposition(|&label| !matches!(label, Label::Unseen | Label::AfterError)).map_or(0, |at| at + 1),
    }
}

/// The record of the source with the ratings on its path replaced.
fn relabelled(raw: &[u8], item: &Labelled<'_>) -> Result<Vec<u8>, Skipped> {
    let unwritable = || Skipped::Unwritable("its record in the source cannot be read again".to_owned());
    let range = span::find(raw, &["label"]).ok_or_else(unwritable)?;
    let mut label = parse_json(&raw[range]).map_err(|_| unwritable())?;
    let Some(steps) = label.get_mut("steps").and_then(Value::as_array_mut) else { return Err(unwritable()) };
    let labels = &item.labels;
    let (count, wanted) = (steps.len(), labelled_steps(item));
    let flag_changed = labels.unsure != item.of().unsure;
    for (index, (step, &state)) in steps.iter_mut().zip(&labels.steps).enumerate() {
        let flag = flag_changed.then_some(labels.unsure && index + 1 == wanted);
        rate(step, state, flag).ok_or_else(unwritable)?;
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
            reason = "solution";
        } else if wanted == steps.len()
            && let Some(chosen) = steps[wanted - 1].get_mut("chosen_completion").filter(|chosen| **chosen == 0)
        {
            *chosen = Value::Null;
        }
    }
    if let Value::Object(label) = &mut label {
        label.insert("finish_reason".to_owned(), reason.into());
    }
    set_field(raw, &["label"], &label)
}

/// Rates the candidate that the walk took at a position. `None` when the position cannot be read.
fn rate(step: &mut Value, state: Label, flag: Option<bool>) -> Option<()> {
    let read = position(step.clone(), String::new()).ok()?;
    // A step that the annotator wrote counts as right as long as nobody calls it otherwise.
    let implied = read.human.as_ref().is_some_and(|human| human.rating.is_none()) && state == Label::Good;
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
        "label": {"steps": steps, "total_time": null, "finish_reason": finish_reason(item)},
    })
}
