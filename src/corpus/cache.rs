//! Problems that were read lately. Bounded by number and by size; the one that was asked for longest ago goes first.

use std::collections::HashMap;
use std::sync::Arc;

use super::ProblemView;

/// Most problems kept.
const ENTRIES: usize = 512;
/// Most bytes of source text kept, as an estimate of memory: a trace takes a few times its text.
const BYTES: u64 = 64 << 20;

#[derive(Debug)]
struct Entry {
    view: Arc<ProblemView>,
    /// Records that were behind the problem when it was read.
    weight: u32,
    bytes: u64,
    used: u64,
}

/// See the module's header.
#[derive(Debug, Default)]
pub(super) struct Cache {
    entries: HashMap<usize, Entry>,
    bytes: u64,
    clock: u64,
}

impl Cache {
    /// What was read of this problem, the number of records it had then, and their bytes.
    pub(super) fn get(&mut self, problem: usize) -> Option<(Arc<ProblemView>, u32, u64)> {
        self.clock += 1;
        let entry = self.entries.get_mut(&problem)?;
        entry.used = self.clock;
        Some((Arc::clone(&entry.view), entry.weight, entry.bytes))
    }

    pub(super) fn put(&mut self, problem: usize, view: Arc<ProblemView>, weight: u32, bytes: u64) {
        self.clock += 1;
        let entry = Entry { view, weight, bytes, used: self.clock };
        if let Some(old) = self.entries.insert(problem, entry) {
            self.bytes -= old.bytes;
        }
        self.bytes += bytes;
        // The newest stays, however large it is: it is the one on the screen.
        while self.entries.len() > 1 && (self.entries.len() > ENTRIES || self.bytes > BYTES) {
            let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.used).map(|(&problem, _)| problem);
            let Some(gone) = oldest.and_then(|problem| self.entries.remove(&problem)) else { return };
            self.bytes -= gone.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(unit: usize) -> Arc<ProblemView> {
        Arc::new(ProblemView { trace: None, errors: Vec::new(), units: vec![unit] })
    }

    #[test]
    fn the_least_recently_used_goes_first() {
        let mut cache = Cache::default();
        for problem in 0..ENTRIES {
            cache.put(problem, view(problem), 1, 10);
        }
        assert!(cache.get(0).is_some());
        cache.put(ENTRIES, view(ENTRIES), 1, 10);
        assert!(cache.get(0).is_some());
        assert!(cache.get(1).is_none());
        cache.put(7, view(7), 2, BYTES);
        assert_eq!((cache.entries.len(), cache.bytes), (1, BYTES));
    }
}
