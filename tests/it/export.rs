//! `stepscope export`, as the binary: files and manifests.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use stepscope::corpus::{Corpus, Source};
use stepscope::formats::{self, FORMATS};
use stepscope::labels::{Action, Draft, Session, Store};
use stepscope::trace::{Cut, Solution, Trace};
use tempfile::TempDir;

pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/formats").join(name)
}

/// Runs the binary in a folder of its own, without any store.
pub(crate) fn stepscope(folder: &TempDir, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stepscope"));
    command.args(arguments).current_dir(folder.path()).env("XDG_DATA_HOME", folder.path()).env("XDG_CACHE_HOME", folder.path());
    command.output().unwrap()
}

pub(crate) fn export(folder: &TempDir, source: &Path, arguments: &str) -> Output {
    let words = std::iter::once("export").chain(source.to_str()).chain(arguments.split_whitespace());
    stepscope(folder, &words.collect::<Vec<_>>())
}

pub(crate) const LABELS: &str = "--neutral positive --after-error drop --unlabelled drop --unsure keep";

#[test]
fn an_export_asks_for_the_decisions_that_matter_and_for_no_others() {
    let folder = TempDir::new().unwrap();
    let trl = fixture("trl.jsonl");
    let output = export(&folder, &trl, "--to trl-dpo --neutral positive -o out.jsonl");
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    for flag in ["--after-error (drop, keep-as-rated, force-negative)", "--unlabelled", "--unsure", "--pairs", "--glue"] {
        assert!(message.contains(flag), "{message}");
    }
    assert!(!message.contains("--neutral (") && !message.contains("--level"), "{message}");
    assert!(export(&folder, &trl, "--to stepscope -o archive.jsonl").status.success());
    assert!(folder.path().join("archive.jsonl").exists() && !folder.path().join("out.jsonl").exists());
}

#[test]
fn exports_are_the_same_bytes_every_time_and_tell_what_they_did() {
    let folder = TempDir::new().unwrap();
    let arguments = format!("--to llama-factory-dpo {LABELS} --pairs all --glue \\n");
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    for name in ["a.json", "b.json"] {
        let output = export(&folder, &fixture("prm800k.jsonl"), &format!("{arguments} -o {name}"));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(read("a.json"), read("b.json"));
    let manifest: Value = serde_json::from_slice(&read("a.json.manifest.json")).unwrap();
    assert_eq!(manifest["policy"]["glue"], "\n");
    assert_eq!(manifest["policy"]["pairs"], "all");
    assert_eq!(manifest["records"], read("a.json").split(|&byte| byte == b'\n').count() - 1);
    let entry: Value = serde_json::from_slice(&read("a.json.dataset_info.json")).unwrap();
    assert_eq!(entry["a"]["columns"]["chosen"], "chosen");
    assert_eq!(manifest["beside"][0]["path"], "a.json.dataset_info.json");
    // Nothing is replaced unless asked for, and no draft stays behind.
    assert!(!export(&folder, &fixture("prm800k.jsonl"), &format!("{arguments} -o a.json")).status.success());
    let left = std::fs::read_dir(folder.path())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().ends_with(".part"));
    assert_eq!(left.count(), 0);
}

#[test]
fn folders_and_standard_input_are_exported_like_files() {
    let folder = TempDir::new().unwrap();
    let shards = folder.path().join("shards");
    std::fs::create_dir(&shards).unwrap();
    for name in ["trl.jsonl", "processbench.jsonl"] {
        std::fs::copy(fixture(name), shards.join(name)).unwrap();
    }
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    let manifest = |name: &str| serde_json::from_slice::<Value>(&read(name)).unwrap();
    let output = export(&folder, &shards, "--to stepscope -o all.jsonl");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let sources = manifest("all.jsonl.manifest.json")["sources"].clone();
    let formats: Vec<_> = sources.as_array().unwrap().iter().map(|source| source["format"].clone()).collect();
    assert_eq!(formats, ["processbench", "trl"]);

    // A file of a folder that cannot be opened is named and left out.
    std::fs::write(shards.join("empty.jsonl"), "").unwrap();
    let output = export(&folder, &shards, "--to stepscope -o most.jsonl");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.contains("empty.jsonl: no records: the file is empty; left out"), "{said}");
    assert_eq!(read("most.jsonl"), read("all.jsonl"));
    assert_eq!(manifest("most.jsonl.manifest.json")["left_out_files"][0]["reason"], "no records: the file is empty");
    assert_eq!(export(&folder, &shards, "--to stepscope -o strict.jsonl --strict").status.code(), Some(3));
    assert!(!export(&folder, &shards.join("empty.jsonl"), "--to stepscope -o none.jsonl").status.success());

    let trl = shards.join("trl.jsonl");
    assert!(export(&folder, &trl, "--to stepscope -o one.jsonl").status.success());
    let output = Command::new(env!("CARGO_BIN_EXE_stepscope"))
        .args(["export", "-", "--to", "stepscope", "-o", "piped.jsonl"])
        .current_dir(folder.path())
        .env("XDG_DATA_HOME", folder.path())
        .stdin(std::fs::File::open(&trl).unwrap())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (one, piped) = (manifest("one.jsonl.manifest.json"), manifest("piped.jsonl.manifest.json"));
    assert_eq!(piped["sources"][0]["path"], "-");
    assert_eq!(piped["sources"][0]["sha256"], one["sources"][0]["sha256"]);
    assert_eq!((&piped["written"], &piped["records"]), (&one["written"], &one["records"]));

    // What is written must not be one of the files of the folder.
    let output = export(&folder, &shards, "--to stepscope --force -o shards/trl.jsonl");
    assert!(String::from_utf8_lossy(&output.stderr).contains("one of the sources"));
}

#[test]
fn the_table_of_formats_names_every_target() {
    let folder = TempDir::new().unwrap();
    let table = String::from_utf8(stepscope(&folder, &["formats"]).stdout).unwrap();
    let rows: Value = serde_json::from_slice(&stepscope(&folder, &["formats", "--json"]).stdout).unwrap();
    for target in stepscope::formats::targets() {
        assert_eq!(
            table.lines().filter(|line| line.split_whitespace().next() == Some(target.name)).count(),
            2,
            "{}",
            target.name
        );
        let row = rows.as_array().unwrap().iter().find(|row| row["name"] == target.name).unwrap();
        assert_eq!((row["write"].clone(), row["keeps"].as_object().unwrap().len()), (true.into(), 20));
    }
}

#[test]
fn the_table_of_losses_in_the_readme_is_that_of_the_targets() {
    let folder = TempDir::new().unwrap();
    let table = String::from_utf8(stepscope(&folder, &["formats", "--markdown"]).stdout).unwrap();
    for target in stepscope::formats::targets() {
        let name = format!("`{}`", target.name);
        let of = |row: &&str| row.split('|').nth(1).is_some_and(|names| names.split_whitespace().any(|n| n == name));
        assert_eq!(table.lines().filter(of).count(), 1, "{name}");
    }
    let readme = include_str!("../../README.md");
    assert!(readme.contains(&table), "README.md: replace the table of losses by the output of `stepscope formats --markdown`");
}

/// The solutions of a file, one trace a record.
pub(crate) fn units(path: &Path) -> Vec<Trace> {
    let corpus = Corpus::open(Source::Path(path.to_owned()), None).unwrap();
    corpus.wait();
    (0..corpus.unit_count()).filter_map(|unit| corpus.unit(unit).trace).collect()
}

pub(crate) fn texts(trace: &Trace, solution: &Solution) -> Vec<String> {
    trace.solution_path(solution).into_iter().map(|id| trace.node(id).text.clone()).collect()
}

/// Lets mira say something of the first solution of a file, in `labels.db`.
pub(crate) fn say(folder: &TempDir, path: &Path, say: impl Fn(&Session, &Trace) -> Action) {
    let (mut store, session) = Store::open(&folder.path().join("labels.db"), "mira").unwrap();
    let trace = &units(path)[0];
    let cut = session.recut(trace);
    let action = say(&session, cut.as_ref().unwrap_or(trace));
    store.append(Draft::of(action)).unwrap();
}

/// Merges the first two steps of the first solution of a file.
pub(crate) fn merge(folder: &TempDir, path: &Path) {
    say(folder, path, |_, trace| {
        let solution = &trace.solutions[0];
        let mut starts: Vec<Cut> = trace.own_starts(solution);
        starts.remove(1);
        Action::Segment { record: trace.record_key(solution.leaf), starts }
    });
}

#[test]
fn steps_that_were_merged_are_exported_as_they_stand_on_the_screen() {
    let folder = TempDir::new().unwrap();
    let read = |name: &str| String::from_utf8(std::fs::read(folder.path().join(name)).unwrap()).unwrap();
    let source = fixture("processbench.jsonl");
    let own = texts(&units(&source)[0], &units(&source)[0].solutions[0]);
    merge(&folder, &source);
    say(&folder, &source, |session, trace| session.first_error(trace, &trace.solutions[0], 0).unwrap());
    let merged: Vec<_> = std::iter::once(own[..2].join("\n")).chain(own[2..].iter().cloned()).collect();
    for target in stepscope::formats::targets() {
        let name = format!("{}.out", target.name);
        let policy = format!("{LABELS} --level step --values hard --pairs all --glue \\n --store labels.db --as mira");
        let output = export(&folder, &source, &format!("--to {} {policy} -o {name}", target.name));
        assert!(output.status.success(), "{}: {}", target.name, String::from_utf8_lossy(&output.stderr));
        let manifest: Value = serde_json::from_str(&read(&format!("{name}.manifest.json"))).unwrap();
        if manifest["records"] == 0 {
            continue; // Nothing of this file makes a record there.
        }
        assert_eq!(manifest["recut"], 1, "{}", target.name);
        let lost = &manifest["lost"]["steps as the source cuts them"];
        assert_eq!(*lost, if target.name == "stepscope" { Value::Null } else { 1.into() }, "{}", target.name);
    }
    let written = read("processbench.out");
    let records: Value = serde_json::from_str(&written).unwrap();
    assert_eq!((&records[0]["steps"], &records[0]["label"]), (&json!(merged), &json!(0)));
    let first: Value = serde_json::from_str(read("trl.out").lines().next().unwrap()).unwrap();
    assert_eq!((&first["completions"], &first["labels"]), (&json!(merged[..1]), &json!([false])));
    // Records whose steps are those of the source are copied as before.
    let lines = std::fs::read_to_string(&source).unwrap();
    assert!(lines.lines().skip(1).all(|line| written.contains(line)));
    // An archive holds both, and goes on holding both.
    let archive = folder.path().join("stepscope.out");
    let kept = |path: &Path| units(path)[0].solutions[0].extra["source_steps"].clone();
    assert_eq!(texts(&units(&archive)[0], &units(&archive)[0].solutions[0]), merged);
    assert_eq!(kept(&archive), own.iter().map(|text| json!({"text": text})).collect::<Value>());
    merge(&folder, &archive);
    let output = export(&folder, &archive, "--to stepscope --store labels.db --as mira -o again.jsonl");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(kept(&folder.path().join("again.jsonl")), kept(&archive));
    assert_eq!(
        texts(&units(&folder.path().join("again.jsonl"))[0], &units(&folder.path().join("again.jsonl"))[0].solutions[0]).len(),
        merged.len() - 1
    );
}

#[test]
fn solutions_are_cut_by_a_rule_where_they_are_read_and_where_they_are_exported() {
    let folder = TempDir::new().unwrap();
    let line = r#"{"prompt":"q","completions":["One is 1. Two is 2.","Three is 4."],"labels":[true,false]}"#;
    std::fs::write(folder.path().join("in.jsonl"), format!("{line}\n")).unwrap();
    let source = folder.path().join("in.jsonl");
    let counts = |flags: &[&str]| {
        let output = stepscope(&folder, &[&["info", "in.jsonl", "--json"], flags].concat());
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        report["files"][0]["steps"].clone()
    };
    assert_eq!(
        (counts(&[]), counts(&["--segment", "sentence"]), counts(&["--segment", "blank"])),
        (2.into(), 3.into(), 2.into())
    );
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert!(export(&folder, &source, &format!("--to trl {LABELS} --segment sentence -o cut.jsonl")).status.success());
    let record: Value = serde_json::from_str(&read("cut.jsonl")).unwrap();
    assert_eq!(record["completions"], json!(["One is 1.", "Two is 2.", "Three is 4."]));
    assert_eq!(record["labels"], json!([true, true, false]));
    let manifest: Value = serde_json::from_str(&read("cut.jsonl.manifest.json")).unwrap();
    assert_eq!(
        (&manifest["segment"], &manifest["recut"]),
        (&json!({"rule": "sentence", "version": stepscope::segment::VERSION}), &json!(1))
    );
    // A rule that changes nothing leaves the bytes alone.
    assert!(export(&folder, &source, &format!("--to trl {LABELS} --segment line -o same.jsonl")).status.success());
    assert_eq!(read("same.jsonl"), format!("{line}\n"));
    let scored = stepscope(&folder, &["score", "in.jsonl", "--segment", "sentence", "--out", "scored.jsonl"]);
    assert!(scored.status.success(), "{}", String::from_utf8_lossy(&scored.stderr));
    let scored: Value = serde_json::from_str(read("scored.jsonl").lines().next().unwrap()).unwrap();
    assert_eq!(scored["steps"].as_array().map(Vec::len), Some(3), "{scored}");
}

#[cfg(feature = "parquet")]
#[test]
fn a_data_set_for_the_hub_holds_the_same_records_parted_by_problem() {
    let folder = TempDir::new().unwrap();
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    let text = |name: &str| String::from_utf8(read(name)).unwrap();
    let source = fixture("prm800k.jsonl");
    let flags = format!("--to trl {LABELS} --alternatives explode-rows --test-share 50");
    let lines = |name: &str| text(name).lines().map(str::to_owned).collect::<Vec<_>>();
    assert!(export(&folder, &source, &format!("{flags} -o plain.jsonl")).status.success());
    for name in ["hub", "again"] {
        let output = export(&folder, &source, &format!("{flags} --hub --licence cc-by-4.0 -o {name}"));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let mut problems = Vec::new();
    for (table, plain) in [("train", "plain.jsonl"), ("test", "plain.test.jsonl")] {
        let table = format!("data/{table}-00000-of-00001.parquet");
        assert_eq!(read(&format!("hub/{table}")), read(&format!("again/{table}")), "the same bytes every time");
        let corpus = Corpus::open(Source::Path(folder.path().join("hub").join(table)), None).unwrap();
        corpus.wait();
        let rows: Vec<Value> =
            (0..corpus.record_count()).map(|row| serde_json::from_slice(&corpus.raw(row).unwrap()).unwrap()).collect();
        let expected: Vec<Value> = lines(plain).iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(rows, expected, "{plain}");
        assert!(!rows.is_empty());
        problems
            .push(rows.iter().map(|row| row["prompt"].as_str().unwrap().to_owned()).collect::<std::collections::BTreeSet<_>>());
    }
    assert!(problems[0].is_disjoint(&problems[1]), "no problem stands in both");
    let card = text("hub/README.md");
    let head = card.split("---\n").nth(1).unwrap();
    for line in [
        "license: cc-by-4.0",
        "  - split: test\n    path: data/test-*",
        "  - name: prompt\n    dtype: string\n  - name: completions\n    sequence: string\n  - name: labels\n    sequence: bool\n",
    ] {
        assert!(head.contains(line), "{line}\n{head}");
    }
    for row in ["| neutral | positive |", "## Sources", "| author | one |"] {
        assert!(card.contains(row), "{row}\n{card}");
    }
    let manifest: Value = serde_json::from_slice(&read("hub/manifest.json")).unwrap();
    let files: Vec<_> = manifest["files"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap()).collect();
    assert_eq!(files, ["hub/data/train-00000-of-00001.parquet", "hub/data/test-00000-of-00001.parquet"]);
    let output = export(&folder, &source, &format!("{flags} --hub -o hub"));
    assert!(String::from_utf8_lossy(&output.stderr).contains("exists; --force replaces it"));
    assert!(export(&folder, &source, &format!("{flags} --hub --force -o hub")).status.success());
    // A report is no table.
    let output = export(&folder, &source, "--to csv --hub -o table");
    assert!(String::from_utf8_lossy(&output.stderr).contains("no table of records"));
}

/// Lets somebody call the first error of the first solutions of a file, in a label store; `None` is "all right".
pub(crate) fn judge(store: &Path, path: &Path, who: &str, verdicts: &[Option<usize>]) {
    let (mut store, mut session) = Store::open(store, who).unwrap();
    for (trace, verdict) in units(path).iter().zip(verdicts) {
        let solution = &trace.solutions[0];
        let action = match verdict {
            Some(index) => session.first_error(trace, solution, *index).unwrap(),
            None => session.all_good(trace, solution),
        };
        let event = store.append(Draft::of(action)).unwrap();
        session.apply(&event);
    }
}

#[test]
fn an_archive_of_a_benchmark_goes_back_without_a_loss() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("in.jsonl");
    let record = r#"{"id":"1","generator":"g","problem":"p","steps":["a","b"],"final_answer_correct":false,"label":1}"#;
    std::fs::write(&path, record).unwrap();
    assert!(export(&folder, &path, "--to stepscope -o archive.jsonl").status.success());
    let archive = folder.path().join("archive.jsonl");
    let output = export(&folder, &archive, "--to processbench --unsure keep -o back.json");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && !said.contains("lost"), "{said}");
}

#[test]
fn what_is_called_lines_is_lines() {
    let folder = TempDir::new().unwrap();
    let source = fixture("processbench.jsonl");
    for (name, lines) in [("a.jsonl", true), ("a.ndjson", true), ("a.json", false)] {
        let output = export(&folder, &source, &format!("--to processbench --unsure keep -o {name}"));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let written = std::fs::read(folder.path().join(name)).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&written).is_err(), lines, "{name}");
        assert_eq!(units(&folder.path().join(name)).len(), units(&source).len());
        // Untouched records of a file of lines make the same file.
        assert_eq!(written == std::fs::read(&source).unwrap(), lines, "{name}");
    }
}

#[test]
fn untouched_files_come_back_byte_for_byte_in_every_format_that_goes_both_ways() {
    let folder = TempDir::new().unwrap();
    let policy = "--neutral stop-before --after-error drop --unlabelled drop --unsure skip-trace --values hard --glue \\n";
    let both = FORMATS.iter().map(|format| format.name()).filter(|name| formats::target(name).is_some());
    let mut seen = 0;
    for name in both {
        let source = fixture(&format!("{name}.jsonl"));
        let again = |from: &Path, out: &str| {
            let output = export(&folder, from, &format!("--to {name} {policy} -o {out}"));
            assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
            std::fs::read_to_string(folder.path().join(out)).unwrap()
        };
        let (before, after) = (std::fs::read_to_string(&source).unwrap(), again(&source, &format!("{name}.jsonl")));
        if name == "mm-prm" {
            // Its trees become processes, which are what is written under this name.
            assert!(after.contains("<prm>"), "{after}");
        } else if name == "stepscope" {
            // Lines of trees that stand between each other are put together; each is the same line, and nothing moves again.
            let sorted = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
            assert_eq!(sorted(&before), sorted(&after));
            assert_eq!(again(&folder.path().join("stepscope.jsonl"), "again.jsonl"), after);
        } else {
            // TRL's labels are true and false, also in a record that came with 1 and 0.
            assert!(before.replace(r#""labels": [1]}"#, r#""labels": [true]}"#) == after || before == after, "{name}");
        }
        seen += 1;
    }
    assert_eq!(seen, 10);
}

#[test]
fn a_byte_order_mark_in_the_middle_of_a_file_stays_behind_and_is_counted() {
    let folder = TempDir::new().unwrap();
    let source = folder.path().join("joined.jsonl");
    let part = std::fs::read(fixture("processbench.jsonl")).unwrap();
    std::fs::write(&source, [part.as_slice(), b"\xef\xbb\xbf", &part].concat()).unwrap();
    for (name, expected) in [("a.jsonl", Some(part.repeat(2))), ("a.json", None)] {
        let output = export(&folder, &source, &format!("--to processbench --unsure keep -o {name}"));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let written = std::fs::read(folder.path().join(name)).unwrap();
        if let Some(expected) = expected {
            assert!(written == expected);
        } else {
            let written: Value = serde_json::from_slice(&written).unwrap();
            assert_eq!(written.as_array().unwrap().len(), units(&source).len());
        }
        let manifest = std::fs::read(folder.path().join(format!("{name}.manifest.json"))).unwrap();
        let manifest: Value = serde_json::from_slice(&manifest).unwrap();
        assert_eq!(manifest["lost"]["byte order marks before records"], 1);
    }
}
