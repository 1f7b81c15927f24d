//! Monte Carlo estimates on their way out, and what does not come along.

use std::collections::BTreeMap;

use serde_json::json;
use stepscope::formats::{Labelled, parse_json};
use stepscope::labels::policy::Policy;
use stepscope::trace::{EndState, FirstError, NodeStats, Problem, SolutionLabels, Trace, TraceBuilder};

use super::targets::records;
use super::{foreign, one, written};

const SCORES: &str = "step scores and search statistics";
const BEHIND: &str = "steps behind the last estimate";

/// Hope ends at `b`; `c` has no estimate; the search and a model say more of `a` and `c`.
fn tree() -> Trace {
    let text = "q".to_owned();
    let mut builder = TraceBuilder::new(Problem { text, reference_solution: Some("r".into()), ..Problem::default() });
    let long = builder.path(["a", "b", "d"]);
    let short = builder.path(["a", "c"]);
    let mc = |mc| NodeStats { mc: Some(mc), ..NodeStats::default() };
    let counted = |hits: u64| NodeStats { mc_k: Some(8), mc_hits: Some(hits), ..mc(hits as f64 / 8.0) };
    builder.node_mut(stepscope::trace::NodeId::ROOT).stats = mc(0.25);
    builder.node_mut(long[0]).stats = NodeStats { q: Some(0.3), visits: Some(5), ..counted(4) };
    builder.node_mut(long[1]).stats = counted(0);
    builder.node_mut(long[2]).stats = mc(0.0);
    builder.node_mut(short[1]).stats = NodeStats { prm: Some(0.9), ..NodeStats::default() };
    for leaf in [long[2], short[1]] {
        builder.solution(leaf);
    }
    builder.finish()
}

#[test]
fn targets_of_estimates_count_every_other_number_and_every_step_that_goes() {
    let trace = tree();
    for (name, expected) in [
        ("openr", &[("references", 1), (SCORES, 2)][..]),
        ("openr-flat", &[("references", 1), (SCORES, 2), (BEHIND, 1)]),
        (
            "mm-prm",
            &[("references", 1), (SCORES, 2), (BEHIND, 1), ("estimates of problems", 1), ("steps where hope has ended", 1)],
        ),
    ] {
        let (_, loss) = written(name, &foreign(&trace), Policy::default());
        assert_eq!(loss.counts, expected.iter().copied().collect(), "{name}");
    }
    let mut scored = trace;
    scored.solutions[0].scores = vec![Some(0.5), None, Some(0.1)];
    assert_eq!(written("openr", &foreign(&scored), Policy::default()).1.counts[SCORES], 4);
}

#[test]
fn rollouts_and_intervals_stand_beside_every_estimate() {
    let trace = tree();
    let process = &records("mm-prm", &trace, &Policy::default())[0];
    assert_eq!((&process["process"], &process["labels"]), (&json!("a <prm>\nb <prm>"), &json!([0.5, 0.0])));
    assert_eq!((&process["mc_k"], &process["mc_hits"]), (&json!([8, 8]), &json!([4, 0])));
    let (low, high) = (process["mc_interval"][1][0].as_f64().unwrap(), process["mc_interval"][1][1].as_f64().unwrap());
    assert!(low < 1e-9 && (high - 0.324_408).abs() < 1e-5, "0 of 8 may still be a third");
    let flat = records("openr-flat", &trace, &Policy::default()).remove(0);
    assert_eq!((&flat["reasoning_steps"][1]["mc_k"], &flat["reasoning_steps"][1]["mc_hits"]), (&json!(8), &json!(4)));
    // Its own reader takes such a record.
    assert_eq!(one("mm-prm", &process.to_string()).nodes[2].stats.mc, Some(0.0));
}

#[test]
fn the_image_of_a_problem_is_written_and_not_counted() {
    let further = |trace: &Trace| written("mm-prm", &foreign(trace), Policy::default()).1.counts.get("further fields").copied();
    let mut trace = tree();
    assert_eq!(further(&trace), None);
    trace.extra.insert("image_path".into(), "a.png".into());
    assert_eq!((further(&trace), &records("mm-prm", &trace, &Policy::default())[0]["image_path"]), (None, &json!("a.png")));
    // Other fields are, also those of a step that no solution holds.
    trace.solutions.truncate(1);
    trace.nodes.last_mut().unwrap().extra.insert("seen".into(), 1.into());
    trace.extra.insert("split".into(), "test".into());
    assert_eq!(further(&trace), Some(2));
}

#[test]
fn a_first_error_is_told_where_hope_ends_with_it() {
    let trace = tree();
    let raw = records("openr", &trace, &Policy::default()).remove(0).to_string();
    let own = one("openr", &raw);
    for (at, lost) in [(1, None), (0, Some(1)), (2, Some(1))] {
        let labels = SolutionLabels::recorded(3, FirstError::At(at), &[], EndState::FoundError);
        for (trace, raw) in [(&trace, None), (&own, Some(raw.as_bytes()))] {
            let item = Labelled { labels: labels.clone(), touched: true, raw, ..foreign(trace).remove(0) };
            let (out, loss) = written("openr", &[item], Policy::default());
            assert_eq!(loss.counts.get("first errors").copied(), lost, "{at}");
            // A copied record loses nothing else.
            assert!(raw.is_none_or(|raw| out == [raw] && loss.counts.len() == usize::from(lost.is_some())), "{:?}", loss.counts);
        }
    }
}

#[test]
fn what_is_no_text_and_no_label_is_counted_in_trees_too() {
    let record = r#"{"question":"q \ud83d","final_answer":"1","reasoning_steps":{"text":"q \ud83d","mc_value":0.5,"children":[{"text":"a","mc_value":0.5,"children":[]}]}}"#;
    let trace = one("openr", record);
    let lost = |raw| {
        let items: Vec<_> = foreign(&trace).into_iter().map(|item| Labelled { raw, ..item }).collect();
        written("openr", &items, Policy::default()).1.counts.get("characters that were no text").copied()
    };
    assert_eq!((lost(None), lost(Some(record.as_bytes()))), (Some(2), None));
    // Ratings of steps beside the solutions have no place; those on their paths are counted by solutions.
    let mut rated = super::targets::siblings();
    rated.solutions.truncate(1);
    rated.nodes[1].rating = Some(stepscope::trace::Rating::Good);
    let (out, report) = written("openr", &foreign(&rated), Policy::default());
    assert!(parse_json(&out[0]).unwrap().to_string().contains("Add 2 to 12."));
    let expected: BTreeMap<_, _> = [("ratings without a verdict", 1), ("final answers", 1), ("further fields", 1)].into();
    assert_eq!(report.counts, expected);
}
