//! Scores kept across runs, by model and step. A cache: it may be deleted at any time, and whatever goes wrong with it costs time alone.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::types::FromSql;
use rusqlite::{Connection, ErrorCode, OpenFlags, params};

use crate::analysis::alike::Vector;
use crate::sqlite::immutable_uri;
use crate::trace::{Rationale, StepKey};

const SCHEMA: i64 = 2;
/// "stss", in the header of every cache that this program makes. Those of earlier versions have none.
const APPLICATION_ID: i32 = 0x7374_7373;
/// The columns of our tables.
const TABLES: [(&str, [&str; 3]); 3] =
    [("score", ["model", "step", "value"]), ("rationale", ["model", "step", "text"]), ("vector", ["model", "step", "steps"])];

/// A file of somebody else, which is left alone.
#[derive(Debug, thiserror::Error)]
#[error("{path} is no score cache; it was not changed", path = .0.display())]
pub struct NoCache(PathBuf);

/// Why a cache cannot be opened.
enum Fault {
    Foreign,
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// The cache file, shared by all processes of the user. Methods do not fail: see [`ScoreCache::take_notice`].
#[derive(Debug)]
pub struct ScoreCache {
    path: Option<PathBuf>,
    connection: Option<Connection>,
    notice: Option<String>,
    renewed: bool,
}

impl ScoreCache {
    /// The cache in the user's XDG cache folder.
    pub fn open_default() -> Self {
        let Some(path) = Self::default_path() else {
            return Self { notice: Some("no cache folder: scores are not kept".into()), ..Self::off() };
        };
        Self::open(&path)
    }

    /// Where [`ScoreCache::open_default`] looks.
    pub fn default_path() -> Option<PathBuf> {
        use etcetera::BaseStrategy;
        etcetera::choose_base_strategy().ok().map(|base| base.cache_dir().join("stepscope").join("scores.sqlite"))
    }

    /// The cache in this file, which is made when it is not there and replaced when it is a broken cache. Any other file is left as it is,
    /// and nothing is kept.
    pub fn open(path: &Path) -> Self {
        let off = |error: NoCache| Self { notice: Some(format!("{error}: scores are not kept")), ..Self::off() };
        Self::open_named(path).unwrap_or_else(off)
    }

    /// The same, for a file that a person named: one that is no cache is an error.
    pub fn open_named(path: &Path) -> Result<Self, NoCache> {
        let mut cache = Self { path: Some(path.to_owned()), ..Self::off() };
        match connect(path) {
            Ok(connection) => cache.connection = Some(connection),
            Err(Fault::Foreign) if may_renew(path) => cache.renew("it is no score cache"),
            Err(Fault::Foreign) => return Err(NoCache(path.to_owned())),
            Err(Fault::Sqlite(error)) => cache.recover(&error),
        }
        Ok(cache)
    }

    /// A cache that keeps nothing.
    pub fn off() -> Self {
        Self { path: None, connection: None, notice: None, renewed: false }
    }

    /// The file in which it keeps things; `None` for a cache that keeps nothing.
    pub fn place(&self) -> Option<PathBuf> {
        self.path.clone()
    }

    /// What the user should know, once.
    pub fn take_notice(&mut self) -> Option<String> {
        self.notice.take()
    }

    /// The known scores among these steps.
    pub fn get_many(&mut self, model: &str, keys: &[StepKey]) -> HashMap<StepKey, f64> {
        self.known("SELECT value FROM score WHERE model = ?1 AND step = ?2", model, keys, Some)
    }

    /// Keeps these scores, in one transaction.
    pub fn put_many(&mut self, model: &str, scores: &[(StepKey, f64)]) {
        if scores.is_empty() {
            return;
        }
        self.attempt(|connection| {
            let transaction = connection.transaction()?;
            {
                let mut insert =
                    transaction.prepare_cached("INSERT OR REPLACE INTO score (model, step, value) VALUES (?1, ?2, ?3)")?;
                for (key, value) in scores {
                    insert.execute(params![model, key.as_bytes(), value])?;
                }
            }
            transaction.commit()
        });
    }

    /// What models gave beside the scores of these steps.
    pub fn rationales(&mut self, model: &str, keys: &[StepKey]) -> HashMap<StepKey, Rationale> {
        let read = |text: String| serde_json::from_str(&text).ok();
        self.known("SELECT text FROM rationale WHERE model = ?1 AND step = ?2", model, keys, read)
    }

    /// Keeps what a model gave beside the score of a step, if it gave something.
    pub fn put_rationale(&mut self, model: &str, key: StepKey, rationale: Option<&Rationale>) {
        let Some(text) = rationale.and_then(|rationale| serde_json::to_string(rationale).ok()) else { return };
        self.attempt(|connection| {
            let mut insert =
                connection.prepare_cached("INSERT OR REPLACE INTO rationale (model, step, text) VALUES (?1, ?2, ?3)")?;
            insert.execute(params![model, key.as_bytes(), text])
        });
    }

    /// The known vectors among those of these texts.
    pub fn vectors(&mut self, model: &str, keys: &[StepKey]) -> HashMap<StepKey, Vector> {
        let read = |bytes: Vec<u8>| Vector::from_bytes(&bytes);
        self.known("SELECT steps FROM vector WHERE model = ?1 AND step = ?2", model, keys, read)
    }

    /// What a table has of these steps. A column that is not of this kind, or that `read` makes nothing of, counts as not known.
    fn known<C: FromSql, T>(
        &mut self,
        sql: &str,
        model: &str,
        keys: &[StepKey],
        read: impl Fn(C) -> Option<T>,
    ) -> HashMap<StepKey, T> {
        self.attempt(|connection| {
            let transaction = connection.transaction()?;
            let mut found = HashMap::new();
            {
                let mut select = transaction.prepare_cached(sql)?;
                for key in keys {
                    let mut rows = select.query(params![model, key.as_bytes()])?;
                    if let Some(row) = rows.next()?
                        && let Ok(column) = row.get::<_, C>(0)
                        && let Some(value) = read(column)
                    {
                        found.insert(*key, value);
                    }
                }
            }
            transaction.commit()?;
            Ok(found)
        })
        .unwrap_or_default()
    }

    /// Keeps these vectors, in one transaction.
    pub fn put_vectors(&mut self, model: &str, vectors: &[(StepKey, Vector)]) {
        self.attempt(|connection| {
            let transaction = connection.transaction()?;
            {
                let mut insert =
                    transaction.prepare_cached("INSERT OR REPLACE INTO vector (model, step, steps) VALUES (?1, ?2, ?3)")?;
                for (key, vector) in vectors {
                    insert.execute(params![model, key.as_bytes(), vector.to_bytes()])?;
                }
            }
            transaction.commit()
        });
    }

    fn attempt<T>(&mut self, mut work: impl FnMut(&mut Connection) -> rusqlite::Result<T>) -> Option<T> {
        match work(self.connection.as_mut()?) {
            Ok(value) => Some(value),
            Err(error) => {
                self.recover(&error);
                None
            }
        }
    }

    /// Replaces a broken file by a fresh one, once; any other fault switches the cache off, except that a busy one is left alone.
    fn recover(&mut self, error: &rusqlite::Error) {
        if matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
            && self.connection.is_some()
        {
            return;
        }
        self.connection = None;
        let Some(path) = self.path.clone() else { return };
        let broken = matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase));
        if broken && may_renew(&path) {
            self.renew(&error.to_string());
        } else {
            self.notice = Some(format!("the score cache {} cannot be used ({error}): scores are not kept", path.display()));
        }
    }

    /// Replaces a file that may be replaced by a fresh one, once.
    fn renew(&mut self, why: &str) {
        let Some(path) = self.path.clone() else { return };
        let shown = path.display();
        if !std::mem::replace(&mut self.renewed, true) {
            for suffix in ["", "-wal", "-shm", "-journal"] {
                let mut file = path.clone().into_os_string();
                file.push(suffix);
                let _ = fs::remove_file(file);
            }
            if let Ok(connection) = connect(&path) {
                self.connection = Some(connection);
                self.notice = Some(format!("the score cache {shown} was broken ({why}) and has been started anew"));
                return;
            }
        }
        self.notice = Some(format!("the score cache {shown} cannot be used ({why}): scores are not kept"));
    }
}

/// The place of the cache is ours, and so is a file that says in its header that it is a cache, whatever else is wrong with it.
fn may_renew(path: &Path) -> bool {
    ScoreCache::default_path().is_some_and(|ours| ours == path) || has_our_header(path)
}

fn has_our_header(path: &Path) -> bool {
    // Of the file format of SQLite: what every file begins with, and where the application id stands.
    let (mut head, id) = ([0; 72], 68..72);
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut head));
    read.is_ok() && head.starts_with(b"SQLite format 3\0") && head[id] == APPLICATION_ID.to_be_bytes()
}

/// Whether a file is there that is no cache. It is looked at without a lock and without a trace; what cannot be told so is told by
/// [`is_ours`] of the open database.
fn is_foreign(path: &Path) -> bool {
    let Ok(found) = fs::metadata(path) else { return false };
    if !found.is_file() {
        return true;
    }
    // SQLite takes a file without a byte for a new database.
    if found.len() == 0 {
        return false;
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let looked = immutable_uri(path).and_then(|uri| is_ours(&Connection::open_with_flags(uri, flags).ok()?).ok());
    // While another process writes, a file may look broken that is not.
    !looked.unwrap_or_else(|| has_our_header(path))
}

/// Whether a database is a cache: by its application id; without one it is a cache of an earlier version, or a database without a table.
fn is_ours(connection: &Connection) -> rusqlite::Result<bool> {
    let number = |pragma: &str| connection.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, i64>(0));
    match number("application_id")? {
        0 => {}
        id => return Ok(id == i64::from(APPLICATION_ID)),
    }
    let names =
        |sql: &str| -> rusqlite::Result<Vec<String>> { connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect() };
    let things = names("SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'")?;
    for thing in &things {
        let Some((_, columns)) = TABLES.iter().find(|(table, _)| table == thing) else { return Ok(false) };
        if names(&format!("SELECT name FROM pragma_table_info('{thing}')"))? != *columns {
            return Ok(false);
        }
    }
    Ok((1..=SCHEMA).contains(&number("user_version")?) || things.is_empty())
}

fn connect(path: &Path) -> Result<Connection, Fault> {
    if is_foreign(path) {
        return Err(Fault::Foreign);
    }
    if let Some(folder) = path.parent() {
        // When this fails, opening the file says why.
        let _ = fs::create_dir_all(folder);
    }
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // Losing scores to a power cut costs time alone.
    connection.pragma_update(None, "synchronous", "OFF")?;
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    if !is_ours(&transaction)? {
        return Err(Fault::Foreign);
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    let version: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version != SCHEMA {
        transaction.execute_batch(&format!(
            "DROP TABLE IF EXISTS score;
             DROP TABLE IF EXISTS rationale;
             CREATE TABLE score (model TEXT NOT NULL, step BLOB NOT NULL, value REAL NOT NULL, PRIMARY KEY (model, step)) WITHOUT ROWID;
             CREATE TABLE rationale (model TEXT NOT NULL, step BLOB NOT NULL, text TEXT NOT NULL, PRIMARY KEY (model, step)) WITHOUT ROWID;
             PRAGMA user_version = {SCHEMA};"
        ))?;
    }
    // Came later: files of earlier versions of the same schema get it as well.
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS vector (model TEXT NOT NULL, step BLOB NOT NULL, steps BLOB NOT NULL, PRIMARY KEY (model, step)) WITHOUT ROWID;",
    )?;
    // Names a file of ours with a table that is not ours.
    transaction.prepare("SELECT model, step, value FROM score LIMIT 1")?.query([])?.next()?;
    transaction.prepare("SELECT model, step, text FROM rationale LIMIT 1")?.query([])?.next()?;
    transaction.prepare("SELECT model, step, steps FROM vector LIMIT 1")?.query([])?.next()?;
    transaction.commit()?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::PromptKey;

    fn keys(count: usize) -> Vec<StepKey> {
        (0..count).map(|n| PromptKey::of("q").step(&n.to_string())).collect()
    }

    #[test]
    fn scores_are_found_again_under_their_model_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/scores.sqlite");
        let keys = keys(3);
        ScoreCache::open(&path).put_many("a", &[(keys[0], 0.25), (keys[1], 1.0)]);
        let mut cache = ScoreCache::open(&path);
        assert_eq!(cache.get_many("a", &keys), HashMap::from([(keys[0], 0.25), (keys[1], 1.0)]));
        assert_eq!(cache.get_many("b", &keys), HashMap::new());
        assert_eq!(cache.take_notice(), None);
    }

    #[test]
    fn vectors_are_found_again_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let (path, keys) = (folder.path().join("scores.sqlite"), keys(2));
        let vector = Vector::of(&[0.5, -1.0, 0.25]).unwrap();
        ScoreCache::open(&path).put_vectors("a", &[(keys[0], vector.clone())]);
        let mut cache = ScoreCache::open(&path);
        assert_eq!(cache.vectors("a", &keys), HashMap::from([(keys[0], vector)]));
        assert_eq!(cache.vectors("b", &keys), HashMap::new());
        assert_eq!(cache.take_notice(), None);
    }

    #[test]
    fn a_file_of_somebody_else_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let database = |name: &str, sql: &str| {
            let path = folder.path().join(name);
            Connection::open(&path).unwrap().execute_batch(sql).unwrap();
            path
        };
        let text = folder.path().join("in.jsonl");
        fs::write(&text, "{\"prompt\": \"q\"}\n".repeat(99)).unwrap();
        let score = "CREATE TABLE score (model TEXT, step BLOB, value REAL); PRAGMA user_version = 2;";
        for path in [
            text,
            database("id.db", &format!("{score} PRAGMA application_id = 7")),
            database("more.db", &format!("{score} CREATE TABLE mine (x)")),
            database("score.db", "CREATE TABLE score (name, points)"),
            database("none.db", "CREATE TABLE mine (x); PRAGMA user_version = 2"),
            database("wal.db", "PRAGMA journal_mode = WAL; CREATE TABLE mine (x)"),
        ] {
            let before = fs::read(&path).unwrap();
            let mut cache = ScoreCache::open(&path);
            let notice = cache.take_notice().unwrap();
            assert!(notice.contains("is no score cache; it was not changed"), "{notice}");
            cache.put_many("a", &[(keys(1)[0], 0.5)]);
            assert!(ScoreCache::open_named(&path).is_err());
            drop(cache);
            assert!(fs::read(&path).unwrap() == before, "{} was changed", path.display());
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 6, "and nothing stands beside them");
    }

    #[test]
    fn a_cache_of_an_earlier_version_is_known_by_its_tables() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scores.sqlite");
        let key = keys(1);
        ScoreCache::open(&path).put_many("a", &[(key[0], 0.5)]);
        Connection::open(&path).unwrap().execute_batch("PRAGMA application_id = 0; DROP TABLE vector").unwrap();
        let mut cache = ScoreCache::open(&path);
        assert_eq!((cache.get_many("a", &key).len(), cache.take_notice()), (1, None));
        drop(cache);
        assert!(has_our_header(&path));
    }

    #[test]
    fn a_broken_cache_is_started_anew_with_a_notice() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scores.sqlite");
        drop(ScoreCache::open(&path));
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        let mut cache = ScoreCache::open(&path);
        assert!(cache.take_notice().unwrap().contains("started anew"));
        cache.put_many("a", &[(keys(1)[0], 0.5)]);
        assert_eq!(cache.get_many("a", &keys(1)).len(), 1);
    }

    #[test]
    fn damage_in_the_middle_never_stops_the_work() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scores.sqlite");
        let keys = keys(5000);
        let scores: Vec<_> = keys.iter().map(|key| (*key, 0.5)).collect();
        ScoreCache::open(&path).put_many("a", &scores);
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[4096..middle].fill(0x5a);
        std::fs::write(&path, bytes).unwrap();
        let mut cache = ScoreCache::open(&path);
        cache.get_many("a", &keys);
        cache.put_many("a", &scores);
        assert_eq!(cache.get_many("a", &keys).len(), keys.len());
        assert!(cache.take_notice().is_some());
    }

    #[test]
    fn a_place_that_cannot_be_written_switches_the_cache_off() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "x").unwrap();
        let mut cache = ScoreCache::open(&file.join("scores.sqlite"));
        assert!(cache.take_notice().unwrap().contains("cannot be used"));
        cache.put_many("a", &[(keys(1)[0], 0.5)]);
        assert_eq!(cache.get_many("a", &keys(1)).len(), 0);
    }

    #[test]
    fn two_users_at_once_see_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scores.sqlite");
        let keys = keys(400);
        std::thread::scope(|scope| {
            for half in keys.chunks(200) {
                let path = &path;
                scope.spawn(move || {
                    let mut cache = ScoreCache::open(path);
                    for key in half {
                        cache.put_many("a", &[(*key, 0.5)]);
                    }
                    assert_eq!(cache.take_notice(), None);
                });
            }
        });
        assert_eq!(ScoreCache::open(&path).get_many("a", &keys).len(), 400);
    }
}
