//! Ratings of single steps: +1, 0, -1. The one that decides a solution goes on to the next, as a verdict does.

use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::app::choice::Question;
use crate::app::{App, Effect};
use crate::labels::{Action, Body};
use crate::trace::{FirstError, Label, NodeId, Rating, StepKey, Trace};

use super::label::{Again, aim, aim_at_solution, changes, covered, first_error_of, on_to_the_next, there_is};

/// +1 for this step.
pub(super) fn good(app: &mut App, count: Option<usize>) -> Vec<Effect> {
    rate(app, Some(Rating::Good), count)
}

/// 0 for this step.
pub(super) fn neutral(app: &mut App, count: Option<usize>) -> Vec<Effect> {
    rate(app, Some(Rating::Neutral), count)
}

/// -1 for this step.
pub(super) fn bad(app: &mut App, count: Option<usize>) -> Vec<Effect> {
    rate(app, Some(Rating::Bad), count)
}

/// Takes the rating of this step away.
pub(super) fn clear_rating(app: &mut App, count: Option<usize>) -> Vec<Effect> {
    rate(app, None, count)
}

/// The steps behind the first one that was rated bad stand after the error: a solution whose steps were all rated, or that was looked at
/// further, is judged by that. Next solution.
pub(super) fn rest_after_error(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    if aim_at_solution(app).is_none() {
        return Vec::new();
    }
    if let Some(step) = app.ratings().iter().position(|rating| *rating == Some(Rating::Bad)) {
        let waiting = app.saving.queue.len();
        let effects = first_error_of(app, step, "");
        // What was refused says nothing of how one works.
        app.walk.rates |= app.saving.queue.len() > waiting;
        return effects;
    }
    app.notice = Some(format!("no step is rated bad yet: {} rates one", app.key("bad")));
    Vec::new()
}

/// Rates the step under the cursor, as many from it on as the count, or those that are chosen.
pub(super) fn rate(app: &mut App, rating: Option<Rating>, count: Option<usize>) -> Vec<Effect> {
    let Some(aim) = aim(app) else { return Vec::new() };
    let at = app.cursor.step();
    if !there_is(app, at) {
        return Vec::new();
    }
    // What is not shown yet is not rated.
    let last = app.open_steps().min(app.cursor.path.len()).saturating_sub(1);
    let counted = at..=(at + count.unwrap_or(1).max(1) - 1).min(last);
    let steps = app.selected().unwrap_or(counted);
    app.range = None;
    let Some(nodes) = app.cursor.path.get(steps.clone()).filter(|nodes| !nodes.is_empty()) else { return Vec::new() };
    let keys: Vec<StepKey> = nodes.iter().map(|&id| aim.trace.node(id).key).collect();
    let known = app.ratings();
    if rating.is_none() && known[steps.clone()].iter().all(Option::is_none) {
        app.notice = Some(nothing_to_take_away(app, &steps));
        return Vec::new();
    }
    if let Some(rating) = rating {
        app.last_label = Some(Again::Rating(rating, keys.len()));
    }
    let one = (nodes[0], keys[0]);
    let action = match keys.len() {
        1 => Action::Rate { step: one.1, rating },
        _ => Action::RateRange { record: aim.record, steps: keys, rating },
    };
    let turns = changes(app, &aim, None, Some(one.0).filter(|_| rating == Some(Rating::Bad)));
    app.notice = Some(format!("{}{turns}", said(app, &aim.trace, one, &steps, rating)));
    let decided = app.decided_by(&action);
    if let Some(decided) = decided.filter(|decided| decided.first) {
        app.notice = app.notice.take().map(|said| format!("{said}, {}", decision(decided.verdict)));
    }
    let Some(mut effects) = app.record_deciding(Body::Act(action), Some(one.1), decided) else { return Vec::new() };
    if rating.is_none() && app.session.verdict(aim.record).is_none() {
        app.trust.unsay(aim.record);
    }
    if let Some(decided) = decided.filter(|decided| decided.first) {
        app.walk.rates = true;
        if app.project.progress && matches!(decided.verdict, FirstError::At(_)) {
            app.ask(Question::Progress { record: aim.record, go_on: true });
        } else {
            effects.extend(on_to_the_next(app));
        }
    } else if rating.is_some() && !app.on_sampled() {
        go_on(app, &aim.trace, *steps.end());
    } else if steps.end() > steps.start() {
        app.cursor.go_to_step(*steps.end());
    }
    effects
}

/// To the step behind this one; from the last one on to the first that is not rated yet. Who compares alternatives goes on to the next one by
/// themselves, where they end here or no solution takes this one. In a tree with a filter, to the next step that fits.
fn go_on(app: &mut App, trace: &Trace, step: usize) {
    if app.filters_tree() {
        if let Some(next) = app.next_fitting(|_| false) {
            app.cursor.go_to_node(trace, next);
        }
        return;
    }
    let beside = |id: &NodeId| trace.node(*id).parent.is_some_and(|parent| trace.node(parent).children.len() > 1);
    if app.cursor.path.get(step).is_some_and(beside) && app.is_alternative(step) {
        return app.cursor.go_to_step(step);
    }
    let ends = step + 1 >= app.cursor.path.len();
    let open = app.ratings_shown(trace).iter().position(Option::is_none).filter(|_| ends);
    let (Some(open), Some(&last)) = (open, app.cursor.path.last()) else { return app.cursor.go_to_step(step + 1) };
    if beside(&last) || !trace.solutions.iter().any(|solution| solution.leaf == last) {
        return app.cursor.go_to_step(step);
    }
    app.notice = app.notice.take().map(|said| format!("{said}; step {} is not rated yet", open + 1));
    app.cursor.go_to_step(open);
}

/// What a rating does, in words.
fn said(
    app: &App,
    trace: &Trace,
    (node, key): (NodeId, StepKey),
    steps: &RangeInclusive<usize>,
    rating: Option<Rating>,
) -> String {
    let (first, last) = (steps.start() + 1, steps.end() + 1);
    if first < last {
        let said = rating.map_or("rating taken away".to_owned(), |rating| format!("rated {}", rating.shown()));
        return format!("steps {first} to {last}: {said}{}", covered(trace, node));
    }
    let first_error = app.own().and_then(|own| own.mark(key)).is_some_and(|mark| mark.first_error);
    let of = if app.is_alternative(*steps.start()) { "alternative: " } else { "" };
    let said = match rating {
        Some(rating) => format!("{of}step {first} rated {}", rating.shown()),
        None if first_error => format!("first error at step {first} taken away"),
        None => format!("rating of step {first} taken away"),
    };
    format!("{said}{}", covered(trace, node))
}

/// What the ratings of a solution come to.
fn decision(verdict: FirstError) -> String {
    match verdict {
        FirstError::At(step) => format!("first error at step {}", step + 1),
        _ => "all are rated and none is bad".to_owned(),
    }
}

/// Why there is no rating of these steps to take away, where that may be known.
fn nothing_to_take_away(app: &App, steps: &RangeInclusive<usize>) -> String {
    let (first, last) = (*steps.start(), *steps.end());
    if first < last {
        return format!("steps {} to {} have no ratings to take away", first + 1, last + 1);
    }
    let label = |trace: &Arc<Trace>| app.own_labels(trace, app.leaf()).steps.get(first).copied();
    match app.own().and(app.trace()).and_then(label) {
        None | Some(Label::Unseen) => format!("step {} has no rating to take away", first + 1),
        Some(_) => {
            let undo = app.key("undo");
            format!("step {} has no rating of its own, a verdict speaks for it; {undo} takes the last label back", first + 1)
        }
    }
}
