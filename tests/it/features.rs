//! The built-in model: features, trees, scores.

use std::ops::ControlFlow;

use proptest::prelude::*;
use serde_json::Value;
use stepscope::prm::features::{FeatureModel, MAX_BAD, Reader, Trees, names};
use stepscope::prm::{NodeScore, PrmNode, PrmRequest};
use stepscope::scoring::{RunsOn, local};

const TABLE: &[u8] = include_bytes!("../../assets/prm-features/trees.bin");

const PROBLEM: &str = "A baker fills 6 trays with 12 rolls each and sells 45 rolls. How many rolls are left?";
const STEPS: [&str; 3] =
    ["The baker makes 6 * 12 = 72 rolls.", "After selling 45 rolls, 72 - 45 = 28 rolls are left.", r"The answer is \boxed{28}."];

fn rows(problem: &str, steps: &[&str]) -> Vec<Vec<f32>> {
    let mut reader = Reader::new(problem);
    steps.iter().map(|step| reader.step(step).values).collect()
}

fn value(rows: &[Vec<f32>], step: usize, name: &str) -> f32 {
    let index = names().position(|known| known == name).unwrap_or_else(|| panic!("there is no feature {name}"));
    rows[step][index]
}

fn scores(problem: &str, nodes: Vec<PrmNode>) -> Vec<f64> {
    let model = FeatureModel::embedded().unwrap();
    let mut scores = vec![f64::NAN; nodes.len()];
    model.score(&PrmRequest { problem: problem.to_owned(), nodes }, &mut |node, scored| {
        if let NodeScore::Score(score) = scored {
            scores[node] = score.value();
        }
        ControlFlow::Continue(())
    });
    scores
}

fn chain(steps: &[&str]) -> Vec<PrmNode> {
    PrmRequest::linear("", steps.iter().copied()).nodes
}

#[test]
fn features_of_a_small_solution() {
    let rows = rows(PROBLEM, &STEPS);
    for (step, name, expected) in [
        (0, "place", 0.0),
        (2, "place", 2.0),
        (0, "holding", 1.0),
        (0, "times_equations", 1.0),
        (0, "operands_from_problem", 2.0),
        (0, "outcomes", 1.0),
        (0, "first_uses", 2.0),
        (0, "problem_numbers_used", 2.0 / 3.0),
        (0, "unused_results", 1.0),
        (0, "like_an_earlier_step", 0.0),
        // the, baker, rolls stand in the problem (the does not), makes is new.
        (0, "new_words", 2.0),
        (1, "failing", 1.0),
        (1, "failing_before", 0.0),
        (2, "failing_before", 1.0),
        (1, "minus_equations", 1.0),
        (1, "operands_from_results", 1.0),
        (1, "problem_numbers_used", 1.0),
        (1, "left", 1.0),
        (1, "left_without_minus", 0.0),
        (2, "gives_answer", 1.0),
        (2, "names_last_result", 1.0),
        (2, "equations", 0.0),
        (2, "smallest_result", -1.0),
        (2, "unused_in_answer", 0.0),
        (0, "bound_numbers", 2.0),
        // baker and rolls of eight words.
        (0, "sentence_covered", 0.25),
        (0, "sentence_numbers_used", 2.0),
        (0, "sentence_numbers_left", 1.0),
        (1, "sentence_place", 0.5),
        (1, "numbers_outside_sentence", 2.0),
        (1, "sentences_begun", 1.0),
        (1, "sentence_left", 1.0),
        (0, "equations_more", 0.0),
        (1, "equations_more", 0.0),
        (2, "equations_more", -1.0),
    ] {
        assert!((value(&rows, step, name) - expected).abs() < 1e-6, "{name} of step {step}: {}", value(&rows, step, name));
    }
}

#[test]
fn names_are_unique_and_every_row_has_a_value_for_each() {
    let mut all: Vec<&str> = names().collect();
    assert!(rows(PROBLEM, &STEPS).iter().all(|row| row.len() == all.len()));
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), names().count());
}

#[test]
fn hostile_steps_give_finite_numbers_in_bounded_time() {
    let long = "word 12 + ".repeat(100_000);
    let digits = "7".repeat(1 << 20);
    let nested = format!("{}1{} = 1", "(".repeat(10_000), ")".repeat(10_000));
    let equations = "1+1=2 ".repeat(10_000);
    let steps = [
        "",
        " \n",
        &long,
        &digits,
        &nested,
        &equations,
        "9^999999999 = 3, 1/0 = 5",
        "٣ + ٤ = ٧ — 三加四等于七",
        "\u{0}\u{202e}=",
    ];
    for problem in ["", long.as_str(), digits.as_str()] {
        for row in rows(problem, &steps) {
            assert!(row.iter().all(|value| value.is_finite()), "{row:?}");
        }
    }
}

proptest! {
    #[test]
    fn a_row_depends_on_nothing_behind_it(problem in "[a-z0-9 .?%$]{0,60}", steps in prop::collection::vec(r"[a-z0-9 =+*/.$\\{}-]{0,40}", 1..6)) {
        let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
        let all = rows(&problem, &steps);
        for end in 1..=steps.len() {
            prop_assert_eq!(&rows(&problem, &steps[..end])[..], &all[..end]);
        }
    }

    #[test]
    fn any_text_gives_a_score(problem: String, steps: Vec<String>) {
        let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
        for score in scores(&problem, chain(&steps)) {
            prop_assert!((0.0..=1.0).contains(&score));
        }
    }

    #[test]
    fn any_bytes_are_a_table_or_an_error(bytes: Vec<u8>, cut in 0..TABLE.len(), at in 0..TABLE.len(), byte: u8) {
        let _ = Trees::read(&bytes);
        prop_assert!(Trees::read(&TABLE[..cut]).is_err());
        let mut changed = TABLE.to_vec();
        changed[at] = byte;
        if let Ok(trees) = Trees::read(&changed) {
            prop_assert!((0.0..=1.0).contains(&trees.probability(&[])));
        }
    }
}

#[test]
fn broken_tables_are_refused_with_a_reason() {
    let names = names().collect::<Vec<_>>().join("\n");
    let behind_names = 20 + names.len();
    let patched = |at: usize, bytes: &[u8]| {
        let mut table = TABLE.to_vec();
        table[at..at + bytes.len()].copy_from_slice(bytes);
        Trees::read(&table).unwrap_err().to_string()
    };
    let first_node = behind_names + 32 + 8;
    for (at, bytes, expected) in [
        (0, &b"X"[..], "does not begin with STEPTREE"),
        (8, &[9], "format 9, expected 3"),
        (12, &[0], "feature version 0"),
        (20, b"X", "trained on other features"),
        (behind_names, &f64::NAN.to_le_bytes(), "expected a finite number"),
        (behind_names, &2.0_f64.to_le_bytes(), "between 0 and 1"),
        (behind_names + 32, &u32::MAX.to_le_bytes(), "cut off"),
        (first_node, &60_000_u16.to_le_bytes(), "there is no feature 60000"),
        (first_node + 2, &0_u16.to_le_bytes(), "leads out of the tree"),
        (first_node + 2, &u16::MAX.to_le_bytes(), "leads out of the tree"),
        (first_node + 4, &f32::INFINITY.to_le_bytes(), "expected a finite number"),
    ] {
        let error = patched(at, bytes);
        assert!(error.contains(expected), "{error:?} for {expected:?}");
    }
    let mut longer = TABLE.to_vec();
    longer.push(0);
    assert!(Trees::read(&longer).unwrap_err().to_string().contains("behind the last tree"));
}

#[test]
fn trees_give_what_lightgbm_gives() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("../fixtures/prm/features.json")).unwrap();
    let trees = Trees::read(TABLE).unwrap();
    assert!(cases.len() >= 30);
    for case in cases {
        #[expect(clippy::cast_possible_truncation, reason = "the numbers were written from f32")]
        let row: Vec<f32> = case["row"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap() as f32).collect();
        let expected = case["probability"].as_f64().unwrap();
        let found = trees.probability(&row);
        assert!((found - expected).abs() < 1e-6, "{found} instead of {expected}");
    }
}

#[test]
fn a_step_scores_the_same_in_every_tree() {
    let other = ["The baker has 6 + 12 = 18 rolls.", "45 - 18 = 27 rolls are left."];
    let mut nodes = chain(&STEPS);
    // A second solution that parts behind the first step, and a third from the start.
    nodes.extend([
        PrmNode { parent: Some(0), text: other[1].into(), ..PrmNode::default() },
        PrmNode { parent: None, text: other[0].into(), ..PrmNode::default() },
        PrmNode { parent: Some(4), text: other[1].into(), ..PrmNode::default() },
        PrmNode { parent: Some(0), text: STEPS[1].into(), ..PrmNode::default() },
    ]);
    let all = scores(PROBLEM, nodes);
    assert_eq!(all[..3], scores(PROBLEM, chain(&STEPS)));
    assert_eq!(all[3..4], scores(PROBLEM, chain(&[STEPS[0], other[1]]))[1..]);
    assert_eq!(all[4..6], scores(PROBLEM, chain(&other)));
    assert!((all[6] - all[1]).abs() < f64::EPSILON);
    assert!(all[1] <= MAX_BAD, "a false equation");
}

#[test]
fn a_solution_of_many_steps_and_a_broken_parent_are_no_trouble() {
    let steps = vec!["So 2 + 2 = 4."; 5_000];
    assert!(scores(PROBLEM, chain(&steps)).iter().all(|score| score.is_finite()));
    let nodes = vec![
        PrmNode { parent: Some(7), text: "a".into(), ..PrmNode::default() },
        PrmNode { parent: Some(1), text: "b".into(), ..PrmNode::default() },
    ];
    assert!(scores(PROBLEM, nodes).iter().all(|score| score.is_nan()));
}

#[test]
fn the_built_in_scorer_says_what_it_is() {
    let model = local::load(None, &RunsOn::default()).unwrap().model();
    assert_eq!((model.name.as_str(), model.family.as_str(), model.embedded), ("built-in", "features", true));
    assert_eq!(model.key.len(), 64);
    assert!((0.0..=1.0).contains(&model.threshold) && model.posterior.is_some_and(|tau| (0.0..=1.0).contains(&tau)));
    assert_eq!(model.key, local::load(None, &RunsOn::default()).unwrap().model().key);
}
