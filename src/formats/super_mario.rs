//! Search trees of MARIO-Math-Reasoning/Super_MARIO (`AlphaMath`) and of what was built on it (rStar-Math): an object of states under the
//! keys `0`, `0.0`, `0.1`, ...: the second is the first child of the first.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::detect::Detection;
use super::fields::{Fault, Fields};
use super::tree::{self, End, Node};
use super::{Format, RawRecord, RecordError, numbers};
use crate::trace::{NodeStats, Outcome, Problem, StepKind, Trace, TraceBuilder};

const NAME: &str = "super-mario";
/// What states carry that were never evaluated.
const NEVER: f64 = -100.0;
/// What stands in the place of an answer when a branch failed.
const FAILURES: &[&str] = &["steps have code errors", "problem within limited steps", "parsable text for next step"];

/// The format.
pub(super) struct SuperMario;

impl Format for SuperMario {
    fn name(&self) -> &'static str {
        NAME
    }

    fn doc(&self) -> &'static str {
        "Super_MARIO and rStar-Math trees: question and an object of states by tag (0, 0.0, 0.1) with q_value and visit_count"
    }

    fn detect(&self, value: &Value) -> Detection {
        let tags = value.as_object().is_some_and(|map| map.values().any(is_tree));
        Detection::sure_if(tags && value.get("question").is_some(), "`question` and states by tag (0, 0.0, ..)")
    }

    fn read(&self, record: &RawRecord<'_>) -> Result<Trace, RecordError> {
        record.read(read)
    }

    fn problem_at(&self) -> &'static [&'static str] {
        &["question"]
    }
}

fn is_tag(key: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    key.split('.').all(digits) && (key == "0" || key.starts_with("0."))
}

fn is_tree(value: &Value) -> bool {
    value.as_object().is_some_and(|map| map.get("0").is_some_and(Value::is_object) && map.keys().all(|key| is_tag(key)))
}

fn read(mut fields: Fields) -> Result<TraceBuilder, Fault> {
    let text = fields.text("question")?;
    let reference_answer = fields.reference("answer")?;
    let mut builder = TraceBuilder::new(Problem { text, reference_answer, reference_solution: None });
    let key = fields.keys().find(|key| fields.peek(key).is_some_and(is_tree)).map(str::to_owned);
    let key = key.ok_or_else(|| Fault::record("expected an object with the keys 0, 0.0, .., found none"))?;
    let states = fields.object(&key)?.rest();
    let places: HashMap<String, usize> = states.keys().enumerate().map(|(at, tag)| (tag.clone(), at)).collect();
    let mut nodes = Vec::with_capacity(states.len());
    for (tag, state) in states {
        let parents = match tag.rsplit_once('.') {
            None => Vec::new(),
            Some((parent, _)) => {
                let parent = places.get(parent).copied();
                vec![parent.ok_or_else(|| {
                    Fault::new(
                        format!("{key}.{tag}"),
                        format!(
                            "expected its parent {}, found no such node",
                            tag.rsplit_once('.').map_or("", |(parent, _)| parent)
                        ),
                    )
                })?]
            }
        };
        nodes.push(node(Fields::of(state, format!("{key}.{tag}"))?, tag, parents)?);
    }
    tree::grow(&mut builder, NAME, nodes, None)?;
    let mut extra = fields.rest();
    extra.insert("tree_key".to_owned(), key.into());
    tree::ranges(&mut extra, json!({"q": [-1, 1], "value": [-1, 1], "prior": [0, 1]}));
    builder.extra(extra);
    Ok(builder)
}

fn node(mut fields: Fields, id: String, parents: Vec<usize>) -> Result<Node, Fault> {
    let text = fields.text("text")?;
    let stats = NodeStats {
        q: numbers::within(&fields, "q_value", -1.0, 1.0)?,
        value: numbers::number(&fields, "value")?.filter(|&value| value > NEVER),
        prior: numbers::number(&fields, "prior")?,
        visits: numbers::count(&fields, "visit_count")?,
        ..NodeStats::default()
    };
    let code = fields.peek("action").and_then(Value::as_str).is_some_and(|action| !action.is_empty());
    let kind = if code { StepKind::Code } else { StepKind::Text };
    let end = match fields.peek("final_answer") {
        Some(Value::String(answer)) if !answer.is_empty() => Some(ending(answer)),
        _ => None,
    };
    Ok(Node { id, parents, text, kind, stats, end, rest: fields.rest(), ..Node::default() })
}

/// Fixed sentences say why a branch failed: they are no answers.
fn ending(answer: &str) -> End {
    if FAILURES.iter().any(|failure| answer.contains(failure)) {
        let mut end = End::default();
        end.extra.insert("terminal_reason".to_owned(), answer.into());
        end
    } else {
        End { answer: Some(answer.to_owned()), outcome: Outcome::Unknown, ..End::default() }
    }
}
