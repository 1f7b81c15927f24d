//! A search once more, iteration by iteration: which steps there were, what it took them to be worth, and where its best path led.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::commands::view;
use super::describe::short;
use super::views::{ViewKeys, key as key_row};
use super::{App, Effect};
use crate::labels::Mode;
use crate::trace::{NodeId, Trace};

/// Its keys; all others act as in the tree.
pub(super) static VIEW: ViewKeys = ViewKeys {
    name: "replay",
    command: "replay",
    keys: &[&[
        key_row(&[","], "an iteration", "an iteration back, or as many as the count"),
        key_row(&["."], "an iteration", "an iteration on, or as many as the count"),
        key_row(&["<"], "ten", "ten iterations back"),
        key_row(&[">"], "ten", "ten iterations on"),
    ]],
    commands: &[("replay-turn", "elsewhere"), ("cancel", "whole tree")],
};

/// Steps that no iteration made are there when the search is over.
const NEVER: u32 = u32::MAX;
/// Iterations that `<` and `>` go.
const FAR: usize = 10;

/// A search that is being watched.
#[derive(Debug)]
pub struct Replay {
    of: Weak<Trace>,
    /// The iterations, as the source counts them.
    numbers: Vec<u64>,
    /// For each node the index of the iteration that made it.
    born: Arc<[u32]>,
    /// Where the best path ended after each iteration.
    best: Vec<NodeId>,
    /// Index of the iteration on show.
    at: usize,
    /// What the search took its steps to be worth then.
    values: HashMap<NodeId, f64>,
    /// Steps that were made after each iteration, with those of the iterations before.
    made: Vec<usize>,
}

impl Replay {
    /// `None` where the source does not say in which order the search went.
    fn of(trace: &Arc<Trace>) -> Option<Self> {
        if trace.history.is_empty() {
            return None;
        }
        let born = born(trace);
        let mut values = HashMap::new();
        let mut best = Vec::with_capacity(trace.history.len());
        for (at, touched) in (0..).zip(trace.history.values()) {
            values.extend(touched.iter().filter_map(|&(id, value)| Some((id, value?))));
            best.push(best_path(trace, &born, at, &values));
        }
        let numbers: Vec<u64> = trace.history.keys().copied().collect();
        let mut made = vec![0; numbers.len()];
        for id in trace.steps() {
            if let Some(made) = made.get_mut(born[id.index()] as usize) {
                *made += 1;
            }
        }
        for at in 1..made.len() {
            made[at] += made[at - 1];
        }
        Some(Self { of: Arc::downgrade(trace), at: numbers.len() - 1, numbers, born: born.into(), best, values, made })
    }

    /// The steps were made by this iteration.
    pub fn is_new(&self, node: NodeId) -> bool {
        self.born[node.index()] as usize == self.at
    }

    /// Number of the iteration that made a step, as the source counts.
    pub fn made(&self, node: NodeId) -> Option<u64> {
        self.numbers.get(self.born[node.index()] as usize).copied()
    }

    /// What the search took a step to be worth at the iteration on show.
    pub fn value(&self, node: NodeId) -> Option<f64> {
        self.values.get(&node).copied()
    }

    /// The last step of the best path of that time; the root before there is one.
    pub fn best(&self) -> NodeId {
        self.best[self.at]
    }

    /// The best path does not only go on where it was, but leads elsewhere.
    fn turns(&self, trace: &Trace, at: usize) -> bool {
        let before = at.checked_sub(1).map_or(NodeId::ROOT, |at| self.best[at]);
        trace.ancestor_at(self.best[at], trace.node(before).depth) != Some(before)
    }
}

/// The iteration that made each node: the first that touched it or a step behind it.
fn born(trace: &Trace) -> Vec<u32> {
    let mut born = vec![NEVER; trace.nodes.len()];
    for (at, touched) in (0..).zip(trace.history.values()) {
        for &(id, _) in touched {
            born[id.index()] = born[id.index()].min(at);
        }
    }
    // Parents stand before their children.
    for index in (1..trace.nodes.len()).rev() {
        if let Some(parent) = trace.nodes[index].parent {
            born[parent.index()] = born[parent.index()].min(born[index]);
        }
    }
    born
}

/// From the root on to the child that is worth most, among those that are there; where none has a value, no further.
fn best_path(trace: &Trace, born: &[u32], at: u32, values: &HashMap<NodeId, f64>) -> NodeId {
    let there = |id: &NodeId| born[id.index()] <= at;
    let worth = |id: NodeId| worth(trace, id, there, |id| values.get(&id).copied());
    let mut best = NodeId::ROOT;
    loop {
        let ways = trace.node(best).children.iter().copied().filter(there).filter_map(|id| Some((id, worth(id)?)));
        match ways.reduce(better) {
            Some((child, _)) => best = child,
            None => return best,
        }
    }
}

/// The number of a node of the search. It may be several steps, and its numbers stand on the last one; where they part before it, it has none.
pub(super) fn worth(
    trace: &Trace,
    mut id: NodeId,
    there: impl Fn(&NodeId) -> bool,
    number: impl Fn(NodeId) -> Option<f64>,
) -> Option<f64> {
    loop {
        if let Some(number) = number(id) {
            return Some(number);
        }
        let mut behind = trace.node(id).children.iter().copied().filter(&there);
        id = match (behind.next(), behind.next()) {
            (Some(only), None) => only,
            _ => return None,
        };
    }
}

/// Of two steps with their numbers the one with the greater one; of equal ones the first.
pub(super) fn better(a: (NodeId, f64), b: (NodeId, f64)) -> (NodeId, f64) {
    if b.1 > a.1 { b } else { a }
}

impl App {
    /// The search on show, where it may be seen what it took its steps to be worth.
    pub fn replay_values(&self) -> Option<&Replay> {
        self.replay.as_deref().filter(|_| self.show_prm && self.trust.mode != Mode::RevealAfter)
    }

    /// The iteration on show in words.
    pub fn replay_line(&self) -> Option<String> {
        let (replay, trace) = (self.replay.as_ref()?, self.trace()?);
        let there = replay.made[replay.at];
        let new = there - replay.at.checked_sub(1).map_or(0, |before| replay.made[before]);
        let (number, last) = (replay.numbers[replay.at], replay.numbers[replay.numbers.len() - 1]);
        let best = self.replay_values().map(Replay::best).filter(|best| *best != NodeId::ROOT);
        let best = best.map_or(String::new(), |best| {
            let value = self.replay_values().and_then(|replay| replay.value(best)).map_or(String::new(), short);
            format!(", best {value}{}", if replay.turns(trace, replay.at) { " elsewhere" } else { "" })
        });
        Some(format!("iteration {number} of {last}: {there} steps (+{new}){best}"))
    }

    /// A search is on show as long as its tree is.
    pub(super) fn leave_replay(&mut self) {
        let same = |replay: &Replay| self.trace().is_some_and(|trace| replay.of.ptr_eq(&Arc::downgrade(trace)));
        if self.replay.as_ref().is_some_and(|replay| !same(replay)) {
            self.replay = None;
            if let Some(trace) = self.trace().cloned() {
                self.tree.show_until(&trace, None);
            }
        }
    }
}

/// Opens the search at its end, or closes it.
pub(super) fn open(app: &mut App) -> Vec<Effect> {
    if app.replay.is_some() {
        close(app);
        return Vec::new();
    }
    let Some(trace) = app.trace().cloned() else { return Vec::new() };
    let Some(replay) = Replay::of(&trace) else {
        app.notice = Some("the file does not say in which order the search made these steps".to_owned());
        return Vec::new();
    };
    view::show_tree(app);
    if app.show_tree {
        let end = replay.at;
        app.replay = Some(Box::new(replay));
        go(app, end);
    }
    Vec::new()
}

/// Closes it: the whole tree is there again.
pub(super) fn close(app: &mut App) {
    if app.replay.take().is_some()
        && let Some(trace) = app.trace().cloned()
    {
        app.tree.show_until(&trace, None);
        app.tree.reveal(&trace, app.cursor.node);
        app.notice = Some("the whole tree again".to_owned());
    }
}

/// Goes on to the next iteration at which the best path leads elsewhere; behind the last one, from the first.
pub(super) fn next_turn(app: &mut App) -> Vec<Effect> {
    if app.replay.is_none() {
        open(app);
    }
    let Some(trace) = app.trace().cloned().filter(|_| app.replay.is_some()) else { return Vec::new() };
    let Some(replay) = app.replay_values() else {
        app.notice = Some(format!("what the search found best is hidden as the scores are; {} shows them", app.key("hide-prm")));
        return Vec::new();
    };
    let last = replay.numbers.len();
    let turns = |at: &usize| replay.turns(&trace, *at);
    let (next, around) = ((replay.at + 1..last).find(turns), (0..=replay.at).find(turns));
    let best = |at: usize| replay.best[at];
    match next.or(around).map(|at| (at, best(at))) {
        Some((at, best)) => {
            go(app, at);
            if best != NodeId::ROOT {
                app.tree.reveal(&trace, best);
                let best = app.tree.visible_ancestor(&trace, best);
                app.cursor.go_to_node(&trace, best);
            }
            app.notice = next.is_none().then(|| "from the first iteration on".to_owned());
        }
        None if replay.best[last - 1] == NodeId::ROOT => {
            app.notice = Some("the search gave its steps no values that would make a best path".to_owned());
        }
        None => app.notice = Some("the best path only goes on, from the first iteration to the last".to_owned()),
    }
    Vec::new()
}

/// A key that belongs to the replay while one is on show; false for all others.
pub(super) fn key(app: &mut App, key: KeyEvent) -> bool {
    let Some(replay) = app.replay.as_ref().filter(|_| app.keys.pending.is_empty()) else { return false };
    let count = app.keys.count.unwrap_or(1);
    let at = match key.code {
        _ if key.modifiers.contains(KeyModifiers::CONTROL) => return false,
        KeyCode::Char('.') => replay.at.saturating_add(count),
        KeyCode::Char(',') => replay.at.saturating_sub(count),
        KeyCode::Char('>') => replay.at.saturating_add(count.saturating_mul(FAR)),
        KeyCode::Char('<') => replay.at.saturating_sub(count.saturating_mul(FAR)),
        _ => return false,
    };
    app.keys.clear();
    go(app, at);
    true
}

/// Shows an iteration, the cursor on the first step that it made, or else valued anew.
fn go(app: &mut App, at: usize) {
    let Some(trace) = app.trace().cloned() else { return };
    let Some(replay) = &mut app.replay else { return };
    let last = replay.numbers.len() - 1;
    replay.at = at.min(last);
    let shown = trace.history.values().take(replay.at + 1);
    replay.values = shown.flatten().filter_map(|&(id, value)| Some((id, value?))).collect();
    let touched = trace.history.get(&replay.numbers[replay.at]).map(Vec::as_slice).unwrap_or_default();
    let made = touched.iter().map(|(id, _)| *id).filter(|&id| replay.is_new(id));
    let targets: Vec<NodeId> = made.chain(touched.iter().map(|(id, _)| *id)).collect();
    let until = (replay.at < last).then(|| (Arc::clone(&replay.born), u32::try_from(replay.at).unwrap_or(NEVER)));
    if at > last {
        app.notice = Some("this is the last iteration".to_owned());
    }
    app.tree.show_until(&trace, until);
    // A filter of steps may leave some of them out.
    if let Some(target) = targets.into_iter().find(|&id| app.tree.is_there(id)) {
        app.tree.reveal(&trace, target);
        app.cursor.go_to_node(&trace, target);
    }
}
