//! The store on real files.

use std::fs;
use std::io::{Seek, SeekFrom, Write};

use rusqlite::Connection;

use super::connect::{Durability, connect_with};
use super::*;
use crate::labels::event::tests::{record, step};
use crate::labels::{Context, Sampled, Saw};
use crate::trace::{Rating, Writing};

mod hindered;

fn flag(n: usize) -> Draft {
    Draft::of(Action::Flag { record: record(n), on: true })
}

fn rate(n: usize) -> Draft {
    Draft::of(Action::Rate { step: step(n), rating: Some(Rating::Good) })
}

/// A directory and the path of a store in it.
fn place() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("labels.db");
    (dir, path)
}

/// A closed store with `n` events.
fn filled(path: &Path, n: usize) -> Vec<Event> {
    let (mut store, _) = Store::open(path, "mira").unwrap();
    (0..n).map(|n| store.append(flag(n)).unwrap()).collect()
}

fn failure(path: &Path) -> String {
    Store::open(path, "mira").unwrap_err().to_string()
}

#[test]
fn the_one_file_of_a_settled_store_holds_its_labels() {
    let (dir, path) = place();
    let (mut store, _) = Store::open(&path, "mira").unwrap();
    store.append(rate(1)).unwrap();
    let copied = |name: &str| {
        let copy = dir.path().join(name);
        fs::copy(&path, &copy).unwrap();
        Store::events(&copy, "mira").map(|events| events.len())
    };
    assert!(copied("early.db").is_err(), "labels are in the log first");
    store.settle().unwrap();
    assert_eq!(copied("late.db").unwrap(), 1);
    store.append(rate(2)).unwrap();
    store.settle().unwrap();
    assert_eq!(copied("later.db").unwrap(), 2);
}

#[test]
fn what_was_saved_is_there_after_opening_again() {
    let (_dir, path) = place();
    let saw = Saw { prm: Some("tiny".into()), score: Some(0.25), blind: true, shown: "steps".into(), ..Saw::default() };
    let (mut store, mut session) = Store::open(&path, "mira").unwrap();
    let mut events = vec![store.append(flag(1).saw(saw).spent(1200)).unwrap(), store.append(rate(2)).unwrap()];
    session.extend(&events);
    events.push(store.append(Draft::undo(session.undo_target().unwrap())).unwrap());
    session.apply(&events[2]);
    assert_eq!(store.catch_up().unwrap(), [], "own events do not come twice");
    drop(store);

    let (_store, again) = Store::open(&path, "mira").unwrap();
    assert!(again.agrees(&session));
    assert!(again.flagged(record(1)));
    assert_eq!(again.mark(step(2)), None);
    assert_eq!(again.redo_target(), Some(events[2].id), "undo and redo reach over a restart");
    assert_eq!(events.iter().map(|event| (event.seq, event.lamport)).collect::<Vec<_>>(), [(1, 1), (2, 2), (3, 3)]);
    assert_eq!(events[2].prev, Some(events[1].id));
}

#[test]
fn store_and_session_can_live_on_a_thread_of_their_own() {
    fn is_send<T: Send>() {}
    is_send::<(Store, Session, StoreError)>();
}

#[test]
fn settings_are_in_force() {
    let (_dir, path) = place();
    let (store, _) = Store::open(&path, "mira").unwrap();
    let link = store.link.as_ref().unwrap();
    let number = |pragma| link.number(&path, pragma).unwrap();
    let mode: String = link.conn.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    assert_eq!((mode.as_str(), number("synchronous")), ("wal", 2));
    let others = ["foreign_keys", "trusted_schema", "cell_size_check", "busy_timeout", "application_id"].map(number);
    assert_eq!(others, [1, 0, 1, 10_000, 0x7374_7363]);
}

#[test]
fn a_network_file_system_gets_a_rollback_journal() {
    let (_dir, path) = place();
    let link = connect_with(&path, Access::Create, Durability::Rollback).unwrap();
    let mode: String = link.conn.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    assert_eq!((mode.as_str(), link.number(&path, "synchronous").unwrap()), ("delete", 3));
    let nfs = FileSystem { name: "nfs".into(), network: true, volatile: false };
    assert_eq!(Durability::for_file_system(Some(&nfs)), Durability::Rollback);
    assert_eq!(Durability::for_file_system(None), Durability::Wal);
}

#[test]
fn events_are_append_only() {
    let (_dir, path) = place();
    filled(&path, 2);
    let conn = Connection::open(&path).unwrap();
    for sentence in [
        "UPDATE event SET annotator = 'x'",
        "DELETE FROM event",
        "INSERT OR REPLACE INTO event SELECT * FROM event WHERE n = 1",
        "REPLACE INTO event SELECT n + 9, x'00', writer, seq, prev, lamport, annotator, at_utc, clock_suspect, kind, record_key, step, \
         step_key, value, target, saw_file, saw_item, saw_prm, saw_score, saw_blind, saw_shown, app_version, ms_spent, context FROM event",
    ] {
        assert!(conn.execute(sentence, ()).unwrap_err().to_string().contains("append-only"), "{sentence}");
    }
}

/// Changes rows behind the back of the triggers, and puts the triggers back.
fn tamper(path: &Path, sentence: &str) {
    let conn = Connection::open(path).unwrap();
    let triggers: Vec<String> = conn
        .prepare("SELECT sql FROM sqlite_schema WHERE type = 'trigger'")
        .unwrap()
        .query_map((), |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    conn.execute_batch("DROP TRIGGER event_no_update; DROP TRIGGER event_no_delete; DROP TRIGGER event_no_replace").unwrap();
    conn.execute_batch(sentence).unwrap();
    for trigger in triggers {
        conn.execute_batch(&trigger).unwrap();
    }
}

#[test]
fn the_hash_chain_shows_a_changed_a_missing_and_an_exchanged_row() {
    for (sentence, expected) in [
        ("UPDATE event SET annotator = 'noor' WHERE n = 2", "event 2: its content does not have the hash"),
        ("UPDATE event SET value = '{}' WHERE n = 2", "event 2: its content does not have the hash"),
        ("DELETE FROM event WHERE n = 2", "2 missing, has 3"),
        ("DELETE FROM event WHERE n IN (2, 3)", "2 to 3 missing, has 4"),
        ("DELETE FROM event WHERE n = 1", "1 missing, has 2"),
        ("UPDATE event SET n = -n WHERE n IN (2, 3); UPDATE event SET n = 5 + n WHERE n < 0", "missing, has 3"),
    ] {
        let (_dir, path) = place();
        filled(&path, 4);
        tamper(&path, sentence);
        let error = failure(&path);
        assert!(error.contains("the store is damaged") && error.contains(expected), "{sentence}: {error}");
        let found = check(&path);
        assert!(!found.ok && found.problems.iter().any(|problem| problem.contains(expected)), "{sentence}: {found:?}");
    }
}

#[test]
fn check_finds_nothing_in_a_sound_store_and_leaves_nothing_behind() {
    let (dir, path) = place();
    filled(&path, 3);
    let (mut store, _) = Store::open(&path, "noor").unwrap();
    store.append(rate(1)).unwrap();
    let names = |dir: &Path| -> Vec<_> {
        let mut names: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = names(dir.path());
    let found = check(&path);
    assert_eq!(names(dir.path()), before);
    assert_eq!((found.problems.as_slice(), found.ok, found.events, found.writers.len()), ([].as_slice(), true, 4, 2));
    assert_eq!(found.decisions.into_iter().collect::<Vec<_>>(), [("mira".to_owned(), 3), ("noor".to_owned(), 1)]);
    assert_eq!((found.journal_mode.as_deref(), found.synchronous), (Some("wal"), Some("FULL")));
    assert!(found.fsync_ms_p50.is_some() && found.commit_ms_p50.is_some());
}

#[test]
fn check_notices_a_dropped_trigger() {
    let (_dir, path) = place();
    filled(&path, 1);
    Connection::open(&path).unwrap().execute_batch("DROP TRIGGER event_no_delete").unwrap();
    assert_eq!(
        check(&path).problems,
        ["trigger event_no_delete is missing, changed or not ours: events of this store could be altered"]
    );
}

#[test]
fn what_is_not_a_store_is_refused_and_left_alone() {
    let (dir, path) = place();
    let text =
        "Dear diary, this is a text of more than a hundred bytes, which is as long as the header of a database is, or longer.";
    for (content, expected) in
        [(text.as_bytes(), "begins with \"Dear diary, this\""), (b"SQLite format 3\0abc", "the first 19 bytes")]
    {
        fs::write(&path, content).unwrap();
        assert!(failure(&path).contains(expected), "{}", failure(&path));
        assert_eq!(fs::read(&path).unwrap(), content);
    }
    assert!(failure(dir.path()).contains("found a directory"));
    let other = dir.path().join("other.db");
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE t(x); PRAGMA application_id = 7").unwrap();
    let before = fs::read(&other).unwrap();
    assert!(failure(&other).contains("another program (application id 0x00000007)"), "{}", failure(&other));
    assert_eq!(fs::read(&other).unwrap(), before);
    assert!(!check(&other).ok && !check(&dir.path().join("none.db")).ok);
}

#[test]
fn a_newer_schema_is_refused() {
    let (_dir, path) = place();
    filled(&path, 1);
    Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 3").unwrap();
    assert!(failure(&path).contains("schema 2 at most, found schema 3"), "{}", failure(&path));
}

/// A store as schema 1 has it, with `n` events.
fn old_store(path: &Path, n: usize) -> Vec<Event> {
    let events = filled(path, n);
    let conn = Connection::open(path).unwrap();
    let columns = "n, event_id, writer, seq, prev, lamport, annotator, at_utc, clock_suspect, kind, record_key, step, step_key, value, \
                   target, saw_file, saw_item, saw_prm, saw_score, saw_blind, saw_shown, app_version, ms_spent";
    conn.execute_batch(&format!(
        "DROP TRIGGER event_no_update; DROP TRIGGER event_no_delete; DROP TRIGGER event_no_replace;
         ALTER TABLE event RENAME TO e; ALTER TABLE meta RENAME TO m; DROP TABLE place; {};
         INSERT INTO meta SELECT * FROM m; INSERT INTO event SELECT {columns} FROM e; DROP TABLE e; DROP TABLE m;
         PRAGMA user_version = 1",
        super::connect::SCHEMA_1
    ))
    .unwrap();
    events
}

#[test]
fn an_older_store_is_read_as_it_is_and_brought_up_for_labelling_after_a_copy() {
    let (_dir, path) = place();
    let events = old_store(&path, 20);
    let (_, seen) = Store::view(&path, "mira").unwrap();
    assert_eq!(seen.decisions(), 20);
    let found = check(&path);
    assert!(found.ok && found.schema == Some(1), "{found:?}");

    let (mut store, session) = Store::open(&path, "mira").unwrap();
    assert!(session.agrees(&seen));
    let write = Action::Write { writing: Writing::Critique, step: None, record: record(1), text: "why".into() };
    let next = store.append(Draft::of(write)).unwrap();
    assert_eq!((next.seq, next.prev), (21, Some(events[19].id)), "the chain goes on");
    drop(store);
    let after = check(&path);
    assert!(after.ok && after.schema == Some(2), "{after:?}");
    let copy = backup::place(&path, "schema-1");
    assert_eq!(Store::view(&copy, "mira").unwrap().1.decisions(), 20);
}

#[test]
fn a_copy_a_day_is_kept_and_the_old_ones_go() {
    let (_dir, path) = place();
    filled(&path, 3);
    let (mut store, _) = Store::open(&path, "mira").unwrap();
    let conn = &store.link().unwrap().conn;
    for day in 1..=9 {
        backup::daily(conn, &path, jiff::civil::date(2026, 1, day)).unwrap();
        backup::daily(conn, &path, jiff::civil::date(2026, 1, day)).unwrap();
    }
    let copies = backup::dailies(&path);
    assert_eq!(copies.len(), 5);
    assert!(copies[0].to_string_lossy().ends_with("labels.db.2026-01-05.bak"), "{copies:?}");
    assert_eq!(Store::view(&copies[4], "mira").unwrap().1.decisions(), 3);
}

#[test]
fn every_day_of_a_session_gets_its_copy_also_the_one_on_which_the_store_began() {
    let (_dir, path) = place();
    let (mut store, _) = Store::open(&path, "mira").unwrap();
    let labels = |copy: &Path| Store::view(copy, "mira").unwrap().1.decisions();
    let copies = |store: &mut Store, leaving| {
        store.back_up(leaving).unwrap();
        backup::dailies(&path).iter().map(|copy| labels(copy)).collect::<Vec<_>>()
    };
    assert_eq!(copies(&mut store, true), [0; 0], "an empty store is not worth a copy");
    store.append(rate(1)).unwrap();
    assert_eq!(copies(&mut store, false), [0; 0], "on the first day the copy waits for more labels");
    store.append(rate(2)).unwrap();
    assert_eq!(copies(&mut store, true), [2]);
    store.now = || Timestamp::now() + jiff::SignedDuration::from_hours(24);
    store.append(rate(3)).unwrap();
    assert_eq!(copies(&mut store, false), [2, 3], "midnight has passed");
    store.append(rate(4)).unwrap();
    assert_eq!(copies(&mut store, true), [2, 3], "one a day");
}

#[test]
fn a_truncated_or_overwritten_store_is_an_error_and_never_a_panic() {
    let (dir, path) = place();
    filled(&path, 300);
    let bytes = fs::read(&path).unwrap();
    assert!(bytes.len() > 20_000, "the log was put back into the file at closing");
    for length in [100, 512, 4096, 5000, bytes.len() / 2, bytes.len() - 4096] {
        let cut = dir.path().join(format!("cut{length}.db"));
        fs::write(&cut, &bytes[..length]).unwrap();
        assert!(Store::open(&cut, "mira").is_err(), "cut to {length}");
        assert!(!check(&cut).ok, "cut to {length}");
    }
    for page in (1..bytes.len() / 4096).step_by(5) {
        let bad = dir.path().join(format!("page{page}.db"));
        fs::write(&bad, &bytes).unwrap();
        let mut file = fs::File::options().write(true).open(&bad).unwrap();
        file.seek(SeekFrom::Start(page as u64 * 4096)).unwrap();
        file.write_all(&[0xA5; 4096]).unwrap();
        drop(file);
        let _ = Store::open(&bad, "mira");
        assert!(!check(&bad).ok, "page {page} overwritten");
    }
}

#[test]
fn two_sessions_on_one_store_see_each_other() {
    let (_dir, path) = place();
    let (mut a, mut mine) = Store::open(&path, "mira").unwrap();
    let (mut b, mut theirs) = Store::open(&path, "mira").unwrap();
    for n in 0..4 {
        let store = if n % 2 == 0 { &mut a } else { &mut b };
        let event = store.append(rate(n)).unwrap();
        if n % 2 == 0 { mine.apply(&event) } else { theirs.apply(&event) }
    }
    let [seen_by_a, seen_by_b] = [a.catch_up().unwrap(), b.catch_up().unwrap()];
    assert_eq!([&seen_by_a, &seen_by_b].map(|events| events.iter().map(|event| event.seq).collect::<Vec<_>>()), [[2, 4], [1, 3]]);
    mine.extend(&seen_by_a);
    theirs.extend(&seen_by_b);
    assert!(mine.agrees(&theirs));
    assert!(a.catch_up().unwrap().is_empty() && b.catch_up().unwrap().is_empty());
}

#[test]
fn a_copied_store_gets_a_writer_of_its_own() {
    let (dir, path) = place();
    let first = filled(&path, 2);
    let copy = dir.path().join("copy.db");
    fs::copy(&path, &copy).unwrap();
    let (mut store, session) = Store::open(&copy, "mira").unwrap();
    assert_eq!(session.len(), 2);
    let event = store.append(flag(9)).unwrap();
    assert_ne!(event.writer, first[0].writer);
    assert_eq!((event.seq, event.lamport), (1, 3));
    let (mut store, _) = Store::open(&path, "mira").unwrap();
    assert_eq!(store.append(flag(9)).unwrap().writer, first[0].writer, "the original goes on as before");
}

#[test]
fn a_store_opened_for_looking_refuses_to_save_and_gives_the_draft_back() {
    let (dir, path) = place();
    assert!(matches!(Store::view(&path, "mira"), Err(StoreError::Missing { .. })));
    assert!(!path.exists());
    filled(&path, 2);
    let (mut store, session) = Store::view(&path, "mira").unwrap();
    assert!(store.read_only() && session.len() == 2);
    let error = store.append(flag(3)).unwrap_err();
    assert!(error.to_string().starts_with("NOT SAVED: ") && error.to_string().contains("cannot be written"), "{error}");
    assert!(matches!(error, StoreError::NotSaved { draft, .. } if *draft == flag(3)));
    assert!(store.set_place("f", &1.into()).is_err());
    drop(store);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn an_immutable_uri_names_the_same_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a b?c#d%25ä.db");
    filled(&path, 2);
    let link = super::connect::open_immutable(&path, Durability::Wal).unwrap();
    assert!(link.read_only);
    assert_eq!(link.conn.query_row("SELECT count(*) FROM event", (), |row| row.get::<_, i64>(0)).unwrap(), 2);
}

#[test]
fn a_store_that_was_replaced_is_noticed_before_the_next_label_counts_as_saved() {
    let (dir, path) = place();
    let (mut store, _) = Store::open(&path, "mira").unwrap();
    store.append(flag(1)).unwrap();
    fs::rename(&path, dir.path().join("moved.db")).unwrap();
    let error = store.append(flag(2)).unwrap_err();
    assert!(error.to_string().contains("deleted or replaced"), "{error}");
    filled(&path, 1);
    assert!(store.append(flag(2)).unwrap_err().to_string().contains("deleted or replaced"));
}

#[test]
fn after_a_failed_connection_the_next_label_opens_the_store_again() {
    let (_dir, path) = place();
    let (mut store, _) = Store::open(&path, "mira").unwrap();
    store.append(flag(1)).unwrap();
    store.link = None;
    assert_eq!(store.append(flag(2)).unwrap().seq, 2);
    assert_eq!(store.place("f").unwrap(), None);
}

#[test]
fn an_event_that_reached_the_disk_in_a_failed_commit_is_not_written_twice() {
    let (_dir, path) = place();
    let (mut store, _) = Store::open(&path, "mira").unwrap();
    let mut stamped = None;
    let event = store.write(&flag(1), &mut stamped).unwrap();
    assert_eq!(store.write(&flag(1), &mut stamped).unwrap(), event);
    assert_eq!(check(&path).events, 1);
    // Had another program taken the number meanwhile, the event would get a new one.
    let mut stale = Some(event.clone());
    let (mut other, _) = Store::open(&path, "noor").unwrap();
    assert_eq!(other.write(&flag(1), &mut stale).unwrap(), event, "found by its id, whoever asks");
}

#[test]
fn a_clock_that_runs_backwards_is_marked_and_decides_nothing() {
    let (_dir, path) = place();
    let (mut store, _) = Store::open(&path, "mira").unwrap();
    store.append(flag(1)).unwrap();
    store.now = || "2001-01-01T00:00:00Z".parse().unwrap();
    let event = store.append(rate(1)).unwrap();
    assert!(event.clock_suspect && event.at_utc.starts_with("2001-01-01") && event.seq == 2 && event.lamport == 2);
    store.now = Timestamp::now;
    assert!(!store.append(flag(2)).unwrap().clock_suspect);
    assert!(check(&path).warnings.iter().any(|warning| warning.contains("ran backwards before 1 events")));
}

#[test]
fn a_text_beyond_the_limit_is_refused_before_it_is_stored() {
    let (_dir, path) = place();
    let (mut store, _) = Store::open(&path, "mira").unwrap();
    let note = |n| Draft::of(Action::Write { writing: Writing::Note, step: None, record: record(1), text: "x".repeat(n) });
    assert!(store.append(note(TEXT_LIMIT)).is_ok());
    let error = store.append(note(TEXT_LIMIT + 1)).unwrap_err();
    assert!(error.to_string().contains("at most 65536 bytes, found 65537"), "{error}");
    let text = "x".repeat(TEXT_LIMIT + 1);
    let back = Action::SendBack { record: record(1), decisions: Vec::new(), text: text.clone() };
    let by = "m".to_owned();
    let sampled = Sampled { parent: step(1), step: step(2), text, by, number: 0, temperature: 1.0 };
    let context = Context { sampled: vec![sampled], ..Context::default() };
    let rated = Draft::of(Action::Rate { step: step(2), rating: None }).saw(Saw { context, ..Saw::default() });
    for draft in [Draft::of(back), rated] {
        assert!(store.append(draft).unwrap_err().to_string().contains("at most 65536 bytes"));
    }
}

#[test]
fn the_place_is_kept_for_each_annotator_and_file() {
    let (_dir, path) = place();
    let place = serde_json::json!({"item": 3, "step": 1});
    let (mut store, _) = Store::open(&path, "mira").unwrap();
    store.set_place("a.jsonl", &1.into()).unwrap();
    store.set_place("a.jsonl", &place).unwrap();
    drop(store);
    let (mut store, _) = Store::open(&path, "mira").unwrap();
    assert_eq!((store.place("a.jsonl").unwrap(), store.place("b.jsonl").unwrap()), (Some(place), None));
    let (mut store, _) = Store::open(&path, "noor").unwrap();
    assert_eq!(store.place("a.jsonl").unwrap(), None);
}

#[test]
fn a_store_whose_making_was_cut_off_is_made_at_the_next_start() {
    let (_dir, path) = place();
    fs::write(&path, b"").unwrap();
    filled(&path, 1);
    let (_dir, path) = place();
    Connection::open(&path).unwrap().pragma_update(None, "journal_mode", "wal").unwrap();
    filled(&path, 1);
    assert!(check(&path).ok);
}

/// Run with `--ignored --nocapture` to see how long a large store takes to open.
#[test]
#[ignore = "a measurement"]
fn opening_a_large_store() {
    let (_dir, path) = place();
    let first = filled(&path, 1).remove(0);
    let mut conn = Connection::open(&path).unwrap();
    let transaction = conn.transaction().unwrap();
    let mut last = first;
    for n in 1..1_000_000_usize {
        let body = match n % 5 {
            4 => Body::Undo(last.id),
            _ => Body::Act(Action::FirstError {
                record: record(n),
                step: step(n),
                index: n % 9,
                clears: vec![],
                kind: String::new(),
            }),
        };
        let (seq, lamport) = (last.seq + 1, last.lamport + 1);
        let mut event = Event { seq, lamport, prev: Some(last.id), body, ..last.clone() };
        event.id = event.hash();
        rows::insert(&transaction, &event).unwrap();
        last = event;
    }
    transaction.commit().unwrap();
    drop(conn);
    let start = std::time::Instant::now();
    let (mut store, session) = Store::open(&path, "mira").unwrap();
    let opened = start.elapsed();
    assert_eq!(session.len(), 1_000_000);
    let start = std::time::Instant::now();
    store.append(flag(1)).unwrap();
    eprintln!("open {opened:?}, save {:?}", start.elapsed());
    let events = {
        let mut events = Vec::new();
        store.seen = 0;
        store.chains.clear();
        store.read_new(|event| events.push(event)).unwrap();
        events
    };
    let start = std::time::Instant::now();
    let mut session = Session::new("mira");
    session.extend(&events);
    eprintln!("fold {:?}", start.elapsed());
}
