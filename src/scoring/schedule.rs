//! Which request goes to the scorer next. Pure: no clock, no process.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use super::ScoreRequest;

/// How much a request is wanted now. Later variants go first; equal ones go in the order they were pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Priority {
    /// Some time.
    Background,
    /// Soon to be seen.
    Near,
    /// On the screen.
    Visible,
    /// Under the cursor.
    Selected,
}

/// Numbers for the status line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that wait here.
    pub queued: usize,
    /// Requests that the scorer has.
    pub in_flight: usize,
    /// Steps that want an answer in both.
    pub steps: usize,
}

/// A queue of requests of which few are with the scorer at a time, so that a change of view takes effect soon.
#[derive(Debug)]
pub struct Scheduler {
    limit: usize,
    turn: u64,
    // Invariant: `order` holds one entry for each queued request and nothing else.
    order: BTreeSet<(Reverse<Priority>, u64, u64)>,
    queued: HashMap<u64, (Priority, u64, ScoreRequest)>,
    in_flight: HashMap<u64, usize>,
}

impl Default for Scheduler {
    /// Two in flight: one is computed while the next already waits in the pipe.
    fn default() -> Self {
        Self::new(2)
    }
}

impl Scheduler {
    /// A queue that lets at most `limit` requests (at least 1) be in flight.
    pub fn new(limit: usize) -> Self {
        Self { limit: limit.max(1), turn: 0, order: BTreeSet::new(), queued: HashMap::new(), in_flight: HashMap::new() }
    }

    /// Queues a request. One with the id of a queued request replaces it; one with the id of a request in flight is refused.
    pub fn push(&mut self, request: ScoreRequest, priority: Priority) -> bool {
        let id = request.id;
        if self.in_flight.contains_key(&id) {
            return false;
        }
        self.cancel(id);
        self.turn += 1;
        self.order.insert((Reverse(priority), self.turn, id));
        self.queued.insert(id, (priority, self.turn, request));
        true
    }

    /// The next request to send, which then counts as in flight; `None` when the limit is reached or nothing waits.
    #[expect(clippy::should_implement_trait, reason = "a queue that is asked again after `None` is no iterator")]
    pub fn next(&mut self) -> Option<ScoreRequest> {
        if self.in_flight.len() >= self.limit {
            return None;
        }
        let (_, _, id) = self.order.pop_first()?;
        let (_, _, request) = self.queued.remove(&id)?;
        self.in_flight.insert(id, wanted(&request));
        Some(request)
    }

    /// Notes that a request is over. `false` when it was not in flight: a late answer.
    pub fn done(&mut self, id: u64) -> bool {
        self.in_flight.remove(&id).is_some()
    }

    /// Drops a request. `true` when the scorer has it and must be told; its answers are stale from now on.
    pub fn cancel(&mut self, id: u64) -> bool {
        if let Some((priority, turn, _)) = self.queued.remove(&id) {
            self.order.remove(&(Reverse(priority), turn, id));
        }
        self.in_flight.remove(&id).is_some()
    }

    /// Drops everything and gives the ids that the scorer must be told to cancel, in ascending order.
    pub fn cancel_all(&mut self) -> Vec<u64> {
        self.order.clear();
        self.queued.clear();
        let mut ids: Vec<u64> = self.in_flight.drain().map(|(id, _)| id).collect();
        ids.sort_unstable();
        ids
    }

    /// How much is left.
    pub fn counts(&self) -> Counts {
        let queued: usize = self.queued.values().map(|(_, _, request)| wanted(request)).sum();
        let in_flight: usize = self.in_flight.values().sum();
        Counts { queued: self.queued.len(), in_flight: self.in_flight.len(), steps: queued + in_flight }
    }
}

fn wanted(request: &ScoreRequest) -> usize {
    request.nodes.iter().filter(|node| !node.known).count()
}
