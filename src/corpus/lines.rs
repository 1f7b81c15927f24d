//! Lines as records, found by one scanner from front to back or by several in parts of the file that begin anywhere.

use super::framing::{End, Frame};
use super::store::Bytes;

/// Bytes read at once: few enough to be still at hand when they are looked at.
const BLOCK: usize = 256 << 10;

/// Finds lines that hold more than white space.
#[derive(Debug, Clone)]
pub(super) struct LineScanner {
    /// Offset of the first byte of the line.
    start: u64,
    /// Its number, from 1.
    line: u64,
    /// The part of the line that was seen holds something.
    filled: bool,
    /// The last byte that was seen is a carriage return.
    returned: bool,
}

impl LineScanner {
    pub(super) fn new(start: u64) -> Self {
        Self { start, line: 1, filled: false, returned: false }
    }

    /// Goes on behind `at` in the same line, whose beginning is a record already.
    pub(super) fn go_on(&mut self, at: u64) {
        *self = Self { start: at, filled: false, returned: false, ..*self };
    }

    pub(super) fn feed(&mut self, base: u64, block: &[u8], emit: &mut dyn FnMut(Frame)) {
        // Only the byte order mark, before the first line, is skipped.
        let skip = usize::try_from(self.start.saturating_sub(base)).unwrap_or(usize::MAX).min(block.len());
        let mut at = skip;
        for end in memchr::memchr_iter(b'\n', &block[skip..]).map(|end| end + skip) {
            let part = &block[at..end];
            self.see(part);
            self.close(base + end as u64, End::Whole, emit);
            self.start = base + end as u64 + 1;
            self.line += 1;
            at = end + 1;
        }
        self.see(&block[at..]);
    }

    /// Notes whether the line holds anything and whether it ends with a carriage return.
    fn see(&mut self, part: &[u8]) {
        if let Some(&last) = part.last() {
            self.filled |= !part.trim_ascii_start().is_empty();
            self.returned = last == b'\r';
        }
    }

    fn close(&mut self, at: u64, end: End, emit: &mut dyn FnMut(Frame)) {
        let at = at - u64::from(self.returned);
        if self.filled {
            emit(Frame { start: self.start, len: at - self.start, line: self.line, end });
        }
        self.filled = false;
        self.returned = false;
    }

    /// The last line needs no line end; whether it is whole is for the caller to judge.
    pub(super) fn finish(&mut self, end: u64, emit: &mut dyn FnMut(Frame)) {
        self.close(end, End::Cut, emit);
    }

    /// Takes what another scanner found behind `at`.
    pub(super) fn join(&mut self, at: u64, part: LinePart, emit: &mut dyn FnMut(Frame)) {
        self.feed(at, &part.head, emit);
        let Some(rest) = part.rest else { return };
        let before = self.line - 1;
        for frame in part.frames {
            emit(Frame { line: before + frame.line, ..frame });
        }
        *self = Self { line: before + rest.line, ..rest };
    }
}

/// What is found in a part of a file by somebody who does not know what stands before it.
#[derive(Debug, Default)]
pub(super) struct LinePart {
    /// Its bytes up to the first line end: only who knows where that line begins can say what they are.
    head: Vec<u8>,
    /// The lines behind it, counted from 1.
    frames: Vec<Frame>,
    /// The scanner that found them, at the end of the part; `None` without a line end.
    rest: Option<LineScanner>,
    /// Bytes that were read, fewer than asked for where there are no more.
    pub(super) read: u64,
}

impl LinePart {
    /// Reads and scans these bytes, by way of `buffer`.
    pub(super) fn scan(bytes: &Bytes, from: u64, to: u64, buffer: &mut Vec<u8>) -> Self {
        buffer.resize(BLOCK, 0);
        let mut part = Self::default();
        while from + part.read < to {
            let at = from + part.read;
            let wanted = usize::try_from(to - at).unwrap_or(BLOCK).min(BLOCK);
            // Whoever reads on where this part ends will see the same and can tell why.
            let Ok(read @ 1..) = bytes.read_at(&mut buffer[..wanted], at) else { break };
            part.feed(at, &buffer[..read]);
            part.read += read as u64;
        }
        part
    }

    fn feed(&mut self, at: u64, block: &[u8]) {
        let Self { head, frames, rest, .. } = self;
        if rest.is_none() {
            let end = memchr::memchr(b'\n', block).map(|end| end + 1);
            head.extend_from_slice(&block[..end.unwrap_or(block.len())]);
            *rest = end.map(|end| LineScanner::new(at + end as u64));
        }
        let Some(scanner) = rest else { return };
        scanner.feed(at, block, &mut |frame| frames.push(frame));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All lines of a text, cut into parts of these sizes and the rest.
    fn frames(text: &'static [u8], parts: &[u64]) -> Vec<Frame> {
        let (bytes, mut found, mut at) = (Bytes::Memory(text), Vec::new(), 0);
        let mut scanner = LineScanner::new(0);
        for size in parts.iter().copied().chain([u64::MAX]) {
            let part = LinePart::scan(&bytes, at, bytes.len().min(at.saturating_add(size)), &mut Vec::new());
            let read = part.read;
            scanner.join(at, part, &mut |frame| found.push(frame));
            at += read;
        }
        scanner.finish(at, &mut |frame| found.push(frame));
        found
    }

    #[test]
    fn a_part_that_cannot_be_read_ends_early() {
        let read = |from| LinePart::scan(&Bytes::Memory(b"{}\n{}\n"), from, 60, &mut Vec::new()).read;
        assert_eq!((read(2), read(7)), (4, 0));
    }

    proptest! {
        #[test]
        fn lines_found_in_parts_are_those_found_from_front_to_back(
            text in "(\\{\\}|x|é|\n|\n|\r\n|\r| |\t){0,40}", parts in prop::collection::vec(0_u64..12, 0..8)
        ) {
            let text: &'static [u8] = Box::leak(text.into_bytes().into_boxed_slice());
            let (mut whole, mut scanner) = (Vec::new(), LineScanner::new(0));
            scanner.feed(0, text, &mut |frame| whole.push(frame));
            scanner.finish(text.len() as u64, &mut |frame| whole.push(frame));
            prop_assert_eq!(frames(text, &parts), whole);
        }
    }
}
