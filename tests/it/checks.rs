//! The arithmetic check on real solutions: it must not cry wolf.

use serde_json::Value;
use stepscope::checks::arithmetic::{Verdict, check};

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
                check(step.as_str().unwrap()).into_iter().filter(|finding| finding.verdict == Verdict::Bad).collect();
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
    assert!(count.errors_flagged >= 15, "{}", count.errors_flagged);
}

#[test]
fn few_right_steps_of_competition_mathematics_are_flagged() {
    let counts: Vec<Count> = ["math.json", "olympiadbench.json", "omnimath.json"].iter().filter_map(|file| count(file)).collect();
    let right: usize = counts.iter().map(|count| count.right).sum();
    let flagged: usize = counts.iter().map(|count| count.right_flagged).sum();
    assert!(flagged * 1000 <= right * 2, "{flagged} of {right}");
}
