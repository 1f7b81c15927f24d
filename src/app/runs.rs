//! A set of items that is kept as runs of neighbours: work goes through files from one end to the other, so that a million items are a
//! handful of runs, and the first one that is missing is found without looking at all the others.

use std::collections::BTreeMap;

use super::items::ItemId;

/// A set of items.
#[derive(Debug, Default)]
pub struct Runs {
    /// First problem of a run and the one behind its last, a map a file.
    files: Vec<BTreeMap<usize, usize>>,
    len: usize,
}

impl Runs {
    /// Number of items.
    pub fn len(&self) -> usize {
        self.len
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many items from this one on are in the set without a gap; 0 when it is not in it.
    pub fn from(&self, item: ItemId) -> usize {
        let run = self.files.get(item.file).and_then(|runs| runs.range(..=item.problem).next_back());
        run.map_or(0, |(_, &end)| end.saturating_sub(item.problem))
    }

    /// The item is in the set.
    pub fn contains(&self, item: ItemId) -> bool {
        self.from(item) > 0
    }

    /// Puts an item in.
    pub fn insert(&mut self, item: ItemId) {
        if self.contains(item) {
            return;
        }
        if self.files.len() <= item.file {
            self.files.resize_with(item.file + 1, BTreeMap::new);
        }
        let runs = &mut self.files[item.file];
        let end = runs.remove(&(item.problem + 1)).unwrap_or(item.problem + 1);
        match runs.range_mut(..item.problem).next_back() {
            Some((_, before)) if *before == item.problem => *before = end,
            _ => drop(runs.insert(item.problem, end)),
        }
        self.len += 1;
    }

    /// Takes the items of a file out.
    pub fn clear_file(&mut self, file: usize) {
        if let Some(runs) = self.files.get_mut(file) {
            self.len -= runs.iter().map(|(start, end)| end - start).sum::<usize>();
            runs.clear();
        }
    }

    /// Takes all out.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn runs_are_a_set(items in proptest::collection::vec((0_usize..3, 0_usize..40), 0..120), cleared in 0_usize..3) {
            let (mut runs, mut set) = (Runs::default(), HashSet::new());
            for (file, problem) in items {
                runs.insert(ItemId { file, problem });
                set.insert((file, problem));
            }
            let check = |runs: &Runs, set: &HashSet<(usize, usize)>| {
                assert_eq!(runs.len(), set.len());
                for file in 0..4 {
                    for problem in 0..42 {
                        let expected = (problem..42).take_while(|&problem| set.contains(&(file, problem))).count();
                        assert_eq!(runs.from(ItemId { file, problem }), expected);
                    }
                }
            };
            check(&runs, &set);
            runs.clear_file(cleared);
            set.retain(|(file, _)| *file != cleared);
            check(&runs, &set);
        }
    }
}
