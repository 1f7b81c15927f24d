//! Time, as messages bring it: how long an annotator looked at each step before saying something about it.

use std::collections::HashMap;

use crate::trace::{RecordKey, StepKey};

/// A longer pause between two keys counts as this much, in milliseconds: whoever reads that long has gone for coffee.
const IDLE: u64 = 60_000;

/// Solutions whose times are kept until something is said of them.
const KEPT: usize = 512;

/// What was looked at, and for how long.
#[derive(Debug, Default)]
pub struct Clock {
    now: Option<u64>,
    spent: HashMap<RecordKey, HashMap<StepKey, u64>>,
}

impl Clock {
    /// The time now, in milliseconds since any moment before. What passed since the last call belongs to the step on show.
    pub fn tick(&mut self, now: u64, record: RecordKey, step: StepKey) {
        let passed = now.saturating_sub(self.now.unwrap_or(now)).min(IDLE);
        self.now = Some(now);
        if self.spent.len() > KEPT {
            self.spent.retain(|known, _| *known == record);
        }
        *self.spent.entry(record).or_default().entry(step).or_insert(0) += passed;
    }

    /// The time spent on a solution since something was last said of it, in milliseconds, in all and for each of its steps; `None` without
    /// a clock.
    pub fn take(&mut self, record: RecordKey, steps: impl Iterator<Item = StepKey>) -> Option<(u64, Vec<u64>)> {
        self.now?;
        let spent = self.spent.remove(&record).unwrap_or_default();
        let steps: Vec<u64> = steps.map(|step| spent.get(&step).copied().unwrap_or(0)).collect();
        let all = spent.values().sum();
        Some((all, if steps.iter().all(|&ms| ms == 0) { Vec::new() } else { steps }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::PromptKey;

    #[test]
    fn time_goes_to_the_step_on_show_and_long_pauses_are_cut() {
        let root = PromptKey::of("q");
        let (a, b) = (root.step("a"), root.step("b"));
        let record = b.record();
        let mut clock = Clock::default();
        assert_eq!(clock.take(record, [a].into_iter()), None);
        for (now, step) in [(1000, a), (3000, a), (3500, b), (900_000, b)] {
            clock.tick(now, record, step);
        }
        assert_eq!(clock.take(record, [a, b].into_iter()), Some((2000 + 500 + 60_000, vec![2000, 60_500])));
        assert_eq!(clock.take(record, [a, b].into_iter()), Some((0, Vec::new())), "nothing is counted twice");
    }
}
