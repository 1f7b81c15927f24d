//! Reading, writing and reading again: nothing is lost, or the loss is told.

use stepscope::formats::{FORMATS, Framing, Labelled, parse_json};
use stepscope::labels::policy::{AfterError, Neutral, Policy, Unlabelled, Unsure};
use stepscope::trace::FirstError::{At, NoError};
use stepscope::trace::{EndState, FirstError, Label, Rating, SolutionLabels, Trace};

use super::{fixture, foreign, format, one, recorded, steps, traces, written};

/// The records of a fixture with labels of a session.
fn touched(name: &str, record: usize, labels: impl Fn(&Trace) -> SolutionLabels) -> (Vec<u8>, String) {
    let raw = fixture(name).remove(record);
    let trace = one(name, std::str::from_utf8(&raw).unwrap());
    let item = Labelled { trace: &trace, solution: 0, labels: labels(&trace), raw: Some(&raw), touched: true };
    let (mut out, loss) = written(name, &[item], Policy { after_error: AfterError::KeepAsRated, ..Policy::default() });
    assert_eq!(loss.changed, 1);
    (raw.clone(), String::from_utf8(out.remove(0)).unwrap())
}

#[test]
fn untouched_records_are_written_byte_for_byte() {
    for source in FORMATS.iter().filter(|format| format.writer().is_some() && format.name() != "stepscope") {
        for (record, trace) in fixture(source.name()).iter().zip(traces(*source, &fixture(source.name()))) {
            let items: Vec<_> = foreign(&trace).into_iter().map(|item| Labelled { raw: Some(record), ..item }).collect();
            // Even a policy that would leave everything out does not touch what nobody touched.
            let policy = Policy { neutral: Neutral::StopBefore, unsure: Unsure::SkipTrace, ..Policy::default() };
            let (out, loss) = written(source.name(), &items, policy);
            assert_eq!(out, std::slice::from_ref(record), "{}", source.name());
            assert_eq!((loss.read, loss.written, loss.changed), (1, 1, 0));
            assert!(loss.counts.is_empty() && loss.skipped.is_empty());
        }
    }
}

#[test]
fn a_new_record_reads_back_as_what_it_was_made_of() {
    let policy = Policy { after_error: AfterError::KeepAsRated, ..Policy::default() };
    for target in ["processbench", "trl", "math-shepherd", "prm800k"] {
        for trace in traces(format(target), &fixture(target)) {
            let (out, loss) = written(target, &foreign(&trace), policy);
            let Some(record) = out.first() else {
                assert!(!loss.skipped.is_empty(), "{target}");
                continue;
            };
            let back = one(target, std::str::from_utf8(record).unwrap());
            assert_eq!(back.problem.text, trace.problem.text);
            let (before, after) = (recorded(&trace, 0), recorded(&back, 0));
            assert_eq!(after.first_error, before.first_error, "{target}");
            let kept = steps(&back, 0).len();
            assert_eq!(steps(&back, 0), steps(&trace, 0)[..kept], "{target}");
            if loss.counts.is_empty() {
                assert_eq!(after, before, "{target}");
            }
        }
    }
}

#[test]
fn a_changed_processbench_label_changes_no_other_byte() {
    let (raw, out) =
        touched("processbench", 1, |trace| SolutionLabels::recorded(steps(trace, 0).len(), At(1), &[], EndState::Open));
    assert_eq!(out, String::from_utf8(raw).unwrap().replace("\"label\": -1", "\"label\": 1"));
}

#[test]
fn changed_trl_labels_keep_the_other_fields() {
    let (_, out) = touched("trl", 3, |_| SolutionLabels::recorded(1, At(0), &[], EndState::Open));
    assert_eq!(out, r#"{"prompt":"What is 9-4?","completions":["9-4 = 5."],"labels":[false], "label": 0}"#);
    // What the policy drops goes from both lists.
    let (_, out) = touched("trl", 1, |_| SolutionLabels::recorded(3, At(1), &[], EndState::Open));
    let value = parse_json(out.as_bytes()).unwrap();
    assert_eq!(value["completions"].to_string(), r#"["3*4=13.","13+1=14."]"#);
    assert_eq!((value["labels"].to_string().as_str(), &value["source"]), ("[true,false]", &"toy".into()));
}

#[test]
fn changed_math_shepherd_signs_keep_the_text() {
    let (raw, out) = touched("math-shepherd", 1, |_| {
        SolutionLabels::recorded(2, At(0), &[Some(Rating::Bad), Some(Rating::Good)], EndState::Open)
    });
    assert_eq!(out, String::from_utf8(raw).unwrap().replace("5-2=3 + 0 +\\n", "5-2=3 + 0 -\\n"));
}

#[test]
fn changed_prm800k_ratings_keep_alternatives_and_the_rest_of_the_record() {
    let say = |first_error, ratings: &[Option<Rating>], end_state| SolutionLabels::recorded(4, first_error, ratings, end_state);
    for labels in [
        say(NoError, &[], EndState::Solution),
        say(At(0), &[], EndState::FoundError),
        say(At(3), &[Some(Rating::Good), Some(Rating::Neutral)], EndState::FoundError),
        say(At(2), &[], EndState::FoundError),
        say(FirstError::Unlabelable, &[], EndState::GiveUp),
        SolutionLabels { unsure: true, ..say(At(1), &[], EndState::FoundError) },
    ] {
        let (raw, out) = touched("prm800k", 0, |_| labels.clone());
        let back = one("prm800k", &out);
        let mut after = recorded(&back, 0);
        if labels.first_error == FirstError::Unlabelable {
            after.steps.clone_from(&labels.steps);
        }
        assert_eq!(after, labels, "{out}");
        let before = one("prm800k", std::str::from_utf8(&raw).unwrap());
        assert_eq!(back.nodes.len(), before.nodes.len());
        let head = out.find("\"label\": {").unwrap();
        assert_eq!(out.as_bytes()[..head], raw[..head]);
    }
}

#[test]
fn a_step_of_the_annotator_can_be_called_wrong() {
    let labels = SolutionLabels::recorded(3, At(1), &[Some(Rating::Neutral)], EndState::Solution);
    let (_, out) = touched("prm800k", 1, |_| labels.clone());
    let back = one("prm800k", &out);
    assert_eq!(recorded(&back, 0), labels);
    // Phase 1 knows no "found error", and its later steps stand nowhere else.
    assert_eq!(steps(&back, 0).len(), 3);
}

#[test]
fn states_that_a_target_cannot_say_are_left_out_and_counted() {
    let trace = one("processbench", std::str::from_utf8(&fixture("processbench")[0]).unwrap());
    let with = |first_error, unsure| {
        let labels = SolutionLabels { unsure, ..SolutionLabels::recorded(3, first_error, &[], EndState::Open) };
        Labelled { trace: &trace, solution: 0, labels, raw: None, touched: true }
    };
    for (target, item, reason) in [
        ("processbench", with(FirstError::Unknown, false), "not labelled yet"),
        ("processbench", with(FirstError::Unlabelable, false), "cannot be labelled (bad problem or given up)"),
        ("processbench", with(NoError, true), "marked as unsure"),
        ("trl", with(FirstError::Unknown, false), "not labelled yet"),
        ("trl", with(FirstError::Unlabelable, false), "cannot be labelled (bad problem or given up)"),
        ("math-shepherd", with(FirstError::Unknown, false), "not labelled yet"),
        ("prm800k", with(FirstError::Unknown, false), "not labelled yet"),
    ] {
        let (out, loss) = written(target, &[item], Policy::default());
        assert!(out.is_empty(), "{target}");
        assert_eq!(loss.skipped.iter().map(|(why, n)| (why.as_str(), *n)).collect::<Vec<_>>(), [(reason, 1)], "{target}");
        assert_eq!((loss.read, loss.written), (1, 0));
    }
    // Nothing says whether a TRL solution is right.
    let trl = one("trl", std::str::from_utf8(&fixture("trl")[0]).unwrap());
    let (out, loss) = written("processbench", &foreign(&trl), Policy::default());
    assert!(out.is_empty());
    assert_eq!(loss.skipped["whether the final answer is right is not known"], 1);
}

#[test]
fn a_policy_decides_what_trl_sees() {
    let trace = one("prm800k", std::str::from_utf8(&fixture("prm800k")[0]).unwrap());
    let labels = SolutionLabels::recorded(4, At(2), &[Some(Rating::Neutral)], EndState::FoundError);
    let item = || Labelled { trace: &trace, solution: 0, labels: labels.clone(), raw: None, touched: true };
    let seen = |policy| {
        let (out, loss) = written("trl", &[item()], policy);
        (parse_json(&out[0]).unwrap()["labels"].to_string(), loss)
    };
    let (labels, loss) = seen(Policy::default());
    assert_eq!(labels, "[true,true,false]");
    assert_eq!(loss.counts["alternative steps"], 2);
    assert_eq!(loss.counts["neutral ratings"], 1);
    assert_eq!(seen(Policy { neutral: Neutral::Negative, ..Policy::default() }).0, "[false,true,false]");
    assert_eq!(seen(Policy { neutral: Neutral::DropStep, ..Policy::default() }).0, "[true,false]");
    assert_eq!(seen(Policy { after_error: AfterError::ForceNegative, ..Policy::default() }).0, "[true,true,false,false]");
    let keep = Policy { after_error: AfterError::KeepAsRated, unlabelled: Unlabelled::KeepUnset, ..Policy::default() };
    let (labels, loss) = seen(keep);
    assert_eq!((labels.as_str(), loss.counts["steps without a target"]), ("[true,true,false]", 1));
}

#[test]
fn math_shepherd_refuses_or_tells_what_its_text_cannot_hold() {
    let write = |steps: &[&str]| {
        let value = serde_json::json!({"prompt": "q?", "completions": steps, "labels": vec![true; steps.len()]});
        let trace = one("trl", &value.to_string());
        written("math-shepherd", &foreign(&trace), Policy::default())
    };
    let (out, loss) = write(&["a\n\nb", "Step 2: c"]);
    assert_eq!(parse_json(&out[0]).unwrap()["input"], "q?\nStep 1: a b ки\nStep 2: c ки");
    assert_eq!(parse_json(&out[0]).unwrap()["label"], "q?\nStep 1: a b +\nStep 2: c +");
    assert_eq!(loss.counts["line ends inside of steps (now spaces)"], 1);
    let (out, loss) = write(&["кит"]);
    assert!(out.is_empty());
    assert_eq!(loss.skipped["a step holds the step tag"], 1);
}

#[test]
fn a_new_prm800k_record_has_the_shape_of_phase_2() {
    let trace = one("processbench", std::str::from_utf8(&fixture("processbench")[0]).unwrap());
    let (out, _) = written("prm800k", &foreign(&trace), Policy::default());
    let back = one("prm800k", std::str::from_utf8(&out[0]).unwrap());
    assert_eq!(steps(&back, 0), steps(&trace, 0));
    assert_eq!(recorded(&back, 0).steps, [Label::Good, Label::Bad, Label::AfterError]);
    assert_eq!(recorded(&back, 0).end_state, EndState::FoundError);
}

#[test]
fn a_pretty_printed_record_fits_on_a_line() {
    let record = b"{\n \"a b\": [\n  1,\n  \"x\\n y\"\n ]\n}";
    assert_eq!(&*Framing::Lines.record(record), br#"{"a b":[1,"x\n y"]}"#);
    assert_eq!(&*Framing::Array.record(record), record);
    assert_eq!(&*Framing::Lines.record(b"{ \"a\": 1 }"), b"{ \"a\": 1 }");
}
