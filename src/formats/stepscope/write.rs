//! From a tree to lines: every node is written, with what is known of it and of the solutions that end there.

use std::collections::{HashMap, HashSet};

use serde_json::{Number, Value, json};

use super::super::export::{Feature, Keeps, Labelled, LabelledTrace, Loss, Writer, json_bytes};
use super::super::json::replaced_halves;
use super::read::{derived_first_error, path_ratings};
use super::{Stepscope, TREE_KEY};
use crate::labels::policy::{Policy, Switch};
use crate::segment;
use crate::trace::{
    EndState, Extra, FirstError, Node, NodeId, NodeStats, Outcome, Rating, Remark, SolutionLabels, StepKind, Trace,
};

/// Keys that mean something on a line; further fields of these names are written where they cannot be misread.
const RESERVED: &[&str] = &[
    "tree",
    "parent",
    "text",
    "prefix",
    "problem",
    "gold",
    "reference_solution",
    "meta",
    "sep",
    "kind",
    "rating",
    "mc",
    "mc_k",
    "mc_hits",
    "q",
    "value",
    "prior",
    "visits",
    "prm",
    "score",
    "history",
    "terminal",
    "answer",
    "correct",
    "source_id",
    "generator",
    "first_error",
    "end_state",
    "unsure",
    "annotator",
    "said",
    "ratings",
    "scores",
    "solution",
    "solution_extra",
    "solutions",
    "source_steps",
    "node_extra",
    "id",
    "other_parents",
];

impl Writer for Stepscope {
    fn keeps(&self) -> &'static Keeps {
        &Keeps { all: &Feature::ALL, partly: &[] }
    }

    fn asks(&self) -> &'static [Switch] {
        &[]
    }

    /// Writes the whole tree with the given solutions, labelled or not: the policy is for trainers, this format keeps what is.
    fn write(&self, unit: &LabelledTrace<'_>, _: &Policy, out: &mut Vec<Vec<u8>>, loss: &mut Loss) {
        let lines = Lines::new(unit);
        for index in std::iter::once(NodeId::ROOT).chain(unit.trace.steps()) {
            out.push(json_bytes(&Value::Object(lines.line(index))));
            loss.records += 1;
        }
        loss.read += unit.solutions.len() as u64;
        unit.solutions.iter().for_each(|item| loss.wrote(item));
        loss.lose(Feature::NoText.name(), replaced_halves(&unit.trace.warnings));
    }
}

struct Lines<'a> {
    trace: &'a Trace,
    ends: HashMap<NodeId, Vec<&'a Labelled<'a>>>,
    ratings: Vec<Option<Rating>>,
    ids: Vec<Value>,
    history: HashMap<NodeId, Value>,
    tree: Value,
    no_solutions: bool,
}

/// The iterations that touched each step, with the value it then had.
fn history(trace: &Trace) -> HashMap<NodeId, Value> {
    let mut by_node: HashMap<NodeId, Vec<Value>> = HashMap::new();
    for (iteration, touched) in &trace.history {
        for (id, value) in touched {
            by_node.entry(*id).or_default().push(value.map_or_else(|| json!([iteration]), |value| json!([iteration, value])));
        }
    }
    by_node.into_iter().map(|(id, touches)| (id, Value::Array(touches))).collect()
}

impl<'a> Lines<'a> {
    fn new(unit: &'a LabelledTrace<'a>) -> Self {
        let trace = unit.trace;
        let mut ends: HashMap<NodeId, Vec<&Labelled<'_>>> = HashMap::new();
        for item in &unit.solutions {
            ends.entry(item.of().leaf).or_default().push(item);
        }
        let tree = trace.extra.get(TREE_KEY).cloned().unwrap_or_else(|| {
            let key = trace.prompt_key.to_string();
            let record = trace.solutions.first().map_or(0, |solution| solution.record);
            format!("{}-{record}", &key[..12]).into()
        });
        Self {
            trace,
            ends,
            ratings: node_ratings(unit),
            ids: ids(trace),
            history: history(trace),
            tree,
            no_solutions: unit.solutions.is_empty(),
        }
    }

    fn line(&self, id: NodeId) -> Extra {
        let node = self.trace.node(id);
        let mut line = Extra::new();
        line.insert("tree".into(), self.tree.clone());
        line.insert("id".into(), self.ids[id.index()].clone());
        line.insert("parent".into(), self.parent(id));
        line.insert("text".into(), node.text.clone().into());
        if id == NodeId::ROOT {
            self.root_fields(&mut line);
        }
        if let Some(sep) = sep(node) {
            line.insert("sep".into(), sep.into());
        }
        match node.kind {
            StepKind::Text => {}
            StepKind::Thought => drop(line.insert("kind".into(), "thought".into())),
            StepKind::Code => drop(line.insert("kind".into(), "code".into())),
            StepKind::Tool => drop(line.insert("kind".into(), "tool".into())),
        }
        if let Some(rating) = self.ratings[id.index()] {
            line.insert("rating".into(), rating.value().into());
        }
        line.append(&mut stats(&node.stats));
        if let Some(history) = self.history.get(&id) {
            line.insert("history".into(), history.clone());
        }
        match self.ends.get(&id).map(Vec::as_slice) {
            None | Some([]) => {}
            Some([item]) => line.append(&mut self.ending(item)),
            Some(several) => {
                line.insert("terminal".into(), true.into());
                line.insert("solutions".into(), several.iter().map(|item| Value::Object(self.ending(item))).collect());
            }
        }
        let (clash, plain): (Extra, Extra) =
            node.extra.clone().into_iter().partition(|(key, _)| RESERVED.contains(&key.as_str()));
        let clash: Extra = clash.into_iter().filter(|(key, _)| key != "id" && key != "other_parents").collect();
        line.extend(plain);
        if !clash.is_empty() {
            line.insert("node_extra".into(), clash.into());
        }
        line
    }

    fn root_fields(&self, line: &mut Extra) {
        let problem = &self.trace.problem;
        line.insert("problem".into(), problem.text.clone().into());
        if let Some(gold) = &problem.reference_answer {
            line.insert("gold".into(), gold.clone().into());
        }
        if let Some(solution) = &problem.reference_solution {
            line.insert("reference_solution".into(), solution.clone().into());
        }
        let mut meta: Extra =
            self.trace.extra.iter().filter(|(key, _)| *key != TREE_KEY).map(|(k, v)| (k.clone(), v.clone())).collect();
        segment::stamp(&mut meta);
        if !meta.is_empty() {
            line.insert("meta".into(), meta.into());
        }
        if self.no_solutions {
            line.insert("solutions".into(), Value::Array(Vec::new()));
        }
    }

    fn parent(&self, id: NodeId) -> Value {
        let node = self.trace.node(id);
        let Some(parent) = node.parent else { return Value::Null };
        let first = self.ids[parent.index()].clone();
        match node.extra.get("other_parents") {
            Some(Value::Array(others)) => std::iter::once(first).chain(others.iter().cloned()).collect(),
            _ => first,
        }
    }

    /// What is known of a solution.
    fn ending(&self, item: &Labelled<'_>) -> Extra {
        let solution = item.of();
        let mut out = Extra::new();
        let mut put = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                out.insert(key.to_owned(), value);
            }
        };
        put("terminal", Some(true.into()));
        put("solution", Some(item.solution.into()));
        put("answer", solution.final_answer.clone().map(Value::from));
        put(
            "correct",
            match solution.outcome {
                Outcome::Correct => Some(true.into()),
                Outcome::Wrong => Some(false.into()),
                Outcome::Unknown => None,
            },
        );
        put("source_id", solution.source_id.clone().map(Value::from));
        put("generator", solution.generator.clone().map(Value::from));
        let (ratings, labels) = labels_of(item);
        let on_nodes = path_ratings(self.trace, solution.leaf, |id| self.ratings[id.index()]);
        let derived = derived_first_error(self.trace.node(solution.leaf).depth, &ratings);
        put("first_error", Some(first_error(labels.0)).filter(|_| labels.0 != derived));
        put(
            "ratings",
            (ratings != on_nodes).then(|| ratings.iter().map(|rating| rating.map(Rating::value)).map(Value::from).collect()),
        );
        put("end_state", (labels.1 != EndState::Open).then(|| serde_json::to_value(labels.1).unwrap_or_default()));
        put("unsure", item_unsure(item).then_some(Value::Bool(true)));
        // Who says the same as the file has said it all the same.
        let annotator = if item.touched || item.confirmed() { &item.labels.annotator } else { &solution.annotator };
        put("annotator", annotator.clone().map(Value::from));
        put(SAID, said(&item.labels));
        put("scores", (!solution.scores.is_empty()).then(|| solution.scores.iter().map(|score| finite(*score)).collect()));
        let mut extra = solution.extra.clone();
        // Of steps that were cut anew again and again, the first ones are those of the source.
        put(SOURCE_STEPS, extra.remove(SOURCE_STEPS).or_else(|| source_steps(item)));
        put("solution_extra", (!extra.is_empty()).then(|| extra.into()));
        out
    }
}

/// Ratings, first error and end state: those of the session where it differs from the file.
fn labels_of(item: &Labelled<'_>) -> (Vec<Option<Rating>>, (FirstError, EndState)) {
    let solution = item.of();
    if !item.touched {
        return (solution.ratings.clone(), (solution.first_error, solution.end_state));
    }
    let mut ratings: Vec<_> = item.labels.steps.iter().map(|label| label.rating()).collect();
    while ratings.last() == Some(&None) {
        ratings.pop();
    }
    (ratings, (item.labels.first_error, item.labels.end_state))
}

/// Field of what is said in words: remarks on steps and solution, kind of the error, reason of the end, progress.
pub(super) const SAID: &str = "said";

/// Field of the steps as the source cuts them, beside those that somebody cut anew.
pub(super) const SOURCE_STEPS: &str = "source_steps";

/// What stands behind a step, where that is known.
fn sep(node: &Node) -> Option<&str> {
    (!node.sep_after.is_empty() || node.glued).then_some(node.sep_after.as_str())
}

fn source_steps(item: &Labelled<'_>) -> Option<Value> {
    let (trace, solution) = (item.source?, item.source?.solutions.get(item.solution)?);
    let step = |id: NodeId| {
        let node = trace.node(id);
        match sep(node) {
            None => json!({"text": node.text}),
            Some(sep) => json!({"text": node.text, "sep": sep}),
        }
    };
    Some(trace.solution_path(solution).into_iter().map(step).collect())
}

fn said(labels: &SolutionLabels) -> Option<Value> {
    let mut said = Extra::new();
    if !labels.error_kind.is_empty() {
        said.insert("error_kind".into(), labels.error_kind.as_str().into());
    }
    if !labels.end_reason.is_empty() {
        said.insert("end_reason".into(), labels.end_reason.as_str().into());
    }
    if let Some(progress) = labels.progress {
        said.insert("progress".into(), progress.into());
    }
    if !labels.remarks.is_empty() {
        let remark = |remark: &Remark| json!({"writing": remark.writing, "step": remark.step, "text": remark.text});
        said.insert("remarks".into(), labels.remarks.iter().map(remark).collect());
    }
    (!said.is_empty()).then_some(said.into())
}

fn item_unsure(item: &Labelled<'_>) -> bool {
    if item.touched { item.labels.unsure } else { item.of().unsure }
}

fn first_error(first_error: FirstError) -> Value {
    match first_error {
        FirstError::At(index) => index.into(),
        FirstError::NoError => "none".into(),
        FirstError::Unknown => "unknown".into(),
        FirstError::Unlabelable => "unlabelable".into(),
    }
}

fn finite(number: Option<f64>) -> Value {
    number.and_then(Number::from_f64).map_or(Value::Null, Value::Number)
}

/// The statistics of a node as fields of its line.
pub(super) fn stats(stats: &NodeStats) -> Extra {
    let NodeStats { mc, mc_k, mc_hits, q, value, prior, visits, prm } = *stats;
    let numbers = [("mc", mc), ("q", q), ("value", value), ("prior", prior), ("prm", prm)];
    let counts = [("mc_k", mc_k), ("mc_hits", mc_hits), ("visits", visits)];
    let numbers = numbers.into_iter().filter_map(|(key, number)| Some((key, Value::Number(Number::from_f64(number?)?))));
    let counts = counts.into_iter().filter_map(|(key, count)| Some((key, Value::from(count?))));
    numbers.chain(counts).map(|(key, value)| (key.to_owned(), value)).collect()
}

/// The rating of every node: what the session says of the steps it touched, else what the source says.
fn node_ratings(unit: &LabelledTrace<'_>) -> Vec<Option<Rating>> {
    let trace = unit.trace;
    let mut ratings: Vec<_> = trace.nodes.iter().map(|node| node.rating).collect();
    for (id, rating) in &unit.marks {
        ratings[id.index()] = Some(*rating);
    }
    let touched =
        || unit.solutions.iter().filter(|item| item.touched).map(|item| (trace.path(item.of().leaf), &item.labels.steps));
    for (path, _) in touched() {
        for id in path {
            ratings[id.index()] = None;
        }
    }
    for (path, labels) in touched() {
        for (id, &label) in path.into_iter().zip(labels) {
            let slot = &mut ratings[id.index()];
            // Where two solutions disagree about a shared step, the second writes its ratings in full.
            *slot = slot.or(label.rating());
        }
    }
    ratings
}

/// The id of every node: that of the source where it has one, else its number in the trace.
fn ids(trace: &Trace) -> Vec<Value> {
    let name = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let given: HashSet<String> = trace.nodes.iter().filter_map(|node| node.extra.get("id")).map(name).collect();
    let mut used = HashSet::new();
    let fresh = |index: usize, used: &HashSet<String>| {
        let mut candidate = index.to_string();
        while given.contains(&candidate) || used.contains(&candidate) {
            candidate.insert(0, 'n');
        }
        if candidate.starts_with('n') { Value::from(candidate) } else { Value::from(index) }
    };
    let nodes = trace.nodes.iter().enumerate();
    nodes
        .map(|(index, node)| {
            let own = node.extra.get("id").filter(|id| matches!(id, Value::String(_) | Value::Number(_)));
            let id = own.filter(|id| !used.contains(&name(id))).cloned().unwrap_or_else(|| fresh(index, &used));
            used.insert(name(&id));
            id
        })
        .collect()
}
