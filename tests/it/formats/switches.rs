//! Every decision of the export policy, turned one at a time: what it changes, and that it changes nothing where nobody asks for it.

use serde_json::Value;
use stepscope::formats::{LabelledTrace, exploded, parse_json, targets};
use stepscope::labels::policy::{
    AfterError, Level, Neutral, PairRule, Policy, QualityControl, Switch, Unlabelled, Unsure, Values,
};
use stepscope::trace::{FirstError, Problem, Rating, Trace, TraceBuilder};

use super::{foreign, written};

/// Three samples behind the same two steps. In the first an error, behind it a rated step with a wrong one beside it and an unrated one; the
/// second is right; the third is wrong, and unsure. Beside their third steps stands one that a person wrote.
fn trace() -> Trace {
    use Rating::{Bad, Good, Neutral};
    let problem = Problem { text: "p".into(), reference_answer: Some("4".into()), ..Problem::default() };
    let mut builder = TraceBuilder::new(problem);
    let samples = [
        (&["a", "so", "b", "c", "d"][..], &[Some(Good), Some(Neutral), Some(Bad), Some(Good), None][..], FirstError::At(2)),
        (&["a", "so", "e", "f"], &[Some(Good), Some(Neutral), Some(Good), Some(Good)], FirstError::NoError),
        (&["a", "so", "g"], &[Some(Good), Some(Neutral), Some(Bad)], FirstError::At(2)),
    ];
    for (texts, ratings, first_error) in samples {
        let path = builder.path(texts);
        for ((id, rating), text) in path.iter().zip(ratings).zip(texts) {
            let node = builder.node_mut(*id);
            node.rating = *rating;
            // The unsure step is the worst.
            node.stats.mc = Some(if *text == "g" { 0.0 } else { f64::from(text.as_bytes()[0] - b'a' + 1) / 27.0 });
        }
        let solution = builder.solution(path[path.len() - 1]);
        solution.first_error = first_error;
        solution.ratings = ratings.to_vec();
        solution.outcome = (first_error == FirstError::NoError).into();
        solution.unsure = texts.contains(&"g");
    }
    let beside = |builder: &mut TraceBuilder, text: &str, rating| {
        let parent = builder.trace().steps().find(|&id| builder.trace().node(id).text == text).unwrap();
        let id = builder.child(parent, if rating == Good { "h" } else { "z" });
        builder.node_mut(id).rating = Some(rating);
        id
    };
    let human = beside(&mut builder, "so", Good);
    builder.node_mut(human).extra.insert("source".into(), "human".into());
    beside(&mut builder, "b", Bad);
    builder.finish()
}

/// A solution that was read as far as its first step, with rated steps behind its end, and one that checks annotators.
fn odd() -> Trace {
    let mut builder = TraceBuilder::new(Problem { text: "q".into(), ..Problem::default() });
    let unread = builder.path(["u", "v"]);
    let check = builder.path(["w", "x"]);
    for (text, rating) in [("m", Rating::Good), ("n", Rating::Bad)] {
        let id = builder.child(unread[1], text);
        builder.node_mut(id).rating = Some(rating);
    }
    let solution = builder.solution(unread[1]);
    solution.ratings = vec![Some(Rating::Good)];
    solution.outcome = true.into();
    let solution = builder.solution(check[1]);
    solution.first_error = FirstError::At(1);
    solution.outcome = false.into();
    solution.extra.insert("is_quality_control_question".into(), true.into());
    builder.finish()
}

fn rows(target: &str, policy: &Policy) -> Vec<Vec<u8>> {
    [trace(), odd()].iter().flat_map(|trace| written(target, &foreign(trace), policy).0).collect()
}

/// Every other choice of a decision.
fn turned(switch: Switch) -> Vec<Policy> {
    let base = Policy { glue: "\n".into(), ..Policy::default() };
    let all = |turn: &dyn Fn(&mut Policy, usize) -> bool| {
        (0..)
            .map_while(|choice| {
                let mut policy = base.clone();
                turn(&mut policy, choice).then_some(policy)
            })
            .collect()
    };
    macro_rules! choices {
        ($field:ident, $($choice:expr),+) => {
            all(&|policy, choice| [$($choice),+].get(choice).map(|choice| policy.$field = *choice).is_some())
        };
    }
    match switch {
        Switch::Neutral => choices!(neutral, Neutral::Negative, Neutral::DropStep, Neutral::StopBefore),
        Switch::AfterError => choices!(after_error, AfterError::KeepAsRated, AfterError::ForceNegative),
        Switch::Unlabelled => {
            // Behind an error it shows only where such steps are kept.
            let keep = Policy { unlabelled: Unlabelled::KeepUnset, ..base.clone() };
            vec![keep]
        }
        Switch::Unsure => choices!(unsure, Unsure::DropStep, Unsure::Keep),
        Switch::Level => choices!(level, Level::Solution),
        Switch::Values => choices!(values, Values::Soft),
        Switch::Pairs => choices!(pairs, PairRule::Correction, PairRule::BestSecond, PairRule::All),
        Switch::Glue => vec![Policy { glue: "#".into(), ..base }],
    }
}

#[test]
fn a_target_asks_for_just_the_decisions_that_change_what_it_writes() {
    let base = Policy { glue: "\n".into(), ..Policy::default() };
    let mut wrong = Vec::new();
    for target in targets() {
        let before = rows(target.name, &base);
        for &switch in Switch::ALL {
            let changes = turned(switch).iter().any(|policy| rows(target.name, policy) != before);
            let asks = target.writer.asks().contains(&switch);
            if changes != asks {
                wrong.push(format!("{}: --{} changes rows: {changes}, is asked for: {asks}", target.name, switch.name()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The rows of TRL, as `step` with `+` or `-` behind it.
fn trl(policy: &Policy) -> Vec<String> {
    let row = |row: &Vec<u8>| {
        let row: Value = parse_json(row).unwrap();
        let labels = row["labels"].as_array().unwrap().iter().map(|label| if label == true { "+" } else { "-" });
        let steps = row["completions"].as_array().unwrap().iter().map(|step| step.as_str().unwrap());
        steps.zip(labels).map(|(step, label)| format!("{step}{label}")).collect::<Vec<_>>().join(" ")
    };
    rows("trl", policy).iter().map(row).collect()
}

#[test]
fn each_decision_shows_in_the_rows_of_a_trainer() {
    let base = Policy::default;
    assert_eq!(trl(&base()), ["a+ so+ b-", "a+ so+ e+ f+", "u+"]);
    for (policy, expected) in [
        (Policy { neutral: Neutral::Negative, ..base() }, &["a+ so- b-", "a+ so- e+ f+", "u+"][..]),
        (Policy { neutral: Neutral::DropStep, ..base() }, &["a+ b-", "a+ e+ f+", "u+"]),
        (Policy { neutral: Neutral::StopBefore, ..base() }, &["a+", "a+", "u+"]),
        (Policy { after_error: AfterError::KeepAsRated, ..base() }, &["a+ so+ b- c+", "a+ so+ e+ f+", "u+"]),
        (Policy { after_error: AfterError::ForceNegative, ..base() }, &["a+ so+ b- c- d-", "a+ so+ e+ f+", "u+"]),
        (Policy { unsure: Unsure::DropStep, ..base() }, &["a+ so+ b-", "a+ so+ e+ f+", "a+ so+", "u+"]),
        (Policy { unsure: Unsure::Keep, ..base() }, &["a+ so+ b-", "a+ so+ e+ f+", "a+ so+ g-", "u+"]),
        (Policy { quality_control: QualityControl::Include, ..base() }, &["a+ so+ b-", "a+ so+ e+ f+", "u+", "w+ x-"]),
    ] {
        assert_eq!(trl(&policy), expected, "{policy:?}");
    }
}

#[test]
fn alternatives_become_solutions_of_their_own_on_request() {
    let trace = trace();
    let more = exploded(&LabelledTrace::new(&trace, foreign(&trace)), &Policy::default()).trace;
    let row = |row: &Vec<u8>| parse_json(row).unwrap()["completions"].to_string();
    let texts = |trace| written("trl", &foreign(trace), Policy::default()).0.iter().map(row).collect::<Vec<_>>();
    let human = r#"["a","so","h"]"#.to_owned();
    assert!(texts(&more).contains(&human) && !texts(&trace).contains(&human), "{:?}", texts(&more));
}
