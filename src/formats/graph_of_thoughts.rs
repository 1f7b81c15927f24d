//! Results of spcl/graph-of-thoughts: a list of operations with their thoughts. Edges between operations are not stored, so the operations
//! stand one below the other, each with its thoughts beside the next operation: layers, no guessed parents.

use serde_json::{Value, json};

use super::detect::Detection;
use super::fields::{Fault, Fields};
use super::{Format, RawRecord, RecordError, Unit, span};
use crate::trace::{Extra, NodeId, NodeStats, Outcome, Problem, Trace, TraceBuilder};

/// The format.
pub(super) struct GraphOfThoughts;

impl Format for GraphOfThoughts {
    fn name(&self) -> &'static str {
        "graph-of-thoughts"
    }

    fn doc(&self) -> &'static str {
        "Graph-of-Thoughts results: a list of operations with thoughts and scores, the costs last"
    }

    fn detect(&self, value: &Value) -> Detection {
        if value.get("operation").is_some() && value.get("thoughts").is_some_and(Value::is_array) {
            return Detection::sure("`operation` and `thoughts`");
        }
        let costs = ["prompt_tokens", "completion_tokens", "cost"].iter().all(|key| value.get(key).is_some());
        if costs && value.as_object().is_some_and(|map| map.len() == 3) {
            return Detection::maybe(50, "`prompt_tokens`, `completion_tokens` and `cost`");
        }
        Detection::NO
    }

    fn read(&self, record: &RawRecord<'_>) -> Result<Trace, RecordError> {
        self.read_unit(&[*record]).of_one(record)
    }

    /// The operations of a file are one graph.
    fn unit_key(&self, record: &[u8]) -> Option<u64> {
        let part = span::find(record, &["operation"]).or_else(|| span::find(record, &["prompt_tokens"]));
        part.map(|_| span::hash("graph"))
    }

    fn read_unit(&self, records: &[RawRecord<'_>]) -> Unit {
        let text = records.iter().find_map(|record| span::text(record.bytes, &["problem"])).map_or_else(String::new, Into::into);
        let mut builder = TraceBuilder::new(Problem { text, ..Problem::default() });
        builder.warn("edges between operations are not stored: the operations stand in layers");
        let (mut at, mut errors, mut extra) = (NodeId::ROOT, Vec::new(), Extra::new());
        for record in records {
            let placed = record.fields().and_then(|(fields, warnings)| {
                for warning in warnings {
                    builder.warn(warning);
                }
                operation(&mut builder, &mut at, &mut extra, fields, record.index).map_err(|fault| record.error(fault))
            });
            errors.extend(placed.err());
        }
        extra.insert(super::tree::RANGE_KEY.to_owned(), json!({"value": null}));
        builder.extra(extra);
        let trace = (errors.len() < records.len()).then(|| builder.finish());
        Unit { trace, errors }
    }

    fn problem_hash(&self, record: &[u8]) -> Option<u64> {
        span::find(record, &["operation"]).map(|_| span::hash("graph"))
    }
}

/// Adds a layer below the last one. The costs belong to the whole.
fn operation(
    builder: &mut TraceBuilder,
    at: &mut NodeId,
    whole: &mut Extra,
    mut fields: Fields,
    record: usize,
) -> Result<(), Fault> {
    if fields.peek("operation").is_none() {
        whole.extend(fields.rest());
        return Ok(());
    }
    let name = fields.text("operation")?;
    let thoughts = fields.list("thoughts")?;
    let (scores, solved) =
        (fields.optional_list("scores")?.unwrap_or_default(), fields.optional_list("problem_solved")?.unwrap_or_default());
    let layer = builder.trace().node(*at).depth + 1;
    *at = builder.child(*at, &format!("{layer}. {name}"));
    let last = *at;
    let mut rest = fields.rest();
    if !scores.is_empty() {
        rest.insert("scores".to_owned(), scores.clone().into());
    }
    builder.node_mut(last).extra = rest;
    for (index, thought) in thoughts.into_iter().enumerate() {
        let id = builder.child(last, &text_of(&thought));
        let node = builder.node_mut(id);
        node.stats = NodeStats { value: scores.get(index).and_then(Value::as_f64), ..node.stats };
        node.extra.insert("state".to_owned(), thought);
        let solution = builder.solution(id);
        solution.record = record;
        solution.outcome = solved.get(index).and_then(Value::as_bool).map_or(Outcome::Unknown, Outcome::from);
    }
    Ok(())
}

/// What a state holds now; the state as a whole where it does not say.
fn text_of(thought: &Value) -> String {
    match thought.get("current") {
        Some(Value::String(text)) if !text.is_empty() => text.clone(),
        _ => thought.to_string(),
    }
}
