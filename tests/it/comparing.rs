//! `stepscope export`, as the binary, where samples of one problem meet: pairs, corrections, rows that repeat, records that are refused.

use std::path::PathBuf;

use serde_json::{Value, json};
use stepscope::corpus::{Corpus, Source};
use stepscope::labels::{Action, Draft, Store};
use tempfile::TempDir;

use super::export::stepscope;

const LABELS: &str = "--neutral positive --after-error drop --unsure skip-trace";
const PAIRS: &str = "--neutral positive --after-error drop --unsure skip-trace --unlabelled drop --pairs all --glue |";

/// A folder with `in.jsonl` of these records.
fn folder(records: &[Value]) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("in.jsonl");
    let lines: Vec<_> = records.iter().map(Value::to_string).collect();
    std::fs::write(&path, lines.join("\n")).unwrap();
    (folder, path)
}

/// Exports `in.jsonl`: the rows, the manifest and what was said.
fn export(folder: &TempDir, arguments: &str) -> (Vec<Value>, Value, String) {
    let words = ["export", "in.jsonl", "--force", "-o", "out.jsonl"].into_iter().chain(arguments.split_whitespace());
    let output = stepscope(folder, &words.collect::<Vec<_>>());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let rows = read("out.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (rows, serde_json::from_str(&read("out.jsonl.manifest.json")).unwrap(), said)
}

fn sample(prompt: &str, steps: &[&str], labels: &[bool]) -> Value {
    json!({"prompt": prompt, "completions": steps, "labels": labels})
}

/// A record of PRM800K: a right step with a wrong and a right one beside it.
fn rated(problem: &str, check: bool, flagged: bool, reason: &str, first: &str) -> Value {
    let candidate = |text: &str, rating: i8, flagged: bool| json!({"text": text, "rating": rating, "flagged": flagged});
    let beside = [candidate(first, 1, flagged), candidate("bad beside", -1, false), candidate("good beside", 1, false)];
    json!({
        "labeler": "a1", "timestamp": "2024-05-02T10:00:00", "generation": 3,
        "is_quality_control_question": check, "is_initial_screening_question": false,
        "question": {"problem": problem, "ground_truth_answer": "14"},
        "label": {
            "steps": [{"completions": beside, "human_completion": null, "chosen_completion": 0}],
            "total_time": 1, "finish_reason": reason,
        },
    })
}

#[test]
fn samples_in_records_of_their_own_make_pairs_and_corrections() {
    // Those of one problem need not stand together.
    let samples = [("q", "b", false), ("other", "x", false), ("q", "c", true), ("q", "d", false)];
    let (folder, _) = folder(&samples.map(|(prompt, step, right)| sample(prompt, &["a", step], &[true, right])));
    let (rows, manifest, _) = export(&folder, &format!("--to trl-dpo {PAIRS}"));
    let row = |rejected: &str| json!({"prompt": "q|a|", "chosen": "c", "rejected": rejected});
    assert_eq!(rows, [row("b"), row("d")]);
    assert_eq!((&manifest["read"], &manifest["written"], &manifest["records"]), (&json!(4), &json!(3), &json!(2)));
    assert_eq!(manifest["skipped"], json!({"no step of it makes a pair": 1}));
    let (rows, manifest, _) = export(&folder, "--to corrections --unsure skip-trace");
    let told = rows.iter().map(|row| (row["wrong_step"].as_str().unwrap(), row["corrected_step"].as_str().unwrap()));
    assert_eq!(told.collect::<Vec<_>>(), [("b", "c"), ("d", "c")]);
    assert_eq!((&manifest["read"], &manifest["written"]), (&json!(4), &json!(2)));
}

#[test]
fn refused_records_leave_nothing_in_pairs_and_rows() {
    let kinds: [(bool, bool, &str, &str); 3] = [
        (true, false, "solution", "made to check annotators"),
        (false, false, "bad_problem", "cannot be labelled"),
        (false, true, "solution", "marked as unsure"),
    ];
    for (check, flagged, reason, why) in kinds {
        let (folder, _) = folder(&[rated("q", check, flagged, reason, "good one")]);
        for to in [format!("--to trl-dpo {PAIRS}"), format!("--to trl {LABELS} --alternatives explode-rows")] {
            let (rows, manifest, said) = export(&folder, &to);
            assert!(rows.is_empty() && said.contains(why), "{to}: {rows:?} {said}");
            assert_eq!((&manifest["written"], &manifest["records"]), (&json!(0), &json!(0)));
        }
        // Beside a record of the same problem that counts there is still no place for them.
        let file = [rated("q", check, flagged, reason, "good one"), sample_rated("q", "wrong one")];
        std::fs::write(folder.path().join("in.jsonl"), file.map(|record| record.to_string()).join("\n")).unwrap();
        let (rows, ..) = export(&folder, &format!("--to trl-dpo {PAIRS}"));
        assert!(rows.is_empty(), "{why}: {rows:?}");
        let (rows, ..) = export(&folder, "--to corrections --unsure skip-trace");
        assert!(rows.is_empty(), "{why}: {rows:?}");
    }
    let (folder, path) = folder(&[rated("q", false, false, "solution", "good one")]);
    let exploded = format!("--to trl {LABELS} --alternatives explode-rows");
    assert_eq!(export(&folder, &exploded).0.len(), 3);
    assert_eq!(export(&folder, &format!("--to trl-dpo {PAIRS}")).0.len(), 2);
    // Doubts of one's own count as those of the file do.
    let corpus = Corpus::open(Source::Path(path), None).unwrap();
    corpus.wait();
    let trace = corpus.unit(0).trace.unwrap();
    let record = trace.record_key(trace.solutions[0].leaf);
    for (name, action) in
        [("flag.db", Action::Flag { record, on: true }), ("bad.db", Action::BadProblem { record, reason: "vague".into() })]
    {
        let (mut store, _) = Store::open(&folder.path().join(name), "mira").unwrap();
        store.append(Draft::of(action)).unwrap();
        drop(store);
        for to in [exploded.clone(), format!("--to trl-dpo {PAIRS}")] {
            assert!(export(&folder, &format!("{to} --store {name} --as mira")).0.is_empty(), "{name}: {to}");
        }
    }
}

/// A record of PRM800K with one wrong step.
fn sample_rated(problem: &str, step: &str) -> Value {
    let mut record = rated(problem, false, false, "found_error", step);
    let completions = json!([{"text": step, "rating": -1, "flagged": null}]);
    record["label"]["steps"] = json!([{"completions": completions, "human_completion": null, "chosen_completion": null}]);
    record
}

#[test]
fn rows_of_a_problem_that_say_the_same_are_written_once() {
    // Samples that share a judged beginning, with another problem between them.
    let samples = [("q", "b", false), ("other", "x", true), ("q", "c", true)];
    let (folder, _) = folder(&samples.map(|(prompt, step, right)| sample(prompt, &["a", step], &[true, right])));
    let to = format!("--to ms-swift-cls {LABELS} --level step --glue |");
    let (rows, manifest, said) = export(&folder, &to);
    let user = |row: &Value| row["messages"][1]["content"].as_str().unwrap().to_owned();
    assert_eq!(rows.iter().map(user).collect::<Vec<_>>(), ["a", "b", "a", "x", "c"], "in the order of the file");
    assert_eq!((&manifest["repeated"], &manifest["records"]), (&json!(1), &json!(5)));
    assert!(said.contains("say the same"), "{said}");
    assert_eq!(export(&folder, &format!("{to} --repeats keep")).0.len(), 6);
    // Records that keep their format keep their bytes, however often they stand there.
    let twice = [sample("q", &["a"], &[true]), sample("q", &["a"], &[true])];
    std::fs::write(folder.path().join("in.jsonl"), twice.map(|record| record.to_string()).join("\n")).unwrap();
    assert_eq!(export(&folder, &format!("--to trl {LABELS}")).0.len(), 2);
}

#[test]
fn numbers_without_a_meaning_are_refused_and_decisions_without_effect_told() {
    let (folder, _) = folder(&[sample("q", &["a"], &[true])]);
    for (flag, expected) in [
        ("--min-gap=nan", "expected a number from 0 on"),
        ("--min-gap=-1", "expected a number from 0 on"),
        ("--min-gap=inf", "expected a number from 0 on"),
        ("--pairs-per-step=0", "expected a whole number from 1 on"),
    ] {
        let words: Vec<_> =
            ["export", "in.jsonl", "--to", "trl-dpo", "-o", "no.jsonl", flag].into_iter().chain(PAIRS.split(' ')).collect();
        let output = stepscope(&folder, &words);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && said.contains(expected), "{flag}: {said}");
    }
    let (.., said) = export(&folder, &format!("--to trl {LABELS} --min-gap .3 --pairs all"));
    assert!(said.contains("note: --pairs, --min-gap changes nothing in trl"), "{said}");
    let (.., said) = export(&folder, &format!("--to trl-dpo {PAIRS} --min-gap .3"));
    assert!(!said.contains("changes nothing"), "{said}");
}
