//! Files that change while they are open. Nothing waits for them: whoever shows the corpus asks from time to time. What is added to lines is
//! read on; a file that is another one by now is opened anew as a corpus of its own, so that rows of both never meet.

use std::fs::File;
use std::hash::{DefaultHasher, Hasher as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::build::{self, Indexer};
use super::folder::FileId;
use super::store::{Bytes, read_file};
use super::{Corpus, OpenError, Shared, Source, Way};

/// Time between two looks.
const PAUSE: Duration = Duration::from_millis(500);
/// A file that is another one is taken up when two looks find the same, but not later than this.
const PATIENCE: Duration = Duration::from_secs(5);
/// Last bytes that are compared, to notice a file that was written anew: all of a small one.
const TAIL: usize = 1 << 20;

/// What became of a file that is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It was replaced, cut or written anew, and whoever writes it seems to be done: [`Corpus::reopen`] reads what it is now.
    Replaced,
    /// It is no longer there.
    Gone,
    /// It grows, and what comes cannot be read, for this reason.
    Lost(String),
}

/// What is known of a followed file.
pub(super) struct Watch {
    path: PathBuf,
    way: Way,
    /// The file that was opened.
    opened: Stamp,
    look_at: Instant,
    /// The scanner of a file that grows, while no thread needs it, and the state of the file it stopped at.
    rest: Option<Rest>,
    /// What is there instead of the file that was opened.
    other: Option<Other>,
}

struct Rest {
    indexer: Indexer,
    tail: u64,
    modified: Option<SystemTime>,
}

/// Tells files apart, and states of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    id: FileId,
    len: u64,
    modified: Option<SystemTime>,
}

/// What is there instead of a file: another one, or none.
struct Other {
    found: Option<Stamp>,
    since: Instant,
    /// What was found was told.
    told: bool,
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let meta = std::fs::metadata(path).ok()?;
        Some(Self { id: (meta.dev(), meta.ino()), len: meta.len(), modified: meta.modified().ok() })
    }
}

impl Watch {
    /// `None` for what is not there.
    pub(super) fn new(path: &Path, way: Way) -> Option<Self> {
        let opened = Stamp::of(path)?;
        Some(Self { path: path.to_owned(), way, opened, look_at: Instant::now() + PAUSE, rest: None, other: None })
    }
}

impl Other {
    /// What there is to tell, once, after what was found now.
    fn look(&mut self, found: Option<Stamp>) -> Option<Change> {
        if found.is_some() != self.found.is_some() {
            self.since = Instant::now();
        }
        let settled = found == self.found || self.since.elapsed() > PATIENCE;
        if found != self.found {
            (self.found, self.told) = (found, false);
        }
        let change = match found {
            None => Change::Gone,
            // Whoever writes it anew has only begun.
            Some(Stamp { len: 0, .. }) => return None,
            Some(_) => Change::Replaced,
        };
        let tell = settled && !self.told;
        self.told |= settled;
        tell.then_some(change)
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

/// Keeps the scanner of a file that grows for what is still to come.
pub(super) fn rest(shared: &Shared, indexer: Indexer) {
    let (Some(mut watch), Bytes::File(file, _)) = (watch(shared), &shared.bytes) else { return };
    let modified = file.metadata().ok().and_then(|meta| meta.modified().ok());
    watch.rest = Some(Rest { indexer, tail: tail(file, shared.bytes.len()), modified });
}

fn watch(shared: &Shared) -> Option<MutexGuard<'_, Watch>> {
    Some(shared.watch.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
}

/// See [`super::Corpus::refresh`].
pub(super) fn refresh(shared: &Arc<Shared>) -> Option<Change> {
    let mut watch = watch(shared)?;
    let now = Instant::now();
    let reading = shared.grows() && (watch.rest.is_none() || !shared.is_complete());
    if now < watch.look_at || (reading && watch.other.is_none()) {
        return None;
    }
    watch.look_at = now + PAUSE;
    let found = Stamp::of(&watch.path);
    if let Some(other) = &mut watch.other {
        return other.look(found);
    }
    match (&shared.bytes, found) {
        (Bytes::File(file, len), Some(found)) if shared.grows() && goes_on(&mut watch, file, shared.bytes.len(), found) => {
            if found.len == shared.bytes.len() {
                return None;
            }
            let indexer = watch.rest.take()?.indexer;
            len.store(found.len, Ordering::Release);
            shared.reopened();
            build::spawn(shared, indexer).err().map(|error| Change::Lost(error.to_string()))
        }
        (_, found) if !shared.grows() && found == Some(watch.opened) => None,
        (_, found) => {
            watch.other = Some(Other { found, since: now, told: false });
            None
        }
    }
}

/// See [`super::Corpus::reopen`].
pub(super) fn reopen(shared: &Shared) -> Option<Result<Corpus, OpenError>> {
    let (path, way) = watch(shared).map(|watch| (watch.path.clone(), watch.way))?;
    Some(Corpus::follow(Source::Path(path), way))
}

/// True while a file that grows is the one that was read, as far as that was `known` bytes.
fn goes_on(watch: &mut Watch, file: &File, known: u64, found: Stamp) -> bool {
    let Some(rest) = &mut watch.rest else { return true };
    // Who only lets a file grow does not write to it without that; of a small one it is seen what was written.
    let grew = found.len > known || known <= TAIL as u64;
    let same = found.modified == rest.modified || (grew && tail(file, known) == rest.tail);
    let goes_on = found.id == watch.opened.id && found.len >= known && same;
    if goes_on {
        rest.modified = found.modified;
    }
    goes_on
}
