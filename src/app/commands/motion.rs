//! Moving between steps, solutions and problems.

use crate::app::choice::Question;
use crate::app::items::ItemId;
use crate::app::{App, Effect, Focus, jumps, keys, layout};
use crate::labels::Mode;
use crate::trace::{NodeId, Trace};

/// Next step (or row of the pane that has the focus).
pub(super) fn down(app: &mut App, count: Option<usize>) -> Vec<Effect> {
    by(app, count.unwrap_or(1), true)
}

/// Previous step (or row).
pub(super) fn up(app: &mut App, count: Option<usize>) -> Vec<Effect> {
    by(app, count.unwrap_or(1), false)
}

fn by(app: &mut App, count: usize, forward: bool) -> Vec<Effect> {
    let moved = |at: usize, len: usize| {
        if forward { (at + count).min(len.saturating_sub(1)) } else { at.saturating_sub(count) }
    };
    match app.focus {
        Focus::Steps => app.cursor.go_to_step(moved(app.cursor.step(), app.cursor.path.len())),
        Focus::Tree => {
            let Some(trace) = app.trace().cloned() else { return Vec::new() };
            let at = app.tree.row_of(app.tree.visible_ancestor(&trace, app.cursor.node)).unwrap_or(0);
            if let Some(row) = app.tree.rows.get(moved(at, app.tree.rows.len())) {
                let node = row.node;
                app.cursor.go_to_node(&trace, node);
            }
        }
        Focus::List => {
            for _ in 0..count.min(1000) {
                if !solution(app, forward) {
                    break;
                }
            }
        }
    }
    Vec::new()
}

/// Next solution, also across problems.
pub(super) fn next_solution(app: &mut App, count: Option<usize>) -> Vec<Effect> {
    // After a reveal this is how one goes on: what is due comes now.
    let goes_on = app.trust.mode == Mode::RevealAfter && app.show_prm && app.trust.serving.is_none() && count.is_none();
    for _ in 0..count.unwrap_or(1).min(1000) {
        if !solution(app, true) {
            app.notice = Some("this is the last solution".to_owned());
            break;
        }
    }
    if goes_on {
        app.serve();
    }
    Vec::new()
}

/// Previous solution, also across problems.
pub(super) fn previous_solution(app: &mut App, count: Option<usize>) -> Vec<Effect> {
    for _ in 0..count.unwrap_or(1).min(1000) {
        if !solution(app, false) {
            app.notice = Some("this is the first solution".to_owned());
            break;
        }
    }
    Vec::new()
}

/// Goes one solution on; false at the end of the list.
pub(in crate::app) fn solution(app: &mut App, forward: bool) -> bool {
    // The next one behind something that was served is the one it came before.
    if app.back_from_serving() {
        return true;
    }
    if app.queue.active() {
        let next = app.along_queue(1, forward);
        if let Some(place) = next {
            app.go_to(place.item, place.solution);
        }
        return next.is_some();
    }
    if let Some(trace) = app.trace().cloned() {
        let (all, at) = (trace.solutions.len(), app.cursor.solution);
        let filters = app.filters_tree();
        // With a filter to the next one with a step that fits, and there to that one.
        let there = |target: usize| {
            let first = if filters { Some(fitting(app, &trace, target)?) } else { None };
            Some((target, first))
        };
        let found = if forward { (at + 1..all).find_map(there) } else { (0..at.min(all)).rev().find_map(there) };
        if let Some((target, first)) = found {
            app.cursor.go_to_solution(&trace, target);
            if let Some(node) = first {
                app.cursor.go_to_node(&trace, node);
            }
            return true;
        }
    }
    let Some(item) = app.items.neighbour(app.cursor.item, forward) else { return false };
    app.go_to_item(item);
    if !forward && let Some(trace) = app.trace().cloned() {
        app.cursor.go_to_solution(&trace, trace.solutions.len().saturating_sub(1));
    }
    true
}

/// The first step of a solution that the filter of the tree asks for.
fn fitting(app: &App, trace: &Trace, solution: usize) -> Option<NodeId> {
    trace.path(trace.solutions[solution].leaf).into_iter().find(|&id| app.tree.fits(id))
}

/// Next problem.
pub(super) fn next_problem(app: &mut App, count: Option<usize>) -> Vec<Effect> {
    problem(app, count.unwrap_or(1), true)
}

/// Previous problem.
pub(super) fn previous_problem(app: &mut App, count: Option<usize>) -> Vec<Effect> {
    problem(app, count.unwrap_or(1), false)
}

fn problem(app: &mut App, count: usize, forward: bool) -> Vec<Effect> {
    if app.queue.active() {
        return problem_of_queue(app, count, forward);
    }
    let rank = app.items.rank(app.cursor.item);
    let last = app.items.total().saturating_sub(1);
    let target = if forward { (rank + count).min(last) } else { rank.saturating_sub(count) };
    if target == rank {
        app.notice = Some(if forward { "this is the last problem" } else { "this is the first problem" }.to_owned());
    }
    go_to_rank(app, target);
    Vec::new()
}

/// Goes on in the queue until another problem comes, that many times.
fn problem_of_queue(app: &mut App, count: usize, forward: bool) -> Vec<Effect> {
    for _ in 0..count.min(10_000) {
        let here = app.cursor.item;
        let mut ahead = 1;
        let next = loop {
            match app.along_queue(ahead, forward) {
                Some(place) if place.item == here => ahead += 1,
                other => break other,
            }
        };
        let Some(place) = next else {
            app.notice = Some(if forward { "this is the last problem of the queue" } else { "this is the first" }.to_owned());
            break;
        };
        app.go_to(place.item, place.solution);
    }
    Vec::new()
}

fn go_to_rank(app: &mut App, rank: usize) {
    if let Some(item) = app.items.at_rank(rank) {
        app.go_to_item(item);
    }
}

/// The problem of this number, counted from 1.
pub(super) fn goto(app: &mut App, count: Option<usize>) -> Vec<Effect> {
    let total = app.items.total();
    let wanted = count.unwrap_or(1);
    if wanted > total {
        let so_far = if app.items.complete() { "there are" } else { "the index is not complete yet; so far there are" };
        app.notice = Some(format!("no problem {wanted}: {so_far} {total}"));
        return Vec::new();
    }
    app.leave_spot();
    go_to_rank(app, wanted.saturating_sub(1));
    Vec::new()
}

/// Back to where the last far jump began.
pub(super) fn back(app: &mut App, count: Option<usize>) -> Vec<Effect> {
    jumps::back(app, count.unwrap_or(1));
    Vec::new()
}

/// Forward again along the jump list.
pub(super) fn forward(app: &mut App, count: Option<usize>) -> Vec<Effect> {
    jumps::forward(app, count.unwrap_or(1));
    Vec::new()
}

/// Asks for the letter of a new mark.
pub(super) fn set_mark(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    app.ask(Question::SetMark);
    Vec::new()
}

/// Asks for the mark to go to.
pub(super) fn go_to_mark(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    if app.jumps.marks.is_empty() {
        app.notice = Some(format!("no place is marked yet; {} marks one", app.key("mark")));
    } else {
        app.ask(Question::GoToMark);
    }
    Vec::new()
}

/// First step, or the step of this number.
pub(super) fn top(app: &mut App, count: Option<usize>) -> Vec<Effect> {
    edge(app, count, 0)
}

/// Last step, or the step of this number.
pub(super) fn bottom(app: &mut App, count: Option<usize>) -> Vec<Effect> {
    edge(app, count, usize::MAX)
}

/// Goes to the step of this number, or without one to the row at the `end`. In the list the number is that of a problem.
fn edge(app: &mut App, count: Option<usize>, end: usize) -> Vec<Effect> {
    app.leave_spot();
    let index = count.map_or(end, |count| count.saturating_sub(1));
    match app.focus {
        Focus::Tree if count.is_some() => {
            app.cursor.go_to_step(index);
            if let Some(trace) = app.trace().cloned() {
                app.tree.reveal(&trace, app.cursor.node);
            }
        }
        Focus::Steps => app.cursor.go_to_step(index),
        Focus::Tree => {
            let row = app.tree.rows.get(index.min(app.tree.rows.len().saturating_sub(1))).map(|row| row.node);
            if let (Some(node), Some(trace)) = (row, app.trace().cloned()) {
                app.cursor.go_to_node(&trace, node);
            }
        }
        Focus::List if app.queue.active() => {
            let places = app.queue.places();
            if let Some(place) = places.get(index.min(places.len().saturating_sub(1))).copied() {
                app.go_to(place.item, place.solution);
            }
        }
        Focus::List => {
            let rank = index.min(app.items.total().saturating_sub(1));
            app.go_to_item(app.items.at_rank(rank).unwrap_or(ItemId { file: 0, problem: 0 }));
        }
    }
    Vec::new()
}

/// A page down.
pub(super) fn page_down(app: &mut App, count: Option<usize>) -> Vec<Effect> {
    pages(app, count, true)
}

/// A page up.
pub(super) fn page_up(app: &mut App, count: Option<usize>) -> Vec<Effect> {
    pages(app, count, false)
}

fn pages(app: &mut App, count: Option<usize>, forward: bool) -> Vec<Effect> {
    let pages = count.unwrap_or(1).clamp(1, keys::MAX_COUNT);
    if app.focus == Focus::Steps {
        layout::turn(app, pages, forward);
        return Vec::new();
    }
    rows_on(app, layout::page_step(layout::page(app)).saturating_mul(pages), forward)
}

/// Half a page down.
pub(super) fn half_page_down(app: &mut App, count: Option<usize>) -> Vec<Effect> {
    half_page(app, count, true)
}

/// Half a page up.
pub(super) fn half_page_up(app: &mut App, count: Option<usize>) -> Vec<Effect> {
    half_page(app, count, false)
}

fn half_page(app: &mut App, count: Option<usize>, forward: bool) -> Vec<Effect> {
    rows_on(app, count.unwrap_or_else(|| layout::page(app) / 2).max(1), forward)
}

fn rows_on(app: &mut App, rows: usize, forward: bool) -> Vec<Effect> {
    match app.focus {
        Focus::Steps => layout::scroll(app, rows, forward),
        Focus::Tree => return by(app, rows, forward),
        Focus::List => return problem(app, rows, forward),
    }
    Vec::new()
}

/// Puts the current step in the middle of the pane.
pub(super) fn middle(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    layout::place_cursor(app, layout::Anchor::Middle);
    Vec::new()
}

/// Puts the current step at the top of the pane.
pub(super) fn screen_top(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    layout::place_cursor(app, layout::Anchor::Top);
    Vec::new()
}

/// Puts the current step at the bottom of the pane.
pub(super) fn screen_bottom(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    layout::place_cursor(app, layout::Anchor::Bottom);
    Vec::new()
}
