//! What a day of annotation stumbles over: words that say too little, things that stand where they are not expected.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use stepscope::app::items::ItemId;
use stepscope::app::layout::step_columns;
use stepscope::app::scoring::Known;
use stepscope::app::{Focus, Message};

use super::desk::{Desk, SAMPLES};

/// A problem of ProcessBench with these steps.
fn problem(text: &str, steps: &[&str]) -> &'static [u8] {
    let line = serde_json::json!({
        "id": "t-1", "generator": "m", "problem": text, "steps": steps, "label": 1, "final_answer_correct": false
    });
    Box::leak(line.to_string().into_bytes().into_boxed_slice())
}

fn row<'a>(screen: &'a str, part: &str) -> &'a str {
    screen.lines().find(|row| row.contains(part)).unwrap_or_else(|| panic!("{part:?} is not on the screen:\n{screen}"))
}

#[test]
fn the_question_at_the_end_of_a_long_problem_is_in_sight() {
    let text = format!("{} How many are left?", "Somebody buys apples and gives some of them away. ".repeat(9));
    let mut desk = Desk::new(&[("one.jsonl", problem(&text, &["One.", "Two."]))], (80, 24));
    let screen = desk.screen();
    assert!(row(&screen, " Q ").contains("Somebody buys"), "{screen}");
    assert!(screen.contains("How many are left?"), "{screen}");
    let gap = row(&screen, "lines, gQ").to_owned();
    assert!(!gap.contains("How many"), "what is hidden stands before the question: {screen}");
    desk.keys("gQ");
    assert!(!desk.screen().contains("lines, gQ"), "{}", desk.screen());
}

#[test]
fn the_title_says_what_it_counts_where_there_is_room() {
    let desk = Desk::demo();
    assert!(desk.screen().contains("  problem 1/"), "{}", desk.screen());
}

#[test]
fn the_text_has_most_of_the_steps_pane() {
    let desk = Desk::demo();
    // Beside the list on 120 columns, and between list and details on 200.
    for width in [87, 98, 120] {
        let text = step_columns(&desk.app, width).text;
        assert!(text * 10 >= usize::from(width) * 7, "{text} of {width}");
    }
}

#[test]
fn numbers_of_steps_to_come_stand_below_those_that_are_there() {
    let mut desk = Desk::demo();
    desk.keys(":guided<Enter>");
    let screen = desk.screen();
    let column = |step: &str, words: &str| row(&screen, words).find(step).unwrap();
    let first = screen.lines().position(|row| row.contains("comes when")).unwrap();
    let coming = screen.lines().nth(first).unwrap();
    assert_eq!(coming.find('2'), screen.lines().find_map(|row| row.find("  1 ").map(|at| at + 2)), "{screen}");
    assert_eq!(column("2", "comes when"), coming.find('2').unwrap());
}

#[test]
fn ratings_say_what_they_did_and_when_all_are_there() {
    let mut desk = Desk::new(&[("one.jsonl", problem("How many?", &["One.", "Two."]))], (80, 24));
    desk.keys("gg<BS>");
    assert!(desk.screen().contains("step 1 has no rating to take away"), "{}", desk.screen());
    assert_eq!(desk.app.saving.count, 0, "nothing was written");
    desk.keys("=");
    assert!(!desk.screen().contains("all steps are rated"), "{}", desk.screen());
    desk.keys("0");
    assert!(desk.screen().contains("step 2 rated +0; all steps are rated, ) goes on"), "{}", desk.screen());
    desk.keys("u");
    assert!(desk.screen().contains("undo: rating of a step at step 2"), "{}", desk.screen());
}

#[test]
fn solutions_that_were_rated_step_by_step_count_as_judged_before_they_are_visited_again() {
    let lines = (1..40).map(|n| String::from_utf8_lossy(problem(&format!("Number {n}?"), &["One.", "Two."])).into_owned() + "\n");
    let bytes: &'static [u8] = Box::leak(lines.collect::<String>().into_bytes().into_boxed_slice());
    let mut desk = Desk::new(&[("one.jsonl", bytes)], (80, 24));
    desk.keys("30gogg==31gogg=-32gogg=");
    let each = |problem: usize, desk: &Desk| {
        let trace = desk.app.items.trace(ItemId { file: 0, problem }).unwrap();
        let leaf = trace.solutions[0].leaf;
        vec![(trace.record_key(leaf), trace.path(leaf).into_iter().map(|id| trace.node(id).key).collect::<Vec<_>>())]
    };
    let known: Vec<_> = (29..32).map(|problem| each(problem, &desk)).collect();
    let mut desk = desk.restart_on(&[("moved.jsonl", bytes)]);
    assert_eq!(desk.app.standing().done, 0);
    for (problem, each) in (29..32).zip(known) {
        let known = Known { solutions: 1, each, ..Known::default() };
        desk.tell(Message::Prepared { item: ItemId { file: 0, problem }, known, requests: Vec::new() });
    }
    assert_eq!(desk.app.standing().done, 2, "of the third one a step has no rating");
}

#[test]
fn folding_a_tree_leaves_the_steps_beside_it_to_be_read() {
    let mut desk = Desk::new(&[("demo/samples.jsonl", SAMPLES)], (120, 40));
    if desk.app.focus != Focus::Tree {
        desk.keys("gt");
    }
    desk.keys("zM");
    assert!(!desk.screen().contains("lines, zo"), "{}", desk.screen());
    desk.keys("gszM");
    assert!(desk.app.steps.is_folded(desk.app.cursor.node), "in the steps pane the same key folds steps");
}

#[test]
fn the_tree_shows_what_the_file_says_of_its_solutions() {
    let mut desk = Desk::new(&[("one.jsonl", problem("How many?", &["One is given.", "Two is made up."]))], (120, 40));
    desk.keys("gt");
    let screen = desk.screen();
    let sign = |words: &str| row(&screen, words).split('|').next().unwrap().to_owned();
    assert!(sign("One is given").contains("(+)") && sign("Two is made up").contains("(x)"), "{screen}");
    desk.keys("p");
    assert!(!desk.screen().contains("(x)"), "{}", desk.screen());
}

#[test]
fn what_the_file_says_is_not_cut_for_what_stands_beside_the_steps() {
    let desk = Desk::new(&[("one.jsonl", problem("How many?", &["2 + 2 = 4", "95060000000 - 2 = 94860000000"]))], (80, 24));
    let whole = desk.app.why();
    let cut = desk.app.why_in(whole.chars().count() - 1);
    assert!(cut.ends_with("file: error at step 2"), "{cut}");
    assert_eq!(desk.app.why_in(whole.chars().count()), whole);
}

/// A session on a file of unknown keys, typed into a pipe.
fn session(folder: &std::path::Path, log: &str, keys: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stepscope"));
    command.current_dir(folder).args(["odd.jsonl", "--map", "problem=q,steps=s", "--linear", "--no-prm", "--as", "mira"]);
    command.args(["--store", "labels.db", "--log", log]).env("XDG_CACHE_HOME", folder).env("LANG", "C.UTF-8");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A session that is refused does not read its keys.
    let _ = child.stdin.take().unwrap().write_all(keys.as_bytes());
    child.wait_with_output().unwrap()
}

#[test]
fn a_session_on_a_mapped_file_is_played_again_and_its_log_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("odd.jsonl"), "{\"q\":\"1+1?\",\"s\":[\"2\",\"3\"]}\n{\"q\":\"1+2?\",\"s\":[\"3\"]}\n")
        .unwrap();
    let first = session(folder.path(), "keys.log", "2xaq");
    assert!(first.status.success(), "{first:?}");
    let mut play = Command::new(env!("CARGO_BIN_EXE_stepscope"));
    let played = play.current_dir(folder.path()).args(["replay", "keys.log", "--check"]).output().unwrap();
    let said = String::from_utf8_lossy(&played.stderr).into_owned();
    assert!(played.status.success() && said.contains("2 labels, 0 differ"), "{said}");
    let again = session(folder.path(), "keys.log", "q");
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(!again.status.success() && said.contains("give it another name"), "{said}");
}

#[test]
fn an_exam_leaves_the_ordinary_session_on_its_file_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let lines = (1..4).map(|n| String::from_utf8_lossy(problem(&format!("Number {n}?"), &["One.", "Two."])).into_owned() + "\n");
    std::fs::write(folder.path().join("gold.jsonl"), lines.collect::<String>()).unwrap();
    let said = |arguments: &[&str], keys: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stepscope"));
        command.current_dir(folder.path()).args(arguments).args(["--linear", "--no-prm", "--as", "mira", "--store", "labels.db"]);
        command.env("XDG_CACHE_HOME", folder.path()).env("LANG", "C.UTF-8");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(keys.as_bytes()).unwrap();
        String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
    };
    let exam = said(&["--gold", "gold.jsonl", "--exam", "2"], "aaq");
    assert!(!exam.contains("file: error") && exam.contains("a question of the exam"), "{exam}");
    let ordinary = said(&["gold.jsonl"], "q");
    assert!(ordinary.contains("problem 1 of 3") && ordinary.contains("file: error at step 2"), "{ordinary}");
}
