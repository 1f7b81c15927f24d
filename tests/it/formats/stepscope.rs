//! The interchange format: trees from lines in any order, and errors that name the ids.

use stepscope::formats::{FORMATS, Labelled, TREE_KEY};
use stepscope::labels::policy::{Neutral, Policy};
use stepscope::trace::FirstError::{At, NoError};
use stepscope::trace::{EndState, FirstError, Label, Rating, Remark, SolutionLabels, StepKind, Trace, Writing};

use super::{fixture, foreign, format, lines, one, recorded, steps, traces, units, written};

fn unit(text: &str) -> stepscope::formats::Unit {
    let mut units = units(format("stepscope"), &lines(text.as_bytes()));
    assert_eq!(units.len(), 1);
    units.remove(0)
}

/// Written as stepscope lines and read again.
fn again(trace: &Trace) -> Trace {
    let include = Policy { quality_control: "include".parse().unwrap(), ..Policy::default() };
    let (records, loss) = written("stepscope", &foreign(trace), include);
    assert!(loss.counts.is_empty() && loss.skipped.is_empty());
    let mut traces = traces(format("stepscope"), &records);
    assert_eq!(traces.len(), 1);
    traces.remove(0)
}

/// What a file cannot hold or what names the file itself is no loss.
fn comparable(mut trace: Trace) -> Trace {
    trace.warnings.clear();
    trace.extra.shift_remove(TREE_KEY);
    for solution in &mut trace.solutions {
        solution.record = 0;
    }
    trace
}

pub(super) fn assert_lossless(trace: &Trace) {
    let back = again(trace);
    for solution in 0..trace.solutions.len() {
        assert_eq!(recorded(&back, solution), recorded(trace, solution));
    }
    // Not assert_eq: real trees fill the screen.
    assert!(comparable(back) == comparable(trace.clone()), "{}", trace.problem.text);
}

#[test]
fn every_fixture_of_every_format_survives_a_trip_through_stepscope() {
    for format in FORMATS {
        for trace in traces(*format, &fixture(format.name())) {
            assert_lossless(&trace);
        }
    }
}

#[test]
fn interleaved_trees_with_forward_references() {
    let traces = traces(format("stepscope"), &fixture("stepscope"));
    assert_eq!(traces.len(), 2);
    let t1 = &traces[0];
    assert_eq!((t1.problem.text.as_str(), t1.problem.reference_answer.as_deref()), ("3*4+2?", Some("14")));
    assert_eq!(steps(t1, 0), ["3*4=12.", "12+2=14."]);
    assert_eq!((t1.solutions.len(), t1.solutions[0].final_answer.as_deref()), (2, Some("14")));
    let labels = recorded(t1, 1);
    assert_eq!((labels.first_error, labels.end_state, labels.unsure), (At(1), EndState::FoundError, true));
    assert_eq!(labels.annotator.as_deref(), Some("ann"));
    assert_eq!(labels.steps, [Label::Good, Label::Bad]);
    assert_eq!(t1.extra["run"], 7);
    let first = t1.node(t1.solution_path(&t1.solutions[0])[0]);
    assert_eq!((first.stats.mc, first.stats.mc_k, first.stats.mc_hits), (Some(0.75), Some(8), Some(6)));
    assert_eq!((first.rating, &first.extra["colour"]), (Some(Rating::Good), &"red".into()));
    // The second tree names no solution, so its leaves are its solutions; siblings stand in their order.
    let t2 = &traces[1];
    let children: Vec<_> = t2.nodes[0].children.iter().map(|&id| (t2.node(id).text.as_str(), t2.node(id).kind)).collect();
    assert_eq!(children, [("Compare them.", StepKind::Thought), ("3 is larger.", StepKind::Text)]);
    assert_eq!(t2.solutions.len(), 2);
    assert!(t2.warnings.iter().any(|warning| warning.contains("2 parents")), "{:?}", t2.warnings);
}

#[test]
fn lines_without_a_place_name_the_ids() {
    let unit = unit(
        r#"{"tree":"t","id":0,"problem":"q"}
{"tree":"t","id":1,"parent":0,"text":"a"}
{"tree":"t","id":2,"parent":9,"text":"b"}
{"tree":"t","id":3,"parent":2,"text":"c"}
{"tree":"t","id":4,"parent":5,"text":"d"}
{"tree":"t","id":5,"parent":4,"text":"e"}
{"tree":"t","id":6,"parent":5,"text":"f"}
{"tree":"t","id":1,"parent":0,"text":"g"}
{"tree":"t","id":7,"parent":7,"text":"h"}
{"tree":"t","id":8,"parent":1,"text":"i","rating":2}"#,
    );
    let errors: Vec<_> = unit.errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        errors,
        [
            "line 3: parent: no usable line of this tree has the id 9; record skipped",
            "line 4: parent: the step before it was skipped; record skipped",
            "line 5: parent: the ids 4, 5 form a cycle; record skipped",
            "line 6: parent: the ids 4, 5 form a cycle; record skipped",
            "line 7: parent: the step before it was skipped; record skipped",
            "line 8: id: expected an id of its own, found 1, which stands in line 2; record skipped",
            "line 9: parent: the ids 7 form a cycle; record skipped",
            "line 10: rating: expected -1, 0, 1 or null, found 2; record skipped",
        ]
    );
    let trace = unit.trace.unwrap();
    assert_eq!(steps(&trace, 0), ["a"]);
}

#[test]
fn cumulative_text_becomes_steps() {
    let explicit = unit(
        r#"{"tree":"t","id":0,"problem":"q?"}
{"tree":"t","id":1,"parent":0,"prefix":"q?\nOne."}
{"tree":"t","id":2,"parent":1,"prefix":"q?\nOne.\n\nTwo."}
{"tree":"t","id":3,"parent":1,"prefix":"q?\nOther"}"#,
    );
    assert_eq!(explicit.errors.len(), 1);
    assert_eq!(
        explicit.errors[0].to_string(),
        "line 4: prefix: expected a text that begins with that of its parent 1, found `q?\\nOther`; record skipped"
    );
    assert_eq!(steps(&explicit.trace.unwrap(), 0), ["One.", "Two."]);
    // Without parents, the longest text that a text begins with is its parent.
    let free = unit(
        r#"{"tree":"t","id":3,"prefix":"a b c"}
{"tree":"t","id":1,"prefix":"a"}
{"tree":"t","id":2,"prefix":"a b"}
{"tree":"t","id":4,"prefix":"a b d"}
{"tree":"t","id":0,"problem":"q?"}"#,
    );
    assert_eq!(free.errors, []);
    let trace = free.trace.unwrap();
    assert_eq!(trace.solutions.len(), 2);
    assert_eq!(steps(&trace, 0), ["a", "b", "c"]);
    assert_eq!(steps(&trace, 1), ["a", "b", "d"]);
}

#[test]
fn numbers_that_are_none_count_as_missing() {
    let unit = unit(
        r#"{"tree":"t","id":0,"problem":"q","q":NaN}
{"tree":"t","id":1,"parent":0,"text":"a","q":-Infinity,"mc":1.5,"visits":3.0,"value":1e999}"#,
    );
    let trace = unit.trace.unwrap();
    let stats = trace.nodes[1].stats;
    assert_eq!((stats.q, stats.mc, stats.value, stats.visits), (None, None, None, Some(3)));
    assert_eq!(trace.warnings.len(), 4, "{:?}", trace.warnings);
}

#[test]
fn a_step_that_is_written_twice_is_one_step_and_keeps_both_lines() {
    let unit = unit(
        r#"{"tree":"t","id":0,"problem":"q"}
{"tree":"t","id":1,"parent":0,"text":"a","mc":0.5}
{"tree":"t","id":2,"parent":0,"text":"a","mc":0.25}
{"tree":"t","id":3,"parent":2,"text":"b"}"#,
    );
    let trace = unit.trace.unwrap();
    assert_eq!(trace.nodes.len(), 3);
    assert_eq!(trace.nodes[1].stats.mc, Some(0.5));
    assert_eq!(trace.nodes[1].extra["merged"].to_string(), r#"[{"id":2,"mc":0.25}]"#);
    assert_lossless(&trace);
}

#[test]
fn labels_of_a_session_come_back_as_they_were() {
    let trace = &traces(format("stepscope"), &fixture("stepscope"))[0];
    let said = [
        SolutionLabels {
            unsure: true,
            annotator: Some("bo".into()),
            ..SolutionLabels::recorded(2, NoError, &[], EndState::Solution)
        },
        SolutionLabels::recorded(2, At(0), &[], EndState::FoundError),
        SolutionLabels::recorded(2, FirstError::Unlabelable, &[Some(Rating::Neutral)], EndState::GiveUp),
        SolutionLabels::recorded(2, FirstError::Unknown, &[None, Some(Rating::Bad)], EndState::Open),
        SolutionLabels::unseen(2),
    ];
    for (index, a) in said.iter().enumerate() {
        let b = &said[(index + 1) % said.len()];
        let items: Vec<_> = [a, b]
            .into_iter()
            .enumerate()
            .map(|(solution, labels)| Labelled {
                trace,
                solution,
                labels: labels.clone(),
                raw: None,
                touched: true,
                source: None,
            })
            .collect();
        let (records, loss) = written("stepscope", &items, Policy::default());
        assert_eq!((loss.changed, loss.read, loss.written), (2, 2, 2), "solutions, not lines");
        let back = &traces(format("stepscope"), &records)[0];
        assert_eq!([recorded(back, 0), recorded(back, 1)], [a.clone(), b.clone()]);
    }
}

#[test]
fn what_was_said_in_words_comes_back() {
    let remark = |writing, step, text: &str| Remark { writing, step, text: text.into() };
    let wrong = SolutionLabels {
        error_kind: "calculation".into(),
        progress: Some(2),
        remarks: vec![remark(Writing::Note, None, "on the whole"), remark(Writing::Correction, Some(1), "12+2=14.")],
        ..SolutionLabels::recorded(2, At(1), &[], EndState::FoundError)
    };
    let vague = SolutionLabels {
        end_reason: "vague".into(),
        ..SolutionLabels::recorded(2, FirstError::Unlabelable, &[], EndState::BadProblem)
    };
    // Each with a place of its own, and both at one step.
    let apart = &traces(format("stepscope"), &fixture("stepscope"))[0];
    let one_end = r#"{"tree":"t","id":0,"problem":"q"}
{"tree":"t","id":1,"parent":0,"text":"a"}
{"tree":"t","id":2,"parent":1,"text":"b","solutions":[{"generator":"x"},{"generator":"y"}]}"#;
    for trace in [apart, &unit(one_end).trace.unwrap()] {
        let mut items = foreign(trace);
        for (item, labels) in items.iter_mut().zip([&wrong, &vague]) {
            (item.labels, item.touched) = (labels.clone(), true);
        }
        let (records, _) = written("stepscope", &items, Policy::default());
        let back = &traces(format("stepscope"), &records)[0];
        assert_eq!([recorded(back, 0), recorded(back, 1)], [wrong.clone(), vague.clone()]);
        assert_lossless(back);
    }
    // A field of that name that somebody else wrote stays where it is; words on a step that is not there are an error.
    let others = r#"{"tree":"t","id":1,"parent":0,"text":"a","terminal":true,"said":"aloud"}"#;
    let trace = unit(&format!("{{\"tree\":\"t\",\"id\":0,\"problem\":\"q\"}}\n{others}")).trace.unwrap();
    assert_eq!(trace.nodes[1].extra["said"], "aloud");
    assert_lossless(&trace);
    let beyond = others.replace("\"aloud\"", r#"{"remarks":[{"writing":"note","step":1,"text":"x"}]}"#);
    let errors = unit(&format!("{{\"tree\":\"t\",\"id\":0,\"problem\":\"q\"}}\n{beyond}")).errors;
    assert!(errors[0].to_string().contains("said.remarks: expected steps below 1"), "{}", errors[0]);
}

#[test]
fn a_verdict_that_repeats_the_file_keeps_its_annotator() {
    for name in ["processbench", "stepscope"] {
        let trace = &traces(format(name), &fixture(name))[0];
        for said in [Some("bo"), None] {
            let items: Vec<_> = foreign(trace)
                .into_iter()
                .map(|item| {
                    let annotator = said.map(str::to_owned);
                    Labelled { labels: SolutionLabels { annotator, ..item.labels }, ..item }
                })
                .collect();
            assert_eq!(items[0].confirmed(), said.is_some());
            let (records, loss) = written("stepscope", &items, Policy::default());
            assert_eq!((loss.changed, loss.written), (0, trace.solutions.len() as u64));
            let back = &traces(format("stepscope"), &records)[0];
            for (solution, item) in items.iter().enumerate() {
                let annotator = item.labels.annotator.clone().or_else(|| trace.solutions[solution].annotator.clone());
                assert_eq!(recorded(back, solution), SolutionLabels { annotator, ..recorded(trace, solution) });
            }
        }
    }
}

#[test]
fn an_archive_keeps_what_a_policy_would_leave_out() {
    let trace = &traces(format("stepscope"), &fixture("stepscope"))[0];
    let policy = Policy { neutral: Neutral::StopBefore, ..Policy::default() };
    assert_eq!(written("stepscope", &foreign(trace), policy), written("stepscope", &foreign(trace), Policy::default()));
    assert!(recorded(trace, 1).unsure && format("stepscope").doc().contains("whatever the policy"));
}

#[test]
fn solutions_that_end_at_one_step_are_all_kept() {
    let unit = unit(
        r#"{"tree":"t","id":0,"problem":"q"}
{"tree":"t","id":1,"parent":0,"text":"a","terminal":true,"solutions":[{"generator":"x","correct":true},{"generator":"y","correct":false}]}"#,
    );
    let trace = unit.trace.unwrap();
    assert_eq!(trace.solutions.len(), 2);
    assert_eq!(trace.solutions[1].generator.as_deref(), Some("y"));
    assert_lossless(&trace);
}

#[test]
fn a_second_problem_among_lines_that_name_no_tree_is_an_error() {
    let lines = r#"{"id":1,"parent":null,"problem":"What is 1+1?"}
{"id":2,"parent":1,"text":"It is 2.","first_error":"none"}
{"id":3,"parent":null,"problem":"What is 5+5?","gold":"10"}
{"id":4,"parent":3,"text":"It is 10.","first_error":"none"}"#;
    let hint = " (lines without `tree` are all one tree)";
    for (lines, hint) in [(lines.to_owned(), hint), (lines.replace("{\"id", "{\"tree\":\"t\",\"id"), "")] {
        let unit = unit(&lines);
        let errors: Vec<_> = unit.errors.iter().map(ToString::to_string).collect();
        let problem = format!("line 3: problem: expected the problem of its tree, found another one{hint}; record skipped");
        assert_eq!(errors, [problem.as_str(), "line 4: parent: the step before it was skipped; record skipped"]);
        let trace = unit.trace.unwrap();
        assert_eq!((trace.nodes.len(), trace.solutions.len(), trace.problem.reference_answer), (2, 1, None));
    }
}

#[test]
fn what_is_said_of_steps_that_are_not_there_is_an_error() {
    for (said, field, count) in [
        (r#""terminal":true,"ratings":[1,1,-1]"#, "ratings", 3),
        (r#""terminal":true,"scores":[0.5,0.25]"#, "scores", 2),
        (r#""solutions":[{"ratings":[1]},{"ratings":[1,-1]}]"#, "solutions[1].ratings", 2),
    ] {
        let lines = format!(
            "{{\"tree\":\"t\",\"id\":0,\"problem\":\"q\"}}\n{{\"tree\":\"t\",\"id\":1,\"parent\":0,\"text\":\"a\",{said}}}"
        );
        let message =
            format!("line 2: {field}: expected at most 1 entries (the steps up to here), found {count}; record skipped");
        assert_eq!(unit(&lines).errors.iter().map(ToString::to_string).collect::<Vec<_>>(), [message]);
    }
}

#[test]
fn an_archive_keeps_fields_of_solutions_that_share_an_end_and_references_of_single_lines() {
    let unit = unit(
        r#"{"tree":"t","id":0,"text":"","gold":"7","reference_solution":"RS","meta":{"run":1}}
{"tree":"t","id":1,"parent":0,"text":"a","gold":"9","meta":{"run":2},"solutions":[{"first_error":0,"seed":1},{"source_id":"b","seed":2}]}
{"tree":"t","id":2,"text":"","colour":"red","gold":"7"}"#,
    );
    assert_eq!(unit.errors, []);
    let trace = unit.trace.unwrap();
    let problem = &trace.problem;
    assert_eq!((problem.reference_answer.as_deref(), problem.reference_solution.as_deref()), (Some("7"), Some("RS")));
    assert_eq!(trace.solutions.iter().map(|solution| solution.extra["seed"].clone()).collect::<Vec<_>>(), [1, 2]);
    assert_eq!((&trace.extra["run"], trace.nodes[1].extra["gold"].as_str()), (&1.into(), Some("9")));
    assert_eq!(trace.nodes[1].extra["meta"]["run"], 2);
    assert_eq!(trace.nodes[0].extra["merged"].to_string(), r#"[{"colour":"red","id":2}]"#);
    assert_lossless(&trace);
}

#[test]
fn a_step_with_a_problem_of_its_own_keeps_it() {
    let lines = r#"{"tree":"t","id":0,"parent":1,"problem":"part","text":"a"}
{"tree":"t","id":1,"problem":"whole"}"#;
    let trace = unit(lines).trace.unwrap();
    assert_eq!(
        (trace.problem.text.as_str(), steps(&trace, 0), &trace.nodes[1].extra["problem"]),
        ("whole", vec!["a"], &"part".into())
    );
    assert_lossless(&trace);
}

#[test]
fn a_field_tree_of_another_format_names_no_tree() {
    let record = |query: &str| String::from_utf8(fixture("toolbench").remove(0)).unwrap().replace("3*4+2?", query);
    let mut lines = Vec::new();
    for query in ["3*4+2?", "1+1?"] {
        let trace = one("toolbench", &record(query));
        lines.extend(written("stepscope", &foreign(&trace), Policy::default()).0);
    }
    let back = traces(format("stepscope"), &lines);
    assert_eq!(back.iter().map(|trace| trace.problem.text.as_str()).collect::<Vec<_>>(), ["3*4+2?", "1+1?"]);
    assert_eq!(back[0].extra["tree"], serde_json::json!({"size": 6, "max_length": 4}));
}
