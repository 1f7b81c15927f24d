//! The commands as scripts meet them: status, files that are left alone, what stands on standard output and error.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

use clap::CommandFactory;
use serde_json::{Value, json};
use stepscope::cli::Cli;

use super::support::Folder;

/// A folder with a file of traces, `in.jsonl`, whose first id is this one.
fn folder_with(id: &str) -> Folder {
    let folder = Folder::new();
    let row = |id: &str, label: i64| {
        json!({
            "id": id, "generator": "g", "problem": format!("{label}?"), "steps": ["1 + 1 = 2", "so 3"],
            "final_answer_correct": label < 0, "label": label,
        })
        .to_string()
    };
    std::fs::write(folder.path("in.jsonl"), format!("{}\n{}\n", row(id, 1), row("b", -1))).unwrap();
    folder
}

fn folder() -> Folder {
    folder_with("a")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs a command that has to end with this status, and gives what it says on standard error.
#[track_caller]
fn ends(folder: &Folder, status: i32, args: &[&str]) -> String {
    let output = folder.run(args);
    assert_eq!(output.status.code(), Some(status), "{args:?}: {}", said(&output));
    said(&output)
}

#[test]
fn a_file_that_is_named_for_the_cache_and_is_none_stays_as_it_is() {
    let folder = folder();
    let before = std::fs::read(folder.path("in.jsonl")).unwrap();
    for command in [["score", "in.jsonl", "-o", "out"].as_slice(), &["eval", "in.jsonl"]] {
        let error = ends(&folder, 1, &[command, &["--cache", "in.jsonl"]].concat());
        assert!(error.contains("in.jsonl is no score cache; it was not changed"), "{error}");
    }
    assert!(std::fs::read(folder.path("in.jsonl")).unwrap() == before && !folder.path("out.partial").exists());
}

#[test]
fn the_help_of_each_command_documents_its_json() {
    let fields = [
        ("score", "\"not_scored\""),
        ("eval", "\"mean_f1\""),
        ("best-of", "\"weighted\""),
        ("compare", "\"f1_difference\""),
        ("queue", "\"quantities\""),
        ("clusters", "\"tightness\""),
        ("review", "\"annotators\""),
        ("models", "\"semantics\""),
        ("info", "\"solution_steps\""),
    ];
    let mut program = Cli::command();
    let mut help = |path: &[&str]| {
        let command = path.iter().fold(&mut program, |command, name| command.find_subcommand_mut(name).unwrap());
        command.render_long_help().to_string()
    };
    for (name, field) in fields {
        assert!(help(&[name]).contains(field), "{name}: {field}");
    }
    assert!(help(&["store", "check"]).contains("\"fsync_ms_p50\""));
}

#[test]
fn a_store_that_is_named_has_to_be_there() {
    let folder = folder();
    for command in ["queue", "clusters"] {
        let error = ends(&folder, 1, &[command, "in.jsonl", "--store", "mira.bd"]);
        assert!(error.contains("there is no label store mira.bd"), "{error}");
        ends(&folder, 0, &[command, "in.jsonl"]);
    }
}

#[test]
fn names_that_are_no_text_are_names_all_the_same() {
    let folder = folder();
    let name = |bytes: &[u8]| OsStr::from_bytes(bytes).to_owned();
    let report = folder.command(&["store", "check", "--json", "--store"]).arg(name(b"st\xff.db")).output().unwrap();
    assert_eq!(report.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&report.stdout).unwrap();
    assert_eq!((&report["path"], &report["ok"]), (&json!("st\u{fffd}.db"), &json!(false)));
    let words =
        "export in.jsonl --to trl --neutral positive --after-error drop --unsure keep --unlabelled drop --test-share 50 -o";
    let exported = folder.command(&words.split(' ').collect::<Vec<_>>()).arg(name(b"t\xff.jsonl")).output().unwrap();
    assert!(exported.status.success(), "{}", said(&exported));
    for bytes in [&b"t\xff.jsonl"[..], b"t\xff.test.jsonl", b"t\xff.jsonl.manifest.json"] {
        assert!(folder.at().join(name(bytes)).is_file(), "{}", name(bytes).display());
    }
}

/// Waits for the end of a process, which has to come.
fn end(mut child: Child) -> Output {
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < Duration::from_secs(30), "it goes on");
        std::thread::sleep(Duration::from_millis(10));
    }
    child.wait_with_output().unwrap()
}

#[test]
fn a_signal_that_stops_a_command_is_its_end() {
    let folder = folder();
    let scorer = "touch begun; exec sleep 60";
    for (args, kept) in [
        (&["score", "in.jsonl", "-o", "out"][..], "run the same command again"),
        (&["eval", "in.jsonl"], "scores computed so far are kept in the cache"),
        (&["eval", "in.jsonl", "--no-cache"], "with --no-cache no score is kept"),
    ] {
        let _ = std::fs::remove_file(folder.path("begun"));
        let mut command = folder.command(&[args, &["--scorer-cmd", scorer]].concat());
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let begun = Instant::now();
        while !folder.path("begun").exists() {
            assert!(begun.elapsed() < Duration::from_secs(30), "{args:?} does not begin");
            std::thread::sleep(Duration::from_millis(10));
        }
        let process = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
        let output = end(child);
        assert_eq!(output.status.signal(), Some(2), "{args:?}: {}", said(&output));
        assert!(said(&output).contains(kept), "{args:?}: {}", said(&output));
    }
    assert!(!folder.path("out.partial").exists(), "nothing was written yet");
}

#[test]
fn an_identifier_forges_no_line() {
    let folder = folder_with("x\n   -  prod.jsonl:9.9  forged");
    let output = folder.run(&["queue", "in.jsonl"]);
    assert_eq!(printed(&output).lines().count(), 2, "{}", printed(&output));
    assert!(printed(&output).contains("x\\n   -  prod.jsonl:9.9  forged"), "{}", printed(&output));
}

#[test]
fn what_takes_one_model_refuses_two_as_wrong_usage() {
    let folder = folder();
    for args in [["--prm", "a", "--prm", "b"], ["--prm", "a", "--scorer-cmd", "b"], ["--scorer-cmd", "a", "--scorer-cmd", "b"]] {
        for command in ["eval", "queue", "clusters"] {
            ends(&folder, 2, &[&[command, "in.jsonl"], &args[..]].concat());
        }
    }
}

#[test]
fn the_names_of_filters_and_orders_are_json_when_asked_for() {
    let names: Value = serde_json::from_slice(&folder().run(&["queue", "--names", "--json"]).stdout).unwrap();
    let has = |list: &str, name: &str| names[list].as_array().unwrap().iter().any(|one| one["name"] == name);
    assert!(has("quantities", "first_prm") && has("orders", "convincing"), "{names:#}");
}

#[test]
fn settings_that_nobody_can_follow_are_told() {
    let folder = folder();
    let notes = |variable: &str, value: &str| {
        let output = folder.command(&["score", "in.jsonl", "-o", "out.jsonl", "--force"]).env(variable, value).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        said(&output).matches(&format!("note: {variable}")).count()
    };
    for value in ["abc", "-1", "0.00001"] {
        assert_eq!(notes("STEPSCOPE_UNPACKED_GIB", value), 1, "{value}");
    }
    assert_eq!(notes("STEPSCOPE_UNPACKED_GIB", "8"), 0);
    #[cfg(feature = "candle")]
    assert_eq!((notes("STEPSCOPE_CPU", "foo"), notes("STEPSCOPE_CPU", "avx2")), (1, 0));
}

#[test]
fn a_review_without_stores_says_what_is_missing() {
    let folder = folder();
    let error = ends(&folder, 1, &["review", "nofile.db", "--list"]);
    assert!(error.contains("nofile.db: no such file"), "{error}");
    let error = ends(&folder, 1, &["review", "in.jsonl", "--list"]);
    assert!(error.contains("none of the paths is a label store"), "{error}");
}

#[test]
fn a_reader_that_leaves_early_ends_the_session() {
    let folder = folder();
    let mut command = folder.command(&["in.jsonl", "--linear", "--no-prm"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    drop(child.stdin.take());
    let output = end(child);
    assert!(output.status.success() && !said(&output).contains("pipe"), "{}", said(&output));
}

#[test]
fn what_is_wrong_with_a_project_file_is_one_line() {
    let folder = folder();
    std::fs::write(folder.path("stepscope.toml"), "progress = true\nscope = 1\n").unwrap();
    let path = folder.path("in.jsonl").display().to_string();
    let error = ends(&folder, 1, &["queue", &path]);
    assert!(error.lines().count() == 1 && error.contains("stepscope.toml: line 2: "), "{error}");
}

#[test]
fn settings_that_nobody_knows_or_anybody_may_write_are_told_and_the_rest_counts() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = folder();
    let path = folder.path("in.jsonl").display().to_string();
    let told = |name: &str, text: &str, mode: u32| {
        let file = folder.path(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        let output = folder.run(&if name.contains("keys") { vec!["keys"] } else { vec!["queue", "--filter", "all", &path] });
        std::fs::remove_file(&file).unwrap();
        let said = said(&output);
        assert!(output.status.success() && !said.contains("hf_1234"), "{said}");
        (
            said.lines().map(|line| line.rsplit_once(&format!("{name}: ")).unwrap().1.to_owned()).collect::<Vec<_>>(),
            printed(&output),
        )
    };
    let project = "colour = 1\n\"hf-token\" = \"hf_1234\"\n[filters]\nall = \"len > 0\"\n";
    let (lines, _) = told("stepscope.toml", project, 0o600);
    let unknown = "left out, as nobody knows what it means: `colour`";
    let token = "left out, as a token is read from STEPSCOPE_SERVER_TOKEN alone: `hf-token`";
    assert_eq!(lines, [unknown, token]);
    let (lines, _) = told("stepscope.toml", project, 0o646);
    assert_eq!((lines.len(), &lines[1][..]), (3, unknown));
    assert!(lines[0].starts_with("anybody may write to this file; `chmod o-w ") && lines[2].contains("`chmod 600 "), "{lines:?}");
    let keys = "later-version = true\n[keys]\nlater = \"F4\"\n";
    for (mode, count) in [(0o644, 1), (0o666, 2)] {
        let (lines, table) = told("stepscope/keys.toml", keys, mode);
        assert!(lines.len() == count && lines[count - 1].ends_with("`later-version`"), "{lines:?}");
        assert!(table.lines().any(|line| line.contains("`F4`") && line.contains("later")), "{table}");
    }
}

#[test]
fn every_command_has_a_manual_page_and_what_is_hidden_is_offered_to_nobody() {
    let folder = folder();
    for (words, title) in [
        (&["man"][..], "stepscope"),
        (&["man", "info"], "stepscope-info"),
        (&["man", "models", "inspect"], "stepscope-models-inspect"),
    ] {
        let page = printed(&folder.run(words));
        assert!(page.lines().any(|line| line.starts_with(&format!(".TH {title} "))), "{page}");
    }
    ends(&folder, 1, &["man", "nothing"]);
    for shell in ["bash", "zsh", "fish"] {
        let script = printed(&folder.run(&["completions", shell]));
        assert!(script.contains("train-head") && script.contains("linear"), "{shell}");
        let offered = ["stepscope,worker)", "'worker:", "-a \"worker\"", "step features"];
        assert!(!offered.iter().any(|text| script.contains(text)), "{shell}");
    }
}
