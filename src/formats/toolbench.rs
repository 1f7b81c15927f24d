//! Decision trees of OpenBMB/ToolBench (`DFSDT`), one file an instruction. A step of the agent is up to three nodes, a thought, an action and
//! its input; what the tool answered is a step of its own here. `is_terminal` is false in every file: `observation_code` 3 marks an answer.

use serde_json::{Value, json};

use super::detect::Detection;
use super::fields::{Fault, Fields, integer};
use super::tree::{self, End, Node};
use super::{Format, RawRecord, RecordError};
use crate::trace::{Outcome, Problem, StepKind, Trace, TraceBuilder};

const NAME: &str = "toolbench";
/// Codes of observations: the agent gave its answer, the agent gave up.
const ANSWERED: i64 = 3;
const GAVE_UP: i64 = 4;

/// The format.
pub(super) struct ToolBench;

impl Format for ToolBench {
    fn name(&self) -> &'static str {
        NAME
    }

    fn doc(&self) -> &'static str {
        "ToolBench DFSDT answers: answer_generation and a tree of Thought, Action and Action Input nodes"
    }

    fn detect(&self, value: &Value) -> Detection {
        let tree = value["tree"]["tree"].get("node_type").is_some();
        Detection::sure_if(tree && value.get("answer_generation").is_some(), "`answer_generation` and `tree.tree`")
    }

    fn read(&self, record: &RawRecord<'_>) -> Result<Trace, RecordError> {
        record.read(read)
    }

    fn problem_at(&self) -> &'static [&'static str] {
        &["answer_generation", "query"]
    }
}

fn read(mut fields: Fields) -> Result<TraceBuilder, Fault> {
    let mut generation = fields.object("answer_generation")?;
    let text = generation.text("query")?;
    let mut builder = TraceBuilder::new(Problem { text, ..Problem::default() });
    let mut outer = fields.object("tree")?;
    let root = outer.need("tree", "a node")?;
    let mut nodes = Vec::new();
    let mut stack = vec![(root, "tree.tree".to_owned(), None)];
    while let Some((value, path, parent)) = stack.pop() {
        let mut node = Fields::of(value, path)?;
        let path = node.at("children");
        let children = node.optional_list("children")?.unwrap_or_default();
        let place = read_node(&mut nodes, node, parent)?;
        let children = children.into_iter().enumerate().rev();
        stack.extend(children.map(|(index, child)| (child, format!("{path}[{index}]"), Some(place))));
    }
    tree::grow(&mut builder, NAME, nodes, None)?;
    let mut extra = fields.rest();
    extra.insert("answer_generation".to_owned(), Value::Object(generation.rest()));
    extra.insert("tree".to_owned(), Value::Object(outer.rest()));
    tree::ranges(&mut extra, json!({}));
    builder.extra(extra);
    Ok(builder)
}

/// Adds a node, and its observation below it; gives the place that its children hang on.
fn read_node(nodes: &mut Vec<Node>, mut fields: Fields, parent: Option<usize>) -> Result<usize, Fault> {
    let text = fields.text("description")?;
    let kind =
        if fields.peek("node_type").and_then(Value::as_str) == Some("Thought") { StepKind::Thought } else { StepKind::Code };
    let observation = fields.optional_text("observation")?.unwrap_or_default();
    let code = fields.peek("observation_code").and_then(integer);
    let end = match code {
        Some(ANSWERED) => Some(End { answer: final_answer(&text), ..End::default() }),
        Some(GAVE_UP) => Some(End { outcome: Outcome::Unknown, ..End::default() }),
        _ => None,
    };
    let place = nodes.len();
    nodes.push(Node {
        id: place.to_string(),
        parents: parent.into_iter().collect(),
        text,
        kind,
        rest: fields.rest(),
        ..Node::default()
    });
    if observation.is_empty() {
        nodes[place].end = end;
        return Ok(place);
    }
    let node = Node {
        id: format!("{place}/observation"),
        parents: vec![place],
        text: observation,
        kind: StepKind::Tool,
        end,
        ..Node::default()
    };
    nodes.push(node);
    Ok(place + 1)
}

/// The answer stands in the input of the last call, which is JSON if all went well.
fn final_answer(input: &str) -> Option<String> {
    let value: Value = super::parse_json(input.as_bytes()).ok()?;
    value["final_answer"].as_str().map(str::to_owned)
}
