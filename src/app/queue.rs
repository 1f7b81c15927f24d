//! The queue: which solutions one goes through, and in which order. A filter and an order are questions ([`crate::query`]); every item is
//! looked at once, as it is read, and leaves one number and one truth a solution behind.
//!
//! Much of what is asked is known by a record alone ([`Effect::Sift`]); only the rest is read.
//!
//! The queue is stable while one works: what no longer fits stays until it is asked for anew, and new hits join at the end.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::ops::Range;

use super::describe::short;
use super::items::ItemId;
use super::scoring::WorkerState;
use super::{App, Effect, Sifted, review};
use crate::analysis::label_errors::{Case, Doubt, doubts};
use crate::query::{Asked, Names, ORDERS, Own, Query, Survey, no_name};
use crate::trace::{FirstError, Solution, Trace};

/// Items asked for ahead of the one that is looked at next.
const READ_AHEAD: usize = 64;
/// Items looked at between two frames.
const AT_ONCE: usize = 16;
/// So many items that were sifted cost as much as one that is looked at.
const PASSED: usize = 256;
/// Problems of a file that are sifted at once.
const RUN: usize = 8192;
/// Labels that are doubted.
const CASES: usize = 100_000;
/// Solutions of one problem that are looked at: a search tree may have tens of thousands.
const SOLUTIONS: usize = 2000;

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
    entries: HashMap<ItemId, Vec<Asked>>,
    /// Problems of each file that were looked at, from its first one on.
    next: Vec<usize>,
    sieve: Sieve,
    asked: HashSet<ItemId>,
    /// Items of which more became known after they were looked at.
    late: VecDeque<ItemId>,
    places: Vec<Place>,
    /// Where each solution stands in `places`; in the order of the files it is found there, and this says only that it is there.
    members: HashMap<(ItemId, usize), usize>,
    /// Members that are judged.
    judged: usize,
    /// All items have been looked at once.
    complete: bool,
    /// The scores are those of another model: the order is made anew once more when all of them are there.
    rank_again: bool,
    /// Labels that are perhaps wrong, where filter or order ask for them.
    suspects: Suspects,
    /// The order is a new one: its first solution is gone to.
    fresh: bool,
    /// Solutions looked at, and of them those that fit and those of which it is not known.
    pub looked: (usize, usize, usize),
    /// First visible row of the list.
    pub top: usize,
}

/// What is known of problems by their records.
#[derive(Debug, Default)]
struct Sieve {
    /// Number of the filter: what comes for an earlier one is of no use.
    round: u64,
    /// A run of problems is being sifted.
    busy: bool,
    /// Problems of each file that were sifted, from its first one on.
    sifted: Vec<usize>,
    /// Those of them that have to be read.
    left: BTreeSet<ItemId>,
    /// Those of them that fit and were not taken yet, with their numbers.
    fit: BTreeMap<ItemId, Option<f64>>,
}

/// What it takes to doubt labels: all of them are looked at once, then a model is fitted, then the queue is made.
#[derive(Debug, Default)]
struct Suspects {
    cases: BTreeMap<(ItemId, usize), Case>,
    /// What came out; `None` before all labels were looked at.
    doubts: Option<HashMap<(ItemId, usize), Doubt>>,
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

    /// Its numbers are kinds of disagreement.
    pub fn shows_kinds(&self) -> bool {
        self.order_name() == "kinds"
    }

    /// Order and filter in a few words, as label events keep them; `None` where none is in force.
    pub fn describe(&self) -> Option<String> {
        let order = self.order.as_ref().map(|order| format!("order {}", order.name));
        let filter = self.filter.as_ref().map(|filter| format!("filter {}", filter.spelled_out()));
        let parts: Vec<String> = order.into_iter().chain(filter).collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    /// The solutions of the queue, first to last.
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// True when the queue is not in force or has this solution.
    pub fn has(&self, item: ItemId, solution: usize) -> bool {
        !self.active() || self.members.contains_key(&(item, solution))
    }

    /// Solutions of the queue that are judged.
    pub fn judged(&self) -> usize {
        self.judged
    }

    /// Every solution was looked at.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// Other solutions of an item are judged than before.
    pub(super) fn judged_again(&mut self, item: ItemId, before: &[usize], now: &[usize]) {
        let members = |judged: &[usize]| judged.iter().filter(|&&solution| self.members.contains_key(&(item, solution))).count();
        self.judged = self.judged + members(now) - members(before);
    }

    fn begin(&mut self) {
        let (filter, order) = (self.filter.take(), self.order.take());
        let sieve = Sieve { round: self.sieve.round + 1, ..Sieve::default() };
        *self = Self { filter, order, sieve, ..Self::default() };
    }

    /// The scores are going to be those of another model.
    pub(super) fn rank_anew(&mut self) {
        self.begin();
        self.rank_again = true;
    }

    /// Other models judge than before: what was found by scores is found anew.
    pub(super) fn judges_changed(&mut self) {
        if self.needs_scores() {
            self.rank_anew();
        }
    }

    fn needs_doubt(&self) -> bool {
        self.filter.iter().chain(self.order.iter().map(|order| &order.query)).any(Query::needs_doubt)
    }

    /// How far the label of a solution is to be doubted, where that was asked for.
    pub fn doubt(&self, item: ItemId, solution: usize) -> Option<Doubt> {
        self.suspects.doubts.as_ref()?.get(&(item, solution)).copied()
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
    /// Filters with a name: one's own, and those of the project.
    pub fn names(&self) -> Names {
        self.project.filters.iter().chain(&self.filters).map(|(name, text)| (name.clone(), text.clone())).collect()
    }

    /// Where the cursor stands in the queue, from 0.
    pub fn place_in_queue(&self) -> Option<usize> {
        let at = self.queue.members.get(&(self.cursor.item, self.cursor.solution)).copied()?;
        if self.queue.order.is_some() {
            return Some(at);
        }
        let here = (self.items.rank(self.cursor.item), self.cursor.solution);
        Some(self.queue.places.partition_point(|place| (self.items.rank(place.item), place.solution) < here))
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
        // What the annotators say tells more than the number that it makes.
        if self.review.is_some() && matches!(order.name.as_str(), "apart" | "kinds") {
            return None;
        }
        let place = self.queue.places.get(self.place_in_queue()?)?;
        if let Some(Doubt { chance, likely, likely_chance, .. }) = self.queue.doubt(place.item, place.solution) {
            let likely = match likely {
                FirstError::At(step) => format!("an error at step {}", step + 1),
                _ => "no error".to_owned(),
            };
            let chances = format!("chance of the label {}, of {likely} {}", short(chance), short(likely_chance));
            return Some(format!("{}: {chances}, by other problems", order.name));
        }
        Some(format!("{} {}", order.name, place.number.map_or("not known yet".to_owned(), short)))
    }

    /// Asks of the solutions of an item; `then` gets what is to be asked with.
    fn survey<T>(&self, item: ItemId, trace: &Trace, then: impl FnOnce(&Survey<'_>) -> T) -> T {
        let own = |solution: &Solution| {
            let record = trace.record_key(solution.leaf);
            Own {
                labels: self.own_labels(trace, solution.leaf),
                flagged: self.session.flagged(record),
                later: self.session.skipped(record),
                returned: self.session.returned(trace, solution).is_some(),
                assigned: self
                    .project
                    .overlap
                    .as_ref()
                    .map(|plan| plan.assigned(trace.prompt_key).contains(&self.annotator.as_str())),
                panel: self.review.as_ref().and_then(|review| review.panel.dispute(trace, solution)),
            }
        };
        let survey = Survey {
            filter: self.queue.filter.as_ref(),
            order: self.queue.order.as_ref().map(|order| &order.query),
            ruler: self.scoring.ruler(),
            score: &|key| self.scoring.known(key),
            own: &own,
            others: &|path| self.scoring.others().map(|(_, judge)| judge.opinion(trace, path)).collect(),
            doubt: &|solution| self.queue.doubt(item, solution),
        };
        then(&survey)
    }
}

/// Looks at an item that is in memory, for the first time or again.
fn look(app: &mut App, item: ItemId) {
    let trace = app.items.trace(item).cloned();
    if let Some(trace) = trace.as_ref().filter(|_| app.queue.needs_doubt() && app.queue.suspects.doubts.is_none()) {
        let cases = app.survey(item, trace, |survey| survey.cases(trace, SOLUTIONS));
        let found = cases.into_iter().enumerate().filter_map(|(solution, case)| Some(((item, solution), case?)));
        app.queue.suspects.cases.extend(found.take(CASES.saturating_sub(app.queue.suspects.cases.len())));
    }
    let ask = |trace| app.survey(item, trace, |survey| survey.ask(trace, SOLUTIONS));
    let entries = trace.as_deref().map_or_else(Vec::new, ask);
    take(app, item, entries);
}

/// Takes in what is known of the solutions of an item.
fn take(app: &mut App, item: ItemId, entries: Vec<Asked>) {
    let rank = app.items.rank(item);
    for (solution, entry) in entries.iter().enumerate() {
        if entry.holds != Some(true) || app.queue.members.contains_key(&(item, solution)) {
            continue;
        }
        let place = Place { item, solution, number: entry.number };
        let at = if app.queue.order.is_none() {
            app.queue.places.partition_point(|known| (app.items.rank(known.item), known.solution) < (rank, solution))
        } else {
            app.queue.places.len()
        };
        app.queue.places.insert(at, place);
        app.queue.members.insert((item, solution), at);
        app.queue.judged += usize::from(app.progress.is_judged(item, solution));
    }
    let count = |entries: &[Asked], wanted: Option<bool>| entries.iter().filter(|entry| entry.holds == wanted).count();
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
    queue.members = places.iter().enumerate().map(|(at, place)| ((place.item, place.solution), at)).collect();
    queue.places = places;
}

/// How many problems of a file stand in a list that has a number for each file.
fn of(counts: &[usize], file: usize) -> usize {
    counts.get(file).copied().unwrap_or(0)
}

fn set(counts: &mut Vec<usize>, file: usize, count: usize) {
    counts.resize(counts.len().max(file + 1), 0);
    counts[file] = count;
}

impl App {
    /// The item that comes next.
    fn next_item(&self) -> Option<ItemId> {
        let files = self.items.listed().enumerate();
        let mut open = files.map(|(file, state)| (file, state.problems, of(&self.queue.next, file)));
        open.find(|(_, problems, next)| next < problems).map(|(file, _, problem)| ItemId { file, problem })
    }

    /// Whether records can know something of what is asked. Own cuts change what a solution is, and a record does not know them.
    fn can_sift(&self) -> bool {
        let Queue { filter, order, .. } = &self.queue;
        let of_record = filter.is_some() || order.as_ref().is_some_and(|order| order.query.is_of_record());
        of_record && !self.session.has_cuts()
    }

    /// The next problems to sift, unless enough are sifted.
    fn sift(&mut self) -> Option<Effect> {
        if self.queue.sieve.busy || !self.can_sift() {
            return None;
        }
        let ItemId { file, problem } = self.next_item()?;
        let start = problem.max(of(&self.queue.sieve.sifted, file));
        let end = self.items.files.get(file)?.problems.min(start + RUN);
        if start > problem + RUN || start >= end {
            return None;
        }
        self.queue.sieve.busy = true;
        let filter = self.queue.filter.clone().map(Box::new);
        let order = self.queue.order.as_ref().map(|order| Box::new(order.query.clone()));
        Some(Effect::Sift { round: self.queue.sieve.round, file, problems: start..end, filter, order })
    }

    /// The next items that have to be read, few enough to be read ahead.
    fn unread(&self, from: ItemId) -> Vec<ItemId> {
        let unread = |item: &ItemId| self.items.get(*item).is_none();
        if self.can_sift() {
            let end = ItemId { file: from.file, problem: of(&self.queue.sieve.sifted, from.file) };
            let left = &self.queue.sieve.left;
            let ahead = (from < end).then(|| left.range(from..end)).into_iter().flatten();
            return ahead.copied().take(READ_AHEAD).filter(unread).collect();
        }
        let count = self.items.files.get(from.file).map_or(0, |file| file.problems);
        let ahead = (from.problem..count.min(from.problem + READ_AHEAD)).map(|problem| ItemId { problem, ..from });
        ahead.filter(unread).collect()
    }

    /// What the record of this item says of its solution; `None` where it has to be read.
    fn told_of(&mut self, item: ItemId) -> Option<Asked> {
        let known = self.can_sift();
        let Sieve { sifted, left, fit, .. } = &mut self.queue.sieve;
        (known && item.problem < of(sifted, item.file) && !left.contains(&item)).then(|| match fit.remove(&item) {
            Some(number) => Asked { holds: Some(true), number },
            None => Asked { holds: Some(false), number: None },
        })
    }
}

/// Takes in what the records of these problems of a file say.
pub(super) fn sifted(app: &mut App, round: u64, file: usize, problems: &Range<usize>, sifted: Sifted) {
    let sieve = &mut app.queue.sieve;
    if sieve.round == round {
        sieve.busy = false;
        set(&mut sieve.sifted, file, problems.end);
        let item = |problem| ItemId { file, problem };
        sieve.left.extend(sifted.left.into_iter().map(item));
        sieve.fit.extend(sifted.fit.into_iter().map(|(problem, number)| (item(problem), number)));
    }
}

/// Looks at what has been read, asks for what has not. Called after every message.
pub(super) fn feed(app: &mut App) -> Vec<Effect> {
    if !app.queue.active() || app.quitting {
        return Vec::new();
    }
    let mut effects = Vec::new();
    let mut left = AT_ONCE * PASSED;
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
        left -= PASSED;
    }
    while left > 0
        && let Some(item) = app.next_item()
    {
        if app.items.get(item).is_some() {
            look(app, item);
            left = left.saturating_sub(PASSED);
        } else if let Some(asked) = app.told_of(item) {
            take(app, item, vec![asked]);
            left -= 1;
        } else {
            let unread = app.unread(item);
            effects.extend(unread.into_iter().filter(|item| app.queue.asked.insert(*item)).map(Effect::Load));
            break;
        }
        set(&mut app.queue.next, item.file, item.problem + 1);
    }
    if left == 0 {
        effects.push(Effect::Continue);
    }
    effects.extend(app.sift());
    if app.next_item().is_none() && app.items.complete() && !app.queue.complete {
        app.queue.complete = true;
        sort(app);
        enter(app);
    }
    let running = matches!(app.scoring.state, WorkerState::Starting | WorkerState::Running);
    let scored = !running || app.scoring.complete(app.items.total());
    let looked = app.queue.complete && app.queue.late.is_empty();
    if looked && scored && app.queue.needs_doubt() && app.queue.suspects.doubts.is_none() {
        doubt(app);
        effects.push(Effect::Continue);
        return effects;
    }
    if app.queue.rank_again && app.queue.complete && app.queue.late.is_empty() && app.scoring.complete(app.items.total()) {
        app.queue.rank_again = false;
        sort(app);
    }
    effects
}

/// All labels were looked at: the model that doubts them is fitted, and the queue made once more with what it says.
fn doubt(app: &mut App) {
    let cases = std::mem::take(&mut app.queue.suspects.cases);
    let (places, cases): (Vec<_>, Vec<Case>) = cases.into_iter().unzip();
    let found: HashMap<_, _> =
        places.into_iter().zip(doubts(&cases)).filter_map(|(place, doubt)| Some((place, doubt?))).collect();
    if found.is_empty() {
        app.notice = Some(
            "too few labels with scores to doubt any: it takes ten wrong and ten right solutions of other problems".to_owned(),
        );
    }
    app.queue.begin();
    app.queue.fresh = true;
    app.queue.suspects.doubts = Some(found);
}

/// Goes to the first place of the queue unless the cursor stands in it.
fn enter(app: &mut App) {
    if (std::mem::take(&mut app.queue.fresh) || app.place_in_queue().is_none())
        && let Some(first) = app.queue.places.first().copied()
    {
        app.leave_spot();
        app.go_to(first.item, first.solution);
        // Who adjudicates goes on with what is not decided.
        if app.review.is_some() && app.progress.is_judged(first.item, first.solution) {
            review::next(app, true);
        }
    }
}

/// Takes a filter; an empty text takes it away.
pub(super) fn set_filter(app: &mut App, text: &str) {
    if text.trim().is_empty() {
        clear_filter(app);
        return;
    }
    match Query::filter(text, &app.names()) {
        Ok(query) => {
            app.queue.filter = Some(query);
            app.queue.begin();
            app.notice = None;
        }
        Err(error) => app.notice = Some(format!("filter: {}", error.in_line(text))),
    }
}

/// Takes up filter and order of the last session; one that means nothing any more is left out. The cursor stays where it stopped.
pub(super) fn resume(app: &mut App, filter: &str, order: &str) {
    if !order.is_empty() {
        set_order(app, order);
    }
    if !filter.is_empty() {
        set_filter(app, filter);
    }
    app.queue.fresh = false;
    app.notice = None;
}

/// Gives the filter in force a name that outlives the session.
pub(super) fn save_filter(app: &mut App, name: &str) -> Vec<Effect> {
    let Some(filter) = &app.queue.filter else {
        app.notice = Some(format!("there is no filter to save; {} sets one", app.key("filter")));
        return Vec::new();
    };
    if let Some(why) = no_name(name) {
        app.notice = Some(why);
        return Vec::new();
    }
    let text = filter.text().to_owned();
    let mut names = app.names();
    names.insert(name.to_owned(), text.clone());
    // A filter may use other names, but not the one that it gets.
    if let Err(error) = Query::filter(name, &names) {
        app.notice = Some(error.what);
        return Vec::new();
    }
    app.notice = Some(format!("{name} is {text}; {}{name} uses it, also in longer filters", app.key("filter")));
    app.filters.insert(name.to_owned(), text);
    vec![Effect::SaveFilters(app.filters.clone())]
}

/// Takes a name away.
pub(super) fn forget_filter(app: &mut App, name: &str) -> Vec<Effect> {
    if let Some(text) = app.filters.remove(name) {
        app.notice = Some(format!("{name} is no longer {text}"));
        return vec![Effect::SaveFilters(app.filters.clone())];
    }
    app.notice = Some(if app.project.filters.contains_key(name) {
        format!("{name} stands in the project file; it is taken away there")
    } else {
        format!("no filter is called {name}")
    });
    Vec::new()
}

/// All names, as a page.
pub(super) fn named_filters(app: &App) -> Option<String> {
    let row = |(name, text): (&String, &String), whose: &str| format!("{name:16} {text}{whose}");
    let project = app.project.filters.iter().filter(|(name, _)| !app.filters.contains_key(*name));
    let own = app.filters.iter().map(|named| row(named, ""));
    let rows: Vec<String> = own.chain(project.map(|named| row(named, "   (project)"))).collect();
    (!rows.is_empty()).then(|| rows.join("\n"))
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
    match Query::order(expression, &app.names()) {
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

/// Problems in memory that a preview looks at, and places that it names.
const PREVIEWED: (usize, usize) = (64, 3);

/// What an order, by its name or its expression, says of the solution on show and would bring first of those in memory.
pub(super) fn preview(app: &App, text: &str) -> String {
    let named = ORDERS.iter().find(|order| order.name == text);
    let query = match Query::order(named.map_or(text, |order| order.expression), &app.names()) {
        _ if named.is_some_and(|order| order.expression.is_empty()) => return "as the files have them".to_owned(),
        Ok(query) => query,
        Err(error) => return error.in_line(text),
    };
    if query.needs_scores() && !app.show_prm {
        return "scores are hidden".to_owned();
    }
    if query.needs_doubt() {
        return "all labels are looked at before it says anything".to_owned();
    }
    let numbers = |item: ItemId| {
        let trace = app.items.trace(item)?;
        let seen = !query.needs_scores() || !app.conceals(trace);
        let asked = seen
            .then(|| app.survey(item, trace, |survey| Survey { filter: None, order: Some(&query), ..*survey }.ask(trace, 64)));
        Some(asked?.into_iter().enumerate().filter_map(move |(solution, asked)| Some((asked.number?, item, solution))))
    };
    let here = numbers(app.cursor.item).into_iter().flatten().find(|(.., solution)| *solution == app.cursor.solution);
    let here = here.map_or("not known".to_owned(), |(number, ..)| short(number));
    let mut all: Vec<(f64, ItemId, usize)> = app.items.loaded().take(PREVIEWED.0).filter_map(numbers).flatten().collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let place = |(number, item, solution): &(f64, ItemId, usize)| {
        let solutions = app.items.trace(*item).map_or(1, |trace| trace.solutions.len());
        let solution = if solutions > 1 { format!(".{}", solution + 1) } else { String::new() };
        format!("{}{solution} {}", app.items.rank(*item) + 1, short(*number))
    };
    let first: Vec<String> = all.iter().take(PREVIEWED.1).map(place).collect();
    let first = if first.is_empty() { "nothing known yet".to_owned() } else { first.join("   ") };
    format!("here {here}; first of {} in memory: {first}", all.len())
}

/// Chooses and orders anew, with the labels and scores that there are now.
pub(super) fn refresh(app: &mut App) {
    app.filter_tree();
    if app.queue.active() {
        app.queue.begin();
        app.notice = Some("the queue is made anew".to_owned());
    } else {
        app.notice = Some(format!("no filter and no order; {} filters, {} orders", app.key("filter"), app.key("order")));
    }
}
