//! Node-link JSON of NetworkX: a directed graph of steps. Edges stand under `edges` or, before version 3.6, under `links`.
//!
//! Text is the first of the attributes `text`, `step`, `thought`, `content`, `label`; numbers are those of our own interchange form (`mc`,
//! `q`, `value`, `prior`, `visits`), and `score` or `reward` where there is no `value`. NetworkX knows no ranges: shares must lie in 0..1.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::detect::Detection;
use super::fields::{Fault, Fields};
use super::tree::{self, End, Node};
use super::{Format, RawRecord, RecordError, numbers};
use crate::trace::{NodeStats, Outcome, Problem, Trace, TraceBuilder};

const NAME: &str = "node-link";
const TEXTS: &[&str] = &["text", "step", "thought", "content", "label"];
const VALUES: &[&str] = &["value", "score", "reward"];

/// The format.
pub(super) struct NodeLink;

impl Format for NodeLink {
    fn name(&self) -> &'static str {
        NAME
    }

    fn doc(&self) -> &'static str {
        "NetworkX node-link graphs: directed, nodes, edges or links (a DAG; several roots)"
    }

    fn detect(&self, value: &Value) -> Detection {
        let list = |key: &str| value.get(key).is_some_and(Value::is_array);
        let graph = list("nodes") && (list("edges") || list("links"));
        Detection::sure_if(graph && value.get("directed").is_some_and(Value::is_boolean), "`directed`, `nodes` and `edges`")
    }

    fn read(&self, record: &RawRecord<'_>) -> Result<Trace, RecordError> {
        record.read(|fields| read(fields, record.index))
    }

    fn problem_at(&self) -> &'static [&'static str] {
        &["graph", "problem"]
    }
}

fn read(mut fields: Fields, record: usize) -> Result<TraceBuilder, Fault> {
    if !fields.boolean("directed")? {
        return Err(Fault::new("directed", "expected a directed graph, found an undirected one: which way do its edges lead?"));
    }
    let mut graph = match fields.take_some("graph") {
        None => Fields::of(json!({}), "graph")?,
        Some(graph) => Fields::of(graph, "graph")?,
    };
    let text = graph.optional_text("problem")?.unwrap_or_else(|| format!("graph {}", record + 1));
    let problem = Problem {
        text,
        reference_answer: graph.reference("gold")?,
        reference_solution: graph.optional_text("reference_solution")?,
    };
    let mut places = HashMap::new();
    let mut nodes = Vec::new();
    for (index, value) in fields.list("nodes")?.into_iter().enumerate() {
        let mut node = Fields::of(value, format!("nodes[{index}]"))?;
        // The names of these keys are the writer's choice.
        let key = if node.peek("id").is_none() && node.peek("name").is_some() { "name" } else { "id" };
        let id = name(&node.need(key, "an id")?);
        if places.insert(id.clone(), index).is_some() {
            return Err(Fault::new(node.at("id"), format!("expected an id of its own, found {} again", id.escape_debug())));
        }
        nodes.push(read_node(id, node)?);
    }
    let key = if fields.peek("edges").is_some() { "edges" } else { "links" };
    let mut joined = HashSet::new();
    for (index, value) in fields.list(key)?.into_iter().enumerate() {
        let mut edge = Fields::of(value, format!("{key}[{index}]"))?;
        let mut end = |which: &str, other: &str| -> Result<usize, Fault> {
            let which = if edge.peek(which).is_none() && edge.peek(other).is_some() { other } else { which };
            let path = edge.at(which);
            let value = edge.need(which, "the id of a node")?;
            places.get(&name(&value)).copied().ok_or_else(|| Fault::expected(path, "the id of a node", &value))
        };
        let (source, target) = (end("source", "from")?, end("target", "to")?);
        // Several edges between two nodes are one step.
        if joined.insert((source, target)) {
            nodes[target].parents.push(source);
        }
        let rest = edge.rest();
        if !rest.is_empty() {
            let key = format!("edge from {}", nodes[source].id);
            nodes[target].rest.insert(key, Value::Object(rest));
        }
    }
    let mut builder = TraceBuilder::new(problem);
    tree::grow(&mut builder, NAME, nodes, None)?;
    let mut extra = fields.rest();
    extra.insert("graph".to_owned(), Value::Object(graph.rest()));
    tree::ranges(&mut extra, json!({"mc": [0, 1], "q": null, "value": null}));
    builder.extra(extra);
    Ok(builder)
}

/// Ids may be of any kind, also lists.
fn name(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn read_node(id: String, mut fields: Fields) -> Result<Node, Fault> {
    let key = TEXTS.iter().copied().find(|key| fields.peek(key).is_some_and(Value::is_string));
    let text = match key {
        Some(key) => fields.text(key)?,
        // A node without a text is shown by its name.
        None => id.clone(),
    };
    let value = VALUES.iter().copied().find(|key| fields.peek(key).is_some_and(Value::is_number)).unwrap_or("value");
    let stats = NodeStats {
        mc: numbers::share(&fields, "mc")?,
        q: numbers::number(&fields, "q")?,
        value: numbers::number(&fields, value)?,
        prior: numbers::number(&fields, "prior")?,
        visits: numbers::count(&fields, "visits")?,
        ..NodeStats::default()
    };
    let terminal = fields.peek("terminal") == Some(&Value::Bool(true));
    let outcome = fields.optional_boolean("correct")?;
    let answer = fields.optional_name("answer")?;
    let ends = terminal || outcome.is_some() || answer.is_some();
    let end = ends.then(|| End { answer, outcome: outcome.map_or(Outcome::Unknown, Outcome::from), ..End::default() });
    Ok(Node { id, text, stats, end, rest: fields.rest(), ..Node::default() })
}
