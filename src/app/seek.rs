//! Walking to the next place of some kind: a search hit, a suspect step, an unlabelled solution. The walk goes item by item, waits
//! for items that are not in memory, wraps around once, and ends at any key.

use std::ops::ControlFlow;

use crate::trace::{FirstError, NodeId, Trace};

use super::items::ItemId;
use super::{App, Effect};

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A step whose text matches the search.
    Match,
    /// The first step of a solution with a score below the threshold.
    Suspect,
    /// A solution without a label of one's own.
    Unlabelled,
    /// A solution that was flagged as unsure.
    Flagged,
}

/// A walk that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seek {
    target: Target,
    forward: bool,
    /// The item to look at next.
    at: ItemId,
    /// Items left until the walk is back where it began.
    left: usize,
}

/// Starts a walk from the cursor.
pub(crate) fn start(app: &mut App, target: Target, forward: bool) -> Vec<Effect> {
    if let Some(trace) = app.trace().cloned()
        && let Some(place) = within(app, &trace, app.cursor.item, target, forward, true)
    {
        arrive(app, app.cursor.item, place);
        return Vec::new();
    }
    let left = app.items.total();
    let next = wrap(app, app.cursor.item, forward);
    app.seek = Some(Seek { target, forward, at: next, left });
    advance(app)
}

/// Goes on with a walk that waited for this item.
pub(super) fn continue_with(app: &mut App, item: ItemId) -> Vec<Effect> {
    if app.seek.as_ref().is_some_and(|seek| seek.at == item) { advance(app) } else { Vec::new() }
}

fn advance(app: &mut App) -> Vec<Effect> {
    while let Some(seek) = app.seek.clone() {
        if seek.left == 0 {
            app.seek = None;
            app.notice = Some(nothing(seek.target).to_owned());
            break;
        }
        let Some(view) = app.items.get(seek.at) else { return vec![Effect::Load(seek.at)] };
        // Back at the start, the part of the item that was skipped at first counts too.
        if let Some(trace) = view.trace.clone()
            && let Some(place) = within(app, &trace, seek.at, seek.target, seek.forward, false)
        {
            app.seek = None;
            if seek.left == 1 || (app.items.rank(seek.at) < app.items.rank(app.cursor.item)) == seek.forward {
                app.notice = Some("went around the end of the list".to_owned());
            }
            arrive(app, seek.at, place);
            break;
        }
        let at = wrap(app, seek.at, seek.forward);
        app.seek = Some(Seek { at, left: seek.left - 1, ..seek });
    }
    Vec::new()
}

fn wrap(app: &App, item: ItemId, forward: bool) -> ItemId {
    let total = app.items.total().max(1);
    let rank = app.items.rank(item);
    let next = if forward { (rank + 1) % total } else { (rank + total - 1) % total };
    app.items.at_rank(next).unwrap_or(item)
}

fn arrive(app: &mut App, item: ItemId, (solution, node): (usize, NodeId)) {
    app.go_to_item(item);
    if let Some(trace) = app.trace().cloned() {
        app.cursor.go_to_solution(&trace, solution);
        if node != NodeId::ROOT {
            app.cursor.go_to_node(&trace, node);
        }
        app.tree.reveal(&trace, app.cursor.node);
    }
}

fn nothing(target: Target) -> &'static str {
    match target {
        Target::Match => "no match",
        Target::Suspect => "no step below the threshold among the scored ones",
        Target::Unlabelled => "everything is labelled",
        Target::Flagged => "nothing is flagged",
    }
}

/// The nearest place inside one item; from the cursor when `beyond_cursor`, else from its near end.
fn within(app: &App, trace: &Trace, item: ItemId, target: Target, forward: bool, beyond_cursor: bool) -> Option<(usize, NodeId)> {
    let cursor = (item == app.cursor.item && beyond_cursor).then_some((app.cursor.solution, app.cursor.step()));
    let mut solutions: Vec<usize> = (0..trace.solutions.len().max(1)).collect();
    if !forward {
        solutions.reverse();
    }
    let found = solutions.into_iter().try_for_each(|solution| {
        let allowed = |step: Option<usize>| {
            cursor.is_none_or(|(at_solution, at_step)| {
                let here = (solution, step.map_or(0, |step| step + 1));
                let start = (at_solution, step.map_or(0, |_| at_step + 1));
                if forward { here > start } else { here < start }
            })
        };
        match place_in_solution(app, trace, solution, target, forward, &allowed) {
            Some(node) => ControlFlow::Break((solution, node)),
            None => ControlFlow::Continue(()),
        }
    });
    found.break_value()
}

fn place_in_solution(
    app: &App,
    trace: &Trace,
    solution: usize,
    target: Target,
    forward: bool,
    allowed: &dyn Fn(Option<usize>) -> bool,
) -> Option<NodeId> {
    let leaf = trace.solutions.get(solution).map(|solution| solution.leaf);
    let path = leaf.map_or_else(|| app.cursor.path.clone(), |leaf| trace.path(leaf));
    match target {
        Target::Match => {
            let search = app.search.as_ref()?;
            let hit = |&index: &usize| allowed(Some(index)) && search.is_match(&trace.node(path[index]).text);
            let index = if forward { (0..path.len()).find(hit) } else { (0..path.len()).rev().find(hit) };
            index.map(|index| path[index])
        }
        Target::Suspect => {
            let score = |&id: &NodeId| app.scoring.scores.get(&trace.node(id).key).map(|score| score.value());
            let index = path.iter().position(|id| score(id).is_some_and(|value| value < app.scoring.threshold))?;
            allowed(Some(index)).then(|| path[index])
        }
        Target::Unlabelled | Target::Flagged => {
            let leaf = leaf?;
            let wanted = if target == Target::Unlabelled {
                app.own_labels(trace, leaf).first_error == FirstError::Unknown
            } else {
                app.session.flagged(trace.record_key(leaf))
            };
            (wanted && allowed(None)).then_some(NodeId::ROOT)
        }
    }
}
