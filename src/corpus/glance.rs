//! Going through many problems by what their records say, without making traces.

use std::num::NonZero;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::Shared;
use super::store::Bytes;
use crate::formats::Glance;

/// Bytes read at once.
const BLOCK: u64 = 1 << 18;
/// So many are not worth a thread.
const FEW: usize = 128;

/// Asks each of these problems by its record; `None` where it has to be read whole, be it that `ask` wants that.
pub(super) fn glance<R>(
    shared: &Shared,
    problems: Range<usize>,
    mut ask: impl FnMut(usize, &Glance<'_>) -> Option<R>,
) -> Vec<Option<R>> {
    // Other steps than the record's own are not in it.
    let by_record = shared.segment.is_none();
    let mut passage = Passage { bytes: &shared.bytes, start: 0, block: Vec::new() };
    let places = places(shared, problems.clone());
    problems
        .zip(places)
        .map(|(problem, place)| {
            let (start, len) = place.filter(|_| by_record)?;
            let record = passage.record(start, len)?;
            // A defect of a format is told when the problem is read.
            catch_unwind(AssertUnwindSafe(|| shared.format.glance(record))).ok()?.and_then(|glance| ask(problem, &glance))
        })
        .collect()
}

/// Does a run of problems or records in parts, as many at a time as there are processors, and puts the results in their order.
pub fn in_parts<T: Send>(numbers: Range<usize>, work: impl Fn(Range<usize>) -> Vec<T> + Sync) -> Vec<T> {
    if numbers.len() < FEW {
        return work(numbers);
    }
    let share = numbers.len().div_ceil(std::thread::available_parallelism().map_or(1, NonZero::get)).max(1);
    let work = &work;
    std::thread::scope(|scope| {
        let parts = numbers.clone().step_by(share).map(|from| from..numbers.end.min(from + share));
        let threads: Vec<_> = parts.map(|part| scope.spawn(move || work(part))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    })
}

/// Where the record of each problem lies that has but one.
fn places(shared: &Shared, problems: Range<usize>) -> Vec<Option<(u64, u64)>> {
    let (groups, index) = (shared.groups(), shared.index());
    problems
        .map(|problem| {
            let record = groups.only_record(problem)?;
            let (start, len) = index.span(record).filter(|_| index.fault(record).is_none())?;
            shared.bytes.fault(start).is_none().then_some((start, len))
        })
        .collect()
}

/// A passage of the file that is read once for all records in it.
struct Passage<'a> {
    bytes: &'a Bytes,
    start: u64,
    block: Vec<u8>,
}

impl Passage<'_> {
    fn record(&mut self, start: u64, len: u64) -> Option<&[u8]> {
        let inside = |passage: &Self| {
            let from = usize::try_from(start.checked_sub(passage.start)?).ok()?;
            let to = from.checked_add(usize::try_from(len).ok()?)?;
            (to <= passage.block.len()).then_some(from..to)
        };
        if inside(self).is_none() {
            self.block.resize(usize::try_from(len.max(BLOCK)).ok()?, 0);
            let read = self.bytes.read_at(&mut self.block, start).ok()?;
            self.block.truncate(read);
            self.start = start;
        }
        self.block.get(inside(self)?)
    }
}
