//! `store check`: everything on which "saved" rests, looked at again.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use serde::{Serialize, Serializer};

use super::super::{Event, Session};
use super::connect::{Access, Durability, Link, SCHEMA_VERSION, connect, guards, sql};
use super::disk::{FileSystem, median, scratch, sync_time};
use super::rescue::{sound_copy, way_out};
use super::{CONTRACT, StoreError, rows};

/// Below this a disk without power-loss protection cannot have written anything.
const SUSPICIOUS: Duration = Duration::from_micros(200);
const ROUNDS: usize = 21;

/// What was found in a store.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    /// The store.
    #[serde(serialize_with = "lossy")]
    pub path: PathBuf,
    /// True without problems.
    pub ok: bool,
    /// What "saved" means.
    pub contract: &'static str,
    /// Version of the `SQLite` library.
    pub sqlite: &'static str,
    /// Schema of the store.
    pub schema: Option<i64>,
    /// Journal mode that the store is in.
    pub journal_mode: Option<String>,
    /// Synchronous mode of a session.
    pub synchronous: Option<&'static str>,
    /// Labels can be seen but not saved.
    pub read_only: bool,
    /// Kind of the file system.
    pub file_system: Option<String>,
    /// Median time in which the disk confirms 4 KiB, in milliseconds.
    pub fsync_ms_p50: Option<f64>,
    /// Median time of a commit with the settings of the store, in milliseconds.
    pub commit_ms_p50: Option<f64>,
    /// "ok", or what `SQLite`'s integrity check says.
    pub integrity: Option<String>,
    /// Number of events.
    pub events: u64,
    /// Number of decisions in force, by annotator.
    pub decisions: BTreeMap<String, u64>,
    /// Who wrote them.
    pub writers: Vec<WriterCheck>,
    /// What is wrong, one line each.
    pub problems: Vec<String>,
    /// What should be known, one line each.
    pub warnings: Vec<String>,
}

/// A path need not be text, and JSON is nothing else.
pub(super) fn lossy<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

/// The events of one writer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WriterCheck {
    /// Its id.
    pub writer: String,
    /// The annotator.
    pub annotator: String,
    /// Number of events.
    pub events: u64,
    /// Number of the last one.
    pub last: u64,
}

/// Checks the store at `path`. Its settings and events stay as they are; like everybody who closes a store as the last one, this puts a log that
/// lies beside it into it.
pub fn check(path: &Path) -> Check {
    let mut check = Check {
        path: path.to_owned(),
        ok: false,
        contract: CONTRACT,
        sqlite: rusqlite::version(),
        schema: None,
        journal_mode: None,
        synchronous: None,
        read_only: false,
        file_system: None,
        fsync_ms_p50: None,
        commit_ms_p50: None,
        integrity: None,
        events: 0,
        decisions: BTreeMap::new(),
        writers: Vec::new(),
        problems: Vec::new(),
        warnings: Vec::new(),
    };
    let found = check.run(path);
    check.problems.extend(found.as_ref().err().map(StoreError::plain));
    check.warnings.extend(match found {
        Err(StoreError::Busy { .. }) => Vec::new(),
        // Nothing can be taken out of what is no store (any more); a copy may hold what it was.
        Err(StoreError::NotSqlite { .. } | StoreError::Missing { .. }) => sound_copy(path).into_iter().collect(),
        _ if check.problems.is_empty() => Vec::new(),
        _ => way_out(path),
    });
    check.ok = check.problems.is_empty();
    check
}

impl Check {
    fn run(&mut self, path: &Path) -> Result<(), StoreError> {
        let path = &std::path::absolute(path).map_err(|cause| StoreError::Io {
            path: path.to_owned(),
            doing: "open the label store",
            cause,
        })?;
        let link = connect(path, Access::View)?;
        self.settings(path, &link)?;
        self.disk(path, link.durability);
        // A page that cannot be read says nothing of the others.
        if let Err(error) = self.integrity(path, &link) {
            self.problems.push(error.plain());
            self.integrity = Some("not known: it could not be checked".to_owned());
        }
        let events = self.events(path, &link)?;
        self.rebuild(events);
        Ok(())
    }

    fn settings(&mut self, path: &Path, link: &Link) -> Result<(), StoreError> {
        self.read_only = !link.writable;
        self.schema = Some(link.schema);
        if link.schema < SCHEMA_VERSION {
            self.warnings
                .push(format!("schema {}: the next session brings it to schema {SCHEMA_VERSION}, after a copy", link.schema));
        }
        let read = sql(path, "read the label store");
        let mode: String = link.conn.pragma_query_value(None, "journal_mode", |row| row.get(0)).map_err(&read)?;
        // It belongs to a connection, not to the file: whether the library takes what every session asks for is to be seen.
        link.set(path, "synchronous", link.durability.synchronous())?;
        let synchronous = link.number(path, "synchronous")?;
        self.synchronous = Some(match synchronous {
            0 => "OFF",
            1 => "NORMAL",
            2 => "FULL",
            _ => "EXTRA",
        });
        let expected = link.durability;
        if synchronous != expected.synchronous() {
            self.problems.push(format!("synchronous stays {synchronous} where {} was asked for", expected.synchronous()));
        }
        if !link.writable {
            self.warnings.push(format!("{}: labels can be seen but not saved", StoreError::ReadOnly { path: path.to_owned() }));
        } else if mode != expected.journal_mode() {
            self.warnings.push(format!("journal mode {mode}: the next session makes it {}", expected.journal_mode()));
        }
        self.journal_mode = Some(mode);
        for name in guards(link).map_err(&read)? {
            self.problems.push(format!("{name} is missing, changed or not ours: events of this store could be altered"));
        }
        Ok(())
    }

    fn disk(&mut self, path: &Path, durability: Durability) {
        if let Some(found) = FileSystem::of(path) {
            if found.network {
                self.warnings.push(format!("the store is on a network file system ({})", found.name));
            }
            if found.volatile {
                self.warnings.push(format!("the store is in memory ({}): it is lost when the machine stops", found.name));
            }
            self.file_system = Some(found.name);
        }
        let (sync, commit) = (sync_time(path, ROUNDS), commit_time(path, durability));
        let ms = |time: Duration| (time.as_secs_f64() * 1e6).round() / 1e3;
        self.fsync_ms_p50 = sync.map(ms);
        self.commit_ms_p50 = commit.map(ms);
        if sync.or(commit).is_some_and(|time| time < SUSPICIOUS) {
            self.warnings
                .push("this disk confirms faster than a disk can write: labels may not survive a power failure".to_owned());
        }
        if sync.is_none() {
            self.warnings.push("the time of a save was not measured: nothing can be written beside the store".to_owned());
        }
    }

    fn integrity(&mut self, path: &Path, link: &Link) -> Result<(), StoreError> {
        let error = sql(path, "check the label store");
        let mut statement = link.conn.prepare("PRAGMA integrity_check(10)").map_err(&error)?;
        let lines: Result<Vec<String>, _> = statement.query_map((), |row| row.get(0)).and_then(Iterator::collect);
        let lines = lines.map_err(&error)?;
        if lines != ["ok"] {
            self.problems.extend(lines.iter().map(|line| format!("integrity: {line}")));
        }
        self.integrity = Some(lines.join("; "));
        Ok(())
    }

    /// Reads every event leniently: one that is damaged is a problem, those behind it are still looked at.
    fn events(&mut self, path: &Path, link: &Link) -> Result<Vec<Event>, StoreError> {
        let error = sql(path, "read the label store");
        let mut statement = link.conn.prepare(rows::newer(link.schema)).map_err(&error)?;
        let mut found = statement.query([i64::MIN]).map_err(&error)?;
        let (mut events, mut chains, mut writers) = (Vec::new(), HashMap::new(), BTreeMap::new());
        let mut suspect = 0_u64;
        loop {
            let row = match found.next() {
                Ok(Some(row)) => row,
                Ok(None) => break,
                Err(source) => {
                    self.problems.push(error(source).plain());
                    break;
                }
            };
            self.events += 1;
            let event = match rows::read(row) {
                Ok((_, Ok(event))) => event,
                Ok((n, Err(what))) => {
                    self.problems.push(format!("event {n}: {what}"));
                    continue;
                }
                Err(source) => {
                    self.problems.push(format!("event {}: {source}", self.events));
                    continue;
                }
            };
            if let Err(what) = rows::follow(&mut chains, &event) {
                self.problems.push(what);
                // Behind a hole the chain goes on.
                if event.seq > chains.get(&event.writer).map_or(0, |(seq, _)| *seq) {
                    chains.insert(event.writer, (event.seq, event.id));
                }
            }
            suspect += u64::from(event.clock_suspect);
            let writer = writers.entry(event.writer).or_insert_with(|| WriterCheck {
                writer: event.writer.to_string(),
                annotator: event.annotator.clone(),
                events: 0,
                last: 0,
            });
            writer.events += 1;
            writer.last = writer.last.max(event.seq);
            events.push(event);
        }
        self.writers = writers.into_values().collect();
        if suspect > 0 {
            self.warnings.push(format!("the clock ran backwards before {suspect} events; their order does not depend on it"));
        }
        Ok(events)
    }

    /// Folds the events as they were written and once more backwards: a state that hangs on the order of arrival is a wrong one.
    fn rebuild(&mut self, mut events: Vec<Event>) {
        let (mut session, mut again) = (Session::new(""), Session::new(""));
        session.extend(&events);
        events.sort_unstable_by_key(|event| std::cmp::Reverse(event.order()));
        again.extend(&events);
        if !session.agrees(&again) {
            self.problems.push("folding the events again gives other labels".to_owned());
        }
        let ids: HashSet<_> = events.iter().map(|event| event.id).collect();
        let lost =
            events.iter().filter(|event| matches!(event.body, super::Body::Undo(target) if !ids.contains(&target))).count();
        if lost > 0 {
            self.warnings.push(format!("{lost} undo events name an event that is not in this store"));
        }
        let names: Vec<String> = session.annotators().map(str::to_owned).collect();
        for name in names {
            session = session.seen_by(&name);
            self.decisions.insert(name, session.decisions() as u64);
        }
    }
}

/// Median time of a commit of one small row in a throw-away database beside the store, with the settings of the store.
fn commit_time(store: &Path, durability: Durability) -> Option<Duration> {
    let path = scratch(store, "commit")?;
    if path.exists() {
        return None;
    }
    let times = (|| -> rusqlite::Result<Vec<Duration>> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(&path, flags)?;
        conn.pragma_update(None, "journal_mode", durability.journal_mode())?;
        conn.pragma_update(None, "synchronous", durability.synchronous())?;
        conn.execute_batch("CREATE TABLE event(value TEXT) STRICT")?;
        let mut insert = conn.prepare("INSERT INTO event(value) VALUES(?1)")?;
        (0..ROUNDS)
            .map(|_| {
                let start = Instant::now();
                insert.execute(["x".repeat(300)])?;
                Ok(start.elapsed())
            })
            .collect()
    })();
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let mut file = path.clone().into_os_string();
        file.push(suffix);
        let _ = std::fs::remove_file(file);
    }
    median(times.ok()?)
}
