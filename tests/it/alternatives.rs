//! Search trees under the keys: steps that no solution takes, filters of steps, and where keys and restarts lead.

use serde_json::{Value, json};
use stepscope::app::Focus;
use stepscope::app::tree::TreeView;
use stepscope::trace::{FirstError, Label, NodeId, Problem, Semantics, StepScore, TraceBuilder};

use super::desk::Desk;

fn memory(text: String) -> &'static [u8] {
    Box::leak(text.into_bytes().into_boxed_slice())
}

/// Logs of a search with values alone: of three first steps the solutions take the first; the second goes one step on, the third ends.
fn searched(problems: usize) -> &'static [u8] {
    let log = |number: usize| {
        let begins = json!({ "step": 0, "x": format!("4 5 6 {number}"), "ys": [""], "new_ys": ["Add four.\n", "Add five.\n", "Add six.\n"],
            "values": [3.0, 2.0, 1.0], "select_new_ys": ["Add four.\n", "Add five.\n"] });
        let goes_on = json!({ "step": 1, "x": format!("4 5 6 {number}"), "ys": ["Add four.\n", "Add five.\n"],
            "new_ys": ["Add four.\nIt is ten.\n", "Add four.\nIt is nine.\n", "Add four.\nIt is eight.\n", "Add five.\nIt is one.\n"],
            "values": [3.0, 2.0, 1.0, 0.001], "select_new_ys": ["Add four.\nIt is ten.\n", "Add four.\nIt is nine.\n"] });
        json!({ "steps": [begins, goes_on], "idx": 900 + number, "ys": ["Add four.\nIt is ten.\n", "Add four.\nIt is nine.\n"],
            "infos": [{"r": 0}, {"r": 1}], "usage_so_far": {"cost": 0.1} })
    };
    memory((0..problems).map(|number| log(number).to_string() + "\n").collect())
}

fn search() -> Desk {
    Desk::new(&[("search.jsonl", searched(3))], (120, 40))
}

/// A tree with Monte Carlo estimates; a child is its text, its estimate and its children.
fn estimated(problem: &str, children: &[Value]) -> String {
    let root = json!({ "text": problem, "mc_value": 0.5, "children": children });
    json!({ "question": problem, "final_answer": "14", "reasoning_steps": root }).to_string() + "\n"
}

fn child(text: &str, mc: f64, children: &[Value]) -> Value {
    json!({ "text": text, "mc_value": mc, "children": children })
}

/// Four first steps, two of them unlikely to lead anywhere, the first of these with a step behind it.
fn four(problem: &str) -> String {
    let behind = [child("It ends well.", 0.1, &[])];
    estimated(
        problem,
        &[
            child("We begin.", 0.9, &[]),
            child("We try.", 0.2, &behind),
            child("We count.", 0.9, &[]),
            child("We guess.", 0.3, &[]),
        ],
    )
}

fn node(desk: &Desk, text: &str) -> NodeId {
    let trace = desk.app.trace().unwrap();
    trace.steps().find(|&id| trace.node(id).text == text).unwrap_or_else(|| panic!("no step {text:?}"))
}

fn go(desk: &mut Desk, text: &str) {
    let (id, trace) = (node(desk, text), desk.app.trace().unwrap().clone());
    desk.app.cursor.go_to_node(&trace, id);
}

fn here(desk: &Desk) -> String {
    desk.app.trace().unwrap().node(desk.app.cursor.node).text.clone()
}

fn notice(desk: &Desk) -> &str {
    desk.app.notice.as_deref().unwrap_or_default()
}

fn score(desk: &mut Desk, text: &str, score: f64) {
    let key = desk.app.trace().unwrap().node(node(desk, text)).key;
    desk.app.scoring.scores.insert(key, StepScore::new(score, Semantics::Correctness).unwrap());
}

#[test]
fn a_tree_with_values_alone_opens_as_one_and_what_was_asked_for_stays() {
    let mut desk = search();
    assert!(desk.app.show_tree && desk.app.focus == Focus::Tree, "{}", desk.screen());
    desk.keys("gs}");
    assert!(!desk.app.show_tree && desk.app.focus == Focus::Steps, "the steps were asked for:\n{}", desk.screen());
    let mut desk = Desk::demo();
    desk.keys("gtgg");
    go_to_long(&mut desk);
    desk.keys("gm");
    assert!(desk.app.show_tree, "a cut does not close it:\n{}", desk.screen());
    desk.keys("}");
    assert!(desk.app.show_tree, "{}", desk.screen());
    let desk = desk.restart();
    assert!(desk.app.show_tree, "{}", desk.screen());
}

/// To a step that another one follows.
fn go_to_long(desk: &mut Desk) {
    desk.app.cursor.go_to_step(0);
    assert!(desk.app.cursor.path.len() > 1);
}

#[test]
fn what_is_said_of_a_solution_is_not_said_beside_one() {
    let mut desk = search();
    go(&mut desk, "It is eight.");
    let there = desk.app.cursor.clone();
    for keys in ["a", "f", "s", "!", "g!", "gP", "gx", "X"] {
        desk.keys(keys);
        assert!(notice(&desk).contains("no solution takes"), "{keys}: {}", notice(&desk));
        assert!(desk.app.choice.is_none() && desk.app.cursor == there && desk.app.saving.count == 0, "{keys}");
    }
    assert!(notice(&desk).contains("kind"), "{}", notice(&desk));
}

#[test]
fn marks_beside_all_solutions_judge_none() {
    let mut desk = search();
    go(&mut desk, "It is ten.");
    desk.keys("gp=l=");
    assert_eq!(desk.app.standing().done, 1, "both steps of the solution are rated: {}", notice(&desk));
    desk.keys("{");
    go(&mut desk, "It is nine.");
    desk.keys("J");
    assert_eq!(here(&desk), "It is eight.");
    desk.keys("x");
    assert_eq!((here(&desk).as_str(), notice(&desk)), ("It is eight.", "alternative: step 2 rated -1"));
    let own = desk.app.own_labels(desk.app.trace().unwrap(), node(&desk, "It is nine."));
    assert_eq!((own.first_error, desk.app.session.verdicts().count()), (FirstError::Unknown, 1));
    // One after the other: an alternative that goes on is rated like one that ends.
    go(&mut desk, "Add four.");
    desk.keys("J-");
    assert_eq!(here(&desk), "Add five.", "{}", notice(&desk));
    desk.keys("J-");
    assert_eq!(here(&desk), "Add six.");
    assert_eq!(desk.app.items.rank(desk.app.cursor.item), 0);
    let marked = |text| desk.app.session.mark(desk.app.trace().unwrap().node(node(&desk, text)).key).is_some();
    assert!(marked("Add five.") && marked("Add six.") && !marked("It is one."));
}

#[test]
fn an_alternative_that_is_rated_last_leaves_the_solution_open() {
    let mut desk = Desk::new(&[("prm800k.jsonl", include_bytes!("../fixtures/formats/prm800k.jsonl"))], (120, 40));
    desk.keys("gtgg=");
    go(&mut desk, "Adding 2 gives 14.");
    desk.keys("=");
    assert!(!notice(&desk).contains("all are rated"), "{}", notice(&desk));
    assert_eq!((here(&desk).as_str(), desk.app.standing().done), ("Adding 2 gives 14.", 0));
    // The beginning that it shares with the solution can be that one's first error.
    desk.keys("1x");
    assert!(notice(&desk).contains("first error at step 1"), "{}", notice(&desk));
    assert_eq!(desk.app.standing().done, 1);
}

#[test]
fn a_session_goes_on_at_the_alternative_where_it_stopped() {
    let mut desk = search();
    go(&mut desk, "It is one.");
    let desk = desk.restart();
    assert_eq!((here(&desk).as_str(), desk.app.show_tree), ("It is one.", true));
    let mut desk = search();
    desk.keys("gs");
    go(&mut desk, "It is nine.");
    let desk = desk.restart();
    assert_eq!((here(&desk).as_str(), desk.app.show_tree, desk.app.cursor.solution), ("It is nine.", false, 1));
}

#[test]
fn beside_a_solution_no_other_one_is_named() {
    let mut desk = search();
    go(&mut desk, "It is eight.");
    desk.keys("yp");
    assert!(notice(&desk).contains(":1 beside solution 1, step 2"), "{}", notice(&desk));
    assert!(desk.screen().lines().next().unwrap().contains("beside solution 1/2  step 2/2"), "{}", desk.screen());
    desk.keys("A");
    assert!(desk.app.pair.is_none() && notice(&desk).contains("no solution takes"), "{}", notice(&desk));
    desk.keys("yi");
    assert_eq!(notice(&desk), "there is no id here");
}

#[test]
fn the_filter_of_steps_knows_what_the_eye_may_see() {
    let problems = (0..12).map(|at| four(&format!("Problem number {at}?"))).collect();
    let mut desk = Desk::new(&[("aps.jsonl", memory(problems))], (120, 40));
    desk.app.trust.terms.blind_share = 0.5;
    desk.keys("}{&.5 > mc<Enter>");
    let mut seen = [0, 0];
    for _ in 0..11 {
        let shown = desk.app.show_prm;
        seen[usize::from(shown)] += 1;
        assert_eq!(desk.app.tree.fitting(), Some(if shown { 3 } else { 0 }), "{}", desk.screen());
        desk.keys("}");
    }
    assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
    let mut desk = Desk::new(&[("aps.jsonl", memory(four("What?")))], (120, 40));
    desk.keys("p&.5 > mc<Enter>");
    assert_eq!(desk.app.tree.fitting(), Some(0));
    assert!(notice(&desk).contains("hidden"), "{}", notice(&desk));
    desk.keys("p");
    assert_eq!(desk.app.tree.fitting(), Some(3), "shown again, they are found");
}

#[test]
fn in_a_filtered_tree_no_key_leads_to_what_is_not_there() {
    let mut desk = Desk::new(&[("aps.jsonl", memory(four("What?") + &four("What else?")))], (120, 40));
    desk.keys("&.5 > mc<Enter>gg");
    assert_eq!(here(&desk), "We try.");
    desk.keys("J");
    assert_eq!(here(&desk), "We guess.");
    desk.keys("J");
    assert_eq!((here(&desk).as_str(), notice(&desk)), ("We guess.", "no further sibling"));
    desk.keys("ggx");
    assert_eq!(here(&desk), "We guess.", "the next row that this does not judge: {}", notice(&desk));
    desk.keys("x");
    assert_eq!((desk.app.items.rank(desk.app.cursor.item), here(&desk).as_str()), (1, "We try."), "{}", desk.screen());
    desk.keys(")");
    assert_eq!(here(&desk), "We guess.");
}

#[test]
fn a_filter_by_labels_follows_the_labels() {
    let mut desk = Desk::new(&[("aps.jsonl", memory(four("What?")))], (120, 40));
    desk.keys("&!labelled<Enter>gg");
    assert_eq!(desk.app.tree.fitting(), Some(5));
    desk.keys("0");
    assert_eq!(desk.app.tree.fitting(), Some(4), "{}", desk.screen());
    desk.keys("gqq");
    assert_eq!(notice(&desk), "the steps of the tree are filtered anew: !labelled");
    desk.keys("&valu > 2<Enter>");
    assert!(notice(&desk).starts_with("filter of steps: ") && notice(&desk).is_ascii(), "{}", notice(&desk));
}

#[test]
fn a_filter_by_scores_follows_the_threshold() {
    let mut desk = Desk::new(&[("aps.jsonl", memory(four("What?")))], (120, 40));
    for (text, value) in [("We begin.", 0.9), ("We try.", 0.3), ("We guess.", 0.42)] {
        score(&mut desk, text, value);
    }
    desk.keys("&suspect<Enter>");
    assert_eq!(desk.app.tree.fitting(), Some(2));
    desk.keys("G");
    assert_eq!(here(&desk), "We guess.");
    desk.keys(":threshold .4<Enter>");
    assert_eq!((desk.app.tree.fitting(), here(&desk).as_str()), (Some(1), "We guess."), "the cursor stays");
}

#[test]
fn the_best_child_is_known_by_its_last_step_and_by_one_scale() {
    let two = "Compute 3*4 = 12.\n\nThen 2+12 = 15, the answer is 15.";
    let children = [child("So it is 14.", 0.8, &[]), child(two, 0.0, &[]), child("Hence 14.", 0.9, &[])];
    let mut desk = Desk::new(&[("gb.jsonl", memory(estimated("What?", &[child("We begin.", 0.5, &children)])))], (120, 40));
    score(&mut desk, "Compute 3*4 = 12.", 0.93);
    desk.keys("gggb");
    assert_eq!(here(&desk), "Hence 14.", "{}", desk.screen());
}

#[test]
fn the_worst_child_is_not_told_before_its_numbers_are() {
    let mut desk = Desk::new(
        &[(
            "aps.jsonl",
            memory(estimated("What?", &[child("Top.", 0.5, &[child("Left.", 0.9, &[]), child("Right.", 0.2, &[])])])),
        )],
        (120, 40),
    );
    score(&mut desk, "Left.", 0.9);
    score(&mut desk, "Right.", 0.1);
    desk.keys(":mode reveal<Enter>");
    go(&mut desk, "Left.");
    desk.keys("a");
    assert!(desk.app.show_prm, "{}", desk.screen());
    for keys in ["gpgw", "gpgb"] {
        desk.keys(keys);
        assert_eq!(here(&desk), "Top.", "{keys}");
        assert!(notice(&desk).contains("hidden"), "{keys}: {}", notice(&desk));
    }
}

#[test]
fn search_values_are_compared_by_their_own_range() {
    let step = |text: &str, q: f64, answer: &str| {
        json!({ "text": text, "q_value": q, "value": -100, "prior": 0.5, "visit_count": 20, "action": "", "action_input": "",
            "final_answer": answer })
    };
    let tree = json!({ "0": step("", 0.2, ""), "0.0": step("First take 12.", -0.9, ""), "0.0.0": step("It is 14.", -0.95, "14"),
        "0.1": step("We take 12.", 0.3, ""), "0.1.0": step("The sum is 14.", 0.95, "14") });
    let record = json!({ "question": "What is 2 + 3 * 4?", "answer": "14", "tree": tree }).to_string() + "\n";
    let mut desk = Desk::new(&[("mario.jsonl", memory(record))], (120, 40));
    for text in ["First take 12.", "We take 12."] {
        score(&mut desk, text, 0.91);
    }
    go(&mut desk, "The sum is 14.");
    desk.keys("]q");
    assert_eq!(here(&desk), "First take 12.", "{}", notice(&desk));
}

#[test]
fn a_number_in_the_tree_is_that_of_a_step() {
    let chain = child("Two.", 0.5, &[child("Three.", 0.5, &[child("Four.", 0.5, &[]), child("Other.", 0.5, &[])])]);
    let record = estimated("What?", &[child("Left.", 0.5, &[]), child("Right.", 0.5, &[chain])]);
    let mut desk = Desk::new(&[("aps.jsonl", memory(record))], (120, 40));
    go(&mut desk, "Other.");
    desk.keys("3G");
    assert_eq!((here(&desk).as_str(), desk.app.cursor.path.len()), ("Three.", 4));
    desk.keys("1gg");
    assert_eq!(here(&desk), "Right.");
    desk.keys("gg");
    assert_eq!(here(&desk), "Left.");
}

/// Every step but the last ones has two behind it.
fn binary(levels: usize, name: &str) -> Vec<Value> {
    let step = |side: &str| {
        child(&format!("{name}{side}"), 0.5, &if levels > 1 { binary(levels - 1, &format!("{name}{side}")) } else { vec![] })
    };
    vec![step("0"), step("1")]
}

#[test]
fn of_very_many_solutions_all_that_are_judged_count() {
    let mut desk = Desk::new(&[("big.jsonl", memory(estimated("What?", &binary(12, "s"))))], (120, 40));
    assert_eq!(desk.app.trace().unwrap().solutions.len(), 4096);
    go(&mut desk, "s0");
    desk.keys("x");
    assert_eq!(desk.app.standing().done, 2048);
    desk.keys("a");
    assert_eq!((desk.app.standing().done, desk.app.standing().total), (2049, 4096), "{}", notice(&desk));
    let behind = desk.app.node_labels.values().filter(|label| **label == Label::AfterError).count();
    assert_eq!(behind, 4094, "the tree says so of all behind it");
    assert_eq!(desk.app.node_labels[&node(&desk, "s100000000000")], Label::Good);
    desk.keys("uu");
    assert_eq!(desk.app.standing().done, 0);
}

#[test]
fn deep_trees_leave_room_for_what_steps_say() {
    let mut deep = vec![child("The very end.", 0.5, &[])];
    for level in 0..60 {
        deep = vec![child(&format!("Level {level}."), 0.5, &deep), child(&format!("Aside {level}."), 0.5, &[])];
    }
    let mut desk = Desk::new(&[("deep.jsonl", memory(estimated("What?", &deep)))], (120, 40));
    desk.keys("zR");
    go(&mut desk, "The very end.");
    desk.keys("j");
    assert!(desk.screen().contains("Level 0."), "{}", desk.screen());
    assert!(desk.screen().contains("The very end."), "{}", desk.screen());
}

#[test]
fn one_step_is_no_steps() {
    let record = estimated("What?", &[child("Only.", 0.5, &[])]);
    let mut desk = Desk::new(&[("one.jsonl", memory(record))], (120, 40));
    desk.keys("gt");
    assert!(desk.screen().contains("(1 step, 1 solution)"), "{}", desk.screen());
}

#[test]
fn a_solution_whose_steps_are_all_there_is_counted_when_it_comes() {
    let steps = |solved: bool| {
        let mut builder = TraceBuilder::new(Problem { text: "What is it?".to_owned(), ..Problem::default() });
        let step = builder.child(NodeId::ROOT, "We begin.");
        if solved {
            builder.solution(step);
        }
        (builder.finish(), step)
    };
    let (mut trace, step) = steps(false);
    let mut tree = TreeView::new(&trace);
    assert_eq!(tree.through(step), 0);
    assert!(trace.absorb(steps(true).0));
    tree.recount(&trace);
    assert_eq!(tree.through(step), 1);
}
