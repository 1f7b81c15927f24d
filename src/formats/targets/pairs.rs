//! Pairs of steps behind the same beginning, one better than the other: the examples of preference trainers.

use std::cmp::{Ordering, Reverse};
use std::collections::HashSet;

use serde_json::Value;

use super::super::export::{
    Feature, Keeps, Labelled, LabelledTrace, Loss, Writer, Written, count_lost, count_lost_branches, json_bytes,
};
use super::siblings::Siblings;
use crate::labels::policy::{PairRule, Policy, Skipped, Switch};
use crate::trace::{FirstError, NodeId, NodeStats, Outcome, Trace};

/// A target whose records are pairs.
pub(super) struct PairTarget {
    /// Decisions beside those on labels and pairs.
    pub(super) asks: &'static [Switch],
    /// The record of a pair.
    pub(super) record: fn(&Pair<'_>, &Policy) -> Value,
    /// Files that belong beside these.
    pub(super) beside: fn(Written<'_>) -> Vec<(String, String)>,
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

    fn compares(&self) -> bool {
        true
    }

    fn write(&self, unit: &LabelledTrace<'_>, policy: &Policy, out: &mut Vec<Vec<u8>>, loss: &mut Loss) {
        let siblings = Siblings::of(unit, policy);
        let (mut used, before) = (HashSet::new(), out.len());
        for parent in std::iter::once(NodeId::ROOT).chain(unit.trace.steps()) {
            let mut room = policy.pairs_per_step.unwrap_or(usize::MAX);
            for (chosen, rejected) in candidates(&siblings, parent, policy) {
                if room == 0 {
                    break;
                }
                match pair(&siblings, parent, (chosen, rejected), policy) {
                    Ok(pair) => {
                        out.push(json_bytes(&(self.record)(&pair, policy)));
                        used.insert(rejected);
                        used.extend(chosen.step());
                        room -= 1;
                    }
                    Err(skipped) => loss.skip(&skipped),
                }
            }
        }
        let taken = (out.len() - before) as u64;
        loss.read += unit.solutions.len() as u64;
        loss.records += taken;
        for item in &unit.solutions {
            let in_pair = unit.trace.solution_path(item.of()).iter().any(|id| used.contains(id));
            match siblings.refused(item) {
                Some(skipped) => loss.skip(&skipped),
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

    fn beside(&self, files: Written<'_>, _: &Loss) -> Vec<(String, String)> {
        (self.beside)(files)
    }
}

/// What a pair takes as the better way to go on.
#[derive(Debug, Clone, Copy)]
enum Way<'a> {
    /// A step of the tree.
    Step(NodeId),
    /// What an annotator wrote in place of the wrong step.
    Written(&'a str),
}

impl<'a> Way<'a> {
    fn step(self) -> Option<NodeId> {
        if let Self::Step(id) = self { Some(id) } else { None }
    }

    fn text(self, trace: &'a Trace) -> &'a str {
        match self {
            Self::Step(id) => &trace.node(id).text,
            Self::Written(text) => text,
        }
    }
}

/// The better and the worse ways to go on behind `parent`, those first that are better beyond doubt.
fn candidates<'a>(siblings: &Siblings<'a>, parent: NodeId, policy: &Policy) -> Vec<(Way<'a>, NodeId)> {
    let children = siblings.unit.trace.node(parent).children.as_slice();
    let comparable = children.len() > 1 || children.iter().any(|&id| !siblings.corrections(id).is_empty());
    if !comparable || !siblings.may_precede(parent) {
        return Vec::new();
    }
    let order = Order::behind(siblings, parent);
    let steps = order.steps.as_slice();
    let better = |&(a, b): &(NodeId, NodeId)| order.better(a, b, policy);
    let behind = |at: usize| steps[at + 1..].iter().map(move |&b| (steps[at], b));
    let wrong = || steps.iter().copied().filter(|&id| siblings.target(id) == Some(false));
    let corrected = |wrong| siblings.corrections(wrong).iter().map(move |&text| (Way::Written(text), wrong));
    let step = |(chosen, rejected)| (Way::Step(chosen), rejected);
    let mut candidates: Vec<_> = match policy.pairs {
        PairRule::All => {
            let pairs = (0..steps.len()).flat_map(behind).filter(better);
            wrong().flat_map(corrected).chain(pairs.map(step)).collect()
        }
        PairRule::BestWorst => steps.first().copied().zip(steps.last().copied()).filter(better).map(step).into_iter().collect(),
        PairRule::BestSecond if steps.is_empty() => Vec::new(),
        PairRule::BestSecond => behind(0).find(better).map(step).into_iter().collect(),
        PairRule::Correction => {
            let right = |id| siblings.target(id).unwrap_or_else(|| siblings.is_unrated(id));
            let human: Vec<_> = steps.iter().filter(|&&id| siblings.unit.trace.node(id).by_a_person() && right(id)).collect();
            wrong().flat_map(|bad| corrected(bad).chain(human.iter().map(move |&&good| (Way::Step(good), bad)))).collect()
        }
    };
    let mut seen = HashSet::new();
    candidates.retain(|(chosen, rejected)| seen.insert((chosen.text(siblings.unit.trace), *rejected)));
    candidates
}

/// A number that a search or a scorer left on a step.
type Kind = fn(&NodeStats) -> Option<f64>;

/// Kinds of numbers, those first that tell most.
const KINDS: [Kind; 4] = [|stats| stats.mc, |stats| stats.q, |stats| stats.value, |stats| stats.prm];

/// The steps behind one beginning, best first.
struct Order<'s, 'a> {
    siblings: &'s Siblings<'a>,
    steps: Vec<NodeId>,
    /// The kind of value by which these steps are compared: the one that most of them have.
    kind: Kind,
}

impl<'s, 'a> Order<'s, 'a> {
    fn behind(siblings: &'s Siblings<'a>, parent: NodeId) -> Self {
        let steps = siblings.behind(parent);
        let trace = siblings.unit.trace;
        let having = |kind: &Kind| steps.iter().filter(|&&id| kind(&trace.node(id).stats).is_some()).count();
        let kind = KINDS.into_iter().min_by_key(|kind| Reverse(having(kind))).unwrap_or(KINDS[0]);
        let mut order = Self { siblings, steps, kind };
        let mut steps = std::mem::take(&mut order.steps);
        steps.sort_by(|&a, &b| order.compare(b, a));
        Self { steps, ..order }
    }

    fn compare(&self, a: NodeId, b: NodeId) -> Ordering {
        let by_value = || self.value(a).partial_cmp(&self.value(b)).unwrap_or(Ordering::Equal);
        self.rank(a).cmp(&self.rank(b)).then_with(by_value)
    }

    /// Right before unrated before wrong; one that was called the best before them all, unless it is wrong.
    fn rank(&self, id: NodeId) -> u8 {
        match self.siblings.target(id) {
            Some(false) => 0,
            _ if self.siblings.unit.chosen.contains(&id) => 3,
            None => 1,
            Some(true) => 2,
        }
    }

    /// A finite number.
    fn value(&self, id: NodeId) -> Option<f64> {
        (self.kind)(&self.siblings.unit.trace.node(id).stats).filter(|value| value.is_finite())
    }

    fn better(&self, a: NodeId, b: NodeId, policy: &Policy) -> bool {
        let (target, chosen) = (|id| self.siblings.target(id), &self.siblings.unit.chosen);
        // Who calls one the best says that it is better than each of the others, be they right or not.
        if chosen.contains(&a) && target(a) != Some(false) {
            return !chosen.contains(&b);
        }
        if let (Some(a), Some(b)) = (target(a), target(b)) {
            return a && !b;
        }
        let values = self.value(a).zip(self.value(b));
        policy.min_gap.zip(values).is_some_and(|(gap, (a, b))| a > b && a - b >= gap)
    }
}

fn pair<'a>(
    siblings: &Siblings<'a>,
    parent: NodeId,
    (chosen, rejected): (Way<'a>, NodeId),
    policy: &Policy,
) -> Result<Pair<'a>, Skipped> {
    let trace = siblings.unit.trace;
    if chosen.text(trace).trim() == trace.node(rejected).text.trim() {
        return Err(Skipped::Unwritable("a pair of steps that differ in white space alone".to_owned()));
    }
    let chosen = match chosen {
        Way::Step(id) => branch(siblings, id, true),
        Way::Written(step) => Branch { step, rest: Vec::new(), answer: None },
    };
    let rejected = branch(siblings, rejected, false);
    if policy.distinct_answers && chosen.answer.is_some() && chosen.answer == rejected.answer {
        return Err(Skipped::Unwritable("a pair of steps whose solutions end with the same answer".to_owned()));
    }
    Ok(Pair { trace, prefix: siblings.texts(trace.path(parent)), chosen, rejected })
}

/// A step and the rest of a solution through it: one that fits the step's judgement, if there is one.
fn branch<'a>(siblings: &Siblings<'a>, id: NodeId, right: bool) -> Branch<'a> {
    let trace = siblings.unit.trace;
    let fitting = siblings.through(id).iter().min_by_key(|item| right != ends_well(item));
    let rest = fitting.map(|item| trace.solution_path(item.of()).split_off(trace.node(id).depth));
    let answer = fitting.and_then(|item| trace.solutions[item.solution].final_answer.as_deref());
    Branch { step: &trace.node(id).text, rest: siblings.texts(rest.unwrap_or_default()), answer }
}

fn ends_well(item: &Labelled<'_>) -> bool {
    match item.of().outcome {
        Outcome::Correct => true,
        Outcome::Wrong => false,
        Outcome::Unknown => item.labels.first_error == FirstError::NoError,
    }
}
