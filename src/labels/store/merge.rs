//! Several stores, or what is sound in damaged ones, as one new store: the union of their events.
//!
//! Events are immutable and named by what they say, so stores have nothing to argue about. Of each writer the chain is taken as far as it is
//! whole; what stands behind a hole, or in another store under the same number, is left out and told.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rusqlite::TransactionBehavior;
use serde::Serialize;

use super::connect::{Access, Link, connect, sql};
use super::disk::{scratch, sync_dir};
use super::{StoreError, rows};
use crate::labels::{Event, EventId, WriterId};

/// Most things that are told of one store.
const TOLD: usize = 20;
/// Rows in a row that cannot be read, after which a table whose length is not known has ended.
const END: i64 = 10_000;

/// What was brought together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Merged {
    /// The new store.
    #[serde(serialize_with = "super::check::lossy")]
    pub path: PathBuf,
    /// Its events.
    pub events: usize,
    /// What came from where.
    pub stores: Vec<Part>,
}

/// What came from one store.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Part {
    /// The store.
    #[serde(serialize_with = "super::check::lossy")]
    pub path: PathBuf,
    /// Events of it that are in the new one.
    pub events: usize,
    /// Events, or places where one should be, that are not.
    pub left_out: usize,
    /// Why, one line each; of very many the first ones.
    pub problems: Vec<String>,
}

impl Part {
    fn leave_out(&mut self, what: String) {
        self.left_out += 1;
        if self.problems.len() < TOLD {
            self.problems.push(what);
        }
    }
}

/// The chains of all stores together.
#[derive(Default)]
struct Chains {
    last: HashMap<WriterId, (u64, EventId)>,
    ids: HashMap<(WriterId, u64), EventId>,
    events: Vec<Event>,
}

impl Chains {
    /// Takes an event in that is known already or goes on with its chain.
    fn take(&mut self, event: Event) -> Result<(), String> {
        let place = (event.writer, event.seq);
        match self.ids.get(&place) {
            Some(id) if *id == event.id => return Ok(()),
            Some(_) => return Err(format!("writer {}: another store has another event {}", event.writer, event.seq)),
            None => {}
        }
        rows::follow(&mut self.last, &event)?;
        self.ids.insert(place, event.id);
        self.events.push(event);
        Ok(())
    }
}

/// Writes the union of the stores `from` into a new store at `to`, which is there whole or not at all. The others are not written to.
pub fn merge(from: &[PathBuf], to: &Path) -> Result<Merged, StoreError> {
    let refuse = |cause| StoreError::Io { path: to.to_owned(), doing: "make the merged store", cause };
    if to.symlink_metadata().is_ok() {
        return Err(refuse(std::io::ErrorKind::AlreadyExists.into()));
    }
    let mut chains = Chains::default();
    let stores = from.iter().map(|path| read(path, &mut chains)).collect::<Result<Vec<_>, _>>()?;
    // Along each chain the clock only goes up.
    chains.events.sort_by_key(Event::order);
    let to = &std::path::absolute(to).map_err(refuse)?;
    let unfinished = scratch(to, "merge").ok_or_else(|| refuse(std::io::ErrorKind::InvalidInput.into()))?;
    // Dropped on the way, it is gone.
    let unfinished = tempfile::TempPath::try_from_path(unfinished).map_err(refuse)?;
    write(&unfinished, &chains.events)?;
    unfinished.persist_noclobber(to).map_err(|error| refuse(error.error))?;
    sync_dir(to.parent().unwrap_or(Path::new("."))).map_err(refuse)?;
    Ok(Merged { path: to.clone(), events: chains.events.len(), stores })
}

/// Takes in every event of a store that can be read and is genuine.
fn read(path: &Path, chains: &mut Chains) -> Result<Part, StoreError> {
    let mut part = Part { path: path.to_owned(), events: 0, left_out: 0, problems: Vec::new() };
    let path = std::path::absolute(path).map_err(|cause| StoreError::Io {
        path: path.to_owned(),
        doing: "open the label store",
        cause,
    })?;
    let link = connect(&path, Access::View)?;
    let last = link.conn.query_row("SELECT max(n) FROM event", (), |row| row.get(0));
    let last: i64 = last.map_or(i64::MAX, |last: Option<i64>| last.unwrap_or(0));
    // Behind this row; those that cannot be read are passed over one by one.
    let (mut at, mut missed) = (0, 0);
    while at < last && (missed < END || last < i64::MAX) {
        let before = at;
        let Err(error) = read_on(&path, &link, &mut at, &mut part, chains) else { break };
        let first = at > before || missed == 0;
        missed = if first { 1 } else { missed + 1 };
        at += 1;
        if first {
            part.leave_out(format!("event {at}: {}", error.plain()));
        } else {
            part.left_out += 1;
        }
    }
    Ok(part)
}

/// Takes in the rows behind `at`, up to one that cannot be read.
fn read_on(path: &Path, link: &Link, at: &mut i64, part: &mut Part, chains: &mut Chains) -> Result<(), StoreError> {
    let error = sql(path, "read the label store");
    let mut statement = link.conn.prepare_cached(rows::newer(link.schema)).map_err(&error)?;
    let mut found = statement.query([*at]).map_err(&error)?;
    while let Some(row) = found.next().map_err(&error)? {
        let (n, event) = rows::read(row).map_err(&error)?;
        *at = n;
        let taken = event.map_err(|what| what.to_string()).and_then(|event| chains.take(event));
        match taken {
            Ok(()) => part.events += 1,
            Err(what) => part.leave_out(format!("event {n}: {what}")),
        }
    }
    Ok(())
}

/// Makes a new store with these events.
fn write(path: &Path, events: &[Event]) -> Result<(), StoreError> {
    let mut link = connect(path, Access::Create)?;
    let mut insert = || -> rusqlite::Result<()> {
        let transaction = link.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for event in events {
            rows::insert(&transaction, event)?;
        }
        transaction.commit()?;
        // It is to be one file.
        link.conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
    };
    insert().map_err(sql(path, "write the merged store"))
}
