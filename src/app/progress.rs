//! How far the work has come: solutions judged and left, the pace, and the time that is left at this pace.
//!
//! Solutions are counted as they are read, each once; of those that nobody has read yet the number is estimated, and said to be. The pace
//! is that of the last verdicts, also of earlier sessions; pauses are cut ([`super::clock`]).

use std::collections::{HashMap, HashSet, VecDeque};

use super::items::ItemId;
use super::{App, marks};
use crate::labels::Session;
use crate::trace::Solution;

/// Solutions of one problem that are counted one by one; of more, those of which something was said.
pub const COUNTED: usize = 2000;
/// Verdicts that the pace is that of.
const PACE: usize = 100;
/// With fewer verdicts there is no pace.
const ENOUGH: usize = 5;

/// What is known of a problem.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    solutions: usize,
    /// Those that were judged, in order.
    judged: Vec<usize>,
    /// Those of a review that are not, and with their annotators, in order.
    waiting: Vec<usize>,
}

/// The counts.
#[derive(Debug, Default)]
pub struct Progress {
    seen: HashMap<ItemId, Seen>,
    /// Solutions of problems that were only scored and those of them that were judged, and the sums.
    sizes: HashMap<ItemId, (usize, usize)>,
    sized: usize,
    sized_judged: usize,
    /// Judged solutions of earlier sessions by the problem of a file where that was, until it is seen, and their sum.
    before: HashMap<String, (HashMap<usize, usize>, usize)>,
    /// Sums over `seen`.
    solutions: usize,
    judged: usize,
    waiting: usize,
    /// Milliseconds of the last verdicts, oldest first.
    times: VecDeque<u64>,
    /// Keys typed in this session.
    pub(super) keys: u64,
}

/// How far one has come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    /// Solutions that are judged.
    pub done: usize,
    /// Solutions that were sent back and wait for their annotators.
    pub waiting: usize,
    /// All solutions.
    pub total: usize,
    /// All of them were counted; else `total` is an estimate.
    pub counted: bool,
    /// Median time of a verdict, in milliseconds.
    pub median: Option<u64>,
    /// Time left, in milliseconds: nine times in ten it is between these, when one goes on as in the last verdicts.
    pub left: Option<(f64, f64)>,
}

impl Progress {
    /// What earlier sessions left.
    pub fn new(session: &Session) -> Self {
        let mut progress = Self::default();
        let mut counted = HashSet::new();
        for verdict in session.verdicts() {
            if let Some((file, item)) = verdict.place.filter(|_| counted.insert(verdict.record)) {
                let (problems, sum) = progress.before.entry(file.to_owned()).or_default();
                *problems.entry(usize::try_from(item).unwrap_or(usize::MAX)).or_default() += 1;
                *sum += 1;
            }
            progress.took(verdict.ms_spent);
        }
        progress
    }

    /// A verdict took this long.
    pub(super) fn took(&mut self, ms: Option<u64>) {
        self.times.extend(ms.filter(|&ms| ms > 0));
        let more = self.times.len().saturating_sub(PACE);
        self.times.drain(..more);
    }

    /// The solution is among those that were judged, as far as it was seen.
    pub(super) fn is_judged(&self, item: ItemId, solution: usize) -> bool {
        self.seen.get(&item).is_some_and(|seen| seen.judged.binary_search(&solution).is_ok())
    }

    /// It is among those with nothing to do: judged, or with its annotators.
    pub(super) fn is_settled(&self, item: ItemId, solution: usize) -> bool {
        self.is_judged(item, solution) || self.is_waiting(item, solution)
    }

    /// It is among those that were sent back and wait for their annotators.
    pub(super) fn is_waiting(&self, item: ItemId, solution: usize) -> bool {
        self.seen.get(&item).is_some_and(|seen| seen.waiting.binary_search(&solution).is_ok())
    }

    /// An item was read for its scores, and has so many solutions, of which so many are judged, perhaps under another path. With the
    /// identity of its `file`, that takes the place of what earlier sessions left there.
    pub(super) fn sized(&mut self, item: ItemId, file: Option<&str>, solutions: usize, judged: usize) {
        if solutions > 0 && !self.seen.contains_key(&item) {
            self.forget_size(item);
            self.sizes.insert(item, (solutions, judged));
            self.sized += solutions;
            self.sized_judged += judged;
            if let Some(file) = file {
                self.forget_before(file, item);
            }
        }
    }

    fn forget_size(&mut self, item: ItemId) {
        let (solutions, judged) = self.sizes.remove(&item).unwrap_or_default();
        self.sized -= solutions;
        self.sized_judged -= judged;
    }

    /// What earlier sessions judged in this problem of a file is counted otherwise now.
    fn forget_before(&mut self, file: &str, item: ItemId) {
        if let Some((problems, sum)) = self.before.get_mut(file) {
            *sum -= problems.remove(&item.problem).unwrap_or(0);
        }
    }

    /// Median time of a verdict.
    fn median(&self) -> Option<u64> {
        let mut times: Vec<u64> = self.times.iter().copied().collect();
        times.sort_unstable();
        times.get(times.len() / 2).copied().filter(|_| times.len() >= ENOUGH)
    }

    /// The time that so many verdicts take: the mean of the sum, and how far it is likely to be off, because the mean is that of few and
    /// because solutions differ.
    fn time_for(&self, verdicts: usize) -> Option<(f64, f64)> {
        /// Nine in ten of a normal distribution.
        const NINE_IN_TEN: f64 = 1.645;
        let k = self.times.len();
        if k < ENOUGH {
            return None;
        }
        let (n, k) = (verdicts as f64, k as f64);
        let mean = self.times.iter().sum::<u64>() as f64 / k;
        let variance = self.times.iter().map(|&ms| (ms as f64 - mean).powi(2)).sum::<f64>() / (k - 1.0);
        let half = NINE_IN_TEN * (variance * (n + n * n / k)).sqrt();
        Some(((n * mean - half).max(0.0), n * mean + half))
    }
}

impl App {
    /// Counts the solutions of a loaded item and those that are judged, for the first time or again.
    pub(super) fn tally(&mut self, item: ItemId) {
        if self.items.files.get(item.file).is_none_or(|file| file.hidden) {
            return;
        }
        let Some(trace) = self.items.trace(item).cloned() else { return };
        let mut now = Seen { solutions: trace.solutions.len(), judged: Vec::new(), waiting: Vec::new() };
        let marked = (trace.solutions.len() > COUNTED).then(|| marks::last_marked(&self.session, &trace));
        for (index, solution) in trace.solutions.iter().enumerate() {
            let marked = marked.as_ref().is_none_or(|marked| marked[solution.leaf.index()].is_some());
            if !marked && !marks::stands_alone(&self.session, &trace, solution) && !self.session.has_sent_back(&trace, solution) {
                continue;
            }
            if self.session.judges(&trace, &Solution::new(solution.leaf)) || self.is_agreed(item, &trace, solution) {
                now.judged.push(index);
            } else if self.waits(item, &trace, solution) {
                now.waiting.push(index);
            }
        }
        let (judged, waiting) =
            self.progress.seen.get(&item).map_or((&[][..], &[][..]), |seen| (&seen.judged[..], &seen.waiting[..]));
        self.queue.judged_again(item, (judged, &now.judged), (waiting, &now.waiting));
        let progress = &mut self.progress;
        progress.forget_size(item);
        if let Some(file) = self.items.files.get(item.file) {
            progress.forget_before(&file.id, item);
        }
        progress.solutions += now.solutions;
        progress.judged += now.judged.len();
        progress.waiting += now.waiting.len();
        if let Some(before) = progress.seen.insert(item, now) {
            progress.solutions -= before.solutions;
            progress.judged -= before.judged.len();
            progress.waiting -= before.waiting.len();
        }
    }

    /// Labels of a problem changed that was on the screen when this event was written.
    pub(super) fn tally_at(&mut self, place: Option<(String, u64)>) {
        let item = place.and_then(|(file, item)| Some(ItemId { file: self.file(&file)?, problem: usize::try_from(item).ok()? }));
        if let Some(item) = item {
            self.tally(item);
        }
    }

    /// How far the queue has come: the questions of an exam, the solutions that fit, or those of all files.
    pub fn standing(&self) -> Standing {
        let (done, total, counted) = if let Some((_, total)) = self.trust.question() {
            (self.trust.answered(), total, true)
        } else if self.queue.active() {
            (self.queue.judged(), self.queue.places().len(), self.queue.is_complete())
        } else {
            self.in_files()
        };
        let waiting = if self.queue.active() { self.queue.waiting() } else { self.progress.waiting };
        let open = total.saturating_sub(done + waiting);
        let left = self.progress.time_for(open).filter(|_| open > 0);
        Standing { done, waiting, total, counted, median: self.progress.median(), left }
    }

    fn in_files(&self) -> (usize, usize, bool) {
        let progress = &self.progress;
        let problems = self.items.total();
        let known = progress.seen.len() + progress.sizes.len();
        let solutions = progress.solutions + progress.sized;
        let unread = problems.saturating_sub(known);
        // As many as the others have, and one at least.
        let estimate = if known == 0 { unread } else { (unread * solutions).div_ceil(known) };
        let before: usize = self.items.listed().filter_map(|file| progress.before.get(&file.id)).map(|(_, sum)| sum).sum();
        let done = progress.judged + progress.sized_judged + before;
        (done, (solutions + estimate).max(done), unread == 0 && self.items.complete())
    }

    /// Progress, pace and time left, in at most `room` columns.
    pub fn progress_line(&self, room: usize) -> String {
        let Standing { done, waiting, total, counted, median, left } = self.standing();
        if total == 0 {
            return String::new();
        }
        let about = if counted { "" } else { "~" };
        let pace = median.map_or(String::new(), |ms| format!("  {}", pace(ms)));
        let left = left.map_or(String::new(), |(low, high)| format!("  {} left", span(low, high)));
        let count =
            if done >= total && counted { format!("all {total} judged") } else { format!("{done} of {about}{total} judged") };
        let count = if waiting > 0 { format!("{count}, {waiting} sent back") } else { count };
        let short = format!("{done}/{about}{total}");
        let forms = [format!("{count}{pace}{left}"), format!("{short}{pace}{left}"), format!("{short}{pace}"), short];
        forms.into_iter().find(|form| form.chars().count() <= room).unwrap_or_default()
    }

    /// The same in a sentence, with the keys that a verdict costs.
    pub(crate) fn pace_said(&self) -> String {
        let (verdicts, _) = self.trust.verdicts;
        let keys =
            (verdicts > 0).then(|| format!("{:.1} keys a solution in this session", self.progress.keys as f64 / verdicts as f64));
        let pace = if self.progress.times.len() < ENOUGH {
            format!("the pace is known after {ENOUGH} verdicts")
        } else {
            "median of the last verdicts, pauses of more than a minute cut".to_owned()
        };
        let parts = [Some(self.progress_line(usize::MAX)), keys, Some(pace)];
        parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }
}

/// `41 s each`.
fn pace(ms: u64) -> String {
    let seconds = ms as f64 / 1000.0;
    if seconds < 9.95 {
        format!("{seconds:.1} s each")
    } else if seconds < 119.5 {
        format!("{seconds:.0} s each")
    } else {
        format!("{:.1} min each", seconds / 60.0)
    }
}

/// A span of time in the unit of its end: `25-40 min`, `4-6 h`.
fn span(low: f64, high: f64) -> String {
    let minutes = high / 60_000.0;
    let (unit, name, digits) = if minutes < 1.0 {
        return "under 1 min".to_owned();
    } else if minutes < 90.0 {
        (60_000.0, "min", 0)
    } else if minutes < 600.0 {
        (3_600_000.0, "h", 1)
    } else {
        (3_600_000.0, "h", 0)
    };
    let [from, to] = [low, high].map(|ms| format!("{:.digits$}", ms / unit));
    if from == to { format!("{to} {name}") } else { format!("{from}-{to} {name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(times: &[u64]) -> Progress {
        let mut progress = Progress::default();
        for &ms in times {
            progress.took(Some(ms));
        }
        progress
    }

    #[test]
    fn a_pace_needs_some_verdicts_and_the_interval_narrows_with_them() {
        assert_eq!(after(&[1000; 4]).median(), None);
        assert_eq!(after(&[1000; 4]).time_for(10), None);
        let even = after(&[2000; 20]);
        assert_eq!((even.median(), even.time_for(10)), (Some(2000), Some((20_000.0, 20_000.0))));
        let width = |times: &[u64]| after(times).time_for(100).map(|(low, high)| high - low).unwrap();
        let uneven: Vec<u64> = (0..100).map(|i| if i % 2 == 0 { 10_000 } else { 50_000 }).collect();
        assert!(width(&uneven) < width(&uneven[..10]), "more verdicts, less doubt");
        // Nine in ten sums of a hundred such times lie inside: the spread of the sum alone is a good part of it.
        assert!(width(&uneven) > 2.0 * 1.645 * 20_000.0 * 10.0);
    }

    #[test]
    fn what_was_judged_under_another_path_counts_and_what_was_judged_here_counts_once() {
        let item = |problem| ItemId { file: 0, problem };
        let mut progress = Progress::default();
        progress.before.insert("here".to_owned(), (HashMap::from([(1, 2), (7, 1)]), 3));
        progress.sized(item(0), Some("here"), 4, 3);
        progress.sized(item(1), Some("here"), 2, 2);
        // An item may be prepared twice.
        progress.sized(item(0), Some("here"), 4, 3);
        assert_eq!((progress.sized, progress.sized_judged, progress.before["here"].1), (6, 5, 1));
        progress.sized(item(7), None, 1, 0);
        assert_eq!(progress.before["here"].1, 1, "of this one nobody has looked who judged it");
    }

    #[test]
    fn only_the_last_verdicts_count() {
        let times: Vec<u64> = (0..300).map(|i| if i < 200 { 60_000 } else { 1000 }).collect();
        assert_eq!(after(&times).median(), Some(1000));
    }

    #[test]
    fn times_are_said_as_people_say_them() {
        assert_eq!(span(20_000.0, 50_000.0), "under 1 min");
        assert_eq!(span(25.0 * 60_000.0, 40.0 * 60_000.0), "25-40 min");
        assert_eq!(span(100.0 * 60_000.0, 130.0 * 60_000.0), "1.7-2.2 h");
        assert_eq!(span(40.0 * 3_600_000.0, 40.2 * 3_600_000.0), "40 h");
        assert_eq!((pace(900), pace(41_300), pace(150_000)), ("0.9 s each".into(), "41 s each".into(), "2.5 min each".into()));
    }
}
