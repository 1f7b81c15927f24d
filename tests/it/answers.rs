//! The solutions of a problem by their answers.

use stepscope::trace::{Semantics, StepScore};

use super::desk::{Desk, SAMPLES};

/// Six samples of one problem: three say 4 (two of them in other signs), two say 5, one says nothing.
fn desk() -> Desk {
    let samples = [
        ["We add.", r"So \boxed{5}."],
        ["We add them up.", r"So \boxed{4}."],
        ["We count.", "The answer is 4.00"],
        ["We guess.", r"So \boxed{5}"],
        ["We know.", r"\boxed{\text{4}}"],
        ["We do not know.", "At all."],
    ];
    let root = serde_json::json!({ "tree": "t", "id": 0, "parent": null, "problem": "What is 2 + 2?", "gold": "4" });
    let mut lines = vec![root.to_string()];
    for (at, [first, last]) in samples.iter().enumerate() {
        let id = 2 * at + 1;
        lines.push(serde_json::json!({ "tree": "t", "id": id, "parent": 0, "text": first }).to_string());
        lines.push(serde_json::json!({ "tree": "t", "id": id + 1, "parent": id, "text": last }).to_string());
    }
    let bytes: &'static [u8] = Box::leak(lines.join("\n").into_bytes().into_boxed_slice());
    Desk::new(&[("samples.jsonl", bytes)], (80, 24))
}

fn score(desk: &mut Desk, solution: usize, value: f64) {
    let trace = desk.app.trace().unwrap().clone();
    for id in trace.solution_path(&trace.solutions[solution]) {
        desk.app.scoring.scores.insert(trace.node(id).key, StepScore::new(value, Semantics::Correctness).unwrap());
    }
}

#[test]
fn answers_are_counted_weighed_and_gone_to() {
    let mut desk = desk();
    for (solution, value) in [(0, 0.3), (1, 0.4), (2, 0.9), (3, 0.8), (4, 0.6), (5, 0.1)] {
        score(&mut desk, solution, value);
    }
    desk.keys("ga");
    let screen = desk.screen();
    assert!(screen.contains("2 answers of 6 solutions"), "{screen}");
    let rows: Vec<&str> = screen.lines().skip(2).take(3).collect();
    assert!(rows[0].contains('4') && rows[0].contains("3 .90") && rows[0].contains(".63"), "{screen}");
    assert!(rows[1].contains('5') && rows[1].contains("4 .80"), "{screen}");
    assert!(rows[2].contains("(none)"), "{screen}");
    assert!(rows[0].contains("RIGHT") && rows[1].contains("WRONG"), "{screen}");
    // The wrong answer that convinces most.
    desk.keys("j<Enter>");
    assert!(desk.app.answers.is_none());
    assert_eq!(desk.app.cursor.solution, 3, "{}", desk.screen());
    desk.keys("gaw");
    assert_eq!(desk.app.cursor.solution, 1, "the worst of those that say 4");
    desk.keys("<C-o><C-o>ga<Esc>");
    assert_eq!(desk.app.cursor.solution, 0, "the way back is kept");
}

#[test]
fn who_judges_blind_sees_counts_and_own_verdicts_alone() {
    let mut desk = desk();
    score(&mut desk, 1, 0.9);
    desk.keys("ap");
    desk.keys("ga");
    let screen = desk.screen();
    assert!(screen.contains("+1 x0") && !screen.contains(".90"), "{screen}");
    assert!(!screen.contains("RIGHT") && !screen.contains("WRONG") && !screen.contains("best"), "{screen}");
}

#[test]
fn the_answers_of_the_demo_are_there() {
    let mut desk = Desk::new(&[("demo/samples.jsonl", SAMPLES)], (120, 40));
    desk.keys("ga");
    let answers = desk.app.answers.as_ref().unwrap();
    assert_eq!(answers.groups.iter().map(|group| group.solutions.len()).sum::<usize>(), answers.solutions);
    assert!(answers.groups[0].solutions.len() >= answers.groups[1].solutions.len());
}
