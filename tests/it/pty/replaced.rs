//! Files that are replaced, cut and removed under the real program: the session goes on where it was, on what the file is now.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use serde_json::json;
use stepscope::labels::Store;

use super::Terminal;

fn record(name: &str) -> String {
    let steps = ["first", "second", "third"].map(|step| format!("The {step} step about {name}."));
    json!({"id": name, "generator": "g", "final_answer_correct": false, "problem": format!("How many {name} are there?"), "steps": steps, "label": 1}).to_string() + "\n"
}

fn records(names: &[&str]) -> String {
    names.iter().map(|name| record(name)).collect()
}

/// In one go, as careful programs do it.
fn replace(path: &Path, text: &str) {
    fs::write(path.with_extension("new"), text).unwrap();
    fs::rename(path.with_extension("new"), path).unwrap();
}

/// This problem is on show, with the cursor on its second step.
fn shows(place: &str, name: &str) -> impl Fn(&str) -> bool {
    let (place, step) = (place.to_owned(), format!("second step about {name}."));
    move |screen| screen.contains(&place) && screen.lines().any(|line| line.contains("❯  2") && line.contains(&step))
}

#[test]
fn a_replaced_file_is_read_anew_and_place_labels_undo_and_filter_stay() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.jsonl");
    let other = folder.path().join("other.jsonl");
    fs::write(&path, records(&["apples", "pears", "plums", "figs"])).unwrap();
    fs::write(&other, records(&["nuts"])).unwrap();
    let mut terminal = Terminal::start(
        folder.path(),
        &["--no-prm", "--repeat-share", "0", path.to_str().unwrap(), other.to_str().unwrap()],
        (120, 30),
    );
    terminal.wait_for("1/5");
    terminal.keys("a");
    terminal.wait_for("labels.db +1");
    terminal.keys("jx");
    terminal.wait_for("labels.db +2");
    terminal.keys("j");
    terminal.wait("plums", shows("3/5", "plums"));

    // Another file, with other problems before this one.
    replace(&path, &records(&["kiwis", "limes", "apples", "plums", "pears"]));
    terminal.wait_for("t.jsonl: the file was replaced, reloaded");
    terminal.wait("plums again", shows("4/6", "plums"));
    // What was judged is judged wherever it stands now, and taken back there.
    terminal.keys("}");
    terminal.wait_for("5/6");
    terminal.wait_for("2 of 6 judged");
    terminal.keys("u");
    terminal.wait_for("undo: first error");
    terminal.wait_for("1 of 6 judged");
    terminal.keys("{");
    terminal.wait_for("4/6");
    terminal.keys("j");
    terminal.wait("plums once more", shows("4/6", "plums"));

    // Written in place, slowly, from nothing on.
    let mut file = fs::File::create(&path).unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    assert!(shows("4/6", "plums")(&terminal.screen()), "{}", terminal.screen());
    file.write_all(records(&["kiwis", "limes"]).as_bytes()).unwrap();
    terminal.wait_for("the solution on show is gone");
    file.write_all(records(&["apples", "plums"]).as_bytes()).unwrap();
    terminal.wait("plums as soon as they are there", shows("4/5", "plums"));

    fs::remove_file(&path).unwrap();
    terminal.wait_for("! t.jsonl is gone");
    terminal.wait("what was read", shows("4/5", "plums"));
    fs::write(&path, records(&["plums", "apples"])).unwrap();
    terminal.wait("the file is back", |screen| shows("1/3", "plums")(screen) && !screen.contains("is gone"));
    terminal.keys("q");
    assert!(terminal.wait_for_exit().success());
    let (_, session) = Store::view(&folder.path().join("labels.db"), "mira").unwrap();
    assert_eq!(session.decisions(), 1, "all but what was taken back");
}

#[test]
fn a_filter_stays_in_force_and_a_text_that_is_being_typed_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.jsonl");
    fs::write(&path, records(&["apples", "pears", "plums"])).unwrap();
    let mut terminal = Terminal::start(folder.path(), &["--no-prm", path.to_str().unwrap()], (120, 30));
    terminal.wait_for("1/3");
    terminal.keys("jj:filter !labelled\r");
    terminal.wait_for("!labelled");
    terminal.keys("cabout this");
    terminal.wait_for("about this");
    replace(&path, &records(&["pears", "apples"]));
    std::thread::sleep(Duration::from_secs(2));
    let screen = terminal.screen();
    assert!(!screen.contains("reloaded") && screen.contains("about this"), "{screen}");
    terminal.keys("\r");
    terminal.wait_for("the file was replaced, reloaded");
    terminal.wait_for("!labelled");
    terminal.wait_for("How many apples");
    terminal.keys("q");
    assert!(terminal.wait_for_exit().success());
    let (_, session) = Store::view(&folder.path().join("labels.db"), "mira").unwrap();
    assert_eq!(session.len(), 1, "the note");
}

#[cfg(feature = "candle")]
#[test]
fn what_is_new_in_a_replaced_file_is_scored() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.jsonl");
    fs::write(&path, records(&["apples", "pears"])).unwrap();
    let mut terminal = Terminal::start(folder.path(), &["--reveal", path.to_str().unwrap()], (120, 30));
    terminal.wait_for("all scored");
    replace(&path, &records(&["kiwis", "pears", "limes"]));
    terminal.wait_for("the solution on show is gone");
    terminal.keys("q");
    terminal.wait_for("all scored");
    terminal.keys("{{a");
    terminal.wait_for("labels.db +1");
    let scored = |screen: &str| screen.lines().any(|line| line.contains("The first step about kiwis") && line.contains("  .9"));
    terminal.wait("scores of what is new", scored);
    terminal.keys("q");
    assert!(terminal.wait_for_exit().success());
}
