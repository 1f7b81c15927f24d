//! What labels become in exports: of one annotator and of several, chosen by filters, with their texts and what has no place.

use serde_json::{Value, json};
use stepscope::labels::{Action, Context, Draft, Saw, Scope, Store};
use stepscope::trace::{Rating, Writing};
use tempfile::TempDir;

use super::export::{LABELS, export, fixture, judge, merge, stepscope, units};

#[test]
fn labels_of_several_people_are_written_as_the_policy_says() {
    let folder = TempDir::new().unwrap();
    let lines = (0..4).map(|n| format!(r#"{{"prompt":"q{n}","completions":["a","b"],"labels":[true,true]}}"#));
    std::fs::write(folder.path().join("in.jsonl"), lines.collect::<Vec<_>>().join("\n")).unwrap();
    let source = folder.path().join("in.jsonl");
    judge(&folder.path().join("labels.db"), &source, "mira", &[Some(1), Some(1), None]);
    judge(&folder.path().join("labels.db"), &source, "noor", &[Some(1), Some(0)]);
    let export = |flags: &str, name: &str| {
        let output = export(&folder, &source, &format!("--to trl {LABELS} --store labels.db {flags} -o {name}"));
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    let (done, said) = export("", "asked.jsonl");
    assert!(!done && said.contains("mira, noor") && said.contains("--author each"), "{said}");
    let labels = |name: &str| -> Vec<(String, Value)> {
        let text = std::fs::read_to_string(folder.path().join(name)).unwrap();
        let records = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        records.map(|record| (record["prompt"].as_str().unwrap().to_owned(), record["labels"].clone())).collect()
    };
    let manifest = |name: &str| -> Value {
        serde_json::from_slice(&std::fs::read(folder.path().join(format!("{name}.manifest.json"))).unwrap()).unwrap()
    };
    let row = |prompt: &str, labels: Value| (prompt.to_owned(), labels);
    let (right, second, first) = (json!([true, true]), json!([true, false]), json!([false]));
    for (flags, expected) in [
        (
            "--as noor",
            vec![row("q0", second.clone()), row("q1", first.clone()), row("q2", right.clone()), row("q3", right.clone())],
        ),
        (
            "--author each",
            vec![
                row("q0", second.clone()),
                row("q0", second.clone()),
                row("q1", second.clone()),
                row("q1", first.clone()),
                row("q2", right.clone()),
                row("q3", right.clone()),
            ],
        ),
        ("--author consensus", vec![row("q0", second.clone()), row("q2", right.clone()), row("q3", right.clone())]),
        (
            "--author adjudicated --as noor",
            vec![row("q0", second.clone()), row("q1", first.clone()), row("q2", right.clone()), row("q3", right.clone())],
        ),
    ] {
        let name = format!("{}.jsonl", flags.replace([' ', '-'], ""));
        let (done, said) = export(flags, &name);
        assert!(done, "{said}");
        assert_eq!(labels(&name), expected, "{flags}");
        let manifest = manifest(&name);
        if flags.contains("author") {
            // Who adjudicates is none of those who may agree.
            let (solutions, same) = if flags.contains("adjudicated") { (0, 0) } else { (2, 1) };
            assert_eq!(manifest["agreement"], json!({"solutions": solutions, "same_first_error": same}), "{flags}");
        }
        let disagreed = u64::from(flags.ends_with("consensus"));
        assert_eq!(manifest["skipped"]["those who labelled it disagree"].as_u64().unwrap_or(0), disagreed, "{flags}");
    }
    // Every row of an archive names its author, and each keeps the steps as they cut them.
    merge(&folder, &source);
    let output = stepscope(
        &folder,
        &["export", "in.jsonl", "--to", "stepscope", "--author", "each", "--store", "labels.db", "-o", "all.jsonl"],
    );
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let archive = units(&folder.path().join("all.jsonl"));
    let authors: Vec<_> = archive.iter().flat_map(|trace| &trace.solutions).map(|solution| solution.annotator.clone()).collect();
    let named = |name: &str| authors.iter().filter(|author| author.as_deref() == Some(name)).count();
    assert_eq!((named("mira"), named("noor")), (3, 2), "{authors:?}: mira's first verdict follows the steps that she merged");
}

#[test]
fn an_adjudicator_has_the_last_word_over_stores_that_others_keep() {
    let folder = TempDir::new().unwrap();
    let source = folder.path().join("in.jsonl");
    let lines = (0..4).map(|n| format!(r#"{{"prompt":"q{n}","completions":["a","b"],"labels":[true,true]}}"#));
    std::fs::write(&source, lines.collect::<Vec<_>>().join("\n")).unwrap();
    for (who, verdicts) in
        [("mira", &[Some(1), Some(1), None, Some(0)][..]), ("ito", &[Some(1), Some(0), None]), ("lena", &[Some(0)])]
    {
        judge(&folder.path().join(format!("{who}.db")), &source, who, verdicts);
    }
    let run = |flags: &str| {
        let output = export(&folder, &source, &format!("--to trl {LABELS} --with mira.db --with ito.db {flags}"));
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    let (done, said) = run("--store lena.db --as lena -o no.jsonl");
    assert!(!done && said.contains("--author"), "whose labels are written is never guessed: {said}");
    let (done, said) = run("--store gone.db --as lena --author adjudicated -o no.jsonl");
    assert!(!done && said.contains("no label store gone.db"), "{said}");
    let (done, said) = run("--store lena.db --as lena --author adjudicated --force -o mira.db");
    assert!(!done && said.contains("label store"), "{said}");
    let rows = |name: &str| -> Vec<(String, Value)> {
        let text = std::fs::read_to_string(folder.path().join(name)).unwrap();
        let records = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        records.map(|record| (record["prompt"].as_str().unwrap().to_owned(), record["labels"].clone())).collect()
    };
    let row = |prompt: &str, labels: Value| (prompt.to_owned(), labels);
    // Without the adjudicator, what they do not agree on is left out; one voice alone agrees with itself.
    let (done, said) = run("--author consensus -o agreed.jsonl");
    assert!(done, "{said}");
    let agreed = [row("q2", json!([true, true])), row("q3", json!([false]))];
    assert_eq!(rows("agreed.jsonl"), [&[row("q0", json!([true, false]))], &agreed[..]].concat());
    let (done, said) = run("--store lena.db --as lena --author adjudicated -o decided.jsonl");
    assert!(done, "{said}");
    assert_eq!(rows("decided.jsonl"), [&[row("q0", json!([false]))], &agreed[..]].concat());
    let manifest = std::fs::read(folder.path().join("decided.jsonl.manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let store = |who: &str| json!({"path": format!("{who}.db"), "annotators": [who]});
    assert_eq!(manifest["stores"], json!([store("lena"), store("mira"), store("ito")]));
    assert_eq!(manifest["annotators"], json!(["ito", "lena", "mira"]));
    assert_eq!(manifest["skipped"]["those who labelled it disagree"], 1);
}

#[test]
fn a_filter_writes_just_what_was_judged() {
    let folder = TempDir::new().unwrap();
    let path = fixture("processbench.jsonl");
    // The two begin alike: a first error at their first step would be taken back by "all right" on the other one.
    judge(&folder.path().join("labels.db"), &path, "mira", &[Some(1), None]);
    judge(&folder.path().join("labels.db"), &path, "noor", &[Some(1)]);
    let written = |arguments: &str| {
        let output = export(&folder, &path, &format!("--to trl {LABELS} --store labels.db {arguments} --force -o out.jsonl"));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let manifest = std::fs::read(folder.path().join("out.jsonl.manifest.json")).unwrap();
        let manifest: Value = serde_json::from_slice(&manifest).unwrap();
        (manifest["written"].as_u64().unwrap(), manifest["filter"]["left_out"].as_u64())
    };
    // Of the four solutions one has no steps, and is nothing for this trainer.
    assert_eq!(written("--as mira"), (3, None));
    assert_eq!(written("--as mira --filter labelled"), (2, Some(2)));
    assert_eq!(written("--as noor --filter labelled"), (1, Some(3)));
    assert_eq!(written("--author each --filter labelled"), (3, Some(2)));
    let output = export(&folder, &path, &format!("--to trl {LABELS} --filter prm<.5 -o other.jsonl"));
    assert!(String::from_utf8(output.stderr).unwrap().contains("needs scores"));
}

#[test]
fn a_judgement_on_what_samples_share_is_one_row() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("in.jsonl");
    let lines = ["b", "c", "d"].map(|step| format!(r#"{{"prompt":"q?","response":"a\n\n{step}"}}"#));
    std::fs::write(&path, lines.join("\n")).unwrap();
    let (mut store, session) = Store::open(&folder.path().join("labels.db"), "mira").unwrap();
    let trace = &units(&path)[0];
    let step = trace.node(trace.solution_path(&trace.solutions[0])[0]).key;
    store.append(Draft::of(Action::Rate { step, rating: Some(Rating::Good) })).unwrap();
    drop((store, session));
    for (arguments, rows, repeated) in [("", 1, 2), ("--repeats keep", 3, 0)] {
        let output =
            export(&folder, &path, &format!("--to trl {LABELS} --store labels.db --as mira {arguments} --force -o out.jsonl"));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let manifest = std::fs::read(folder.path().join("out.jsonl.manifest.json")).unwrap();
        let manifest: Value = serde_json::from_slice(&manifest).unwrap();
        assert_eq!((manifest["records"].as_u64(), manifest["repeated"].as_u64()), (Some(rows), Some(repeated)));
        assert_eq!(std::fs::read_to_string(folder.path().join("out.jsonl")).unwrap().lines().count() as u64, rows);
    }
}

#[test]
fn a_bad_rating_is_the_first_error_where_it_ends_a_solution() {
    let folder = TempDir::new().unwrap();
    let path = fixture("processbench.jsonl");
    let trace = &units(&path)[0];
    let step = trace.node(trace.solution_path(&trace.solutions[0])[0]).key;
    // Two solutions begin with this step.
    for (scope, labelled) in [(None, 0), (Some(Scope::All), 0), (Some(Scope::FirstError), 2)] {
        let (mut store, _) = Store::open(&folder.path().join("labels.db"), "mira").unwrap();
        let saw = Saw { context: Context { scope, ..Context::default() }, ..Saw::default() };
        store.append(Draft::of(Action::Rate { step, rating: Some(Rating::Bad) }).saw(saw)).unwrap();
        drop(store);
        let arguments = "--to processbench --store labels.db --as mira --filter labelled --force -o out.jsonl";
        let output = export(&folder, &path, &format!("{arguments} {LABELS}"));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let lines = std::fs::read_to_string(folder.path().join("out.jsonl")).unwrap();
        assert_eq!(lines.lines().count(), labelled, "{scope:?}: {lines}");
        assert!(lines.is_empty() || lines.contains(r#""label": 0"#), "{lines}");
    }
}

#[test]
fn a_rating_of_one_step_makes_no_verdict_of_the_file_ones_own() {
    let folder = TempDir::new().unwrap();
    let path = fixture("processbench.jsonl");
    let trace = &units(&path)[0];
    let step = trace.node(trace.solution_path(&trace.solutions[0])[0]).key;
    let (mut store, _) = Store::open(&folder.path().join("labels.db"), "mira").unwrap();
    store.append(Draft::of(Action::Rate { step, rating: Some(Rating::Good) })).unwrap();
    drop(store);
    let rows = |arguments: &str| {
        let arguments = format!("--to csv --store labels.db --as mira {arguments} --force -o out.csv");
        let output = export(&folder, &path, &arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = std::fs::read_to_string(folder.path().join("out.csv")).unwrap();
        text.lines().skip(1).filter(|row| !row.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(rows("--filter labelled"), Vec::<String>::new());
    assert!(rows("--filter begun").len() > 1);
    let wrong: Vec<_> = rows("").into_iter().filter(|row| row.contains(",bad,-1,1,")).collect();
    assert!(!wrong.is_empty() && wrong.iter().all(|row| !row.contains("mira")), "{wrong:?}");
}

#[test]
fn notes_and_ends_have_cells_and_what_has_none_is_counted() {
    let folder = TempDir::new().unwrap();
    let path = fixture("processbench.jsonl");
    let (mut store, _) = Store::open(&folder.path().join("labels.db"), "mira").unwrap();
    let trace = &units(&path)[0];
    let solution = &trace.solutions[0];
    let (record, step) = (trace.record_key(solution.leaf), trace.node(trace.solution_path(solution)[2]).key);
    for (step, text) in [(Some(step), "units, mixed up"), (None, "on the whole")] {
        store.append(Draft::of(Action::Write { writing: Writing::Note, step, record, text: text.into() })).unwrap();
    }
    let lost = |to: &str, labels: &str| {
        let output = export(&folder, &path, &format!("--to {to} {labels} --store labels.db --as mira --force -o out"));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let said = String::from_utf8(output.stderr).unwrap();
        let lost = said.lines().find_map(|line| line.trim().strip_prefix("lost ")?.split_once(": critiques"));
        (lost.map_or(0, |(times, _)| times.parse::<u32>().unwrap()), std::fs::read_to_string(folder.path().join("out")).unwrap())
    };
    let (times, table) = lost("csv", "");
    assert!(times == 1 && table.contains(",\"units, mixed up\",,"), "{times} {table}");
    let (times, same) = lost("processbench", LABELS);
    let first = std::fs::read_to_string(&path).unwrap().lines().next().unwrap().to_owned();
    assert!(times == 2 && same.contains(&first), "the record stays as it is: {same}");
    assert_eq!(lost("trl", LABELS).0, 2);
    let (times, archive) = lost("stepscope", "");
    assert!(times == 0 && archive.contains("on the whole"), "{archive}");
    std::fs::write(folder.path().join("again.jsonl"), &archive).unwrap();
    let output = export(&folder, &folder.path().join("again.jsonl"), "--to stepscope --store labels.db --as mira --force -o out");
    assert!(output.status.success());
    store.append(Draft::of(Action::BadProblem { record, reason: "vague".into() })).unwrap();
    assert!(lost("csv", "").1.contains(",bad_problem,vague"), "{}", lost("csv", "").1);
}

#[test]
fn texts_that_prm800k_has_no_place_for_change_none_of_its_records() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("walks.jsonl");
    let position = |text: &str, rating: Option<i64>| json!({"completions": [{"text": text, "rating": rating, "flagged": null}], "human_completion": null, "chosen_completion": 0});
    let record = |problem: &str, steps: &[Value], more: Value| {
        let question = json!({"problem": problem, "ground_truth_answer": "1"});
        let mut record = json!({"labeler": "a1", "question": question, "label": {"steps": steps, "finish_reason": null}});
        if more.is_array() {
            record["question"]["pre_generated_steps"] = more;
            record["label"]["finish_reason"] = "found_error".into();
        }
        // Spaces that nobody writes anew.
        record.to_string().replace(':', " : ")
    };
    let lines = [
        record("without a verdict", &[position("a", Some(1)), position("b", None)], Value::Null),
        record("unrated before the error", &[position("a", None), position("b", Some(-1))], json!(["a", "b", "c"])),
        record("without an end", &[position("a", Some(1)), position("b", Some(-1))], Value::Null),
    ];
    std::fs::write(&path, lines.join("\n") + "\n").unwrap();
    let (mut store, _) = Store::open(&folder.path().join("labels.db"), "mira").unwrap();
    let mut write = |unit: usize, writing, step: Option<usize>, text: &str| {
        let trace = &units(&path)[unit];
        let solution = &trace.solutions[0];
        let step = step.map(|step| trace.node(trace.solution_path(solution)[step]).key);
        let record = trace.record_key(solution.leaf);
        store.append(Draft::of(Action::Write { writing, step, record, text: text.into() })).unwrap();
    };
    let written = || {
        let output = export(&folder, &path, &format!("--to prm800k {LABELS} --store labels.db --as mira --force -o out"));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let manifest: Value = serde_json::from_slice(&std::fs::read(folder.path().join("out.manifest.json")).unwrap()).unwrap();
        (std::fs::read_to_string(folder.path().join("out")).unwrap(), manifest)
    };
    write(0, Writing::Tags, None, "geometry");
    write(1, Writing::Note, Some(0), "see this");
    write(2, Writing::Critique, Some(1), "the sign");
    // Phase 1 has no place for a correction of its error.
    write(2, Writing::Correction, Some(1), "b, but right");
    let (out, manifest) = written();
    assert_eq!(out.lines().collect::<Vec<_>>(), lines);
    assert_eq!((&manifest["changed"], &manifest["lost"]["critiques, corrections and notes"]), (&json!(0), &json!(4)));
    // One that has its place makes another record of it.
    write(1, Writing::Correction, Some(1), "b, but right");
    let (out, manifest) = written();
    let position = &serde_json::from_str::<Value>(out.lines().nth(1).unwrap()).unwrap()["label"]["steps"][1];
    assert_eq!(position["human_completion"]["text"], "b, but right");
    assert_eq!((&manifest["changed"], &manifest["lost"]["critiques, corrections and notes"]), (&json!(1), &json!(4)));
}

#[test]
fn exports_tell_under_what_the_labels_were_given_and_how_long_they_took() {
    let folder = TempDir::new().unwrap();
    let path = fixture("processbench.jsonl");
    let (mut store, session) = Store::open(&folder.path().join("labels.db"), "mira").unwrap();
    let trace = &units(&path)[0];
    let action = session.first_error(trace, &trace.solutions[0], 0).unwrap();
    let context = Context { guideline: Some("v2".into()), ..Context::default() };
    let saw = Saw { prm: Some("scorer-1".into()), context, ..Saw::default() };
    store.append(Draft { saw, ms_spent: Some(2500), ..Draft::of(action) }).unwrap();
    drop((store, session));
    let read = |to: &str| {
        let output = export(&folder, &path, &format!("--to {to} --store labels.db --as mira {LABELS} --force -o out"));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
        let manifest: Value = serde_json::from_slice(&read("out.manifest.json")).unwrap();
        assert_eq!((&manifest["guidelines"], &manifest["prms"]), (&json!(["v2"]), &json!(["scorer-1"])));
        String::from_utf8(read("out")).unwrap()
    };
    let tasks: Value = serde_json::from_str(&read("label-studio")).unwrap();
    assert_eq!(tasks[0]["annotations"][0]["lead_time"], 2.5);
    assert_eq!(tasks[1]["annotations"][0]["lead_time"], Value::Null);
    let row: Value = serde_json::from_str(read("prm800k").lines().next().unwrap()).unwrap();
    assert_eq!(row["label"]["total_time"], 2500);
}

#[test]
fn reports_tell_how_far_people_agree() {
    let folder = TempDir::new().unwrap();
    let path = fixture("processbench.jsonl");
    judge(&folder.path().join("labels.db"), &path, "mira", &[Some(2), None]);
    judge(&folder.path().join("labels.db"), &path, "noor", &[Some(1), None]);
    let output = export(&folder, &path, "--to markdown --store labels.db --as mira --author each -o out.md");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report = std::fs::read_to_string(folder.path().join("out.md")).unwrap();
    for row in [
        "| judged here by several people | 2 |",
        "| of these, with the same first error of all | 1 |",
        // Steps 2 and 3 against none twice: 1 - (2/4) / (10/12).
        "| first errors, people here: alpha | 2 | 50.0 % | 0.400 |",
        "| first errors, here and in the source: kappa | 4 |",
    ] {
        assert!(report.contains(row), "{row}: {report}");
    }
}

#[test]
fn labels_from_before_a_merge_are_exported_with_the_steps_of_after_it() {
    let folder = TempDir::new().unwrap();
    let path = fixture("processbench.jsonl");
    judge(&folder.path().join("labels.db"), &path, "mira", &[Some(2)]);
    merge(&folder, &path);
    let output = export(&folder, &path, "--to processbench --store labels.db --as mira --unsure keep -o out.json");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let records: Value = serde_json::from_slice(&std::fs::read(folder.path().join("out.json")).unwrap()).unwrap();
    assert_eq!((records[0]["steps"].as_array().unwrap().len(), &records[0]["label"]), (2, &json!(1)));
}
