//! The program without a screen: what a screen reader hears, over a pipe.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

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

#[test]
fn folds_are_said_and_alternatives_are_called_so() {
    let folder = tempfile::tempdir().unwrap();
    let record = serde_json::json!({ "question": "What?", "final_answer": "14", "reasoning_steps": { "text": "What?", "mc_value": 0.5,
        "children": [{ "text": "One.", "mc_value": 0.5, "children": [
            { "text": "Two.", "mc_value": 0.5, "children": [] }, { "text": "Zwei.", "mc_value": 0.5, "children": [] }] }] } });
    let path = folder.path().join("tree.jsonl");
    std::fs::write(&path, record.to_string() + "\n").unwrap();
    let lines = said_in(folder.path(), "zczoq", &[path.to_str().unwrap()]);
    let (closed, open) = (position(&lines, "folded, 2 steps"), position(&lines, "unfolded"));
    assert!(closed < open, "{lines:#?}");
    assert_eq!(lines.iter().filter(|line| line.contains("folded")).count(), 2, "{lines:#?}");
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/formats/prm800k.jsonl");
    let lines = said_in(folder.path(), "gsggjJq", &[beside]);
    assert!(lines.iter().any(|line| line.starts_with("alternative 2 of 3, 2 steps")), "{lines:#?}");
}
