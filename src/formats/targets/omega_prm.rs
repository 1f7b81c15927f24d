//! Monte Carlo estimates of steps in the forms of OmegaPRM (arXiv:2406.06592): the trees and the flat list of openreasoner/openr, and the
//! labelled processes of ModalMinds/MM-PRM.
//!
//! Beside each estimate stand, where they are known, the rollouts behind it and their Wilson interval (95 %); readers, which take fields by
//! their names, ignore them.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::super::export::{
    Feature, Framing, Keeps, Kept, Labelled, LabelledTrace, Loss, Writer, count_lost, count_lost_branches, json_bytes, on_paths,
};
use super::super::json::{MAX_DEPTH, replaced_halves};
use super::super::mm_prm::{BETWEEN, TAG};
use super::super::span;
use super::Target;
use crate::analysis::wilson;
use crate::labels::policy::{Policy, Skipped, Switch};
use crate::trace::{FirstError, Node, NodeId, NodeStats, Trace};

pub(super) const TREE: Target = Target {
    name: "openr",
    doc: "openr OmegaPRM trees: question, final_answer, reasoning_steps as nested text and mc_value",
    writer: &OmegaPrm {
        framing: Framing::Lines,
        keeps: &Keeps {
            all: &[Feature::Alternatives, Feature::Tree],
            partly: &[Feature::FirstError, Feature::Scores, Feature::References],
        },
        record: |trace, _| vec![record(trace, &tree(trace, NodeId::ROOT))],
        is_own: |_| true,
        // Each step is an object in a list, inside of the record and the root; it holds a list itself.
        deepest: (MAX_DEPTH - 3) / 2,
    },
};

pub(super) const FLAT: Target = Target {
    name: "openr-flat",
    doc: "openr OmegaPRM prefixes: question, final_answer, reasoning_steps as a list of solution_prefix and mc_value",
    writer: &OmegaPrm {
        framing: Framing::Lines,
        keeps: &IN_PART,
        record: |trace, loss| vec![record(trace, &flat(trace, loss))],
        is_own: |_| true,
        deepest: usize::MAX,
    },
};

pub(super) const MM_PRM: Target = Target {
    name: "mm-prm",
    doc: "MM-PRM labelled processes: question, answer, process with <prm> behind each step, labels = its estimates",
    // Its trees, which are read under the same name, are what the processes are made of.
    writer: &OmegaPrm {
        framing: Framing::Array,
        keeps: &OF_PROCESSES,
        record: processes,
        is_own: |raw| span::find(raw, &["process"]).is_some(),
        deepest: usize::MAX,
    },
};

/// What lists of estimates hold: steps that have one, or stand before one.
const IN_PART: Keeps = {
    use Feature::{Alternatives, FirstError, References, Scores, Tree};
    Keeps { all: &[], partly: &[FirstError, Scores, Alternatives, Tree, References] }
};

/// Processes name the image of their problem, too.
const OF_PROCESSES: Keeps = {
    use Feature::{Alternatives, FirstError, Further, References, Scores, Tree};
    Keeps { all: &[], partly: &[FirstError, Scores, Alternatives, Tree, References, Further] }
};

struct OmegaPrm {
    framing: Framing,
    keeps: &'static Keeps,
    /// The records of a trace.
    record: fn(&Trace, &mut Loss) -> Vec<Value>,
    /// Whether a record that is read under the same name has the form that is written.
    is_own: fn(&[u8]) -> bool,
    /// Most steps of a path that a record can hold and be read again.
    deepest: usize,
}

impl Writer for OmegaPrm {
    fn framing(&self) -> Framing {
        self.framing
    }

    fn keeps(&self) -> &'static Keeps {
        self.keeps
    }

    fn asks(&self) -> &'static [Switch] {
        &[]
    }

    fn write(&self, unit: &LabelledTrace<'_>, _: &Policy, out: &mut Vec<Vec<u8>>, loss: &mut Loss) {
        let trace = unit.trace;
        loss.read += unit.solutions.len() as u64;
        let before = out.len();
        let mut skip = |reason: String| unit.solutions.iter().for_each(|_| loss.skip(&Skipped::Unwritable(reason.clone())));
        let depth = trace.nodes.iter().map(|node| node.depth).max().unwrap_or(0);
        let own = unit.solutions.first().and_then(|item| item.raw).filter(|raw| (self.is_own)(raw));
        match own {
            // Labels of people have no place here, so the record of the source still holds.
            Some(raw) => out.push(raw.to_vec()),
            None if depth > self.deepest => {
                skip(format!("more than {} steps on a path, deeper than JSON is read ({} holds them)", self.deepest, FLAT.name));
                return;
            }
            None if trace.steps().any(|id| trace.node(id).stats.mc.is_some()) => {
                out.extend((self.record)(trace, loss).iter().map(json_bytes));
            }
            None => {
                skip("no step has a Monte Carlo estimate".to_owned());
                return;
            }
        }
        loss.records += (out.len() - before) as u64;
        let copied = own.is_some();
        for item in &unit.solutions {
            loss.wrote(item);
            loss.lose(Feature::FirstError.name(), u64::from(!is_told(item)));
            count_lost(item, self.keeps(), copied, loss);
        }
        let on_path = on_paths(trace);
        let rated =
            |id: &NodeId| !on_path.contains(id) && (unit.rated_anew(*id) || (!copied && trace.node(*id).rating.is_some()));
        loss.lose(Feature::Ratings.name(), trace.steps().filter(rated).count() as u64);
        if !copied {
            count_lost_branches(trace, self.keeps(), loss);
            loss.lose(Feature::Scores.name(), other_scores(unit) as u64);
            if self.keeps.of(Feature::Further) == Kept::Partly {
                loss.lose(Feature::Further.name(), other_fields(unit, &on_path) as u64);
            }
            loss.lose(Feature::References.name(), u64::from(trace.problem.reference_solution.is_some()));
            loss.lose(Feature::NoText.name(), replaced_halves(&trace.warnings));
        }
    }
}

/// Whether estimates say where a solution goes wrong first, if it does: there hope ends.
fn is_told(item: &Labelled<'_>) -> bool {
    match item.labels.first_error {
        FirstError::At(at) => item.path().position(|node| node.stats.mc.is_some_and(|mc| mc <= 0.0)) == Some(at),
        _ => true,
    }
}

/// Numbers beside the estimates, by the steps that have them: nothing here has a place for those.
fn other_scores(unit: &LabelledTrace<'_>) -> usize {
    let counted = |stats: NodeStats| NodeStats { mc: None, mc_k: None, mc_hits: None, ..stats } != NodeStats::default();
    let steps = unit.trace.nodes.iter().filter(|node| counted(node.stats)).count();
    steps + unit.solutions.iter().map(|item| item.of().scores.iter().flatten().count()).sum::<usize>()
}

/// Further fields but the image, as often as solutions and other steps have them.
fn other_fields(unit: &LabelledTrace<'_>, on_path: &HashSet<NodeId>) -> usize {
    let trace = unit.trace;
    let image = usize::from(trace.extra.contains_key(IMAGE));
    let of_solutions: usize = unit.solutions.iter().map(|item| Feature::Further.present(item) - image).sum();
    let others = trace.steps().filter(|id| !on_path.contains(id));
    of_solutions + others.map(|id| Feature::Further.of_step(trace.node(id))).sum::<usize>()
}

/// Field of the path of an image.
const IMAGE: &str = "image_path";

fn record(trace: &Trace, steps: &Value) -> Value {
    json!({
        "question": trace.problem.text,
        "final_answer": trace.problem.reference_answer,
        "reasoning_steps": steps,
    })
}

/// The estimate of a node and what is known of it.
fn estimate(node: &Node) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("mc_value".into(), node.stats.mc.map_or(Value::Null, Value::from));
    fields.extend(rollouts(node).into_iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| (key.to_owned(), value)));
    fields
}

/// What is known of the rollouts behind the estimate of a node; null what is not.
fn rollouts(node: &Node) -> [(&'static str, Value); 3] {
    let (k, hits) = (node.stats.mc_k, node.stats.mc_hits);
    let interval = k.zip(hits).and_then(|(k, hits)| wilson::interval(hits, k)).map(|(low, high)| json!([low, high]));
    [("mc_k", k.into()), ("mc_hits", hits.into()), ("mc_interval", interval.into())]
}

/// Nested nodes, one a step; the root repeats the question.
fn tree(trace: &Trace, root: NodeId) -> Value {
    // Children stand behind their parents, so from the end each node finds its children made.
    let mut made: Vec<Option<Value>> = vec![None; trace.nodes.len()];
    for (index, node) in trace.nodes.iter().enumerate().rev() {
        let text = if index == root.index() { &trace.problem.text } else { &node.text };
        let mut fields = Map::from_iter([("text".to_owned(), Value::from(text.as_str()))]);
        fields.extend(estimate(node));
        fields.insert("children".into(), node.children.iter().filter_map(|child| made[child.index()].take()).collect());
        made[index] = Some(fields.into());
    }
    made[root.index()].take().unwrap_or_default()
}

/// The beginnings that have an estimate.
fn flat(trace: &Trace, loss: &mut Loss) -> Value {
    loss.lose(BEHIND, behind_estimates(trace, &estimated_below(trace)) as u64);
    let with_estimate = std::iter::once(NodeId::ROOT).chain(trace.steps()).filter(|&id| trace.node(id).stats.mc.is_some());
    let prefix = |id: NodeId| {
        let steps = trace.path(id).into_iter().map(|id| trace.node(id).text.as_str());
        let text = std::iter::once(trace.problem.text.as_str()).chain(steps).collect::<Vec<_>>().join(BETWEEN);
        let mut fields = Map::from_iter([("solution_prefix".to_owned(), Value::from(text))]);
        fields.extend(estimate(trace.node(id)));
        Value::Object(fields)
    };
    with_estimate.map(prefix).collect()
}

/// What steps are called that no estimate is for.
const BEHIND: &str = "steps behind the last estimate";

/// The nodes with an estimate somewhere below them.
fn estimated_below(trace: &Trace) -> Vec<bool> {
    let mut below = vec![false; trace.nodes.len()];
    // Children stand behind their parents.
    for (index, node) in trace.nodes.iter().enumerate().rev() {
        let known = below[index] || node.stats.mc.is_some();
        if let Some(parent) = node.parent.filter(|_| known) {
            below[parent.index()] = true;
        }
    }
    below
}

/// Number of steps without an estimate on them or below.
fn behind_estimates(trace: &Trace, below: &[bool]) -> usize {
    trace.steps().filter(|id| trace.node(*id).stats.mc.is_none() && !below[id.index()]).count()
}

/// One record for each last estimate of a path: the steps up to it, or to the first without hope, each with its estimate.
fn processes(trace: &Trace, loss: &mut Loss) -> Vec<Value> {
    let below = estimated_below(trace);
    loss.lose(BEHIND, behind_estimates(trace, &below) as u64);
    let is_last = |id: &NodeId| trace.node(*id).stats.mc.is_some() && !below[id.index()];
    // Where hope ends early, several paths are one.
    let mut seen = HashSet::new();
    let records = trace.steps().filter(is_last).filter_map(|id| process(trace, id, &mut seen, loss)).collect();
    let mut hopeless = vec![false; trace.nodes.len()];
    for id in trace.steps() {
        let parent = trace.node(id).parent.unwrap_or(NodeId::ROOT);
        hopeless[id.index()] =
            hopeless[parent.index()] || (parent != NodeId::ROOT && trace.node(parent).stats.mc.is_some_and(|mc| mc <= 0.0));
    }
    // The problem itself has no place, nor has what stands where hope has ended.
    let cut = |id: &NodeId| hopeless[id.index()] && (trace.node(*id).stats.mc.is_some() || below[id.index()]);
    loss.lose("steps where hope has ended", trace.steps().filter(cut).count() as u64);
    loss.lose("estimates of problems", u64::from(trace.nodes[0].stats.mc.is_some()));
    records
}

/// The process up to a step; `None` when it was written before, or cannot be.
fn process(trace: &Trace, last: NodeId, seen: &mut HashSet<NodeId>, loss: &mut Loss) -> Option<Value> {
    let (mut process, mut labels, mut pending, mut end) = (String::new(), Vec::new(), String::new(), last);
    let mut behind: [(&str, Vec<Value>); 3] = Default::default();
    for id in trace.path(last) {
        let node = trace.node(id);
        if node.text.contains(TAG) {
            loss.lose("processes whose steps hold the step tag", 1);
            return None;
        }
        if !pending.is_empty() {
            pending.push_str(BETWEEN);
        }
        pending.push_str(&node.text);
        // Steps without an estimate of their own belong to the next that has one.
        let Some(mc) = node.stats.mc else { continue };
        process.push_str(&std::mem::take(&mut pending));
        process.push_str(&[" ", TAG, "\n"].concat());
        labels.push(mc);
        for (list, (key, value)) in behind.iter_mut().zip(rollouts(node)) {
            list.0 = key;
            list.1.push(value);
        }
        end = id;
        if mc <= 0.0 {
            break;
        }
    }
    seen.insert(end).then(|| {
        let mut record = json!({
            "question": trace.problem.text,
            "answer": trace.problem.reference_answer,
            IMAGE: trace.extra.get(IMAGE).cloned().unwrap_or_default(),
            "process": process.trim_end(),
            "labels": labels,
        });
        // One entry a label, too.
        for (key, list) in behind.into_iter().filter(|(_, list)| list.iter().any(|value| !value.is_null())) {
            record[key] = list.into();
        }
        record
    })
}
