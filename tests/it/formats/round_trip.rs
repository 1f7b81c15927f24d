//! Reading, writing and reading again: nothing is lost, or the loss is told.

use stepscope::formats::{FORMATS, Framing, Labelled, LabelledTrace, Loss, parse_json, target};
use stepscope::labels::policy::{AfterError, Neutral, Policy, Unlabelled, Unsure};
use stepscope::trace::FirstError::{At, NoError};
use stepscope::trace::{EndState, FirstError, Label, Rating, SolutionLabels, Trace};

use super::{fixture, foreign, format, one, recorded, steps, traces, written};

/// The records of a fixture with labels of a session.
fn touched(name: &str, record: usize, labels: impl Fn(&Trace) -> SolutionLabels) -> (Vec<u8>, String) {
    let raw = fixture(name).remove(record);
    let trace = one(name, std::str::from_utf8(&raw).unwrap());
    let item = Labelled { trace: &trace, solution: 0, labels: labels(&trace), raw: Some(&raw), touched: true, source: None };
    let policy = Policy { after_error: AfterError::KeepAsRated, unsure: Unsure::Keep, ..Policy::default() };
    let (mut out, loss) = written(name, &[item], policy);
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
            let expected = String::from_utf8(record.clone()).unwrap();
            // TRL's labels are true and false, also in a record that came with 1 and 0.
            let expected = if source.name() == "trl" { expected.replace("[1]", "[true]") } else { expected };
            assert_eq!(out, [expected.into_bytes()], "{}", source.name());
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
            let (out, loss) = written(target, &foreign(&trace), &policy);
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
fn changed_records_of_trainers_keep_their_further_fields() {
    let wrong_at = |n, at| SolutionLabels::recorded(n, At(at), &[], EndState::Open);
    for (name, record, labels, expected) in [
        // Shorter than it was, under its own tag and its own name of the list.
        (
            "openrlhf",
            r#"{"id": 7, "input": "q?\nStep 1: a <extra_0>\nStep 2: b <extra_0>", "labels": [1, 1], "more": [null]}"#,
            wrong_at(2, 0),
            r#"{"id": 7, "input": "q?\nStep 1: a <extra_0>", "labels": ["-"], "more": [null]}"#,
        ),
        // The list that is read is the one that changes.
        (
            "openrlhf",
            r#"{"input": "q?\nStep 1: a ки", "label": ["+"], "value": ["x"]}"#,
            wrong_at(1, 0),
            r#"{"input": "q?\nStep 1: a ки", "label": ["-"], "value": ["x"]}"#,
        ),
        (
            "rlhflow",
            r#"{"k": 1, "messages": [{"from":"human","value":"q? a","n":1},{"from":"gpt","value":"+"},{"from":"human","value":"b"},{"from":"gpt","value":"+"}]}"#,
            wrong_at(2, 0),
            r#"{"k": 1, "messages": [{"from":"human","value":"q? a","n":1},{"from":"gpt","value":"-"}]}"#,
        ),
        // A step that had no answer gets one.
        (
            "rlhflow",
            r#"{"conversations": [{"role":"user","content":"q? a"},{"role":"assistant","content":"+"},{"role":"user","content":"b"}], "k": 1}"#,
            wrong_at(2, 1),
            r#"{"conversations": [{"role":"user","content":"q? a"},{"role":"assistant","content":"+"},{"role":"user","content":"b"},{"role":"assistant","content":"-"}], "k": 1}"#,
        ),
        (
            "math-shepherd",
            r#"{"input": "q?\nStep 1: a ки\nStep 2: b ки", "label": "q?\nStep 1: a +\nStep 2: b +", "k": {"x": 1}}"#,
            wrong_at(2, 0),
            r#"{"input":"q?\nStep 1: a ки","label":"q?\nStep 1: a -","k":{"x":1},"task":"GSM8K"}"#,
        ),
    ] {
        let trace = one(name, record);
        let item = Labelled { trace: &trace, solution: 0, labels, raw: Some(record.as_bytes()), touched: true, source: None };
        let (out, loss) = written(name, &[item], Policy::default());
        assert_eq!(String::from_utf8(out.concat()).unwrap(), expected, "{name}");
        assert!(loss.counts.is_empty(), "{name}: {:?}", loss.counts);
    }
}

#[test]
fn judged_text_behind_the_last_tag_gets_a_tag_of_its_own() {
    let raw = r#"{"input": "q?\nStep 1: a ки\nStep 2: b ки\nSo 5.", "label": ["+", "+"], "id": 7}"#;
    let trace = one("openrlhf", raw);
    let item = Labelled {
        labels: SolutionLabels::recorded(3, NoError, &[], EndState::Solution),
        raw: Some(raw.as_bytes()),
        touched: true,
        ..foreign(&trace).remove(0)
    };
    let (out, _) = written("openrlhf", &[item], Policy::default());
    let record = parse_json(&out[0]).unwrap();
    let tags = record["input"].as_str().unwrap().matches("ки").count();
    assert_eq!((tags, record["label"].as_array().map(Vec::len), &record["id"]), (3, Some(3), &serde_json::json!(7)));
    // Its own reader takes it.
    assert_eq!(recorded(&one("openrlhf", std::str::from_utf8(&out[0]).unwrap()), 0).first_error, NoError);
}

#[test]
fn a_first_turn_that_goes_hands_the_problem_on() {
    let record = r#"{"conversations": [{"role":"user","content":"q? a"},{"role":"assistant","content":"+"},{"role":"user","content":"b"},{"role":"assistant","content":"+"}], "k": 1}"#;
    let trace = one("rlhflow", record);
    let labels = SolutionLabels::recorded(2, NoError, &[Some(Rating::Neutral)], EndState::Open);
    let item = Labelled { trace: &trace, solution: 0, labels, raw: Some(record.as_bytes()), touched: true, source: None };
    let policy = Policy { neutral: Neutral::DropStep, glue: "\n\n".to_owned(), ..Policy::default() };
    let (out, loss) = written("rlhflow", &[item], policy);
    let expected = r#"{"conversations": [{"role":"user","content":"q?\n\nb"},{"role":"assistant","content":"+"}], "k": 1}"#;
    assert_eq!(String::from_utf8(out.concat()).unwrap(), expected);
    assert_eq!(loss.counts, [("borders between problem and first step", 1), ("neutral ratings", 1)].into());
}

#[test]
fn changed_potato_records_tell_whose_each_label_is() {
    let say = |annotator: Option<&str>, at, ratings: &[i64]| {
        let ratings: Vec<_> = ratings.iter().map(|&rating| Rating::from_value(rating)).collect();
        let annotator = annotator.map(str::to_owned);
        SolutionLabels { annotator, ..SolutionLabels::recorded(3, At(at), &ratings, EndState::FoundError) }
    };
    let per_step = r#"{"instance_id": 5, "annotator": "a", "mode": "per_step", "steps": [{"index":0,"reward":1,"source":"ai","verified":false,"text":"x"},{"index":1,"reward":1,"source":"ai","verified":true},{"index":2,"reward":-1,"source":"ai","verified":false}], "team": "t"}"#;
    let cascade = per_step.replace("per_step", "first_error").replace(r#""index":1,"reward":1"#, r#""index":1,"reward":-1"#);
    for (record, labels, changes) in [
        // What nobody changed stays whose it was; what a person says is verified.
        (
            per_step,
            say(Some("bo"), 1, &[]),
            &[
                (r#""annotator": "a""#, r#""annotator": "bo""#),
                (r#""index":1,"reward":1,"source":"ai""#, r#""index":1,"reward":-1,"source":"human""#),
                (r#""index":2,"reward":-1,"source":"ai""#, r#""index":2,"reward":null,"source":"human""#),
            ][..],
        ),
        // Behind the first error this mode has wrong steps alone.
        (
            &cascade,
            say(Some("bo"), 0, &[]),
            &[
                (r#""annotator": "a""#, r#""annotator": "bo""#),
                (
                    r#""index":0,"reward":1,"source":"ai","verified":false"#,
                    r#""index":0,"reward":-1,"source":"human","verified":true"#,
                ),
                (r#""index":1,"reward":-1,"source":"ai""#, r#""index":1,"reward":-1,"source":"human""#),
            ],
        ),
        (
            &cascade,
            say(Some("bo"), 1, &[1, -1, 1]),
            &[
                (r#""annotator": "a""#, r#""annotator": "bo""#),
                ("first_error", "per_step"),
                (
                    r#""index":2,"reward":-1,"source":"ai","verified":false"#,
                    r#""index":2,"reward":1,"source":"human","verified":true"#,
                ),
            ],
        ),
    ] {
        let trace = one("potato", record);
        let expected = changes.iter().fold(record.to_owned(), |record, (from, to)| {
            assert!(record.contains(from), "{from}");
            record.replace(from, to)
        });
        let item = Labelled {
            trace: &trace,
            solution: 0,
            labels: labels.clone(),
            raw: Some(record.as_bytes()),
            touched: true,
            source: None,
        };
        let (out, loss) = written("potato", &[item], Policy::default());
        assert_eq!(String::from_utf8(out.concat()).unwrap(), expected);
        assert!(loss.counts.is_empty(), "{:?}", loss.counts);
        assert_eq!(recorded(&one("potato", &expected), 0).steps, labels.steps);
    }
    // A file whose labels nobody signed, and one that names who gave them.
    let trl = one("trl", r#"{"prompt":"q","completions":["a"],"labels":[true]}"#);
    let prm800k = one("prm800k", std::str::from_utf8(&fixture("prm800k")[0]).unwrap());
    for (trace, source, verified) in [(&trl, "ai", false), (&prm800k, "human", true)] {
        let (out, _) = written("potato", &foreign(trace), Policy { unsure: Unsure::Keep, ..Policy::default() });
        let step = &parse_json(&out[0]).unwrap()["steps"][0];
        assert_eq!((&step["source"], &step["verified"]), (&source.into(), &verified.into()));
    }
}

/// Labels without the name of who gave them.
fn nobodys(labels: SolutionLabels) -> SolutionLabels {
    SolutionLabels { annotator: None, ..labels }
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
        let mut after = nobodys(recorded(&back, 0));
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
    assert_eq!(nobodys(recorded(&back, 0)), labels);
    // Phase 1 knows no "found error", and its later steps stand nowhere else.
    assert_eq!(steps(&back, 0).len(), 3);
}

#[test]
fn states_that_a_target_cannot_say_are_left_out_and_counted() {
    let trace = one("processbench", std::str::from_utf8(&fixture("processbench")[0]).unwrap());
    let with = |first_error, unsure| {
        let labels = SolutionLabels { unsure, ..SolutionLabels::recorded(3, first_error, &[], EndState::Open) };
        Labelled { trace: &trace, solution: 0, labels, raw: None, touched: true, source: None }
    };
    for (target, item, reason) in [
        ("processbench", with(FirstError::Unknown, false), "not labelled yet"),
        ("processbench", with(FirstError::Unlabelable, false), "cannot be labelled (bad problem or given up)"),
        ("processbench", with(NoError, true), "marked as unsure"),
        ("trl", with(FirstError::Unknown, false), "not labelled yet"),
        ("trl", with(FirstError::Unlabelable, false), "cannot be labelled (bad problem or given up)"),
        ("math-shepherd", with(FirstError::Unknown, false), "not labelled yet"),
        ("prm800k", with(FirstError::Unknown, false), "not labelled yet"),
        ("prm800k", with(NoError, true), "marked as unsure"),
    ] {
        let (out, loss) = written(target, &[item], Policy::default());
        assert!(out.is_empty(), "{target}");
        assert_eq!(loss.skipped.iter().map(|(why, n)| (why.as_str(), *n)).collect::<Vec<_>>(), [(reason, 1)], "{target}");
        assert_eq!((loss.read, loss.written, loss.changed), (1, 0, 0));
        assert!(loss.counts.is_empty(), "{target}: what is left out loses nothing");
    }
    // Nothing says whether a TRL solution is right.
    let trl = one("trl", std::str::from_utf8(&fixture("trl")[0]).unwrap());
    let (out, loss) = written("processbench", &foreign(&trl), Policy::default());
    assert!(out.is_empty());
    assert_eq!(loss.skipped["whether the final answer is right is not known"], 1);
}

#[test]
fn line_ends_in_steps_are_told_where_the_trainer_ends_steps_by_them() {
    let text = r#"{"id":"a","generator":null,"problem":"p","steps":["one\nline","two","three\n\nlines"],"final_answer_correct":true,"label":1}"#;
    let (out, loss) = written("trl", &foreign(&one("processbench", text)), Policy::default());
    assert_eq!(out.len(), 1);
    let told: Vec<_> =
        loss.counts.iter().filter(|(name, _)| name.starts_with("ends of steps")).map(|(_, count)| *count).collect();
    // The third step stands behind the error and is not written.
    assert_eq!(told, [1], "{:?}", loss.counts);
}

#[test]
fn a_policy_decides_what_trl_sees() {
    let trace = one("prm800k", std::str::from_utf8(&fixture("prm800k")[0]).unwrap());
    let labels = SolutionLabels::recorded(4, At(2), &[Some(Rating::Neutral)], EndState::FoundError);
    let item = || Labelled { trace: &trace, solution: 0, labels: labels.clone(), raw: None, touched: true, source: None };
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

/// A solution in TRL's form, all of whose steps are right, as Math-Shepherd.
fn as_math_shepherd(prompt: &str, steps: &[&str], more: &str) -> (Vec<Vec<u8>>, Loss) {
    let value = serde_json::json!({"prompt": prompt, "completions": steps, "labels": vec![true; steps.len()]}).to_string();
    let trace = one("trl", &value.replacen('{', &format!("{{{more}"), 1));
    written("math-shepherd", &foreign(&trace), Policy::default())
}

#[test]
fn math_shepherd_tells_what_its_text_cannot_hold() {
    let (out, loss) = as_math_shepherd("q?", &[" a\n\nb", "Step 2: c\n", "d"], "");
    assert_eq!(parse_json(&out[0]).unwrap()["input"], "q?\nStep 1: a b ки\nStep 2: c ки\nStep 3: d ки");
    assert_eq!(parse_json(&out[0]).unwrap()["label"], "q?\nStep 1: a b +\nStep 2: c +\nStep 3: d +");
    assert_eq!(loss.counts["line ends inside of steps (now spaces)"], 1);
    assert_eq!(loss.counts["outer white space of steps"], 2);
    assert_eq!(loss.counts["steps without a number (`Step k:` put before them)"], 2);
}

#[test]
fn math_shepherd_refuses_texts_that_its_readers_would_cut_elsewhere() {
    let tag = Some("a step holds the step tag");
    let problem = Some("its problem holds the step tag or `Step 1:`");
    let step = Some("its first step holds `Step 1:`, which marks the end of the problem");
    for (prompt, steps, reason) in [
        ("q?", &["кит"][..], tag),
        ("q ки?", &["a"], problem),
        ("Step 1: what?", &["a"], problem),
        ("What is step 1: it?", &["a"], problem),
        ("q?", &["So Step 1: a"], step),
        ("q?", &["Step 1: a. Step 1: b"], step),
        ("q?", &["a", "by Step 1: b"], None),
        ("q?", &["Step 1: a", "Step 2: by Step 1 and step 1: b", "Step 11: c"], None),
        ("q?", &["step 1: a"], None),
    ] {
        let (out, loss) = as_math_shepherd(prompt, steps, "");
        assert_eq!(loss.skipped.keys().map(String::as_str).next(), reason, "{prompt} {steps:?}");
        if let Some(record) = out.first() {
            let value = parse_json(record).unwrap();
            let first = value["input"].as_str().unwrap().split("Step 2:").next().unwrap();
            assert_eq!(first.matches("Step 1:").count(), 1);
        } else {
            assert!(loss.counts.is_empty());
        }
    }
}

#[test]
fn math_shepherd_rows_name_their_task() {
    for (prompt, step, more, task) in [
        ("It costs $5?", "5", "", "GSM8K"),
        ("q?", "so \\boxed{5}", "", "MATH"),
        ("$\\frac12$?", "a half", "", "MATH"),
        ("q?", "so \\boxed{5}", r#""task": "GSM8K","#, "GSM8K"),
        ("q?", "5", r#""task": 7,"#, "GSM8K"),
    ] {
        let (out, _) = as_math_shepherd(prompt, &[step], more);
        assert_eq!(parse_json(&out[0]).unwrap()["task"], task, "{prompt} {step} {more}");
    }
}

#[test]
fn what_a_changed_record_cannot_hold_is_counted() {
    const BEHIND: &str = "ratings behind the first error";
    let [drop, keep, force] = [AfterError::Drop, AfterError::KeepAsRated, AfterError::ForceNegative].map(|after_error| Policy {
        after_error,
        unsure: Unsure::Keep,
        ..Policy::default()
    });
    let say = |n, first_error, ratings: &[i64]| {
        let ratings: Vec<_> = ratings.iter().map(|&rating| Rating::from_value(rating)).collect();
        SolutionLabels::recorded(n, first_error, &ratings, EndState::Open)
    };
    let by_bo = |labels| SolutionLabels { annotator: Some("bo".into()), ..labels };
    let unsure = |labels| SolutionLabels { unsure: true, ..labels };
    for (name, record, labels, policy, expected) in [
        ("processbench", 0, by_bo(say(3, At(2), &[])), &drop, &[("annotators", 1)][..]),
        ("processbench", 0, say(3, At(0), &[-1, 0, 1]), &drop, &[("neutral ratings", 1), (BEHIND, 2)]),
        ("processbench", 0, unsure(say(3, NoError, &[0])), &drop, &[("neutral ratings", 1), ("unsure marks", 1)]),
        ("trl", 1, unsure(by_bo(say(3, NoError, &[]))), &drop, &[("annotators", 1), ("unsure marks", 1)]),
        ("trl", 1, say(3, At(0), &[-1, 1, -1]), &drop, &[(BEHIND, 2)]),
        ("trl", 1, say(3, At(0), &[-1, 1, -1]), &keep, &[]),
        ("trl", 1, say(3, At(0), &[-1, 1, -1]), &force, &[(BEHIND, 1)]),
        ("math-shepherd", 1, by_bo(say(2, At(0), &[-1, 1])), &keep, &[("annotators", 1)]),
        ("math-shepherd", 1, say(2, At(0), &[-1, 1]), &drop, &[(BEHIND, 1)]),
        // Its record has two positions; what stands behind them has no place for a rating.
        ("prm800k", 0, unsure(by_bo(say(4, At(0), &[-1, 0, 1]))), &drop, &[(BEHIND, 1)]),
    ] {
        let raw = fixture(name).remove(record);
        let trace = one(name, std::str::from_utf8(&raw).unwrap());
        let item = Labelled { trace: &trace, solution: 0, labels, raw: Some(&raw), touched: true, source: None };
        let (_, loss) = written(name, &[item], policy);
        assert_eq!((loss.written, loss.changed), (1, 1));
        assert_eq!(loss.counts, expected.iter().copied().collect(), "{name} {record}");
    }
}

#[test]
fn a_verdict_that_repeats_the_file_changes_no_byte_and_loses_its_name() {
    for (name, kind) in [("processbench", ""), ("trl", ""), ("math-shepherd", "sign"), ("prm800k", "sign")] {
        let raw = fixture(name).remove(0);
        let trace = one(name, std::str::from_utf8(&raw).unwrap());
        let labels = SolutionLabels { annotator: Some("bo".into()), error_kind: kind.into(), ..recorded(&trace, 0) };
        let (out, loss) = written(
            name,
            &[Labelled { trace: &trace, solution: 0, labels, raw: Some(&raw), touched: false, source: None }],
            Policy::default(),
        );
        assert_eq!(out, [raw], "{name}");
        let expected = [("annotators", 1), ("critiques, corrections and notes", 1)];
        let expected = expected.into_iter().take(1 + usize::from(!kind.is_empty())).collect();
        assert_eq!((loss.changed, loss.counts), (0, expected), "{name}");
    }
}

#[test]
fn prm800k_flags_doubtful_steps_unless_they_are_to_be_left_out() {
    let source = one("processbench", std::str::from_utf8(&fixture("processbench")[0]).unwrap());
    let raw = fixture("prm800k").remove(0);
    let own = one("prm800k", std::str::from_utf8(&raw).unwrap());
    for (trace, raw) in [(&source, None), (&own, Some(raw.as_slice()))] {
        let labels = SolutionLabels { unsure: true, ..recorded(trace, 0) };
        let item = Labelled { trace, solution: 0, labels: labels.clone(), raw, touched: true, source: None };
        for (unsure, kept) in [(Unsure::SkipTrace, false), (Unsure::DropStep, true), (Unsure::Keep, true)] {
            let (out, loss) = written("prm800k", std::slice::from_ref(&item), Policy { unsure, ..Policy::default() });
            assert_eq!((out.len() == 1, loss.skipped.get("marked as unsure").copied()), (kept, (!kept).then_some(1)));
            if let Some(record) = out.first() {
                let back = recorded(&one("prm800k", std::str::from_utf8(record).unwrap()), 0);
                assert_eq!((back.unsure, back.steps), (true, labels.steps.clone()));
            }
        }
    }
}

#[test]
fn partly_rated_solutions_become_prm800k_records_with_unset_ratings() {
    let source = one("trl", r#"{"prompt":"q","completions":["a","b","c","d"],"labels":[true,true,true,true]}"#);
    let generated = fixture("prm800k").remove(0);
    let own = one("prm800k", std::str::from_utf8(&generated).unwrap());
    // The annotator wrote its second step.
    let human = fixture("prm800k").remove(1);
    let walked = one("prm800k", std::str::from_utf8(&human).unwrap());
    let keep = Policy { unlabelled: Unlabelled::KeepUnset, ..Policy::default() };
    for (trace, raw) in [(&source, None), (&own, Some(generated.as_slice())), (&walked, Some(human.as_slice()))] {
        for ratings in [&[1, 9, 1][..], &[9, -1], &[1, 1, 9], &[9, 9, 0]] {
            let n = steps(trace, 0).len();
            let ratings: Vec<_> = ratings.iter().map(|&rating| Rating::from_value(rating)).collect();
            let labels = SolutionLabels::recorded(n, FirstError::Unknown, &ratings, EndState::Open);
            let item = Labelled { trace, solution: 0, labels: labels.clone(), raw, touched: true, source: None };
            let (out, _) = written("prm800k", std::slice::from_ref(&item), &keep);
            let value = parse_json(&out[0]).unwrap();
            assert_eq!(value["label"]["finish_reason"], serde_json::Value::Null);
            let back = one("prm800k", std::str::from_utf8(&out[0]).unwrap());
            assert_eq!(nobodys(recorded(&back, 0)), labels);
            assert_eq!(steps(&back, 0), steps(trace, 0));
            let (out, loss) = written("prm800k", &[item], Policy::default());
            assert_eq!((out.len(), loss.skipped["not labelled yet"]), (0, 1));
        }
        let labels = SolutionLabels::unseen(steps(trace, 0).len());
        let (out, loss) = written("prm800k", &[Labelled { trace, solution: 0, labels, raw, touched: true, source: None }], &keep);
        assert_eq!((out.len(), loss.skipped["not labelled yet"]), (0, 1));
    }
}

#[test]
fn a_changed_prm800k_record_names_who_changed_it() {
    let say = SolutionLabels::recorded(4, NoError, &[], EndState::Solution);
    let (_, out) = touched("prm800k", 0, |_| SolutionLabels { annotator: Some("bo".into()), ..say.clone() });
    assert!(out.starts_with(r#"{"labeler": "bo", "timestamp""#), "{out}");
}

#[test]
fn ratings_of_alternatives_reach_prm800k() {
    let raw = fixture("prm800k").remove(0);
    let trace = one("prm800k", std::str::from_utf8(&raw).unwrap());
    let id = |text: &str| trace.steps().find(|&id| trace.node(id).text == text).unwrap();
    let write = |raw, touched, policy: &Policy| {
        let item = Labelled { trace: &trace, solution: 0, labels: recorded(&trace, 0), raw, touched, source: None };
        let marks = [(id("Adding 2 gives 14."), Rating::Bad)].into();
        let unit = LabelledTrace { marks, ..LabelledTrace::new(&trace, vec![item]) };
        let (mut out, mut loss) = (Vec::new(), Loss::default());
        target("prm800k").unwrap().writer.write(&unit, policy, &mut out, &mut loss);
        (String::from_utf8(out.concat()).unwrap(), loss)
    };
    // Nobody touched the solution: all else stays as it is, whatever the policy.
    let (out, loss) = write(Some(&raw[..]), false, &Policy::default());
    let before = String::from_utf8(raw.clone()).unwrap();
    let expected = before.replace(r#"Adding 2 gives 14.", "rating": 1"#, r#"Adding 2 gives 14.", "rating": -1"#);
    assert_eq!((parse_json(out.as_bytes()), loss.changed), (parse_json(expected.as_bytes()), 1));
    for (raw, touched) in [(Some(&raw[..]), true), (None, false)] {
        let (out, _) = write(raw, touched, &Policy::default());
        let back = one("prm800k", &out);
        let found = back.nodes.iter().find(|node| node.text == "Adding 2 gives 14.").unwrap();
        assert_eq!(found.rating, Some(Rating::Bad), "{out}");
    }
}

#[test]
fn a_record_of_prm800k_comes_back_from_an_archive() {
    for (index, record) in fixture("prm800k").iter().enumerate() {
        let text = String::from_utf8(record.clone())
            .unwrap()
            .replace(r#""is_quality_control_question": false"#, r#""is_quality_control_question": true"#);
        let trace = one("prm800k", &text);
        let (lines, _) = written("stepscope", &foreign(&trace), Policy::default());
        let back = traces(format("stepscope"), &lines).remove(0);
        assert_eq!(back.solutions[0].annotator.as_deref(), Some("a1"));
        let include = Policy { quality_control: "include".parse().unwrap(), unsure: Unsure::Keep, ..Policy::default() };
        let (out, loss) = written("prm800k", &foreign(&back), &include);
        let Some(out) = out.first() else {
            assert_eq!(loss.skipped.len(), 1);
            continue;
        };
        let (before, after) = (parse_json(text.as_bytes()).unwrap(), parse_json(out).unwrap());
        let missing = |value: &serde_json::Value, at: &str| value.pointer(at).cloned().unwrap_or_default();
        for at in [
            "/labeler",
            "/timestamp",
            "/generation",
            "/is_quality_control_question",
            "/is_initial_screening_question",
            "/question/pre_generated_verifier_score",
            "/label/total_time",
            "/label/steps/1/human_completion/text",
            "/label/steps/1/human_completion/source",
            "/label/steps/1/chosen_completion",
        ] {
            assert_eq!(missing(&after, at), missing(&before, at), "{index} {at}");
        }
        assert_eq!(recorded(&one("prm800k", std::str::from_utf8(out).unwrap()), 0), recorded(&trace, 0));
        assert!(!loss.counts.contains_key("further fields"), "{:?}", loss.counts);
    }
    // What the fields of the source tell of its labelling is not true of another one.
    let trace = one("prm800k", std::str::from_utf8(&fixture("prm800k")[0]).unwrap());
    let labels = SolutionLabels { annotator: Some("bo".into()), ..recorded(&trace, 0) };
    let (out, _) = written("prm800k", &[Labelled { touched: true, labels, ..foreign(&trace).remove(0) }], Policy::default());
    let after = parse_json(&out[0]).unwrap();
    assert_eq!((&after["labeler"], &after["label"]["total_time"], &after["generation"]), (&"bo".into(), &().into(), &3.into()));
}

#[test]
fn characters_that_were_no_text_are_counted_where_they_go() {
    let record = br#"{"prompt":"q \udc00?","completions":["a \ud83d\ude00","\ud83d b"],"labels":[true,true]}"#;
    let trace = one("trl", std::str::from_utf8(record).unwrap());
    let lost = |target: &str, items: &[Labelled<'_>]| {
        written(target, items, Policy::default()).1.counts.get("characters that were no text").copied()
    };
    for target in ["trl", "math-shepherd", "prm800k", "stepscope"] {
        assert_eq!(lost(target, &foreign(&trace)), Some(2), "{target}");
    }
    // A record of the same format keeps the escapes, as far as its steps stay.
    let again = |labels, touched| [Labelled { trace: &trace, solution: 0, labels, raw: Some(record), touched, source: None }];
    assert_eq!(lost("trl", &again(recorded(&trace, 0), false)), None);
    assert_eq!(lost("trl", &again(SolutionLabels::recorded(2, At(1), &[], EndState::Open), true)), None);
    assert_eq!(lost("trl", &again(SolutionLabels::recorded(2, At(0), &[], EndState::Open), true)), Some(1));
    assert_eq!(lost("trl", &again(SolutionLabels::unseen(2), true)), None);
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
