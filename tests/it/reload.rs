//! Files that are replaced under a session, without a disk: what is found again, and where.

use stepscope::app::Place;

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
    desk.ends_as(&[("demo/samples.jsonl", SAMPLES)]);
    assert_eq!((desk.app.cursor.item, desk.app.record_key(), desk.step()), here);
    // Who has typed something stays where it was.
    desk.becomes(first);
    desk.keys("j");
    let there = desk.app.cursor.item;
    desk.ends_as(&[("demo/samples.jsonl", SAMPLES)]);
    assert_eq!(desk.app.cursor.item, there);
}
