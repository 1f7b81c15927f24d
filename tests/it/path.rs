//! What is kept of the path on show is what would be worked out anew, whatever was pressed.

use std::collections::HashMap;

use stepscope::analysis::meaning::ScoreRule;
use stepscope::app::Message;
use stepscope::app::judge::Judge;
use stepscope::scoring::WorkerEvent;
use stepscope::trace::{NodeId, PromptKey, Semantics, Solution, StepKey, StepScore};

use super::desk::{Desk, SAMPLES, SOLUTIONS};
use super::fuzz::Random;

/// Moves, labels, cuts, and what changes how scores are read.
const KEYS: [&str; 24] = [
    "j",
    "k",
    "3j",
    "gg",
    "G",
    ")",
    "(",
    "}",
    "{",
    "x",
    "a",
    "-",
    "=",
    "+",
    "<Backspace>",
    "u",
    "<C-r>",
    "gm",
    "P",
    "gA",
    ":threshold .3<Enter>",
    ":threshold .6<Enter>",
    "p",
    "<Esc>",
];

/// A score of the step that its key decides.
fn score(key: StepKey, salt: u64) -> StepScore {
    let number = key.to_string().bytes().fold(salt, |number, byte| number.wrapping_mul(31).wrapping_add(u64::from(byte)));
    StepScore::new((number % 100) as f64 / 100.0, Semantics::Correctness).unwrap()
}

fn assert_fresh(desk: &Desk, pressed: &str) {
    let app = &desk.app;
    let Some(trace) = app.trace() else { return };
    let leaf = app.cursor.path.last().copied().unwrap_or(NodeId::ROOT);
    assert_eq!(app.own_labels(trace, leaf), app.session.labels(trace, &Solution::new(leaf)), "{pressed}");
    if let Some(solution) = app.solution().filter(|solution| solution.leaf == leaf && app.reference_shown()) {
        assert_eq!(app.labels_here(trace).0, app.session.overlay(trace, solution).0, "{pressed}");
    }
    assert_eq!(*app.outlook(), app.scoring.outlook(trace, &app.cursor.path), "{pressed}");
    let place = app.cursor.path.iter().position(|&id| id == app.cursor.node);
    assert_eq!(app.cursor.step(), place.unwrap_or(0), "{pressed}");
}

#[test]
fn what_is_kept_of_the_path_on_show_is_what_would_be_worked_out_anew() {
    let mut desk = Desk::new(&[("demo/solutions.json", SOLUTIONS), ("demo/samples.jsonl", SAMPLES)], (120, 40));
    let second = HashMap::new();
    desk.tell(Message::Judge(Box::new(Judge::recorded("other@1".to_owned(), &ScoreRule::usual(Semantics::Correctness), second))));
    let (mut random, mut pressed, mut labelled) = (Random(7), String::new(), 0);
    for _ in 0..600 {
        let key = *random.of(&KEYS);
        pressed.push_str(key);
        desk.keys(key);
        assert_fresh(&desk, &pressed);
        let Some(trace) = desk.app.trace().cloned() else { continue };
        // A score of a step on show comes from the model.
        if let Some(id) = desk.app.cursor.path.get(random.below(6)) {
            let key = trace.node(*id).key;
            desk.app.scoring.scores.insert(key, score(key, random.next()));
            assert_fresh(&desk, &pressed);
        }
        labelled += usize::from(desk.app.own_labels(&trace, *desk.app.cursor.path.last().unwrap()).is_labelled());
    }
    assert!(labelled > 20, "{labelled}");
}

/// One may go through a solution of very many steps as through a short one: what was worked out of all of them is the same one.
#[test]
fn a_move_of_the_cursor_works_nothing_out_anew() {
    let mut desk = Desk::demo();
    desk.tell(Message::Worker(WorkerEvent::Ready(super::scoring::model())));
    desk.keys("gg");
    let before = desk.app.outlook();
    desk.keys("jjk");
    assert!(std::sync::Arc::ptr_eq(&before, &desk.app.outlook()));
    // A score of a step elsewhere says nothing of this one, and one of a step on show does.
    let trace = desk.app.trace().unwrap().clone();
    let elsewhere = PromptKey::of("another problem").root();
    for (key, kept) in [(elsewhere, true), (trace.node(desk.app.cursor.path[0]).key, false)] {
        let before = desk.app.outlook();
        desk.tell(Message::Worker(WorkerEvent::Score { request: 1, key, score: score(key, 1) }));
        assert_eq!(
            (std::sync::Arc::ptr_eq(&before, &desk.app.outlook()), desk.app.scoring.scores.contains_key(&key)),
            (kept, true)
        );
        assert_fresh(&desk, "scored");
    }
    let before = desk.app.outlook();
    desk.keys(":threshold .4<Enter>");
    assert!(!std::sync::Arc::ptr_eq(&before, &desk.app.outlook()));
}
