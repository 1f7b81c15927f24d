//! Search trees of `OmegaPRM` as ModalMinds/MM-PRM writes them, one file a question, and the labelled processes that it makes of them. Texts
//! of trees are lists of steps already; a node may hold several, and so may the part of a process before a tag.

use serde_json::{Value, json};

use super::detect::Detection;
use super::fields::{Fault, Fields};
use super::tree::{self, End, Node};
use super::{Format, RawRecord, RecordError, numbers, place_below};
use crate::segment::{self, Rule};
use crate::trace::{NodeId, NodeStats, Outcome, Problem, Trace, TraceBuilder};

/// Separator that stands between the steps of one node while they are one text.
pub(super) const BETWEEN: &str = "\n\n";
/// What stands behind each step of a process.
pub(super) const TAG: &str = "<prm>";
const NAME: &str = "mm-prm";

/// The format.
pub(super) struct MmPrm;

impl Format for MmPrm {
    fn name(&self) -> &'static str {
        NAME
    }

    fn doc(&self) -> &'static str {
        "MM-PRM: OmegaPRM trees with correct_rollouts, children, mc_value; processes with image_path, <prm>, labels"
    }

    fn detect(&self, value: &Value) -> Detection {
        let tree =
            value.get("correct_rollouts").is_some_and(Value::is_array) && value.get("children").is_some_and(Value::is_array);
        if is_process(value) {
            return Detection::sure("`process` with <prm>, `labels` and `image_path`");
        }
        Detection::sure_if(tree && value.get("question").is_some(), "`correct_rollouts` and `children`")
    }

    fn read(&self, record: &RawRecord<'_>) -> Result<Trace, RecordError> {
        record.read(|fields| if fields.peek("process").is_some() { read_process(fields) } else { read(fields) })
    }

    fn problem_at(&self) -> &'static [&'static str] {
        &["question"]
    }
}

/// Whether a record is a labelled process: a file of openr has no images.
pub(super) fn is_process(value: &Value) -> bool {
    let tagged = value.get("process").and_then(Value::as_str).is_some_and(|text| text.contains(TAG));
    tagged && ["question", "image_path"].iter().all(|key| value.get(*key).is_some()) && value["labels"].is_array()
}

/// One path of a tree. An estimate stands on the last step of its part.
fn read_process(mut fields: Fields) -> Result<TraceBuilder, Fault> {
    let text = fields.text("question")?;
    let reference_answer = fields.reference("answer")?;
    let process = fields.text("process")?;
    let labels = fields.list("labels")?;
    let mut parts: Vec<&str> = process.split(TAG).map(str::trim).collect();
    let behind = parts.pop().filter(|rest| !rest.is_empty());
    super::fields::one_each("labels", (labels.len(), "labels"), (parts.len(), "tags"))?;
    let mut builder = TraceBuilder::new(Problem { text, reference_answer, reference_solution: None });
    let mut at = NodeId::ROOT;
    for (index, (part, label)) in parts.into_iter().zip(labels).enumerate() {
        let share = label.as_f64().filter(|share| (0.0..=1.0).contains(share));
        if share.is_none() && !label.is_null() {
            return Err(Fault::expected(format!("labels[{index}]"), "a number from 0 to 1", &label));
        }
        // An empty part is a step all the same: it has an estimate.
        at = if part.is_empty() {
            builder.child(at, "")
        } else {
            place_below(&mut builder, at, &segment::split(part, Rule::Blank))
        };
        builder.node_mut(at).stats.mc = share;
    }
    if let Some(behind) = behind {
        builder.warn("text behind the last step tag, a step without an estimate");
        at = place_below(&mut builder, at, &segment::split(behind, Rule::Blank));
    }
    builder.solution(at);
    let mut extra = fields.rest();
    extra.insert(segment::EXTRA_KEY.to_owned(), Rule::Blank.to_string().into());
    tree::ranges(&mut extra, json!({"mc": [0, 1]}));
    builder.extra(extra);
    Ok(builder)
}

fn read(mut fields: Fields) -> Result<TraceBuilder, Fault> {
    let text = fields.text("question")?;
    let reference_answer = fields.reference("answer")?;
    let children = fields.optional_list("children")?.unwrap_or_default();
    let mut builder = TraceBuilder::new(Problem { text, reference_answer, reference_solution: None });
    let mut nodes = vec![Node { id: "0".into(), stats: stats(&fields)?, ..Node::default() }];
    rollouts(&mut nodes, 0, &mut fields)?;
    let mut stack = waiting(children, "children", 0);
    while let Some((value, path, parent)) = stack.pop() {
        let mut fields = Fields::of(value, path)?;
        let text = fields.texts("partial_solution")?.join(BETWEEN);
        let path = fields.at("children");
        let children = fields.optional_list("children")?.unwrap_or_default();
        let index = nodes.len();
        nodes.push(Node { id: index.to_string(), parents: vec![parent], text, stats: stats(&fields)?, ..Node::default() });
        rollouts(&mut nodes, index, &mut fields)?;
        nodes[index].rest = fields.rest();
        stack.extend(waiting(children, &path, index));
    }
    tree::grow(&mut builder, NAME, nodes, Some(Rule::Blank))?;
    let mut extra = fields.rest();
    tree::ranges(&mut extra, json!({"mc": [0, 1]}));
    builder.extra(extra);
    Ok(builder)
}

/// Children that wait for their turn, the first on top.
fn waiting(children: Vec<Value>, path: &str, parent: usize) -> Vec<(Value, String, usize)> {
    let items = children.into_iter().enumerate();
    let mut items: Vec<_> = items.map(|(index, child)| (child, format!("{path}[{index}]"), parent)).collect();
    items.reverse();
    items
}

fn stats(fields: &Fields) -> Result<NodeStats, Fault> {
    Ok(NodeStats {
        mc: numbers::share(fields, "mc_value")?,
        // Visits of the search; the number of rollouts behind the estimate is not in the file.
        visits: numbers::count(fields, "visit_count")?,
        ..NodeStats::default()
    })
}

/// Rollouts go on from their node to an answer: they are the solutions of the tree.
fn rollouts(nodes: &mut Vec<Node>, parent: usize, fields: &mut Fields) -> Result<(), Fault> {
    for (key, outcome) in [("correct_rollouts", Outcome::Correct), ("incorrect_rollouts", Outcome::Wrong)] {
        let path = fields.at(key);
        for (index, rollout) in fields.optional_list(key)?.unwrap_or_default().into_iter().enumerate() {
            let field = format!("{path}[{index}]");
            let Value::Array(steps) = rollout else { return Err(Fault::expected(field, "a list of strings", &rollout)) };
            let text = super::fields::texts(steps, &field)?.join(BETWEEN);
            let id = format!("{}/{key}/{index}", nodes[parent].id);
            let end = Some(End { outcome, ..End::default() });
            nodes.push(Node { id, parents: vec![parent], text, end, ..Node::default() });
        }
    }
    Ok(())
}
