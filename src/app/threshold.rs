//! The rule by which first errors are predicted, and what another one changes: counted over the traces in memory a few between two frames,
//! so that no key waits for it.

use super::describe::short;
use super::items::ItemId;
use super::{App, Effect};
use crate::analysis::decide::{Decision, decide};
use crate::trace::FirstError;

/// Steps that are counted between two frames; a trace is counted as a whole.
const AT_ONCE: usize = 20_000;
/// Solutions of one trace that are counted.
const SOLUTIONS: usize = 2000;

/// A threshold with its rule.
type Rule = (f64, Decision);

/// What is counted, before and now.
#[derive(Debug)]
pub(super) struct Count {
    rules: [Rule; 2],
    left: Vec<ItemId>,
    /// Steps below the threshold.
    below: [usize; 2],
    /// Scored steps.
    steps: usize,
    /// Solutions with a predicted first error.
    errors: [usize; 2],
    /// Solutions whose steps are all scored.
    solutions: usize,
    /// What stands in the status line meanwhile; another message ends the counting.
    said: String,
}

/// Judges by another rule from now on; a threshold that is no number is none.
pub(crate) fn set(app: &mut App, threshold: f64, decision: Decision) {
    if !app.show_prm {
        app.notice = Some(format!("scores are hidden; {} shows them", app.key("hide-prm")));
        return;
    }
    if !threshold.is_finite() {
        return;
    }
    let before = (app.scoring.threshold, app.scoring.decision);
    (app.scoring.threshold, app.scoring.decision) = (threshold, decision);
    let said = format!("threshold {}", short(threshold));
    app.notice = Some(said.clone());
    let rules = [before, (threshold, decision)];
    let left = app.shown_in_memory().collect();
    let none = Count { rules, left, below: [0; 2], steps: 0, errors: [0; 2], solutions: 0, said };
    app.count = Some(Box::new(none));
}

/// Counts on. Called after every message.
pub(super) fn feed(app: &mut App) -> Vec<Effect> {
    let Some(mut count) = app.count.take_if(|count| app.notice.as_deref() == Some(&count.said)) else {
        app.count = None;
        return Vec::new();
    };
    let mut room = AT_ONCE;
    while room > 0
        && let Some(item) = count.left.pop()
    {
        room = room.saturating_sub(app.count_in(item, &mut count).max(1));
    }
    if !count.left.is_empty() {
        app.count = Some(count);
        return vec![Effect::Continue];
    }
    if count.solutions > 0 {
        let Count { below, steps, errors, solutions, said, .. } = *count;
        app.notice = Some(format!(
            "{said}: {} of {steps} scored steps below it, {} before; a first error in {} of {solutions} solutions in memory, {} before",
            below[1], below[0], errors[1], errors[0]
        ));
    }
    Vec::new()
}

impl App {
    /// Counts in one trace; gives the number of its steps.
    fn count_in(&self, item: ItemId, count: &mut Count) -> usize {
        let Some(trace) = self.items.trace(item) else { return 0 };
        let score = |key| self.scoring.scores.get(&key).map(|score| score.value());
        for score in trace.steps().filter_map(|id| score(trace.node(id).key)) {
            count.steps += 1;
            for (below, (threshold, _)) in count.below.iter_mut().zip(count.rules) {
                *below += usize::from(score < threshold);
            }
        }
        for solution in trace.solutions.iter().take(SOLUTIONS) {
            let scores: Vec<Option<f64>> = trace.path(solution.leaf).iter().map(|&id| score(trace.node(id).key)).collect();
            if scores.is_empty() || scores.contains(&None) {
                continue;
            }
            count.solutions += 1;
            for (errors, (_, decision)) in count.errors.iter_mut().zip(count.rules) {
                *errors += usize::from(matches!(decide(&scores, decision), FirstError::At(_)));
            }
        }
        trace.nodes.len()
    }
}
