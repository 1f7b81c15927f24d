//! Logs of the visualiser of llm-reasoners (`TreeLog`): one snapshot of the tree for each iteration of the search. The last one is read; of
//! the others, when each node came and how its value changed.
//!
//! States are of any shape. The text of a step is: a text alone; the last element of a list (written as `{"0": .., "1": ..}`); else the
//! first of the usual fields; else, for a state of one field, that field. The action stands on the edge and comes first. Whose states hold
//! something else says the field with `--map steps=NAME`; where there are several texts to choose from, a note names them.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value};

use super::detect::Detection;
use super::fields::{Fault, Fields};
use super::json::excerpt;
use super::tree::{self, Node};
use super::{Format, RawRecord, RecordError, mapping, numbers};
use crate::trace::{NodeStats, Problem, Trace, TraceBuilder};

const NAME: &str = "tree-log";
/// Most texts of states that are named.
const SHOWN: usize = 8;
/// Fields in which states keep their step.
const TEXTS: &[&str] =
    &["text", "step", "thought", "action", "content", "sub_answer", "sub_question", "state", "plan", "blocks_state"];

/// The format.
pub(super) struct TreeLog;

impl Format for TreeLog {
    fn name(&self) -> &'static str {
        NAME
    }

    fn doc(&self) -> &'static str {
        "llm-reasoners TreeLog: logs, a list of snapshots with nodes and edges"
    }

    fn detect(&self, value: &Value) -> Detection {
        Detection::sure_if(are_logs(&value["logs"]), "`logs` of `nodes` and `edges`")
    }

    fn read(&self, record: &RawRecord<'_>) -> Result<Trace, RecordError> {
        record.read(|fields| read(fields, record.index, None))
    }

    fn problem_hash(&self, _record: &[u8]) -> Option<u64> {
        // The problem is somewhere in the state of the root: a log is a problem of its own.
        None
    }
}

/// Whether this is a list of snapshots.
pub(super) fn are_logs(logs: &Value) -> bool {
    let first = &logs[0];
    first["nodes"].is_object() && first["edges"].is_object()
}

/// Reads a log. `field` is where states, or the edges to them, hold the step, if somebody has said so.
pub(super) fn read(mut fields: Fields, record: usize, field: Option<&str>) -> Result<TraceBuilder, Fault> {
    let mut logs = fields.list("logs")?;
    let snapshots = logs.len();
    let mut history = history(&logs);
    let last = logs.pop().ok_or_else(|| Fault::new("logs", "expected at least one snapshot, found none"))?;
    let mut last = Fields::of(last, format!("logs[{}]", snapshots - 1))?;
    let (states, edges) = (last.object("nodes")?.rest(), last.object("edges")?.rest());
    let places: HashMap<String, usize> = states.keys().enumerate().map(|(at, id)| (id.clone(), at)).collect();
    let mut nodes: Vec<Node> = Vec::with_capacity(states.len());
    let mut chosen = Vec::with_capacity(states.len());
    for (id, state) in states {
        let mut state = Fields::of(state, format!("logs[{}].nodes.{id}", snapshots - 1))?;
        state.take("id");
        let own = state.peek("data").and_then(Value::as_object).and_then(|data| text_in(data, field));
        chosen.push(own.is_some());
        let text = own.or_else(|| state.peek("data").map(text_of)).unwrap_or_default();
        let history = history.remove(&id).unwrap_or_default();
        nodes.push(Node { id, text, history, rest: state.rest(), ..Node::default() });
    }
    for (id, edge) in edges {
        let mut edge = Fields::of(edge, format!("logs[{}].edges.{id}", snapshots - 1))?;
        let mut end = |key: &str| -> Result<usize, Fault> {
            let path = edge.at(key);
            let value = edge.need(key, "a node")?;
            places.get(&name(&value)).copied().ok_or_else(|| Fault::expected(path, "a node of the snapshot", &value))
        };
        let (source, target) = (end("source")?, end("target")?);
        let node = &mut nodes[target];
        node.parents.push(source);
        if let Some(data) = edge.take_some("data").filter(Value::is_object) {
            let data = Fields::of(data, edge.at("data"))?;
            // The search knows no range: rewards are whatever the world model gives.
            let reward = numbers::number(&data, "reward")?;
            node.stats = NodeStats { q: numbers::number(&data, "Q")?, value: reward, ..NodeStats::default() };
            let action = data.peek("action").and_then(Value::as_str).map(str::to_owned);
            if let Some(text) = text_in(data.map(), field).or(action).filter(|_| !chosen[target]) {
                node.text = text;
            }
            node.rest.insert("edge".to_owned(), Value::Object(data.rest()));
        }
    }
    let mut builder = TraceBuilder::new(problem(&mut nodes, record));
    let texts = texts(&nodes);
    if field.is_none() && texts.len() > 1 {
        let names: Vec<String> = texts.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
        builder.warn(format!("states hold several texts ({}): --map steps=NAME says which is the step", names.join(", ")));
    }
    if snapshots > 1 {
        builder.warn("of the snapshots before the last one the values of the steps are kept, and no more");
    }
    tree::grow(&mut builder, NAME, nodes, None)?;
    let mut extra = fields.rest();
    extra.insert("snapshots".to_owned(), snapshots.into());
    tree::ranges(&mut extra, serde_json::json!({"q": null, "value": null}));
    builder.extra(extra);
    Ok(builder)
}

/// For each node the snapshots, from 1, in which it is new or has another value.
fn history(logs: &[Value]) -> HashMap<String, Vec<(u64, Option<f64>)>> {
    let mut history: HashMap<String, Vec<(u64, Option<f64>)>> = HashMap::new();
    for (iteration, log) in (1..).zip(logs) {
        let edges = log["edges"].as_object().into_iter().flat_map(Map::values);
        let value = |edge: &Value| edge["data"]["Q"].as_f64().or_else(|| edge["data"]["reward"].as_f64());
        let values: HashMap<String, Option<f64>> = edges.map(|edge| (name(&edge["target"]), value(edge))).collect();
        for id in log["nodes"].as_object().into_iter().flat_map(Map::keys) {
            let value = values.get(id).copied().flatten();
            let known = history.entry(id.clone()).or_default();
            if known.last().is_none_or(|(_, last)| *last != value) {
                known.push((iteration, value));
            }
        }
    }
    history
}

/// The name of a node, which is a text or a number.
fn name(id: &Value) -> String {
    id.as_str().map_or_else(|| id.to_string(), str::to_owned)
}

/// The state of the only root is the problem.
fn problem(nodes: &mut [Node], record: usize) -> Problem {
    let mut roots = nodes.iter_mut().filter(|node| node.parents.is_empty());
    let text = match (roots.next(), roots.next()) {
        (Some(root), None) if !root.text.trim().is_empty() => std::mem::take(&mut root.text),
        _ => format!("log {}", record + 1),
    };
    Problem { text, ..Problem::default() }
}

/// The names of the texts of those steps that have several to choose from.
fn texts(nodes: &[Node]) -> BTreeSet<String> {
    let of = |node: &Node| -> Vec<String> {
        let data = node.rest.get("data").and_then(Value::as_object).into_iter().flatten();
        let named = data.filter(|(key, text)| text.is_string() && key.parse::<u64>().is_err()).map(|(key, _)| excerpt(key, 24));
        let action = node.rest.get("edge").and_then(|edge| edge.get("action")?.as_str());
        named.chain(action.map(|_| "action".to_owned())).collect()
    };
    nodes.iter().filter(|node| !node.parents.is_empty()).map(of).filter(|texts| texts.len() > 1).flatten().collect()
}

/// The text in the field that somebody chose.
fn text_in(data: &Map<String, Value>, field: Option<&str>) -> Option<String> {
    mapping::find(data, field?).map(|value| text_of(&value))
}

fn text_of(data: &Value) -> String {
    match data {
        Value::String(text) => text.clone(),
        Value::Object(map) => listed(map).or_else(|| known(map)).map_or_else(|| data.to_string(), text_of),
        Value::Array(items) => items.last().map(text_of).unwrap_or_default(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// The last element of a list that was written as an object.
fn listed(map: &Map<String, Value>) -> Option<&Value> {
    let numbered = map.iter().map(|(key, value)| Some((key.parse::<u64>().ok()?, value))).collect::<Option<Vec<_>>>()?;
    numbered.into_iter().max_by_key(|(key, _)| *key).map(|(_, value)| value)
}

fn known(map: &Map<String, Value>) -> Option<&Value> {
    let usual = TEXTS.iter().find_map(|key| map.get(*key).filter(|value| value.is_string()));
    usual.or_else(|| map.values().next().filter(|_| map.len() == 1))
}
