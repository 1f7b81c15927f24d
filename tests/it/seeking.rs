//! From one step to the next of its kind: the same expression, the same mistake, where prediction and labels or search and model part.

use stepscope::trace::{FirstError, Semantics, StepScore};

use super::desk::{Desk, TREE};

fn record(id: usize, steps: &[&str], label: i64) -> serde_json::Value {
    serde_json::json!({
        "id": format!("s-{id}"), "generator": "g", "problem": format!("Problem number {id}?"), "steps": steps,
        "final_answer_correct": label < 0, "label": label,
    })
}

/// Four solutions: two make the same mistake, one says nearly the same words, one has nothing to do with them.
fn desk() -> Desk {
    let records = serde_json::Value::Array(vec![
        record(0, &["We start with the price.", "So 5 * 7 = 36 dollars are paid.", "The end."], 1),
        record(1, &["All is well here.", "And 6 * 7 = 42 is right."], -1),
        record(2, &["Something else.", "Hence 5*7=36, as before."], 1),
        record(3, &["Let us see.", "So 6 * 7 = 36 dollars are paid."], 1),
    ]);
    let bytes: &'static [u8] = Box::leak(records.to_string().into_bytes().into_boxed_slice());
    Desk::new(&[("mistakes.json", bytes)], (100, 30))
}

fn verdict(desk: &Desk) -> FirstError {
    let trace = desk.app.trace().unwrap();
    desk.app.own_labels(trace, desk.app.solution().unwrap().leaf).first_error
}

#[test]
fn a_star_goes_to_the_next_step_with_the_same_expression() {
    let mut desk = desk();
    desk.keys("j*");
    assert_eq!((desk.id(), desk.step()), ("s-2".to_owned(), 2), "{}", desk.screen());
    desk.keys("n");
    assert_eq!(desk.id(), "s-0", "around the end");
    desk.keys(")jj*");
    assert!(desk.app.notice.is_some());
    desk.keys("gg*");
    assert_eq!(desk.app.notice.as_deref(), Some("this step has no equality or formula to look for"));
}

#[test]
fn the_same_mistake_is_marked_from_hit_to_hit() {
    let mut desk = desk();
    desk.keys("2xg/");
    assert_eq!((desk.id(), desk.step()), ("s-2".to_owned(), 2), "{}", desk.screen());
    desk.keys("x");
    assert_eq!((desk.id(), desk.step()), ("s-3".to_owned(), 2), "nearly the same words: {}", desk.screen());
    desk.keys("x");
    assert_eq!(desk.app.like(), Some("step 2 of problem 1"));
    assert!(desk.app.notice.as_deref().unwrap().contains("no match"), "{:?}", desk.app.notice);
    desk.keys("<Esc>gg(");
    assert_eq!((desk.id(), verdict(&desk)), ("s-2".to_owned(), FirstError::At(1)));
    // Without the search, a verdict goes on to the next solution again.
    desk.keys("a");
    assert_eq!(desk.id(), "s-3");
}

#[test]
fn disagreement_is_between_prediction_file_and_oneself() {
    let mut desk = desk();
    // The file has an error in s-0; who says that all is right disagrees with it.
    desk.keys("a}}");
    desk.keys("[d");
    assert_eq!(desk.id(), "s-0", "{}", desk.screen());
    desk.keys("]d");
    assert_eq!(desk.app.notice.as_deref(), Some("went around the end of the list"));
}

#[test]
fn where_search_and_model_part() {
    let mut desk = Desk::new(&[("demo/tree.jsonl", TREE)], (120, 40));
    let trace = desk.app.trace().unwrap().clone();
    let value = |id| trace.node(id).stats.q.or(trace.node(id).stats.value).or(trace.node(id).stats.mc);
    let high = trace.steps().filter(|&id| value(id).is_some_and(|value| (0.8..=1.0).contains(&value))).nth(3).unwrap();
    for id in trace.steps().filter(|&id| value(id).is_some()) {
        let agreed = value(id).unwrap().clamp(0.0, 1.0);
        let score = if id == high { 0.1 } else { agreed };
        desk.app.scoring.scores.insert(trace.node(id).key, StepScore::new(score, Semantics::Correctness).unwrap());
    }
    desk.keys("gg]q");
    assert_eq!(desk.app.cursor.node, high, "{}", desk.screen());
}

#[test]
fn a_problem_is_gone_to_by_letters_that_one_remembers() {
    let mut desk = desk();
    desk.keys("<C-f>");
    assert!(desk.screen().contains("4 problems"), "{}", desk.screen());
    desk.keys("nmbr 3");
    assert!(desk.screen().contains("1 problems"), "{}", desk.screen());
    desk.keys("<Enter>");
    assert_eq!(desk.id(), "s-3");
    desk.keys("<C-o>");
    assert_eq!(desk.id(), "s-0", "the way back is kept");
    // Tags are one's own words for a place.
    desk.keys("))jtodd-one<Enter>gg((<C-f>oddone<Enter>");
    assert_eq!(desk.id(), "s-2", "{}", desk.screen());
    desk.keys("<C-f>zzzz<Enter>");
    assert_eq!(desk.id(), "s-2");
    assert!(desk.app.picker.is_none());
}

#[test]
fn numbers_compare_verdicts_with_scores_and_hide_them_from_who_judges_blind() {
    let mut desk = desk();
    desk.keys("gE");
    assert!(desk.app.sheet.is_none());
    for number in 0..4 {
        let trace = desk.app.trace().unwrap().clone();
        for (step, id) in trace.steps().enumerate() {
            let score = if (number, step) == (0, 1) { 0.2 } else { 0.9 };
            desk.app.scoring.scores.insert(trace.node(id).key, StepScore::new(score, Semantics::Correctness).unwrap());
        }
        desk.keys("}");
    }
    desk.keys("1go2xaax");
    desk.keys("gE");
    let page = desk.app.sheet.as_ref().unwrap().text.clone();
    assert!(page.contains("Your verdicts on 4 solutions in memory"), "{page}");
    assert!(page.contains("first errors named exactly  50.0 % of 2"), "{page}");
    assert!(page.contains("right solutions left alone  100.0 % of 2"), "{page}");
    assert!(page.contains(".20 to .30"), "{page}");
    desk.keys("<Esc>pgE");
    let page = desk.app.sheet.as_ref().unwrap().text.clone();
    assert!(!page.contains(".20") && page.contains("hidden"), "{page}");
}
