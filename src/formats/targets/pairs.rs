//! Pairs of steps behind the same beginning, one better than the other: the examples of preference trainers.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::super::export::{Feature, Keeps, Labelled, LabelledTrace, Loss, Writer, count_lost, count_lost_branches, json_bytes};
use crate::labels::policy::{AfterError, PairRule, Policy, Skipped, StepTarget, Switch, Unlabelled, apply};
use crate::trace::{FirstError, Label, NodeId, NodeStats, Outcome, Trace, Writing};

/// A target whose records are pairs.
pub(super) struct PairTarget {
    /// Decisions beside those on labels and pairs.
    pub(super) asks: &'static [Switch],
    /// The record of a pair.
    pub(super) record: fn(&Pair<'_>, &Policy) -> Value,
    /// Files that belong beside one of this name.
    pub(super) beside: fn(&str) -> Vec<(String, String)>,
}

/// The decisions that every target of pairs asks for.
pub(super) const ASKS: &[Switch] = &[Switch::Neutral, Switch::AfterError, Switch::Unlabelled, Switch::Unsure, Switch::Pairs];

/// [`ASKS`] for targets of one text.
pub(super) const ASKS_WITH_GLUE: &[Switch] =
    &[Switch::Neutral, Switch::AfterError, Switch::Unlabelled, Switch::Unsure, Switch::Pairs, Switch::Glue];

/// Two ways to go on behind the same beginning.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pair<'a> {
    pub(super) trace: &'a Trace,
    /// Texts of the steps before.
    pub(super) prefix: Vec<&'a str>,
    pub(super) chosen: Branch<'a>,
    pub(super) rejected: Branch<'a>,
}

/// One way to go on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Branch<'a> {
    pub(super) step: &'a str,
    /// What follows the step in the solution it was taken from.
    pub(super) rest: Vec<&'a str>,
    /// The answer of that solution.
    pub(super) answer: Option<&'a str>,
}

impl Pair<'_> {
    /// Problem and steps before as one text, without an end.
    pub(super) fn beginning(&self, glue: &str) -> String {
        let mut text = self.trace.problem.text.clone();
        for step in &self.prefix {
            text.push_str(glue);
            text.push_str(step);
        }
        text
    }
}

impl Writer for PairTarget {
    fn keeps(&self) -> &'static Keeps {
        &Keeps { all: &[], partly: &[Feature::Ratings, Feature::Alternatives, Feature::Tree, Feature::Remarks] }
    }

    fn asks(&self) -> &'static [Switch] {
        self.asks
    }

    fn write(&self, unit: &LabelledTrace<'_>, policy: &Policy, out: &mut Vec<Vec<u8>>, loss: &mut Loss) {
        let siblings = Siblings::of(unit, policy);
        let (mut used, mut taken) = (HashSet::new(), 0);
        for parent in std::iter::once(NodeId::ROOT).chain(unit.trace.steps()) {
            for (chosen, rejected) in siblings.pairs(parent, policy) {
                match siblings.pair(parent, chosen, rejected, policy) {
                    Ok(pair) => {
                        out.push(json_bytes(&(self.record)(&pair, policy)));
                        used.extend([chosen, rejected]);
                        taken += 1;
                    }
                    Err(skipped) => loss.skip(&skipped),
                }
            }
        }
        for (wrong, pair) in siblings.corrected(policy) {
            out.push(json_bytes(&(self.record)(&pair, policy)));
            used.insert(wrong);
            taken += 1;
        }
        loss.read += unit.solutions.len() as u64;
        loss.records += taken;
        for item in &unit.solutions {
            let in_pair = unit.trace.solution_path(item.of()).iter().any(|id| used.contains(id));
            match siblings.refused.get(&item.solution) {
                Some(skipped) => loss.skip(skipped),
                None if !in_pair => loss.skip(&Skipped::NoPair),
                None => {
                    loss.wrote(item);
                    count_lost(item, self.keeps(), false, loss);
                }
            }
        }
        if taken > 0 {
            count_lost_branches(unit.trace, self.keeps(), loss);
        }
    }

    fn beside(&self, file: &str, _: &Loss) -> Vec<(String, String)> {
        (self.beside)(file)
    }
}

/// What is known of every step, to compare those with the same parent.
struct Siblings<'a> {
    unit: &'a LabelledTrace<'a>,
    /// Right or wrong under the policy.
    targets: HashMap<NodeId, bool>,
    /// Solutions whose labels do not count, by index.
    refused: HashMap<usize, Skipped>,
}

impl<'a> Siblings<'a> {
    fn of(unit: &'a LabelledTrace<'a>, policy: &Policy) -> Self {
        let (mut targets, mut refused) = (HashMap::new(), HashMap::new());
        for item in &unit.solutions {
            if policy.leaves_out(&item.of().extra) {
                refused.insert(item.solution, Skipped::QualityControl);
                continue;
            }
            match apply(policy, &item.labels) {
                Ok(list) => {
                    let path = unit.trace.solution_path(item.of());
                    for (index, target) in list {
                        if target != StepTarget::Unset {
                            targets.entry(path[index]).or_insert(target == StepTarget::Positive);
                        }
                    }
                }
                // Steps that nobody rated can still have values.
                Err(Skipped::Unlabelled) if policy.unlabelled == Unlabelled::KeepUnset => {}
                Err(skipped) => drop(refused.insert(item.solution, skipped)),
            }
        }
        let on_path: HashSet<_> = unit.solutions.iter().flat_map(|item| unit.trace.solution_path(item.of())).collect();
        for id in unit.trace.steps().filter(|id| !on_path.contains(id)) {
            let rating = unit.marks.get(&id).copied().or(unit.trace.node(id).rating);
            match rating.and_then(|rating| policy.target(Label::from(rating))) {
                Some(StepTarget::Positive) => drop(targets.insert(id, true)),
                Some(StepTarget::Negative) => drop(targets.insert(id, false)),
                Some(StepTarget::Unset) | None => {}
            }
        }
        Self { unit, targets, refused }
    }

    /// Whether the steps up to here may stand before a pair.
    fn may_precede(&self, parent: NodeId, policy: &Policy) -> bool {
        self.unit.trace.path(parent).iter().all(|id| match self.targets.get(id) {
            Some(true) => true,
            Some(false) => policy.after_error != AfterError::Drop,
            None => policy.unlabelled == Unlabelled::KeepUnset,
        })
    }

    /// The pairs of steps behind `parent`, best first.
    fn pairs(&self, parent: NodeId, policy: &Policy) -> Vec<(NodeId, NodeId)> {
        let mut order = self.unit.trace.node(parent).children.clone();
        if order.len() < 2 || !self.may_precede(parent, policy) {
            return Vec::new();
        }
        order.sort_by(|&a, &b| self.compare(b, a));
        let better = |a: NodeId, b: NodeId| self.better(a, b, policy);
        let all = || order.iter().enumerate().flat_map(|(at, &a)| order[at + 1..].iter().map(move |&b| (a, b)));
        let mut pairs: Vec<_> = match policy.pairs {
            PairRule::All => all().filter(|&(a, b)| better(a, b)).collect(),
            PairRule::BestWorst => {
                order.first().copied().zip(order.last().copied()).into_iter().filter(|&(a, b)| better(a, b)).collect()
            }
            PairRule::BestSecond => {
                let best = order[0];
                order[1..].iter().copied().find(|&other| better(best, other)).map(|other| (best, other)).into_iter().collect()
            }
            PairRule::Correction => {
                let corrected = |id: &&NodeId| self.by_a_person(**id) && self.targets.get(id) != Some(&false);
                let right: Vec<_> = order.iter().filter(corrected).collect();
                let wrong = order.iter().filter(|id| self.targets.get(id) == Some(&false));
                wrong.flat_map(|&bad| right.iter().map(move |&&good| (good, bad))).collect()
            }
        };
        pairs.truncate(policy.pairs_per_step.unwrap_or(usize::MAX));
        pairs
    }

    /// First errors with what their annotators wrote in their place.
    fn corrected(&self, policy: &Policy) -> Vec<(NodeId, Pair<'a>)> {
        if !matches!(policy.pairs, PairRule::Correction | PairRule::All) {
            return Vec::new();
        }
        let pair = |item: &'a Labelled<'a>| {
            let FirstError::At(at) = item.labels.first_error else { return None };
            let trace = self.unit.trace;
            let path = trace.solution_path(item.of());
            let (wrong, step) = (*path.get(at)?, item.labels.remark(Writing::Correction, Some(at))?);
            if self.targets.get(&wrong) != Some(&false) {
                return None;
            }
            let chosen = Branch { step, rest: Vec::new(), answer: None };
            let prefix = path[..at].iter().map(|&id| trace.node(id).text.as_str()).collect();
            Some((wrong, Pair { trace, prefix, chosen, rejected: self.branch(wrong, false) }))
        };
        let mut seen = HashSet::new();
        self.unit.solutions.iter().filter_map(pair).filter(|(wrong, pair)| seen.insert((*wrong, pair.chosen.step))).collect()
    }

    fn by_a_person(&self, id: NodeId) -> bool {
        self.unit.trace.node(id).extra.get("source").is_some_and(|source| source == "human")
    }

    /// Right before unrated before wrong, then by value; one that was called the best before them all, unless it is wrong.
    fn compare(&self, a: NodeId, b: NodeId) -> Ordering {
        let rank = |id| match self.targets.get(&id) {
            Some(false) => 0,
            _ if self.unit.chosen.contains(&id) => 3,
            None => 1,
            Some(true) => 2,
        };
        rank(a).cmp(&rank(b)).then_with(|| {
            let (a, b) = self.values(a, b).unwrap_or_default();
            a.total_cmp(&b)
        })
    }

    fn better(&self, a: NodeId, b: NodeId, policy: &Policy) -> bool {
        // Who calls one the best says that it is better than each of the others, be they right or not.
        if self.unit.chosen.contains(&a) && self.targets.get(&a) != Some(&false) {
            return !self.unit.chosen.contains(&b);
        }
        match (self.targets.get(&a), self.targets.get(&b)) {
            (Some(&a), Some(&b)) => a && !b,
            _ => policy.min_gap.zip(self.values(a, b)).is_some_and(|(gap, (a, b))| a > b && a - b >= gap),
        }
    }

    /// Values of the same kind that both steps have.
    fn values(&self, a: NodeId, b: NodeId) -> Option<(f64, f64)> {
        type Value = fn(&NodeStats) -> Option<f64>;
        const KINDS: [Value; 4] = [|stats| stats.mc, |stats| stats.q, |stats| stats.value, |stats| stats.prm];
        let [a, b] = [a, b].map(|id| &self.unit.trace.node(id).stats);
        KINDS.iter().find_map(|kind| kind(a).zip(kind(b)))
    }

    fn pair(&self, parent: NodeId, chosen: NodeId, rejected: NodeId, policy: &Policy) -> Result<Pair<'a>, Skipped> {
        let trace = self.unit.trace;
        let text = |id: NodeId| trace.node(id).text.as_str();
        if text(chosen).trim() == text(rejected).trim() {
            return Err(Skipped::Unwritable("a pair of steps that differ in white space alone".to_owned()));
        }
        let (chosen, rejected) = (self.branch(chosen, true), self.branch(rejected, false));
        if policy.distinct_answers && chosen.answer.is_some() && chosen.answer == rejected.answer {
            return Err(Skipped::Unwritable("a pair of steps whose solutions end with the same answer".to_owned()));
        }
        Ok(Pair { trace, prefix: trace.path(parent).into_iter().map(text).collect(), chosen, rejected })
    }

    /// A step and the rest of a solution through it: one that fits the step's judgement, if there is one.
    fn branch(&self, id: NodeId, right: bool) -> Branch<'a> {
        let trace = self.unit.trace;
        let depth = trace.node(id).depth;
        let mut through: Vec<_> =
            self.unit.solutions.iter().filter(|item| trace.ancestor_at(item.of().leaf, depth) == Some(id)).collect();
        through.sort_by_key(|item| right != ends_well(item));
        let rest = through.first().map_or_else(Vec::new, |item| trace.solution_path(item.of()).split_off(depth));
        let answer = through.first().and_then(|item| trace.solutions[item.solution].final_answer.as_deref());
        Branch { step: &trace.node(id).text, rest: rest.into_iter().map(|id| trace.node(id).text.as_str()).collect(), answer }
    }
}

fn ends_well(item: &Labelled<'_>) -> bool {
    match item.of().outcome {
        Outcome::Correct => true,
        Outcome::Wrong => false,
        Outcome::Unknown => item.labels.first_error == FirstError::NoError,
    }
}
