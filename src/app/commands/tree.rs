//! Moving and folding in a tree; in the steps pane the same keys fold long steps.

use crate::app::replay::{better, worth};
use crate::app::tree::hidden_numbers;
use crate::app::{App, Effect, Focus, replay};
use crate::trace::{NodeId, NodeStats, Trace};

/// Goes to a node and makes its row visible.
fn go(app: &mut App, trace: &Trace, node: NodeId) {
    app.tree.reveal(trace, node);
    app.cursor.go_to_node(trace, node);
    app.walk.led = true;
}

/// Whether a step is among those that the tree shows: no key leads to others.
fn there(app: &App) -> impl Fn(&NodeId) -> bool {
    |id| app.focus != Focus::Tree || app.tree.is_there(*id)
}

fn on_trace(app: &mut App, act: impl FnOnce(&mut App, &Trace)) -> Vec<Effect> {
    if let Some(trace) = app.trace().cloned()
        && app.cursor.node != NodeId::ROOT
    {
        act(app, &trace);
    }
    Vec::new()
}

fn set_fold(app: &mut App, trace: &Trace, open: bool) {
    let node = app.cursor.node;
    if app.focus == Focus::Tree {
        app.tree.set_open(trace, node, open);
    } else {
        app.steps.set_fold(node, !open);
    }
}

fn is_open(app: &App) -> bool {
    if app.focus == Focus::Tree { app.tree.is_open(app.cursor.node) } else { !app.steps.is_folded(app.cursor.node) }
}

/// Folds; what is folded already (or has nothing to fold) leads to the parent.
pub(super) fn fold_or_parent(app: &mut App, count: Option<usize>) -> Vec<Effect> {
    let foldable = app.focus != Focus::Tree || app.trace().is_some_and(|trace| !trace.node(app.cursor.node).children.is_empty());
    if is_open(app) && foldable { close(app, count) } else { parent(app, count) }
}

/// Unfolds; what is open already leads to the first child.
pub(super) fn unfold_or_child(app: &mut App, count: Option<usize>) -> Vec<Effect> {
    if is_open(app) { first_child(app, count) } else { open(app, count) }
}

/// Unfolds.
pub(super) fn open(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    on_trace(app, |app, trace| set_fold(app, trace, true))
}

/// Folds.
pub(super) fn close(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    on_trace(app, |app, trace| set_fold(app, trace, false))
}

/// Folds or unfolds.
pub(super) fn toggle(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    if app.focus == Focus::List {
        app.focus = if app.show_tree { Focus::Tree } else { Focus::Steps };
        return Vec::new();
    }
    let open = !is_open(app);
    on_trace(app, |app, trace| set_fold(app, trace, open))
}

/// Unfolds everything.
pub(super) fn open_all(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    on_trace(app, |app, trace| {
        app.tree.set_all(trace, true);
        if app.focus != Focus::Tree {
            app.steps.set_all(false);
        }
    })
}

/// Folds everything.
pub(super) fn close_all(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    on_trace(app, |app, trace| {
        app.tree.set_all(trace, false);
        // Beside a folded tree the steps are there to be read.
        if app.focus != Focus::Tree {
            app.steps.set_all(true);
        }
        let visible = app.tree.visible_ancestor(trace, app.cursor.node);
        if app.focus == Focus::Tree {
            app.cursor.go_to_node(trace, visible);
        }
    })
}

/// Unfolds just what hides the current node.
pub(super) fn show_path(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    on_trace(app, |app, trace| app.tree.reveal(trace, app.cursor.node))
}

/// Goes to the parent.
pub(super) fn parent(app: &mut App, count: Option<usize>) -> Vec<Effect> {
    on_trace(app, |app, trace| {
        for _ in 0..count.unwrap_or(1) {
            match trace.node(app.cursor.node).parent {
                Some(parent) if parent != NodeId::ROOT => go(app, trace, parent),
                _ => break,
            }
        }
    })
}

/// Goes to the first child.
pub(super) fn first_child(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    on_trace(app, |app, trace| {
        // On a path of its own the current solution goes first.
        let on_path = app.cursor.path.get(app.cursor.step() + 1).copied().filter(|id| there(app)(id));
        let first = || trace.node(app.cursor.node).children.iter().copied().find(there(app));
        if let Some(child) = on_path.or_else(first) {
            go(app, trace, child);
        }
    })
}

/// Goes to the next sibling.
pub(super) fn next_sibling(app: &mut App, count: Option<usize>) -> Vec<Effect> {
    sibling(app, count.unwrap_or(1), true)
}

/// Goes to the previous sibling.
pub(super) fn previous_sibling(app: &mut App, count: Option<usize>) -> Vec<Effect> {
    sibling(app, count.unwrap_or(1), false)
}

fn sibling(app: &mut App, count: usize, forward: bool) -> Vec<Effect> {
    on_trace(app, |app, trace| {
        let Some(parent) = trace.node(app.cursor.node).parent else { return };
        let here = app.cursor.node;
        let shown = |id: &NodeId| *id == here || there(app)(id);
        let siblings: Vec<NodeId> = trace.node(parent).children.iter().copied().filter(shown).collect();
        let Some(at) = siblings.iter().position(|&id| id == here) else { return };
        let target = if forward { (at + count).min(siblings.len() - 1) } else { at.saturating_sub(count) };
        if target == at {
            app.notice = Some("no further sibling".to_owned());
        }
        go(app, trace, siblings[target]);
    })
}

/// A number of a step.
type Numbers = dyn Fn(&App, &Trace, NodeId) -> Option<f64>;

/// Goes to the child with the largest number of the first kind that any child has: numbers of two kinds are on two scales. Children without one
/// come last.
fn child_by(app: &mut App, what: &str, kinds: &[&Numbers]) -> Vec<Effect> {
    on_trace(app, |app, trace| {
        let children: Vec<NodeId> = trace.node(app.cursor.node).children.iter().copied().filter(there(app)).collect();
        // The jump would give the hidden numbers away.
        if !app.show_prm || children.iter().any(|&id| !app.shows_numbers_of(id)) {
            app.notice = Some(hidden_numbers(app));
            return;
        }
        let best =
            kinds.iter().find_map(|number| children.iter().filter_map(|&id| Some((id, number(app, trace, id)?))).reduce(better));
        match best {
            Some((child, _)) => go(app, trace, child),
            None => app.notice = Some(format!("no child has {what}")),
        }
    })
}

/// What the search says of the node that begins with this step.
fn of_search(app: &App, trace: &Trace, id: NodeId, number: fn(&NodeStats) -> Option<f64>) -> Option<f64> {
    worth(trace, id, there(app), |id| number(&trace.node(id).stats))
}

fn score(app: &App, trace: &Trace, id: NodeId) -> Option<f64> {
    app.scoring.scores.get(&trace.node(id).key).map(|score| score.value())
}

/// Goes to the child with the best search value.
pub(super) fn best_child(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    child_by(
        app,
        "a search value or a score",
        &[
            &|app, trace, id| of_search(app, trace, id, |stats| stats.q),
            &|app, trace, id| of_search(app, trace, id, |stats| stats.mc),
            &|app, trace, id| of_search(app, trace, id, |stats| stats.value),
            &score,
        ],
    )
}

/// Goes to the child with the worst step score.
pub(super) fn worst_child(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    child_by(app, "a score", &[&|app, trace, id| score(app, trace, id).map(|score| -score)])
}

/// Goes to the child with the most visits.
pub(super) fn most_visited_child(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    child_by(
        app,
        "a visit count",
        &[&|app, trace, id| of_search(app, trace, id, |stats| stats.visits.map(|visits| visits as f64))],
    )
}

/// Opens or closes the replay of the search.
pub(super) fn replay(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    replay::open(app)
}

/// Goes to the next iteration at which the best path leads elsewhere.
pub(super) fn next_turn(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    replay::next_turn(app)
}
