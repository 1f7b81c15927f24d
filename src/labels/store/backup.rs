//! Copies beside the store: one a day, the last five kept, and one before a change of schema.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::civil::Date;
use rusqlite::Connection;
use rusqlite::backup::Backup;

use super::StoreError;
use super::connect::sql;
use super::disk::sync_dir;

/// Daily copies that are kept.
const KEPT: usize = 5;

/// Where the copy of this name lies.
pub(super) fn place(store: &Path, name: &str) -> PathBuf {
    let mut file = store.file_name().unwrap_or_default().to_owned();
    file.push(format!(".{name}.bak"));
    store.with_file_name(file)
}

/// Copies the store to `NAME.bak` beside it, unless that is there already. A copy that was cut short has another name and is written anew.
pub(super) fn copy(conn: &Connection, store: &Path, name: &str) -> Result<bool, StoreError> {
    let target = place(store, name);
    if target.exists() {
        return Ok(false);
    }
    let unfinished = place(store, &format!("{name}.part"));
    let io = |doing| move |cause| StoreError::Io { path: store.to_owned(), doing, cause };
    match std::fs::remove_file(&unfinished) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io("copy the label store")(error)),
        _ => {}
    }
    let write = || -> rusqlite::Result<()> {
        let mut copy = Connection::open(&unfinished)?;
        Backup::new(conn, &mut copy)?.run_to_completion(4096, Duration::ZERO, None)
    };
    write().map_err(sql(store, "copy the label store"))?;
    std::fs::File::open(&unfinished).and_then(|file| file.sync_all()).map_err(io("copy the label store"))?;
    std::fs::rename(&unfinished, &target).map_err(io("copy the label store"))?;
    // A change of schema rests on this copy: its name has to outlive a power failure, too.
    sync_dir(target.parent().unwrap_or(Path::new("."))).map_err(io("copy the label store"))?;
    Ok(true)
}

/// Keeps a copy of today and forgets all but the newest ones. The copy that was just made stays, whatever the clock said on other days: those
/// of days that are still to come go first.
pub(super) fn daily(conn: &Connection, store: &Path, today: Date) -> Result<(), StoreError> {
    if copy(conn, store, &today.to_string())? {
        let mut others: Vec<(Date, PathBuf)> = dailies(store).into_iter().filter(|(day, _)| *day != today).collect();
        others.sort_by_key(|(day, _)| (*day > today, std::cmp::Reverse(*day)));
        for (_, old) in others.into_iter().skip(KEPT - 1) {
            // A copy that cannot be removed is one copy too many, nothing worse.
            let _ = std::fs::remove_file(old);
        }
    }
    Ok(())
}

/// The daily copies with their days, oldest first.
pub(super) fn dailies(store: &Path) -> Vec<(Date, PathBuf)> {
    let prefix = format!("{}.", store.file_name().unwrap_or_default().to_string_lossy());
    let daily = |path: PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let day = name.strip_prefix(&prefix).and_then(|rest| rest.strip_suffix(".bak"))?.parse().ok()?;
        Some((day, path))
    };
    let folder = store.parent().unwrap_or(Path::new("."));
    let mut found: Vec<(Date, PathBuf)> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().filter_map(|entry| daily(entry.path())).collect();
    found.sort();
    found
}
