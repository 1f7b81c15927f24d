//! The program without a screen: what a screen reader hears, over a pipe.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use stepscope::app::Place;
use stepscope::labels::Store;

/// What the program says to these keys, typed into a pipe.
fn said(keys: &str, args: &[&str]) -> Vec<String> {
    said_in(tempfile::tempdir().unwrap().path(), keys, args)
}

/// The same with the label store in this folder.
fn said_in(folder: &Path, keys: &str, args: &[&str]) -> Vec<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stepscope"));
    command.args(["--linear", "--no-prm", "--as", "mira", "--store"]).arg(folder.join("labels.db")).args(args);
    command.env("XDG_CACHE_HOME", folder).env("LANG", "C.UTF-8").env("TERM", "dumb").env_remove("NO_COLOR");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(keys.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains('\u{1b}'), "no escape sequence reaches a plain terminal: {text:?}");
    text.lines().map(str::to_owned).collect()
}

fn position(lines: &[String], start: &str) -> usize {
    lines.iter().position(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start:?} was not said: {lines:#?}"))
}

#[test]
fn the_command_line_of_an_export_names_the_map_on_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let traces = folder.path().join("odd.jsonl");
    std::fs::write(&traces, "{\"q\": \"What?\", \"cot\": [\"One.\", \"Two.\"]}\n").unwrap();
    let lines = said_in(folder.path(), "a:export csv\nq", &[traces.to_str().unwrap(), "--map", "problem=q,steps=cot"]);
    let line = lines.iter().find_map(|line| line.strip_prefix("copied command line: stepscope "));
    let line = format!("{} {}", env!("CARGO_BIN_EXE_stepscope"), line.unwrap_or_else(|| panic!("{lines:#?}")));
    let output = Command::new("sh").arg("-c").arg(&line).current_dir(folder.path()).output().unwrap();
    assert!(output.status.success() && line.contains("--map problem=q,steps=cot"), "{line}: {output:?}");
}

#[test]
fn a_key_in_a_pipe_that_stays_open_is_answered_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_stepscope"));
    command.args(["--linear", "--no-prm", "--as", "mira", "--store"]).arg(folder.path().join("labels.db"));
    command.env("XDG_CACHE_HOME", folder.path()).env("LANG", "C.UTF-8");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let (sender, lines) = std::sync::mpsc::channel();
    let output = BufReader::new(child.stdout.take().unwrap());
    std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    let mut keys = child.stdin.take().unwrap();
    let hears = |start: &str| {
        let wait = std::time::Duration::from_secs(60);
        while let Ok(line) = lines.recv_timeout(wait) {
            if line.starts_with(start) {
                return true;
            }
        }
        false
    };
    assert!(hears("step 1 of "));
    // Bytes that are no text cost no key.
    keys.write_all(b"\xffj").unwrap();
    assert!(hears("step 2 of "));
    keys.write_all(b"q").unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_desk_is_known_by_its_files_and_not_by_how_their_paths_are_spelt() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("labels.db");
    let line = |n: usize| {
        serde_json::json!({"id": n.to_string(), "generator": "m", "problem": format!("{n}?"), "steps": ["a", "b"],
            "label": -1, "final_answer_correct": true})
        .to_string()
            + "\n"
    };
    for name in ["here", "there"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
        std::fs::write(folder.path().join(name).join("traces.jsonl"), (0..5).map(line).collect::<String>()).unwrap();
    }
    let at = |name: &str, keys: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stepscope"));
        command.args(["--linear", "--no-prm", "--as", "mira", "traces.jsonl", "--store"]).arg(&store);
        command.current_dir(folder.path().join(name)).env("XDG_CACHE_HOME", folder.path()).env("LANG", "C.UTF-8");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(keys.as_bytes()).unwrap();
        String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
    };
    at("here", "3go:mode blind\nq");
    let said = at("there", "q");
    assert!(said.contains("problem 1 of 5") && !said.contains("problem 3 of 5"), "{said}");
    assert!(at("here", "q").contains("problem 3 of 5"));
    // What an earlier version kept by the spelt path is taken up where it belongs.
    let (mut kept, _) = Store::open(&store, "mira").unwrap();
    let whole = |name: &str| folder.path().join(name).join("traces.jsonl").canonicalize().unwrap().display().to_string();
    let mut place: Place = kept.place(&whole("here")).unwrap().unwrap();
    (place.file, place.problem) = (whole("there"), 3);
    kept.change_place("traces.jsonl", |_| place.clone()).unwrap();
    let old = rusqlite::Connection::open(&store).unwrap();
    old.execute("DELETE FROM place WHERE file LIKE '/%'", ()).unwrap();
    assert!(at("here", "q").contains("problem 1 of 5"));
    assert!(at("there", "q").contains("problem 4 of 5"));
}

#[test]
fn steps_marks_and_messages_are_said_once_and_in_order() {
    let lines = said("jx", &[]);
    let problem = position(&lines, "problem 1 of 35, solutions.json");
    let first = position(&lines, "step 1 of ");
    let second = position(&lines, "step 2 of ");
    let saved = position(&lines, "saved ");
    assert!(problem < first && first < second && second < saved, "{lines:#?}");
    assert_eq!(lines.iter().filter(|line| line.starts_with("problem 1 of 35, solutions.json")).count(), 1, "{lines:#?}");
    assert!(lines.len() > second + 1);
}

#[test]
fn what_a_label_did_is_said_before_the_next_problem() {
    let lines = said("2xq", &[]);
    let (done, next) = (position(&lines, "problem 1, solution 1: first error at step 2"), position(&lines, "solution 2 of "));
    assert!(done < next, "{lines:#?}");
}

#[test]
fn a_whole_session_goes_through_a_pipe() {
    // Two verdicts, an undo, the help for a word, a command by name, a search.
    let lines = said("aa u?fold\u{1b}:theme light\n/total\nq", &[]);
    position(&lines, "help 1 of ");
    position(&lines, "/total");
    assert!(lines.iter().filter(|line| line.starts_with("saved ")).count() >= 2, "{lines:#?}");
}

#[test]
fn what_is_typed_is_said_once_and_not_letter_by_letter() {
    let lines = said(":theme light\n&len > 3\nq", &[]);
    let typed: Vec<&String> = lines.iter().filter(|line| line.starts_with([':', '&'])).collect();
    assert_eq!(typed, [":", ":theme light", "&", "&len > 3"], "{lines:#?}");
}

#[test]
fn counts_and_panes_are_said_and_what_was_typed_comes_before_what_it_did() {
    let lines = said("&len > 3\n\tgs&\u{15}len > 1000\nq", &[]);
    let typed = position(&lines, "&len > 3");
    let count = position(&lines, "filter len > 3: ");
    assert!(typed < count, "{lines:#?}");
    assert!(lines.iter().any(|line| line == "in the list: keys move from problem to problem"), "{lines:#?}");
    position(&lines, "in the steps");
    position(&lines, "no solution fits len > 1000");
    position(&lines, "filter len > 1000: 0 solutions");
}

#[test]
fn the_command_line_of_an_export_runs() {
    let folder = tempfile::tempdir().unwrap();
    let traces = folder.path().join("traces of today.jsonl");
    std::fs::copy("assets/demo/solutions.json", &traces).unwrap();
    let lines = said_in(folder.path(), "ax:export csv\nq", &[traces.to_str().unwrap()]);
    let line = lines.iter().find_map(|line| line.strip_prefix("copied command line: stepscope "));
    let line = format!("{} {}", env!("CARGO_BIN_EXE_stepscope"), line.unwrap_or_else(|| panic!("{lines:#?}")));
    let output = Command::new("sh").arg("-c").arg(&line).current_dir(folder.path()).output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    assert!(folder.path().join("traces of today.csv").exists());
}
