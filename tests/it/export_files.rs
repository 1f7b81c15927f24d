//! `stepscope export`, as the binary: the files that it writes, leaves and refuses.

use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};
use stepscope::corpus::{Corpus, Source};
use tempfile::TempDir;

use super::export::{fixture, stepscope};

const LABELS: &str = "--neutral positive --after-error drop --unlabelled drop --unsure keep";

/// Exports a file of this content.
fn export(folder: &TempDir, content: &str, arguments: &str) -> Output {
    std::fs::write(folder.path().join("in.jsonl"), content).unwrap();
    stepscope(folder, &std::iter::once("export").chain(["in.jsonl"]).chain(arguments.split_whitespace()).collect::<Vec<_>>())
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn json_of(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Problems with a right and a wrong second step, as rows of TRL.
fn rows(problems: usize) -> String {
    let row = |n: usize| {
        ["b", "c"].map(|step| {
            json!({"prompt": format!("q{n}?"), "completions": ["a", step], "labels": [true, step == "b"]}).to_string()
        })
    };
    (0..problems).flat_map(row).collect::<Vec<_>>().join("\n")
}

/// A tree with a right and a wrong step for each problem.
fn trees(problems: usize) -> String {
    let tree = |n: usize| {
        [
            json!({"tree": n, "id": 0, "problem": format!("q{n}?")}),
            json!({"tree": n, "id": 1, "parent": 0, "text": "right", "rating": 1}),
            json!({"tree": n, "id": 2, "parent": 0, "text": "wrong", "rating": -1}),
        ]
        .map(|line| line.to_string())
    };
    (0..problems).flat_map(tree).collect::<Vec<_>>().join("\n")
}

#[test]
fn names_that_no_export_can_have_are_refused() {
    let folder = TempDir::new().unwrap();
    for (out, message) in [
        ("nowhere/x.jsonl", "there is no folder nowhere"),
        ("x.jsonl.gz", "leave .gz away"),
        ("x.jsonl.zst", "leave .zst away"),
        ("x.jsonl.bz2", "leave .bz2 away"),
    ] {
        let output = export(&folder, &rows(1), &format!("--to csv -o {out}"));
        assert!(!output.status.success() && said(&output).contains(message), "{out}: {}", said(&output));
    }
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().filter(|entry| entry.as_ref().unwrap().file_name() != "in.jsonl").count(),
        0
    );
}

#[test]
fn the_manifest_says_what_parted_the_steps() {
    let folder = TempDir::new().unwrap();
    let parted = |seps: [&str; 3]| {
        let mut lines = vec![json!({"tree": "t", "id": 0, "problem": "q?"})];
        for (at, sep) in seps.iter().enumerate() {
            lines.push(json!({"tree": "t", "id": at + 1, "parent": at, "text": format!("step {at}"), "sep": sep, "rating": 1}));
        }
        lines[3]["first_error"] = json!("none");
        lines.iter().map(|line| line.to_string() + "\n").collect::<String>()
    };
    let manifest = |content: &str, to: &str| {
        let output = export(&folder, content, &format!("--to {to} {LABELS} --force -o out.jsonl"));
        assert!(output.status.success(), "{}", said(&output));
        json_of(&folder.path().join("out.jsonl.manifest.json"))["step_separator"].clone()
    };
    // What stands behind the last step parts nothing.
    let found = manifest(&parted(["\n\n", "\n\n", "\n"]), "trl");
    assert_eq!(found, json!({"choice": "\n\n", "found": {"\n\n": 2}}));
    assert_eq!(manifest(&parted(["", "", ""]), "trl"), json!({"choice": "\n", "found": {}}), "the trainer's own");
    // A text that parts no more than half of them is the separator of none.
    assert_eq!(manifest(&parted([" # ", "\n\n", ""]), "trl")["choice"], "\n");
    assert_eq!(manifest(&parted(["", "\n\n", ""]), "trl")["choice"], "\n", "where nothing is told counts, too");
    assert_eq!(manifest(&parted(["\n\n", "\n\n", ""]), "qwen-prm"), Value::Null, "records that hold their separators");
}

#[test]
fn records_set_apart_before_are_not_trained_on_now() {
    let folder = TempDir::new().unwrap();
    let test = folder.path().join("out.test.jsonl");
    let run = |flags: &str| export(&folder, &rows(20), &format!("--to trl {LABELS} -o out.jsonl {flags}"));
    let lines = |path: &Path| std::fs::read_to_string(path).unwrap().lines().count();
    assert!(run("--test-share 50").status.success());
    assert!(lines(&test) > 0);
    assert!(run("--force").status.success());
    assert!(!test.exists(), "its problems are in the other file now");
    assert_eq!(lines(&folder.path().join("out.jsonl")), 40);
    // A file of that name that no export wrote is none of its business, and a changed one is nothing to throw away.
    std::fs::write(&test, "mine").unwrap();
    assert!(run("--force").status.success() && test.exists());
    assert!(run("--force --test-share 50").status.success());
    std::fs::write(&test, "mine").unwrap();
    let output = run("--force");
    assert!(!output.status.success() && said(&output).contains("was changed since"), "{}", said(&output));
    assert_eq!(std::fs::read_to_string(&test).unwrap(), "mine");
}

#[test]
fn entries_for_llama_factory_name_every_file() {
    let folder = TempDir::new().unwrap();
    let policy = format!("--to llama-factory-dpo {LABELS} --pairs all --glue \\n --test-share 50");
    let output = export(&folder, &trees(20), &format!("{policy} -o lf.v1.jsonl"));
    assert!(output.status.success(), "{}", said(&output));
    let exists = |within: &Path, entries: &Value, name: &str| {
        let file = entries[name]["file_name"].as_str().unwrap().to_owned();
        assert!(within.join(&file).is_file(), "{file}");
    };
    let entries = json_of(&folder.path().join("lf.v1.jsonl.dataset_info.json"));
    for name in ["lf.v1", "lf.v1.test"] {
        exists(folder.path(), &entries, name);
    }
    if cfg!(feature = "parquet") {
        let output = export(&folder, &trees(20), &format!("{policy} --hub -o hub"));
        assert!(output.status.success(), "{}", said(&output));
        let hub = folder.path().join("hub");
        let entries = json_of(&hub.join("data.jsonl.dataset_info.json"));
        for name in ["data", "data.test"] {
            exists(&hub, &entries, name);
        }
    }
}

#[cfg(feature = "parquet")]
#[test]
fn the_hub_takes_records_that_are_json_for_python_alone() {
    let folder = TempDir::new().unwrap();
    let odd = r#"{"prompt":"Q?","completions":["a \ud83d b"],"labels":[true]}
{"prompt":"Q2?","completions":["a"],"labels":[1],"score":NaN}"#;
    let output = export(&folder, odd, &format!("--to trl {LABELS} --hub -o hub"));
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("lost 1: characters that were no text"), "{}", said(&output));
    let corpus = Corpus::open(Source::Path(folder.path().join("hub/data/train-00000-of-00001.parquet")), None).unwrap();
    corpus.wait();
    let rows: Vec<Value> = (0..2).map(|row| serde_json::from_slice(&corpus.raw(row).unwrap()).unwrap()).collect();
    assert_eq!((&rows[0]["completions"][0], &rows[1]["labels"]), (&json!("a \u{fffd} b"), &json!([true])));
    // What makes no table leaves no folder.
    let mixed = r#"{"prompt":"Q?","completions":["a"],"labels":[true],"x":1}
{"prompt":"Q2?","completions":["a"],"labels":[true],"x":"y"}"#;
    let output = export(&folder, mixed, &format!("--to trl {LABELS} --hub -o deep/hub"));
    assert!(!output.status.success() && !folder.path().join("deep").exists(), "{}", said(&output));
}

#[test]
fn every_task_of_label_studio_has_all_steps_of_the_configuration() {
    let folder = TempDir::new().unwrap();
    let content = r#"{"prompt":"long?","completions":["a","b","c"],"labels":[true,true,false]}
{"prompt":"short?","completions":["a"],"labels":[true]}"#;
    let policy = "--to label-studio --test-share 50";
    for out in ["tasks.json", "tasks.jsonl"] {
        let output = export(&folder, content, &format!("{policy} -o {out}"));
        assert!(output.status.success(), "{}", said(&output));
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        let (kind, ending) = out.split_once('.').unwrap();
        let text = [read(out), read(&format!("{kind}.test.{ending}"))].concat();
        let steps = |step: usize| text.matches(&format!("\"step_{step}\":")).count();
        assert_eq!((steps(0), steps(1), steps(2), steps(3)), (2, 2, 2, 0), "{text}");
        assert!(text.contains(r#""step_2":"""#));
        let configuration = read(&format!("{out}.config.xml"));
        assert!(configuration.contains("$step_2") && !configuration.contains("$step_3"));
        if ending == "json" {
            let tasks = [json_of(&folder.path().join(out)), json_of(&folder.path().join("tasks.test.json"))];
            assert_eq!(tasks.iter().map(|tasks| tasks.as_array().unwrap().len()).sum::<usize>(), 2);
        }
    }
}

#[test]
fn a_table_counts_the_texts_and_solutions_that_have_no_row() {
    let folder = TempDir::new().unwrap();
    let content = r#"{"prompt":"q?","completions":["a","b"],"labels":[true,false]}
{"prompt":"empty?","completions":[],"labels":[]}"#;
    let output = export(&folder, content, "--to csv -o out.csv");
    for line in ["with 1 of 2 solutions", "left out 1: a solution without steps has no row", "lost 1: texts of problems"] {
        assert!(said(&output).contains(line), "{}", said(&output));
    }
}

#[test]
fn files_of_mixed_spellings_become_one_column() {
    let folder = TempDir::new().unwrap();
    let content = r#"{"prompt":"q?","completions":["a","b"],"labels":[1,0]}
{"prompt":"q2?","completions":["a"],"labels":[true]}"#;
    assert!(export(&folder, content, &format!("--to trl {LABELS} -o out.jsonl")).status.success());
    let written = std::fs::read_to_string(folder.path().join("out.jsonl")).unwrap();
    assert_eq!(written, content.replace("[1,0]", "[true,false]") + "\n");
}

#[test]
fn an_archive_gives_corrections_back() {
    use stepscope::labels::{Action, Draft, Store};
    use stepscope::trace::Writing;
    let folder = TempDir::new().unwrap();
    let content = r#"{"prompt":"q?","completions":["a","b"],"labels":[true,false]}"#;
    std::fs::write(folder.path().join("in.jsonl"), content).unwrap();
    let (mut store, _) = Store::open(&folder.path().join("labels.db"), "mira").unwrap();
    let corpus = Corpus::open(Source::Path(folder.path().join("in.jsonl")), None).unwrap();
    corpus.wait();
    let trace = corpus.unit(0).trace.unwrap();
    let (record, step) = (trace.record_key(trace.solutions[0].leaf), trace.node(trace.solution_path(&trace.solutions[0])[1]).key);
    let text = "c, rather".to_owned();
    store.append(Draft::of(Action::Write { writing: Writing::Correction, step: Some(step), record, text })).unwrap();
    drop(store);
    assert!(export(&folder, content, "--to stepscope --store labels.db --as mira -o archive.jsonl").status.success());
    for (target, policy) in [("corrections", ""), ("trl-dpo", "--pairs correction --glue \\n"), ("csv", "")] {
        let words = format!("export archive.jsonl --to {target} {LABELS} {policy} -o {target}.out");
        let output = stepscope(&folder, &words.split_whitespace().collect::<Vec<_>>());
        assert!(output.status.success(), "{}", said(&output));
        assert!(std::fs::read_to_string(folder.path().join(format!("{target}.out"))).unwrap().contains("c, rather"), "{target}");
    }
}

#[test]
fn a_tree_of_mm_prm_becomes_a_list_of_processes() {
    let folder = TempDir::new().unwrap();
    let tree = std::fs::read_to_string(fixture("mm-prm.jsonl")).unwrap();
    assert!(export(&folder, &tree, "--to mm-prm -o out.json").status.success());
    let written = json_of(&folder.path().join("out.json"));
    assert!(written.as_array().unwrap().iter().all(|record| record["labels"].is_array()), "{written}");
    // They are read under the name under which they were written.
    let corpus = Corpus::open(Source::Path(folder.path().join("out.json")), None).unwrap();
    corpus.wait();
    assert_eq!(corpus.format().name(), "mm-prm");
}

/// A path of so many steps, each with an estimate.
fn chain(steps: usize) -> String {
    let step = |n: usize| json!({"tree": "t", "id": n, "parent": n - 1, "text": format!("s{n}"), "mc": 0.5}).to_string();
    std::iter::once(json!({"tree": "t", "id": 0, "problem": "q?"}).to_string())
        .chain((1..=steps).map(step))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn trees_that_would_nest_deeper_than_they_are_read_are_refused() {
    let folder = TempDir::new().unwrap();
    let output = export(&folder, &chain(62), "--to openr -o deep.jsonl");
    assert!(said(&output).contains("1 record of openr written"), "{}", said(&output));
    let read = Corpus::open(Source::Path(folder.path().join("deep.jsonl")), None).unwrap();
    read.wait();
    assert_eq!(read.unit(0).trace.unwrap().nodes.len(), 63);
    for steps in [63, 20_000] {
        let output = export(&folder, &chain(steps), "--to openr --force -o deep.jsonl");
        let said = said(&output);
        assert!(said.contains("more than 62 steps on a path") && said.contains("openr-flat"), "{said}");
    }
}
