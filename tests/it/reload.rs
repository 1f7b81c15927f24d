//! Files that are replaced under a session, without a disk: what is found again, and where.

use serde_json::json;
use stepscope::app::{Effect, Message, Place, update};

use super::desk::{Desk, SAMPLES, SOLUTIONS, TREE};

/// What there is to see, and where a start would go on. How many are judged is counted as solutions are read: the last row, which says it, and
/// the line of what was said last are left out.
fn state(desk: &mut Desk) -> (Vec<String>, Place) {
    desk.app.notice = None;
    let mut rows: Vec<String> = desk.screen().lines().map(str::to_owned).collect();
    rows.pop();
    (rows, desk.app.place_now())
}

#[test]
fn a_file_that_is_replaced_by_itself_changes_nothing() {
    for (name, bytes) in [("demo/solutions.json", SOLUTIONS), ("demo/samples.jsonl", SAMPLES), ("demo/tree.jsonl", TREE)] {
        for keys in ["", "jxa=jj", "}ja(kgt", "jj:blind<Enter>", ":filter len > 2<Enter>}", "/the<Enter>n", "gtjjl=", "p}j"] {
            let mut desk = Desk::new(&[(name, bytes), ("other.jsonl", SAMPLES)], (100, 30));
            desk.keys(keys);
            let before = state(&mut desk);
            desk.becomes(bytes);
            assert_eq!(state(&mut desk), before, "{name}: {keys}");
        }
    }
}

#[test]
fn in_a_file_whose_problems_stand_elsewhere_now_place_undo_jumps_and_marks_lead_to_the_same_solutions() {
    let mut turned: Vec<&[u8]> = SAMPLES.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).collect();
    turned.reverse();
    let turned = turned.join(&b'\n').leak();
    let mut desk = Desk::new(&[("demo/samples.jsonl", SAMPLES)], (100, 30));
    let problem = |desk: &Desk| desk.app.trace().unwrap().problem.text.clone();
    desk.keys("jx");
    let judged = problem(&desk);
    desk.keys("}");
    desk.keys("mq");
    let marked = (desk.app.cursor.item, problem(&desk));
    desk.keys("}jj");
    let here = (problem(&desk), desk.app.record_key(), desk.step());
    desk.becomes(turned);
    assert_eq!((problem(&desk), desk.app.record_key(), desk.step()), here);
    desk.keys("`q");
    assert_eq!(problem(&desk), marked.1);
    assert_ne!(desk.app.cursor.item, marked.0, "it stands elsewhere now");
    desk.keys("<C-o>");
    assert_eq!(problem(&desk), here.0);
    desk.keys("u");
    assert!(desk.app.notice.as_deref().unwrap().starts_with("undo: first error at step 2"), "{:?}", desk.app.notice);
    assert_eq!(problem(&desk), judged);
    assert!(desk.app.progress_line(80).starts_with("0 of "), "{}", desk.app.progress_line(80));
}

#[test]
fn a_place_that_is_no_longer_there_is_come_back_to_when_the_file_has_grown_again() {
    let lines: Vec<&[u8]> = SAMPLES.split_inclusive(|&byte| byte == b'\n').collect();
    let first = lines[..2].concat().leak();
    let mut desk = Desk::new(&[("demo/samples.jsonl", SAMPLES)], (100, 30));
    desk.keys("}}jj");
    let here = (desk.app.cursor.item, desk.app.record_key(), desk.step());
    desk.becomes(first);
    assert_ne!(desk.app.record_key(), here.1);
    assert!(desk.app.sheet.is_some());
    desk.ends_as(&[("demo/samples.jsonl", SAMPLES)]);
    assert_eq!((desk.app.cursor.item, desk.app.record_key(), desk.step()), here);
    assert_eq!(desk.app.sheet, None, "it is there again");
    // Who has typed something stays where it was.
    desk.becomes(first);
    desk.keys("j");
    let there = desk.app.cursor.item;
    desk.ends_as(&[("demo/samples.jsonl", SAMPLES)]);
    assert_eq!(desk.app.cursor.item, there);
}

/// A problem with one solution about each of these.
fn about(names: &[&str], step: &str) -> &'static [u8] {
    let record = |name: &&str| {
        let steps = ["first", step, "third"].map(|step| format!("The {step} step about {name}."));
        let problem = format!("How many {name} are there?");
        json!({"id": name, "generator": "g", "final_answer_correct": false, "problem": problem, "steps": steps, "label": 1})
            .to_string()
            + "\n"
    };
    names.iter().map(record).collect::<String>().leak().as_bytes()
}

fn fruit(names: &[&str], step: &str) -> Desk {
    Desk::new(&[("fruit.jsonl", about(names, step)), ("demo/samples.jsonl", SAMPLES)], (100, 30))
}

#[test]
fn a_label_key_judges_no_text_that_stands_where_another_one_was_read() {
    for (becomes, step) in
        [(&["apples", "kiwis", "figs"][..], "second"), (&["apples", "pears"], "rewritten"), (&["apples"], "second")]
    {
        let mut desk = fruit(&["apples", "pears"], "second");
        desk.keys("}j");
        assert_eq!(desk.id(), "pears");
        desk.becomes(about(becomes, step));
        let page = desk.screen();
        assert!(page.contains("the solution on show is gone") && page.contains("fruit.jsonl was replaced"), "{page}");
        desk.keys("xaj2x");
        assert_eq!(desk.app.session.len(), 0, "{becomes:?}");
        desk.keys("<Esc>x");
        assert_eq!(desk.app.session.len(), 1, "who has read the page goes on");
    }
    // What is found again needs no word, wherever it stands.
    let mut desk = fruit(&["apples", "pears"], "second");
    desk.keys("}j").becomes(about(&["pears", "kiwis"], "second"));
    assert_eq!((desk.id().as_str(), desk.step()), ("pears", 2));
    desk.keys("x");
    assert_eq!(desk.app.session.len(), 1);
}

#[test]
fn a_key_that_waits_for_a_replaced_file_to_be_read_is_forgotten_where_it_would_judge_another_text() {
    for (becomes, labels) in [(&["apples", "kiwis"], 0), (&["pears", "kiwis"], 1)] {
        let mut desk = fruit(&["apples", "pears"], "second");
        desk.keys("}j");
        let message = desk.exchange(&[about(becomes, "second")]);
        update(&mut desk.app, message);
        assert!(desk.app.trace().is_none(), "it is not read yet");
        desk.keys("x");
        assert_eq!((desk.app.trace().is_some(), desk.app.session.len()), (true, labels));
    }
}

#[test]
fn a_file_is_not_exchanged_before_the_labels_of_its_problems_are_saved() {
    let mut desk = fruit(&["apples", "pears"], "second");
    desk.unwritable = true;
    desk.keys("jx");
    assert!(!desk.app.may_reload());
    desk.unwritable = false;
    desk.tell(Message::Retry);
    assert!(desk.app.may_reload());
}

#[test]
fn a_label_of_a_problem_that_is_gone_is_not_taken_back_unseen() {
    let mut desk = fruit(&["apples", "pears"], "second");
    desk.keys("jx");
    desk.keys("{{}");
    assert_eq!((desk.id().as_str(), desk.app.session.decisions()), ("pears", 1));
    desk.becomes(about(&["pears", "kiwis"], "second"));
    desk.keys("u");
    let told = desk.app.notice.take().unwrap();
    assert_eq!(told, "the last label was set on a problem that is not found in fruit.jsonl any more; it stays");
    assert_eq!((desk.id().as_str(), desk.app.session.decisions()), ("pears", 1));
    // What is there is still taken back.
    desk.keys("jxu");
    assert!(desk.app.notice.take().unwrap().starts_with("undo: first error"));
}

#[test]
fn files_that_are_replaced_together_are_taken_together() {
    let mut desk =
        Desk::new(&[("a.jsonl", about(&["apples", "pears"], "second")), ("b.jsonl", about(&["figs"], "second"))], (100, 30));
    desk.keys("jxjxjx");
    assert_eq!((desk.id().as_str(), desk.app.session.decisions()), ("figs", 3));
    let message = desk.exchange(&[about(&["kiwis", "pears", "apples"], "second"), about(&["plums", "figs"], "second")]);
    desk.tell(message);
    assert!(desk.app.notice.take().unwrap().starts_with("2 files were replaced"));
    for name in ["figs", "pears", "apples"] {
        desk.keys("u");
        assert!(desk.app.notice.take().unwrap().starts_with("undo: first error at step 2"));
        assert_eq!(desk.id(), name);
    }
}

#[test]
fn what_a_filter_found_in_the_old_file_is_let_go_of_beside_the_screen_and_problems_that_come_later_are_found() {
    let mut desk = fruit(&["apples", "pears"], "second");
    desk.keys(":filter len > 0<Enter>");
    let found = desk.app.queue.places().len();
    desk.left.clear();
    desk.becomes(about(&["pears", "apples"], "second"));
    assert!(desk.left.iter().any(|effect| matches!(effect, Effect::Forget(_))));
    assert_eq!(desk.app.queue.places().len(), found);
    desk.ends_as(&[("fruit.jsonl", about(&["pears", "apples", "figs"], "second")), ("demo/samples.jsonl", SAMPLES)]);
    assert_eq!(desk.app.queue.places().len(), found + 1);
}
