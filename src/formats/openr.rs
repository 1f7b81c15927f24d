//! Search trees of `OmegaPRM` as openreasoner/openr writes them: nested nodes, or a flat list of cumulative prefixes.
//!
//! A node holds all steps between two probe points, and the text of one sibling can be the beginning of another's. So the texts
//! are split into steps and laid into one prefix tree; a node's estimate stands on the last step that it covers, and the bounds of
//! the original nodes are kept there as `openr`.

use serde_json::{Value, json};

use super::detect::Detection;
use super::fields::{self, Fault, Fields};
use super::{Format, RawRecord, RecordError, place_below, tree};
use crate::segment::{self, Rule};
use crate::trace::{NodeId, NodeStats, Outcome, Problem, Trace, TraceBuilder};

const NAME: &str = "openr";

/// The format.
pub(super) struct Openr;

impl Format for Openr {
    fn name(&self) -> &'static str {
        NAME
    }

    fn doc(&self) -> &'static str {
        "openr OmegaPRM: question and reasoning_steps, a tree or a list with mc_value"
    }

    fn detect(&self, value: &Value) -> Detection {
        let steps = value.get("reasoning_steps");
        let tree = steps.is_some_and(|steps| steps.get("mc_value").is_some() || steps.get("children").is_some());
        let flat =
            steps.and_then(Value::as_array).is_some_and(|list| list.iter().any(|item| item.get("solution_prefix").is_some()));
        if tree {
            Detection::sure("`reasoning_steps` as a tree with `mc_value`")
        } else if flat {
            Detection::sure("`reasoning_steps` as a list of `solution_prefix` and `mc_value`")
        } else {
            Detection::NO
        }
    }

    fn read(&self, record: &RawRecord<'_>) -> Result<Trace, RecordError> {
        record.read(read)
    }

    fn problem_at(&self) -> &'static [&'static str] {
        &["question"]
    }
}

fn read(mut fields: Fields) -> Result<TraceBuilder, Fault> {
    let text = fields.text("question")?;
    let reference_answer = fields.reference("final_answer")?;
    let steps = fields.need("reasoning_steps", "a tree or a list")?;
    let mut builder = TraceBuilder::new(Problem { text, reference_answer, reference_solution: None });
    match steps {
        Value::Array(items) => read_flat(&mut builder, items)?,
        tree => read_tree(&mut builder, tree)?,
    }
    let mut extra = fields.rest();
    extra.insert(segment::EXTRA_KEY.to_owned(), Rule::Blank.to_string().into());
    tree::ranges(&mut extra, json!({"mc": [0, 1]}));
    builder.extra(extra);
    Ok(builder)
}

/// The estimate of a node: null (and what was NaN) counts as missing.
fn estimate(fields: &mut Fields) -> Result<Option<f64>, Fault> {
    let path = fields.at("mc_value");
    let Some(value) = fields.take_some("mc_value") else { return Ok(None) };
    let inside = value.as_f64().filter(|share| (0.0..=1.0).contains(share));
    inside.map(Some).ok_or_else(|| Fault::expected(path, "a number from 0 to 1", &value))
}

/// Puts a node's estimate on the last step that it covers and keeps its bounds.
fn attach(builder: &mut TraceBuilder, bounds: (NodeId, NodeId), mc: Option<f64>, fields: Fields) {
    let mut rest = fields.rest();
    rest.insert("mc_value".to_owned(), mc.into());
    tree::attach(builder, NAME, bounds, NodeStats { mc, ..NodeStats::default() }, rest);
}

fn read_tree(builder: &mut TraceBuilder, tree: Value) -> Result<(), Fault> {
    // Depth first, in source order, without recursion of our own.
    let mut stack = vec![(tree, "reasoning_steps".to_owned(), None)];
    while let Some((value, path, parent)) = stack.pop() {
        let mut fields = Fields::of(value, path)?;
        let text = fields.text("text")?;
        let mc = estimate(&mut fields)?;
        let children_path = fields.at("children");
        let children = fields.optional_list("children")?.unwrap_or_default();
        let from = parent.unwrap_or(NodeId::ROOT);
        // The root repeats the question.
        let own = parent.is_some() || text != builder.trace().problem.text;
        let id = if own { place_below(builder, from, &segment::split(&text, Rule::Blank)) } else { from };
        attach(builder, (from, id), mc, fields);
        if children.is_empty() && id != NodeId::ROOT {
            finish(builder, id, mc);
        }
        let children = children.into_iter().enumerate().rev();
        stack.extend(children.map(|(index, child)| (child, format!("{children_path}[{index}]"), Some(id))));
    }
    Ok(())
}

fn read_flat(builder: &mut TraceBuilder, items: Vec<Value>) -> Result<(), Fault> {
    let mut ends = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        let mut fields = Fields::of(item, format!("reasoning_steps[{index}]"))?;
        let prefix = fields.text("solution_prefix")?;
        let mc = estimate(&mut fields)?;
        let own = prefix.strip_prefix(builder.trace().problem.text.as_str()).unwrap_or(&prefix);
        let id = place_below(builder, NodeId::ROOT, &segment::split(own, Rule::Blank));
        attach(builder, (NodeId::ROOT, id), mc, fields);
        ends.push((id, mc));
    }
    for (id, mc) in ends {
        if id != NodeId::ROOT && builder.trace().node(id).children.is_empty() {
            finish(builder, id, mc);
        }
    }
    Ok(())
}

/// A leaf is a rollout. Right ones carry 1; 0 can also mean a long failing beginning, so it says nothing about the answer.
fn finish(builder: &mut TraceBuilder, leaf: NodeId, mc: Option<f64>) {
    let last = builder.trace().node(leaf).text.clone();
    let solution = builder.solution(leaf);
    solution.outcome = if mc.is_some_and(|mc| mc >= 1.0) { Outcome::Correct } else { Outcome::Unknown };
    solution.final_answer = fields::boxed(&last);
}
