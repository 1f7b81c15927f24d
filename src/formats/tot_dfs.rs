//! Depth-first logs of tree-of-thought-llm (crosswords): a record is the list of visits of one game, each with its path from the root. The
//! puzzles lie in a file beside the logs, clues and board: problems without a solution.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::detect::Detection;
use super::fields::{self, Fault, Fields};
use super::json::describe;
use super::tree::{self, Node};
use super::{Format, RawRecord, RecordError, numbers};
use crate::trace::{NodeStats, Problem, Trace, TraceBuilder};

const NAME: &str = "tot-dfs";

/// The format.
pub(super) struct TotDfs;

impl Format for TotDfs {
    fn name(&self) -> &'static str {
        NAME
    }

    fn doc(&self) -> &'static str {
        "Tree-of-Thoughts depth-first logs: a list of visits with actions (the path), info and count"
    }

    fn detect(&self, value: &Value) -> Detection {
        let first = &value[0];
        if is_puzzle(value) {
            return Detection::sure("a list of clues and a board of letters");
        }
        Detection::sure_if(
            first["actions"].is_array() && first.get("env_step").is_some(),
            "a list of visits with `actions` and `env_step`",
        )
    }

    fn read(&self, record: &RawRecord<'_>) -> Result<Trace, RecordError> {
        record.read_value(|value| read(value, record.index))
    }

    fn problem_hash(&self, _record: &[u8]) -> Option<u64> {
        None
    }
}

/// Clues across and down, and as many letters as these cross.
fn is_puzzle(value: &Value) -> bool {
    let texts = |value: &Value| value.as_array().filter(|items| items.iter().all(Value::is_string)).map_or(0, Vec::len);
    let letters = |value: &Value| {
        value.as_array().is_some_and(|items| items.iter().all(|item| item.as_str().is_some_and(|text| text.len() == 1)))
    };
    let (clues, board) = (texts(&value[0]), texts(&value[1]));
    value.as_array().is_some_and(|parts| parts.len() == 2) && clues > 0 && clues * clues == board * 4 && letters(&value[1])
}

fn read_puzzle(value: &Value) -> TraceBuilder {
    let texts = |value: &Value, between: &str| -> String {
        value.as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(between)
    };
    let (text, board) = (texts(&value[0], "\n"), texts(&value[1], " "));
    TraceBuilder::new(Problem { text, reference_answer: Some(board), reference_solution: None })
}

fn read(value: Value, record: usize) -> Result<TraceBuilder, Fault> {
    if is_puzzle(&value) {
        return Ok(read_puzzle(&value));
    }
    let Value::Array(visits) = value else {
        return Err(Fault::record(format!("a record must be a list of visits, found {}", describe(&value))));
    };
    // The log does not say what the puzzle was; the number of the game keeps the steps of two games apart.
    let mut builder = TraceBuilder::new(Problem { text: format!("game {}", record + 1), ..Problem::default() });
    builder.warn("the log does not hold the text of the problem");
    let mut nodes: Vec<Node> = Vec::with_capacity(visits.len());
    // Places by that of the step before and the text: keys that hold whole paths would take memory as the square of their length.
    let mut known: HashMap<(Option<usize>, String), usize> = HashMap::new();
    for (at, visit) in visits.into_iter().enumerate() {
        let mut visit = Fields::of(visit, format!("[{at}]"))?;
        let path = fields::texts(visit.list("actions")?, &visit.at("actions"))?;
        let mut parent = None;
        for text in path {
            // A step that was never visited itself is a step all the same.
            let place = *known.entry((parent, text)).or_insert_with_key(|(parent, text)| {
                let parents = parent.iter().copied().collect();
                nodes.push(Node { id: nodes.len().to_string(), parents, text: text.clone(), ..Node::default() });
                nodes.len() - 1
            });
            parent = Some(place);
        }
        let Some(place) = parent else { continue };
        let info = visit.peek("info").cloned().unwrap_or_else(|| json!({}));
        let value = numbers::share(&Fields::of(info, visit.at("info"))?, "r_word")?;
        nodes[place].stats = NodeStats { value, ..NodeStats::default() };
        nodes[place].history.push((at as u64 + 1, value));
        nodes[place].rest = visit.rest();
    }
    tree::grow(&mut builder, NAME, nodes, None)?;
    let mut extra = crate::trace::Extra::new();
    tree::ranges(&mut extra, json!({"value": [0, 1]}));
    builder.extra(extra);
    Ok(builder)
}
