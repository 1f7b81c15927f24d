//! What a day of annotation stumbles over: words that say too little, things that stand where they are not expected.

use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use stepscope::app::items::ItemId;
use stepscope::app::layout::{panes, step_columns};
use stepscope::app::scoring::Known;
use stepscope::app::trust::Serving;
use stepscope::app::{Focus, Message};
use stepscope::labels::{Scope, Served};
use stepscope::text::Glyphs;
use stepscope::trace::{Label, Semantics, StepScore};

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
    let long = "words of a step\n".repeat(12);
    let mut desk = Desk::new(&[("one.jsonl", problem(&text, &[&long, "Two."]))], (80, 24));
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
fn most_rows_of_the_screen_are_those_of_the_steps() {
    let rows = |size| {
        let desk = Desk::new(&[("one.jsonl", problem("How many?", &["One.", "Two."]))], size);
        let panes = panes(&desk.app).unwrap();
        let screen = desk.screen();
        let why = row(&screen, " why: ").to_owned();
        assert!(why.contains("file: error at step 2") && why.ends_with('-'), "it stands on the rule: {screen}");
        panes.steps.unwrap().height - 1
    };
    // Title, problem, two rules, two rows of keys, status; and a strip of details where there is room.
    assert_eq!((rows((80, 24)), rows((120, 40)), rows((200, 60))), (17, 28, 53));
}

#[test]
fn what_is_not_in_sight_yet_is_counted_beside_why() {
    let steps: Vec<String> = (1..30).map(|step| format!("Step {step}.")).collect();
    let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    let desk = Desk::new(&[("one.jsonl", problem("How many?", &steps))], (80, 24));
    let screen = desk.screen();
    let why = row(&screen, " why: ");
    assert!(why.contains("file: error at step 2") && why.ends_with(" +12 steps --"), "{screen}");
}

#[test]
fn numbers_of_steps_to_come_stand_below_those_that_are_there() {
    let mut desk = Desk::demo();
    desk.keys(":guided<Enter>");
    let screen = desk.screen();
    let rows: Vec<&str> = screen.lines().collect();
    let coming: Vec<&str> = rows.iter().copied().filter(|row| row.contains("comes when")).collect();
    let there = rows.iter().find_map(|row| row.find("  1 ").map(|at| at + 2));
    assert!(coming.len() > 1, "{screen}");
    // The first number of a row that is to come is that of its step.
    for (number, row) in ('2'..).zip(coming) {
        assert_eq!(row.find(|sign: char| sign.is_ascii_digit()), there, "{screen}");
        assert!(row.get(there.unwrap()..).unwrap().starts_with(number), "{screen}");
    }
}

#[test]
fn ratings_say_what_they_did_and_when_all_are_there() {
    let mut desk = Desk::new(&[("one.jsonl", problem("How many?", &["One.", "Two."]))], (80, 24));
    desk.keys("gg<BS>");
    assert!(desk.screen().contains("step 1 has no rating to take away"), "{}", desk.screen());
    assert_eq!(desk.app.saving.count, 0, "nothing was written");
    desk.keys("=");
    assert_eq!(desk.app.notice.as_deref(), Some("step 1 rated +1"));
    desk.keys("0");
    assert!(desk.screen().contains("problem 1: step 2 rated 0, all are rated and none is bad"), "{}", desk.screen());
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
fn a_rating_is_taken_away_where_one_is_known_and_nowhere_else() {
    let mut desk = Desk::new(&[("one.jsonl", problem("How many?", &["One.", "Two."]))], (80, 24));
    desk.keys("a(gg<BS>");
    assert!(desk.screen().contains("step 1 has no rating of its own, a verdict speaks for it"), "{}", desk.screen());
    assert_eq!(desk.app.saving.count, 1, "the verdict alone");
    desk.keys("ugg0");
    // The store cannot write: what waits for it can be taken back all the same.
    desk.unwritable = true;
    desk.keys("j-k");
    assert_eq!(desk.app.saving.queue.len(), 1, "{}", desk.screen());
    desk.keys("j<BS>");
    assert!(desk.screen().contains("rating of step 2 taken away") || desk.screen().contains("NOT SAVED"), "{}", desk.screen());
    desk.unwritable = false;
    desk.keys("gW");
    let labels = desk.app.own_labels(desk.app.trace().unwrap(), *desk.app.cursor.path.last().unwrap());
    assert_eq!(labels.steps, [Label::Neutral, Label::Unseen]);
    desk.keys("ggvj<BS>vk<BS>");
    assert!(desk.screen().contains("have no ratings to take away"), "{}", desk.screen());
}

#[test]
fn what_was_rated_before_a_solution_comes_again_is_not_told() {
    let mut desk = Desk::new(&[("one.jsonl", problem("How many?", &["One.", "Two."]))], (80, 24));
    desk.keys("gg==");
    let (item, since) = (desk.app.cursor.item, desk.app.session.newest());
    desk.app.trust.serving = Some(Serving { served: Served::Repeat, item, back: (item, 0), since });
    desk.keys("gg<BS>");
    assert!(desk.screen().contains("step 1 has no rating to take away"), "{}", desk.screen());
    desk.keys("k0");
    assert!(!desk.screen().contains("all are rated"), "{}", desk.screen());
    desk.keys("gg<BS>");
    assert!(desk.screen().contains("rating of step 1 taken away"), "{}", desk.screen());
    desk.keys(":guided<Enter>");
    assert_eq!(desk.app.open_steps(), 1, "{}", desk.screen());
}

#[test]
fn what_the_file_says_of_a_tree_is_not_read_again_at_each_label() {
    let mut desk = Desk::new(&[("demo/samples.jsonl", SAMPLES)], (120, 40));
    let before = desk.app.file_labels.clone();
    desk.keys("gs=");
    assert_eq!(desk.app.saving.count, 1, "{}", desk.screen());
    assert!(Arc::ptr_eq(&before, &desk.app.file_labels));
}

#[test]
fn a_solution_that_stands_in_two_files_is_asked_once() {
    let files: Vec<String> = [1..4, 2..5]
        .into_iter()
        .map(|numbers| {
            let line = |n| String::from_utf8_lossy(problem(&format!("Number {n}?"), &["One.", "Two."])).into_owned() + "\n";
            numbers.map(line).collect()
        })
        .collect();
    let bytes: Vec<&'static [u8]> = files.into_iter().map(|file| &*Box::leak(file.into_bytes().into_boxed_slice())).collect();
    let mut desk = Desk::new(&[("one.jsonl", bytes[0]), ("sub/two.jsonl", bytes[1])], (120, 40));
    desk.keys("aa2x");
    let shown = |desk: &Desk| desk.app.trace().unwrap().problem.text.clone();
    assert_eq!(shown(&desk), "Number 4?", "2 and 3 are judged: {}", desk.screen());
    let said = desk.app.notice.clone().unwrap();
    assert!(said.ends_with("passed over 2 solutions that you have judged in one.jsonl, problem 3"), "{said}");
    desk.keys("(");
    assert_eq!(shown(&desk), "Number 3?", "who goes there sees it");
    // In a file alone, judged solutions are gone through as ever.
    let mut desk = Desk::new(&[("one.jsonl", bytes[0])], (120, 40));
    desk.keys("aa((a");
    assert_eq!(shown(&desk), "Number 2?");
}

#[test]
fn steps_fold_only_where_rows_are_wanted() {
    let long = |rows: usize| (0..rows).map(|row| format!("row {row}")).collect::<Vec<_>>().join("\n");
    let steps = ["One.".to_owned(), long(20), "Three.".to_owned(), long(17)];
    let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    let bytes = problem("How many?", &steps);
    let tall = Desk::new(&[("one.jsonl", bytes)], (80, 70));
    assert!(!tall.screen().contains("lines, zo"), "{}", tall.screen());
    let middle = Desk::new(&[("one.jsonl", bytes)], (80, 45));
    let screen = middle.screen();
    let shown = (0..20).filter(|row| screen.lines().any(|line| line.trim_end().ends_with(&format!("row {row}")))).count();
    assert!(shown > 10 && screen.contains("lines, zo"), "{shown}: {screen}");
    let rows = middle.app.steps.visible.last().map(|slice| slice.y + slice.rows).unwrap();
    let small = Desk::new(&[("one.jsonl", bytes)], (80, 24));
    assert!(rows > 15 && small.screen().contains("lines, zo"), "{}", small.screen());
}

#[test]
fn what_was_typed_comes_back_and_a_beginning_is_enough() {
    let mut desk = Desk::demo();
    desk.keys(":guid<Enter>");
    assert!(desk.app.notice.as_deref().unwrap().contains("guide"), "{:?}", desk.app.notice);
    desk.keys(":guided<Enter>:guided<Enter>:scop<Enter>");
    assert_eq!(desk.app.notice.as_deref(), Some("a solution is done at its first bad step"));
    desk.keys(":scope all<Enter>");
    assert_eq!(desk.app.project.scope, Scope::All);
    desk.keys("&lenn > 3<Enter>&<Up>");
    assert_eq!(desk.app.input.as_ref().unwrap().line.value(), "lenn > 3");
    desk.keys("<BS><BS><BS><BS><BS> > 3<Enter>:<Up><Up>");
    assert_eq!(desk.app.input.as_ref().unwrap().line.value(), "scop", "each kind of input has its own");
    desk.keys("<Down><Down>");
    assert_eq!(desk.app.input.as_ref().unwrap().line.value(), "");
}

#[test]
fn chosen_steps_are_named_as_long_as_they_are_chosen() {
    let mut desk = Desk::demo();
    desk.keys("ggvjj");
    assert!(desk.screen().contains("steps 1 to 3 are chosen: = 0 - rate them"), "{}", desk.screen());
    desk.keys("vgg5=");
    let all = desk.app.cursor.path.len();
    desk.keys(&format!("gg{all}="));
    let said = format!("steps 1 to {all}: rated +1, all are rated and none is bad");
    assert!(desk.screen().contains(&said), "a counted rating goes on, too: {}", desk.screen());
}

#[test]
fn recorded_labels_stay_hidden_in_the_next_session() {
    let mut desk = Desk::new(&[("one.jsonl", problem("How many?", &["One.", "Two."]))], (80, 24));
    assert!(desk.app.why().contains("file: error at step 2"));
    desk.keys("pgrp");
    assert!(!desk.app.why().contains("file: error"), "hidden also where that was asked for blindly: {}", desk.app.why());
    let mut desk = desk.restart();
    assert!(!desk.app.why().contains("file: error"), "{}", desk.app.why());
    desk.keys("gr");
    assert!(desk.app.why().contains("file: error at step 2"), "{}", desk.app.why());
}

#[test]
fn solution_scores_wait_for_the_last_step_where_steps_come_one_by_one() {
    let mut desk = Desk::new(&[("one.jsonl", problem("How many?", &["One.", "Two."]))], (120, 40));
    let trace = desk.app.trace().unwrap().clone();
    for (id, score) in trace.steps().zip([0.9, 0.1]) {
        desk.app.scoring.scores.insert(trace.node(id).key, StepScore::new(score, Semantics::Correctness).unwrap());
    }
    desk.keys("gg");
    assert!(desk.screen().contains("solution   "), "{}", desk.screen());
    desk.keys(":guided<Enter>");
    assert!(!desk.screen().contains("solution   "), "{}", desk.screen());
}

#[test]
fn a_problem_is_not_folded_by_one_line_and_ends_in_words() {
    let text = |lines: usize, end: &str| {
        let lines: Vec<String> = (1..=lines).map(|line| format!("Line {line} of it.")).collect();
        format!("{}\n{end}", lines.join("\n"))
    };
    let desk = Desk::new(&[("one.jsonl", problem(&text(3, "How many?"), &["One.", "Two."]))], (80, 24));
    assert!(!desk.screen().contains("+1 line"), "{}", desk.screen());
    let desk = Desk::new(&[("one.jsonl", problem(&text(30, "How many?\n\n[/asy]"), &["One.", "Two."]))], (80, 24));
    assert!(desk.screen().contains("How many?") && !desk.screen().contains("[/asy]"), "{}", desk.screen());
}

#[test]
fn a_problem_has_the_rows_that_its_steps_do_not_need() {
    let lines: Vec<String> = (1..=12).map(|line| format!("Line {line} of it.")).collect();
    let text = lines.join("\n");
    let mut desk = Desk::new(&[("one.jsonl", problem(&text, &["One.", "Two."]))], (80, 24));
    assert!(!desk.screen().contains("lines, gQ") && desk.screen().contains("Line 7 of it."), "{}", desk.screen());
    let before = row(&desk.screen(), " 1 ").to_owned();
    desk.keys("j");
    assert_eq!(row(&desk.screen(), " 1 ")[5..], before[5..], "nothing moves with the cursor");
    let long = "words of a step\n".repeat(12);
    let desk = Desk::new(&[("one.jsonl", problem(&text, &[&long, "Two."]))], (80, 24));
    assert!(desk.screen().contains("lines, gQ"), "{}", desk.screen());
}

#[test]
fn formulas_that_would_be_cut_at_the_end_of_a_page_stand_on_one_line() {
    let filler = ["words of a step"; 9].join("\n");
    let tall = "So it is $\\frac{1}{\\frac{2}{3}}$ and the answer is $\\frac{1}{4}$.";
    let bytes = problem("How many?", &[&filler, &filler, &filler, tall]);
    for height in 20..30 {
        let mut desk = Desk::new(&[("one.jsonl", bytes)], (80, height));
        desk.app.look.glyphs = Glyphs::UNICODE;
        desk.keys("    ");
        assert_eq!(desk.step(), 4);
        let last = desk.app.steps.visible.last().unwrap();
        assert_eq!((last.step, last.first + last.rows), (3, last.shape.rows), "at {height}: {}", desk.screen());
    }
}

#[test]
fn formulas_take_several_rows_where_that_hides_nothing_or_the_cursor_was_moved_to_them() {
    let filler = ["words of a step"; 9].join("\n");
    let tall = "So it is $\\frac{1}{\\frac{2}{3}}$.";
    let rows = |steps: &[&str], keys: &str| {
        let mut desk = Desk::new(&[("one.jsonl", problem("How many?", steps))], (80, 24));
        desk.app.look.glyphs = Glyphs::UNICODE;
        desk.keys(&format!("zz{keys}"));
        assert_eq!(desk.step(), 1);
        desk.app.steps.visible[0].shape.rows
    };
    assert!(rows(&[tall, &filler], "") > 1, "there is room");
    assert_eq!(rows(&[tall, &filler, &filler], ""), 1, "the page has the more of the rest");
    assert!(rows(&[tall, &filler, &filler], "jk") > 1);
    assert_eq!(rows(&[tall, &filler, "Some\nmore\nrows\nof\nit"], "jk"), 1, "all has room as long as it stays on one line");
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

#[test]
fn why_a_solution_is_there_is_said_on_every_screen() {
    let mut desk = Desk::new(&[("demo/samples.jsonl", SAMPLES)], (120, 40));
    desk.app.trust.terms.blind_share = 0.0;
    for keys in ["ga", "A", "?", ":trust<Enter>"] {
        desk.keys(keys);
        let screen = desk.screen();
        let last = screen.lines().last().unwrap();
        assert!(last.contains(" why: ") && last.contains("labels.db"), "{keys}: {screen}");
        desk.keys("<Esc><Esc>");
    }
}

#[test]
fn a_wide_screen_tells_what_stands_around_a_solution() {
    let mut desk = Desk::new(&[("demo/samples.jsonl", SAMPLES)], (200, 60));
    desk.app.trust.terms.blind_share = 0.0;
    desk.keys("gsjk");
    let screen = desk.screen();
    assert!(screen.contains("answers of 8 solutions") && screen.contains("< this"), "{screen}");
    desk.keys("cit is odd<Enter>a(");
    let screen = desk.screen();
    assert!(screen.contains("said of it") && screen.contains("  note"), "{screen}");
    let shown = stepscope::labels::Store::events(desk.store.path(), "mira").unwrap().pop().unwrap().saw.shown;
    assert!(shown.contains("answers"), "{shown}");
    desk.keys(":mode blind<Enter>");
    assert!(!desk.screen().contains("answers of"), "{}", desk.screen());
}
