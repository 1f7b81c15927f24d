//! Steps rated one by one: where a solution begins, when it counts as judged, and what goes on by itself.

use stepscope::app::{Focus, Message};
use stepscope::labels::{Mode, Project, Scope};
use stepscope::scoring::WorkerEvent;
use stepscope::trace::{FirstError, Label, Semantics, StepScore};

use super::desk::{Desk, SAMPLES};

/// Problems of ProcessBench with these steps each.
fn problems(count: usize, steps: &[&str]) -> &'static [u8] {
    let line = |n| {
        let line = serde_json::json!({
            "id": format!("t-{n}"), "generator": "m", "problem": format!("Number {n}?"), "steps": steps, "label": 1,
            "final_answer_correct": false
        });
        line.to_string() + "\n"
    };
    Box::leak((1..=count).map(line).collect::<String>().into_bytes().into_boxed_slice())
}

/// Five problems of three steps, of which a model calls the second one wrong.
fn desk() -> Desk {
    let mut desk = Desk::new(&[("five.jsonl", problems(5, &["One.", "Two.", "Three."]))], (80, 24));
    desk.keys("gK");
    desk.tell(Message::Worker(WorkerEvent::Ready(super::scoring::model())));
    for item in 0..5 {
        desk.keys(&format!("{}go", item + 1));
        let trace = desk.app.trace().unwrap().clone();
        for (id, score) in trace.steps().zip([0.9, 0.1, 0.8]) {
            let score = StepScore::new(score, Semantics::Correctness).unwrap();
            desk.app.scoring.scores.insert(trace.node(id).key, score);
        }
    }
    desk.keys("1go");
    desk
}

fn first_error(desk: &Desk) -> FirstError {
    desk.app.own_labels(desk.app.trace().unwrap(), *desk.app.cursor.path.last().unwrap()).first_error
}

#[test]
fn five_solutions_rated_step_by_step_take_a_key_a_step() {
    let mut desk = desk();
    assert_eq!(desk.step(), 2, "the suspect");
    let before = desk.app.heard;
    // Before the first one nobody knows that all steps will be rated.
    desk.keys("gg=-=");
    for (number, typed) in [(2, "==="), (3, "=--"), (4, "0=-"), (5, "=-=")] {
        assert_eq!((desk.id(), desk.step()), (format!("t-{number}"), 1), "the first step, and not the suspect");
        desk.keys(typed);
    }
    assert_eq!(desk.app.standing().done, 5, "{}", desk.screen());
    assert_eq!(desk.app.heard - before, 2 + 5 * 3, "gg once and a key a step");
    desk.keys("2gox");
    assert_eq!((desk.id(), desk.step()), ("t-3".to_owned(), 1), "this one has ratings of its own");
}

#[test]
fn behind_the_last_step_comes_the_first_one_without_a_rating() {
    let mut desk = desk();
    assert_eq!(desk.step(), 2, "the suspect");
    desk.keys("-=");
    assert_eq!((desk.id(), desk.step()), ("t-1".to_owned(), 1));
    assert!(desk.screen().contains("step 3 rated +1; step 1 is not rated yet"), "{}", desk.screen());
    desk.keys("=");
    assert_eq!((desk.app.standing().done, desk.id()), (1, "t-2".to_owned()));
    assert_eq!(first_error(&desk), FirstError::Unknown);
    desk.keys("u");
    assert_eq!((desk.id(), desk.step()), ("t-1".to_owned(), 1));
}

#[test]
fn a_verdict_leads_to_the_suspect_again_and_a_project_may_want_every_step() {
    let mut desk = desk();
    desk.keys("gg===");
    assert_eq!(desk.step(), 1);
    desk.keys("x");
    assert_eq!((desk.id(), desk.step()), ("t-3".to_owned(), 2));
    desk.keys(":scope all<Enter>");
    assert_eq!(desk.step(), 1);
    desk.keys("x");
    assert_eq!((desk.id(), desk.step()), ("t-4".to_owned(), 1));
    desk.keys(":scope first-error<Enter>");
    assert_eq!(desk.step(), 2);
    let every = |text: &str| Project::parse(text).unwrap();
    assert!(every("scope = \"all\"").every && !every("guided = true").every && !every("scope = \"first-error\"").every);
}

#[test]
fn a_solution_is_judged_and_left_by_the_same_rating() {
    let mut desk = desk();
    desk.keys("gg=-");
    assert_eq!((desk.app.standing().done, desk.id()), (0, "t-1".to_owned()), "the third step has no rating");
    assert_eq!(first_error(&desk), FirstError::Unknown);
    desk.keys(")[u");
    assert_eq!(desk.id(), "t-1", "what is rated in part is open");
    assert_eq!(desk.step(), 3, "and goes on where it was left");
    desk.keys("=");
    assert_eq!((desk.app.standing().done, desk.id()), (1, "t-2".to_owned()));
    assert!(desk.screen().contains("problem 1: step 3 rated +1, first error at step 2"), "{}", desk.screen());
    desk.keys("u");
    assert_eq!((desk.id(), desk.step(), desk.app.standing().done), ("t-1".to_owned(), 3, 0));
    // gx says of the rest that it stands behind the error.
    desk.keys("gx");
    assert_eq!((desk.app.standing().done, desk.id()), (1, "t-2".to_owned()));
    // Who comes back to change a rating stays.
    desk.keys("=== (2G0");
    assert_eq!((desk.id(), desk.step()), ("t-2".to_owned(), 3));
}

#[test]
fn where_solutions_end_at_their_first_bad_step_that_one_judges() {
    let mut desk = desk();
    desk.keys(":scope first-error<Enter>gg=-");
    assert_eq!((desk.app.standing().done, desk.id()), (1, "t-2".to_owned()));
    desk.keys(":scope all<Enter>");
    assert_eq!(desk.app.standing().done, 1, "what was judged stays judged");
    desk.keys("=-");
    assert_eq!((desk.app.standing().done, desk.id()), (1, "t-2".to_owned()), "the third step has no rating");
    desk.keys(":scope first-error<Enter>");
    assert_eq!((desk.app.standing().done, desk.app.project.scope), (1, Scope::FirstError), "and what was open stays open");
}

#[test]
fn how_solutions_are_gone_through_is_on_the_screen_and_outlives_the_session() {
    let mut desk = desk();
    assert!(!desk.screen().contains("TO FIRST BAD"), "{}", desk.screen());
    desk.keys(":scope first-error<Enter>:guided<Enter>");
    assert!(desk.screen().lines().next().unwrap().contains("GUIDED TO FIRST BAD"), "{}", desk.screen());
    let mut desk = desk.restart();
    assert_eq!((desk.app.project.scope, desk.app.project.guided), (Scope::FirstError, true));
    desk.keys(":guided<Enter>:scope all<Enter>");
    assert!(desk.screen().lines().next().unwrap().contains("RATE ALL"), "{}", desk.screen());
    desk.keys(":mode reveal<Enter>m");
    let (view, layout) = (desk.app.steps.view, desk.app.layout);
    let desk = desk.restart();
    assert_eq!((desk.app.trust.mode, desk.app.steps.view, desk.app.layout), (Mode::RevealAfter, view, layout));
    assert!(desk.app.project.every);
}

#[test]
fn the_last_label_comes_again_with_its_kind_and_on_as_many_steps() {
    let mut desk = desk();
    desk.keys("aXs");
    assert_eq!(desk.id(), "t-3");
    desk.keys(".");
    assert!(desk.app.notice.as_deref().unwrap().contains(": sign"), "{:?}", desk.app.notice);
    desk.keys("gg2=");
    assert_eq!((desk.id(), desk.step()), ("t-4".to_owned(), 3));
    desk.keys("5gogg.");
    assert!(desk.app.notice.as_deref().unwrap().contains("steps 1 to 2: rated +1"), "{:?}", desk.app.notice);
    desk.keys("!d1go.");
    assert!(desk.app.notice.as_deref().unwrap().contains("marked as a bad problem: figure"), "{:?}", desk.app.notice);
}

#[test]
fn what_a_label_does_to_others_is_said() {
    let mut desk = Desk::new(&[("twins.jsonl", twins())], (120, 40));
    desk.keys("gsa1go1x");
    let said = desk.app.notice.clone().unwrap();
    assert!(said.contains("covers all 3 solutions"), "{said}");
    desk.keys("1goa");
    let said = desk.app.notice.clone().unwrap();
    assert!(said.contains("step 1 is wrong no more") && said.contains("2 other solutions are open again"), "{said}");
    let trace = desk.app.trace().unwrap().clone();
    desk.keys("1go");
    desk.app.cursor.go_to_solution(&trace, 1);
    desk.keys("1x");
    let said = desk.app.notice.clone().unwrap();
    assert!(said.contains("your verdict on another one changes"), "{said}");
}

#[test]
fn what_is_rated_in_part_can_be_found() {
    let mut desk = desk();
    desk.tell(Message::Terminal(crossterm::event::Event::Resize(120, 40)));
    desk.keys("2gogg=)");
    assert!(desk.screen().contains("  2 ~"), "{}", desk.screen());
    desk.keys("&begun<Enter>");
    assert_eq!((desk.app.queue.places().len(), desk.id()), (1, "t-2".to_owned()));
    assert!(desk.screen().contains("  2 ~"), "the list still says which problem it is:\n{}", desk.screen());
}

#[test]
fn steps_that_come_one_by_one_are_left_by_the_last_rating() {
    let mut desk = desk();
    desk.keys(":guided<Enter>gg=-");
    assert!(desk.id() == "t-1" && desk.app.open_steps() == 3, "{}", desk.screen());
    desk.keys("=");
    assert_eq!((desk.id(), desk.step(), desk.app.open_steps()), ("t-2".to_owned(), 1, 1));
    desk.keys("3=");
    assert_eq!(desk.id(), "t-2", "what is not shown yet is not rated");
}

#[test]
fn a_blind_share_is_not_shown_before_all_its_steps_are_rated() {
    let mut desk = Desk::new(&[("five.jsonl", problems(5, &["One.", "Two.", "Three."]))], (80, 24));
    desk.keys(":mode reveal<Enter>gg=-");
    assert!(!desk.app.show_prm);
    desk.keys("=");
    assert!(desk.app.show_prm && desk.id() == "t-1", "{}", desk.screen());
    assert!(desk.screen().contains("REVEAL"), "{}", desk.screen());
}

#[test]
fn the_same_verdict_after_a_reveal_writes_nothing() {
    let mut desk = desk();
    desk.keys(":mode reveal<Enter>2go2x");
    assert_eq!((desk.app.trust.mode, desk.id(), desk.app.saving.count), (Mode::RevealAfter, "t-2".to_owned(), 1));
    desk.keys("2x");
    assert_eq!((desk.id(), desk.app.saving.count), ("t-3".to_owned(), 1));
    desk.keys("aa");
    assert_eq!((desk.id(), desk.app.saving.count), ("t-4".to_owned(), 2));
    desk.keys("ax");
    assert_eq!((desk.id(), desk.app.saving.count), ("t-5".to_owned(), 4), "another verdict is one");
}

#[test]
fn undo_comes_back_to_the_solution_whose_step_was_rated() {
    let mut desk = Desk::new(&[("demo/samples.jsonl", SAMPLES)], (120, 40));
    let trace = desk.app.trace().unwrap().clone();
    let fork = trace.steps().find(|&id| trace.node(id).children.len() > 1).unwrap();
    let leaf = trace.solutions.iter().rposition(|solution| trace.path(solution.leaf).contains(&fork)).unwrap();
    desk.keys("gs");
    desk.app.cursor.go_to_solution(&trace, leaf);
    let step = trace.node(fork).depth;
    desk.keys(&format!("{step}G=)"));
    assert_ne!(desk.app.cursor.solution, leaf);
    desk.keys("u");
    assert_eq!((desk.app.cursor.solution, desk.step()), (leaf, step));
}

#[test]
fn undo_comes_back_to_each_of_two_solutions_that_share_the_step_also_after_a_restart() {
    let mut desk = Desk::new(&[("twins.jsonl", twins())], (120, 40));
    desk.keys("gsgg=))gg-");
    assert_eq!((desk.app.cursor.solution, desk.app.saving.count), (2, 2), "{}", desk.screen());
    let mut desk = desk.restart();
    desk.keys("2gou");
    assert_eq!((desk.app.cursor.solution, desk.step()), (2, 1), "{}", desk.screen());
    desk.keys("2gou");
    assert_eq!((desk.app.cursor.solution, desk.step()), (0, 1), "{}", desk.screen());
}

#[test]
fn what_ratings_decide_outlives_the_session_as_verdicts_do() {
    let sources = problems(40, &["One.", "Two."]);
    let mut desk = Desk::new(&[("forty.jsonl", sources)], (80, 24));
    desk.app.trust.terms.repeat_share = 1.0;
    desk.keys("gK");
    for solution in 0..10 {
        desk.tell(Message::Clock(solution * 3000 + 2000));
        desk.keys("=");
        desk.tell(Message::Clock(solution * 3000 + 3000));
        desk.keys("=");
    }
    let before = desk.app.standing();
    assert_eq!((before.done, before.median), (10, Some(3000)), "{}", desk.screen());
    let mut desk = desk.restart();
    let after = desk.app.standing();
    assert_eq!((after.done, after.median), (10, Some(3000)), "also in problems that were not read again");
    assert_eq!(desk.id(), "t-11");
    let mut came = 0;
    for _ in 0..22 {
        came += usize::from(desk.app.own_hidden());
        desk.keys("==");
    }
    assert!(came > 0, "none of the last session's came again");
    assert_eq!(desk.app.repeats(), (came, came), "and were rated the same");
}

#[test]
fn a_mark_on_a_shared_beginning_goes_on_to_what_it_has_not_judged() {
    let mut desk = Desk::new(&[("demo/samples.jsonl", SAMPLES)], (120, 40));
    let trace = desk.app.trace().unwrap().clone();
    let through = |id| trace.solutions.iter().filter(|solution| trace.path(solution.leaf).contains(&id)).count();
    let shared = trace.steps().filter(|&id| (2..trace.solutions.len()).contains(&through(id))).min_by_key(|id| id.index());
    let shared = shared.unwrap();
    desk.app.cursor.go_to_node(&trace, shared);
    desk.keys("x");
    assert!(desk.app.notice.as_deref().unwrap().contains("covers all"), "{:?}", desk.app.notice);
    let own = desk.app.own_labels(desk.app.trace().unwrap(), *desk.app.cursor.path.last().unwrap());
    assert_eq!(own.first_error, FirstError::Unknown, "{}", desk.screen());
}

/// Two problems with two solutions each that begin alike; the file calls the first ones wrong.
fn twins() -> &'static [u8] {
    let line = |problem: usize, last: &str, right: bool| {
        let line = serde_json::json!({
            "id": format!("t-{problem}-{last}"), "generator": "m", "problem": format!("Number {problem}?"),
            "steps": ["Alike.", "Also alike.", last], "label": if right { -1 } else { 2 }, "final_answer_correct": right
        });
        line.to_string() + "\n"
    };
    let lines = (1..=2)
        .flat_map(|problem| [line(problem, "Wrong.", false), line(problem, "Right.", true), line(problem, "Wrong too.", false)]);
    Box::leak(lines.collect::<String>().into_bytes().into_boxed_slice())
}

#[test]
fn beside_the_queue_a_mark_on_a_shared_step_goes_on_as_well() {
    let mut desk = Desk::new(&[("twins.jsonl", twins())], (120, 40));
    desk.keys("&wrong<Enter>");
    assert!(desk.app.queue.active(), "{}", desk.screen());
    // Beside the queue: this one is right.
    let trace = desk.app.trace().unwrap().clone();
    desk.app.cursor.go_to_solution(&trace, 1);
    desk.keys("gs1x");
    assert_eq!(desk.app.saving.count, 1);
    assert_eq!(desk.app.items.rank(desk.app.cursor.item), 1, "all of problem 1 are judged: {}", desk.screen());
}

#[test]
fn what_a_shared_first_error_has_judged_stays_judged() {
    let mut desk = Desk::new(&[("twins.jsonl", twins())], (120, 40));
    desk.keys("gs2x1go");
    let trace = desk.app.trace().unwrap().clone();
    desk.app.cursor.go_to_solution(&trace, 1);
    assert_eq!(first_error(&desk), FirstError::At(1));
    desk.keys("gg-");
    assert_eq!(first_error(&desk), FirstError::At(0), "{}", desk.screen());
}

#[test]
fn a_rating_that_is_refused_goes_nowhere() {
    let mut desk = desk();
    desk.unwritable = true;
    desk.keys("gg2=");
    assert_eq!(desk.app.saving.queue.len(), 1);
    desk.keys("gg3=");
    assert_eq!((desk.app.saving.queue.len(), desk.id()), (1, "t-1".to_owned()), "{}", desk.screen());
    assert!(
        desk.app.notice.as_deref().unwrap().starts_with("the last label of this solution is NOT SAVED"),
        "{:?}",
        desk.app.notice
    );
}

#[test]
fn a_rating_that_is_taken_back_unsays_no_verdict() {
    let terms = stepscope::app::trust::Terms { exam: Some(2), ..Default::default() };
    let mut desk = Desk::on(terms);
    desk.keys("a");
    let answered = desk.app.standing().done;
    desk.keys("(=u");
    assert_eq!((answered, desk.app.standing().done), (1, 1), "{}", desk.screen());
}

#[test]
fn who_rates_an_alternative_of_the_file_stays_beside_it() {
    let mut desk = Desk::new(&[("prm800k.jsonl", include_bytes!("../fixtures/formats/prm800k.jsonl"))], (120, 40));
    desk.keys("gsgg2GJJ");
    let step = desk.step();
    let node = desk.app.cursor.node;
    assert_eq!(step, 2, "{}", desk.screen());
    desk.keys("=");
    assert_eq!((desk.app.cursor.node, desk.step()), (node, 2), "{:?}", desk.app.notice);
    let said = desk.screen();
    assert!(!said.contains("file: ") && !said.contains("got "), "what the file says is of its solution: {said}");
    desk.keys("K-");
    let trace = desk.app.trace().unwrap();
    assert!(desk.app.cursor.node != node && desk.app.session.mark(trace.node(desk.app.cursor.node).key).is_some());
    desk.keys("gB");
    assert_eq!(desk.app.notice.as_deref(), Some("best of 3 alternatives"));
}

#[test]
fn beside_an_alternative_the_steps_have_the_ratings_of_the_file() {
    let mut desk = Desk::new(&[("prm800k.jsonl", include_bytes!("../fixtures/formats/prm800k.jsonl"))], (120, 40));
    desk.keys("gsgg2GJ");
    let (labels, own) = desk.app.labels_here(desk.app.trace().unwrap());
    assert_eq!(labels.steps, [Label::Good, Label::Good]);
    assert_eq!(own, [false, false]);
}

#[test]
fn a_move_in_the_tree_leads_to_the_step_and_no_score_leads_away() {
    let mut desk = Desk::new(&[("demo/samples.jsonl", SAMPLES)], (120, 40));
    desk.keys("gs");
    let trace = desk.app.trace().unwrap().clone();
    for solution in &trace.solutions {
        for &id in &trace.path(solution.leaf) {
            let score = if id == solution.leaf { 0.1 } else { 0.9 };
            let score = StepScore::new(score, Semantics::Correctness).unwrap();
            desk.app.scoring.scores.insert(trace.node(id).key, score);
        }
    }
    // A step that has a sibling, on a path that goes on.
    let parent =
        trace.steps().find(|&id| trace.node(id).children.iter().filter(|&&at| !trace.node(at).children.is_empty()).count() > 1);
    let [first, second, ..] = trace.node(parent.unwrap()).children[..] else { panic!("no siblings") };
    desk.app.focus = Focus::Steps;
    let solution = (0..trace.solutions.len()).find(|&at| trace.path(trace.solutions[at].leaf).contains(&first)).unwrap();
    desk.keys("1go");
    desk.app.cursor.go_to_solution(&trace, solution);
    desk.app.cursor.go_to_node(&trace, first);
    desk.keys("J");
    assert_eq!(desk.app.cursor.node, second, "{}", desk.screen());
    desk.keys("gp");
    desk.keys("gc");
    assert!(trace.node(parent.unwrap()).children.contains(&desk.app.cursor.node));
}

#[test]
fn a_first_error_that_is_taken_along_is_named() {
    let mut desk = Desk::demo();
    desk.keys("3x(2x");
    let said = desk.app.notice.clone().unwrap();
    assert!(said.contains("first error at step 2") && said.contains("step 3 is wrong no more"), "{said}");
}
