//! Exports of what several people said: what they agree on, what an adjudicator decides, which of it a filter chooses.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use stepscope::labels::{Action, Context, Draft, Saw, Session, Store};
use stepscope::trace::{Rating, RecordKey, Trace, Writing};
use tempfile::TempDir;

use super::export::{LABELS, judge, stepscope, units};

/// Problems `q0`, `q1`, ... of three steps each, without labels.
fn problems(folder: &TempDir, count: usize) -> PathBuf {
    let path = folder.path().join("in.jsonl");
    let line = |n| format!(r#"{{"prompt":"q{n}","completions":["a","b","c"],"labels":[true,true,true]}}"#);
    std::fs::write(&path, (0..count).map(line).collect::<Vec<_>>().join("\n")).unwrap();
    path
}

/// Lets somebody say something of a problem in a store of their own.
fn say(folder: &TempDir, who: &str, path: &Path, problem: usize, say: impl Fn(&Session, &Trace, RecordKey) -> Vec<Action>) {
    let (mut store, session) = Store::open(&folder.path().join(format!("{who}.db")), who).unwrap();
    let source = &units(path)[problem];
    let cut = session.recut(source);
    let trace = cut.as_ref().unwrap_or(source);
    for action in say(&session, trace, trace.record_key(trace.solutions[0].leaf)) {
        let context = Context { guideline: Some(format!("guideline of {who}")), ..Context::default() };
        store.append(Draft::of(action).saw(Saw { context, ..Saw::default() })).unwrap();
    }
}

fn wrong(session: &Session, trace: &Trace, step: usize) -> Action {
    session.first_error(trace, &trace.solutions[0], step).unwrap()
}

/// Exports to a file of this name; gives its records and its manifest.
fn export(folder: &TempDir, flags: &str) -> Result<(Vec<Value>, Value), String> {
    let words = format!("export in.jsonl {flags} --force -o out.jsonl");
    let output = stepscope(folder, &words.split_whitespace().collect::<Vec<_>>());
    let said = String::from_utf8(output.stderr).unwrap();
    if !output.status.success() {
        return Err(said);
    }
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let records = read("out.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    Ok((records, serde_json::from_str(&read("out.jsonl.manifest.json")).unwrap()))
}

#[test]
fn a_consensus_keeps_what_is_no_contradiction_and_names_everybody() {
    let folder = TempDir::new().unwrap();
    let path = problems(&folder, 3);
    let write = |record, text: &str| Action::Write { writing: Writing::Note, step: None, record, text: text.to_owned() };
    say(&folder, "Okafor, Mira", &path, 0, |session, trace, record| {
        let step = trace.node(trace.solution_path(&trace.solutions[0])[0]).key;
        vec![Action::Rate { step, rating: Some(Rating::Neutral) }, wrong(session, trace, 2), write(record, "from mira")]
    });
    say(&folder, "ito", &path, 0, |session, trace, record| vec![wrong(session, trace, 2), write(record, "from ito")]);
    say(&folder, "Okafor, Mira", &path, 1, |_, _, record| vec![Action::BadProblem { record, reason: String::new() }]);
    say(&folder, "ito", &path, 1, |_, _, record| vec![Action::GiveUp { record, reason: "hard".to_owned() }]);
    say(&folder, "ito", &path, 2, |_, _, record| vec![write(record, "a note alone")]);
    std::fs::rename(folder.path().join("Okafor, Mira.db"), folder.path().join("mira.db")).unwrap();
    let run =
        |to: &str| export(&folder, &format!("--to {to} --author consensus --with mira.db --with ito.db --as nobody")).unwrap();
    let (records, manifest) = run(&format!("trl {LABELS}"));
    assert_eq!(records[0]["labels"], json!([true, true, false]), "a neutral step is no disagreement");
    assert_eq!(records.len(), 2, "{records:?}");
    assert_eq!(manifest["skipped"]["those who labelled it disagree"], 1);
    assert_eq!(manifest["annotators"], json!(["Okafor, Mira", "ito"]));
    assert_eq!(manifest["guidelines"], json!(["guideline of Okafor, Mira", "guideline of ito"]));
    run("stepscope");
    let archive = std::fs::read_to_string(folder.path().join("out.jsonl")).unwrap();
    assert!(archive.contains(r"from mira\n\nfrom ito") && archive.contains("a note alone"), "{archive}");
}

#[test]
fn a_filter_asks_what_annotators_say_and_who_gets_what() {
    let folder = TempDir::new().unwrap();
    let path = problems(&folder, 6);
    let store = |who: &str| folder.path().join(format!("{who}.db"));
    judge(&store("mira"), &path, "mira", &[Some(1), Some(1), None]);
    judge(&store("ito"), &path, "ito", &[Some(2), Some(2), None]);
    judge(&store("lena"), &path, "lena", &[Some(0)]);
    let lena = format!("--to trl {LABELS} --store lena.db --as lena");
    let with = format!("{lena} --author adjudicated --with mira.db --with ito.db");
    let prompts = |flags: &str| -> Vec<String> {
        let (records, _) = export(&folder, flags).unwrap();
        records.iter().map(|record| record["prompt"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(prompts(&format!("{with} --filter disputed")), ["q0"]);
    let (_, manifest) = export(&folder, &format!("{with} --filter disputed")).unwrap();
    assert_eq!(manifest["skipped"]["those who labelled it disagree"], 1, "{manifest}");
    assert_eq!(manifest["agreement"], json!({"solutions": 2, "same_first_error": 0}));
    assert_eq!(manifest["filter"]["left_out"], 4);
    // What the filter leaves out is no disagreement.
    let (_, manifest) = export(&folder, &format!("{with} --filter !disputed")).unwrap();
    assert_eq!(manifest["skipped"], json!({}), "{manifest}");
    assert_eq!(manifest["agreement"], json!({"solutions": 1, "same_first_error": 1}));
    assert_eq!(prompts(&format!("{with} --filter judges>1")), ["q0", "q2"]);
    let [mine, others] = ["assigned", "!assigned"].map(|ask| prompts(&format!("{lena} --overlap 1@0%:lena,ito --filter {ask}")));
    assert_eq!(mine.len() + others.len(), 6);
    for (ask, word) in [("disputed", "--with"), ("assigned", "--overlap")] {
        let refused = export(&folder, &format!("{lena} --filter {ask}")).unwrap_err();
        assert!(refused.contains(word), "{refused}");
    }
}

#[test]
fn a_first_error_in_steps_that_are_cut_otherwise_is_another_one() {
    let folder = TempDir::new().unwrap();
    let path = problems(&folder, 1);
    say(&folder, "mira", &path, 0, |_, trace, record| {
        let mut starts = trace.own_starts(&trace.solutions[0]);
        starts.remove(1);
        vec![Action::Segment { record, starts }]
    });
    // Step 2 of the merged ones is step 3 of the file.
    say(&folder, "mira", &path, 0, |session, trace, _| vec![wrong(session, trace, 1)]);
    say(&folder, "ito", &path, 0, |session, trace, _| vec![wrong(session, trace, 1)]);
    let (_, manifest) =
        export(&folder, &format!("--to trl {LABELS} --author each --with mira.db --with ito.db --as nobody")).unwrap();
    assert_eq!(manifest["agreement"], json!({"solutions": 1, "same_first_error": 0}));
}

#[test]
fn a_file_under_two_paths_is_counted_once() {
    let folder = TempDir::new().unwrap();
    let path = problems(&folder, 3);
    std::fs::copy(&path, folder.path().join("again.jsonl")).unwrap();
    for (who, verdicts) in [("mira", [Some(1), Some(1), None]), ("ito", [Some(2), Some(1), None])] {
        judge(&folder.path().join(format!("{who}.db")), &path, who, &verdicts);
    }
    let run = |words: &str| {
        let output = stepscope(&folder, &words.split_whitespace().collect::<Vec<_>>());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let review = "review mira.db ito.db in.jsonl again.jsonl --as lena --store lena.db --json";
    let stats: Value = serde_json::from_str(&run(&format!("{review} --stats"))).unwrap();
    assert_eq!((&stats["solutions"], &stats["several"]), (&json!(3), &json!(3)));
    assert_eq!(run(review).lines().count(), 1);
    let each =
        format!("export in.jsonl again.jsonl --to trl {LABELS} --author each --with mira.db --with ito.db --as nobody --json");
    let manifest: Value = serde_json::from_str(&run(&format!("{each} -o each.jsonl"))).unwrap();
    assert_eq!(manifest["agreement"], json!({"solutions": 3, "same_first_error": 2}));
}

#[test]
fn two_people_of_one_name_are_told_apart_where_they_differ() {
    let folder = TempDir::new().unwrap();
    let path = problems(&folder, 3);
    for (store, verdicts) in [("a1.db", [Some(1), Some(1), None]), ("a2.db", [Some(2), None, None])] {
        judge(&folder.path().join(store), &path, "root", &verdicts);
    }
    let words = ["review", "a1.db", "a2.db", "in.jsonl", "--as", "lena", "--store", "lena.db", "--list", "--names"];
    let output = stepscope(&folder, &words);
    let (rows, said) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(said.contains("2 disagreements") && said.contains("root counts as root (a2.db)"), "{said}");
    assert_eq!(rows.lines().count(), 2, "{rows}");
    assert!(rows.contains("root (a2.db) first error 3"), "{rows}");
}
