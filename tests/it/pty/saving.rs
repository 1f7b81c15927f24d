//! Stores that cannot be written for a while, under the real program: nobody has to do anything for the labels to be saved.

use std::path::Path;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use stepscope::labels::Store;

use super::{Signal, Terminal, played_again};

fn decisions(store: &Path) -> usize {
    Store::view(store, "mira").unwrap().1.decisions()
}

#[test]
fn what_a_full_disk_refused_is_saved_by_itself_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::start(folder.path(), &["--no-prm"], (120, 30));
    terminal.wait_for("1/35");
    terminal.keys("a");
    terminal.wait_for("labels.db +1");
    let program = Pid::from_raw(i32::try_from(terminal.child.process_id().unwrap()).unwrap());
    // A limit on the size of files stands in for the end of the disk.
    let free = getrlimit(Resource::Fsize);
    prlimit(program, Resource::Fsize, Rlimit { current: Some(0), ..free }).unwrap();
    terminal.keys("a");
    terminal.wait_for("NOT SAVED: 1 in memory");
    terminal.keys("a");
    terminal.wait_for("NOT SAVED: 2 in memory");
    prlimit(program, Resource::Fsize, free).unwrap();
    terminal.wait_for("labels.db +3");
    terminal.keys("q");
    assert!(terminal.wait_for_exit().success());
    assert_eq!(decisions(&folder.path().join("labels.db")), 3);
    let copies = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let copies: Vec<usize> =
        copies.filter(|path| path.extension().is_some_and(|end| end == "bak")).map(|copy| decisions(&copy)).collect();
    assert_eq!(copies, [3], "a session on a new store leaves a copy of its day");
}

#[test]
fn a_session_begins_where_no_store_can_be_made_saves_when_it_can_and_is_played_again() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    // Nobody can make a file there, not even root.
    std::os::unix::fs::symlink("/proc/self", at("place")).unwrap();
    let mut command = Terminal::program(folder.path());
    command.args(["--no-prm", "--as", "mira", "--store", at("place/labels.db").to_str().unwrap()]);
    command.args(["--log", at("keys.jsonl").to_str().unwrap()]);
    let mut terminal = Terminal::run(command, (160, 30));
    terminal.wait_for("labels stay in memory, NOT SAVED, until the store can be written");
    terminal.keys("a");
    terminal.wait_for("NOT SAVED: 1 in memory");
    terminal.keys("jxau");
    terminal.wait("the last label taken back", |screen| {
        screen.contains("which was never saved") && screen.contains("NOT SAVED: 2 in memory")
    });
    std::fs::create_dir(at("made")).unwrap();
    std::os::unix::fs::symlink("made", at("new")).unwrap();
    std::fs::rename(at("new"), at("place")).unwrap();
    terminal.wait_for("labels.db +2");
    terminal.keys("a");
    terminal.wait_for("labels.db +3");
    terminal.signal(Signal::TERM);
    terminal.wait_for_exit();
    assert_eq!(decisions(&at("made/labels.db")), 3);
    played_again(at("keys.jsonl").to_str().unwrap());
}

#[test]
fn labels_that_cannot_be_saved_when_the_session_ends_go_into_a_store_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let (path, away) = (folder.path().join("labels.db"), folder.path().join("away"));
    let mut terminal = Terminal::start(folder.path(), &["--no-prm"], (120, 30));
    terminal.wait_for("1/35");
    terminal.keys("a");
    terminal.wait_for("labels.db +1");
    std::fs::rename(&path, &away).unwrap();
    terminal.keys("a");
    terminal.wait_for("NOT SAVED: 1 in memory");
    terminal.keys("a");
    terminal.wait_for("NOT SAVED: 2 in memory");
    terminal.signal(Signal::TERM);
    assert!(!terminal.wait_for_exit().success());
    let stores: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    let rescued: Vec<_> = stores.iter().filter(|path| path.to_string_lossy().contains("labels.unsaved-")).collect();
    assert_eq!(rescued.len(), 1, "{stores:?}");
    assert_eq!((decisions(rescued[0]), decisions(&away)), (2, 1));
    assert!(String::from_utf8_lossy(&terminal.bytes()).contains("store merge"));
}
