//! What trees cost: tokens through the decoder against tokens of the tree with every step once, over the requests that the program makes.

use std::ops::ControlFlow;

use stepscope::corpus::{Corpus, Source};
use stepscope::prm::{CheckpointSource, Prm, PrmNode, PrmRequest};
use stepscope::scoring::request::{Limits, plan};
use stepscope::trace::{NodeId, Problem, Trace, TraceBuilder};

use super::support::data;

fn tiny() -> Prm {
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/prm/tiny-qwen2");
    Prm::load(&CheckpointSource::Dir(fixture.into())).unwrap()
}

/// Tokens of a trace: really computed, every step once, every solution alone.
fn cost(prm: &mut Prm, trace: &Trace) -> [usize; 3] {
    let requests = plan(trace, &Limits::default(), &mut 0, |_| true).requests;
    let forward = requests.iter().map(|request| {
        let nodes = request.nodes.iter();
        let nodes = nodes
            .map(|node| PrmNode { parent: node.parent, text: node.text.clone(), ends: node.ends, known: node.known })
            .collect();
        let request = PrmRequest { problem: request.problem.clone(), nodes };
        prm.score(&request, &mut |_, _| ControlFlow::Continue(())).unwrap().tokens
    });
    let forward = forward.sum();
    let parent = |id: NodeId| trace.node(id).parent.and_then(|parent| parent.index().checked_sub(1));
    let nodes: Vec<PrmNode> =
        trace.steps().map(|id| PrmNode { parent: parent(id), text: trace.node(id).text.clone(), ..PrmNode::default() }).collect();
    let whole = PrmRequest { problem: trace.problem.text.clone(), nodes };
    let tokens = prm.tokens(&whole).unwrap();
    // What does not fit the context is not computed.
    let context = prm.info().context;
    let (mut end, mut unique) = (vec![0; whole.nodes.len()], tokens.prefix.len());
    let mut is_last = vec![true; whole.nodes.len()];
    for (i, node) in whole.nodes.iter().enumerate() {
        let own = tokens.nodes[i].as_ref().map_or(0, |node| node.ids.len() + node.tail.len());
        end[i] = node.parent.map_or(tokens.prefix.len(), |parent| end[parent]) + own;
        unique += if end[i] <= context { own } else { 0 };
        if let Some(parent) = node.parent {
            is_last[parent] = false;
        }
    }
    let naive = end.iter().zip(&is_last).filter(|(_, is_last)| **is_last).map(|(end, _)| (*end).min(context)).sum();
    [forward, unique, naive]
}

fn check(name: &str, costs: impl Iterator<Item = [usize; 3]>) {
    let [forward, unique, naive] = costs.fold([0; 3], |sum, cost| [sum[0] + cost[0], sum[1] + cost[1], sum[2] + cost[2]]);
    let ratio = forward as f64 / unique as f64;
    println!(
        "{name}: {forward} forward, {unique} unique ({ratio:.3}), {naive} every solution alone ({:.2})",
        naive as f64 / unique as f64
    );
    assert!(ratio <= 1.05, "{name}: {ratio}");
}

/// A 4-ary tree with distinct short steps.
fn wide(depth: usize) -> Trace {
    let mut builder = TraceBuilder::new(Problem { text: "2+2?".into(), ..Problem::default() });
    let mut level = vec![NodeId::ROOT];
    for d in 0..depth {
        let mut next = Vec::new();
        for (i, id) in level.iter().enumerate() {
            next.extend((0..4).map(|branch| builder.child(*id, &format!("So {i} + {branch} = {d}."))));
        }
        level = next;
    }
    for leaf in level {
        builder.solution(leaf);
    }
    builder.finish()
}

fn real(prm: &mut Prm, name: &str, problems: usize) {
    let Some(path) = data(name) else { return };
    let corpus = Corpus::open(Source::Path(path), None).unwrap();
    corpus.wait();
    let traces = (0..corpus.problem_count().min(problems)).filter_map(|n| corpus.problem(n).trace.clone());
    check(name, traces.map(|trace| cost(prm, &trace)).collect::<Vec<_>>().into_iter());
}

#[test]
fn trees_cost_their_unique_tokens() {
    let mut prm = tiny();
    check("4-ary tree of depth 5", std::iter::once(cost(&mut prm, &wide(5))));
    real(&mut prm, "openr-samples/math-aps-tree.jsonl", usize::MAX);
    real(&mut prm, "qwen-math-bestof8/math_cot_100.jsonl", 6);
}

/// Minutes without optimisation: run it with `-- --ignored --nocapture`.
#[test]
#[ignore = "a long sweep"]
fn all_real_trees_and_one_of_depth_6_cost_their_unique_tokens() {
    let mut prm = tiny();
    check("4-ary tree of depth 6", std::iter::once(cost(&mut prm, &wide(6))));
    for name in ["math-aps-tree.jsonl", "math-aps.jsonl", "math-shepherd.jsonl", "prm800k.jsonl"] {
        real(&mut prm, &format!("openr-samples/{name}"), usize::MAX);
    }
    real(&mut prm, "qwen-math-bestof8/math_cot_100.jsonl", usize::MAX);
}
