//! Monte Carlo estimates of steps in the forms of OmegaPRM (arXiv:2406.06592): the trees and the flat list of openreasoner/openr, and the
//! labelled processes of ModalMinds/MM-PRM.
//!
//! Beside each estimate stand, where they are known, the rollouts behind it and their Wilson interval (95 %); readers ignore them.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::super::export::{Feature, Framing, Keeps, LabelledTrace, Loss, Writer, count_lost, json_bytes};
use super::super::json::MAX_DEPTH;
use super::super::mm_prm::{BETWEEN, TAG};
use super::super::span;
use super::Target;
use crate::analysis::wilson;
use crate::labels::policy::{Policy, Skipped, Switch};
use crate::trace::{Node, NodeId, Trace};

pub(super) const TREE: Target = Target {
    name: "openr",
    doc: "openr OmegaPRM trees: question, final_answer, reasoning_steps as nested text and mc_value",
    writer: &OmegaPrm {
        framing: Framing::Lines,
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
        record: |trace, _| vec![record(trace, &flat(trace))],
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
        record: processes,
        is_own: |raw| span::find(raw, &["process"]).is_some(),
        deepest: usize::MAX,
    },
};

struct OmegaPrm {
    framing: Framing,
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
        &Keeps {
            all: &[Feature::Scores, Feature::Alternatives, Feature::Tree],
            partly: &[Feature::FirstError, Feature::References],
        }
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
        match unit.solutions.first().and_then(|item| item.raw).filter(|raw| (self.is_own)(raw)) {
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
        for item in &unit.solutions {
            loss.wrote(item);
            count_lost(item, self.keeps(), item.raw.is_some_and(self.is_own), loss);
        }
    }
}

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
    if let (Some(k), Some(hits)) = (node.stats.mc_k, node.stats.mc_hits) {
        fields.insert("mc_k".into(), k.into());
        fields.insert("mc_hits".into(), hits.into());
        if let Some((low, high)) = wilson::interval(hits, k) {
            fields.insert("mc_interval".into(), json!([low, high]));
        }
    }
    fields
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
fn flat(trace: &Trace) -> Value {
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

/// One record for each last estimate of a path: the steps up to it, or to the first without hope, each with its estimate.
fn processes(trace: &Trace, loss: &mut Loss) -> Vec<Value> {
    let mut estimated_below = vec![false; trace.nodes.len()];
    for (index, node) in trace.nodes.iter().enumerate().rev() {
        let known = estimated_below[index] || node.stats.mc.is_some();
        if let Some(parent) = node.parent.filter(|_| known) {
            estimated_below[parent.index()] = true;
        }
    }
    let is_last = |id: &NodeId| trace.node(*id).stats.mc.is_some() && !estimated_below[id.index()];
    let behind = trace.steps().filter(|id| trace.node(*id).stats.mc.is_none() && !estimated_below[id.index()]).count();
    loss.lose("steps behind the last estimate", behind as u64);
    // Where hope ends early, several paths are one.
    let mut seen = HashSet::new();
    trace.steps().filter(is_last).filter_map(|id| process(trace, id, &mut seen, loss)).collect()
}

/// The process up to a step; `None` when it was written before, or cannot be.
fn process(trace: &Trace, last: NodeId, seen: &mut HashSet<NodeId>, loss: &mut Loss) -> Option<Value> {
    let (mut process, mut labels, mut pending, mut end) = (String::new(), Vec::new(), String::new(), last);
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
        end = id;
        if mc <= 0.0 {
            break;
        }
    }
    seen.insert(end).then(|| {
        json!({
            "question": trace.problem.text,
            "answer": trace.problem.reference_answer,
            "image_path": trace.extra.get("image_path").cloned().unwrap_or_default(),
            "process": process.trim_end(),
            "labels": labels,
        })
    })
}
