//! Finding steps and solutions.

use crate::app::choice::Question;
use crate::app::input::{self, Input, Purpose};
use crate::app::seek::{self, Target};
use crate::app::{App, Effect, Focus, answers, clusters, picker, queue, review, search, thoughts};
use crate::query::ORDERS;

/// Opens the search line.
pub(super) fn forward(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    app.input = Some(Input::new(Purpose::Search, ""));
    Vec::new()
}

/// Searches for this text.
pub(super) fn look_for(app: &mut App, text: &str) -> Vec<Effect> {
    input::search(app, text)
}

/// Opens the filter line with the filter in force; in the tree, that of its steps.
pub(super) fn filter(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    app.input = Some(if app.focus == Focus::Tree {
        Input::new(Purpose::StepFilter, app.step_filter_text().to_owned())
    } else {
        Input::new(Purpose::Filter, app.queue.filter_text().to_owned())
    });
    Vec::new()
}

/// The solutions first that have a step like the one under the cursor.
pub(super) fn similar(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    let text = app.trace().map(|trace| trace.node(app.cursor.node).text.clone()).filter(|text| !text.is_empty());
    let Some(text) = text else {
        app.notice = Some("there is no step here that others could be like".to_owned());
        return Vec::new();
    };
    queue::similar(app, &text)
}

/// Opens the groups of steps that go wrong alike.
pub(super) fn clusters(app: &mut App, count: Option<usize>) -> Vec<Effect> {
    match count {
        Some(count) => clusters::make(app, &count.to_string()),
        None => clusters::open(app),
    }
}

/// Makes so many groups.
pub(super) fn make_clusters(app: &mut App, count: &str) -> Vec<Effect> {
    clusters::make(app, count)
}

/// Shows all filters with a name.
pub(super) fn filters(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    match queue::named_filters(app) {
        Some(page) => app.show_sheet("filters", page),
        None => app.notice = Some(format!("no filter has a name; {} sets one, :save-filter NAME keeps it", app.key("filter"))),
    }
    Vec::new()
}

/// Names the filter.
pub(super) fn save_filter(app: &mut App, name: &str) -> Vec<Effect> {
    queue::save_filter(app, name)
}

/// Takes a name away.
pub(super) fn forget_filter(app: &mut App, name: &str) -> Vec<Effect> {
    queue::forget_filter(app, name)
}

/// The names of all filters.
pub(super) fn filter_names(app: &App) -> Vec<String> {
    app.names().into_keys().collect()
}

/// Takes a filter.
pub(super) fn set_filter(app: &mut App, text: &str) -> Vec<Effect> {
    queue::set_filter(app, text);
    Vec::new()
}

/// Asks for an order.
pub(super) fn order(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    app.ask(Question::Order);
    Vec::new()
}

/// Takes an order.
pub(super) fn set_order(app: &mut App, text: &str) -> Vec<Effect> {
    queue::set_order(app, text);
    Vec::new()
}

/// Wrong answers with high scores first.
pub(super) fn convincing(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    set_order(app, "convincing")
}

/// Labels that are likely wrong first.
pub(super) fn suspects(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    set_order(app, "suspects")
}

/// The names of all orders.
pub(super) fn orders(_app: &App) -> Vec<String> {
    ORDERS.iter().map(|order| order.name.to_owned()).collect()
}

/// Chooses and orders anew.
pub(super) fn refresh(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    queue::refresh(app);
    Vec::new()
}

/// Opens the command line.
pub(super) fn command_line(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    app.input = Some(Input::new(Purpose::Command, ""));
    Vec::new()
}

fn again(app: &mut App, forward: bool) -> Vec<Effect> {
    if app.search.is_none() {
        app.notice = Some(format!("nothing was searched for yet; {} searches", app.key("search")));
        return Vec::new();
    }
    seek::start(app, Target::Match, forward)
}

/// Next match.
pub(super) fn next(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    again(app, true)
}

/// Previous match.
pub(super) fn previous(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    again(app, false)
}

/// Opens the picker of problems.
pub(super) fn pick(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    picker::open(app, "")
}

/// Opens it with this text typed.
pub(super) fn pick_from(app: &mut App, text: &str) -> Vec<Effect> {
    picker::open(app, text)
}

/// Opens the table of answers.
pub(super) fn answers(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    answers::open(app)
}

/// Next step with the expression of this one.
pub(super) fn same_expression(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    search::same_expression(app)
}

/// Next step that may make the same mistake.
pub(super) fn same_mistake(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    search::same_mistake(app)
}

/// Next predicted first error.
pub(super) fn next_suspect(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    by_scores(app, Target::Suspect, true)
}

/// Previous predicted first error.
pub(super) fn previous_suspect(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    by_scores(app, Target::Suspect, false)
}

/// Next solution of which prediction, file and oneself do not say the same.
pub(super) fn next_disagreement(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    disagreement(app, true)
}

/// Previous solution of which they do not.
pub(super) fn previous_disagreement(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    disagreement(app, false)
}

fn disagreement(app: &mut App, forward: bool) -> Vec<Effect> {
    if app.review.is_none() {
        return by_scores(app, Target::Disagreement, forward);
    }
    if !app.queue.active() {
        return seek::start(app, Target::Disagreement, forward);
    }
    app.leave_spot();
    if !review::next(app, forward) {
        app.notice = Some("nothing else is left to decide".to_owned());
    }
    Vec::new()
}

/// Next step of which search and model think differently.
pub(super) fn next_split(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    by_scores(app, Target::Split, true)
}

/// Previous step of which they do.
pub(super) fn previous_split(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    by_scores(app, Target::Split, false)
}

fn by_scores(app: &mut App, target: Target, forward: bool) -> Vec<Effect> {
    if app.show_prm {
        return seek::start(app, target, forward);
    }
    // A jump would give the scores away.
    app.notice = Some(format!("scores are hidden; {} shows them", app.key("hide-prm")));
    Vec::new()
}

/// Next thought of a long chain of thought.
pub(super) fn next_thought(app: &mut App, count: Option<usize>) -> Vec<Effect> {
    thoughts::go(app, count.unwrap_or(1), true)
}

/// Beginning of this thought, or the thought before.
pub(super) fn previous_thought(app: &mut App, count: Option<usize>) -> Vec<Effect> {
    thoughts::go(app, count.unwrap_or(1), false)
}

/// Next solution without a label.
pub(super) fn next_unlabelled(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    seek::start(app, Target::Unlabelled, true)
}

/// Previous solution without a label.
pub(super) fn previous_unlabelled(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    seek::start(app, Target::Unlabelled, false)
}

/// Next flagged solution.
pub(super) fn next_flagged(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    seek::start(app, Target::Flagged, true)
}

/// Previous flagged solution.
pub(super) fn previous_flagged(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    seek::start(app, Target::Flagged, false)
}

/// Goes to the step at which the score drops most.
pub(super) fn score_drop(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    match app.score_drop() {
        Some((step, _)) => app.cursor.go_to_step(step),
        None if !app.show_prm => app.notice = Some(format!("scores are hidden; {} shows them", app.key("hide-prm"))),
        None => app.notice = Some("the scores of this solution drop nowhere".to_owned()),
    }
    Vec::new()
}
