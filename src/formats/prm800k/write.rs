//! PRM800K records from labels. Records of PRM800K itself keep everything but ratings and `finish_reason`; others are written in the
//! shape of phase 2.
//!
//! Of the export policy two decisions matter here. `unsure`: the format can flag steps, so `keep` and `drop-step` write the flag and only
//! `skip-trace` leaves the solution out. `unlabelled`: under `keep-unset` a solution that is rated in part is written with ratings of
//! null and no `finish_reason`; TRL's converter of PRM800K takes such ratings for wrong. What nobody changed is copied whatever the policy.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::super::export::{
    Feature, Keeps, Labelled, LabelledTrace, Loss, Writer, each_solution, finish_reason, json_bytes, on_paths,
    rated_behind_error, set_field,
};
use super::super::{parse_json, span};
use super::{Prm800k, Taken, position};
use crate::labels::policy::{Policy, Skipped, Switch, Unlabelled, Unsure};
use crate::trace::{FirstError, Label, Node, NodeId, Rating, SolutionLabels, Writing};

impl Writer for Prm800k {
    fn keeps(&self) -> &'static Keeps {
        // `relabelled` and `fresh` count the ratings behind the first error, the remarks and the further fields that find no place.
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
            partly: &[Feature::BehindError, Feature::Alternatives, Feature::Tree, Feature::Remarks, Feature::Further],
        }
    }

    fn asks(&self) -> &'static [Switch] {
        &[Switch::Unlabelled, Switch::Unsure]
    }

    /// Of all texts only a correction of the first error has a place, and in a record of the source only where none stands yet.
    fn takes_words(&self, item: &Labelled<'_>) -> bool {
        let FirstError::At(index) = item.labels.first_error else { return false };
        let correction =
            item.labels.remarks.iter().find(|remark| (remark.writing, remark.step) == (Writing::Correction, Some(index)));
        let beside = item.path().nth(index).and_then(|wrong| wrong.parent).map(|parent| &item.trace.node(parent).children);
        let is_free = !beside.into_iter().flatten().any(|id| item.trace.node(*id).by_a_person());
        correction.is_some_and(|correction| item.is_new(correction)) && item.raw.is_none_or(|raw| is_free && is_generated(raw))
    }

    fn write(&self, unit: &LabelledTrace<'_>, policy: &Policy, out: &mut Vec<Vec<u8>>, loss: &mut Loss) {
        let before = out.len();
        each_solution(self, unit, policy, out, loss, |item, rows, loss| {
            rows.push(record(unit, item, policy, loss)?);
            Ok(())
        });
        // Records of the source hold what they held.
        let anew = unit.solutions.iter().filter(|item| item.raw.is_none()).map(labelled_steps).max();
        if let Some(positions) = anew.filter(|_| out.len() > before) {
            lose_branches(unit, positions, loss);
        }
    }
}

/// Counts the candidates that nobody rated, those behind the last of so many positions and what stands behind a candidate: none has a place.
fn lose_branches(unit: &LabelledTrace<'_>, positions: usize, loss: &mut Loss) {
    let (trace, on_path) = (unit.trace, on_paths(unit.trace));
    let error = |item: &Labelled<'_>| if let FirstError::At(index) = item.labels.first_error { Some(index) } else { None };
    let anew = unit.solutions.iter().filter(|item| item.raw.is_none());
    let kept: HashSet<_> = anew.filter_map(|item| correction_of_source(unit, item, error(item)?)).collect();
    for id in trace.steps().filter(|id| !on_path.contains(id)) {
        let node = trace.node(id);
        let silent = node.rating.is_none() && !unit.marks.contains_key(&id) && !kept.contains(&id);
        if !node.parent.is_some_and(|parent| on_path.contains(&parent)) {
            loss.lose(Feature::Tree.name(), 1);
        } else if silent || node.depth > positions {
            loss.lose(Feature::Alternatives.name(), 1);
        }
    }
}

fn record(unit: &LabelledTrace<'_>, item: &Labelled<'_>, policy: &Policy, loss: &mut Loss) -> Result<Vec<u8>, Skipped> {
    let labels = &item.labels;
    if let Some(raw) = item.verbatim() {
        // Nobody touched the solution itself: what is new are ratings beside it.
        loss.changed += 1;
        loss.kept_record(item);
        return edited(raw, |label| rate_alternatives(label, unit, item));
    }
    if labels.unsure && policy.unsure == Unsure::SkipTrace {
        return Err(Skipped::Unsure);
    }
    let rated = labels.steps.iter().any(|&label| is_rated(label));
    if labels.first_error == FirstError::Unknown && !(rated && policy.unlabelled == Unlabelled::KeepUnset) {
        return Err(Skipped::Unlabelled);
    }
    match item.raw {
        Some(raw) => relabelled(raw, unit, item, loss),
        None => Ok(json_bytes(&fresh(unit, item, loss))),
    }
}

/// What the annotator wrote in place of the step at which the walk stops: TRL's converter makes a row of each. At another place it would
/// take the place of the step, for all readers.
fn correction(labels: &SolutionLabels, index: usize) -> Option<Value> {
    let text = labels.remark(Writing::Correction, Some(index)).filter(|_| labels.first_error == FirstError::At(index))?;
    Some(human_step(text))
}

/// What an annotator of the source wrote in place of the first error, which stands at this index, and nobody rated or wrote anew.
fn correction_of_source(unit: &LabelledTrace<'_>, item: &Labelled<'_>, index: usize) -> Option<NodeId> {
    let trace = item.trace;
    let wrong = trace.node(*trace.solution_path(item.of()).get(index)?);
    let wrote = |id: &NodeId| trace.node(*id).by_a_person() && trace.node(*id).rating.is_none() && !unit.marks.contains_key(id);
    if wrong.by_a_person() || correction(&item.labels, index).is_some() {
        return None;
    }
    trace.node(wrong.parent?).children.iter().copied().find(wrote)
}

/// A step that an annotator wrote and nobody rated.
fn human_step(text: &str) -> Value {
    json!({"text": text, "rating": null, "source": "human", "flagged": null})
}

/// Counts the remarks that have no place: all but a correction that was written.
fn lose_remarks(item: &Labelled<'_>, corrected: bool, loss: &mut Loss) {
    loss.lose(Feature::Remarks.name(), (Feature::Remarks.present(item) - usize::from(corrected)) as u64);
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

/// A record with its `label` edited. `None` from the edit when that cannot be read.
fn edited(raw: &[u8], edit: impl FnOnce(&mut Value) -> Option<()>) -> Result<Vec<u8>, Skipped> {
    let unwritable = || Skipped::Unwritable("its record in the source cannot be read again".to_owned());
    let range = span::find(raw, &["label"]).ok_or_else(unwritable)?;
    let mut label = parse_json(&raw[range]).map_err(|_| unwritable())?;
    edit(&mut label).ok_or_else(unwritable)?;
    set_field(raw, &["label"], &label)
}

/// Whether the solution of a record was generated as a whole and the walk stops at its first error: phase 2.
fn is_generated(raw: &[u8]) -> bool {
    span::find(raw, &["question", "pre_generated_steps"]).is_some()
}

/// The record of the source with the ratings on its path and beside it, and the name of who gave them, replaced.
fn relabelled(raw: &[u8], unit: &LabelledTrace<'_>, item: &Labelled<'_>, loss: &mut Loss) -> Result<Vec<u8>, Skipped> {
    // Only phase 2 stops at the first error, without choosing anything there; phase 1 has no such reason to finish.
    let generated = is_generated(raw);
    let mut corrected = false;
    let record = edited(raw, |label| {
        rate_alternatives(label, unit, item)?;
        corrected = rate_path(label, item, generated, loss)?;
        Some(())
    })?;
    lose_remarks(item, corrected, loss);
    match &item.labels.annotator {
        Some(annotator) if item.of().annotator.as_ref() != Some(annotator) => {
            set_field(&record, &["labeler"], &annotator.as_str().into())
        }
        _ => Ok(record),
    }
}

/// Rates the steps of the path, and those behind it that now are labelled, too. Gives whether a correction was written; `None` when a
/// position cannot be read.
fn rate_path(label: &mut Value, item: &Labelled<'_>, generated: bool, loss: &mut Loss) -> Option<bool> {
    let stopped = label.get("finish_reason").is_some_and(|reason| reason == "found_error");
    let steps = label.get_mut("steps").and_then(Value::as_array_mut)?;
    let labels = &item.labels;
    let (count, wanted) = (steps.len(), labelled_steps(item));
    let flag_changed = labels.unsure != item.of().unsure;
    let decided = matches!(labels.first_error, FirstError::At(_) | FirstError::NoError);
    loss.lose(Feature::BehindError.name(), rated_behind_error(labels).filter(|&index| index >= count.max(wanted)).count() as u64);
    for (index, (step, &state)) in steps.iter_mut().zip(&labels.steps).enumerate() {
        let flag = flag_changed.then_some(labels.unsure && index + 1 == wanted);
        let stopped = stopped && index + 1 == count;
        let beside = stopped && position(step.clone(), String::new()).ok()?.taken(true) != Some(Taken::Human);
        rate(step, state, decided, flag, stopped)?;
        if beside && labels.first_error != FirstError::At(index) && set_correction_aside(step, None) {
            step["chosen_completion"] = 0.into();
        }
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
    let (mut reason, mut corrected) = (finish_reason(&item.labels), false);
    if let FirstError::At(index) = labels.first_error {
        if !generated {
            reason = Some("solution");
        } else if wanted == steps.len() {
            corrected = stop(&mut steps[index], correction(labels, index));
        }
    }
    if let Value::Object(label) = label {
        label.insert("finish_reason".to_owned(), reason.into());
    }
    Some(corrected)
}

/// The position of the first error, at which a walk of phase 2 stops: nothing is chosen, and a correction may stand there. Gives whether it
/// does.
fn stop(step: &mut Value, correction: Option<Value>) -> bool {
    if let Some(chosen) = step.get_mut("chosen_completion").filter(|chosen| **chosen == 0) {
        *chosen = Value::Null;
    }
    let is_first = step["completions"].get(0).is_some_and(|first| first["rating"] == -1) && step["chosen_completion"].is_null();
    match (step.get_mut("human_completion"), correction) {
        (Some(human), Some(correction)) if is_first && human.is_null() => *human = correction,
        _ => return false,
    }
    true
}

/// A correction of a step that now is no error, or that somebody rated: a candidate among others, because as the annotator's own it would take
/// the step's place. Gives whether there was one.
fn set_correction_aside(step: &mut Value, rated: Option<Rating>) -> bool {
    if !step["completions"].is_array() {
        return false;
    }
    let mut human = match step.get_mut("human_completion").map(Value::take) {
        None | Some(Value::Null) => return false,
        Some(Value::String(text)) => human_step(&text),
        Some(human) => human,
    };
    if let Some(rating) = rated {
        human["rating"] = rating.value().into();
    }
    if let Some(completions) = step.get_mut("completions").and_then(Value::as_array_mut) {
        completions.push(human);
    }
    true
}

/// Rates the candidates beside the path that the session rated. A correction of the source becomes one of them: a rated one would be read as
/// the step that was taken.
fn rate_alternatives(label: &mut Value, unit: &LabelledTrace<'_>, item: &Labelled<'_>) -> Option<()> {
    let steps = label.get_mut("steps").and_then(Value::as_array_mut)?;
    let trace = item.trace;
    for (step, id) in steps.iter_mut().zip(trace.solution_path(item.of())) {
        let siblings = &trace.node(trace.node(id).parent.unwrap_or(NodeId::ROOT)).children;
        let mark =
            |text: &str| siblings.iter().find(|sibling| trace.node(**sibling).text == text).and_then(|id| unit.marks.get(id));
        let mut known = false;
        let human = step.get("human_completion").map(|human| human.get("text").unwrap_or(human)).and_then(Value::as_str);
        let human = human.and_then(|text| Some((text.to_owned(), *mark(text)?)));
        let candidates = step.get_mut("completions").and_then(Value::as_array_mut);
        for candidate in candidates.into_iter().flatten().filter_map(Value::as_object_mut) {
            let Some(text) = candidate.get("text").and_then(Value::as_str) else { continue };
            known |= human.as_ref().is_some_and(|(human, _)| human == text);
            if let Some(rating) = mark(text) {
                candidate.insert("rating".to_owned(), rating.value().into());
            }
        }
        if let Some((_, rating)) = human.filter(|_| !known) {
            set_correction_aside(step, Some(rating));
        }
    }
    Some(())
}

/// Rates the candidate that the walk took at a position, where it may have `stopped` at an error. `None` when the position cannot be read.
fn rate(step: &mut Value, state: Label, decided: bool, flag: Option<bool>, stopped: bool) -> Option<()> {
    let read = position(step.clone(), String::new()).ok()?;
    let taken = read.taken(stopped);
    // A step that the annotator wrote counts as right as long as nobody calls it otherwise, once there is a verdict on the whole.
    let unrated = taken == Some(Taken::Human) && read.human.as_ref().is_some_and(|human| human.rating.is_none());
    let implied = decided && unrated && state == Label::Good;
    let slot = match taken {
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

/// A new record in the shape of phase 2, with what a record of PRM800K has that was read and written elsewhere since.
fn fresh(unit: &LabelledTrace<'_>, item: &Labelled<'_>, loss: &mut Loss) -> Value {
    let (trace, solution, labels) = (item.trace, item.of(), &item.labels);
    let path = trace.solution_path(solution);
    loss.lose(Feature::BehindError.name(), rated_behind_error(labels).count() as u64);
    let mut known = Known { item, kept: 0, corrected: false };
    let wanted = labelled_steps(item);
    // Doubt of a session is about the whole: the last step carries it.
    let in_file = path.iter().take(wanted).filter(|&&id| known.of_the_file() && flagged(trace.node(id))).count();
    known.kept += in_file;
    let unsure = |index, id| labels.unsure && if in_file > 0 { flagged(trace.node(id)) } else { index + 1 == wanted };
    let mut position = |(index, &id)| position_of(unit, &mut known, (index, id), unsure(index, id));
    let steps: Vec<_> = path.iter().enumerate().take(wanted).map(&mut position).collect();
    let mut question = Map::new();
    question.insert("problem".into(), trace.problem.text.clone().into());
    question.insert("ground_truth_solution".into(), trace.problem.reference_solution.clone().into());
    question.insert("ground_truth_answer".into(), trace.problem.reference_answer.clone().into());
    question.insert("pre_generated_steps".into(), path.iter().map(|&id| trace.node(id).text.as_str()).collect());
    question.insert("pre_generated_answer".into(), solution.final_answer.clone().into());
    let score = known.inside("question", "pre_generated_verifier_score", Value::is_number);
    question.insert("pre_generated_verifier_score".into(), score.unwrap_or_default());
    let time = known.inside("label", "total_time", Value::is_number).filter(|_| known.of_the_file());
    let record = json!({
        "labeler": labels.annotator,
        "timestamp": known.field("timestamp", Value::is_string).filter(|_| known.of_the_file()),
        "generation": known.field("generation", Value::is_i64),
        "is_quality_control_question": known.field("is_quality_control_question", Value::is_boolean).unwrap_or(Value::Bool(false)),
        "is_initial_screening_question": known.field("is_initial_screening_question", Value::is_boolean).unwrap_or(Value::Bool(false)),
        "question": question,
        "label": {"steps": steps, "total_time": labels.ms_spent.map(Value::from).or(time), "finish_reason": finish_reason(labels)},
    });
    loss.lose(Feature::Further.name(), Feature::Further.present(item).saturating_sub(known.kept) as u64);
    lose_remarks(item, known.corrected, loss);
    record
}

/// Whether the source marks a step as unsure.
fn flagged(node: &Node) -> bool {
    node.extra.get("flagged").is_some_and(|flagged| *flagged == true)
}

/// Further fields of a solution that have their place in a record of PRM800K.
struct Known<'a> {
    item: &'a Labelled<'a>,
    /// Those that found it.
    kept: usize,
    /// A correction of the annotator has its place, too.
    corrected: bool,
}

impl Known<'_> {
    /// Whether the labels are those that the source's fields tell of.
    fn of_the_file(&self) -> bool {
        !self.item.touched && !self.item.confirmed()
    }

    fn field(&mut self, key: &str, fits: impl Fn(&Value) -> bool) -> Option<Value> {
        let found = self.item.of().extra.get(key).filter(|value| fits(value) || value.is_null());
        self.kept += usize::from(found.is_some());
        found.cloned()
    }

    /// A field of an object that holds no other.
    fn inside(&mut self, object: &str, key: &str, fits: impl Fn(&Value) -> bool) -> Option<Value> {
        let object = self.item.of().extra.get(object)?.as_object()?;
        let found = object.get(key).filter(|value| fits(value) || value.is_null());
        self.kept += usize::from(found.is_some() && object.len() == 1);
        found.cloned()
    }
}

/// The position of a step of the path: what was rated there, and which step the walk takes.
fn position_of(unit: &LabelledTrace<'_>, known: &mut Known<'_>, (index, id): (usize, NodeId), unsure: bool) -> Value {
    let (trace, labels) = (known.item.trace, &known.item.labels);
    let node = trace.node(id);
    let mark = if unsure { Value::Bool(true) } else { Value::Null };
    let mut completions = Vec::new();
    let mut human;
    if node.by_a_person() {
        known.kept += 1;
        // A step of the annotator counts as right as long as nobody calls it otherwise.
        let decided = matches!(labels.first_error, FirstError::At(_) | FirstError::NoError);
        let rating = Some(labels.steps[index]).filter(|&label| !(decided && label == Label::Good)).map(rating);
        human = json!({"text": node.text, "rating": rating, "source": "human", "flagged": mark});
    } else {
        completions.push(json!({"text": node.text, "rating": rating(labels.steps[index]), "flagged": mark}));
        human = correction(labels, index).unwrap_or_default();
        known.corrected |= !human.is_null();
    }
    let siblings = &trace.node(node.parent.unwrap_or(NodeId::ROOT)).children;
    if human.is_null() && labels.first_error == FirstError::At(index) {
        let found = correction_of_source(unit, known.item, index);
        human = found.map(|id| human_step(&trace.node(id).text)).unwrap_or_default();
    }
    for sibling in siblings.iter().filter(|&&sibling| sibling != id) {
        let node = trace.node(*sibling);
        // Steps of other solutions are no candidates that an annotator saw here.
        let Some(rating) = unit.marks.get(sibling).copied().or(node.rating) else { continue };
        completions.push(json!({"text": node.text, "rating": rating.value(), "flagged": flagged(node)}));
    }
    let stops = human != Value::Null || labels.first_error == FirstError::At(index);
    json!({
        "completions": completions,
        "human_completion": human,
        "chosen_completion": if stops { Value::Null } else { 0.into() },
    })
}
