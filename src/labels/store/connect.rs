//! Opening the database: is it ours, and are the settings in force on which durability rests.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::StoreError;
use super::disk::{FileId, FileSystem, make_parents};
use crate::labels::WriterId;
use crate::sqlite::immutable_uri;

/// "stsc", in the header of every store.
pub(super) const APPLICATION_ID: i32 = 0x7374_7363;
/// The schema that this program writes.
pub(super) const SCHEMA_VERSION: i64 = 2;
pub(super) const SCHEMA: &str = include_str!("schema.sql");
/// The schema of older stores: it knows fewer kinds of labels and no context.
pub(super) const SCHEMA_1: &str = include_str!("schema_1.sql");
/// How long one process waits while another one writes.
pub(super) const BUSY: Duration = Duration::from_secs(10);
/// 3.51.3 mends a race of two connections that could corrupt a database in WAL mode.
const OLDEST_LIBRARY: i32 = 3_051_003;

/// What the store is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Labelling; a missing store is made.
    Create,
    /// Labelling into a store that is there.
    Existing,
    /// Looking; nothing is written.
    View,
}

/// How a commit reaches the disk. Measured by replaying writes with power loss at every point: both keep every acknowledged event,
/// WAL with synchronous=NORMAL does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    /// Write-ahead log, synced at every commit.
    Wal,
    /// Rollback journal, synced with its directory: for network file systems, which have no shared memory.
    Rollback,
}

impl Durability {
    pub(super) fn journal_mode(self) -> &'static str {
        match self {
            Self::Wal => "wal",
            Self::Rollback => "delete",
        }
    }

    /// FULL or EXTRA, as `SQLite` numbers them.
    pub(super) fn synchronous(self) -> i64 {
        match self {
            Self::Wal => 2,
            Self::Rollback => 3,
        }
    }

    pub(super) fn for_file_system(file_system: Option<&FileSystem>) -> Self {
        if file_system.is_some_and(|file_system| file_system.network) { Self::Rollback } else { Self::Wal }
    }
}

/// An open, checked database.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) conn: Connection,
    pub(super) read_only: bool,
    /// Labels could be saved, were it not opened for looking alone.
    pub(super) writable: bool,
    pub(super) durability: Durability,
    pub(super) file: Option<FileId>,
    /// Schema of the store: 1 or [`SCHEMA_VERSION`].
    pub(super) schema: i64,
    /// Let go after the connection.
    hold: Option<Hold>,
}

/// Files that this process has open as stores.
static OPEN: Mutex<Vec<FileId>> = Mutex::new(Vec::new());

/// A file counts as open as long as this is there. Invariant: nobody opens and closes it by another way meanwhile, since that would end the
/// locks of its connections: POSIX keeps them for the process, not for the handle. Then whoever else closes the store takes the log away
/// that is being written (<https://sqlite.org/howtocorrupt.html>, 2.2).
#[derive(Debug)]
struct Hold(Option<FileId>);

impl Drop for Hold {
    fn drop(&mut self) {
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = open.iter().position(|file| Some(*file) == self.0) {
            open.swap_remove(at);
        }
    }
}

/// Opens the store, and makes it where `access` allows it.
pub(super) fn connect(path: &Path, access: Access) -> Result<Link, StoreError> {
    let durability = Durability::for_file_system(FileSystem::of(path).as_ref());
    connect_with(path, access, durability)
}

/// As [`connect`], with the given way to the disk.
pub(super) fn connect_with(path: &Path, access: Access, durability: Durability) -> Result<Link, StoreError> {
    if rusqlite::version_number() < OLDEST_LIBRARY {
        return Err(StoreError::Library { found: rusqlite::version() });
    }
    // Two programs that make the same store at once: switching to WAL is refused without waiting, so the wait is here.
    let start = Instant::now();
    loop {
        match attempt(path, access, durability) {
            Err(StoreError::Busy { .. }) if start.elapsed() < BUSY => std::thread::sleep(Duration::from_millis(20)),
            result => return result,
        }
    }
}

fn attempt(path: &Path, access: Access, durability: Durability) -> Result<Link, StoreError> {
    let hold = prepare(path, access)?;
    let mut link = match open(path, access, durability) {
        Err(error) if may_be_read_only(&error) => open_immutable(path, durability).ok_or(error)?,
        result => result?,
    };
    link.hold = Some(hold);
    let identity = link.identify(path)?;
    if identity == Identity::Blank {
        if access != Access::Create {
            return Err(StoreError::Missing { path: path.to_owned() });
        }
        let made = if link.read_only { Err(StoreError::ReadOnly { path: path.to_owned() }) } else { link.make(path) };
        made.map_err(StoreError::not_made)?;
    }
    if link.read_only {
        link.set(path, "query_only", 1)?;
    } else {
        link.make_durable(path)?;
    }
    if let Identity::Ours(schema) = identity {
        link.schema = schema;
    }
    if link.schema < SCHEMA_VERSION && access == Access::Create && !link.read_only {
        link.bring_up(path)?;
    }
    link.file = FileId::of(path);
    Ok(link)
}

/// Looks at the file before `SQLite` does, for plain answers; makes an empty one where allowed.
fn prepare(path: &Path, access: Access) -> Result<Hold, StoreError> {
    let io = |doing| move |cause| StoreError::Io { path: path.to_owned(), doing, cause };
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    let hold = |open: &mut Vec<FileId>| {
        let file = FileId::of(path);
        open.extend(file);
        Hold(file)
    };
    let found = match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if access != Access::Create {
                return Err(StoreError::Missing { path: path.to_owned() });
            }
            make_parents(path)?;
            let made = File::options().append(true).create(true).open(path).map_err(io("make the label store"));
            return made.map(|_| hold(&mut open)).map_err(StoreError::not_made);
        }
        found => found.map_err(io("open the label store"))?,
    };
    // One that is open was looked at when it was opened.
    if FileId::of(path).is_none_or(|file| !open.contains(&file)) {
        look(path, &found)?;
    }
    Ok(hold(&mut open))
}

/// What is wrong with a file, by its kind and its first bytes.
fn look(path: &Path, found: &std::fs::Metadata) -> Result<(), StoreError> {
    let not_sqlite = |found: String| Err(StoreError::NotSqlite { path: path.to_owned(), found });
    if !found.is_file() {
        return not_sqlite(if found.is_dir() { "a directory" } else { "something that is not a plain file" }.to_owned());
    }
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(100).read_to_end(&mut head));
    read.map_err(|cause| StoreError::Io { path: path.to_owned(), doing: "read the label store", cause })?;
    match head.len() {
        0 => Ok(()),
        // Power failed while SQLite wrote its first page: the journal beside it brings the file back to what was synced.
        _ if head.iter().zip(MAGIC).all(|(found, magic)| [0, *magic].contains(found)) && has_journal(path) => Ok(()),
        _ if !head.starts_with(MAGIC) => {
            let start: String = String::from_utf8_lossy(&head).chars().take(16).flat_map(char::escape_default).collect();
            not_sqlite(format!("a file that begins with \"{start}\""))
        }
        100.. => Ok(()),
        length => not_sqlite(format!("only the first {length} bytes of one")),
    }
}

/// What every database file of `SQLite` begins with.
const MAGIC: &[u8] = b"SQLite format 3\0";

/// True for a file that says in its header that it is a label store. Not for one that this process has open, because looking into it would end its locks.
pub fn is_store(path: &Path) -> bool {
    let mut head = [0; 72];
    // What is no plain file may never have anything to read.
    let plain = std::fs::metadata(path).is_ok_and(|found| found.is_file());
    let read = plain && File::open(path).and_then(|mut file| file.read_exact(&mut head)).is_ok();
    read && head.starts_with(MAGIC) && head[68..] == APPLICATION_ID.to_be_bytes()
}

/// True when changes to this database lie beside it that are not in it yet.
pub(super) fn has_journal(path: &Path) -> bool {
    ["-journal", "-wal"].into_iter().any(|suffix| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        std::fs::metadata(name).is_ok_and(|found| found.len() > 0)
    })
}

fn open(path: &Path, access: Access, durability: Durability) -> Result<Link, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(sql(path, "open the label store"))?;
    let writable = !conn.is_readonly(rusqlite::MAIN_DB).map_err(sql(path, "open the label store"))?;
    let read_only = access == Access::View || !writable;
    let link = Link { conn, read_only, writable, durability, file: None, schema: SCHEMA_VERSION, hold: None };
    link.guard(path)?;
    link.identify(path)?;
    Ok(link)
}

/// A file that nobody can write to needs no locks; without a log that waits to be read, what stands in it is all there is.
pub(super) fn open_immutable(path: &Path, durability: Durability) -> Option<Link> {
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    if std::fs::metadata(wal).is_ok_and(|found| found.len() > 0) {
        return None;
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let conn = Connection::open_with_flags(immutable_uri(path)?, flags).ok()?;
    let link = Link { conn, read_only: true, writable: false, durability, file: None, schema: SCHEMA_VERSION, hold: None };
    link.guard(path).ok()?;
    link.identify(path).ok()?;
    Some(link)
}

fn may_be_read_only(error: &StoreError) -> bool {
    use ErrorCode::{CannotOpen, PermissionDenied, ReadOnly, SystemIoFailure};
    let StoreError::Sqlite { cause, .. } = error else { return matches!(error, StoreError::ReadOnly { .. }) };
    matches!(cause.sqlite_error_code(), Some(CannotOpen | PermissionDenied | ReadOnly | SystemIoFailure))
}

#[derive(Debug, PartialEq, Eq)]
enum Identity {
    Blank,
    /// Of this schema.
    Ours(i64),
}

impl Link {
    /// Settings of the connection that keep a crafted or broken file from doing harm.
    fn guard(&self, path: &Path) -> Result<(), StoreError> {
        self.conn.busy_timeout(BUSY).map_err(sql(path, "open the label store"))?;
        for (setting, value) in [("trusted_schema", 0), ("cell_size_check", 1), ("foreign_keys", 1), ("mmap_size", 0)] {
            self.set(path, setting, value)?;
        }
        Ok(())
    }

    pub(super) fn set(&self, path: &Path, setting: &'static str, value: i64) -> Result<(), StoreError> {
        self.conn.pragma_update(None, setting, value).map_err(sql(path, "set up the label store"))
    }

    /// The value of a pragma.
    pub(super) fn number(&self, path: &Path, pragma: &'static str) -> Result<i64, StoreError> {
        self.conn.pragma_query_value(None, pragma, |row| row.get(0)).map_err(sql(path, "read the label store"))
    }

    fn identify(&self, path: &Path) -> Result<Identity, StoreError> {
        // One snapshot for all three: another process may be making the tables right now. Dropping it ends it.
        let snapshot = self.conn.unchecked_transaction().map_err(sql(path, "read the label store"))?;
        let tables: i64 = snapshot
            .query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))
            .map_err(sql(path, "read the label store"))?;
        let application = self.number(path, "application_id")?;
        let schema = self.number(path, "user_version")?;
        drop(snapshot);
        match (application, schema, tables) {
            (0, 0, 0) => Ok(Identity::Blank),
            (application, ..) if application != i64::from(APPLICATION_ID) => {
                let found = u32::try_from(application & 0xFFFF_FFFF).unwrap_or(0);
                Err(StoreError::Foreign { path: path.to_owned(), found })
            }
            (_, 1..=SCHEMA_VERSION, 1..) => Ok(Identity::Ours(schema)),
            (_, found, _) if found > SCHEMA_VERSION => {
                Err(StoreError::Newer { path: path.to_owned(), found, known: SCHEMA_VERSION })
            }
            _ => Err(damaged(path, format!("it has schema {schema} and {tables} tables"))),
        }
    }

    /// Makes the tables, all or none.
    fn make(&mut self, path: &Path) -> Result<(), StoreError> {
        self.make_durable(path)?;
        let id = random_id(path)?;
        let mut make = || -> rusqlite::Result<()> {
            let transaction = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let tables: i64 = transaction.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))?;
            if tables == 0 {
                transaction.execute_batch(SCHEMA)?;
                let mut meta = transaction.prepare("INSERT INTO meta(k, v) VALUES(?1, ?2)")?;
                meta.execute(("store_id", id.to_string()))?;
                meta.execute(("created", jiff::Timestamp::now().to_string()))?;
                drop(meta);
                transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
                transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
            }
            transaction.commit()
        };
        make().map_err(sql(path, "make the label store"))
    }

    /// Brings a store of schema 1 to the present one: all or nothing, after a copy was laid beside it. Events keep their names.
    pub(super) fn bring_up(&mut self, path: &Path) -> Result<(), StoreError> {
        super::backup::copy(&self.conn, path, "schema-1")?;
        let mut change = || -> rusqlite::Result<()> {
            let transaction = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let schema: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
            // Another program may have done it while this one waited.
            if schema == 1 {
                transaction.execute_batch(
                    "DROP TRIGGER event_no_update; DROP TRIGGER event_no_delete; DROP TRIGGER event_no_replace;
                     ALTER TABLE event RENAME TO old_event; ALTER TABLE meta RENAME TO old_meta; ALTER TABLE place RENAME TO old_place;",
                )?;
                transaction.execute_batch(SCHEMA)?;
                transaction.execute_batch(
                    "INSERT INTO meta SELECT * FROM old_meta; INSERT INTO place SELECT * FROM old_place;
                     INSERT INTO event SELECT *, NULL FROM old_event ORDER BY n;
                     DROP TABLE old_event; DROP TABLE old_meta; DROP TABLE old_place;",
                )?;
                transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
            }
            transaction.commit()
        };
        change().map_err(sql(path, "bring the label store to the present schema"))?;
        self.schema = SCHEMA_VERSION;
        Ok(())
    }

    /// Sets journal mode and synchronous and reads both back: libraries and builds change defaults.
    fn make_durable(&self, path: &Path) -> Result<(), StoreError> {
        let (journal, synchronous) = (self.durability.journal_mode(), self.durability.synchronous());
        let found: String = self
            .conn
            .pragma_update_and_check(None, "journal_mode", journal, |row| row.get(0))
            .map_err(sql(path, "set up the label store"))?;
        self.set(path, "synchronous", synchronous)?;
        let wrong = |setting, expected: &str, found: String| {
            Err(StoreError::Setting { path: path.to_owned(), setting, expected: expected.to_owned(), found })
        };
        if !found.eq_ignore_ascii_case(journal) {
            return wrong("journal_mode", journal, found);
        }
        for (setting, expected) in [("synchronous", synchronous), ("foreign_keys", 1)] {
            let found = self.number(path, setting)?;
            if found != expected {
                return wrong(setting, &expected.to_string(), found.to_string());
            }
        }
        Ok(())
    }
}

/// An id of 16 random bytes.
pub(super) fn random_id(path: &Path) -> Result<WriterId, StoreError> {
    let mut bytes = [0; 16];
    let refused = |error: getrandom::Error| StoreError::Io {
        path: path.to_owned(),
        doing: "get random bytes for the label store",
        cause: io::Error::other(error.to_string()),
    };
    getrandom::fill(&mut bytes).map_err(refused)?;
    Ok(WriterId::from(bytes))
}

/// Tables and triggers of our schema that this database does not have in the same words, and triggers and views that are not ours:
/// they could delete what was just called saved.
pub(super) fn guards(link: &Link) -> rusqlite::Result<Vec<String>> {
    let objects = |conn: &Connection| -> rusqlite::Result<Vec<(String, String, String)>> {
        let sentence = "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name";
        conn.prepare(sentence)?.query_map((), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect()
    };
    let model = Connection::open_in_memory()?;
    model.execute_batch(if link.schema == SCHEMA_VERSION { SCHEMA } else { SCHEMA_1 })?;
    let found = objects(&link.conn)?;
    let expected = objects(&model)?;
    let missing = expected.iter().filter(|object| !found.contains(object)).map(|(kind, name, _)| format!("{kind} {name}"));
    let strange = found
        .iter()
        .filter(|object| matches!(object.0.as_str(), "trigger" | "view") && !expected.contains(object))
        .map(|(kind, name, _)| format!("strange {kind} {name}"));
    Ok(missing.chain(strange).collect())
}

pub(super) fn damaged(path: &Path, what: impl Into<String>) -> StoreError {
    StoreError::Damaged { path: path.to_owned(), what: what.into() }
}

/// An error of `SQLite` in our words.
pub(super) fn sql<'a>(path: &'a Path, doing: &'static str) -> impl Fn(rusqlite::Error) -> StoreError + use<'a> {
    move |cause| {
        let path = path.to_owned();
        match cause.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                let holder = super::locks::holder(&path).unwrap_or_else(|| "another program".to_owned());
                StoreError::Busy { path, holder, seconds: BUSY.as_secs() }
            }
            Some(ErrorCode::NotADatabase) => StoreError::NotSqlite { path, found: "a file that SQLite cannot read".to_owned() },
            Some(ErrorCode::DatabaseCorrupt) => StoreError::Damaged { path, what: cause.to_string() },
            Some(ErrorCode::ReadOnly) => StoreError::ReadOnly { path },
            _ => StoreError::Sqlite { path, doing, cause },
        }
    }
}
