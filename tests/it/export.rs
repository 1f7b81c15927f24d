//! `stepscope export`, as the binary: files and manifests.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
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

fn export(folder: &TempDir, source: &Path, arguments: &str) -> Output {
    let words = std::iter::once("export").chain(source.to_str()).chain(arguments.split_whitespace());
    stepscope(folder, &words.collect::<Vec<_>>())
}

const LABELS: &str = "--neutral positive --after-error drop --unlabelled drop --unsure keep";

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
        assert_eq!((row["write"].clone(), row["keeps"].as_object().unwrap().len()), (true.into(), 19));
    }
}
