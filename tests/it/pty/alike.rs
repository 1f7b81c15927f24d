//! Steps compared by vectors, in the real program: a process is started for it, and its numbers are played again from the log.

use super::{Terminal, played_again};

const LINES: &str = concat!(
    r#"{"id":"a","generator":"m","problem":"A?","steps":["Count the boxes.","So 3 + 4 = 8."],"label":1,"final_answer_correct":false}"#,
    "\n",
    r#"{"id":"b","generator":"m","problem":"B?","steps":["Look at the sphere.","It is a cube."],"label":1,"final_answer_correct":false}"#,
    "\n",
    r#"{"id":"c","generator":"m","problem":"C?","steps":["Count the bags.","So 5 + 4 = 10."],"label":1,"final_answer_correct":false}"#,
    "\n",
);

#[test]
fn vectors_order_and_group_and_the_session_is_played_again() {
    let folder = tempfile::tempdir().unwrap();
    let (file, log) = (folder.path().join("three.jsonl"), folder.path().join("keys.log"));
    std::fs::write(&file, LINES).unwrap();
    let tiny = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/prm/tiny-qwen2");
    let (file, log) = (file.to_str().unwrap(), log.to_str().unwrap());
    let arguments = [file, "--no-prm", "--blind-share", "0", "--vectors", tiny, "--log", log];
    let mut terminal = Terminal::start(folder.path(), &arguments, (100, 30));
    terminal.wait_for("Count the boxes.");
    terminal.keys("jg~");
    terminal.wait_for("first, by tiny-qwen2;");
    terminal.keys("j");
    terminal.wait_for("alike 1.0 by tiny-qwen2");
    terminal.keys("x");
    terminal.wait_for("1 of 3 judged");
    terminal.keys("\u{1b}:clusters 2\r");
    terminal.wait_for("3 wrong steps by tiny-qwen2");
    terminal.keys("\r");
    terminal.wait_for("cluster == 1");
    terminal.keys("a");
    terminal.wait_for("saved");
    terminal.keys("q");
    assert!(terminal.wait_for_exit().success(), "{}", terminal.screen());
    played_again(log);
}
