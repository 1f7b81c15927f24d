//! The checks on real solutions: they must not cry wolf.

use serde_json::Value;
use stepscope::checks::answer::{Agreement, compare, extract};
use stepscope::checks::arithmetic::Verdict;
use stepscope::checks::findings;
use stepscope::checks::provenance::Ledger;

use crate::support::data;

struct Count {
    right: usize,
    right_flagged: usize,
    errors: usize,
    errors_flagged: usize,
}

fn count(file: &str) -> Option<Count> {
    let path = data(&format!("processbench/{file}"))?;
    let text = std::fs::read_to_string(path).unwrap();
    let traces: Vec<Value> =
        serde_json::from_str(&text).unwrap_or_else(|_| text.lines().map(|line| serde_json::from_str(line).unwrap()).collect());
    let mut count = Count { right: 0, right_flagged: 0, errors: 0, errors_flagged: 0 };
    for trace in &traces {
        let label = trace["label"].as_i64().unwrap();
        for (index, step) in (0..).zip(trace["steps"].as_array().unwrap()) {
            let bad: Vec<_> =
                findings(step.as_str().unwrap()).into_iter().filter(|finding| finding.verdict == Verdict::Bad).collect();
            if label < 0 || index < label {
                count.right += 1;
                count.right_flagged += usize::from(!bad.is_empty());
                for finding in &bad {
                    println!("false alarm in {}[{index}]: {:?}", trace["id"], &step.as_str().unwrap()[finding.span.clone()]);
                }
            } else if index == label {
                count.errors += 1;
                count.errors_flagged += usize::from(!bad.is_empty());
            }
        }
    }
    println!(
        "{file}: {}/{} right steps flagged, {}/{} first errors",
        count.right_flagged, count.right, count.errors_flagged, count.errors
    );
    Some(count)
}

#[test]
fn no_right_step_of_gsm8k_is_flagged_and_wrong_sums_are_found() {
    let Some(count) = count("gsm8k.json") else { return };
    assert_eq!((count.right, count.errors), (1051, 150));
    assert_eq!(count.right_flagged, 0);
    assert!(count.errors_flagged >= 24, "{}", count.errors_flagged);
}

#[test]
fn few_right_steps_of_competition_mathematics_are_flagged() {
    let counts: Vec<Count> = ["math.json", "olympiadbench.json", "omnimath.json"].iter().filter_map(|file| count(file)).collect();
    let right: usize = counts.iter().map(|count| count.right).sum();
    let flagged: usize = counts.iter().map(|count| count.right_flagged).sum();
    assert!(flagged * 1000 <= right * 2, "{flagged} of {right}");
}

/// How the answer check stands to verdicts that others recorded: (equal, different, undecided).
#[derive(Debug, Default, PartialEq, Eq)]
struct Agreements {
    right: [usize; 3],
    wrong: [usize; 3],
}

impl Agreements {
    /// Takes the answer from the text of a solution.
    fn judge(&mut self, text: &str, reference: &str, right: bool) {
        let found = extract(text);
        let agreement = found.map_or(Agreement::Undecided, |answer| compare(answer, reference));
        if matches!((right, agreement), (true, Agreement::Different) | (false, Agreement::Equal)) {
            println!("recorded {right}, {agreement:?}: {found:?} against {reference:?}");
        }
        let counts = if right { &mut self.right } else { &mut self.wrong };
        counts[agreement as usize] += 1;
    }
}

fn lines(file: &str) -> Option<Vec<Value>> {
    let text = std::fs::read_to_string(data(file)?).unwrap();
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

#[test]
fn answers_agree_with_the_verdicts_of_qwen_math_best_of_8() {
    let Some(records) = lines("qwen-math-bestof8/math_cot_100.jsonl") else { return };
    let mut found = Agreements::default();
    for record in &records {
        for (n, text) in record["code"].as_array().unwrap().iter().enumerate() {
            let right = record["score"][n].as_bool().unwrap();
            found.judge(text.as_str().unwrap(), record["gt"].as_str().unwrap(), right);
        }
    }
    assert_eq!(found, Agreements { right: [560, 0, 0], wrong: [0, 47, 1] });
}

#[test]
fn answers_agree_with_the_verdicts_of_sampled_gsm8k_solutions() {
    let Some(records) = lines("gsm8k-solutions/example_model_solutions.jsonl") else { return };
    let mut found = Agreements::default();
    for record in &records {
        let reference = extract(record["ground_truth"].as_str().unwrap()).unwrap();
        for model in ["6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification"] {
            let sample = &record[model];
            found.judge(sample["solution"].as_str().unwrap(), reference, sample["is_correct"].as_bool().unwrap());
        }
    }
    assert_eq!(found, Agreements { right: [1521, 0, 0], wrong: [0, 2432, 11] });
}

#[test]
fn answers_agree_with_the_predictions_of_tora() {
    // The undecided ones name their answer in the output of a program alone.
    let expected = [
        ("tora-gsm8k/tora-70b-v1.0.jsonl", Agreements { right: [823, 0, 9], wrong: [0, 155, 4] }),
        ("tora-gsm8k/tora-code-34b-v1.0.jsonl", Agreements { right: [803, 0, 1], wrong: [0, 185, 2] }),
    ];
    for (file, expected) in expected {
        let Some(records) = lines(file) else { return };
        let mut found = Agreements::default();
        for record in &records {
            let (predicted, reference) = (record["pred"][0].as_str(), record["gt"].as_str().unwrap());
            let right = predicted.is_some_and(|predicted| predicted.replace(',', "") == reference.replace(',', ""));
            found.judge(record["code"][0].as_str().unwrap(), reference, right);
        }
        assert_eq!(found, expected, "{file}");
    }
}

#[test]
fn hostile_steps_are_left_alone_in_bounded_time() {
    let nested = |open: &str, close: &str| format!("{}1{} = 2", open.repeat(10_000), close.repeat(10_000));
    let steps = [
        String::new(),
        " \n\t ".to_owned(),
        "word 12 + 3 = ".repeat((1 << 20) / 14),
        "x + 1 = ".repeat((1 << 20) / 8),
        "7".repeat(1 << 20),
        "٣ + ٤ = ٨, 三加四等于八, δύο + δύο = 5".to_owned(),
        "9^999999999 = 3, 2^{10^{10}} = 4, 9^9^9^9 = 1".to_owned(),
        "1/0 = 5, 3 / (2 - 2) = 1, x/(1 - 1) = x = 2x, 1/x = 0, so x = 4".to_owned(),
        nested("(", ")"),
        nested("{", "}"),
        nested(r"\frac{", "}{2}"),
        nested(r"\sqrt{", "}"),
        "\u{0}\u{202e}= 1 = \u{feff}".to_owned(),
    ];
    let start = std::time::Instant::now();
    for step in &steps {
        let found = findings(step);
        assert!(found.iter().all(|finding| finding.verdict != Verdict::Bad || step.contains("word")), "{:?}", step.get(..30));
        assert!(found.iter().all(|finding| step.get(finding.span.clone()).is_some()), "every span is a piece of the step");
        let mut ledger = Ledger::new(step);
        assert!(ledger.step(step).len() <= 200);
        assert_ne!(compare(step, "3"), Agreement::Equal);
    }
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}

/// Run with `-- --ignored --nocapture` on a quiet machine.
#[test]
#[ignore = "measures time"]
fn the_time_of_the_checks_on_a_step() {
    for file in ["gsm8k.json", "math.json", "olympiadbench.json", "omnimath.json"] {
        let Some(path) = data(&format!("processbench/{file}")) else { return };
        let traces: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let steps: Vec<&str> =
            traces.iter().flat_map(|trace| trace["steps"].as_array().unwrap()).map(|step| step.as_str().unwrap()).collect();
        let time = |read: &mut dyn FnMut(&str)| {
            let start = std::time::Instant::now();
            for step in &steps {
                read(step);
            }
            start.elapsed().as_secs_f64() * 1e6 / steps.len() as f64
        };
        let checks = time(&mut |step| assert!(findings(step).len() < 1000));
        let mut ledger = Ledger::new("");
        let numbers = time(&mut |step| assert!(ledger.step(step).len() <= 200));
        println!("{file}: {} steps, checks {checks:.1} us a step, origins of numbers {numbers:.1} us", steps.len());
    }
}
