//! Events as rows of table `event`, and the chain from one to the next.

use std::collections::HashMap;

use rusqlite::{Connection, Row, params};

use super::super::columns::{Columns, DecodeError};
use super::super::{Event, EventId, WriterId};

/// Every event behind a row, in the order of the store.
pub(super) fn newer(schema: i64) -> &'static str {
    if schema == 1 { NEWER_1 } else { NEWER }
}

const NEWER: &str = "SELECT n, event_id, writer, seq, prev, lamport, annotator, at_utc, clock_suspect, kind, record_key, \
     step, step_key, value, target, saw_file, saw_item, saw_prm, saw_score, saw_blind, saw_shown, app_version, ms_spent, context \
     FROM event WHERE n > ?1 ORDER BY n";

/// The same of a store of schema 1, which has no context.
const NEWER_1: &str = "SELECT n, event_id, writer, seq, prev, lamport, annotator, at_utc, clock_suspect, kind, record_key, \
     step, step_key, value, target, saw_file, saw_item, saw_prm, saw_score, saw_blind, saw_shown, app_version, ms_spent, NULL \
     FROM event WHERE n > ?1 ORDER BY n";

const INSERT: &str = "INSERT INTO event(event_id, writer, seq, prev, lamport, annotator, at_utc, clock_suspect, kind, record_key, \
     step, step_key, value, target, saw_file, saw_item, saw_prm, saw_score, saw_blind, saw_shown, app_version, ms_spent, context) \
     VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23)";

/// Writes an event and returns its row.
pub(super) fn insert(conn: &Connection, event: &Event) -> rusqlite::Result<i64> {
    let c = event.columns();
    conn.prepare_cached(INSERT)?.insert(params![
        event.id.as_bytes(),
        c.writer,
        c.seq,
        c.prev,
        c.lamport,
        c.annotator,
        c.at_utc,
        c.clock_suspect,
        c.kind,
        c.record_key,
        c.step,
        c.step_key,
        c.value,
        c.target,
        c.saw_file,
        c.saw_item,
        c.saw_prm,
        c.saw_score,
        c.saw_blind,
        c.saw_shown,
        c.app_version,
        c.ms_spent,
        c.context,
    ])
}

/// Row and event of a row of [`newer`]. The outer error is `SQLite`'s, the inner one says that the row is no genuine event.
pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<(i64, Result<Event, DecodeError>)> {
    let columns = Columns {
        writer: row.get(2)?,
        seq: row.get(3)?,
        prev: row.get(4)?,
        lamport: row.get(5)?,
        annotator: row.get(6)?,
        at_utc: row.get(7)?,
        clock_suspect: row.get(8)?,
        kind: row.get(9)?,
        record_key: row.get(10)?,
        step: row.get(11)?,
        step_key: row.get(12)?,
        value: row.get(13)?,
        target: row.get(14)?,
        saw_file: row.get(15)?,
        saw_item: row.get(16)?,
        saw_prm: row.get(17)?,
        saw_score: row.get(18)?,
        saw_blind: row.get(19)?,
        saw_shown: row.get(20)?,
        app_version: row.get(21)?,
        ms_spent: row.get(22)?,
        context: row.get(23)?,
    };
    let id: Vec<u8> = row.get(1)?;
    Ok((row.get(0)?, columns.decode(&id)))
}

/// Goes one event on in its writer's chain; says what is wrong when it does not follow the one before, and leaves the chain as it is then.
pub(super) fn follow(chains: &mut HashMap<WriterId, (u64, EventId)>, event: &Event) -> Result<(), String> {
    let last = chains.get(&event.writer).copied();
    let (seq, prev) = last.map_or((0, None), |(seq, id)| (seq, Some(id)));
    if event.seq <= seq {
        return Err(format!("writer {}: two events have number {}", event.writer, event.seq));
    }
    if event.seq != seq + 1 {
        let missing = if event.seq == seq + 2 { format!("{}", seq + 1) } else { format!("{} to {}", seq + 1, event.seq - 1) };
        return Err(format!("writer {}: {missing} missing, has {}", event.writer, event.seq));
    }
    if event.prev != prev {
        return Err(format!("writer {}: event {} does not follow event {seq}", event.writer, event.seq));
    }
    chains.insert(event.writer, (event.seq, event.id));
    Ok(())
}
