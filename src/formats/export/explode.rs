//! Rated steps beside a solution as solutions of their own, for targets that know plain solutions alone.

use std::collections::HashMap;

use super::{Labelled, LabelledTrace, on_paths};
use crate::labels::policy::Policy;
use crate::trace::{FirstError, NodeId, Rating, Solution, SolutionLabels, Trace};

/// A trace with one more solution for each rated step that stands on no solution's path but directly beside one.
pub struct Exploded {
    /// The trace; the solutions more stand behind its own.
    pub trace: Trace,
    /// For each of the solutions more, the solution that it stands beside: its place among those to write.
    pub beside: Vec<usize>,
}

/// Makes solutions of rated steps beside those to write: the steps before it, and it (so TRL's converter of PRM800K does). Where several
/// solutions have the steps before it, it stands beside one that the policy does not refuse.
pub fn exploded(unit: &LabelledTrace<'_>, policy: &Policy) -> Exploded {
    let mut trace = unit.trace.clone();
    let refused = |item: &Labelled<'_>| policy.refuses(&item.of().extra, &item.labels).is_some();
    let mut items: Vec<_> = unit.solutions.iter().enumerate().collect();
    items.sort_by_key(|(_, item)| refused(item));
    let labels = path_labels(unit, &items);
    let mut through = HashMap::new();
    for (at, item) in &items {
        through.entry(NodeId::ROOT).or_insert(*at);
        for id in unit.trace.solution_path(item.of()) {
            through.entry(id).or_insert(*at);
        }
    }
    let on_path = on_paths(unit.trace);
    let mut beside = Vec::new();
    for id in unit.trace.steps().filter(|id| !on_path.contains(id)) {
        let node = unit.trace.node(id);
        let Some(rating) = unit.marks.get(&id).copied().or(node.rating) else { continue };
        let Some((parent, &at)) = node.parent.and_then(|parent| Some((parent, through.get(&parent)?))) else { continue };
        let mut ratings: Vec<_> = unit.trace.path(parent).iter().map(|id| labels.get(id).copied().flatten()).collect();
        ratings.push(Some(rating));
        let bad = ratings.iter().position(|rating| *rating == Some(Rating::Bad));
        let first_error = match bad {
            Some(index) => FirstError::At(index),
            None if ratings.contains(&None) => FirstError::Unknown,
            None => FirstError::NoError,
        };
        let of = unit.solutions[at].of();
        let (record, extra) = (of.record, of.extra.clone());
        trace.solutions.push(Solution { first_error, ratings, record, extra, ..Solution::new(id) });
        beside.push(at);
    }
    Exploded { trace, beside }
}

impl Exploded {
    /// The labels of a solution more with the doubts about the one that it stands beside.
    pub fn doubted(labels: SolutionLabels, beside: &SolutionLabels) -> SolutionLabels {
        let labels = SolutionLabels { unsure: labels.unsure || beside.unsure, ..labels };
        if beside.first_error != FirstError::Unlabelable {
            return labels;
        }
        let (first_error, end_state, end_reason) = (beside.first_error, beside.end_state, beside.end_reason.clone());
        SolutionLabels { first_error, end_state, end_reason, ..labels }
    }
}

/// What these solutions say of the steps on their paths; the first that says something counts.
fn path_labels(unit: &LabelledTrace<'_>, items: &[(usize, &Labelled<'_>)]) -> HashMap<NodeId, Option<Rating>> {
    let mut labels = HashMap::new();
    for (_, item) in items {
        for (id, label) in unit.trace.solution_path(item.of()).into_iter().zip(&item.labels.steps) {
            let rating = label.rating();
            let slot = labels.entry(id).or_insert(rating);
            *slot = slot.or(rating);
        }
    }
    labels
}
