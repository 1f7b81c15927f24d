//! What was said of the samples of one problem, from however many records they come, as one labelled tree: for targets that compare them.

use super::{Labelled, LabelledTrace};
use crate::trace::{NodeId, Trace};

/// The traces of these as one, merged where their steps are equal; `None` without any. All are of the same problem.
pub fn gathered(parts: &[&LabelledTrace<'_>]) -> Option<Trace> {
    let (first, more) = parts.split_first()?;
    let mut trace = first.trace.clone();
    for part in more {
        trace.absorb(part.trace.clone());
    }
    Some(trace)
}

impl<'a> LabelledTrace<'a> {
    /// What is said of these traces, on the one that was [`gathered`] of them.
    pub fn of_parts(trace: &'a Trace, parts: &[&Self]) -> Self {
        let mut whole = Self::new(trace, Vec::new());
        let mut before = 0;
        for part in parts {
            // Keys name whole paths, so they find the steps of a part in the whole.
            let id = |id: &NodeId| trace.find(part.trace.node(*id).key);
            let moved = |item: &Labelled<'a>| Labelled { trace, solution: before + item.solution, raw: None, ..item.clone() };
            whole.solutions.extend(part.solutions.iter().map(moved));
            whole.marks.extend(part.marks.iter().filter_map(|(step, rating)| Some((id(step)?, *rating))));
            whole.chosen.extend(part.chosen.iter().filter_map(id));
            before += part.trace.solutions.len();
        }
        whole
    }
}
