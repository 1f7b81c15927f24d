//! The two threads behind a corpus. One finds the records, with all processors where they are lines; the other follows it and groups
//! them by unit and problem, so that the slower parsing never holds up the index. What they found is published block by block.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::error::escaped;
use super::framing::{End, Frame, Framer, Framing, RECORD_LIMIT, is_open};
use super::groups::RecordKeys;
use super::in_order::in_order;
use super::index::Fault;
use super::lines::LinePart;
use super::store::More;
use super::{Shared, follow};
use crate::formats::Glance;

/// Bytes read at once.
const BLOCK: usize = 1 << 20;
/// Bytes of lines that are found by all processors together, where so many are known to lie ahead.
const MANY: usize = 4 << 20;
/// Longest pause between two blocks: the index may be through in the meantime.
const PAUSE: Duration = Duration::from_millis(20);
/// Records whose keys are read at once when nothing else is left to do.
const AT_ONCE: usize = 512;

/// Finds the records of a file.
#[derive(Debug)]
pub(super) struct Indexer {
    framer: Framer,
    at: u64,
    frames: Vec<Frame>,
}

impl Indexer {
    pub(super) fn new(framing: Framing, bom: u64) -> Self {
        Self { framer: Framer::new(framing, bom), at: 0, frames: Vec::new() }
    }

    /// Takes bytes that were read already.
    pub(super) fn feed(&mut self, shared: &Shared, block: &[u8]) {
        let frames = &mut self.frames;
        self.framer.feed(self.at, block, &mut |frame| frames.push(frame));
        self.at += block.len() as u64;
        if let Framer::Values(scanner) = &self.framer
            && scanner.overlong(self.at)
        {
            self.recover();
        }
        self.publish(shared);
    }

    /// Lets all processors look for lines in what is known to lie ahead; false where there is too little of it, or none can be read.
    fn leap(&mut self, shared: &Shared) -> bool {
        let ahead = usize::try_from(shared.bytes.len().saturating_sub(self.at)).unwrap_or(usize::MAX);
        if ahead < MANY || !matches!(self.framer, Framer::Lines(_)) {
            return false;
        }
        let start = self.at;
        let scan = |buffer: &mut Vec<u8>, part: Range<usize>| {
            let (from, to) = (start + part.start as u64, start + part.end as u64);
            (from, LinePart::scan(&shared.bytes, from, if shared.stopped() { from } else { to }, buffer))
        };
        let begin = || {
            // The first screen comes before the rest of the index; a system that knows no such order has lost nothing.
            let _ = rustix::process::setpriority_process(None, 5);
            Vec::new()
        };
        in_order(0..ahead, BLOCK, begin, scan, |(from, part)| {
            // Behind a part that ended early is a gap.
            if let Framer::Lines(scanner) = &mut self.framer
                && from == self.at
            {
                self.at += part.read;
                scanner.join(from, part, &mut |frame| self.frames.push(frame));
                self.publish(shared);
            }
        });
        self.at > start
    }

    /// Reads and takes everything to the end of the file.
    pub(super) fn run(&mut self, shared: &Shared) {
        let mut buffer = vec![0; BLOCK];
        loop {
            loop {
                if shared.stopped() {
                    return;
                }
                match shared.bytes.beyond(self.at) {
                    Ok(More::Yes) if self.leap(shared) => continue,
                    Ok(More::Yes) => {}
                    Ok(More::Later) => continue,
                    Ok(More::End) => break,
                    Err(error) => return self.give_up(shared, escaped(&error.to_string())),
                }
                match shared.bytes.read_at(&mut buffer, self.at) {
                    Ok(0) => return self.give_up(shared, "the file became shorter while it was read".to_owned()),
                    Ok(n) => {
                        // A file that grows is read as it was when it was last looked at.
                        let left = usize::try_from(shared.bytes.len() - self.at).unwrap_or(usize::MAX);
                        self.feed(shared, &buffer[..n.min(left)]);
                    }
                    Err(error) => return self.give_up(shared, format!("cannot be read from here on: {error}")),
                }
            }
            if !self.recover() {
                break;
            }
        }
        self.finish(shared);
    }

    /// The end of the file, as far as it is written. In a file that is followed, a last line that is cut waits for its rest.
    pub(super) fn finish(&mut self, shared: &Shared) {
        let scanner = if let Framer::Lines(scanner) = &self.framer { Some(scanner.clone()) } else { None };
        let frames = &mut self.frames;
        let before = frames.len();
        self.framer.finish(self.at, &mut |frame| frames.push(frame));
        if let Some(scanner) = scanner
            && let Some(last) = self.frames.last_mut().filter(|frame| frame.len <= RECORD_LIMIT)
        {
            if shared.bytes.read(last.start, last.len).is_ok_and(|bytes| !is_open(&bytes)) {
                // The last line needs no line end; only an object that is not closed shows that something is missing.
                last.end = End::Whole;
                if let Framer::Lines(scanner) = &mut self.framer {
                    scanner.go_on(self.at);
                }
            } else if shared.grows() {
                self.frames.truncate(before);
                self.framer = Framer::Lines(scanner);
            }
        }
        self.publish(shared);
        shared.indexed();
    }

    /// Goes back to where a record without an end should have ended; false when there is no such place.
    fn recover(&mut self) -> bool {
        let Framer::Values(scanner) = &mut self.framer else { return false };
        let Some(next) = scanner.restart() else { return false };
        self.frames.push(scanner.abandoned(&next));
        self.at = next.offset();
        self.framer = Framer::Values(next);
        true
    }

    /// The rest of the file cannot be read.
    fn give_up(&mut self, shared: &Shared, message: String) {
        let mut index = shared.index.write().unwrap_or_else(PoisonError::into_inner);
        let line = index.line(index.len());
        index.push_with(Frame { start: self.at, len: 0, line, end: End::Cut }, Some(Fault::Unread(message)));
        drop(index);
        self.publish(shared);
        shared.indexed();
    }

    fn publish(&mut self, shared: &Shared) {
        let mut index = shared.index.write().unwrap_or_else(PoisonError::into_inner);
        for frame in self.frames.drain(..) {
            index.push(frame);
        }
        index.bytes = index.bytes.max(self.at);
        let records = index.len();
        drop(index);
        shared.found(records);
    }
}

/// Groups all records that are known by now. Returns how many there are.
pub(super) fn group(shared: &Shared) -> usize {
    loop {
        let from = shared.groups().records();
        if shared.is_indexed() {
            let known = shared.index().len();
            in_order(from..known, AT_ONCE, Vec::new, |block, part| keys_in(shared, part, block), |keys| add(shared, keys));
            return known;
        }
        let Some(to) = next_batch(shared, from) else { return from };
        let began = Instant::now();
        add(shared, read_keys(shared, from, to, &mut Vec::new()));
        if shared.stopped() {
            return to;
        }
        // Two threads of one core hold each other up: the index, which tells how much there is, goes first.
        if !shared.is_indexed() {
            std::thread::sleep((began.elapsed() * 8).min(PAUSE));
        }
    }
}

/// Puts the records that come next into their groups.
fn add(shared: &Shared, keys: Vec<RecordKeys>) {
    let mut groups = shared.groups.write().unwrap_or_else(PoisonError::into_inner);
    for keys in keys {
        groups.push(keys);
    }
    drop(groups);
    shared.grown();
}

/// End of the run of records from `from` on that fits into a block; `None` when no record is left.
fn next_batch(shared: &Shared, from: usize) -> Option<usize> {
    let index = shared.index();
    let (start, _) = index.span(from)?;
    let mut to = from + 1;
    while let Some((at, len)) = index.span(to)
        && at + len <= start + BLOCK as u64
    {
        to += 1;
    }
    Some(to)
}

/// The keys of a run of records, read block by block.
fn keys_in(shared: &Shared, records: Range<usize>, block: &mut Vec<u8>) -> Vec<RecordKeys> {
    let (mut keys, mut from) = (Vec::with_capacity(records.len()), records.start);
    while from < records.end && !shared.stopped() {
        let to = next_batch(shared, from).map_or(records.end, |to| to.min(records.end));
        keys.extend(read_keys(shared, from, to, block));
        from = to;
    }
    keys
}

/// Reads a run of records at once and asks the format for their keys. A record that cannot be read has none.
fn read_keys(shared: &Shared, from: usize, to: usize, block: &mut Vec<u8>) -> Vec<RecordKeys> {
    let spans: Vec<Option<(u64, u64)>> = {
        let index = shared.index();
        (from..to).map(|record| index.span(record).filter(|_| index.fault(record).is_none())).collect()
    };
    let mut good = spans.iter().flatten();
    let (start, first_len) = good.next().copied().unwrap_or_default();
    let end = good.last().map_or(start + first_len, |&(at, len)| at + len);
    block.resize(usize::try_from(end - start).unwrap_or(usize::MAX), 0);
    let read = shared.bytes.read_at(block, start).unwrap_or(0);
    let bytes = &block[..read];
    let keys = |(record, span): (usize, Option<(u64, u64)>)| {
        let (at, len) = span?;
        let at = usize::try_from(at - start).ok()?;
        keys_of(shared, record, bytes.get(at..at + usize::try_from(len).ok()?)?)
    };
    let or_none = |(record, span)| {
        keys((record, span)).unwrap_or_else(|| {
            shared.look.iter().for_each(|look| look(record, None));
            RecordKeys::default()
        })
    };
    (from..to).zip(spans).map(or_none).collect()
}

fn keys_of(shared: &Shared, number: usize, record: &[u8]) -> Option<RecordKeys> {
    // A defect of a format must not end the index: the record is shown alone, and reading it will say what happened.
    catch_unwind(AssertUnwindSafe(|| {
        let unit = shared.format.unit_key(record);
        let Some(look) = &shared.look else { return RecordKeys { unit, problem: shared.format.problem_hash(record) } };
        // Other steps than the record's own are not in it.
        let glance = if shared.segment.is_none() { shared.format.glance(record) } else { None };
        let problem = glance.as_ref().and_then(Glance::problem_hash).or_else(|| shared.format.problem_hash(record));
        look(number, glance.as_ref());
        RecordKeys { unit, problem }
    }))
    .ok()
}

/// Groups records until the index is complete.
fn group_all(shared: &Shared) {
    loop {
        let done = group(shared);
        if !shared.wait_for_more(done) {
            break;
        }
    }
    finish_groups(shared);
}

/// Groups what is left and closes the groups.
pub(super) fn finish_groups(shared: &Shared) {
    group(shared);
    shared.groups.write().unwrap_or_else(PoisonError::into_inner).finish();
    shared.grouped();
}

/// Starts both threads.
pub(super) fn spawn(shared: &Arc<Shared>, mut indexer: Indexer) -> std::io::Result<()> {
    let finder = Arc::clone(shared);
    let grouper = Arc::clone(shared);
    std::thread::Builder::new().name("corpus-index".into()).spawn(move || {
        // Whatever happens, nobody may wait forever.
        if catch_unwind(AssertUnwindSafe(|| indexer.run(&finder))).is_err() || finder.stopped() {
            finder.indexed();
        }
        follow::rest(&finder, indexer);
    })?;
    std::thread::Builder::new().name("corpus-groups".into()).spawn(move || {
        // The screen and the index go first where there are two processors; a system that knows no such order has lost nothing.
        let _ = rustix::process::setpriority_process(None, 10);
        if catch_unwind(AssertUnwindSafe(|| group_all(&grouper))).is_err() {
            grouper.grouped();
        }
    })?;
    Ok(())
}
