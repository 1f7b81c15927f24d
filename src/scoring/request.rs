//! From a trace to score requests of bounded size.

use std::collections::HashMap;

use super::{RequestNode, ScoreRequest};
use crate::analysis::meaning::Meaning;
use crate::trace::{NodeId, Solution, StepKey, Trace};

/// Bounds of a request. The bounds on new steps keep the time between two changes of priority short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Steps that a request brings, not counting the ancestors that are repeated as context.
    pub nodes: usize,
    /// Their text, in bytes.
    pub bytes: usize,
    /// Problem and steps from the first to the last one, in bytes (with a little for each step). Longer paths do not fit into any model
    /// and are not asked for.
    pub path_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { nodes: 512, bytes: 256 << 10, path_bytes: 1 << 20 }
    }
}

// What a step costs beside its text, so that a chain of countless empty steps is bounded too.
const STEP_OVERHEAD: usize = 64;

/// The requests for a trace.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// Requests in tree order. Each brings the ancestors that its steps stand on.
    pub requests: Vec<ScoreRequest>,
    /// Wanted steps that are not asked for, with the reason.
    pub left_out: Vec<(StepKey, String)>,
}

fn too_long(bytes: usize, limits: &Limits) -> String {
    let limit = limits.path_bytes;
    format!(
        "too long for one request: {bytes} bytes up to here, {STEP_OVERHEAD} of them a step for its frame; the limit is {limit}"
    )
}

/// True for the steps with which a solution ends, by [`NodeId::index`].
fn ends(trace: &Trace) -> Vec<bool> {
    let mut ends = vec![false; trace.nodes.len()];
    for solution in &trace.solutions {
        ends[solution.leaf.index()] = true;
    }
    ends
}

/// True for the steps that a model of this meaning is asked about, by [`NodeId::index`]: all, or those with which a solution ends.
pub fn asked_about(trace: &Trace, meaning: &Meaning) -> Vec<bool> {
    if meaning.outcome { ends(trace) } else { vec![true; trace.nodes.len()] }
}

/// Requests for all steps that `wanted` names (usually: those without a known score). Ids are taken from `next_id`.
///
/// Steps come depth first, so a cut repeats one path at most. Steps that are not wanted themselves are sent as known context.
pub fn plan(trace: &Trace, limits: &Limits, next_id: &mut u64, wanted: impl Fn(NodeId) -> bool) -> Plan {
    let count = trace.nodes.len();
    let mut is_wanted = vec![false; count];
    let mut path_bytes = vec![trace.problem.text.len(); count];
    let mut plan = Plan::default();
    for id in trace.steps() {
        let node = trace.node(id);
        let before = node.parent.map_or(0, |parent| path_bytes[parent.index()]);
        path_bytes[id.index()] = before.saturating_add(node.text.len() + STEP_OVERHEAD);
        is_wanted[id.index()] = wanted(id);
        if is_wanted[id.index()] && path_bytes[id.index()] > limits.path_bytes {
            is_wanted[id.index()] = false;
            plan.left_out.push((node.key, too_long(path_bytes[id.index()], limits)));
        }
    }
    // A step is visited when it or something behind it is wanted.
    let mut visit = is_wanted.clone();
    for index in (1..count).rev() {
        if visit[index]
            && let Some(parent) = trace.nodes[index].parent
        {
            visit[parent.index()] = true;
        }
    }
    let mut builder = Builder::new(trace, limits, next_id);
    let mut stack = vec![NodeId::ROOT];
    while let Some(id) = stack.pop() {
        if id != NodeId::ROOT {
            builder.add(id, is_wanted[id.index()]);
        }
        stack.extend(trace.node(id).children.iter().rev().filter(|child| visit[child.index()]));
    }
    builder.close();
    plan.requests = builder.requests;
    plan
}

/// True for the steps that stand on the path of some of these solutions, by [`NodeId::index`]; a search tree may hold others.
pub fn on_solutions<'a>(trace: &Trace, solutions: impl IntoIterator<Item = &'a Solution>) -> Vec<bool> {
    let mut on = vec![false; trace.nodes.len()];
    for solution in solutions {
        let mut at = solution.leaf;
        // A step that is marked has its ancestors marked.
        while let Some(parent) = trace.node(at).parent {
            if std::mem::replace(&mut on[at.index()], true) {
                break;
            }
            at = parent;
        }
    }
    on
}

struct Builder<'a> {
    trace: &'a Trace,
    limits: &'a Limits,
    next_id: &'a mut u64,
    requests: Vec<ScoreRequest>,
    nodes: Vec<RequestNode>,
    ends: Vec<bool>,
    place: HashMap<NodeId, usize>,
    new_nodes: usize,
    new_bytes: usize,
}

impl<'a> Builder<'a> {
    fn new(trace: &'a Trace, limits: &'a Limits, next_id: &'a mut u64) -> Self {
        Self {
            trace,
            limits,
            next_id,
            requests: Vec::new(),
            nodes: Vec::new(),
            ends: ends(trace),
            place: HashMap::new(),
            new_nodes: 0,
            new_bytes: 0,
        }
    }

    fn add(&mut self, id: NodeId, wanted: bool) {
        if self.new_nodes >= self.limits.nodes || self.new_bytes >= self.limits.bytes {
            self.close();
        }
        if self.nodes.is_empty() {
            let path = self.trace.path(id);
            for ancestor in &path[..path.len().saturating_sub(1)] {
                self.push(*ancestor, false);
            }
        }
        self.push(id, wanted);
        self.new_nodes += 1;
        self.new_bytes += self.trace.node(id).text.len();
    }

    fn push(&mut self, id: NodeId, wanted: bool) {
        let node = self.trace.node(id);
        let parent = node.parent.and_then(|parent| self.place.get(&parent).copied());
        self.place.insert(id, self.nodes.len());
        let ends = self.ends[id.index()];
        self.nodes.push(RequestNode { parent, key: node.key, text: node.text.clone(), ends, known: !wanted });
    }

    fn close(&mut self) {
        let nodes = std::mem::take(&mut self.nodes);
        self.place.clear();
        self.new_nodes = 0;
        self.new_bytes = 0;
        if nodes.iter().any(|node| !node.known) {
            self.requests.push(ScoreRequest { id: *self.next_id, problem: self.trace.problem.text.clone(), nodes });
            *self.next_id += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{Problem, TraceBuilder};

    /// A full tree in which every node has `branching` children.
    fn tree(branching: usize, depth: usize) -> Trace {
        let mut builder = TraceBuilder::new(Problem { text: "q".into(), ..Problem::default() });
        let mut level = vec![NodeId::ROOT];
        for _ in 0..depth {
            level = level
                .iter()
                .flat_map(|id| (0..branching).map(|n| (*id, n)).collect::<Vec<_>>())
                .map(|(id, n)| builder.child(id, &n.to_string()))
                .collect();
        }
        for leaf in level {
            builder.solution(leaf);
        }
        builder.finish()
    }

    fn path_texts(request: &ScoreRequest, node: usize) -> Vec<&str> {
        let mut at = Some(node);
        let mut texts = Vec::new();
        while let Some(index) = at {
            texts.push(request.nodes[index].text.as_str());
            at = request.nodes[index].parent;
        }
        texts.reverse();
        texts
    }

    #[test]
    fn a_small_trace_is_one_request_with_every_step_once() {
        let trace = tree(2, 3);
        let plan = plan(&trace, &Limits::default(), &mut 7, |_| true);
        assert_eq!(plan.requests.len(), 1);
        assert_eq!(plan.requests[0].id, 7);
        assert_eq!(plan.requests[0].nodes.len(), 2 + 4 + 8);
        assert!(plan.requests[0].nodes.iter().all(|node| !node.known));
    }

    #[test]
    fn cut_requests_ask_for_every_step_exactly_once_and_keep_its_ancestors() {
        let trace = tree(3, 4);
        let limits = Limits { nodes: 10, ..Limits::default() };
        let plan = plan(&trace, &limits, &mut 0, |_| true);
        assert!(plan.requests.len() > 10);
        let mut asked: Vec<StepKey> = Vec::new();
        for request in &plan.requests {
            assert!(request.nodes.len() <= 10 + 3);
            for (index, node) in request.nodes.iter().enumerate() {
                assert!(node.parent.is_none_or(|parent| parent < index));
                let key = path_texts(request, index).iter().fold(None, |key: Option<StepKey>, text| {
                    Some(key.map_or_else(|| trace.prompt_key.step(text), |key| key.step(text)))
                });
                assert_eq!(key, Some(node.key), "the path in the request is the path in the trace");
                if !node.known {
                    asked.push(node.key);
                }
            }
        }
        let count = asked.len();
        asked.sort_unstable();
        asked.dedup();
        assert_eq!((asked.len(), count), (trace.nodes.len() - 1, trace.nodes.len() - 1));
    }

    #[test]
    fn known_steps_are_sent_only_where_others_stand_on_them() {
        let trace = tree(2, 2);
        let last = *trace.path(trace.solutions[3].leaf).last().unwrap();
        let plan = plan(&trace, &Limits::default(), &mut 0, |id| id == last);
        let known: Vec<bool> = plan.requests[0].nodes.iter().map(|node| node.known).collect();
        assert_eq!(known, [true, false]);
    }

    #[test]
    fn nothing_wanted_is_no_request() {
        assert_eq!(plan(&tree(2, 2), &Limits::default(), &mut 0, |_| false), Plan::default());
    }

    #[test]
    fn an_endless_chain_is_asked_for_up_to_the_bound() {
        let trace = tree(1, 1000);
        let limits = Limits { path_bytes: 65 * 100 + 1, ..Limits::default() };
        let plan = plan(&trace, &limits, &mut 0, |_| true);
        assert_eq!(plan.requests.iter().map(|request| request.nodes.len()).sum::<usize>(), 100);
        assert_eq!(plan.left_out.len(), 900);
    }

    #[test]
    fn a_cut_makes_no_end_of_a_solution_and_going_on_takes_none_away() {
        let mut builder = TraceBuilder::new(Problem::default());
        let path = builder.path(["a", "b", "c", "d"]);
        builder.solution(path[1]);
        builder.solution(path[3]);
        let trace = builder.finish();
        let limits = Limits { nodes: 3, ..Limits::default() };
        let plan = plan(&trace, &limits, &mut 0, |_| true);
        let ends = |request: &ScoreRequest| request.nodes.iter().map(|node| node.ends).collect::<Vec<_>>();
        assert_eq!(
            plan.requests.iter().map(ends).collect::<Vec<_>>(),
            [vec![false, true, false], vec![false, true, false, true]]
        );
        let outcome = Meaning { outcome: true, ..Meaning::CORRECT };
        assert_eq!(asked_about(&trace, &outcome), [false, false, true, false, true]);
        assert_eq!(asked_about(&trace, &Meaning::CORRECT), [true; 5]);
    }

    #[test]
    fn steps_on_solutions_are_told_from_others() {
        let mut builder = TraceBuilder::new(Problem::default());
        let path = builder.path(["a", "b"]);
        builder.path(["a", "c"]);
        builder.solution(path[1]);
        let trace = builder.finish();
        assert_eq!(on_solutions(&trace, &trace.solutions), [false, true, true, false]);
    }
}
