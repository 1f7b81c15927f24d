//! Where every record lies: 8 bytes a record, a base for each 4 GiB, and a line number for each run of records that stand line under line.

use std::collections::BTreeMap;

use super::framing::{End, Frame, RECORD_LIMIT};

/// Records of one piece of the table: growing never moves more than one piece.
const PIECE: usize = 1 << 14;

/// A record's place in 8 bytes: the offset behind its base, and the length.
#[derive(Debug, Clone, Copy)]
struct Span([u32; 2]);

/// Why a record cannot be read, known before its bytes are looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// Longer than the limit.
    TooLong(u64),
    /// The file ends inside of it.
    CutAtEnd,
    /// The next record begins inside of it.
    NeverEnds,
    /// The file ends before the array does.
    OpenArray,
    /// The file cannot be read from here on.
    Unread(String),
}

impl Fault {
    pub(super) fn message(&self) -> String {
        match self {
            Self::TooLong(bytes) => format!("record of {bytes} bytes; limit 64 MiB"),
            Self::CutAtEnd => "incomplete last record: the file ends inside of it (cut, or still being written)".to_owned(),
            Self::NeverEnds => "the record has no end: a closing bracket or quote is missing".to_owned(),
            Self::OpenArray => "expected `,` or `]` after the last record, found the end of the file (cut?)".to_owned(),
            Self::Unread(message) => message.clone(),
        }
    }
}

/// The records found so far. Only ever grows.
#[derive(Debug, Default)]
pub(super) struct Index {
    pieces: Vec<Vec<Span>>,
    /// First record and offset of every stretch of 4 GiB.
    bases: Vec<(usize, u64)>,
    /// First record and its line for every run of records that stand line under line.
    runs: Vec<(u32, u32)>,
    faults: BTreeMap<usize, Fault>,
    len: usize,
    /// Bytes of the file that were looked at.
    pub(super) bytes: u64,
}

impl Index {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Adds a record; one that is too long is added as an error.
    pub(super) fn push(&mut self, frame: Frame) {
        let fault = match (frame.len, frame.end) {
            (0, End::Cut) => Some(Fault::OpenArray),
            (len, _) if len > RECORD_LIMIT => Some(Fault::TooLong(len)),
            (_, End::Cut) => Some(Fault::CutAtEnd),
            (_, End::Missing) => Some(Fault::NeverEnds),
            (_, End::Whole) => None,
        };
        self.push_with(frame, fault);
    }

    /// Adds a record with a known fault.
    pub(super) fn push_with(&mut self, frame: Frame, fault: Option<Fault>) {
        if let Some(fault) = fault {
            self.faults.insert(self.len, fault);
        }
        let line = u32::try_from(frame.line).unwrap_or(u32::MAX);
        if self.next_line() != u64::from(line) {
            self.runs.push((u32::try_from(self.len).unwrap_or(u32::MAX), line));
        }
        if self.len.is_multiple_of(PIECE) {
            self.pieces.push(Vec::new());
        }
        let behind = |base: u64| frame.start.checked_sub(base).and_then(|offset| u32::try_from(offset).ok());
        let offset = self.bases.last().and_then(|&(_, base)| behind(base)).unwrap_or_else(|| {
            self.bases.push((self.len, frame.start));
            0
        });
        if let Some(piece) = self.pieces.last_mut() {
            piece.push(Span([offset, u32::try_from(frame.len).unwrap_or(u32::MAX)]));
        }
        self.len += 1;
    }

    /// Offset and length of a record; a length of 4 GiB or more is not kept.
    pub(super) fn span(&self, record: usize) -> Option<(u64, u64)> {
        let Span([offset, len]) = *self.pieces.get(record / PIECE)?.get(record % PIECE)?;
        let at = self.bases.partition_point(|&(first, _)| first <= record);
        let (_, base) = *self.bases.get(at.checked_sub(1)?)?;
        Some((base + u64::from(offset), u64::from(len)))
    }

    /// Physical line of a record's first byte, from 1; for a record not yet found, the line it would stand in if it came next.
    pub(super) fn line(&self, record: usize) -> u64 {
        let at = self.runs.partition_point(|&(first, _)| first as usize <= record);
        let (first, line) = at.checked_sub(1).map_or((0, 1), |at| self.runs[at]);
        u64::from(line) + (record as u64).saturating_sub(u64::from(first))
    }

    /// [`Index::line`] of the record that comes next, without a search.
    fn next_line(&self) -> u64 {
        let (first, line) = self.runs.last().copied().unwrap_or((0, 1));
        u64::from(line) + self.len as u64 - u64::from(first)
    }

    pub(super) fn fault(&self, record: usize) -> Option<&Fault> {
        self.faults.get(&record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(start: u64, len: u64, line: u64) -> Frame {
        Frame { start, len, line, end: End::Whole }
    }

    #[test]
    fn spans_and_lines_come_back() {
        let mut index = Index::default();
        for i in 0..40_000_u64 {
            // A blank line in front of every thousandth record.
            index.push(frame((1 << 33) + i * 10, 9, i + 1 + i / 1000));
        }
        assert_eq!(index.len(), 40_000);
        for i in [0_usize, 1, 999, 1000, 1001, 16_383, 16_384, 39_999] {
            assert_eq!(index.span(i), Some(((1 << 33) + i as u64 * 10, 9)));
            assert_eq!(index.line(i), (i + 1 + i / 1000) as u64);
        }
        assert_eq!(index.span(40_000), None);
        assert_eq!(index.runs.len(), 39);
        assert_eq!(size_of::<Span>(), 8);
        for i in 0..5 {
            index.push(frame((1 << 35) + i * (3 << 30), 7, 50_000));
        }
        assert_eq!((index.span(39_999), index.span(40_003)), (Some(((1 << 33) + 399_990, 9)), Some(((1 << 35) + (9 << 30), 7))));
    }

    #[test]
    fn a_record_over_the_limit_is_an_error() {
        let mut index = Index::default();
        index.push(frame(0, RECORD_LIMIT + 1, 1));
        assert_eq!(index.fault(0).map(Fault::message), Some("record of 67108865 bytes; limit 64 MiB".to_owned()));
    }
}
