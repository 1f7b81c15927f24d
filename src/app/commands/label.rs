//! Labels. One key a solution: `x` at the first error, `a` when all is right.

use std::sync::Arc;

use crate::app::input::{Input, Purpose};
use crate::app::items::ItemId;
use crate::app::{App, Effect};
use crate::labels::{Action, Body, EventId};
use crate::trace::{NodeId, Rating, RecordKey, Solution, Trace};

use super::motion;

/// What a label is put on: the trace, and the path on show as a solution.
struct Aim {
    trace: Arc<Trace>,
    solution: Solution,
    record: RecordKey,
}

fn aim(app: &mut App) -> Option<Aim> {
    let aim = app.trace().cloned().map(|trace| {
        let leaf = app.cursor.path.last().copied().unwrap_or(NodeId::ROOT);
        Aim { record: trace.record_key(leaf), solution: Solution::new(leaf), trace }
    });
    if aim.is_none() {
        app.notice = Some("there is no solution here to label".to_owned());
    }
    aim
}

/// "one mark covers all": says on how many other solutions a mark on this step has its effect.
fn covered(trace: &Trace, node: NodeId) -> String {
    match trace.solutions_through(node) {
        0 | 1 => String::new(),
        n => format!("; covers all {n} solutions through this step"),
    }
}

fn on_to_the_next(app: &mut App) {
    let said = app.notice.take();
    motion::solution(app, true);
    app.notice = said;
}

/// First error at the cursor, or at the step whose number is the count.
pub(super) fn first_error(app: &mut App, count: Option<usize>) -> Vec<Effect> {
    let Some(aim) = aim(app) else { return Vec::new() };
    let index = count.map_or(app.cursor.step(), |count| count.saturating_sub(1));
    let action = app.session.first_error(&aim.trace, &aim.solution, index);
    let Some((action, &node)) = action.zip(app.cursor.path.get(index)) else {
        app.notice = Some(format!("there is no step {}; this solution has {}", index + 1, app.cursor.path.len()));
        return Vec::new();
    };
    app.cursor.go_to_step(index);
    app.notice = Some(format!("first error at step {}{}", index + 1, covered(&aim.trace, node)));
    let effect = app.record(Body::Act(action), Some(aim.trace.node(node).key));
    on_to_the_next(app);
    vec![effect]
}

/// Every step is right.
pub(super) fn all_right(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    let Some(aim) = aim(app) else { return Vec::new() };
    let action = app.session.all_good(&aim.trace, &aim.solution);
    app.notice = Some(format!("all {} steps right", app.cursor.path.len()));
    let effect = app.record(Body::Act(action), None);
    on_to_the_next(app);
    vec![effect]
}

fn rate(app: &mut App, rating: Option<Rating>) -> Vec<Effect> {
    let Some(aim) = aim(app) else { return Vec::new() };
    let index = app.cursor.step();
    let Some(&node) = app.cursor.path.get(index) else { return Vec::new() };
    let step = aim.trace.node(node).key;
    let said = match rating {
        Some(rating) => format!("step {} rated {:+}", index + 1, rating.value()),
        None => format!("rating of step {} taken away", index + 1),
    };
    app.notice = Some(format!("{said}{}", covered(&aim.trace, node)));
    let effect = app.record(Body::Act(Action::Rate { step, rating }), Some(step));
    if rating.is_some() {
        app.cursor.go_to_step(index + 1);
    }
    vec![effect]
}

/// +1 for this step.
pub(super) fn good(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    rate(app, Some(Rating::Good))
}

/// 0 for this step.
pub(super) fn neutral(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    rate(app, Some(Rating::Neutral))
}

/// -1 for this step.
pub(super) fn bad(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    rate(app, Some(Rating::Bad))
}

/// Takes the rating of this step away.
pub(super) fn clear_rating(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    rate(app, None)
}

fn on_record(app: &mut App, said: &str, action: impl FnOnce(RecordKey) -> Action) -> Vec<Effect> {
    let Some(aim) = aim(app) else { return Vec::new() };
    app.notice = Some(said.to_owned());
    let effect = app.record(Body::Act(action(aim.record)), None);
    on_to_the_next(app);
    vec![effect]
}

/// Flags the solution as unsure, or takes the flag away.
pub(super) fn unsure(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    let on = !app.record_key().is_some_and(|record| app.session.flagged(record));
    let said = if on { "flagged as unsure; ]f comes back to it" } else { "flag taken away" };
    on_record(app, said, |record| Action::Flag { record, on })
}

/// Leaves the solution for later.
pub(super) fn later(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    on_record(app, "left for later; ]u comes back to it", |record| Action::Skip { record })
}

/// The problem statement is broken.
pub(super) fn bad_problem(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    on_record(app, "marked as a bad problem", |record| Action::BadProblem { record, reason: String::new() })
}

/// The annotator cannot tell.
pub(super) fn give_up(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    on_record(app, "given up", |record| Action::GiveUp { record, reason: String::new() })
}

/// Opens the note of this step.
pub(super) fn note(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    let Some(aim) = aim(app) else { return Vec::new() };
    let step = app.cursor.path.get(app.cursor.step()).map(|&id| aim.trace.node(id).key);
    let text = app.session.note(step, aim.record).unwrap_or_default().to_owned();
    app.input = Some(Input::new(Purpose::Note { record: aim.record, step }, text));
    Vec::new()
}

/// Takes the last label back.
pub(super) fn undo(app: &mut App, count: Option<usize>) -> Vec<Effect> {
    let target = app.session.undo_target();
    take_back(app, target, "undo", count)
}

/// Sets the label again that was taken back.
pub(super) fn redo(app: &mut App, count: Option<usize>) -> Vec<Effect> {
    let target = app.session.redo_target();
    take_back(app, target, "redo", count)
}

/// Takes one event back and goes to where it was made; the rest of a count waits until that is committed.
fn take_back(app: &mut App, target: Option<EventId>, command: &str, count: Option<usize>) -> Vec<Effect> {
    let Some(target) = target else {
        app.notice = Some(format!("nothing left to {command}"));
        return Vec::new();
    };
    let said = app.session.action(target).map_or("a label", what);
    app.notice = Some(format!("{command}: {said}"));
    go_back(app, target);
    let effect = app.record(Body::Undo(target), None);
    if let Some(left) = count.map(|count| count.saturating_sub(1)).filter(|&left| left > 0) {
        app.hold(command, left);
    }
    vec![effect]
}

/// A decision in a few words.
fn what(action: &Action) -> &'static str {
    match action {
        Action::FirstError { .. } => "first error",
        Action::AllGood { .. } => "all steps right",
        Action::Rate { rating: Some(_), .. } => "rating of a step",
        Action::Rate { rating: None, .. } => "taking a rating away",
        Action::Flag { .. } => "flag",
        Action::Skip { .. } => "leaving for later",
        Action::BadProblem { .. } => "bad problem",
        Action::GiveUp { .. } => "giving up",
        Action::Note { .. } => "note",
    }
}

/// Goes to where a label was set, if that file is open.
fn go_back(app: &mut App, target: EventId) {
    let Some(action) = app.session.action(target) else { return };
    let (record, step) = (action.record(), action.step());
    let Some((file, problem)) = app.session.place(target) else { return };
    let Some(index) = app.items.files.iter().position(|state| state.name == file) else { return };
    let Ok(problem) = usize::try_from(problem) else { return };
    let said = app.notice.take();
    app.return_to(ItemId { file: index, problem }, record, step);
    app.notice = said;
}
