//! From a path to records, units and problems, without reading the file first.
//!
//! A [`Corpus`] is a file, an index of where its records lie, and a table of which records belong together. Both grow in the
//! background while the corpus is in use. A record is read by its position when somebody asks for it, and parsed then. A record
//! that cannot be read is an item with an error, never the end of the file. This module knows nothing of the formats' fields, of
//! scores, labels or the terminal.

mod blocks;
mod build;
mod cache;
mod container;
mod error;
mod folder;
mod follow;
mod framing;
mod glance;
mod groups;
mod head;
mod in_order;
mod index;
mod lines;
mod nested;
mod read;
mod sniff;
mod spool;
mod store;
mod values;

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock, RwLockReadGuard};

pub(crate) use container::check_setting;
pub(crate) use error::escaped;
pub use error::{OpenError, Refusal};
pub(crate) use folder::STDIN;
pub use folder::sources;
pub use follow::Change;
pub use framing::Framing;
pub use head::BY_NAME;
pub use in_order::in_order;

use crate::formats::{Format, Glance, RecordError, Unit};
use crate::segment::Rule;
use crate::trace::Trace;
use cache::Cache;
use follow::Watch;
use groups::Groups;
use head::Head;
use index::Index;
use store::Bytes;

/// Where a corpus comes from.
#[derive(Debug, Clone)]
pub enum Source {
    /// A regular file.
    Path(PathBuf),
    /// Standard input, to its end.
    Stdin,
    /// A file that is part of the program.
    Memory {
        /// What it is called.
        name: &'static str,
        /// Its content.
        bytes: &'static [u8],
    },
}

/// The format that somebody gave a file before.
pub type Remembered = fn(&Path) -> Option<&'static dyn Format>;

/// How a file is read.
#[derive(Clone, Copy, Default)]
pub struct Way {
    /// As this format; `None`: as the one that its content has.
    pub format: Option<&'static dyn Format>,
    /// In the steps of this rule; `None`: in its own.
    pub segment: Option<Rule>,
    /// Asked with the path of a file whose content is of no known format.
    pub remembered: Option<Remembered>,
}

impl From<Option<&'static dyn Format>> for Way {
    fn from(format: Option<&'static dyn Format>) -> Self {
        Self { format, ..Self::default() }
    }
}

/// Opens a source and reads its beginning.
fn begin(source: Source, way: Way) -> Result<(Bytes, Head), Refusal> {
    let path = match source {
        Source::Path(path) => path,
        Source::Stdin => return head::read(Bytes::stdin()?, way.format),
        Source::Memory { bytes, .. } => return head::read(Bytes::Memory(bytes), way.format),
    };
    let read = |format| head::read(Bytes::open(&path)?, format);
    let begun = read(way.format);
    let unknown = matches!(begun, Err(Refusal::UnknownFormat(_)));
    let Some(format) = way.remembered.filter(|_| unknown).and_then(|remembered| remembered(&path)) else { return begun };
    let (bytes, mut head) = read(Some(format))?;
    let said = format.mapping().unwrap_or_default().trim_end().replace('\n', ", ");
    head.evidence = format!("no known format, read as its keys were mapped before ({said}); --map says otherwise");
    Ok((bytes, head))
}

/// Is told what each record of a file says when it is grouped, or `None` where only reading it whole tells: on any thread, in any order.
pub type Look = Box<dyn Fn(usize, Option<&Glance<'_>>) + Send + Sync>;

/// A problem with everything that was tried on it in this file.
#[derive(Debug, Clone)]
pub struct ProblemView {
    /// All its solutions in one tree; `None` when no record of it can be read.
    pub trace: Option<Arc<Trace>>,
    /// Records of it that cannot be read.
    pub errors: Vec<RecordError>,
    /// Its units, in the order of the file.
    pub units: Vec<usize>,
}

/// An open file of traces. Cheap to clone; the threads that index it stop when the last clone is dropped.
#[derive(Clone)]
pub struct Corpus {
    handle: Arc<Handle>,
}

/// Stops the threads when the last clone of a corpus is dropped; the threads themselves hold [`Shared`] alone.
struct Handle {
    shared: Arc<Shared>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.shared.change(|_| ());
    }
}

/// How far the threads are.
#[derive(Debug, Default)]
struct Progress {
    records: usize,
    indexed: bool,
    grouped: bool,
}

/// What the corpus and its threads share.
struct Shared {
    name: String,
    bytes: Bytes,
    format: &'static dyn Format,
    segment: Option<Rule>,
    framing: Framing,
    evidence: String,
    index: RwLock<Index>,
    groups: RwLock<Groups>,
    cache: Mutex<Cache>,
    progress: Mutex<Progress>,
    changed: Condvar,
    generation: AtomicU64,
    stop: AtomicBool,
    /// `Some` when the file is followed.
    watch: Option<Mutex<Watch>>,
    /// Who wants to be told of every record.
    look: Option<Look>,
}

impl Shared {
    fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn groups(&self) -> RwLockReadGuard<'_, Groups> {
        self.groups.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn change(&self, change: impl FnOnce(&mut Progress)) {
        change(&mut self.progress.lock().unwrap_or_else(PoisonError::into_inner));
        self.generation.fetch_add(1, Ordering::Release);
        self.changed.notify_all();
    }

    /// So many records are known by now.
    fn found(&self, records: usize) {
        self.change(|progress| progress.records = records);
    }

    /// Units and problems were added.
    fn grown(&self) {
        self.change(|_| ());
    }

    /// The file has grown since it was read to its end.
    fn reopened(&self) {
        self.change(|progress| (progress.indexed, progress.grouped) = (false, false));
    }

    fn is_complete(&self) -> bool {
        let progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.indexed && progress.grouped
    }

    fn is_indexed(&self) -> bool {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).indexed
    }

    fn indexed(&self) {
        self.change(|progress| progress.indexed = true);
    }

    fn grouped(&self) {
        self.change(|progress| progress.grouped = true);
    }

    /// What is added to the file is read on: whatever is not lines is written anew as a whole.
    fn grows(&self) -> bool {
        self.watch.is_some() && self.framing == Framing::Lines && matches!(self.bytes, Bytes::File(..))
    }

    /// Waits until more than `records` records are known; false when there will be no more.
    fn wait_for_more(&self, records: usize) -> bool {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        while progress.records <= records && !progress.indexed && !self.stopped() {
            progress = self.changed.wait(progress).unwrap_or_else(PoisonError::into_inner);
        }
        progress.records > records && !self.stopped()
    }
}

impl Corpus {
    /// Opens a file. Returns as soon as its beginning is read and the format is known: the format given, or the one that the first
    /// records have (64 KiB or 50 records, more only when the first record is longer). Compressed files, archives and tables are
    /// known by their content.
    pub fn open(source: Source, way: impl Into<Way>) -> Result<Self, OpenError> {
        Self::start(source, way.into(), false, None)
    }

    /// Opens a file and tells of every record in it, without reading the file once more.
    pub fn look(source: Source, way: impl Into<Way>, look: Look) -> Result<Self, OpenError> {
        Self::start(source, way.into(), false, Some(look))
    }

    /// Opens a file that may still be written: [`Corpus::refresh`] takes in what has come. A last line that is cut is not shown before
    /// its rest is there.
    pub fn follow(source: Source, way: impl Into<Way>) -> Result<Self, OpenError> {
        Self::start(source, way.into(), true, None)
    }

    fn start(source: Source, way: Way, follow: bool, look: Option<Look>) -> Result<Self, OpenError> {
        let path = match &source {
            Source::Path(path) => path.clone(),
            Source::Stdin => PathBuf::from(folder::STDIN),
            Source::Memory { name, .. } => PathBuf::from(name),
        };
        let watch = if follow && matches!(source, Source::Path(_)) { Watch::new(&path, way) } else { None };
        let name = path.to_string_lossy().into_owned();
        let opened = begin(source, way).and_then(|(bytes, head)| Self::build(name, bytes, head, way.segment, watch, look));
        opened.map_err(|reason| OpenError { path, reason })
    }

    fn build(
        name: String,
        bytes: Bytes,
        head: Head,
        segment: Option<Rule>,
        watch: Option<Watch>,
        look: Option<Look>,
    ) -> Result<Self, Refusal> {
        let mut indexer = build::Indexer::new(head.framing, head.bom);
        let shared = Arc::new(Shared {
            name,
            bytes,
            format: head.format,
            segment,
            framing: head.framing,
            evidence: head.evidence,
            index: RwLock::default(),
            groups: RwLock::default(),
            cache: Mutex::default(),
            progress: Mutex::default(),
            changed: Condvar::new(),
            generation: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            watch: watch.map(Mutex::new),
            look,
        });
        // What was read to know the format is shown at once: the first screen needs no waiting.
        indexer.feed(&shared, &head.bytes);
        if head.whole {
            indexer.run(&shared);
            build::finish_groups(&shared);
            follow::rest(&shared, indexer);
        } else {
            build::group(&shared);
            build::spawn(&shared, indexer).map_err(|error| Refusal::io(&error))?;
        }
        Ok(Self { handle: Arc::new(Handle { shared }) })
    }

    /// Looks whether a file that is followed has changed, at most twice a second. What was added to lines is read in the background; of
    /// everything else it is told once what became of the file.
    pub fn refresh(&self) -> Option<Change> {
        follow::refresh(&self.handle.shared)
    }

    /// Opens a file that is followed once more, the same way: a corpus of its own, with what the file is now. `None` for what is not followed.
    pub fn reopen(&self) -> Option<Result<Self, OpenError>> {
        follow::reopen(self.shared())
    }

    /// Where these problems of another corpus stand here, as far as their text tells; each with its number there, in no order.
    pub fn find_again(&self, other: &Self, problems: &BTreeSet<usize>) -> Vec<(usize, usize)> {
        let keys = other.shared().groups().keys_of(problems);
        let here = self.shared().groups();
        keys.into_iter().filter_map(|(problem, key)| Some((problem, here.with_key(key)?))).collect()
    }

    fn shared(&self) -> &Shared {
        &self.handle.shared
    }

    /// The path as it was given, or the name of a file that is part of the program. May hold any character.
    pub fn name(&self) -> &str {
        &self.shared().name
    }

    /// The format that its records are read with.
    pub fn format(&self) -> &'static dyn Format {
        self.shared().format
    }

    /// The rule whose steps stand in place of the source's.
    pub fn segment(&self) -> Option<Rule> {
        self.shared().segment
    }

    /// How its records are laid out.
    pub fn framing(&self) -> Framing {
        self.shared().framing
    }

    /// Why this format was chosen.
    pub fn evidence(&self) -> &str {
        &self.shared().evidence
    }

    /// True when all records are found and grouped: no number will change any more, unless the file grows and is followed.
    pub fn is_complete(&self) -> bool {
        self.shared().is_complete()
    }

    /// Waits until the corpus is complete.
    pub fn wait(&self) {
        let shared = self.shared();
        let mut progress = shared.progress.lock().unwrap_or_else(PoisonError::into_inner);
        while !(progress.indexed && progress.grouped) {
            progress = shared.changed.wait(progress).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Bytes whose records are known, and bytes there are in all, an estimate where they are unpacked.
    pub fn progress(&self) -> (u64, u64) {
        (self.shared().index().bytes, self.shared().bytes.expected())
    }

    /// Records found so far, bad ones too.
    pub fn record_count(&self) -> usize {
        self.shared().index().len()
    }

    /// The bytes of a record, counted from 0, without its line end.
    pub fn raw(&self, record: usize) -> Result<Vec<u8>, RecordError> {
        read::raw(self.shared(), record).map(|(_, bytes)| bytes)
    }

    /// Gives all bytes of the corpus to `take`, from front to back, unpacked where they came packed; waits for those still to come.
    pub fn each_block(&self, mut take: impl FnMut(&[u8])) -> std::io::Result<()> {
        let bytes = &self.shared().bytes;
        bytes.wait()?;
        let (mut block, mut at) = (vec![0; 1 << 20], 0);
        loop {
            match bytes.read_at(&mut block, at)? {
                0 => return Ok(()),
                read => {
                    take(&block[..read]);
                    at += read as u64;
                }
            }
        }
    }

    /// Offset and length of a record in the file, in bytes.
    pub fn span(&self, record: usize) -> Option<(u64, u64)> {
        self.shared().index().span(record)
    }

    /// Physical line of a record's first byte, from 1; in tables the number of the row, in archives that of the member.
    pub fn line(&self, record: usize) -> usize {
        usize::try_from(self.shared().index().line(record)).unwrap_or(usize::MAX)
    }

    /// Units known so far. A unit is what one trace is read from: a record, or all records of one tree.
    pub fn unit_count(&self) -> usize {
        self.shared().groups().units()
    }

    /// Reads a unit, counted from 0 in the order of the file. Not cached: meant for going through a file once.
    pub fn unit(&self, unit: usize) -> Unit {
        read::unit(self.shared(), unit).0
    }

    /// The records of a unit, in the order of the file; empty for a unit that does not exist.
    pub fn unit_records(&self, unit: usize) -> Vec<usize> {
        self.shared().groups().unit_records(unit)
    }

    /// Problems known so far, in order of first appearance.
    pub fn problem_count(&self) -> usize {
        self.shared().groups().problems()
    }

    /// The units of a problem that are known by now, in the order in which their problem became known.
    pub fn problem_units(&self, problem: usize) -> Vec<usize> {
        self.shared().groups().problem_units(problem)
    }

    /// The problem of every unit; of a complete corpus.
    pub fn problems_of_units(&self) -> Vec<usize> {
        self.shared().groups().problems_of_units()
    }

    /// For each of these problems its record, where it has but one.
    pub fn only_records(&self, problems: Range<usize>) -> Vec<Option<usize>> {
        let groups = self.shared().groups();
        problems.map(|problem| groups.only_record(problem)).collect()
    }

    /// A problem with all units of it that are known by now, merged into one tree. Problems read lately are kept.
    pub fn problem(&self, problem: usize) -> Arc<ProblemView> {
        read::problem(self.shared(), problem)
    }

    /// Asks each of these problems by what its record says, without making a trace. `None` where the problem has to be read whole: it has
    /// more records than one, the format does not know its solutions at a glance, or `ask` wants to know more.
    pub fn glance<R>(&self, problems: Range<usize>, ask: impl FnMut(usize, &Glance<'_>) -> Option<R>) -> Vec<Option<R>> {
        glance::glance(self.shared(), problems, ask)
    }

    /// Changes whenever one of the counts grows.
    pub fn generation(&self) -> u64 {
        self.shared().generation.load(Ordering::Acquire)
    }
}

impl fmt::Debug for Corpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Corpus")
            .field("name", &self.name())
            .field("format", &self.format().name())
            .field("records", &self.record_count())
            .field("progress", &self.progress())
            .finish_non_exhaustive()
    }
}
