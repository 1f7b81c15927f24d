//! Search trees of each tool: what becomes of their nodes, numbers and ends.

use stepscope::trace::{NodeId, Outcome, StepKind, Trace};

use StepKind::{Code, Thought, Tool};

use super::{fixture, format, one, steps, traces};

fn first(name: &str) -> Trace {
    one(name, std::str::from_utf8(&fixture(name)[0]).unwrap())
}

/// Text, depth and kind of every node but the root.
fn nodes(trace: &Trace) -> Vec<(&str, usize)> {
    trace.nodes[1..].iter().map(|node| (node.text.as_str(), node.depth)).collect()
}

#[test]
fn rollouts_of_mm_prm_are_the_solutions() {
    let trace = first("mm-prm");
    assert_eq!(
        trace.solutions.iter().map(|solution| solution.outcome).collect::<Vec<_>>(),
        [Outcome::Correct, Outcome::Wrong, Outcome::Correct, Outcome::Wrong]
    );
    assert_eq!(steps(&trace, 3), ["The side is 2.", "The area is 8.", "Answer 8."]);
    // Both probed nodes begin alike: one step, with the estimate of the node that ends there.
    let root = trace.node(NodeId::ROOT);
    assert_eq!((root.children.len(), root.stats.mc, trace.node(root.children[0]).stats.mc), (1, Some(0.5), Some(0.5)));
    assert_eq!(trace.extra["value_range"], serde_json::json!({"mc": [0, 1]}));
}

#[test]
fn values_of_prefixes_stand_where_their_text_ends() {
    let trace = first("rest-mcts");
    assert_eq!(
        nodes(&trace),
        [("Step 1: 3*4 = 12", 1), ("Step 2: 12+2 = 14", 2), ("Step 1: 4+2 = 6", 1), ("Step 2: 12+2 = 15", 2)]
    );
    let values: Vec<_> = trace.nodes[1..].iter().map(|node| node.stats.value).collect();
    assert_eq!(values, [Some(0.5), Some(1.0), Some(0.0), None]);
    assert_eq!((trace.solutions.len(), trace.solutions[1].final_answer.as_deref()), (2, Some("15")));
}

#[test]
fn states_by_tag_are_a_tree_and_failures_are_no_answers() {
    let trace = first("super-mario");
    assert_eq!(nodes(&trace).iter().map(|(_, depth)| *depth).collect::<Vec<_>>(), [1, 2, 1]);
    let code = trace.node(trace.nodes[0].children[1]);
    assert_eq!((code.kind, code.stats.q, code.stats.value, code.stats.visits), (StepKind::Code, Some(-1.0), None, Some(1)));
    let ends: Vec<_> = trace.solutions.iter().map(|solution| (solution.final_answer.as_deref(), solution.extra.len())).collect();
    assert_eq!(ends, [(Some("14"), 0), (None, 1)]);
}

#[test]
fn the_last_snapshot_of_a_log_is_read() {
    let trace = first("tree-log");
    assert_eq!((trace.problem.text.as_str(), &trace.extra["snapshots"]), ("3*4+2?", &2.into()));
    assert_eq!(nodes(&trace), [("3*4 = 12", 1), ("add 2 to 12", 2), ("4+2 = 6", 1)]);
    assert_eq!((trace.nodes[1].stats.q, trace.nodes[1].stats.value), (Some(0.7), Some(0.6)));
    // The first snapshot holds the problem alone.
    let touched: Vec<_> = trace.history[&2].iter().map(|(id, value)| (id.index(), *value)).collect();
    assert_eq!((trace.history.len(), touched), (1, vec![(1, Some(0.7)), (2, Some(0.9)), (3, Some(-0.2))]));
}

#[test]
fn candidates_stand_below_the_text_they_begin_with() {
    let [search, samples] = <[Trace; 2]>::try_from(traces(format("tot"), &fixture("tot"))).unwrap();
    assert_eq!(search.history.keys().copied().collect::<Vec<_>>(), [1, 2], "a level after the other");
    assert_eq!(search.problem.text, "4 5 6 10");
    assert_eq!(
        nodes(&search),
        [
            ("10-4=6 (left: 5 6 6)", 1),
            ("5*4=20 (left: 6 10 20)", 1),
            ("10-6=4 (left: 4 20)", 2),
            ("4+20=24 (left: 24)", 3),
            ("Answer: 5*4+10-6 = 24", 4)
        ]
    );
    // The repeated candidate does not overwrite the value with its 0.
    assert_eq!(search.nodes[2].stats.value, Some(3.0));
    assert_eq!(search.nodes[2].extra["tot"].as_array().unwrap().len(), 2);
    let ends: Vec<_> = search.solutions.iter().map(|solution| (solution.outcome, solution.final_answer.as_deref())).collect();
    assert_eq!(ends, [(Outcome::Wrong, None), (Outcome::Correct, Some("5*4+10-6 = 24"))]);
    assert_eq!(
        (samples.problem.text.as_str(), samples.solutions[0].outcome, samples.nodes.len()),
        ("problem 901", Outcome::Wrong, 4)
    );
}

#[test]
fn visits_are_paths_from_the_root() {
    let trace = first("tot-dfs");
    assert_eq!(nodes(&trace), [("h2. motor", 1), ("h1. tasks", 2), ("h4. salon", 3), ("h3. grand", 2)]);
    assert_eq!((trace.solutions.len(), trace.nodes[3].stats.value), (2, Some(0.2)));
    let puzzle = one("tot-dfs", r#"[["A hall","To heap","On","No"],["A","B","C","D"]]"#);
    assert_eq!((puzzle.solutions.len(), puzzle.problem.text.as_str()), (0, "A hall\nTo heap\nOn\nNo"));
}

#[test]
fn traces_of_rstar_meet_where_they_begin_alike() {
    let mut traces = traces(format("rstar"), &fixture("rstar"));
    let second = traces.remove(1);
    let mut first = traces.remove(0);
    assert!(first.absorb(second));
    assert_eq!(first.nodes[0].children.len(), 1);
    assert_eq!(steps(&first, 1), ["3*4 = 12.", "What is 12+2?", "It is 15. The answer is 15."]);
    assert_eq!(
        first.solutions.iter().map(|solution| solution.final_answer.as_deref()).collect::<Vec<_>>(),
        [Some("14"), Some("15")]
    );
}

#[test]
fn observations_of_tools_are_steps_of_their_own() {
    let trace = first("toolbench");
    let kinds: Vec<_> = trace.path(trace.solutions[0].leaf).into_iter().map(|id| trace.node(id).kind).collect();
    assert_eq!(kinds, [Thought, Code, Code, Tool, Code, Code, Tool]);
    assert_eq!((trace.solutions.len(), trace.solutions[0].final_answer.as_deref()), (2, Some("14")));
    assert_eq!(trace.node(trace.solutions[1].leaf).text, "gave up");
}

#[test]
fn operations_of_a_graph_stand_in_layers() {
    let trace = traces(format("graph-of-thoughts"), &fixture("graph-of-thoughts")).remove(0);
    assert_eq!(nodes(&trace), [("1. generate", 1), ("12", 2), ("13", 2), ("2. keep_best_n", 2), ("12", 3)]);
    assert_eq!(
        (trace.solutions.len(), trace.solutions[2].outcome, &trace.extra["cost"]),
        (3, Outcome::Correct, &serde_json::json!(0.01))
    );
}

#[test]
fn copies_of_a_beam_are_one_solution() {
    let [beams, odd] = <[Trace; 2]>::try_from(traces(format("search-and-learn"), &fixture("search-and-learn"))).unwrap();
    assert_eq!((beams.solutions.len(), &beams.solutions[1].extra["copies"]), (2, &2.into()));
    assert_eq!(beams.solutions[0].scores, [Some(0.9), Some(0.95)]);
    // A blank line at the end gives one score more; a text without scores is told.
    assert_eq!((odd.solutions[0].scores.len(), &odd.solutions[0].extra["scores_left"]), (1, &serde_json::json!([0.5])));
    assert_eq!(odd.warnings, ["completions[1]: 0 scores for 1 steps, laid on from the first step on"]);
}

#[test]
fn graphs_have_several_parents_but_no_cycles() {
    let trace = first("node-link");
    assert_eq!(nodes(&trace), [("3*4=12", 1), ("2+12=14", 2), ("12+2=14", 2)]);
    assert_eq!((trace.solutions.len(), trace.solutions[0].outcome), (1, Outcome::Correct));
    assert!(trace.warnings[0].contains("2 parents"), "{:?}", trace.warnings);
    let circle = r#"{"directed":true,"graph":{},"nodes":[{"id":"a"},{"id":"b"},{"id":"c"}],
        "edges":[{"source":"a","target":"b"},{"source":"b","target":"c"},{"source":"c","target":"b"}]}"#;
    let record = stepscope::formats::RawRecord { index: 0, line: 1, bytes: circle.as_bytes() };
    let error = format("node-link").read(&record).unwrap_err().to_string();
    assert!(error.contains("expected a graph without cycles, found the cycle c → b → c"), "{error}");
}

#[test]
fn deep_trees_with_many_leaves_are_read_in_linear_time() {
    use std::fmt::Write as _;
    let mut text = r#"{"tree":"t","id":0,"parent":null,"problem":"q"}"#.to_owned();
    // A chain with a leaf at every step: the paths of the leaves together have half a thousand million steps.
    for id in 1..40_000 {
        let parent = if id % 2 == 1 { id - 1 } else { id - 2 }.max(0) / 2 * 2;
        let _ = write!(text, "\n{{\"tree\":\"t\",\"id\":{id},\"parent\":{parent},\"text\":\"s{id}\"}}");
    }
    let start = std::time::Instant::now();
    let trace = traces(format("stepscope"), &super::lines(text.as_bytes())).remove(0);
    assert_eq!(trace.solutions.len(), 20_000);
    assert!(start.elapsed() < std::time::Duration::from_secs(60), "{:?}", start.elapsed());
}

#[test]
fn wide_and_deep_searches_are_read_in_linear_time() {
    let list = |count: usize, item: &dyn Fn(usize) -> String| (0..count).map(item).collect::<Vec<_>>().join(",");
    let texts = |end: &str| list(60_000, &|at| format!("\"c{at}{end}\""));
    let (one, two) = (texts(""), texts("d"));
    let tot = format!(
        r#"{{"idx":1,"steps":[{{"step":0,"x":"q","ys":[""],"new_ys":[{one}],"select_new_ys":[{one}]}},{{"step":1,"x":"q","ys":[{one}],"new_ys":[{two}]}}],"ys":[]}}"#
    );
    let count = 40_000;
    let link = format!(
        r#"{{"directed":true,"graph":{{}},"nodes":[{}],"edges":[{}]}}"#,
        list(count, &|at| format!(r#"{{"id":{at}}}"#)),
        list(count - 1, &|at| format!(r#"{{"source":{},"target":0}}"#, at + 1)),
    );
    let dfs = format!(r#"[{{"actions":[{}],"env_step":1}}]"#, list(5_000, &|at| format!("\"a{at}\"")));
    for (name, record, steps) in [("tot", tot, 120_000), ("node-link", link, count), ("tot-dfs", dfs, 5_000)] {
        let start = std::time::Instant::now();
        let trace = super::one(name, &record);
        assert_eq!(trace.steps().count(), steps, "{name}");
        assert!(start.elapsed() < std::time::Duration::from_secs(10), "{name}: {:?}", start.elapsed());
    }
}
