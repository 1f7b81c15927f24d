//! Keys and values of tokens that were computed before: a radix tree of token sequences, kept within a budget of memory.
//!
//! An edited step, the next request of a search tree and the tenth sample of a problem begin with tokens that an earlier request computed.
//! What has not been used for the longest time is forgotten first, ends of paths before their beginnings.

/// The tree. Entry 0 is the root, which has no tokens.
#[derive(Debug)]
pub(super) struct PrefixCache {
    entries: Vec<Entry>,
    free: Vec<usize>,
    /// Numbers kept for one token.
    width: usize,
    /// Numbers kept at most, and now.
    budget: usize,
    kept: usize,
    clock: u64,
}

/// Tokens that follow each other without a branch.
#[derive(Debug, Default)]
struct Entry {
    parent: usize,
    children: Vec<usize>,
    tokens: Vec<u32>,
    /// `(tokens, width)`
    data: Vec<f32>,
    used: u64,
}

const ROOT: usize = 0;

impl PrefixCache {
    /// An empty cache for tokens of `width` numbers, and at most `budget` bytes of them.
    pub(super) fn new(width: usize, budget: u64) -> Self {
        let budget = usize::try_from(budget / 4).unwrap_or(usize::MAX);
        Self { entries: vec![Entry::default()], free: Vec::new(), width: width.max(1), budget, kept: 0, clock: 0 }
    }

    /// Number of the first tokens of a path that are known.
    pub(super) fn known(&self, path: &[u32]) -> usize {
        let mut known = 0;
        self.descend(path, |_, tokens| known += tokens);
        known
    }

    /// Hands out what is kept for the known tokens of a path from `from` on, token by token.
    pub(super) fn read(&mut self, path: &[u32], from: usize, mut token: impl FnMut(&[f32])) {
        self.clock += 1;
        let mut at = 0;
        for (entry, tokens) in self.matches(path) {
            self.entries[entry].used = self.clock;
            let skipped = from.saturating_sub(at).min(tokens);
            self.entries[entry].data[skipped * self.width..tokens * self.width].chunks_exact(self.width).for_each(&mut token);
            at += tokens;
        }
    }

    /// Keeps a path. `save` appends the numbers of the token with this index, and can do so from index `from` on; when the tokens before it
    /// have been forgotten, so are these.
    pub(super) fn insert(&mut self, path: &[u32], from: usize, mut save: impl FnMut(usize, &mut Vec<f32>)) {
        let matches = self.matches(path);
        let known: usize = matches.iter().map(|(_, tokens)| tokens).sum();
        let fits = path.len().saturating_mul(self.width) <= self.budget;
        if known < from || known == path.len() || !fits {
            return;
        }
        let parent = match matches.last() {
            Some(&(entry, tokens)) => self.split(entry, tokens),
            None => ROOT,
        };
        self.clock += 1;
        for (entry, _) in matches {
            self.entries[entry].used = self.clock;
        }
        let mut data = Vec::with_capacity((path.len() - known) * self.width);
        (known..path.len()).for_each(|index| save(index, &mut data));
        self.kept += data.len();
        let entry = Entry { parent, children: Vec::new(), tokens: path[known..].to_vec(), data, used: self.clock };
        let entry = self.place(entry);
        self.entries[parent].children.push(entry);
        self.evict();
    }

    /// The entries along a path, with the number of tokens that agree in each.
    fn matches(&self, path: &[u32]) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        self.descend(path, |entry, tokens| found.push((entry, tokens)));
        found
    }

    fn descend(&self, path: &[u32], mut visit: impl FnMut(usize, usize)) {
        let (mut at, mut rest) = (ROOT, path);
        while let Some(&child) =
            self.entries[at].children.iter().find(|&&c| self.entries[c].tokens.first() == rest.first() && !rest.is_empty())
        {
            let tokens = common(&self.entries[child].tokens, rest);
            visit(child, tokens);
            if tokens < self.entries[child].tokens.len() {
                return;
            }
            (at, rest) = (child, &rest[tokens..]);
        }
    }

    /// Cuts an entry behind `tokens` tokens, so that a branch can start there.
    fn split(&mut self, index: usize, tokens: usize) -> usize {
        let width = self.width;
        let entry = &mut self.entries[index];
        if tokens == entry.tokens.len() {
            return index;
        }
        let rest = Entry {
            parent: index,
            children: std::mem::take(&mut entry.children),
            tokens: entry.tokens.split_off(tokens),
            data: entry.data.split_off(tokens * width),
            used: entry.used,
        };
        let rest = self.place(rest);
        for child in self.entries[rest].children.clone() {
            self.entries[child].parent = rest;
        }
        self.entries[index].children.push(rest);
        index
    }

    fn place(&mut self, entry: Entry) -> usize {
        let index = self.free.pop().unwrap_or_else(|| {
            self.entries.push(Entry::default());
            self.entries.len() - 1
        });
        self.entries[index] = entry;
        index
    }

    /// Forgets ends of paths until the budget is kept; what was just used stays.
    fn evict(&mut self) {
        while self.kept > self.budget {
            let ends = self.entries.iter().enumerate().filter(|(_, e)| !e.tokens.is_empty() && e.children.is_empty());
            let Some((oldest, _)) = ends.filter(|(_, e)| e.used < self.clock).min_by_key(|(_, e)| e.used) else { return };
            let gone = std::mem::take(&mut self.entries[oldest]);
            self.kept -= gone.data.len();
            self.entries[gone.parent].children.retain(|&c| c != oldest);
            self.free.push(oldest);
        }
    }
}

/// Length of the common prefix.
pub(super) fn common(a: &[u32], b: &[u32]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Two numbers a token: the token, and its index.
    fn insert(cache: &mut PrefixCache, path: &[u32], from: usize) {
        cache.insert(path, from, |i, out| out.extend([path[i] as f32, i as f32]));
    }

    fn read(cache: &mut PrefixCache, path: &[u32], from: usize) -> Vec<f32> {
        let mut out = Vec::new();
        cache.read(path, from, |token| out.extend(token));
        out
    }

    #[test]
    fn paths_that_part_share_their_beginning() {
        let mut cache = PrefixCache::new(2, 1 << 20);
        insert(&mut cache, &[1, 2, 3, 4], 0);
        insert(&mut cache, &[1, 2, 7], 2);
        insert(&mut cache, &[9], 0);
        assert_eq!(cache.known(&[1, 2, 3, 5]), 3);
        assert_eq!(cache.known(&[1, 2, 7, 7]), 3);
        assert_eq!(cache.known(&[2]), 0);
        assert_eq!(read(&mut cache, &[1, 2, 3, 4, 5], 1), [2.0, 1.0, 3.0, 2.0, 4.0, 3.0]);
        assert_eq!(read(&mut cache, &[1, 2, 7], 2), [7.0, 2.0]);
        assert_eq!(cache.kept, 12);
        // A path whose beginning is not there cannot be kept.
        insert(&mut cache, &[5, 6, 7], 2);
        assert_eq!(cache.known(&[5, 6, 7]), 0);
    }

    #[test]
    fn the_budget_holds_and_what_was_used_last_stays() {
        let mut cache = PrefixCache::new(2, 6 * 8);
        insert(&mut cache, &[1, 2, 3], 0);
        insert(&mut cache, &[1, 2, 4], 2);
        read(&mut cache, &[1, 2, 3], 0);
        insert(&mut cache, &[8, 8, 8], 0);
        assert_eq!((cache.known(&[1, 2, 4]), cache.known(&[1, 2, 3]), cache.known(&[8, 8, 8])), (2, 3, 3));
        assert!(cache.kept <= cache.budget);
        insert(&mut cache, &[3; 7], 0);
        assert_eq!(cache.known(&[3; 7]), 0, "more than the whole budget is not kept");
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_was_kept(paths in prop::collection::vec(prop::collection::vec(0..3_u32, 1..9), 1..40), budget in 1..40_u64) {
            let mut cache = PrefixCache::new(2, budget * 8);
            for path in &paths {
                let known = cache.known(path);
                prop_assert_eq!(read(&mut cache, path, 0), (0..known).flat_map(|i| [path[i] as f32, i as f32]).collect::<Vec<_>>());
                insert(&mut cache, path, known);
                prop_assert!(cache.kept <= cache.budget);
                let all: usize = cache.entries.iter().map(|e| e.data.len()).sum();
                prop_assert_eq!(all, cache.kept);
            }
        }
    }
}
