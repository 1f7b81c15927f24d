//! Files that grow while they are open. Nothing waits for them: whoever shows the corpus asks from time to time.

use std::fs::File;
use std::hash::{DefaultHasher, Hasher as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::Shared;
use super::build::{self, Indexer};
use super::error::escaped;
use super::folder::{FileId, file_id};
use super::store::{Bytes, read_file};

/// Time between two looks.
const PAUSE: Duration = Duration::from_millis(500);
/// Last bytes that are compared, to notice a file that was written anew: all of a small one.
const TAIL: usize = 1 << 20;

/// What is known of a followed file.
#[derive(Debug)]
pub(super) struct Watch {
    path: PathBuf,
    /// Device and inode.
    identity: FileId,
    look_at: Instant,
    /// The scanner, while no thread needs it, and the state of the file it stopped at.
    rest: Option<Rest>,
    ended: bool,
}

#[derive(Debug)]
struct Rest {
    indexer: Indexer,
    tail: u64,
    modified: Option<SystemTime>,
}

impl Watch {
    /// `None` for what is no file.
    pub(super) fn new(path: &Path) -> Option<Self> {
        let identity = file_id(path)?;
        Some(Self { path: path.to_owned(), identity, look_at: Instant::now() + PAUSE, rest: None, ended: false })
    }
}

/// A hash of the last bytes of the file as far as it is known.
fn tail(file: &File, len: u64) -> u64 {
    let mut bytes = vec![0; TAIL.min(usize::try_from(len).unwrap_or(TAIL))];
    let start = len - bytes.len() as u64;
    let n = read_file(file, &mut bytes, start).unwrap_or(0);
    bytes.truncate(n);
    let mut hasher = DefaultHasher::new();
    hasher.write(&bytes);
    hasher.finish()
}

/// Keeps the scanner of a followed file for what is still to come.
pub(super) fn rest(shared: &Shared, indexer: Indexer) {
    let (Some(watch), Bytes::File(file, _)) = (&shared.watch, &shared.bytes) else { return };
    let modified = file.metadata().ok().and_then(|meta| meta.modified().ok());
    let rest = Rest { indexer, tail: tail(file, shared.bytes.len()), modified };
    watch.lock().unwrap_or_else(PoisonError::into_inner).rest = Some(rest);
}

/// See [`super::Corpus::refresh`].
pub(super) fn refresh(shared: &Arc<Shared>) -> Option<String> {
    let (Some(watch), Bytes::File(file, len)) = (&shared.watch, &shared.bytes) else { return None };
    let mut watch = watch.lock().unwrap_or_else(PoisonError::into_inner);
    let now = Instant::now();
    if watch.ended || now < watch.look_at || watch.rest.is_none() || !shared.is_complete() {
        return None;
    }
    watch.look_at = now + PAUSE;
    let known = len.load(Ordering::Acquire);
    match change(&mut watch, file, known) {
        Ok(size) if size == known => None,
        Ok(size) => {
            let indexer = watch.rest.take()?.indexer;
            len.store(size, Ordering::Release);
            shared.reopened();
            build::spawn(shared, indexer).err().map(|error| format!("{}: cannot be followed: {error}", escaped(&shared.name)))
        }
        Err(what) => {
            watch.ended = true;
            Some(format!("{} {what}; open it again to see what it holds now", escaped(&shared.name)))
        }
    }
}

/// The size of the file now; an error when it is not the file that was read.
fn change(watch: &mut Watch, file: &File, known: u64) -> Result<u64, String> {
    if file_id(&watch.path) != Some(watch.identity) {
        return Err("was replaced or removed".to_owned());
    }
    let meta = file.metadata().map_err(|error| format!("cannot be followed: {error}"))?;
    let Some(rest) = &mut watch.rest else { return Ok(known) };
    if meta.len() < known {
        return Err(format!("became shorter ({known} bytes, now {})", meta.len()));
    }
    // Who only lets a file grow does not write to it without that; of a small one it is seen what was written.
    let grew = meta.len() > known || known <= TAIL as u64;
    let modified = meta.modified().ok();
    if modified != rest.modified && (!grew || tail(file, known) != rest.tail) {
        return Err("was written anew".to_owned());
    }
    rest.modified = modified;
    Ok(meta.len())
}
