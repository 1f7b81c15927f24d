//! The label store: events in an `SQLite` file. "Saved" is said only after the operating system has confirmed that they are on the disk.
//!
//! One label is one transaction. Its number and its predecessor are read inside that transaction, so several programs can write
//! to one store. A connection that failed is never trusted again: the file is opened anew, checked, and the same event, known
//! by its id, is written once more. A store that cannot be written or made when a session begins takes labels as soon as it can.

mod backup;
mod check;
mod connect;
mod disk;
mod error;
mod locks;
mod merge;
mod places;
mod rescue;
mod rows;

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rusqlite::{OptionalExtension, Transaction, TransactionBehavior};

pub use check::{Check, WriterCheck, check};
pub use connect::is_store;
use connect::{Access, Link, SCHEMA_VERSION, connect, damaged, guards, has_journal, random_id, sql};
pub use disk::default_path;
use disk::{FileId, FileSystem};
pub use error::StoreError;
pub use merge::{Merged, Part, merge};

use super::columns::DecodeError;
use super::{Action, Body, Draft, Event, EventId, Session, WriterId};

/// What "saved" means, as `store check` prints it.
pub const CONTRACT: &str =
    "\"Saved\" means: this label is in the store file and the operating system has confirmed that it is on the disk.";

/// The longest note or reason, in bytes.
pub const TEXT_LIMIT: usize = 64 * 1024;

/// An open label store.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    annotator: String,
    access: Access,
    /// `None` after a failure, until the file could be opened again.
    link: Option<Link>,
    read_only: bool,
    /// The id that was given to it when it was made; `None` while it cannot be made.
    id: Option<String>,
    file: Option<FileId>,
    /// Under which this session writes; `None` as long as it cannot. No two sessions have the same one, so that also those on copies of a
    /// store, or on one that was put back as it was yesterday, never give the same number to two events.
    writer: Option<WriterId>,
    /// Number and id of the last event of `writer`.
    wrote: Option<(u64, EventId)>,
    /// Time of the last own event that was read.
    told_at: Option<Timestamp>,
    /// The database was found damaged: nothing is written to it.
    unsound: bool,
    /// Last number and id of each writer, to see holes and exchanged events as they are read.
    chains: HashMap<WriterId, (u64, EventId)>,
    /// Rows up to this one were handed out.
    seen: i64,
    /// Own rows behind `seen`.
    ahead: BTreeSet<i64>,
    /// Newest row whose Lamport clock is in `lamport`.
    tip: i64,
    lamport: u64,
    warnings: Vec<String>,
    /// The day on which it was opened, where nothing stood in it then.
    began: Option<Date>,
    /// The last day of which a copy was made, or tried in vain.
    copied: Option<Date>,
    now: fn() -> Timestamp,
}

impl Store {
    /// Opens the store for labelling and folds what it holds. A missing one is made, with its directories. One that cannot be written, or made,
    /// by what may change is opened all the same: every [`Store::append`] tries again, see [`Store::read_only`].
    pub fn open(path: &Path, annotator: &str) -> Result<(Self, Session), StoreError> {
        Self::with(path, annotator, Access::Create)
    }

    /// Opens the store for looking alone; nothing is made or written.
    pub fn view(path: &Path, annotator: &str) -> Result<(Self, Session), StoreError> {
        Self::with(path, annotator, Access::View)
    }

    /// All events of a store in its order. Nothing is made or written.
    pub fn events(path: &Path, annotator: &str) -> Result<Vec<Event>, StoreError> {
        let mut events = Vec::new();
        Self::begin(path, annotator, Access::View, |event| events.push(event)).map_err(rescue::advised)?;
        Ok(events)
    }

    fn with(path: &Path, annotator: &str, access: Access) -> Result<(Self, Session), StoreError> {
        let mut session = Session::new(annotator);
        let store = Self::begin(path, annotator, access, |event| session.apply(&event)).map_err(rescue::advised)?;
        Ok((store, session))
    }

    /// Opens the store and hands out every event in it.
    fn begin(path: &Path, annotator: &str, access: Access, on: impl FnMut(Event)) -> Result<Self, StoreError> {
        // Absolute, so that a later change of directory leads nowhere else and no name has a meaning of its own in SQLite.
        let path = std::path::absolute(path).map_err(|cause| StoreError::Io {
            path: path.to_owned(),
            doing: "open the label store",
            cause,
        })?;
        let (link, hindered) = match connect(&path, access) {
            Err(StoreError::NotMade { cause }) => (None, Some(*cause)),
            link => (Some(link?), None),
        };
        if let Some(link) = link.as_ref().filter(|_| access != Access::View) {
            guarded(&path, link)?;
        }
        let mut store = Self {
            annotator: annotator.to_owned(),
            access,
            read_only: link.as_ref().is_none_or(|link| link.read_only),
            id: link.as_ref().map(store_id),
            file: link.as_ref().and_then(|link| link.file),
            warnings: Vec::new(),
            link,
            writer: None,
            wrote: None,
            told_at: None,
            unsound: false,
            chains: HashMap::new(),
            seen: 0,
            ahead: BTreeSet::new(),
            tip: 0,
            lamport: 0,
            began: None,
            copied: None,
            now: Timestamp::now,
            path,
        };
        store.read_new(on)?;
        store.began = (store.seen == 0).then(|| store.today());
        let hindered = if hindered.is_none() { store.begin_writing()? } else { hindered };
        store.warnings = warnings(&store.path, hindered.as_ref());
        Ok(store)
    }

    /// Gets the annotator ready to write; gives back what is in the way of writing for now.
    fn begin_writing(&mut self) -> Result<Option<StoreError>, StoreError> {
        if self.access == Access::View {
            return Ok(None);
        }
        if self.read_only {
            return Ok(Some(StoreError::ReadOnly { path: self.path.clone() }));
        }
        self.writer = Some(random_id(&self.path)?);
        Ok(None)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whose labels are written.
    pub fn annotator(&self) -> &str {
        &self.annotator
    }

    /// True when labels can be seen but not saved: always where the store was opened for looking, else until [`Store::append`] succeeds.
    pub fn read_only(&self) -> bool {
        self.read_only || self.unsound
    }

    /// What the user should know of this store, one line each.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    fn link(&mut self) -> Result<&mut Link, StoreError> {
        if self.link.is_none() {
            self.reconnect()?;
        }
        // Invariant: reconnect() leaves a link or an error.
        self.link.as_mut().ok_or_else(|| StoreError::Missing { path: self.path.clone() })
    }

    /// Closes what is left of a connection that failed, opens the file anew and checks it.
    fn reconnect(&mut self) -> Result<(), StoreError> {
        self.link = None;
        self.is_still_there()?;
        let access = if self.read_only { Access::View } else { Access::Existing };
        let link = connect(&self.path, access)?;
        if link.file != self.file {
            return Err(StoreError::Replaced { path: self.path.clone() });
        }
        if link.read_only != self.read_only {
            return Err(StoreError::ReadOnly { path: self.path.clone() });
        }
        sound(&self.path, &link)?;
        self.link = Some(link);
        Ok(())
    }

    /// Opens the store for writing: one that could not be written or made when the session began, or one on a disk that was taken out and
    /// put back. It must be the same store, with everything in it that was read from it and saved in it.
    fn take_up(&mut self) -> Result<(), StoreError> {
        let path = self.path.clone();
        // What is closed now puts its log away.
        self.link = None;
        let access = if self.id.is_none() { Access::Create } else { Access::Existing };
        let mut link = connect(&path, access)?;
        if link.read_only {
            if link.file == self.file {
                self.link = Some(link);
            }
            return Err(StoreError::ReadOnly { path });
        }
        guarded(&path, &link)?;
        sound(&path, &link)?;
        if !self.goes_on_in(&link).map_err(sql(&path, "read the label store"))? {
            return Err(StoreError::Replaced { path });
        }
        if link.schema < SCHEMA_VERSION {
            link.bring_up(&path)?;
        }
        // What comes now has a chain of its own.
        (self.writer, self.wrote) = (Some(random_id(&path)?), None);
        (self.id, self.file) = (Some(store_id(&link)), link.file);
        self.link = Some(link);
        self.read_only = false;
        Ok(())
    }

    /// Everything that was read or saved stands in this database, in the same rows: by the chains, whose lengths leave no room for other rows.
    fn goes_on_in(&self, link: &Link) -> rusqlite::Result<bool> {
        if self.id.as_ref().is_some_and(|id| *id != store_id(link)) {
            return Ok(false);
        }
        let count = "SELECT count(*) FROM event WHERE n > 0 AND n <= ?1";
        let count: i64 = link.conn.query_row(count, [self.seen], |row| row.get(0))?;
        let read: u64 = self.chains.values().map(|(seq, _)| seq).sum();
        let mut same = u64::try_from(count) == Ok(read);
        let mut last = link.conn.prepare("SELECT 1 FROM event WHERE writer = ?1 AND seq = ?2 AND event_id = ?3 AND n <= ?4")?;
        for (writer, (seq, id)) in &self.chains {
            same &= last.exists((writer.as_bytes(), i64::try_from(*seq).unwrap_or(i64::MAX), id.as_bytes(), self.seen))?;
        }
        let mut own = link.conn.prepare("SELECT 1 FROM event WHERE n = ?1 AND annotator = ?2")?;
        for n in &self.ahead {
            same &= own.exists((n, &self.annotator))?;
        }
        Ok(same)
    }

    /// Saves a decision and returns it as an event once it is durable. Apply it to the session; [`Store::catch_up`] will not bring it again.
    ///
    /// On failure the error is [`StoreError::NotSaved`] and gives the draft back.
    pub fn append(&mut self, draft: Draft) -> Result<Event, StoreError> {
        self.save(&draft).map_err(|cause| StoreError::NotSaved { draft: Box::new(draft), cause: Box::new(cause) })
    }

    fn save(&mut self, draft: &Draft) -> Result<Event, StoreError> {
        if self.access == Access::View {
            return Err(StoreError::ReadOnly { path: self.path.clone() });
        }
        let found = text_length(draft);
        if found > TEXT_LIMIT {
            return Err(StoreError::TooLong { limit: TEXT_LIMIT, found });
        }
        if self.writer.is_none() {
            self.take_up()?;
        }
        if self.unsound {
            // What was damaged may have been put right, or another one put in its place: this looks at all of it again.
            if self.may_be_put_back() {
                self.take_up()?;
            } else {
                self.link = None;
                self.reconnect()?;
            }
            self.unsound = false;
        }
        let mut stamped = None;
        let result = match self.write(draft, &mut stamped) {
            Err(error) if error.ends_the_connection() => {
                self.reconnect()?;
                // A failed COMMIT may have reached the disk: the event keeps its id, so that it is there once at most.
                self.write(draft, &mut stamped)
            }
            Err(StoreError::Replaced { .. }) if self.may_be_put_back() => {
                self.take_up()?;
                self.write(draft, &mut stamped)
            }
            result => result,
        };
        // What cannot write is not asked again, also where the database itself sees no fault.
        if result.as_ref().err().is_some_and(|error| error.ends_the_connection() || matches!(error, StoreError::ReadOnly { .. }))
        {
            self.link = None;
        }
        result
    }

    fn write(&mut self, draft: &Draft, stamped: &mut Option<Event>) -> Result<Event, StoreError> {
        self.is_still_there()?;
        let path = self.path.clone();
        let (annotator, tip, lamport, now) = (self.annotator.clone(), self.tip, self.lamport, (self.now)());
        let writer = self.writer.ok_or_else(|| StoreError::ReadOnly { path: path.clone() })?;
        let (wrote, told_at) = (self.wrote, self.told_at);
        let link = self.link()?;
        let mut commit = || -> rusqlite::Result<Option<(Event, i64, i64)>> {
            let transaction = link.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let (newest, seen) = newest(&transaction, tip)?;
            if let Some((event, n)) = already_there(&transaction, stamped.as_ref())? {
                transaction.commit()?;
                return Ok(Some((event, n, newest)));
            }
            if let Some((seq, id)) = wrote
                && !holds(&transaction, writer, seq, id)?
            {
                return Ok(None);
            }
            let last = last_of(&transaction, writer)?;
            let last = Last { at: last.at.or(told_at), ..last };
            let same = |event: &Event| event.writer == writer && event.seq == last.seq + 1 && event.prev == last.id;
            let event = match stamped.take().filter(same) {
                Some(event) => event,
                None => stamp(draft, writer, &annotator, &last, seen.max(lamport) + 1, now),
            };
            *stamped = Some(event.clone());
            let n = rows::insert(&transaction, &event)?;
            transaction.commit()?;
            Ok(Some((event, n, n)))
        };
        // What was saved before is gone: an older copy was written over the store.
        let Some((event, n, newest)) = commit().map_err(sql(&path, "save the label"))? else {
            return Err(StoreError::Replaced { path });
        };
        self.is_still_there()?;
        self.wrote = Some((event.seq, event.id));
        self.tip = newest.max(n);
        self.lamport = self.lamport.max(event.lamport);
        if n == self.seen + 1 {
            self.seen = n;
            self.chains.insert(writer, (event.seq, event.id));
        } else {
            self.ahead.insert(n);
        }
        Ok(event)
    }

    /// The open file must still be the one that the path leads to, or "saved" would be a lie tomorrow.
    fn is_still_there(&self) -> Result<(), StoreError> {
        if FileId::of(&self.path) == self.file { Ok(()) } else { Err(StoreError::Replaced { path: self.path.clone() }) }
    }

    /// The path leads to another file than before: the store, or a copy of it, may have been put back. On the same disk what lies beside the
    /// file, its log above all, may belong to the one that is gone: that goes into its own file first, and is not read into another.
    fn may_be_put_back(&mut self) -> bool {
        let (now, Some(before)) = (FileId::of(&self.path), self.file) else { return false };
        if now.is_some_and(|now| now.device != before.device) {
            return true;
        }
        if now == Some(before) {
            return false;
        }
        if let Some(link) = &self.link {
            // What does not go leaves a log behind, which is seen.
            let _ = link.conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        }
        if now.is_some() {
            self.link = None;
        }
        now.is_some() && !has_journal(&self.path)
    }

    /// Events that other programs wrote since the store was opened or last asked, in the order of the store.
    pub fn catch_up(&mut self) -> Result<Vec<Event>, StoreError> {
        let mut events = Vec::new();
        self.read_new(|event| events.push(event))?;
        Ok(events)
    }

    /// Hands out every event behind `seen` that this program did not write itself, and follows the hash chains.
    fn read_new(&mut self, mut on: impl FnMut(Event)) -> Result<(), StoreError> {
        // Nothing stands in a store that could not be made.
        if self.id.is_none() {
            return Ok(());
        }
        let path = self.path.clone();
        let seen = self.seen;
        self.link()?;
        // Split borrows: the rows are read while chains and clocks are brought forward.
        let Self { link: Some(link), chains, ahead, seen: done, tip, lamport, annotator, told_at, .. } = self else {
            return Ok(());
        };
        let mut statement = link.conn.prepare_cached(rows::newer(link.schema)).map_err(sql(&path, "read the label store"))?;
        let mut found = statement.query([seen]).map_err(sql(&path, "read the label store"))?;
        while let Some(row) = found.next().map_err(sql(&path, "read the label store"))? {
            let (n, event) = rows::read(row).map_err(sql(&path, "read the label store"))?;
            let event = event.map_err(|error: DecodeError| damaged(&path, format!("event {n}: {error}")))?;
            // Otherwise it is not taken in, and asked for again: a file that cannot be written may have been read while others wrote to it.
            rows::follow(chains, &event).map_err(|what| damaged(&path, format!("event {n}: {what}")))?;
            *done = n;
            *tip = n.max(*tip);
            *lamport = event.lamport.max(*lamport);
            if event.annotator == *annotator {
                *told_at = event.at_utc.parse().ok().or(*told_at);
            }
            if !ahead.remove(&n) {
                on(event);
            }
        }
        Ok(())
    }

    /// Moves labels from the log beside the store into the store, as far as nobody stands in the way: who copies the one file has them then.
    pub fn settle(&mut self) -> Result<(), StoreError> {
        if self.read_only() {
            return Ok(());
        }
        let path = self.path.clone();
        let moved = self.link()?.conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        moved.map_err(sql(&path, "write the label store"))
    }

    /// Keeps a copy of today beside the store, one a day, and the last five of them. To be called in every quiet moment: only the first call of
    /// a day does something. On the day on which a store begins there is little to copy, and the copy is made at the end, `leaving`.
    ///
    /// A store that is found damaged is not copied, and no copy of it goes: [`StoreError::Damaged`] then says so, and no label is written to it.
    pub fn back_up(&mut self, leaving: bool) -> Result<(), StoreError> {
        let today = self.today();
        let early = self.began == Some(today) && !leaving;
        if self.read_only || self.seen == 0 || early || self.copied == Some(today) {
            return Ok(());
        }
        // Set before: what cannot be copied now is not tried again in every quiet moment.
        self.copied = Some(today);
        let path = self.path.clone();
        let link = self.link()?;
        if let Err(error) = sound(&path, link) {
            self.unsound |= matches!(error, StoreError::Damaged { .. });
            return Err(rescue::advised(error));
        }
        backup::daily(&link.conn, &path, today)
    }

    fn today(&self) -> Date {
        (self.now)().to_zoned(TimeZone::system()).date()
    }
}

/// The id that a store was given when it was made; all our stores have one.
fn store_id(link: &Link) -> String {
    link.conn.query_row("SELECT v FROM meta WHERE k = 'store_id'", (), |row| row.get(0)).unwrap_or_default()
}

/// A guard that is gone or strange could take away what was just called saved: no labels into such a store.
fn guarded(path: &Path, link: &Link) -> Result<(), StoreError> {
    match guards(link).map_err(sql(path, "read the label store"))?.first() {
        Some(what) => Err(damaged(path, format!("{what} is missing, changed or not ours"))),
        None => Ok(()),
    }
}

fn sound(path: &Path, link: &Link) -> Result<(), StoreError> {
    let verdict: String =
        link.conn.query_row("PRAGMA quick_check(1)", (), |row| row.get(0)).map_err(sql(path, "check the label store"))?;
    if verdict == "ok" { Ok(()) } else { Err(damaged(path, verdict)) }
}

/// What the user should know of the store at this path, the most important last.
fn warnings(path: &Path, hindered: Option<&StoreError>) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Some(found) = FileSystem::of(path) {
        if found.network {
            warnings.push(format!(
                "{}: the store is on a network file system ({}): saving is slower",
                path.display(),
                found.name
            ));
        }
        if found.volatile {
            warnings.push(format!(
                "{}: the store is in memory ({}): it is lost when the machine stops",
                path.display(),
                found.name
            ));
        }
    }
    if let Some(hindered) = hindered {
        warnings.push(format!("labels stay in memory, NOT SAVED, until the store can be written: {hindered}"));
    }
    warnings
}

/// The last event of a writer.
struct Last {
    seq: u64,
    id: Option<EventId>,
    at: Option<Timestamp>,
}

/// This event of the writer is there.
fn holds(transaction: &Transaction<'_>, writer: WriterId, seq: u64, id: EventId) -> rusqlite::Result<bool> {
    let sentence = "SELECT 1 FROM event WHERE writer = ?1 AND seq = ?2 AND event_id = ?3";
    let seq = i64::try_from(seq).unwrap_or(i64::MAX);
    transaction.prepare_cached(sentence)?.exists((writer.as_bytes(), seq, id.as_bytes()))
}

fn last_of(transaction: &Transaction<'_>, writer: WriterId) -> rusqlite::Result<Last> {
    let sentence = "SELECT seq, event_id, at_utc FROM event WHERE writer = ?1 ORDER BY seq DESC LIMIT 1";
    let last = transaction.prepare_cached(sentence)?.query_row([writer.as_bytes()], |row| {
        let (seq, id, at): (i64, Vec<u8>, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(Last { seq: u64::try_from(seq).unwrap_or(0), id: EventId::from_bytes(&id), at: at.parse().ok() })
    });
    Ok(last.optional()?.unwrap_or(Last { seq: 0, id: None, at: None }))
}

/// The newest row behind `tip` and the largest Lamport clock from there on.
fn newest(transaction: &Transaction<'_>, tip: i64) -> rusqlite::Result<(i64, u64)> {
    let mut statement = transaction.prepare_cached("SELECT max(n), max(lamport) FROM event WHERE n > ?1")?;
    let (n, lamport): (Option<i64>, Option<i64>) = statement.query_row([tip], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok((n.unwrap_or(tip), lamport.and_then(|lamport| u64::try_from(lamport).ok()).unwrap_or(0)))
}

fn already_there(transaction: &Transaction<'_>, event: Option<&Event>) -> rusqlite::Result<Option<(Event, i64)>> {
    let Some(event) = event else { return Ok(None) };
    let mut statement = transaction.prepare_cached("SELECT n FROM event WHERE event_id = ?1")?;
    let n = statement.query_row([event.id.as_bytes()], |row| row.get(0)).optional()?;
    Ok(n.map(|n| (event.clone(), n)))
}

fn stamp(draft: &Draft, writer: WriterId, annotator: &str, last: &Last, lamport: u64, now: Timestamp) -> Event {
    let mut saw = draft.saw.clone();
    saw.score = saw.score.filter(|score| score.is_finite());
    let mut event = Event {
        id: EventId::NONE,
        writer,
        seq: last.seq + 1,
        prev: last.id,
        lamport,
        annotator: annotator.to_owned(),
        at_utc: now.to_string(),
        clock_suspect: last.at.is_some_and(|before| now < before),
        body: draft.body.clone(),
        saw,
        app_version: env!("CARGO_PKG_VERSION").to_owned(),
        ms_spent: draft.ms_spent,
    };
    event.id = event.hash();
    event
}

/// Length of the longest text in a label, in bytes.
fn text_length(draft: &Draft) -> usize {
    let said = match &draft.body {
        Body::Act(
            Action::Write { text, .. }
            | Action::BadProblem { reason: text, .. }
            | Action::GiveUp { reason: text, .. }
            | Action::FirstError { kind: text, .. }
            | Action::SendBack { text, .. },
        ) => text.len(),
        Body::Act(
            Action::AllGood { .. }
            | Action::Rate { .. }
            | Action::RateRange { .. }
            | Action::Flag { .. }
            | Action::Skip { .. }
            | Action::Progress { .. }
            | Action::Choose { .. }
            | Action::Segment { .. }
            | Action::Names { .. },
        )
        | Body::Undo(_) => 0,
    };
    let sampled = draft.saw.context.sampled.iter().map(|sampled| sampled.text.len()).max().unwrap_or(0);
    said.max(sampled).max(draft.saw.shown.len())
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod power_loss;
#[cfg(test)]
mod tests;
