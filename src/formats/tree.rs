//! Search trees as their tools write them, laid into one tree of steps.
//!
//! A node of a search is not always one step, and siblings can overlap: one node's text can be the beginning of its brother's. So the
//! texts are cut into steps and laid into a prefix tree; a node's numbers stand on the last step that it covers, and the bounds of the
//! original nodes are kept there, under the name of the format, with everything else that the source says of them.

use serde_json::{Value, json};

use super::fields::Fault;
use super::place_below;
use crate::segment::{self, Rule};
use crate::trace::{Extra, NodeId, NodeStats, Outcome, StepKind, TraceBuilder};

/// Name under which a trace keeps the ranges of its search numbers, as the format declares them: `{"q": [-1, 1]}`; null where the source
/// has no fixed range.
pub(super) const RANGE_KEY: &str = "value_range";

/// One node of a search.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// Its name in the source.
    pub(super) id: String,
    /// Places of its parents in the list of nodes; none for a node below the problem.
    pub(super) parents: Vec<usize>,
    /// What it adds to its parent.
    pub(super) text: String,
    pub(super) kind: StepKind,
    pub(super) stats: NodeStats,
    /// Iterations of the search that made it or valued it anew, and the value.
    pub(super) history: Vec<(u64, Option<f64>)>,
    /// A solution ends here.
    pub(super) end: Option<End>,
    /// What else the source says of it.
    pub(super) rest: Extra,
}

/// How a solution ends.
#[derive(Debug, Default)]
pub(super) struct End {
    pub(super) answer: Option<String>,
    pub(super) outcome: Outcome,
    pub(super) extra: Extra,
}

/// Lays the nodes into the tree. Texts are cut by `rule`; without one, every node is a step. Where no node ends a solution, the leaves do.
/// A node with several parents stands below the first of them; nodes that form a cycle are an error that names them.
pub(super) fn grow(builder: &mut TraceBuilder, format: &str, nodes: Vec<Node>, rule: Option<Rule>) -> Result<(), Fault> {
    let order = order(&nodes)?;
    let names: Vec<String> = nodes.iter().map(|node| node.id.clone()).collect();
    let says_ends = nodes.iter().any(|node| node.end.is_some());
    let mut leaf = vec![true; nodes.len()];
    for &parent in nodes.iter().flat_map(|node| &node.parents) {
        leaf[parent] = false;
    }
    let mut places = vec![NodeId::ROOT; nodes.len()];
    let mut nodes: Vec<Option<Node>> = nodes.into_iter().map(Some).collect();
    for index in order {
        let Some(mut node) = nodes[index].take() else { continue };
        let from = node.parents.first().map_or(NodeId::ROOT, |&parent| places[parent]);
        let to = place(builder, from, &node.text, rule);
        places[index] = to;
        if to != from {
            builder.node_mut(to).kind = node.kind;
        }
        node.rest.shift_insert(0, "id".to_owned(), node.id.into());
        if let Some((_, others)) = node.parents.split_first().filter(|(_, others)| !others.is_empty()) {
            builder.warn(format!(
                "the step {} has {} parents and is drawn under the first",
                names[index].escape_debug(),
                others.len() + 1
            ));
            let others = others.iter().map(|&parent| Value::from(names[parent].as_str())).collect();
            node.rest.insert("other_parents".to_owned(), Value::Array(others));
        }
        for (iteration, value) in std::mem::take(&mut node.history) {
            builder.touch(iteration, to, value);
        }
        attach(builder, format, (from, to), node.stats, node.rest);
        let end = if says_ends { node.end } else { (leaf[index] && to != NodeId::ROOT).then(End::default) };
        if let Some(end) = end {
            let solution = builder.solution(to);
            solution.final_answer = end.answer;
            solution.outcome = end.outcome;
            solution.extra = end.extra;
        }
    }
    Ok(())
}

/// Puts a node's text below a step and gives the last step it covers: the step itself when the text is empty.
fn place(builder: &mut TraceBuilder, from: NodeId, text: &str, rule: Option<Rule>) -> NodeId {
    if let Some(rule) = rule {
        return place_below(builder, from, &segment::split(text, rule));
    }
    let step = text.trim_end();
    if step.is_empty() {
        return from;
    }
    let to = builder.child(from, step);
    let node = builder.node_mut(to);
    if node.sep_after.is_empty() {
        text[step.len()..].clone_into(&mut node.sep_after);
    }
    to
}

/// Puts a node's numbers on the last step that it covers and keeps its bounds. Equal texts meet on one step: the numbers of the first
/// stand, those of the others are kept beside it.
pub(super) fn attach(builder: &mut TraceBuilder, format: &str, (from, to): (NodeId, NodeId), stats: NodeStats, rest: Extra) {
    let first = builder.trace().node(from).depth;
    let mut bounds = Extra::new();
    bounds.insert("first_step".to_owned(), first.into());
    bounds.extend(rest);
    let node = builder.node_mut(to);
    let old = node.stats;
    node.stats = NodeStats {
        mc: old.mc.or(stats.mc),
        mc_k: old.mc_k.or(stats.mc_k),
        mc_hits: old.mc_hits.or(stats.mc_hits),
        q: old.q.or(stats.q),
        value: old.value.or(stats.value),
        prior: old.prior.or(stats.prior),
        visits: old.visits.or(stats.visits),
        prm: old.prm.or(stats.prm),
    };
    if let Value::Array(list) = node.extra.entry(format).or_insert_with(|| json!([])) {
        list.push(Value::Object(bounds));
    }
}

/// Parents before their children, each subtree in the order of the source.
fn order(nodes: &[Node]) -> Result<Vec<usize>, Fault> {
    let mut children = vec![Vec::new(); nodes.len()];
    for (index, node) in nodes.iter().enumerate() {
        for &parent in &node.parents {
            children[parent].push(index);
        }
    }
    let mut missing: Vec<usize> = nodes.iter().map(|node| node.parents.len()).collect();
    let mut order = Vec::with_capacity(nodes.len());
    let mut stack: Vec<usize> = (0..nodes.len()).rev().filter(|&index| missing[index] == 0).collect();
    while let Some(index) = stack.pop() {
        order.push(index);
        for &child in children[index].iter().rev() {
            missing[child] -= 1;
            if missing[child] == 0 {
                stack.push(child);
            }
        }
    }
    if order.len() == nodes.len() { Ok(order) } else { Err(cycle(nodes, &missing)) }
}

/// The path of a cycle: from a node that still waits for a parent, up along waiting parents until one comes again.
fn cycle(nodes: &[Node], missing: &[usize]) -> Fault {
    const SHOWN: usize = 12;
    let waiting = |index: &usize| missing[*index] > 0;
    let mut walk: Vec<usize> = Vec::new();
    let mut seen = vec![false; nodes.len()];
    let mut at = (0..nodes.len()).find(waiting);
    while let Some(index) = at.filter(|&index| !seen[index]) {
        seen[index] = true;
        walk.push(index);
        at = nodes[index].parents.iter().copied().find(waiting);
    }
    let from = walk.iter().position(|index| Some(*index) == at).unwrap_or(0);
    let mut path: Vec<String> = walk[from..].iter().rev().map(|&index| nodes[index].id.escape_debug().to_string()).collect();
    if let Some(first) = path.first().cloned() {
        path.push(first);
    }
    if path.len() > SHOWN {
        path.splice(SHOWN / 2..path.len() - SHOWN / 2, ["…".to_owned()]);
    }
    Fault::record(format!("expected a graph without cycles, found the cycle {}", path.join(" → ")))
}

/// Declares the ranges of the numbers.
pub(super) fn ranges(extra: &mut Extra, ranges: Value) {
    extra.insert(RANGE_KEY.to_owned(), ranges);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Problem;

    fn node(id: &str, parents: &[usize], text: &str) -> Node {
        Node { id: id.into(), parents: parents.into(), text: text.into(), ..Node::default() }
    }

    fn grown(nodes: Vec<Node>, rule: Option<Rule>) -> Result<crate::trace::Trace, Fault> {
        let mut builder = TraceBuilder::new(Problem::default());
        grow(&mut builder, "test", nodes, rule)?;
        Ok(builder.finish())
    }

    #[test]
    fn overlapping_nodes_share_their_steps() {
        let mut long = node("long", &[], "a\n\nb\n\nc");
        long.stats.mc = Some(0.0);
        let mut short = node("short", &[], "a\n\nb");
        short.stats.mc = Some(0.5);
        let trace = grown(vec![long, short, node("right", &[1], "d")], Some(Rule::Blank)).unwrap();
        let steps: Vec<_> = trace.nodes.iter().map(|node| (node.text.as_str(), node.depth, node.stats.mc)).collect();
        assert_eq!(steps, [("", 0, None), ("a", 1, None), ("b", 2, Some(0.5)), ("c", 3, Some(0.0)), ("d", 3, None)]);
        assert_eq!(trace.nodes[4].extra["test"], json!([{"first_step": 2, "id": "right"}]));
        // "short" has a node behind it; "long" and "right" have none.
        assert_eq!(trace.solutions.iter().map(|solution| solution.leaf.index()).collect::<Vec<_>>(), [3, 4]);
    }

    #[test]
    fn a_node_may_stand_before_its_parent_and_have_several() {
        let trace = grown(vec![node("c", &[1, 2], "c"), node("a", &[], "a"), node("b", &[1], "b")], None).unwrap();
        assert_eq!(trace.nodes.iter().map(|node| node.text.as_str()).collect::<Vec<_>>(), ["", "a", "b", "c"]);
        assert_eq!((trace.nodes[3].depth, &trace.nodes[3].extra["test"][0]["other_parents"]), (2, &json!(["b"])));
        assert_eq!(trace.warnings.len(), 1);
    }

    #[test]
    fn a_cycle_is_named() {
        let nodes = vec![node("a", &[2], "a"), node("b", &[0], "b"), node("c", &[1], "c"), node("d", &[2], "d")];
        assert_eq!(grown(nodes, None).unwrap_err().message, "expected a graph without cycles, found the cycle b → c → a → b");
        let own = grown(vec![node("a", &[0], "a")], None).unwrap_err();
        assert!(own.message.ends_with("the cycle a → a"), "{}", own.message);
    }
}
