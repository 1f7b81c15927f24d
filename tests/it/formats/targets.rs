//! Formats that are written and not read.

use serde_json::json;
use stepscope::formats::{
    EXPORTS, FORMATS, Framing, Labelled, LabelledTrace, Loss, Written, exploded, parse_json, target, targets,
};
use stepscope::labels::policy::{AfterError, Level, Neutral, PairRule, Policy, Unlabelled, Unsure, Values};
use stepscope::trace::{EndState, FirstError, NodeId, Problem, Rating, Remark, SolutionLabels, Trace, TraceBuilder, Writing};

use super::{fixture, foreign, format, one, steps, traces, written};

/// `3*4+2?`: a right and a wrong second step behind the same first one, and one that a person wrote.
pub(super) fn siblings() -> Trace {
    let text = "3*4+2?".to_owned();
    let mut builder = TraceBuilder::new(Problem { text, reference_answer: Some("14".into()), ..Problem::default() });
    let right = builder.path(["3*4=12.", "12+2=14.", "The answer is 14."]);
    let wrong = builder.path(["3*4=12.", "12+2=15.", "The answer is 15."]);
    let human = builder.child(right[0], "Add 2 to 12.");
    builder.node_mut(human).rating = Some(Rating::Good);
    builder.node_mut(human).extra.insert("source".into(), "human".into());
    for (id, mc) in [(right[1], 0.9), (wrong[1], 0.1)] {
        builder.node_mut(id).stats.mc = Some(mc);
    }
    for (leaf, first_error, answer) in [(right[2], FirstError::NoError, "14"), (wrong[2], FirstError::At(1), "15")] {
        let solution = builder.solution(leaf);
        solution.first_error = first_error;
        solution.final_answer = Some(answer.into());
    }
    builder.finish()
}

pub(super) fn records(name: &str, trace: &Trace, policy: &Policy) -> Vec<serde_json::Value> {
    written(name, &foreign(trace), policy).0.iter().map(|record| parse_json(record).unwrap()).collect()
}

pub(super) fn with_glue(glue: &str) -> Policy {
    Policy { glue: glue.into(), pairs: PairRule::All, ..Policy::default() }
}

#[test]
fn names_of_targets_are_stable_and_different() {
    let names: Vec<_> = targets().map(|target| target.name).collect();
    let unique: std::collections::HashSet<_> = names.iter().collect();
    assert_eq!(unique.len(), names.len(), "{names:?}");
    assert!(EXPORTS.iter().all(|target| !target.doc.is_empty() && target.doc.len() < 120));
    assert!(target("nothing").is_none());
}

#[test]
fn preferences_in_the_forms_of_their_trainers() {
    let trace = siblings();
    let policy = Policy { pairs: PairRule::BestWorst, ..with_glue("\n") };
    for (name, expected) in [
        ("trl-dpo", json!({"prompt": "3*4+2?\n3*4=12.\n", "chosen": "12+2=14.", "rejected": "12+2=15."})),
        (
            "trl-dpo-chat",
            json!({
                "prompt": [{"role": "user", "content": "3*4+2?"}],
                "chosen": [{"role": "assistant", "content": "3*4=12.\n12+2=14."}],
                "rejected": [{"role": "assistant", "content": "3*4=12.\n12+2=15."}],
            }),
        ),
        (
            "step-dpo",
            json!({
                "dataset": "stepscope",
                "prompt": "3*4+2?",
                "initial_reason_steps": "Let's think step by step.\nStep 1: 3*4=12.\nStep 2:",
                "chosen": " 12+2=14.",
                "rejected": " 12+2=15.",
                "full_chosen": " 12+2=14.\nStep 3: The answer is 14.",
                "full_rejected": " 12+2=15.\nStep 3: The answer is 15.",
                "answer": "14",
            }),
        ),
        (
            "ms-swift-dpo",
            json!({
                "messages": [{"role": "user", "content": "3*4+2?\n3*4=12."}, {"role": "assistant", "content": "12+2=14."}],
                "rejected_response": "12+2=15.",
            }),
        ),
        (
            "llama-factory-dpo",
            json!({"instruction": "3*4+2?\n3*4=12.", "input": "", "chosen": "12+2=14.", "rejected": "12+2=15."}),
        ),
        (
            "llama-factory-dpo-chat",
            json!({
                "conversations": [{"from": "human", "value": "3*4+2?\n3*4=12."}],
                "chosen": {"from": "gpt", "value": "12+2=14."},
                "rejected": {"from": "gpt", "value": "12+2=15."},
            }),
        ),
    ] {
        assert_eq!(records(name, &trace, &policy), [expected], "{name}");
    }
}

#[test]
fn pair_rules() {
    let trace = siblings();
    let pairs = |policy: Policy| -> Vec<(String, String)> {
        let text = |record: &serde_json::Value, key: &str| record[key].as_str().unwrap().to_owned();
        records("trl-dpo", &trace, &policy).iter().map(|record| (text(record, "chosen"), text(record, "rejected"))).collect()
    };
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    let all = [pair("12+2=14.", "12+2=15."), pair("Add 2 to 12.", "12+2=15.")];
    assert_eq!(pairs(with_glue("\n")), all);
    assert_eq!(pairs(Policy { pairs: PairRule::Correction, ..with_glue("\n") }), all[1..]);
    assert_eq!(pairs(Policy { pairs: PairRule::BestSecond, ..with_glue("\n") }), all[..1]);
    assert_eq!(pairs(Policy { pairs_per_step: Some(1), ..with_glue("\n") }), all[..1]);
    assert_eq!(pairs(Policy { distinct_answers: true, ..with_glue("\n") }), all);
    // Nobody rated anything: values decide, if they are asked.
    let mut plain = trace.clone();
    for solution in &mut plain.solutions {
        (solution.first_error, solution.ratings) = (FirstError::Unknown, Vec::new());
    }
    let keep = Policy { unlabelled: Unlabelled::KeepUnset, pairs: PairRule::BestSecond, ..with_glue("\n") };
    let count = |policy: &Policy| records("trl-dpo", &plain, policy).len();
    assert_eq!(count(&keep), 0);
    assert_eq!(count(&Policy { min_gap: Some(0.9), ..keep.clone() }), 0);
    let by_value = Policy { min_gap: Some(0.5), pairs: PairRule::All, ..keep };
    assert_eq!(records("trl-dpo", &plain, &by_value)[0]["chosen"], "12+2=14.");
}

#[test]
fn pairs_account_for_every_solution() {
    let trace = siblings();
    let (out, loss) = written("trl-dpo", &foreign(&trace), with_glue("\n"));
    assert_eq!((out.len() as u64, loss.records, loss.read, loss.written), (2, 2, 2, 2));
    let lonely = one("trl", r#"{"prompt":"q","completions":["a"],"labels":[true]}"#);
    let (out, loss) = written("trl-dpo", &foreign(&lonely), with_glue("\n"));
    assert_eq!((out.len(), loss.read, loss.written, loss.skipped["no step of it makes a pair"]), (0, 1, 0, 1));
}

#[test]
fn judgements_of_steps_and_of_solutions() {
    let trace = one("trl", r#"{"prompt":"3*4+2?","completions":["3*4=12.","12+2=15."],"labels":[true,false]}"#);
    let steps = Policy { level: Level::Step, ..with_glue("\n") };
    let whole = Policy { level: Level::Solution, ..with_glue("\n") };
    assert_eq!(
        records("trl-kto", &trace, &steps),
        [
            json!({"prompt": "3*4+2?\n", "completion": "3*4=12.", "label": true}),
            json!({"prompt": "3*4+2?\n3*4=12.\n", "completion": "12+2=15.", "label": false}),
        ]
    );
    assert_eq!(
        records("trl-kto", &trace, &whole),
        [json!({"prompt": "3*4+2?\n", "completion": "3*4=12.\n12+2=15.", "label": false})]
    );
    let user = |content: &str| json!({"role": "user", "content": content});
    let assistant = |content: &str| json!({"role": "assistant", "content": content});
    let messages = json!([user("3*4+2?\n3*4=12."), assistant("12+2=15.")]);
    assert_eq!(records("ms-swift-kto", &trace, &steps)[1], json!({"messages": messages, "label": false}));
    assert_eq!(records("ms-swift-cls", &trace, &steps)[1], json!({"messages": messages, "label": 0}));
    assert_eq!(
        records("llama-factory-kto", &trace, &steps)[1],
        json!({"instruction": "3*4+2?\n3*4=12.", "input": "", "output": "12+2=15.", "kto_tag": false})
    );
}

#[test]
fn llama_factory_files_come_with_their_entries() {
    for (file, records) in
        [("pairs.v1.json", ["pairs.v1.json", "pairs.v1.test.json"]), ("data.jsonl", ["data/train.parquet", "data/test.parquet"])]
    {
        let records = records.map(str::to_owned);
        let beside =
            target("llama-factory-dpo").unwrap().writer.beside(Written { name: file, records: &records }, &Loss::default());
        let (name, content) = &beside[0];
        assert_eq!(*name, format!("{file}.dataset_info.json"));
        let entries = parse_json(content.as_bytes()).unwrap();
        let name = file.rsplit_once('.').unwrap().0;
        for (name, record) in [(name.to_owned(), &records[0]), (format!("{name}.test"), &records[1])] {
            assert_eq!((&entries[&name]["file_name"], &entries[&name]["ranking"]), (&json!(record), &json!(true)));
        }
        assert_eq!(entries.as_object().unwrap().len(), 2);
    }
}

#[test]
fn rated_alternatives_become_solutions_where_they_are_wanted() {
    let trace = siblings();
    let unit = LabelledTrace::new(&trace, foreign(&trace));
    let more = exploded(&unit, &Policy::default()).trace;
    assert_eq!(more.solutions.len(), 3);
    let records = records("trl", &more, &Policy::default());
    assert_eq!(records[2], json!({"prompt": "3*4+2?", "completions": ["3*4=12.", "Add 2 to 12."], "labels": [true, true]}));
    // So tables and tools hold them, too.
    for name in ["csv", "label-studio", "argilla"] {
        let [(plain, lost), (whole, kept)] = [&trace, &more].map(|trace| written(name, &foreign(trace), Policy::default()));
        let holds = |rows: Vec<Vec<u8>>| String::from_utf8(rows.concat()).unwrap().contains("Add 2 to 12.");
        assert_eq!((holds(plain), lost.counts.get("alternative steps")), (false, Some(&1)), "{name}");
        assert_eq!((holds(whole), kept.counts.get("alternative steps")), (true, None), "{name}");
    }
    // A rating of the session counts before that of the file.
    let human = trace.steps().find(|&id| trace.node(id).rating.is_some()).unwrap();
    let unit = LabelledTrace { marks: [(human, Rating::Bad)].into(), ..unit };
    assert_eq!(exploded(&unit, &Policy::default()).trace.solutions[2].first_error, FirstError::At(1));
    assert_ne!(human, NodeId::ROOT);
}

#[test]
fn items_that_check_annotators_are_left_out_unless_asked_for() {
    let mut trace = one("trl", r#"{"prompt":"q","completions":["a"],"labels":[true]}"#);
    trace.solutions[0].extra.insert("is_quality_control_question".into(), true.into());
    let labels = SolutionLabels::recorded(1, FirstError::NoError, &[], EndState::Open);
    let item = [Labelled { trace: &trace, solution: 0, labels, raw: None, touched: true, source: None }];
    assert_eq!(written("trl", &item, Policy::default()).1.skipped.len(), 1);
    let include = Policy { quality_control: "include".parse().unwrap(), ..Policy::default() };
    assert_eq!(written("trl", &item, include).0.len(), 1);
}

#[test]
fn labels_in_the_forms_of_trainers_of_process_reward_models() {
    let trace = one("trl", r#"{"prompt":"3*4+2?","completions":["3*4=12.","12+2=15."],"labels":[true,false]}"#);
    let policy = with_glue(" ");
    assert_eq!(
        records("openrlhf", &trace, &policy),
        [json!({"input": "3*4+2?\nStep 1: 3*4=12. ки\nStep 2: 12+2=15. ки", "value": ["+", "-"]})]
    );
    let turn = |role: &str, content: &str| json!({"role": role, "content": content});
    assert_eq!(
        records("rlhflow", &trace, &policy),
        [json!({"conversations": [
            turn("user", "3*4+2? 3*4=12."), turn("assistant", "+"), turn("user", "12+2=15."), turn("assistant", "-"),
        ]})]
    );
    assert_eq!(
        records("qwen-prm", &trace, &policy),
        [json!({
            "messages": [turn("user", "3*4+2?"), turn("assistant", "3*4=12.<extra_0>12+2=15.<extra_0>")],
            "labels": [1, 0],
        })]
    );
    let soft = Policy { values: Values::Soft, ..policy.clone() };
    assert_eq!(written("openrlhf", &foreign(&trace), soft.clone()).1.skipped.len(), 1, "no shares");
    let mut shares = trace;
    for (node, mc) in shares.nodes.iter_mut().skip(1).zip([0.75, 0.0]) {
        node.stats.mc = Some(mc);
    }
    assert_eq!(records("openrlhf", &shares, &soft)[0]["value"], json!([0.75, 0.0]));
    let tagged = one("trl", r#"{"prompt":"q","completions":["a <extra_0>"],"labels":[true]}"#);
    assert_eq!(written("qwen-prm", &foreign(&tagged), policy).1.skipped.len(), 1);
}

#[test]
fn soft_values_keep_to_the_decisions_on_labels() {
    let text = "3*4+2?".to_owned();
    let mut builder = TraceBuilder::new(Problem { text, ..Problem::default() });
    let path = builder.path(["a", "b", "c"]);
    for (id, mc) in path.iter().zip([0.9, 0.1, 0.05]) {
        builder.node_mut(*id).stats.mc = Some(mc);
    }
    builder.solution(path[2]);
    let trace = builder.finish();
    let wrong = SolutionLabels::recorded(3, FirstError::At(1), &[], EndState::FoundError);
    let neutral = SolutionLabels::recorded(3, FirstError::NoError, &[Some(Rating::Neutral)], EndState::Solution);
    let unsure = SolutionLabels { unsure: true, ..wrong.clone() };
    let bad = SolutionLabels::recorded(3, FirstError::Unlabelable, &[], EndState::BadProblem);
    let soft = Policy { values: Values::Soft, ..with_glue("\n") };
    let values = |labels: &SolutionLabels, policy: &Policy| {
        let item = Labelled { labels: labels.clone(), touched: true, ..foreign(&trace).remove(0) };
        written("openrlhf", &[item], policy).0.first().map(|record| parse_json(record).unwrap()["value"].clone())
    };
    for (labels, policy, expected) in [
        (&SolutionLabels::unseen(3), soft.clone(), Some(json!([0.9, 0.1, 0.05]))),
        (&wrong, soft.clone(), Some(json!([0.9, 0.1]))),
        (&wrong, Policy { after_error: AfterError::KeepAsRated, ..soft.clone() }, Some(json!([0.9, 0.1, 0.05]))),
        (&wrong, Policy { after_error: AfterError::ForceNegative, ..soft.clone() }, Some(json!([0.9, 0.1, 0.0]))),
        (&neutral, Policy { neutral: Neutral::DropStep, ..soft.clone() }, Some(json!([0.1, 0.05]))),
        (&unsure, soft.clone(), None),
        (&unsure, Policy { unsure: Unsure::DropStep, ..soft.clone() }, Some(json!([0.9]))),
        (&bad, soft.clone(), None),
    ] {
        assert_eq!(values(labels, &policy), expected, "{policy:?}");
    }
    // The scores of a solution do where its steps have no numbers; logits are no shares.
    let mut scored = trace;
    scored.nodes.iter_mut().for_each(|node| node.stats.mc = None);
    scored.solutions[0].scores = vec![Some(0.9), Some(0.5), Some(0.25)];
    assert_eq!(records("openrlhf", &scored, &soft)[0]["value"], json!([0.9, 0.5, 0.25]));
    scored.solutions[0].scores[1] = Some(3.5);
    assert!(records("openrlhf", &scored, &soft).is_empty());
}

#[test]
fn copied_records_have_the_types_of_new_ones() {
    for (name, record, policy, expected) in [
        (
            "trl",
            r#"{"prompt":"q","completions":["a", "b"],"labels":[1, 0],"x": NaN}"#,
            Values::Hard,
            r#"{"prompt":"q","completions":["a", "b"],"labels":[true,false],"x": NaN}"#,
        ),
        (
            "openrlhf",
            r#"{"input":"q? Step 1: a ки","label":[true]}"#,
            Values::Hard,
            r#"{"input":"q? Step 1: a ки","label":["+"]}"#,
        ),
        (
            "openrlhf",
            r#"{"input":"q? Step 1: a ки","label":["-"]}"#,
            Values::Soft,
            r#"{"input":"q? Step 1: a ки","label":[0.0]}"#,
        ),
        (
            "openrlhf",
            r#"{"input":"q? Step 1: a ки","label":[ "+" ]}"#,
            Values::Hard,
            r#"{"input":"q? Step 1: a ки","label":[ "+" ]}"#,
        ),
    ] {
        let trace = one(name, record);
        let items: Vec<_> = foreign(&trace).into_iter().map(|item| Labelled { raw: Some(record.as_bytes()), ..item }).collect();
        let (out, loss) = written(name, &items, Policy { values: policy, ..Policy::default() });
        assert_eq!((String::from_utf8(out.concat()).unwrap().as_str(), loss.changed), (expected, 0));
    }
}

#[test]
fn corrections_of_annotators_and_of_sources() {
    let trace = siblings();
    let keep = Policy::default();
    let from_source = records("corrections", &trace, &keep);
    assert_eq!(from_source.len(), 1);
    assert_eq!(from_source[0]["corrected_step"], "Add 2 to 12.");
    let mut items = foreign(&trace);
    items[1].labels = SolutionLabels {
        error_kind: "calculation".into(),
        remarks: [(Writing::Correction, "12+2 is 14."), (Writing::Critique, "The sum is off by one.")]
            .map(|(writing, text)| Remark { writing, step: Some(1), text: text.into() })
            .into(),
        ..items[1].labels.clone()
    };
    let (out, _) = written("corrections", &items, &keep);
    let record = parse_json(&out[0]).unwrap();
    for (key, value) in [
        ("prefix", json!(["3*4=12."])),
        ("wrong_step", json!("12+2=15.")),
        ("corrected_step", json!("12+2 is 14.")),
        ("reason", json!("The sum is off by one.")),
        ("category", json!("calculation")),
        ("mode", json!("fix_continue")),
        ("answer", json!("14")),
    ] {
        assert_eq!(record[key], value, "{key}");
    }
    let (out, _) = written("corrections-sft", &items, with_glue("\n"));
    let completion = "3*4=12.\n12+2=15.\nWait, that step is wrong. The sum is off by one.\n12+2 is 14.";
    assert_eq!(parse_json(&out[0]).unwrap(), json!({"prompt": "3*4+2?\n", "completion": completion}));
    // A written correction makes a pair, too.
    let pairs = Policy { pairs: PairRule::Correction, ..with_glue("\n") };
    let (out, loss) = written("trl-dpo", &items, pairs);
    let chosen: Vec<_> = out.iter().map(|record| parse_json(record).unwrap()["chosen"].clone()).collect();
    assert_eq!((chosen, loss.records), (vec![json!("12+2 is 14."), json!("Add 2 to 12.")], 2));
    // An archive keeps them.
    let (out, _) = written("stepscope", &items, Policy::default());
    let back = &traces(format("stepscope"), &out)[0];
    let (again, _) = written("stepscope", &foreign(back), Policy::default());
    assert!(String::from_utf8(out.concat()).unwrap().contains("The sum is off by one."));
    assert!(String::from_utf8(again.concat()).unwrap().contains("The sum is off by one."));
    // And gives them to every target; the ids hold the numbers of records.
    let policy = Policy { pairs: PairRule::Correction, ..with_glue("\n") };
    for name in ["corrections", "corrections-sft", "trl-dpo"] {
        let values = |items: &[Labelled<'_>]| {
            let mut values: Vec<_> = written(name, items, &policy).0.iter().map(|record| parse_json(record).unwrap()).collect();
            for value in &mut values {
                value.as_object_mut().unwrap().remove("id");
            }
            values
        };
        assert_eq!(values(&foreign(back)), values(&items), "{name}");
    }
}

#[test]
fn trees_of_estimates_come_back() {
    for record in fixture("openr") {
        let trace = one("openr", std::str::from_utf8(&record).unwrap());
        for name in ["openr", "openr-flat"] {
            let (out, loss) = written(name, &foreign(&trace), Policy::default());
            assert_eq!((out.len(), loss.records), (1, 1));
            let back = one("openr", std::str::from_utf8(&out[0]).unwrap());
            let known = |trace: &Trace| -> Vec<_> {
                let mut known: Vec<_> = trace
                    .nodes
                    .iter()
                    .filter(|node| name == "openr" || node.stats.mc.is_some())
                    .map(|node| (node.key, node.stats.mc.map(f64::to_bits)))
                    .collect();
                known.sort_unstable();
                known
            };
            assert_eq!(known(&back), known(&trace), "{name}");
        }
        // The record of the source still holds: labels of people have no place in it.
        let items: Vec<_> = foreign(&trace).into_iter().map(|item| Labelled { raw: Some(&record), ..item }).collect();
        assert_eq!(written("openr", &items, Policy::default()).0, std::slice::from_ref(&record));
    }
}

#[test]
fn processes_stop_where_hope_ends() {
    let record = r#"{"question":"q","final_answer":"1","reasoning_steps":{"text":"q","mc_value":0.5,"children":[
        {"text":"a","mc_value":0.75,"children":[{"text":"b","mc_value":0.0,"children":[{"text":"c","mc_value":0.0,"children":[]}]}]}]}}"#;
    let trace = one("openr", record);
    assert_eq!(
        records("mm-prm", &trace, &Policy::default()),
        [json!({"question": "q", "answer": "1", "image_path": null, "process": "a <prm>\nb <prm>", "labels": [0.75, 0.0]})]
    );
}

#[test]
fn processes_of_trees_come_back_with_their_estimates() {
    let raw = br#"{"question":"q","answer":"4","image_path":"i.png","mc_value":0.5,"visit_count":1,"correct_rollouts":[],"incorrect_rollouts":[],
        "id":"7","children":[{"partial_solution":["a","b"],"mc_value":1.0,"visit_count":0,"correct_rollouts":[],"incorrect_rollouts":[["r"]],
        "children":[{"partial_solution":["c"],"mc_value":1.0,"visit_count":0,"correct_rollouts":[],"incorrect_rollouts":[],"children":[]},
        {"partial_solution":["d"],"mc_value":0.0,"visit_count":0,"correct_rollouts":[],"incorrect_rollouts":[],"children":[]}]}]}"#;
    let tree = one("mm-prm", std::str::from_utf8(raw).unwrap());
    // Its trainer reads processes: a tree of the same name is not what it takes.
    let items: Vec<_> = foreign(&tree).into_iter().map(|item| Labelled { raw: Some(raw), ..item }).collect();
    let (out, loss) = written("mm-prm", &items, Policy::default());
    assert_eq!((out.len(), loss.records, loss.counts["steps behind the last estimate"]), (2, 2, 1));
    assert_eq!(target("mm-prm").unwrap().writer.framing(), Framing::Array);
    for (record, labels, texts) in [(&out[0], [1.0, 1.0], ["a", "b", "c"]), (&out[1], [1.0, 0.0], ["a", "b", "d"])] {
        let value = parse_json(record).unwrap();
        assert_eq!(value["labels"], json!(labels));
        assert_eq!(stepscope::formats::detect(&[value]).unwrap().0.name(), "mm-prm");
        let back = one("mm-prm", std::str::from_utf8(record).unwrap());
        assert_eq!((steps(&back, 0), &back.extra["image_path"]), (texts.to_vec(), &json!("i.png")));
        let estimates: Vec<_> = back.nodes[1..].iter().map(|node| node.stats.mc).collect();
        assert_eq!(estimates, [None, Some(labels[0]), Some(labels[1])]);
        // What is a process already is copied.
        let items: Vec<_> = foreign(&back).into_iter().map(|item| Labelled { raw: Some(record), ..item }).collect();
        assert_eq!(written("mm-prm", &items, Policy::default()).0, std::slice::from_ref(record));
    }
}

#[test]
fn tables_and_tools_get_every_step() {
    let trace = siblings();
    let (rows, loss) = written("csv", &foreign(&trace), Policy::default());
    assert_eq!((rows.len(), loss.records, loss.written), (6, 6, 2));
    let cells: Vec<_> = std::str::from_utf8(&rows[4]).unwrap().split(',').collect();
    assert_eq!(cells[3..9], ["2", "1", "12+2=15.", "bad", "-1", "1"]);
    let Framing::Text { start, .. } = target("csv").unwrap().writer.framing() else { panic!("a table has a head") };
    assert_eq!(start.trim_end().split(',').count(), cells.len());

    let task = &records("label-studio", &trace, &Policy::default())[1];
    assert_eq!(task["data"]["step_1"], "12+2=15.");
    let result = &task["annotations"][0]["result"];
    assert_eq!((&result[1]["from_name"], &result[1]["value"]["choices"]), (&json!("rate_1"), &json!(["bad"])));
    let files = Written { name: "x.json", records: &[] };
    let xml = &target("label-studio").unwrap().writer.beside(files, &loss)[0].1;
    assert_eq!(xml.matches("<Choices").count(), 3 + 2, "one a step, one for the end, one for doubt");

    let record = &records("argilla", &trace, &Policy::default())[1];
    assert_eq!(
        (&record["suggestions"]["first_error"]["value"], &record["responses"]),
        (&json!("1"), &json!({})),
        "nobody's answer"
    );
    assert_eq!(record["fields"]["steps"], "[0] 3*4=12.\n[1] 12+2=15.\n[2] The answer is 15.");

    let labels = &records("potato", &trace, &Policy::default())[1]["steps"];
    assert_eq!(
        labels.as_array().unwrap().iter().map(|step| step["reward"].clone()).collect::<Vec<_>>(),
        [json!(1), json!(-1), json!(null)]
    );
}

#[test]
fn tools_get_one_task_of_all_who_judged_a_solution() {
    let trace = one("trl", r#"{"prompt":"q","completions":["a","b"],"labels":[true,true]}"#);
    let said = |name: &str, labels| SolutionLabels { annotator: Some(name.into()), ..labels };
    let wrong = SolutionLabels { unsure: true, ..SolutionLabels::recorded(2, FirstError::At(1), &[], EndState::FoundError) };
    let bad = SolutionLabels::recorded(2, FirstError::Unlabelable, &[], EndState::BadProblem);
    let file = foreign(&trace).remove(0);
    let item = |labels| Labelled { labels, touched: true, ..file.clone() };
    let items = [item(said("mira", wrong)), item(said("noor@example.org", bad))];
    let record = |name: &str| {
        let (out, loss) = written(name, &items, Policy::default());
        assert_eq!((out.len(), loss.written), (1, 2), "{name}");
        (parse_json(&out[0]).unwrap(), loss)
    };
    let (record_of_argilla, loss) = record("argilla");
    let responses = record_of_argilla["responses"]["first_error"].as_array().unwrap();
    assert_eq!(responses.iter().map(|response| &response["value"]).collect::<Vec<_>>(), ["1", "unlabelable"]);
    assert!(responses.iter().all(|response| response["user_id"].as_str().unwrap().len() == 36));
    let settings = &target("argilla").unwrap().writer.beside(Written { name: "x.json", records: &[] }, &loss)[0].1;
    assert_eq!(parse_json(settings.as_bytes()).unwrap()["allow_extra_metadata"], true);
    assert_eq!(record_of_argilla["metadata"], json!({}), "no nulls");

    let (task, mut loss) = record("label-studio");
    assert_eq!(task["data"]["annotators"], json!(["mira", "noor@example.org"]));
    let annotations = task["annotations"].as_array().unwrap();
    // An import refuses names that are no address.
    assert_eq!(
        (annotations[0].get("completed_by"), &annotations[1]["completed_by"]["email"]),
        (None, &json!("noor@example.org"))
    );
    let chosen = |annotation: &serde_json::Value| -> Vec<String> {
        let result = annotation["result"].as_array().unwrap().iter();
        result.map(|item| format!("{} {}", item["from_name"], item["value"]["choices"][0]).replace('"', "")).collect()
    };
    assert_eq!(chosen(&annotations[0]), ["rate_0 good", "rate_1 bad", "end found_error", "unsure unsure"]);
    assert_eq!(chosen(&annotations[1]), ["end bad_problem"]);
    // Once the longest solution is known, every task has a text for each step that the configuration names.
    loss.most_steps = 4;
    let whole = target("label-studio").unwrap().writer.completion().unwrap()(task.to_string().as_bytes(), &loss);
    let data = parse_json(&whole).unwrap()["data"].clone();
    assert_eq!((&data["step_1"], &data["step_2"], &data["step_3"]), (&json!("b"), &json!(""), &json!("")));
}

#[test]
fn a_solution_that_is_scored_in_part_is_not_called_free_of_errors() {
    let trace = one("trl", r#"{"prompt":"q","completions":["a","b"],"labels":[true,true]}"#);
    let called = |scores: &[Option<f64>]| {
        let mut trace = trace.clone();
        trace.solutions[0].scores = scores.into();
        let (_, loss) = written("markdown", &foreign(&trace), Policy::default());
        target("markdown").unwrap().writer.summary(&loss).contains("| of these, called free of errors | 100.0 % |")
    };
    assert!(called(&[Some(0.9), Some(0.8)]) && !called(&[Some(0.9), None]));
}

#[test]
fn reports_escape_what_would_break_them() {
    let trace = one("trl", r#"{"prompt":"|x| < `1` & <script>?","completions":["|a|\nb <i>","c"],"labels":[true,false]}"#);
    let report = |name: &str| String::from_utf8(written(name, &foreign(&trace), Policy::default()).0.concat()).unwrap();
    assert!(report("markdown").contains("| 1 | good | \\|a\\|<br>b &lt;i> |  |"), "{}", report("markdown"));
    assert!(report("html").contains("<li class=\"bad\">c</li>") && !report("html").contains("<script>"));
    let (_, loss) = written("html", &foreign(&trace), Policy::default());
    let summary = target("html").unwrap().writer.summary(&loss);
    assert!(summary.contains("<tr><td>with a first error</td><td>1</td></tr>"), "{summary}");
}

#[test]
fn reports_tell_how_well_recorded_scores_find_first_errors() {
    let mut loss = Loss::default();
    for (labels, scores) in
        [([true, false, true], [0.9, 0.2, 0.1]), ([true, true, false], [0.9, 0.2, 0.1]), ([true, true, true], [0.9, 0.5, 0.8])]
    {
        let record = json!({"prompt": "q", "completions": ["a", "b", "c"], "labels": labels}).to_string();
        let mut trace = one("trl", &record);
        trace.solutions[0].scores = scores.map(Some).into();
        let unit = LabelledTrace::new(&trace, foreign(&trace));
        target("markdown").unwrap().writer.write(&unit, &Policy::default(), &mut Vec::new(), &mut loss);
        // Logits are no shares: a half means nothing to them.
        trace.solutions[0].scores[0] = Some(4.5);
        let unit = LabelledTrace::new(&trace, foreign(&trace));
        target("markdown").unwrap().writer.write(&unit, &Policy::default(), &mut Vec::new(), &mut loss);
    }
    let summary = target("markdown").unwrap().writer.summary(&loss);
    for row in [
        "| solutions with an error | 2 |",
        "| of these, found exactly | 50.0 % |",
        "| named too early | 1 |",
        "| of these, called free of errors | 100.0 % |",
        "| F1 of both shares | 66.7 % |",
    ] {
        assert!(summary.contains(row), "{row}: {summary}");
    }
    assert!(!summary.contains("## Agreement"), "nobody else judged these");
}

#[test]
fn every_target_accounts_for_every_fixture() {
    let policy = Policy { unlabelled: Unlabelled::KeepUnset, ..with_glue("\n") };
    for source in FORMATS {
        let records = fixture(source.name());
        for trace in super::units(*source, &records).into_iter().filter_map(|unit| unit.trace) {
            for target in targets() {
                let (rows, loss) = written(target.name, &foreign(&trace), &policy);
                assert_eq!(loss.records, rows.len() as u64, "{} to {}", source.name(), target.name);
                assert_eq!(loss.read, trace.solutions.len() as u64, "{} to {}", source.name(), target.name);
                assert!(loss.written + loss.skipped.values().sum::<u64>() >= loss.read, "{} to {}", source.name(), target.name);
                if !matches!(target.writer.framing(), Framing::Text { .. }) {
                    assert!(rows.iter().all(|row| parse_json(row).is_ok()));
                }
                assert_eq!(written(target.name, &foreign(&trace), &policy).0, rows, "the same bytes every time");
            }
            assert!(!steps(&trace, 0).is_empty() || trace.solutions[0].leaf == NodeId::ROOT);
        }
    }
}
