//! Going through many problems by what their records say, without making traces.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::Shared;
use super::store::Bytes;
use crate::formats::Glance;

/// Bytes read at once.
const BLOCK: u64 = 1 << 18;

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
