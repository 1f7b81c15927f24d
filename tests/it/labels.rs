//! The durability contract of the label store, with real processes: a child that is killed, a second writer, a full disk.
//!
//! The child is this test binary itself, started for the one test `child`, which does nothing unless a store is named to it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use stepscope::labels::{Action, Draft, Session, Store, StoreError, store};
use stepscope::trace::{PromptKey, Rating, Writing};

const STORE: &str = "STEPSCOPE_TEST_STORE";
const EVENTS: &str = "STEPSCOPE_TEST_EVENTS";
const JOB: &str = "STEPSCOPE_TEST_JOB";

/// The n-th thing that the annotator does: labels of all kinds, now and then an undo or redo.
fn draft(n: usize, session: &Session) -> Draft {
    let step = PromptKey::of("q").step(&(n % 50).to_string());
    let record = step.record();
    match n % 7 {
        3 => session.undo_target().map(Draft::undo),
        4 => session.redo_target().map(Draft::undo),
        5 => Some(Draft::of(Action::AllGood { record, clears: vec![step] })),
        6 => Some(Draft::of(Action::Write { writing: Writing::Note, step: None, record, text: "why ".repeat(n % 400) })),
        _ => None,
    }
    .unwrap_or_else(|| {
        Draft::of(match n % 2 {
            0 => Action::FirstError { record, step, index: n % 9, clears: Vec::new(), kind: String::new() },
            _ => Action::Rate { step, rating: Some(Rating::Neutral) },
        })
    })
}

/// Appends labels and says which are saved, until the count is reached or somebody kills it.
fn label(path: &Path, count: usize) {
    let (mut store, mut session) = Store::open(path, "mira").unwrap();
    let mut out = std::io::stdout().lock();
    writeln!(out, "\nopen").unwrap();
    for n in session.len()..session.len() + count {
        let event = store.append(draft(n, &session)).unwrap();
        writeln!(out, "saved {} {}", event.lamport, event.id).unwrap();
        session.apply(&event);
        if n % 20 == 0 {
            store.change_place("file", |_| n).unwrap();
        }
        session.extend(&store.catch_up().unwrap());
    }
    let (_, again) = Store::view(path, "mira").unwrap();
    session.extend(&store.catch_up().unwrap());
    // A second writer may have gone on after the look.
    assert!(again.len() < session.len() || again.agrees(&session));
}

/// Fills the disk (a limit on the size of files stands in for its end), keeps what was not saved, and saves it when there is room again.
#[cfg(unix)]
fn fill_the_disk(path: &Path) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let (mut store, mut session) = Store::open(path, "mira").unwrap();
    let mut save = |n: usize, store: &mut Store| -> Result<u64, StoreError> {
        let event = store.append(draft(n, &session))?;
        session.apply(&event);
        Ok(event.seq)
    };
    let free = getrlimit(Resource::Fsize);
    let limit = |bytes| setrlimit(Resource::Fsize, Rlimit { current: Some(bytes), ..free }).unwrap();
    (0..20).for_each(|n| assert_eq!(save(n, &mut store).unwrap(), n as u64 + 1));
    // A log that can no longer grow: opening the store anew puts the log back into the file and makes room.
    limit(std::fs::metadata(path.with_extension("db-wal")).unwrap().len() + 30_000);
    (20..40).for_each(|n| assert_eq!(save(n, &mut store).unwrap(), n as u64 + 1));
    limit(4096);
    let mut refused = Vec::new();
    for n in 40..60 {
        let error = save(n, &mut store).unwrap_err();
        assert!(error.to_string().starts_with("NOT SAVED: "), "{error}");
        refused.push(unsaved(error));
    }
    setrlimit(Resource::Fsize, free).unwrap();
    for draft in refused {
        store.append(draft).unwrap();
    }
    drop(store);
    let found = store::check(path);
    assert_eq!((found.problems, found.events), (Vec::new(), 60));
    let mut out = std::io::stdout().lock();
    writeln!(out, "\nall saved").unwrap();
}

/// The decision that was not saved.
#[cfg(unix)]
fn unsaved(error: StoreError) -> stepscope::labels::Draft {
    let StoreError::NotSaved { draft, .. } = error else { panic!("{error}") };
    *draft
}

/// Sessions that begin while the disk is full: on a new store, and on one with labels. Both save when there is room.
#[cfg(unix)]
fn begin_on_a_full_disk(path: &Path) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let free = getrlimit(Resource::Fsize);
    for (limit, before) in [(0, 0), (4096, 2)] {
        setrlimit(Resource::Fsize, Rlimit { current: Some(limit), ..free }).unwrap();
        let (mut store, session) = Store::open(path, "mira").unwrap();
        assert!(store.read_only() && session.len() == before, "{limit}: {}", session.len());
        assert!(store.warnings().last().unwrap().starts_with("labels stay in memory, NOT SAVED"), "{:?}", store.warnings());
        let mut waiting = unsaved(store.append(draft(before, &session)).unwrap_err());
        waiting = unsaved(store.append(waiting).unwrap_err());
        setrlimit(Resource::Fsize, free).unwrap();
        store.append(waiting).unwrap();
        store.append(draft(before + 1, &session)).unwrap();
        drop(store);
        let found = store::check(path);
        assert_eq!((found.problems, found.events), (Vec::new(), before as u64 + 2));
    }
    let mut out = std::io::stdout().lock();
    writeln!(out, "\nall saved").unwrap();
}

#[test]
fn child() {
    let Some(path) = std::env::var_os(STORE).map(PathBuf::from) else { return };
    match std::env::var(JOB).as_deref() {
        #[cfg(unix)]
        Ok("fill") => fill_the_disk(&path),
        #[cfg(unix)]
        Ok("full") => begin_on_a_full_disk(&path),
        _ => label(&path, std::env::var(EVENTS).unwrap().parse().unwrap()),
    }
}

fn spawn(path: &Path, events: usize) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["labels::child", "--exact", "--nocapture", "--test-threads=1"])
        .env(STORE, path)
        .env(EVENTS, events.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    (child, out)
}

/// Number and id of the event that a line of the child calls saved. Half a line at the end is no acknowledgement.
fn saved_line(line: &str) -> Option<(i64, String)> {
    let (seq, id) = line.trim_end().strip_prefix("saved ")?.split_once(' ')?;
    (id.len() == 64).then(|| Some((seq.parse().ok()?, id.to_owned())))?
}

fn acknowledged(out: BufReader<ChildStdout>) -> Vec<(i64, String)> {
    out.split(b'\n').filter_map(|line| saved_line(&String::from_utf8(line.unwrap()).unwrap())).collect()
}

/// Number and id of every event in the file, after the database's own check of it.
fn stored(path: &Path) -> BTreeMap<i64, String> {
    let conn = Connection::open(path).unwrap();
    let verdict: String = conn.query_row("PRAGMA integrity_check", (), |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
    let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0)).unwrap();
    if tables == 0 {
        return BTreeMap::new();
    }
    let mut statement = conn.prepare("SELECT lamport, lower(hex(event_id)) FROM event").unwrap();
    statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?))).unwrap().collect::<Result<_, _>>().unwrap()
}

#[test]
fn two_hundred_kills_lose_no_saved_label() {
    kill(200);
}

#[test]
#[ignore = "the full sweep of kills: STEPSCOPE_KILLS of them, 1000 without it"]
fn many_kills_lose_no_saved_label() {
    kill(std::env::var("STEPSCOPE_KILLS").map_or(1000, |kills| kills.parse().unwrap()));
}

fn kill(kills: u32) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("labels.db");
    let mut promised: BTreeMap<i64, String> = BTreeMap::new();
    let (start, mut random, mut unpromised, mut idle) = (Instant::now(), 0x5eed_u64, 0, 0);
    for kill in 0..kills {
        let (mut child, mut out) = spawn(&path, usize::MAX / 2);
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // One kill in four comes at any time from the start of the process on, the others while it is saving labels.
        let mut saved = Vec::new();
        let awaited = if kill % 4 == 0 { 0 } else { 1 + (random >> 40) as usize % 20 };
        while saved.len() < awaited {
            let mut line = String::new();
            assert!(out.read_line(&mut line).unwrap() > 0, "kill {kill}: the child ended by itself");
            saved.extend(saved_line(&line));
        }
        std::thread::sleep(Duration::from_micros((random >> 33) % if awaited == 0 { 50_000 } else { 2000 }));
        child.kill().unwrap();
        let status = child.wait().unwrap();
        assert!(!status.success() && status.code().is_none(), "kill {kill}: the child ended by itself: {status}");
        saved.extend(acknowledged(out));
        idle += u32::from(saved.is_empty());
        promised.extend(saved);
        if !path.exists() {
            assert!(promised.is_empty());
            continue;
        }
        let stored = stored(&path);
        let extra = stored.len().checked_sub(promised.len()).unwrap();
        assert!(extra <= 1, "kill {kill}: {extra} events that nobody was told of");
        assert!(promised.iter().all(|(at, id)| stored.get(at) == Some(id)), "kill {kill}: a saved event is gone");
        unpromised += extra;
        // Later kills may not take away what is there now, told or not.
        promised = stored;
        if kill % 10 == 9 {
            let (_, session) = Store::open(&path, "mira").unwrap();
            assert_eq!(session.len(), promised.len(), "kill {kill}");
        }
    }
    let found = store::check(&path);
    assert_eq!(found.problems, Vec::<String>::new());
    assert_eq!(found.events, promised.len() as u64);
    eprintln!(
        "{kills} kills in {:.1} s: {} events, {unpromised} in flight, {idle} kills before the first label",
        start.elapsed().as_secs_f64(),
        promised.len()
    );
}

#[test]
fn two_processes_write_to_one_store_without_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new/labels.db");
    // Both make the store: the first moment is a race too.
    let writers = [spawn(&path, 500), spawn(&path, 500)];
    let saved: Vec<usize> = writers
        .into_iter()
        .map(|(mut child, out)| {
            let saved = acknowledged(out).len();
            assert!(child.wait().unwrap().success());
            saved
        })
        .collect();
    assert_eq!(saved, [500, 500]);
    let found = store::check(&path);
    assert_eq!((found.problems.as_slice(), found.events, found.writers.len()), ([].as_slice(), 1000, 2));
}

#[cfg(unix)]
#[test]
fn a_full_disk_costs_nothing_once_there_is_room_again() {
    ["fill", "full"].into_iter().for_each(on_a_full_disk);
}

#[cfg(unix)]
fn on_a_full_disk(job: &str) {
    let dir = tempfile::tempdir().unwrap();
    // The shell hands an ignored signal on; without that the limit would end the process instead of failing the write.
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["labels::child", "--exact", "--nocapture", "--test-threads=1"])
        .env(STORE, dir.path().join("labels.db"))
        .env(JOB, job)
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(out.contains("\nall saved"), "{out}{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_second_look_at_an_open_store_takes_no_log_away_under_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("labels.db");
    let (mut store, mut session) = Store::open(&path, "mira").unwrap();
    session.apply(&store.append(draft(0, &session)).unwrap());
    // As when scores are fitted to the labels, or a key log begins.
    assert_eq!(Store::events(&path, "mira").unwrap().len(), 1);
    // Whoever closes a store as the last one puts its log away: that must not be another program now.
    let (mut child, out) = spawn(&path, 2);
    assert_eq!(acknowledged(out).len(), 2);
    assert!(child.wait().unwrap().success());
    store.append(draft(1, &session)).unwrap();
    assert_eq!(stored(&path).len(), 4);
}

#[test]
fn a_label_waits_for_another_program_that_is_writing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("labels.db");
    let (mut store, session) = Store::open(&path, "mira").unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let release = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(200));
        other.execute_batch("ROLLBACK").unwrap();
    });
    let start = Instant::now();
    store.append(draft(0, &session)).unwrap();
    assert!(start.elapsed() > Duration::from_millis(100));
    release.join().unwrap();
}

#[test]
fn store_check_reports_in_json_and_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("labels.db");
    let (mut store, session) = Store::open(&path, "mira").unwrap();
    store.append(draft(0, &session)).unwrap();
    let (json, ok) = stepscope::cli::store::check(&path);
    assert!(ok, "{json}");
    assert_eq!((&json["journal_mode"], &json["synchronous"], &json["integrity"]), (&"wal".into(), &"FULL".into(), &"ok".into()));
    assert_eq!((&json["events"], &json["decisions"]["mira"], &json["schema"]), (&1.into(), &1.into(), &2.into()));
    assert!(json["contract"].as_str().unwrap().starts_with("\"Saved\" means"));
    let (text, ok) = stepscope::cli::store::check_text(&path);
    assert!(ok && text.contains("journal mode  wal") && text.ends_with("ok\n"), "{text}");
    drop(store);
    // What somebody did to the store is seen and left as it is.
    Connection::open(&path).unwrap().pragma_update(None, "journal_mode", "delete").unwrap();
    let before = std::fs::read(&path).unwrap();
    let (json, ok) = stepscope::cli::store::check(&path);
    assert!(ok && std::fs::read(&path).unwrap() == before, "{json}");
    assert_eq!(json["journal_mode"], "delete");
    assert!(json["warnings"].to_string().contains("journal mode delete: the next session makes it wal"), "{json}");
    let (json, ok) = stepscope::cli::store::check(&dir.path().join("none.db"));
    assert!(!ok && json["problems"][0].as_str().unwrap().ends_with("there is no label store"), "{json}");
    assert!(!dir.path().join("none.db").exists());
}
