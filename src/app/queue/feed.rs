//! How the queue fills: problems are sifted by their records, the rest is read and looked at, a few between two frames.

use std::ops::Range;
use std::sync::Arc;

use super::think::{doubt, sort};
use super::{Place, Queue, Sieve, Start};
use crate::app::items::ItemId;
use crate::app::scoring::WorkerState;
use crate::app::{App, Effect, Sifted, review};
use crate::query::Asked;

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
        let place = Place { item, solution, number: entry.number, drawn: false };
        let at = if app.queue.order.is_none() {
            app.queue.places.partition_point(|known| (app.items.rank(known.item), known.solution) < (rank, solution))
        } else {
            app.queue.places.len()
        };
        app.queue.places.insert(at, place);
        app.queue.members.insert((item, solution), at);
        app.queue.judged += usize::from(app.progress.is_judged(item, solution));
        app.queue.waiting += usize::from(app.progress.is_waiting(item, solution));
    }
    let count = |entries: &[Asked], wanted: Option<bool>| entries.iter().filter(|entry| entry.holds == wanted).count();
    let looked = &mut app.queue.looked;
    let before = Arc::make_mut(&mut app.queue.entries).insert(item, entries).unwrap_or_default();
    let now = app.queue.entries.get(&item).map_or(&[][..], Vec::as_slice);
    looked.0 = looked.0 + now.len() - before.len();
    looked.1 = looked.1 + count(now, Some(true)) - count(&before, Some(true));
    looked.2 = looked.2 + count(now, None) - count(&before, None);
}

/// How many problems of a file stand in a list that has a number for each file.
pub(super) fn of(counts: &[usize], file: usize) -> usize {
    counts.get(file).copied().unwrap_or(0)
}

pub(super) fn set(counts: &mut Vec<usize>, file: usize, count: usize) {
    counts.resize(counts.len().max(file + 1), 0);
    counts[file] = count;
}

impl App {
    /// The item that comes next.
    fn next_item(&mut self) -> Option<ItemId> {
        let Queue { open, next, .. } = &mut *self.queue;
        // Invariant: hidden files stand behind all others. Asked at every message, of very many files: none is passed twice.
        while let Some(file) = self.items.files.get(*open).filter(|file| !file.hidden) {
            let problem = of(next, *open);
            if problem < file.problems {
                return Some(ItemId { file: *open, problem });
            }
            *open += 1;
        }
        None
    }

    /// Whether records can know something of what is asked. Own cuts change what a solution is, and a record does not know them.
    fn can_sift(&self) -> bool {
        let Queue { filter, order, .. } = &*self.queue;
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
pub(in crate::app) fn sifted(app: &mut App, round: u64, file: usize, problems: &Range<usize>, sifted: Sifted) {
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
pub(in crate::app) fn feed(app: &mut App) -> Vec<Effect> {
    let mut effects: Vec<Effect> = app.queue.forget().into_iter().collect();
    if !app.queue.active() || app.quitting || app.queue.thinking.is_some() {
        return effects;
    }
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
    effects.extend(next_work(app));
    effects
}

/// What is to be worked out now that all has been looked at: the first order, doubts, an order by the scores of another model.
fn next_work(app: &mut App) -> Option<Effect> {
    if app.next_item().is_some() || !app.items.complete() {
        return None;
    }
    if !app.queue.complete {
        return Some(sort(app));
    }
    let scored = app.scoring.complete(app.items.total());
    let running = matches!(app.scoring.state, WorkerState::Starting | WorkerState::Running);
    if !app.queue.late.is_empty() {
        return None;
    }
    if (scored || !running) && app.queue.needs_doubt() && app.queue.suspects.doubts.is_none() {
        return Some(doubt(app));
    }
    (scored && std::mem::take(&mut app.queue.rank_again)).then(|| sort(app))
}

/// Enters a queue that has become complete, once no question, text or view is open that speaks of the solution on show. Who has gone
/// elsewhere in it stays there.
pub(in crate::app) fn arrive(app: &mut App) {
    if app.queue.waits.is_none() || app.is_asked() || app.seek.is_some() {
        return;
    }
    if app.queue.waits.take() == Some((app.cursor.item, app.cursor.solution)) {
        enter(app);
    }
}

/// Goes to the first place of the queue unless the cursor stands in it.
fn enter(app: &mut App) {
    if app.queue.places.is_empty() && app.queue.filter.is_some() {
        // A word on why that may be so tells more.
        let said = format!("no solution fits {}; {} shows all", app.queue.filter_text(), app.key("cancel"));
        app.notice.get_or_insert(said);
    }
    let is_new = app.queue.start == Start::First;
    if is_new {
        app.queue.start = Start::Stay;
    }
    if (is_new || app.place_in_queue().is_none())
        && let Some(first) = app.queue.places.first().copied()
    {
        app.leave_spot();
        app.go_to(first.item, first.solution);
        // Who adjudicates goes on with what is not decided.
        if app.review.is_some() && app.progress.is_settled(first.item, first.solution) {
            review::next(app, true);
        }
    }
}
