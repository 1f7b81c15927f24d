//! The queue: which solutions one goes through, and in which order. A filter and an order are questions ([`crate::query`]); every item is
//! looked at once, as it is read, and leaves one number and one truth a solution behind.
//!
//! Much of what is asked is known by a record alone ([`super::Effect::Sift`]); only the rest is read.
//!
//! The queue is stable while one works: what no longer fits stays until it is asked for anew, and new hits join at the end.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

mod feed;
mod set;
mod think;

use super::describe::short;
use super::items::ItemId;
use super::{App, Effect};
use crate::analysis::alike::Bag;
use crate::analysis::dispute::Dispute;
use crate::analysis::label_errors::{Case, Doubt};
use crate::labels::{Overlap, Session};
use crate::query::{self, Asked, Names, Own, Query, Survey};
use crate::trace::{FirstError, Solution, Trace};
pub(super) use feed::{arrive, feed, sifted};
pub(super) use set::{
    SIMILAR, clear_filter, forget_filter, forget_groups, named_filters, order_by_likeness, preview, refresh, resume, save_filter,
    set_filter, set_order, similar,
};
pub(super) use think::thought;
pub use think::{Thought, Work};

/// One place of the queue.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// The problem.
    pub item: ItemId,
    /// The solution.
    pub solution: usize,
    /// Its number in the order.
    pub number: Option<f64>,
    /// It was drawn at random, whatever its number.
    pub drawn: bool,
}

/// What is known of the solutions of items.
pub type Entries = HashMap<ItemId, Vec<Asked>>;
/// Where solutions stand in the queue.
pub type Members = HashMap<(ItemId, usize), usize>;

/// An order in force.
#[derive(Debug, Clone)]
struct Order {
    name: String,
    query: Query,
}

/// Where one goes when a queue is complete.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Start {
    /// Nowhere, unless one stands outside of it.
    #[default]
    Stay,
    /// To its first solution: the order is a new one.
    First,
    /// Nowhere: something was judged since the question was put.
    GoneOn,
}

/// Filter, order and what they have found.
#[derive(Debug, Default)]
pub struct Queue {
    pub(super) filter: Option<Query>,
    order: Option<Order>,
    /// What tells how much solutions have a step like the one that others are looked for.
    like: Option<Like>,
    /// Shared with a sort while one is under way; nothing is written meanwhile.
    entries: Arc<Entries>,
    /// Problems of each file that were looked at, from its first one on.
    next: Vec<usize>,
    /// No file before this one has problems that were not looked at.
    open: usize,
    sieve: Sieve,
    asked: HashSet<ItemId>,
    /// Items of which more became known after they were looked at.
    late: VecDeque<ItemId>,
    places: Vec<Place>,
    /// Where each solution stands in `places`; in the order of the files it is found there, and this says only that it is there.
    members: Members,
    /// Members that are judged.
    judged: usize,
    /// Members that were sent back and wait for their annotators.
    waiting: usize,
    /// All items have been looked at once, and their places are in order.
    complete: bool,
    /// The round for which something is worked out beside the screen ([`Work`]).
    thinking: Option<u64>,
    /// The scores are those of another model: the order is made anew once more when all of them are there.
    rank_again: bool,
    /// Labels that are perhaps wrong, where filter or order ask for them.
    suspects: Suspects,
    /// Where one goes when it is complete.
    start: Start,
    /// It became complete while something owned the keyboard and the cursor stood here: one goes there behind that.
    waits: Option<(ItemId, usize)>,
    /// What an earlier filter or order found, until it is let go of ([`Effect::Forget`]).
    old: Vec<Self>,
    /// Solutions looked at, and of them those that fit and those of which it is not known.
    pub looked: (usize, usize, usize),
    /// First visible row of the list.
    pub top: usize,
}

/// What tells how much a solution has a step like another one.
#[derive(Debug, Clone)]
enum Like {
    /// The words of that step.
    Words(Bag),
    /// What was worked out for each.
    Known(Arc<Likeness>),
}

/// How much solutions have a step like another one.
#[derive(Debug)]
pub struct Likeness {
    /// What it was measured by.
    pub by: String,
    /// For each solution, 0 to 1.
    pub of: HashMap<(ItemId, usize), f64>,
}

/// What nobody asks for any more. A million places take longer to free than a key may wait.
#[derive(Debug, Clone)]
pub struct Forgotten(Arc<Vec<Queue>>);

impl PartialEq for Forgotten {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
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
    /// Whose labels are being doubted.
    asked: Vec<(ItemId, usize)>,
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

    /// Somebody has gone on already: the first solution is not gone to when the order is there.
    pub(super) fn entered(&mut self) {
        self.start = Start::GoneOn;
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

    /// Solutions of the queue that were sent back and wait for their annotators.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// Every solution was looked at.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// Other solutions of an item are judged, or wait for their annotators, than before: each time those before and those of now.
    pub(super) fn judged_again(&mut self, item: ItemId, judged: (&[usize], &[usize]), waiting: (&[usize], &[usize])) {
        let members = |these: &[usize]| these.iter().filter(|&&solution| self.members.contains_key(&(item, solution))).count();
        let again = |count: usize, (before, now): (&[usize], &[usize])| count + members(now) - members(before);
        (self.judged, self.waiting) = (again(self.judged, judged), again(self.waiting, waiting));
    }

    fn begin(&mut self) {
        let (filter, order, like) = (self.filter.take(), self.order.take(), self.like.take());
        let sieve = Sieve { round: self.sieve.round + 1, ..Sieve::default() };
        let mut old = std::mem::replace(self, Self { filter, order, like, sieve, ..Self::default() });
        self.old = std::mem::take(&mut old.old);
        if !old.entries.is_empty() {
            self.old.push(old);
        }
    }

    /// As [`Self::begin`], for the same question: who has gone on meanwhile is not taken back to its first solution.
    fn begin_again(&mut self) {
        let start = if self.start == Start::GoneOn { Start::GoneOn } else { Start::First };
        self.begin();
        self.start = start;
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

    /// What this queue found is of no use any more.
    pub(super) fn let_go_of(&mut self, queue: Self) {
        self.old.push(queue);
    }

    /// Lets go of what an earlier filter or order found.
    fn forget(&mut self) -> Option<Effect> {
        let old = std::mem::take(&mut self.old);
        (!old.is_empty()).then(|| Effect::Forget(Forgotten(Arc::new(old))))
    }

    fn needs_doubt(&self) -> bool {
        self.filter.iter().chain(self.order.iter().map(|order| &order.query)).any(Query::needs_doubt)
    }

    /// Filter or order speak of groups of wrong steps.
    pub(super) fn asks_for_clusters(&self) -> bool {
        self.filter.iter().chain(self.order.iter().map(|order| &order.query)).any(Query::needs_clusters)
    }

    /// Groups of wrong steps were made: what was chosen by others is chosen anew.
    pub(super) fn clustered(&mut self) {
        if self.asks_for_clusters() {
            self.begin();
        }
    }

    /// How far the label of a solution is to be doubted, where that was asked for.
    pub fn doubt(&self, item: ItemId, solution: usize) -> Option<Doubt> {
        self.suspects.doubts.as_ref()?.get(&(item, solution)).copied()
    }

    fn needs_scores(&self) -> bool {
        self.filter.iter().chain(self.order.iter().map(|order| &order.query)).any(Query::needs_scores)
    }

    /// Files may have got problems.
    pub(super) fn files_grew(&mut self) {
        self.open = 0;
    }

    /// The index of a file came to its end: problems may have got more solutions since they were looked at.
    pub(super) fn file_ended(&mut self, file: usize) {
        if !self.active() || feed::of(&self.next, file) == 0 {
            return;
        }
        let of_file = |item: &ItemId| item.file == file;
        self.asked.retain(|item| !of_file(item));
        self.late.retain(|item| !of_file(item));
        feed::set(&mut self.next, file, 0);
        // What the sieve said, and what it is about to say, is of the file as it was.
        let Sieve { round, busy, sifted, left, fit } = &mut self.sieve;
        // What is being worked out is of no use either, but its answer is waited for: until then it holds the entries.
        (*round, *busy) = (*round + 1, false);
        feed::set(sifted, file, 0);
        left.retain(|item| !of_file(item));
        fit.retain(|item, _| !of_file(item));
        (self.complete, self.waits) = (false, None);
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
                if forward { behind + count.saturating_sub(1) } else { behind.checked_sub(count)? }
            }
            None => count.saturating_sub(1),
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
        let missing = if order.query.needs_others() && self.scoring.others().next().is_none() {
            "not known without --beside"
        } else {
            "not known yet"
        };
        let number = place.number.map_or(missing.to_owned(), short);
        Some(match self.queue.like.as_ref().filter(|_| order.name == SIMILAR) {
            Some(Like::Words(_)) => format!("alike {number} by words"),
            Some(Like::Known(likeness)) => format!("alike {number} by {}", likeness.by),
            None if place.number.is_none() && missing.ends_with("beside") => format!("{}: {number}", order.name),
            None => format!("{} {number}", order.name),
        })
    }

    /// Asks of the solutions of an item; `then` gets what is to be asked with.
    pub(super) fn survey<T>(&self, item: ItemId, trace: &Trace, then: impl FnOnce(&Survey<'_>) -> T) -> T {
        let own = |solution: &Solution| {
            // Of what nobody judged in a review it is known that nobody disputes it.
            let panel = self.review.as_ref().map(|_| self.dispute(item, trace, solution).unwrap_or_default());
            own(&self.session, self.project.overlap.as_ref(), panel, (trace, solution))
        };
        let alike;
        let like = match &self.queue.like {
            None => None,
            Some(Like::Words(bag)) => Some(query::Like::Words(bag)),
            Some(Like::Known(likeness)) => {
                alike = |solution| likeness.of.get(&(item, solution)).copied();
                Some(query::Like::Known(&alike))
            }
        };
        let survey = Survey {
            filter: self.queue.filter.as_ref(),
            order: self.queue.order.as_ref().map(|order| &order.query),
            ruler: self.scoring.ruler(),
            score: &|key| self.scoring.known(key),
            own: &own,
            others: &|path| {
                let others = self.scoring.others().map(|(_, judge)| judge);
                others.filter(|judge| judge.knows(trace, path)).map(|judge| judge.opinion(trace, path)).collect()
            },
            doubt: &|solution| self.queue.doubt(item, solution),
            like,
            cluster: &|solution| self.alike.clusters.as_ref().map(|clusters| clusters.number(item, solution)),
        };
        then(&survey)
    }
}

/// What the annotator of a session said of a solution. Where there is a plan it says who gets what; of what nobody of a panel judged it is known
/// that nobody disputes it.
pub fn own(session: &Session, plan: Option<&Overlap>, panel: Option<Dispute>, (trace, solution): (&Trace, &Solution)) -> Own {
    let record = trace.record_key(solution.leaf);
    Own {
        labels: session.labels(trace, &Solution::new(solution.leaf)),
        flagged: session.flagged(record),
        later: session.skipped(record),
        returned: session.returned(trace, solution).is_some(),
        sent: session.has_sent_back(trace, solution),
        assigned: plan.map(|plan| plan.assigned(trace.prompt_key).contains(&session.annotator())),
        panel,
    }
}
