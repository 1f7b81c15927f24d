//! The queue: which solutions one goes through, and in which order. A filter and an order are questions ([`crate::query`]); every item is
//! looked at once, as it is read, and leaves one number and one truth a solution behind.
//!
//! The queue is stable while one works: what no longer fits stays until it is asked for anew, and new hits join at the end.

use std::collections::{HashMap, HashSet, VecDeque};

use super::describe::short;
use super::items::ItemId;
use super::{App, Effect};
use crate::analysis::decide::decide;
use crate::query::{Facts, ORDERS, Query};
use crate::trace::{FirstError, Trace};

/// Items asked for ahead of the one that is looked at next.
const READ_AHEAD: usize = 64;
/// Items looked at between two frames.
const AT_ONCE: usize = 16;
/// Solutions of one problem that are looked at: a search tree may have tens of thousands.
const SOLUTIONS: usize = 2000;

/// What is known of a solution.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Entry {
    /// The filter holds; `None` when that is not known.
    holds: Option<bool>,
    /// Its number in the order.
    number: Option<f64>,
}

/// One place of the queue.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// The problem.
    pub item: ItemId,
    /// The solution.
    pub solution: usize,
    /// Its number in the order.
    pub number: Option<f64>,
}

/// An order in force.
#[derive(Debug, Clone)]
struct Order {
    name: String,
    query: Query,
}

/// Filter, order and what they have found.
#[derive(Debug, Default)]
pub struct Queue {
    filter: Option<Query>,
    order: Option<Order>,
    entries: HashMap<ItemId, Vec<Entry>>,
    /// Position in the list of the item to look at next.
    next: usize,
    asked: HashSet<ItemId>,
    /// Items of which more became known after they were looked at.
    late: VecDeque<ItemId>,
    places: Vec<Place>,
    members: HashSet<(ItemId, usize)>,
    /// All items have been looked at once.
    complete: bool,
    /// The scores are those of another model: the order is made anew once more when all of them are there.
    rank_again: bool,
    /// The order is a new one: its first solution is gone to.
    fresh: bool,
    /// Solutions looked at, and of them those that fit and those of which it is not known.
    pub looked: (usize, usize, usize),
    /// First visible row of the list.
    pub top: usize,
}

impl Queue {
    /// True while a filter or an order other than that of the files is in force.
    pub fn active(&self) -> bool {
        self.filter.is_some() || self.order.is_some()
    }

    /// The filter as it was typed.
    pub fn filter_text(&self) -> &str {
        self.filter.as_ref().map_or("", Query::text)
    }

    /// Name of the order, or its expression.
    pub fn order_name(&self) -> &str {
        self.order.as_ref().map_or("file", |order| order.name.as_str())
    }

    /// Order and filter in a few words, as label events keep them; `None` where none is in force.
    pub fn describe(&self) -> Option<String> {
        let order = self.order.as_ref().map(|order| format!("order {}", order.name));
        let filter = self.filter.as_ref().map(|filter| format!("filter {}", filter.text()));
        let parts: Vec<String> = order.into_iter().chain(filter).collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    /// The solutions of the queue, first to last.
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// True when the queue is not in force or has this solution.
    pub fn has(&self, item: ItemId, solution: usize) -> bool {
        !self.active() || self.members.contains(&(item, solution))
    }

    fn begin(&mut self) {
        let (filter, order) = (self.filter.take(), self.order.take());
        *self = Self { filter, order, ..Self::default() };
    }

    /// The scores are going to be those of another model.
    pub(super) fn rank_anew(&mut self) {
        self.begin();
        self.rank_again = true;
    }

    fn needs_scores(&self) -> bool {
        self.filter.iter().chain(self.order.iter().map(|order| &order.query)).any(Query::needs_scores)
    }

    /// All steps of an item have got their scores.
    pub(super) fn scored(&mut self, item: ItemId) {
        if self.needs_scores() {
            self.changed(item);
        }
    }

    /// An item was read again, perhaps with more solutions, or more is known of it.
    pub(super) fn changed(&mut self, item: ItemId) {
        if self.active() && self.entries.contains_key(&item) {
            self.asked.remove(&item);
            self.late.push_back(item);
        }
    }
}

impl App {
    /// Where the cursor stands in the queue, from 0.
    pub fn place_in_queue(&self) -> Option<usize> {
        let here = (self.cursor.item, self.cursor.solution);
        self.queue.places.iter().position(|place| (place.item, place.solution) == here)
    }

    /// The place that is `count` places on or back; `None` at the end of the queue.
    pub(crate) fn along_queue(&self, count: usize, forward: bool) -> Option<Place> {
        let places = &self.queue.places;
        let target = match self.place_in_queue() {
            Some(at) if forward => at + count,
            Some(at) => at.checked_sub(count)?,
            // Beside the queue: the nearest place by the order of the files, else its beginning.
            None if self.queue.order.is_none() => {
                let here = (self.items.rank(self.cursor.item), self.cursor.solution);
                let behind = places.partition_point(|place| (self.items.rank(place.item), place.solution) < here);
                if forward { behind } else { behind.checked_sub(1)? }
            }
            None => 0,
        };
        places.get(target).copied()
    }

    /// Why the solution is where it is in the queue.
    pub(super) fn why_in_queue(&self) -> Option<String> {
        let order = self.queue.order.as_ref().filter(|_| self.show_prm)?;
        let place = self.queue.places.get(self.place_in_queue()?)?;
        Some(format!("{} {}", order.name, place.number.map_or("not known yet".to_owned(), short)))
    }

    fn entries_of(&self, trace: &Trace) -> Vec<Entry> {
        let scoring = &self.scoring;
        let wholes: Vec<Option<f64>> = trace
            .solutions
            .iter()
            .take(SOLUTIONS)
            .map(|solution| scoring.solution_score(trace, &trace.path(solution.leaf)).map(|score| scoring.place(score)))
            .collect();
        let known: Option<Vec<f64>> = wholes.iter().copied().collect();
        let spread = known.filter(|known| !known.is_empty()).map(|known| {
            known.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), score| (low.min(*score), high.max(*score)))
        });
        let entry = |(index, whole): (usize, &Option<f64>)| {
            let solution = &trace.solutions[index];
            let path = trace.path(solution.leaf);
            let raw: Vec<Option<f64>> =
                path.iter().map(|&id| scoring.scores.get(&trace.node(id).key).map(|score| score.value())).collect();
            let predicted = if raw.iter().all(Option::is_some) { decide(&raw, scoring.decision) } else { FirstError::Unknown };
            let scores: Vec<Option<f64>> = raw.iter().map(|score| score.map(|score| scoring.place(score))).collect();
            let record = trace.record_key(solution.leaf);
            let facts = Facts {
                trace,
                solution: index,
                path: &path,
                scores: &scores,
                threshold: scoring.place(scoring.threshold),
                whole: *whole,
                spread,
                predicted,
                own: &self.own_labels(trace, solution.leaf),
                flagged: self.session.flagged(record),
                later: self.session.skipped(record),
            };
            Entry {
                holds: self.queue.filter.as_ref().map_or(Some(true), |filter| filter.holds(&facts)),
                number: self.queue.order.as_ref().and_then(|order| order.query.number(&facts)),
            }
        };
        wholes.iter().enumerate().map(entry).collect()
    }
}

/// Looks at an item that is in memory, for the first time or again.
fn look(app: &mut App, item: ItemId) {
    let entries = app.items.trace(item).cloned().map_or_else(Vec::new, |trace| app.entries_of(&trace));
    let rank = app.items.rank(item);
    for (solution, entry) in entries.iter().enumerate() {
        if entry.holds != Some(true) || !app.queue.members.insert((item, solution)) {
            continue;
        }
        let place = Place { item, solution, number: entry.number };
        let at = if app.queue.order.is_none() {
            app.queue.places.partition_point(|known| (app.items.rank(known.item), known.solution) < (rank, solution))
        } else {
            app.queue.places.len()
        };
        app.queue.places.insert(at, place);
    }
    let count = |entries: &[Entry], wanted: Option<bool>| entries.iter().filter(|entry| entry.holds == wanted).count();
    let looked = &mut app.queue.looked;
    let before = app.queue.entries.insert(item, entries).unwrap_or_default();
    let now = app.queue.entries.get(&item).map_or(&[][..], Vec::as_slice);
    looked.0 = looked.0 + now.len() - before.len();
    looked.1 = looked.1 + count(now, Some(true)) - count(&before, Some(true));
    looked.2 = looked.2 + count(now, None) - count(&before, None);
}

/// Puts the solutions that fit in order anew.
fn sort(app: &mut App) {
    let queue = &mut app.queue;
    let mut places: Vec<Place> = Vec::with_capacity(queue.looked.1);
    for (item, entries) in &queue.entries {
        let fitting = entries.iter().enumerate().filter(|(_, entry)| entry.holds == Some(true));
        places.extend(fitting.map(|(solution, entry)| Place { item: *item, solution, number: entry.number }));
    }
    // The largest first, what has no number last, equals as the files have them.
    let number = |place: &Place| place.number.unwrap_or(f64::NEG_INFINITY);
    places.sort_unstable_by(|a, b| number(b).total_cmp(&number(a)).then((a.item, a.solution).cmp(&(b.item, b.solution))));
    queue.members = places.iter().map(|place| (place.item, place.solution)).collect();
    queue.places = places;
}

/// Looks at what has been read, asks for what has not. Called after every message.
pub(super) fn feed(app: &mut App) -> Vec<Effect> {
    if !app.queue.active() || app.quitting {
        return Vec::new();
    }
    let mut effects = Vec::new();
    let total = app.items.total();
    let mut left = AT_ONCE;
    while left > 0
        && let Some(item) = app.queue.late.front().copied()
    {
        if app.items.get(item).is_none() {
            if app.queue.asked.insert(item) {
                effects.push(Effect::Load(item));
            }
            break;
        }
        app.queue.late.pop_front();
        look(app, item);
        left -= 1;
    }
    while left > 0 && app.queue.next < total {
        let Some(item) = app.items.at_rank(app.queue.next) else { break };
        if app.items.get(item).is_none() {
            let ahead = (app.queue.next..total.min(app.queue.next + READ_AHEAD)).filter_map(|rank| app.items.at_rank(rank));
            let missing: Vec<ItemId> = ahead.filter(|item| app.items.get(*item).is_none()).collect();
            effects.extend(missing.into_iter().filter(|item| app.queue.asked.insert(*item)).map(Effect::Load));
            break;
        }
        look(app, item);
        app.queue.next += 1;
        left -= 1;
    }
    if left == 0 {
        effects.push(Effect::Continue);
    }
    if app.queue.next >= total && app.items.complete() && !app.queue.complete {
        app.queue.complete = true;
        sort(app);
        enter(app);
    }
    if app.queue.rank_again && app.queue.complete && app.queue.late.is_empty() && app.scoring.complete(total) {
        app.queue.rank_again = false;
        sort(app);
    }
    effects
}

/// Goes to the first place of the queue unless the cursor stands in it.
fn enter(app: &mut App) {
    if (std::mem::take(&mut app.queue.fresh) || app.place_in_queue().is_none())
        && let Some(first) = app.queue.places.first().copied()
    {
        app.leave_spot();
        app.go_to(first.item, first.solution);
    }
}

/// Takes a filter; an empty text takes it away.
pub(super) fn set_filter(app: &mut App, text: &str) {
    if text.trim().is_empty() {
        clear_filter(app);
        return;
    }
    match Query::filter(text) {
        Ok(query) => {
            app.queue.filter = Some(query);
            app.queue.begin();
            app.notice = None;
        }
        Err(error) => app.notice = Some(format!("filter: {}", error.in_line(text))),
    }
}

/// Takes the filter away; the order stays.
pub(super) fn clear_filter(app: &mut App) {
    if app.queue.filter.take().is_some() {
        app.queue.begin();
        app.notice = Some("the filter is gone".to_owned());
    }
}

/// Takes an order by its name, or by any expression.
pub(super) fn set_order(app: &mut App, text: &str) {
    let named = ORDERS.iter().find(|order| order.name == text.trim());
    let expression = named.map_or(text, |order| order.expression);
    if expression.is_empty() {
        app.queue.order = None;
        app.queue.begin();
        app.notice = Some("in the order of the files".to_owned());
        return;
    }
    match Query::order(expression) {
        Ok(query) => {
            let name = named.map_or_else(|| query.text().to_owned(), |order| order.name.to_owned());
            app.notice = Some(format!("order {name}{}", named.map_or(String::new(), |order| format!(": {}", order.doc))));
            app.queue.order = Some(Order { name, query });
            app.queue.begin();
            app.queue.fresh = true;
        }
        Err(error) => app.notice = Some(format!("order: {}", error.in_line(expression))),
    }
}

/// Chooses and orders anew, with the labels and scores that there are now.
pub(super) fn refresh(app: &mut App) {
    if app.queue.active() {
        app.queue.begin();
        app.notice = Some("the queue is made anew".to_owned());
    } else {
        app.notice = Some(format!("no filter and no order; {} filters, {} orders", app.key("filter"), app.key("order")));
    }
}
