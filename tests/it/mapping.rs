//! Files of no known format, read by what their user says of their keys.

use std::path::Path;
use std::process::{Command, Output};

use proptest::prelude::*;
use serde_json::{Value, json};
use stepscope::formats::mapping::{self, KEYS, Spec, propose};
use stepscope::formats::{RawRecord, detect, parse_json};
use stepscope::trace::FirstError::{self, At, NoError, Unknown};
use stepscope::trace::{Outcome, StepKind, Trace};

fn read(spec: &str, record: &Value) -> Result<Trace, String> {
    let spec: Spec = spec.parse().unwrap_or_else(|error| panic!("{spec}: {error}"));
    let bytes = record.to_string();
    let format = mapping::format(spec).unwrap();
    let trace = format.read(&RawRecord { index: 0, line: 1, bytes: bytes.as_bytes() }).map_err(|error| error.to_string())?;
    // Problems are found by the same text that is shown.
    assert_eq!(format.problem_hash(bytes.as_bytes()).is_some(), !trace.problem.text.is_empty());
    Ok(trace)
}

fn steps(trace: &Trace) -> Vec<&str> {
    trace.steps().map(|id| trace.node(id).text.as_str()).collect()
}

#[test]
fn steps_are_a_list_a_list_of_objects_or_a_text() {
    for (spec, record) in [
        ("problem=q,steps=s", json!({"q": "?", "s": ["a", "b"]})),
        ("problem=task.q,steps=chain.text", json!({"task": {"q": "?"}, "chain": [{"text": "a"}, {"text": "b"}]})),
        ("problem=q,steps=s.*.0", json!({"q": "?", "s": [["a"], ["b"]]})),
        ("problem=q,steps=runs.1.s", json!({"q": "?", "runs": [{}, {"s": ["a", "b"]}]})),
        ("problem=q,steps=a.b", json!({"q": "?", "a.b": ["a", "b"]})),
        ("problem=q,steps=s", json!({"q": "?", "s": "a\nb"})),
        // A cell of a table.
        ("problem=q,steps=s", json!({"q": "?", "s": "[\"a\", \"b\"]"})),
        ("steps=s,split=blank", json!({"s": "a\n\nb"})),
    ] {
        let trace = read(spec, &record).unwrap();
        assert_eq!(steps(&trace), ["a", "b"], "{spec}");
        assert_eq!(trace.problem.text, if spec.contains("problem") { "?" } else { "" });
    }
    let error = read("problem=q,steps=chain", &json!({"q": "?", "chain": [{"text": "a"}]})).unwrap_err();
    assert!(error.contains("chain[0]: expected a string, found an object"), "{error}");
}

#[test]
fn the_text_of_the_states_of_a_search_is_chosen_like_that_of_steps() {
    let state = |id: u64, plan: &str, board: &str| json!({"id": id, "data": {"plan": plan, "board": {"text": board}}});
    let edge =
        |id: u64, to: u64, action: &str| json!({"id": id, "source": id, "target": to, "data": {"Q": 0.5, "action": action}});
    let (nodes, edges) = (
        json!({"0": {"id": 0, "data": {"goal": "c on d"}}, "1": state(1, "lift a", "a up"), "2": state(2, "put a", "a on b")}),
        json!({"0": edge(0, 1, "lift"), "1": edge(1, 2, "put")}),
    );
    let log = json!({"logs": [{"nodes": nodes, "edges": edges}]});
    let record = log.to_string();
    let record = RawRecord { index: 0, line: 1, bytes: record.as_bytes() };
    let by_itself = stepscope::formats::by_name("tree-log").unwrap().read(&record).unwrap();
    assert_eq!(steps(&by_itself), ["lift", "put"]);
    let note = "states hold several texts (`action`, `plan`): --map steps=NAME says which is the step";
    assert_eq!(by_itself.warnings, [note]);
    for (spec, expected) in [
        ("steps=plan", ["lift a", "put a"]),
        ("steps=board.text", ["a up", "a on b"]),
        ("steps=action", ["lift", "put"]),
        // What no state holds says nothing.
        ("steps=board.none", ["lift", "put"]),
    ] {
        let spec: Spec = spec.parse().unwrap();
        let trace = mapping::preview(&spec, record.bytes).unwrap();
        assert_eq!((steps(&trace), trace.problem.text.as_str()), (expected.to_vec(), "c on d"), "{spec:?}");
        assert_eq!(mapping::format(spec).unwrap().read(&record).unwrap(), trace);
        assert!(trace.warnings.is_empty(), "{:?}", trace.warnings);
    }
}

#[test]
fn labels_mean_what_their_type_or_their_user_says() {
    let label = |said: &str, label: Value| -> Result<FirstError, String> {
        read(&format!("problem=q,steps=s,label=l{said}"), &json!({"q": "?", "s": ["a", "b", "c"], "l": label}))
            .map(|trace| trace.solutions[0].first_error)
    };
    for (said, value, expected) in [
        ("", json!(1), At(1)),
        ("", json!(-1), NoError),
        ("", json!(null), Unknown),
        ("", json!("2"), At(2)),
        (",base=1", json!(1), At(0)),
        (",base=1,none=0", json!(0), NoError),
        (",none=N/A", json!("N/A"), NoError),
        (",none=null", json!(null), NoError),
        ("", json!([true, false, true]), At(1)),
        ("", json!([true, null, false]), Unknown),
        ("", json!(["+", "+", "+"]), NoError),
        (",as=correct", json!([1, 0, 0]), At(1)),
        (",as=ratings", json!([1, 0, -1]), At(2)),
        (",as=errors,base=1", json!([3, 2]), At(1)),
        (",as=errors", json!([]), NoError),
        (",as=errors", json!([9]), Unknown),
    ] {
        assert_eq!(label(said, value.clone()), Ok(expected), "{said} {value}");
    }
    for (said, value, expected) in [
        ("", json!(3), "l: expected a step from 0 to 2, or -1 for no error, found 3"),
        (",base=1", json!(0), "expected a step from 1 to 3"),
        // 1, 0, 1 could be ratings, indices or judgements: nobody guesses.
        ("", json!([1, 0, 1]), "say `as=correct`, `as=ratings` or `as=errors` for numbers"),
        ("", json!([true]), "expected 3 labels for 3 steps, found 1"),
        (",as=ratings", json!([1, 2, 0]), "l[1]: expected -1, 0, 1 or null, found 2"),
    ] {
        let error = label(said, value.clone()).unwrap_err();
        assert!(error.contains(expected), "{said} {value}: {error}");
    }
}

#[test]
fn the_other_parts_are_read_and_what_nobody_named_is_kept() {
    let spec = "problem=q,steps=s,kind=code,scores=p,answer=a,outcome=ok,reference=gold,solution=sol,id=n,generator=m.name";
    let record = json!({"q": "?", "s": ["a", "b"], "p": [0.5, null], "a": 3, "ok": "wrong", "gold": "4", "sol": "s", "n": 7,
                        "m": {"name": "toy", "size": 1}, "more": [1]});
    let trace = read(spec, &record).unwrap();
    let solution = &trace.solutions[0];
    assert_eq!(solution.scores, [Some(0.5), None]);
    assert_eq!((solution.final_answer.as_deref(), solution.outcome), (Some("3"), Outcome::Wrong));
    assert_eq!((solution.source_id.as_deref(), solution.generator.as_deref()), (Some("7"), Some("toy")));
    assert_eq!(trace.problem.reference_answer.as_deref(), Some("4"));
    assert_eq!(trace.problem.reference_solution.as_deref(), Some("s"));
    assert!(trace.steps().all(|id| trace.node(id).kind == StepKind::Code));
    assert_eq!(Value::Object(solution.extra.clone()), json!({"m": {"name": "toy", "size": 1}, "more": [1]}));
    let error = read("problem=q,steps=s,scores=p", &json!({"q": "?", "s": ["a"], "p": [1.5]})).unwrap_err();
    assert!(error.contains("p[0]: expected a number from 0 to 1, found 1.5"), "{error}");
}

#[test]
fn what_is_wrong_with_a_mapping_is_said() {
    for (text, expected) in [
        ("problem", "expected KEY=VALUE, found `problem`"),
        ("problem=q", "a mapping needs `steps=PATH`"),
        ("steps=s,lable=l", "no key `lable` in a mapping; there are problem, solutions, steps, split"),
        ("steps=s,label=l,base=2", "base: expected 0 or 1, found `2`"),
        ("steps=s,label=l,as=index", "as: expected first-error, errors, correct or ratings, found `index`"),
        (
            "steps=s,split=words",
            "split: expected auto, blank, line, numbered, sentence, thought, tag, length or more as for --segment",
        ),
        ("steps=s,kind=maths", "kind: expected text, thought, code or tool"),
    ] {
        let error = text.parse::<Spec>().unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
    let error = Spec::from_toml("steps = \"s\"\n# a comment\nlabel = l\n").unwrap_err().to_string();
    assert_eq!(error, "line 3: expected `key = \"value\"`, found `label = l`");
}

#[test]
fn an_unknown_file_says_how_to_map_its_keys() {
    let record =
        parse_json(br#"{"uid":"7","task":{"question":"3*4+2?"},"chain":[{"text":"12"},{"text":"15"}],"first_error":1}"#).unwrap();
    let message = detect(std::slice::from_ref(&record)).err().unwrap().to_string();
    let proposal = "problem=task.question,steps=chain.text,label=first_error,base=0,id=uid";
    assert!(message.contains(&format!("`--map {proposal}` (base: no record tells whether")), "{message}");
    assert!(message.contains("the keys \"uid\", \"task\""), "{message}");
    assert_eq!(propose(std::slice::from_ref(&record)).spec.to_string(), proposal);
    let trace = read(proposal, &record).unwrap();
    assert_eq!((trace.problem.text.as_str(), trace.solutions[0].first_error), ("3*4+2?", At(1)));
    // A key without a telling name, beside others that have one.
    let bare = parse_json(br#"{"uid":"7","t":{"q":"1+1?"},"chain":[{"text":"2"}],"gold":"2"}"#).unwrap();
    assert_eq!(propose(&[bare]).spec.to_string(), "problem=t.q,steps=chain.text,reference=gold,id=uid");
    let nothing = detect(&[parse_json(br#"{"x":1}"#).unwrap()]).err().unwrap().to_string();
    assert!(nothing.contains("`--map problem=KEY,steps=KEY,label=KEY,base=0`"), "{nothing}");
}

/// The records of a text, the mapping that is proposed for them, and what it leaves open.
fn proposed(text: &str) -> (Vec<Value>, String, Vec<&'static str>) {
    let records: Vec<Value> = text.lines().map(|line| parse_json(line.as_bytes()).unwrap()).collect();
    let proposal = propose(&records);
    (records, proposal.spec.to_string(), proposal.open.iter().map(|(key, _)| *key).collect())
}

#[test]
fn a_proposal_counts_as_the_labels_of_all_sampled_records_do() {
    for (label, said, open) in [
        // The last step is named: labels count from 1.
        (&["1", "2", "3", "null"][..], "base=1", &["none"][..]),
        (&["null", "1", "3"], "base=1", &["none"]),
        // The first one is: they count from 0.
        (&["0", "2", "-1"], "base=0", &[]),
        (&["1", "2", "-1"], "base=0", &["base"]),
        (&["0", "3", "1"], "base=1,none=0", &[]),
        (&["\"N/A\"", "3"], "base=1,none=N/A", &[]),
        (&["[true, false, true]"], "as=correct", &[]),
        (&["[1, 0, 1]", "[1, 1, 1]"], "as=correct", &[]),
        (&["[1, 0, 1]", "[1, 0, -1]"], "as=ratings", &[]),
        (&["[3]", "[]", "[1, 2]"], "as=errors,base=1", &[]),
        (&["[0]", "[]", "[1, 2]"], "as=errors,base=0", &[]),
    ] {
        let record = |label: &&str| format!("{{\"q\":\"Q?\",\"chain\":[\"a\",\"b\",\"c\"],\"label\":{label}}}\n");
        let (records, proposal, left) = proposed(&label.iter().map(record).collect::<String>());
        assert_eq!(proposal, sorted(&format!("problem=q,steps=chain,label=label,{said}")), "{label:?}");
        assert_eq!(left, open, "{label:?}");
        for record in &records {
            read(&proposal, record).unwrap();
        }
    }
}

/// A mapping with its keys in their order.
fn sorted(spec: &str) -> String {
    spec.parse::<Spec>().unwrap().to_string()
}

#[test]
fn a_proposal_reads_the_records_it_was_made_of() {
    for (text, expected) in [
        // Labels in the steps, scores that are called labels, steps that only one rule cuts so.
        (
            r#"{"problem":"P","steps":[{"text":"a","label":1},{"text":"b","label":0}]}"#,
            "problem=problem,steps=steps.text,label=steps.label,as=correct",
        ),
        (r#"{"problem":"P","steps":["a","b"],"labels":[0.9,0.2]}"#, "problem=problem,steps=steps,scores=labels"),
        (
            r#"{"problem":"P","solution_text":"x","response":"a\nb\n\nc","step_labels":[1,1,0]}"#,
            "problem=problem,steps=response,split=line,label=step_labels,as=correct",
        ),
        (
            r#"{"prompt":[{"role":"user","content":"Q?"}],"completion":[{"role":"assistant","content":"One.\n\nTwo."}]}"#,
            "problem=prompt.0.content,steps=completion.0.content",
        ),
        // Several solutions are never the steps of one.
        (
            r#"{"prompt":"Q?","outputs":[{"index":0,"text":"One.\n\nTwo."},{"index":1,"text":"Three."}]}"#,
            "problem=prompt,solutions=outputs,steps=outputs.text",
        ),
        (
            r#"{"question":"Q?","samples":[{"text":"One.","correct":true},{"text":"Three.","correct":false}],"answer":"14"}"#,
            "problem=question,solutions=samples,steps=samples.text,outcome=samples.correct,reference=answer",
        ),
        (
            r#"{"question":"Q","responses":[{"response":"a\n\nb","correct":true},{"response":"c","correct":false}]}"#,
            "problem=question,solutions=responses,steps=responses.response,outcome=responses.correct",
        ),
        (
            r#"{"problem":"P","answer":"14","completions":["a\n\nb","c\n\nd"],"scores":[0.9,0.2]}"#,
            "problem=problem,solutions=completions,steps=completions,reference=answer",
        ),
        (
            r#"{"question":"P","answers":["3","3.0"],"candidates":["a\n\nb","c\n\nd"],"step_scores":[[0.9,0.8],[0.2,0.1]]}"#,
            "problem=question,solutions=candidates,steps=candidates,scores=step_scores",
        ),
        (
            r#"{"prompt":"Q","generated_text":["a","c"],"reward":[1,0]}"#,
            "problem=prompt,solutions=generated_text,steps=generated_text",
        ),
        (r#"{"q":"Q","completions":["a","b"],"labels":[true,false]}"#, "problem=q,steps=completions,label=labels,as=correct"),
    ] {
        let (records, proposal, open) = proposed(text);
        assert_eq!((proposal.as_str(), open.as_slice()), (sorted(expected).as_str(), &[][..]), "{text}");
        read(&proposal, &records[0]).unwrap();
    }
}

#[test]
fn a_list_with_an_entry_for_each_step_that_a_format_does_not_read_is_asked_about() {
    for (text, map) in [
        (r#"{"problem":"P","response":"a\nb\nc","step_labels":[1,1,0]}"#, "steps=response,label=step_labels,as=correct"),
        (r#"{"question":"P","response":"a\n\nb","step_rewards":[0.9,0.2]}"#, "steps=response,scores=step_rewards"),
        (
            r#"{"question":"P","responses":["a\n\nb","c\n\nd"],"scores":[[0.9,0.8],[0.2,0.1]]}"#,
            "solutions=responses,steps=responses,scores=scores",
        ),
        (
            r#"{"messages":[{"role":"user","content":"Q"},{"role":"assistant","content":"a<extra_0>b<extra_0>"}],"labels":[1,0]}"#,
            "problem=messages.0.content,steps=messages.1.content,label=labels,as=correct",
        ),
        (
            r#"{"conversations":[{"from":"human","value":"Q"},{"from":"gpt","value":"Step 1: a\n\nStep 2: b"}],"label":[1,0]}"#,
            "problem=conversations.0.value,steps=conversations.1.value,label=label,as=correct",
        ),
    ] {
        let record = parse_json(text.as_bytes()).unwrap();
        let message = detect(std::slice::from_ref(&record)).err().unwrap().to_string();
        assert!(message.contains(map), "{message}");
    }
    // Who says that it is this format hears of it.
    let bytes = br#"{"problem":"P","response":"a\n\nb","step_labels":[1,0]}"#;
    let record = RawRecord { index: 0, line: 1, bytes };
    let trace = stepscope::formats::by_name("responses").unwrap().read(&record).unwrap();
    assert_eq!(trace.warnings, ["`step_labels` has an entry for each step and is not read: --map says what it means"]);
}

#[test]
fn several_solutions_stand_in_a_list_or_in_lists_side_by_side() {
    let spec = "problem=q,solutions=runs,steps=runs.s,label=runs.bad,scores=runs.p,id=n,generator=by,outcome=ok";
    let record = json!({"q": "?", "n": 7, "by": "m", "ok": [true, false], "more": 1,
        "runs": [{"s": ["a", "b"], "bad": -1, "p": [0.9, 0.8]}, {"s": "a\n\nc", "bad": 1, "p": [0.9, 0.1], "seed": 3}]});
    let trace = read(spec, &record).unwrap();
    assert_eq!(steps(&trace), ["a", "b", "c"]);
    let of = |index: usize| {
        let solution = &trace.solutions[index];
        (solution.source_id.as_deref(), solution.first_error, solution.outcome, solution.scores.as_slice())
    };
    assert_eq!(of(0), (Some("7-0"), NoError, Outcome::Correct, &[Some(0.9), Some(0.8)][..]));
    assert_eq!(of(1), (Some("7-1"), At(1), Outcome::Wrong, &[Some(0.9), Some(0.1)][..]));
    assert_eq!(Value::Object(trace.solutions[1].extra.clone()), json!({"seed": 3}));
    assert_eq!((trace.extra["more"].as_i64(), trace.solutions[0].generator.as_deref()), (Some(1), Some("m")));
    for (spec, record, expected) in [
        (
            "steps=r.s,solutions=r",
            json!({"r": [{"s": ["a"]}, {"s": 3}]}),
            "r[1].s: expected a list of strings or a text, found 3",
        ),
        (
            "steps=r,solutions=r,scores=p",
            json!({"r": ["a", "b"], "p": [[0.1]]}),
            "p: expected 2 entries for 2 solutions, found 1",
        ),
        ("steps=r,solutions=r,scores=p", json!({"r": ["a", "b"], "p": [[0.1], [2]]}), "p[1][0]: expected a number from 0 to 1"),
        (
            "steps=r,solutions=r,label=l",
            json!({"r": ["a", "b"], "l": 1}),
            "l: expected a list with one entry a solution, found 1",
        ),
        ("steps=r,solutions=r", json!({"s": ["a"]}), "r: expected a list of solutions, found no such field"),
    ] {
        let error = read(spec, &record).unwrap_err();
        assert!(error.contains(expected), "{spec}: {error}");
    }
}

fn stepscope(config: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stepscope")).env("XDG_CONFIG_HOME", config).args(args).output().unwrap()
}

#[test]
fn a_mapping_is_used_saved_and_used_again() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("odd.jsonl");
    std::fs::write(&file, "{\"q\":\"1+1?\",\"s\":[\"2\",\"3\"],\"bad\":2}\n{\"q\":\"1+1?\",\"s\":[\"2\"],\"bad\":null}\n")
        .unwrap();
    let file = file.to_str().unwrap();
    let text = |output: &Output| String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned();
    let unknown = text(&stepscope(dir.path(), &["info", file]));
    assert!(unknown.contains("`--map problem=q,steps=s`"), "{unknown}");
    let first = stepscope(dir.path(), &["info", file, "--map", "problem=q,steps=s,label=bad,base=1", "--save-map", "odd-1"]);
    assert!(first.status.success() && text(&first).contains("2 records, 2 solutions, 3 steps, 1 labelled"), "{}", text(&first));
    let saved = std::fs::read_to_string(dir.path().join("stepscope/maps/odd-1.toml")).unwrap();
    assert_eq!(saved, "problem = \"q\"\nsteps = \"s\"\nlabel = \"bad\"\nbase = \"1\"\n");
    let again = stepscope(dir.path(), &["info", file, "--map", "@odd-1"]);
    assert_eq!(text(&again), text(&first));
    for (map, expected) in
        [("@none", "no mapping `none`"), ("@../x", "expected a name of letters"), ("steps", "expected KEY=VALUE")]
    {
        let output = stepscope(dir.path(), &["info", file, "--map", map]);
        assert!(output.status.code() == Some(1) && text(&output).contains(expected), "{map}: {}", text(&output));
    }
    assert!(text(&stepscope(dir.path(), &["info", file, "--map", "@none"])).contains("there are odd-1"));
    assert_eq!(stepscope(dir.path(), &["info", file, "--map", "@odd-1", "--format", "trl"]).status.code(), Some(2));
}

#[test]
fn what_was_answered_on_the_screen_holds_for_every_command() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("odd.jsonl");
    std::fs::write(&file, "{\"q\":\"1+1?\",\"s\":[\"2\",\"3\"],\"bad\":2}\n").unwrap();
    // Where the dialog leaves it.
    let name = {
        use sha2::{Digest as _, Sha256};
        let digest = Sha256::digest(std::fs::canonicalize(&file).unwrap().as_os_str().as_encoded_bytes());
        let name = digest.iter().take(8).fold(0_u64, |name, &byte| name << 8 | u64::from(byte));
        format!("{name:016x}")
    };
    let kept = dir.path().join("stepscope/maps/files");
    std::fs::create_dir_all(&kept).unwrap();
    std::fs::write(kept.join(format!("{name}.toml")), "problem = \"q\"\nsteps = \"s\"\nlabel = \"bad\"\nbase = \"1\"\n").unwrap();
    let run = |args: &[&str]| {
        let output = stepscope(dir.path(), &[args, &[file.to_str().unwrap()]].concat());
        String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
    };
    let info = run(&["info"]);
    assert!(info.contains("1 labelled") && info.contains("as its keys were mapped before (problem = \"q\""), "{info}");
    assert!(run(&["queue", "--filter", "error == 2", "--json"]).contains("\"problem\":1"));
    let out = dir.path().join("out.csv");
    let written = run(&["export", "--to", "csv", "--unsure", "keep", "-o", out.to_str().unwrap()]);
    assert!(out.exists(), "{written}");
    assert!(run(&["info", "--map", "ask"]).contains("no known format"));
}

proptest! {
    #[test]
    fn mappings_come_back_from_their_lines(values in proptest::collection::vec((0..KEYS.len(), "[a-z.\"\\\\#= é]{1,8}"), 0..6)) {
        let mut spec = Spec::default();
        for (key, value) in values {
            spec.set(KEYS[key].0, &value).unwrap();
        }
        prop_assert_eq!(Spec::from_toml(&spec.to_toml()).unwrap(), spec);
    }

    #[test]
    fn proposals_and_mappings_do_not_panic(text in ".{0,60}", record in "\\PC{0,80}") {
        let _ = text.parse::<Spec>();
        let _ = Spec::from_toml(&text);
        if let Ok(value) = parse_json(record.as_bytes()) {
            let _ = propose(&[value]);
        }
    }
}

mod dialog {
    use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use stepscope::app::mapping::{Answer, Dialog};
    use stepscope::trace::FirstError::At;
    use stepscope::ui::look::Look;
    use stepscope::ui::view_mapping;

    const RECORDS: [&str; 2] = [
        r#"{"q":"3*4+2?","chain":[{"text":"3*4=12"},{"text":"12+2=\u001b[31m15"}],"wrong":2}"#,
        r#"{"q":"2*2?","chain":[{"text":"4"}],"wrong":null}"#,
    ];

    fn dialog(records: &[&str]) -> Dialog {
        let records = records.iter().map(|record| record.as_bytes().to_vec()).collect();
        Dialog::new("odd.jsonl".to_owned(), records, Look::detect(|_| None))
    }

    /// Types a text, with `<` for backspace, newline for Enter and `^` for Esc.
    fn typed(dialog: &mut Dialog, text: &str) -> Option<Answer> {
        text.chars().fold(None, |answer, c| {
            let code = match c {
                '<' => KeyCode::Backspace,
                '\n' => KeyCode::Enter,
                '^' => KeyCode::Esc,
                c => KeyCode::Char(c),
            };
            answer.or(dialog.update(&Event::Key(KeyEvent::new(code, KeyModifiers::NONE))))
        })
    }

    fn screen(dialog: &Dialog, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| view_mapping(dialog, frame)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn rows_change_what_the_first_record_becomes() {
        let mut dialog = dialog(&RECORDS);
        assert_eq!(dialog.spec.to_string(), "problem=q,steps=chain.text");
        assert!(dialog.preview.is_ok());
        // Down to the label, through the paths to the last one, and on to a base of 1.
        assert_eq!(typed(&mut dialog, "jjjjjhjjll"), None);
        assert_eq!(dialog.spec.to_string(), "problem=q,steps=chain.text,label=wrong,base=1");
        assert_eq!(dialog.preview.as_ref().unwrap().solutions[0].first_error, At(1));
        let shown = screen(&dialog, 100, 20);
        for text in [
            "odd.jsonl",
            "label",
            "wrong",
            "problem  3*4+2?",
            "verdict  first error at step 2",
            "2 x 12+2=",
            "record 1 of 2",
            "base: number of the first step",
        ] {
            assert!(shown.contains(text), "{text}:\n{shown}");
        }
        assert!(!shown.contains('\u{1b}'));
        typed(&mut dialog, "n");
        assert!(screen(&dialog, 100, 20).contains("record 2 of 2"));
        assert!(matches!(typed(&mut dialog, "\n"), Some(Answer::Open { save: None, .. })));
    }

    #[test]
    fn values_are_typed_and_a_mapping_that_reads_nothing_is_not_taken() {
        let mut dialog = dialog(&RECORDS);
        assert_eq!(typed(&mut dialog, "jje<<<<<<<<<<nothing\n"), None);
        assert_eq!(dialog.spec.get("steps"), Some("nothing"));
        assert_eq!(typed(&mut dialog, "\n"), None);
        assert!(screen(&dialog, 80, 12).contains("nothing: expected a list"), "{}", screen(&dialog, 80, 12));
        assert_eq!(typed(&mut dialog, "<"), None);
        assert!(dialog.preview.as_ref().unwrap_err().contains("a mapping needs `steps=PATH`"));
        typed(&mut dialog, "echain.text\n");
        let answer = typed(&mut dialog, "sodd\n");
        assert!(matches!(answer, Some(Answer::Open { save: Some(name), .. }) if name == "odd"));
        assert_eq!(typed(&mut dialog, "sx^^"), Some(Answer::LeaveOut));
    }

    #[test]
    fn every_size_and_every_record_can_be_drawn() {
        for records in [&RECORDS[..], &["oops"], &[], &["[1]"]] {
            let mut dialog = dialog(records);
            for (width, height) in [(1, 1), (20, 4), (40, 12), (69, 9), (70, 24), (200, 60)] {
                screen(&dialog, width, height);
            }
            typed(&mut dialog, "jlhkjjjjjjjjjjjjjjjjjlnNe<s^");
        }
    }
}
