//! What annotators write in place of wrong steps, in the targets that have a place for it.

use serde_json::{Value, json};
use stepscope::formats::{Labelled, LabelledTrace, Loss, parse_json, target};
use stepscope::labels::policy::{Policy, Unsure};
use stepscope::trace::FirstError::{At, NoError, Unlabelable};
use stepscope::trace::{EndState, FirstError, Label, Problem, Rating, Remark, SolutionLabels, Trace, TraceBuilder, Writing};

use super::{fixture, foreign, one, recorded, steps, traces, written};

const REMARKS: &str = "critiques, corrections and notes";

/// Labels with a correction of this step.
fn correcting(trace: &Trace, first_error: FirstError, step: usize) -> SolutionLabels {
    let remarks = vec![Remark { writing: Writing::Correction, step: Some(step), text: "As it should be.".into() }];
    SolutionLabels { remarks, ..SolutionLabels::recorded(steps(trace, 0).len(), first_error, &[], EndState::Open) }
}

fn prm800k(trace: &Trace, labels: SolutionLabels, raw: Option<&[u8]>) -> (Vec<u8>, Option<u64>) {
    let item = Labelled { trace, solution: 0, labels, raw, touched: true, source: None };
    let (mut out, loss) = written("prm800k", &[item], Policy { unsure: Unsure::Keep, ..Policy::default() });
    (out.remove(0), loss.counts.get(REMARKS).copied())
}

fn back(record: &[u8]) -> Trace {
    one("prm800k", std::str::from_utf8(record).unwrap())
}

#[test]
fn a_correction_is_the_step_of_a_person_in_prm800k() {
    let source = one("processbench", std::str::from_utf8(&fixture("processbench")[0]).unwrap());
    let raw = fixture("prm800k").remove(0);
    let own = back(&raw);
    for (trace, raw) in [(&source, None), (&own, Some(raw.as_slice()))] {
        let (record, lost) = prm800k(trace, correcting(trace, At(1), 1), raw);
        let position = &parse_json(&record).unwrap()["label"]["steps"][1];
        assert_eq!(
            (&position["human_completion"], &position["chosen_completion"], &position["completions"][0]["rating"]),
            (&json!({"text": "As it should be.", "rating": null, "source": "human", "flagged": null}), &Value::Null, &json!(-1))
        );
        assert_eq!(lost, None);
        // The wrong step stays on the path, the correction stands beside it.
        let again = back(&record);
        assert_eq!((recorded(&again, 0).first_error, steps(&again, 0)), (At(1), steps(trace, 0)));
        let human: Vec<_> = again.nodes.iter().filter(|node| node.by_a_person()).map(|node| node.text.as_str()).collect();
        assert_eq!(human, ["As it should be."]);
        let (out, _) = written("corrections", &foreign(&again), Policy::default());
        assert_eq!(parse_json(&out[0]).unwrap()["corrected_step"], "As it should be.");
        // Written once more without the remark, from the record or by itself, it is still there.
        let labels = SolutionLabels { unsure: true, ..recorded(&again, 0) };
        for raw in [None, Some(record.as_slice())] {
            let (record, _) = prm800k(&again, labels.clone(), raw);
            assert_eq!(parse_json(&record).unwrap()["label"]["steps"][1]["human_completion"]["text"], "As it should be.");
        }
        // Once the step is no error it is one candidate among others.
        for first_error in [NoError, At(2), At(0), Unlabelable] {
            let labels = SolutionLabels::recorded(steps(trace, 0).len(), first_error, &[], EndState::Open);
            let (record, _) = prm800k(&again, labels, Some(&record));
            let anew = back(&record);
            assert_eq!((recorded(&anew, 0).first_error, steps(&anew, 0)), (first_error, steps(trace, 0)), "{first_error:?}");
            assert!(anew.nodes.iter().any(|node| node.text == "As it should be."));
        }
    }
}

#[test]
fn corrections_at_other_places_are_counted() {
    let raw = fixture("prm800k").remove(0);
    let trace = back(&raw);
    for labels in [correcting(&trace, NoError, 1), correcting(&trace, At(1), 0)] {
        for raw in [None, Some(raw.as_slice())] {
            let (record, lost) = prm800k(&trace, labels.clone(), raw);
            assert_eq!((lost, back(&record).nodes.iter().any(stepscope::trace::Node::by_a_person)), (Some(1), false));
        }
    }
    // In phase 1 the walk goes on from the step of a person: there it would take the place of the wrong one.
    let walked = fixture("prm800k").remove(1);
    let trace = back(&walked);
    let (record, lost) = prm800k(&trace, correcting(&trace, At(0), 0), Some(&walked));
    assert_eq!((lost, recorded(&back(&record), 0).first_error), (Some(1), At(0)));
}

#[test]
fn new_prm800k_records_count_the_candidates_that_have_no_place() {
    let mut trace = back(&fixture("prm800k")[0]);
    let count = |trace: &Trace, what: &str| {
        let (out, loss) = written("prm800k", &foreign(trace), Policy { unsure: Unsure::Keep, ..Policy::default() });
        assert_eq!(out.len(), 1);
        loss.counts.get(what).copied()
    };
    let off: Vec<_> = trace.steps().filter(|id| !trace.solution_path(&trace.solutions[0]).contains(id)).collect();
    assert_eq!((off.len(), count(&trace, "alternative steps")), (2, None), "both are rated");
    trace.nodes[off[0].index()].rating = None;
    assert_eq!(count(&trace, "alternative steps"), Some(1));
    // Behind a candidate there is no place at all.
    trace.nodes[off[1].index()].parent = Some(off[0]);
    assert_eq!((count(&trace, "alternative steps"), count(&trace, "steps behind alternatives")), (Some(1), Some(1)));
}

#[test]
fn a_correction_of_the_source_that_somebody_rates_keeps_its_rating() {
    let raw = fixture("prm800k").remove(0);
    let (record, _) = prm800k(&back(&raw), correcting(&back(&raw), At(1), 1), Some(&raw));
    let trace = back(&record);
    let human = trace.steps().find(|&id| trace.node(id).by_a_person()).unwrap();
    let again = Labelled { raw: Some(&record), labels: correcting(&trace, At(1), 1), ..foreign(&trace).remove(0) };
    let takes_words = |item: &Labelled<'_>| target("prm800k").unwrap().writer.takes_words(item);
    assert!(!takes_words(&again) && takes_words(&Labelled { raw: None, ..again.clone() }), "a place holds one");
    for touched in [false, true] {
        let item = Labelled { raw: Some(&record), touched, ..foreign(&trace).remove(0) };
        let unit = LabelledTrace { marks: [(human, Rating::Good)].into(), ..LabelledTrace::new(&trace, vec![item]) };
        let (mut out, mut loss) = (Vec::new(), Loss::default());
        target("prm800k").unwrap().writer.write(&unit, &Policy::default(), &mut out, &mut loss);
        // The walk goes through the wrong step as before.
        let again = back(&out[0]);
        assert_eq!((recorded(&again, 0).first_error, steps(&again, 0)), (At(1), steps(&trace, 0)));
        let found = again.nodes.iter().find(|node| node.text == "As it should be.").unwrap();
        assert_eq!((found.rating, found.by_a_person()), (Some(Rating::Good), true));
        assert_eq!(loss.counts, [].into());
    }
}

#[test]
fn new_prm800k_records_count_the_steps_of_people_that_have_no_place() {
    let mut trace = back(&fixture("prm800k")[0]);
    let off: Vec<_> = trace.steps().filter(|id| !trace.solution_path(&trace.solutions[0]).contains(id)).collect();
    for &id in &off {
        trace.nodes[id.index()].rating = None;
        trace.nodes[id.index()].extra.insert("source".into(), "human".into());
    }
    let lost = |labels: SolutionLabels| {
        let item = Labelled { labels, touched: true, ..foreign(&trace).remove(0) };
        written("prm800k", &[item], Policy::default()).1.counts.get("alternative steps").copied()
    };
    // One of the two corrects the first error; none does where the annotator's own does, or where there is none.
    assert_eq!(lost(recorded(&trace, 0)), Some(1));
    assert_eq!(lost(correcting(&trace, At(1), 1)), Some(2));
    assert_eq!(lost(SolutionLabels::recorded(4, NoError, &[], EndState::Solution)), Some(2));
}

/// Answers to one problem in TRL's form, as one tree.
fn samples(rows: &[(&[&str], &[bool])]) -> Trace {
    let rows = rows.iter().map(|(steps, labels)| json!({"prompt": "q", "completions": steps, "labels": labels}).to_string());
    let mut parts = rows.map(|row| one("trl", &row));
    let mut whole = parts.next().unwrap();
    for part in parts {
        assert!(whole.absorb(part));
    }
    whole
}

#[test]
fn a_right_solution_starts_over_where_nothing_corrects_the_step() {
    let trace = samples(&[(&["a", "b", "c"], &[true, true, false]), (&["a", "x", "y"], &[true, true, true])]);
    let (out, loss) = written("corrections", &foreign(&trace), Policy::default());
    let record = parse_json(&out[0]).unwrap();
    assert_eq!((out.len(), loss.skipped["no wrong step"]), (1, 1));
    for (key, value) in [
        ("prefix", json!(["a", "b"])),
        ("wrong_step", json!("c")),
        ("corrected_step", json!("a")),
        ("continuation", json!(["x", "y"])),
        ("mode", json!("fresh_restart")),
    ] {
        assert_eq!(record[key], value, "{key}");
    }
    let (out, _) = written("corrections-sft", &foreign(&trace), Policy { glue: "\n".into(), ..Policy::default() });
    let expected = "a\nb\nc\nWait, that step is wrong. Let me start over.\na\nx\ny";
    assert_eq!(parse_json(&out[0]).unwrap()["completion"], expected);
    // A right step beside the wrong one fixes it.
    let trace = samples(&[(&["a", "b"], &[true, false]), (&["a", "x", "y"], &[true, true, true])]);
    let (out, _) = written("corrections", &foreign(&trace), Policy::default());
    let record = parse_json(&out[0]).unwrap();
    assert_eq!((&record["mode"], &record["corrected_step"]), (&json!("fix_continue"), &json!("x")));
    // A solution with which another one quarrels corrects nothing.
    let quarrel = samples(&[
        (&["a", "b", "c"], &[true, true, false]),
        (&["a", "x"], &[true, true]),
        (&["a", "x", "z"], &[true, false, true]),
    ]);
    let (out, loss) = written("corrections", &foreign(&quarrel), Policy::default());
    assert_eq!((out.len(), loss.skipped["no correction of its wrong step"]), (1, 1));
    assert_eq!(parse_json(&out[0]).unwrap()["wrong_step"], "x", "the step before the wrong one of the first is right");
}

#[test]
fn many_wrong_solutions_look_for_a_right_one_once() {
    let mut builder = TraceBuilder::new(Problem { text: "q".into(), ..Problem::default() });
    for solution in 0..4_000 {
        let steps: Vec<_> = (0..60).map(|step| format!("{solution} {step}")).collect();
        let leaf = *builder.path(steps.iter().map(String::as_str)).last().unwrap();
        builder.solution(leaf).first_error = At(1);
    }
    let trace = builder.finish();
    let start = std::time::Instant::now();
    let (_, loss) = written("corrections", &foreign(&trace), Policy::default());
    assert_eq!(loss.skipped["no correction of its wrong step"], 4_000);
    assert!(start.elapsed() < std::time::Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn tools_hold_every_rating_and_what_is_said_of_the_error() {
    let trace = one("trl", r#"{"prompt":"q","completions":["a","b","c","d"],"labels":[true,true,true,true]}"#);
    let ratings = [Rating::Good, Rating::Neutral, Rating::Bad, Rating::Good].map(Some);
    let texts = [(Writing::Correction, 2), (Writing::Critique, 2), (Writing::Note, 0)];
    let remarks = texts.map(|(writing, step)| Remark { writing, step: Some(step), text: format!("{writing:?}") });
    let labels = SolutionLabels {
        annotator: Some("mira".into()),
        error_kind: "sign".into(),
        remarks: remarks.into(),
        ..SolutionLabels::recorded(4, At(2), &ratings, EndState::FoundError)
    };
    assert_eq!(labels.steps, [Label::Good, Label::Neutral, Label::Bad, Label::Good]);
    let item = || Labelled { labels: labels.clone(), touched: true, ..foreign(&trace).remove(0) };
    let record = |name: &str| {
        let (out, loss) = written(name, &[item()], Policy::default());
        // The note has no place.
        assert_eq!(loss.counts, [(REMARKS, 1)].into(), "{name}");
        (parse_json(&out[0]).unwrap(), loss)
    };
    let (argilla, loss) = record("argilla");
    let given = |question: &str| argilla["responses"][question][0]["value"].clone();
    for (question, answer) in [
        ("first_error", json!("2")),
        ("good_steps", json!(["0", "3"])),
        ("neutral_steps", json!(["1"])),
        ("bad_steps", json!(["2"])),
        ("reason", json!("Critique")),
        ("correction", json!("Correction")),
        ("kind", json!("sign")),
    ] {
        assert_eq!(given(question), answer, "{question}");
    }
    let beside = |name: &str| {
        let files = stepscope::formats::Written { name: "x", records: &[] };
        stepscope::formats::target(name).unwrap().writer.beside(files, &loss).remove(0).1
    };
    let settings = parse_json(beside("argilla").as_bytes()).unwrap();
    let questions: Vec<_> = settings["questions"].as_array().unwrap().iter().map(|question| &question["name"]).collect();
    assert!(argilla["responses"].as_object().unwrap().keys().all(|key| questions.contains(&&json!(key))), "{questions:?}");
    assert_eq!(settings["questions"][1]["settings"]["options"].as_array().unwrap().len(), 4);

    let (task, _) = record("label-studio");
    let result = task["annotations"][0]["result"].as_array().unwrap();
    let text = |name: &str| result.iter().find(|item| item["from_name"] == name).map(|item| item["value"]["text"][0].clone());
    for (name, expected) in [("reason_2", "Critique"), ("correction_2", "Correction"), ("kind", "sign")] {
        assert_eq!(text(name), Some(json!(expected)));
        assert!(beside("label-studio").contains(&format!("<TextArea name=\"{name}\"")));
    }
}

#[test]
fn words_of_the_source_are_no_answers_of_an_annotator() {
    let trace = one("prmbench", std::str::from_utf8(&fixture("prmbench")[0]).unwrap());
    let FirstError::At(at) = recorded(&trace, 0).first_error else { panic!("an error") };
    let own = Remark { writing: Writing::Correction, step: Some(at), text: "Mine.".into() };
    let mut labels = SolutionLabels { annotator: Some("mira".into()), ..recorded(&trace, 0) };
    labels.remarks.push(own);
    let mut file = foreign(&trace).remove(0);
    file.labels = labels;
    let record = |name: &str| parse_json(&written(name, std::slice::from_ref(&file), Policy::default()).0[0]).unwrap();
    let argilla = record("argilla");
    let (responses, suggestions) = (argilla["responses"].as_object().unwrap(), &argilla["suggestions"]);
    assert!(responses.contains_key("first_error") && responses["correction"][0]["value"] == "Mine.");
    for (question, value) in [("reason", "Assumes what it should show."), ("kind", "circular")] {
        assert!(!responses.contains_key(question), "{question}");
        assert_eq!(suggestions[question], json!({"value": value, "agent": "file"}));
    }
    let task = record("label-studio");
    let named = |list: &Value| -> Vec<String> {
        let names = list["result"].as_array().unwrap().iter().map(|item| item["from_name"].as_str().unwrap().to_owned());
        names.filter(|name| ["reason", "correction", "kind"].iter().any(|text| name.starts_with(text))).collect()
    };
    assert_eq!(named(&task["annotations"][0]), [format!("correction_{at}")]);
    assert_eq!(task["predictions"][0]["model_version"], "file");
    assert_eq!(named(&task["predictions"][0]), [format!("reason_{at}"), "kind".to_owned()]);
}

#[test]
fn argilla_has_no_response_without_the_required_answer() {
    let trace = one("trl", r#"{"prompt":"q","completions":["a","b","c"],"labels":[true,true,true]}"#);
    let rated = |name: &str, ratings: &[Option<Rating>]| Labelled {
        labels: SolutionLabels {
            annotator: Some(name.into()),
            ..SolutionLabels::recorded(3, FirstError::Unknown, ratings, EndState::Open)
        },
        touched: true,
        ..foreign(&trace).remove(0)
    };
    let good = Some(Rating::Good);
    let (out, loss) = written("argilla", &[rated("mira", &[good, good])], Policy::default());
    let record = parse_json(&out[0]).unwrap();
    assert_eq!((&record["responses"], &loss.counts), (&json!({}), &[].into()));
    assert_eq!(record["suggestions"]["good_steps"], json!({"value": ["0", "1"], "agent": "mira"}));
    // A question has one suggestion.
    let (out, loss) = written("argilla", &[rated("mira", &[good, good]), rated("noor", &[good])], Policy::default());
    assert_eq!(parse_json(&out[0]).unwrap()["suggestions"]["good_steps"]["agent"], "noor");
    assert_eq!(loss.counts, [("ratings without a verdict", 2)].into());
}

#[test]
fn archives_of_corrected_prm800k_records_keep_their_corrections() {
    let raw = fixture("prm800k").remove(0);
    let trace = back(&raw);
    let (record, _) = prm800k(&trace, correcting(&trace, At(1), 1), Some(&raw));
    let (lines, _) = written("stepscope", &foreign(&back(&record)), Policy::default());
    let archive = traces(super::format("stepscope"), &lines).remove(0);
    let (again, _) = prm800k(&archive, recorded(&archive, 0), None);
    assert_eq!(parse_json(&again).unwrap()["label"]["steps"][1]["human_completion"]["text"], "As it should be.");
}
