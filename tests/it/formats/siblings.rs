//! Steps behind the same beginning: what makes them a pair or a correction, and what must not.

use serde_json::{Value, json};
use stepscope::formats::{LabelledTrace, gathered, parse_json};
use stepscope::labels::policy::{Neutral, PairRule, Policy, Unlabelled};
use stepscope::trace::{FirstError, NodeId, Problem, Rating, Remark, Trace, TraceBuilder, Writing};

use super::{foreign, one, written};

fn policy() -> Policy {
    Policy { glue: "|".into(), pairs: PairRule::All, ..Policy::default() }
}

/// Prompt, chosen and rejected of every pair.
fn pairs(items: &[stepscope::formats::Labelled<'_>], policy: &Policy) -> Vec<[String; 3]> {
    let row = |row: &Vec<u8>| parse_json(row).unwrap();
    let text = |row: &Value, key: &str| row[key].as_str().unwrap().to_owned();
    let rows = written("trl-dpo", items, policy).0;
    rows.iter().map(row).map(|row| ["prompt", "chosen", "rejected"].map(|key| text(&row, key))).collect()
}

/// Steps behind the problem with these values: Monte Carlo estimate and step score.
fn valued(steps: &[(&str, Option<f64>, Option<f64>)]) -> Trace {
    let mut builder = TraceBuilder::new(Problem { text: "q".into(), ..Problem::default() });
    for (text, mc, prm) in steps {
        let id = builder.child(NodeId::ROOT, text);
        (builder.node_mut(id).stats.mc, builder.node_mut(id).stats.prm) = (*mc, *prm);
        builder.solution(id);
    }
    builder.finish()
}

#[test]
fn steps_are_compared_by_the_value_that_most_of_them_have() {
    let by_value = |pairs| Policy { pairs, min_gap: Some(0.1), unlabelled: Unlabelled::KeepUnset, ..policy() };
    // No order of these fits a comparison that takes the first kind that two steps share.
    let cycle = valued(&[("A", Some(0.9), Some(0.1)), ("B", Some(0.1), Some(0.9)), ("C", None, Some(0.5))]);
    assert_eq!(pairs(&foreign(&cycle), &by_value(PairRule::BestWorst)), [["q|", "B", "A"]]);
    let names: Vec<_> = (0..40).map(|n| n.to_string()).collect();
    let step = |n: usize| {
        (names[n].as_str(), n.is_multiple_of(2).then_some((n * 7 % 40) as f64 / 40.0), Some((n * 23 % 40) as f64 / 40.0))
    };
    let many = valued(&(0..40).map(step).collect::<Vec<_>>());
    let best = pairs(&foreign(&many), &by_value(PairRule::BestWorst));
    assert_eq!(best, [["q|", "33", "0"]], "39/40 and 0/40");
    // One without that value is neither better nor worse.
    let lone = valued(&[("A", Some(0.9), None), ("B", Some(0.1), None), ("C", None, Some(0.5))]);
    assert_eq!(pairs(&foreign(&lone), &by_value(PairRule::All)), [["q|", "A", "B"]]);
}

#[test]
fn neutral_steps_that_a_policy_drops_stand_in_no_pair() {
    let mut builder = TraceBuilder::new(Problem { text: "q".into(), ..Problem::default() });
    let path = builder.path(["good", "so so", "wrong"]);
    let solution = builder.solution(path[2]);
    solution.ratings = [Rating::Good, Rating::Neutral, Rating::Bad].map(Some).into();
    solution.first_error = FirstError::At(2);
    for (parent, text, rating) in [(path[1], "better", Rating::Good), (path[0], "so and so", Rating::Neutral)] {
        let id = builder.child(parent, text);
        builder.node_mut(id).rating = Some(rating);
    }
    let trace = builder.finish();
    let pairs = |neutral| pairs(&foreign(&trace), &Policy { neutral, ..policy() });
    assert_eq!(pairs(Neutral::Positive), [["q|good|so so|", "better", "wrong"]]);
    assert_eq!(pairs(Neutral::DropStep), [["q|good|", "better", "wrong"]]);
    assert!(pairs(Neutral::StopBefore).is_empty());
}

#[test]
fn corrections_are_counted_among_the_pairs_of_a_beginning() {
    let mut builder = TraceBuilder::new(Problem { text: "q".into(), ..Problem::default() });
    for (text, first_error) in [("right", FirstError::NoError), ("wrong", FirstError::At(0))] {
        let id = builder.child(NodeId::ROOT, text);
        builder.solution(id).first_error = first_error;
    }
    let trace = builder.finish();
    let corrected = |text: &str| {
        let mut items = foreign(&trace);
        items[1].labels.remarks = vec![Remark { writing: Writing::Correction, step: Some(0), text: text.into() }];
        items
    };
    let most = |most| Policy { pairs_per_step: most, ..policy() };
    assert_eq!(pairs(&corrected("mended"), &most(None)), [["q|", "mended", "wrong"], ["q|", "right", "wrong"]]);
    assert_eq!(pairs(&corrected("mended"), &most(Some(1))), [["q|", "mended", "wrong"]]);
    assert_eq!(pairs(&corrected("right"), &most(None)).len(), 1, "the same pair twice");
    // What says the same corrects nothing, and takes no place of others.
    let items = corrected("wrong\n");
    assert_eq!(pairs(&items, &most(Some(1))), [["q|", "right", "wrong"]]);
    assert_eq!(written("trl-dpo", &items, policy()).1.skipped["a pair of steps that differ in white space alone"], 1);
    assert!(written("corrections", &items, policy()).0.is_empty());
}

#[test]
fn corrections_are_found_in_what_is_said_of_whole_solutions() {
    let mut builder = TraceBuilder::new(Problem { text: "q".into(), ..Problem::default() });
    for (steps, first_error) in [
        (&["p", "bad"][..], FirstError::At(1)),
        (&["p", "so so", "e"], FirstError::NoError),
        (&["p", "good", "end"], FirstError::NoError),
    ] {
        let path = builder.path(steps);
        let solution = builder.solution(path[path.len() - 1]);
        solution.first_error = first_error;
        solution.ratings = if steps[1] == "so so" { vec![None, Some(Rating::Neutral)] } else { Vec::new() };
    }
    let trace = builder.finish();
    let rows = written("corrections", &foreign(&trace), policy()).0;
    let row = parse_json(&rows[0]).unwrap();
    assert_eq!((rows.len(), &row["corrected_step"], &row["continuation"]), (1, &json!("good"), &json!(["end"])), "{row}");
}

#[test]
fn samples_that_contradict_each_other_make_no_pair_with_what_they_share() {
    let trace = |record: &str| one("trl", record);
    let traces = [
        trace(r#"{"prompt":"q","completions":["a","b"],"labels":[true,false]}"#),
        trace(r#"{"prompt":"q","completions":["a","c"],"labels":[true,true]}"#),
        trace(r#"{"prompt":"q","completions":["a","c","d"],"labels":[true,false,false]}"#),
    ];
    let together = |count: usize, own: Option<usize>| {
        let units: Vec<_> = traces[..count]
            .iter()
            .enumerate()
            .map(|(at, trace)| {
                let mut items = foreign(trace);
                items[0].touched = own == Some(at);
                LabelledTrace::new(trace, items)
            })
            .collect();
        let parts: Vec<_> = units.iter().collect();
        let whole = gathered(&parts).unwrap();
        pairs(&LabelledTrace::of_parts(&whole, &parts).solutions, &policy())
    };
    assert_eq!(together(2, None), [["q|a|", "c", "b"]]);
    assert!(together(3, None).is_empty(), "whether c is right nobody knows");
    assert_eq!(together(3, Some(1)), [["q|a|", "c", "b"]], "an own label counts before those of the file");
}
