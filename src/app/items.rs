//! What there is to look at: files, their problems, and the problems that are in memory right now.

use std::collections::HashMap;
use std::sync::Arc;

use crate::corpus::{ProblemView, escaped};
use crate::segment::Rule;
use crate::trace::Trace;

/// At most this many problems are kept; the ones touched longest ago go first.
const KEPT: usize = 4096;
/// And at most so many bytes of them, but for the newest ones: what the screen shows and what a filter asked for must not be read for ever.
const KEPT_BYTES: usize = 256 << 20;
/// So many of the newest ones.
const KEPT_LEAST: usize = 256;

/// One problem of one file. Ordered as the list shows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct ItemId {
    /// Index of the file on the command line, from 0.
    pub file: usize,
    /// Index of the problem in its file, from 0, in order of first appearance.
    pub problem: usize,
}

/// What is known of one open file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileState {
    /// The path as given.
    pub name: String,
    /// What stays the same however the path is spelt: the canonical path.
    pub id: String,
    /// Name of its format.
    pub format: &'static str,
    /// What the format is known by.
    pub evidence: String,
    /// The rule whose steps stand in place of the file's.
    pub segment: Option<Rule>,
    /// What its keys mean, if it is read by a mapping.
    pub map: Option<String>,
    /// Problems found so far.
    pub problems: usize,
    /// Records found so far.
    pub records: usize,
    /// The whole file is indexed.
    pub complete: bool,
    /// Bytes indexed, bytes in all.
    pub progress: (u64, u64),
    /// Its problems stand in no list: they come between the others. Hidden files stand behind all others.
    pub hidden: bool,
}

impl FileState {
    /// What is said as long as it is not there.
    pub fn gone(&self) -> String {
        format!("{} is gone", escaped(self.short_name()))
    }

    /// Its name without the folders before it.
    pub fn short_name(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or(&self.name)
    }
}

/// A problem in memory.
#[derive(Debug)]
struct Loaded {
    view: Arc<ProblemView>,
    /// When it was used last.
    used: u64,
    /// What it takes, in bytes, about.
    bytes: usize,
}

/// The files and the loaded problems.
#[derive(Debug, Default)]
pub struct Items {
    /// The open files, in order; [`Items::set_files`] changes how many problems they have.
    pub files: Vec<FileState>,
    /// Position of the first problem of each file in the whole list, and behind them the number of all: a list may go over very many files.
    starts: Vec<usize>,
    loaded: HashMap<ItemId, Loaded>,
    /// Loaded problems whose steps the annotator cut anew, or has got more of.
    cut: HashMap<ItemId, Arc<Trace>>,
    clock: u64,
    /// Records that cannot be read, by the problem they stand in, as far as problems were read.
    bad: HashMap<ItemId, usize>,
    /// All of them.
    bad_in_all: usize,
    /// What the loaded problems take, in bytes, about.
    held: usize,
}

impl Items {
    /// Items of these files, nothing loaded.
    pub fn new(files: Vec<FileState>) -> Self {
        let mut items = Self::default();
        items.set_files(files);
        items
    }

    /// What the files are by now.
    pub fn set_files(&mut self, files: Vec<FileState>) {
        let ends = files.iter().scan(0, |end, file| {
            *end += file.problems;
            Some(*end)
        });
        self.starts = std::iter::once(0).chain(ends).collect();
        self.files = files;
    }

    /// Problems of all files found so far.
    pub fn total(&self) -> usize {
        // Invariant: hidden files stand behind all others.
        let listed = self.files.iter().rposition(|file| !file.hidden).map_or(0, |last| last + 1);
        self.starts.get(listed).copied().unwrap_or(0)
    }

    /// The files whose problems are listed.
    pub fn listed(&self) -> impl Iterator<Item = &FileState> {
        self.files.iter().filter(|file| !file.hidden)
    }

    /// True when every file is indexed to its end.
    pub fn complete(&self) -> bool {
        self.files.iter().all(|file| file.complete)
    }

    /// Position of an item in the whole list, from 0.
    pub fn rank(&self, item: ItemId) -> usize {
        self.starts.get(item.file).or(self.starts.last()).map_or(0, |start| start + item.problem)
    }

    /// The item at a position of the whole list.
    pub fn at_rank(&self, rank: usize) -> Option<ItemId> {
        if rank >= self.total() {
            return None;
        }
        // Files without a problem begin where the next one does.
        let file = self.starts.partition_point(|&start| start <= rank).checked_sub(1)?;
        Some(ItemId { file, problem: rank - self.starts[file] })
    }

    /// The item behind (`forward`) or before this one.
    pub fn neighbour(&self, item: ItemId, forward: bool) -> Option<ItemId> {
        let rank = self.rank(item);
        if forward { self.at_rank(rank + 1) } else { self.at_rank(rank.checked_sub(1)?) }
    }

    /// The loaded problem, if it is in memory.
    pub fn get(&self, item: ItemId) -> Option<&Arc<ProblemView>> {
        self.loaded.get(&item).map(|loaded| &loaded.view)
    }

    /// The trace of a loaded problem, in the steps that the annotator wants; `None` as well for a problem whose record is broken.
    pub fn trace(&self, item: ItemId) -> Option<&Arc<Trace>> {
        self.cut.get(&item).or_else(|| self.source(item))
    }

    /// The trace of a loaded problem in the steps of its source. Solutions stand in the same order as in [`Items::trace`].
    pub fn source(&self, item: ItemId) -> Option<&Arc<Trace>> {
        self.get(item)?.trace.as_ref()
    }

    /// True when this item has other steps than its source.
    pub fn is_cut(&self, item: ItemId) -> bool {
        self.cut.contains_key(&item)
    }

    /// True when any steps were cut anew.
    pub fn any_cut(&self) -> bool {
        self.cut.values().any(|trace| trace.is_recut())
    }

    /// Lays other steps over an item than those of its source; `None` for the source's.
    pub fn set_cut(&mut self, item: ItemId, cut: Option<Trace>) {
        match cut {
            Some(trace) => self.cut.insert(item, Arc::new(trace)),
            None => self.cut.remove(&item),
        };
    }

    /// The loaded items.
    pub fn loaded(&self) -> impl Iterator<Item = ItemId> + '_ {
        self.loaded.keys().copied()
    }

    /// Records that cannot be read, in all problems read so far.
    pub fn bad(&self) -> usize {
        self.bad_in_all
    }

    /// Notes how many records of an item cannot be read.
    pub fn note_bad(&mut self, item: ItemId, errors: usize) {
        if errors > 0 {
            let before = self.bad.insert(item, errors).unwrap_or(0);
            self.bad_in_all = self.bad_in_all - before + errors;
        }
    }

    /// Takes in a loaded problem and forgets the ones that were touched longest ago.
    pub fn insert(&mut self, item: ItemId, view: Arc<ProblemView>) {
        self.clock += 1;
        self.note_bad(item, view.errors.len());
        let bytes = view.trace.as_ref().map_or(0, |trace| trace.bytes());
        self.held += bytes;
        let before = self.loaded.insert(item, Loaded { view, used: self.clock, bytes });
        self.held -= before.map_or(0, |before| before.bytes);
        if self.loaded.len() > KEPT || (self.loaded.len() > KEPT_LEAST && self.held > KEPT_BYTES) {
            self.forget_oldest();
        }
    }

    /// Forgets problems until a quarter of the room is free, or none but the newest are left.
    fn forget_oldest(&mut self) {
        let mut oldest: Vec<(u64, ItemId)> = self.loaded.iter().map(|(item, loaded)| (loaded.used, *item)).collect();
        oldest.sort_unstable_by(|a, b| b.cmp(a));
        while oldest.len() > KEPT / 4 * 3 || (oldest.len() > KEPT_LEAST && self.held > KEPT_BYTES / 4 * 3) {
            let forgotten = oldest.pop().and_then(|(_, item)| self.loaded.remove(&item));
            self.held -= forgotten.map_or(0, |forgotten| forgotten.bytes);
        }
        self.cut.retain(|item, _| self.loaded.contains_key(item));
    }

    /// True when the index has got as far as this item.
    pub fn is_known(&self, item: ItemId) -> bool {
        self.files.get(item.file).is_some_and(|file| item.problem < file.problems)
    }

    /// Forgets the loaded problems of a file, but for one that is on the screen until it is read again.
    pub fn forget_others(&mut self, file: usize, kept: ItemId) {
        self.loaded.retain(|item, _| item.file != file || *item == kept);
        self.held = self.loaded.values().map(|loaded| loaded.bytes).sum();
        self.cut.retain(|item, _| self.loaded.contains_key(item));
    }

    /// Marks an item as in use, so that it is not forgotten.
    pub fn touch(&mut self, item: ItemId) {
        self.clock += 1;
        if let Some(loaded) = self.loaded.get_mut(&item) {
            loaded.used = self.clock;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_pass_over_files_without_problems_and_end_before_hidden_ones() {
        let file = |problems, hidden| FileState { problems, hidden, ..FileState::default() };
        let items = Items::new(vec![file(0, false), file(2, false), file(0, false), file(1, false), file(5, true)]);
        let places: Vec<ItemId> = (0..items.total()).map(|rank| items.at_rank(rank).unwrap()).collect();
        assert_eq!(places.iter().map(|item| (item.file, item.problem)).collect::<Vec<_>>(), [(1, 0), (1, 1), (3, 0)]);
        assert_eq!(places.iter().map(|&item| items.rank(item)).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!((items.at_rank(3), items.rank(ItemId { file: 4, problem: 2 })), (None, 5));
        assert_eq!((Items::default().total(), Items::default().at_rank(0)), (0, None));
    }
}
