//! Rated steps beside a solution as solutions of their own, for targets that know plain solutions alone.

use std::collections::HashMap;

use super::LabelledTrace;
use crate::trace::{FirstError, Label, NodeId, Rating, Solution, Trace};

/// The trace with one more solution for each rated step that stands on no solution's path but directly beside one: the steps before
/// it, and it (so TRL's converter of PRM800K does).
pub fn exploded(unit: &LabelledTrace<'_>) -> Trace {
    let mut trace = unit.trace.clone();
    let labels = path_labels(unit);
    let mut records = HashMap::from([(NodeId::ROOT, trace.solutions.first().map_or(0, |solution| solution.record))]);
    for solution in &unit.trace.solutions {
        for id in unit.trace.solution_path(solution) {
            records.entry(id).or_insert(solution.record);
        }
    }
    for id in unit.trace.steps() {
        let node = unit.trace.node(id);
        let Some(rating) = unit.marks.get(&id).copied().or(node.rating) else { continue };
        let Some(&record) = node.parent.and_then(|parent| records.get(&parent)).filter(|_| !records.contains_key(&id)) else {
            continue;
        };
        let before = unit.trace.path(node.parent.unwrap_or(NodeId::ROOT));
        let mut ratings: Vec<_> = before.iter().map(|id| labels.get(id).copied().flatten()).collect();
        ratings.push(Some(rating));
        let bad = ratings.iter().position(|rating| *rating == Some(Rating::Bad));
        let first_error = match bad {
            Some(index) => FirstError::At(index),
            None if ratings.contains(&None) => FirstError::Unknown,
            None => FirstError::NoError,
        };
        trace.solutions.push(Solution { first_error, ratings, record, ..Solution::new(id) });
    }
    trace
}

/// What the solutions say of the steps on their paths; the first that says something counts.
fn path_labels(unit: &LabelledTrace<'_>) -> HashMap<NodeId, Option<Rating>> {
    let mut labels = HashMap::new();
    for item in &unit.solutions {
        for (id, label) in unit.trace.solution_path(item.of()).into_iter().zip(&item.labels.steps) {
            let rating = match label {
                Label::Good => Some(Rating::Good),
                Label::Neutral => Some(Rating::Neutral),
                Label::Bad => Some(Rating::Bad),
                Label::AfterError | Label::Unseen => None,
            };
            let slot = labels.entry(id).or_insert(rating);
            *slot = slot.or(rating);
        }
    }
    labels
}
