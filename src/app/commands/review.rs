//! Adjudication: what several annotators say of the same solutions, and the word that counts.

use crate::app::choice::{Open, Question};
use crate::app::input::{Input, Purpose};
use crate::app::{App, Effect, queue, review};
use crate::labels::{Action, Body};

/// Whether there are other annotators to adjudicate; else that is said.
fn reviews(app: &mut App) -> bool {
    if app.review.is_none() {
        app.notice = Some("that is for a review: stepscope review STORES opens the labels of several annotators".to_owned());
    }
    app.review.is_some()
}

/// Whether somebody said something of the solution on show; else that is said.
fn heard(app: &mut App) -> bool {
    if !reviews(app) {
        return false;
    }
    let heard = app.verdicts_to_take().len();
    if heard == 0 {
        app.notice = Some("nobody judged this solution".to_owned());
    }
    heard > 0
}

/// Asks whose verdict is taken over.
pub(super) fn take(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    if heard(app) {
        app.ask(Question::Voice);
        app.notice = app.choice.as_ref().map(Open::title);
    }
    Vec::new()
}

/// Asks what is to be looked at again.
pub(super) fn send_back(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    if heard(app) {
        app.input = Some(Input::new(Purpose::SendBack(app.record_key()), ""));
    }
    Vec::new()
}

/// Sends it back with this text.
pub(super) fn send_back_with(app: &mut App, text: &str) -> Vec<Effect> {
    if heard(app) { review::send_back(app, text) } else { Vec::new() }
}

/// Shows who the annotators are, or hides it.
pub(super) fn names(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    if !reviews(app) {
        return Vec::new();
    }
    let shown = app.review.as_ref().is_some_and(|review| !review.names);
    app.notice = Some(if shown { "names are shown, and that is noted" } else { "names are hidden" }.to_owned());
    app.record(Body::Act(Action::Names { shown }), None).unwrap_or_default()
}

/// Groups by kind of disagreement, or no longer.
pub(super) fn group(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    if reviews(app) {
        queue::set_order(app, if app.queue.shows_kinds() { "apart" } else { "kinds" });
    }
    Vec::new()
}
