//! Step scores, and whether they are still the same.

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::trace::{StepKey, StepScore};

/// Scores by step. Who may change them makes them others.
#[derive(Debug, Clone, Default)]
pub struct Scores {
    known: HashMap<StepKey, StepScore>,
    state: u64,
}

impl Scores {
    /// A number that no other scores have, nor these once they were changed; 0 of none.
    pub fn state(&self) -> u64 {
        self.state
    }
}

impl PartialEq for Scores {
    fn eq(&self, other: &Self) -> bool {
        self.known == other.known
    }
}

impl Deref for Scores {
    type Target = HashMap<StepKey, StepScore>;

    fn deref(&self) -> &Self::Target {
        &self.known
    }
}

impl DerefMut for Scores {
    fn deref_mut(&mut self) -> &mut Self::Target {
        static STATES: AtomicU64 = AtomicU64::new(0);
        self.state = 1 + STATES.fetch_add(1, Ordering::Relaxed);
        &mut self.known
    }
}

impl FromIterator<(StepKey, StepScore)> for Scores {
    fn from_iter<I: IntoIterator<Item = (StepKey, StepScore)>>(scores: I) -> Self {
        let mut all = Self::default();
        all.extend(scores);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{PromptKey, Semantics};

    #[test]
    fn scores_that_were_changed_are_others() {
        let key = PromptKey::of("one").root();
        let score = |value: f64| StepScore::new(value, Semantics::Correctness).unwrap();
        let (mut one, other): (Scores, Scores) =
            ([(key, score(0.5))].into_iter().collect(), [(key, score(0.5))].into_iter().collect());
        assert_eq!(one, other);
        let before = one.state();
        assert!(before != other.state() && before != Scores::default().state());
        assert_eq!((one.get(&key), one.clone().state(), one.state()), (Some(&score(0.5)), before, before));
        one.insert(key, score(0.25));
        assert_ne!(one.state(), before);
    }
}
