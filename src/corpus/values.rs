//! Finds values that run over several lines: the elements of an array, or objects one after another. A byte state machine with a
//! counter for the depth: no recursion, no memory, the same for 3 and for 3,000,000 nested brackets.

use super::framing::{End, Frame, RECORD_LIMIT};

/// What stands around the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// One array.
    Array,
    /// Nothing.
    Stream,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the bracket that opens the array.
    Before,
    /// Between two records.
    Between,
    /// Inside of an object or array.
    Container,
    /// Inside of a string; `true` directly behind a backslash.
    Text(bool),
    /// Inside of anything else, which is no record.
    Other,
    /// Behind the bracket that closes the array.
    Closed,
}

/// The scanner; see the module's header.
#[derive(Debug)]
pub(super) struct ValueScanner {
    shape: Shape,
    state: State,
    /// Open brackets of the record. They need not match: the record's reader will say so.
    depth: u64,
    /// Offset and line of the record's first byte.
    start: u64,
    start_line: u64,
    /// Line of the byte at hand, from 1.
    line: u64,
    /// Offset behind the last byte that was no white space.
    solid: u64,
    /// Leading bytes that are no text.
    skip: u64,
    recovery: Recovery,
}

/// A record whose bracket is missing would take all that follows it. Where records begin at the start of a line, always with the same
/// indentation, such a line inside of a record shows that it never ended.
#[derive(Debug, Default)]
struct Recovery {
    /// Column at which the first record began, when only spaces stood before it on its line.
    indent: Option<u64>,
    /// Spaces since the last line end; `None` behind the first other byte.
    column: Option<u64>,
    /// First place inside of the record where another one seems to begin.
    restart: Option<(u64, u64)>,
    /// The record holds a string over a line end, so that it cannot be read whatever follows.
    broken: bool,
    /// Some whole record had such a place: in this file they mean nothing.
    misleading: bool,
    /// A record without an end was found: from now on each such place begins a record.
    eager: bool,
}

impl ValueScanner {
    /// A scanner that begins at offset `start`, in line `line`.
    pub(super) fn new(shape: Shape, start: u64, line: u64) -> Self {
        let state = if shape == Shape::Array { State::Before } else { State::Between };
        let recovery = Recovery { column: Some(0), ..Recovery::default() };
        Self { shape, state, depth: 0, start, start_line: line, line, solid: start, skip: start, recovery }
    }

    pub(super) fn feed(&mut self, base: u64, block: &[u8], emit: &mut dyn FnMut(Frame)) {
        let mut at = usize::try_from(self.skip.saturating_sub(base)).unwrap_or(usize::MAX).min(block.len());
        while at < block.len() {
            at = match self.state {
                State::Text(escaped) => self.text(base, block, at, escaped, emit),
                State::Container => self.container(base, block, at, emit),
                State::Other => self.other(base, block, at, emit),
                State::Before | State::Between | State::Closed => self.between(base, block, at),
            };
        }
    }

    /// The end of the file. A record that is still open is not whole; an array that is still open is noted as an empty record.
    pub(super) fn finish(&mut self, end: u64, emit: &mut dyn FnMut(Frame)) {
        match self.state {
            State::Container | State::Text(_) => {
                emit(Frame { start: self.start, len: self.solid - self.start, line: self.start_line, end: End::Cut });
            }
            State::Other => self.close(self.solid, emit),
            State::Between if self.shape == Shape::Array => {
                emit(Frame { start: end, len: 0, line: self.line, end: End::Cut });
            }
            State::Before | State::Between | State::Closed => {}
        }
        self.state = State::Closed;
    }

    /// Where a record without an end should have ended, if that can be told: the place to scan again from.
    pub(super) fn restart(&mut self) -> Option<Self> {
        let open = matches!(self.state, State::Container | State::Text(_));
        let (at, line) = self.recovery.restart.filter(|_| open && !self.recovery.misleading)?;
        let mut scanner = Self::new(self.shape, at, line);
        scanner.state = State::Between;
        scanner.recovery =
            Recovery { indent: self.recovery.indent, column: self.recovery.indent, eager: true, ..Recovery::default() };
        Some(scanner)
    }

    /// The record that [`Self::restart`] leaves behind.
    pub(super) fn abandoned(&self, next: &Self) -> Frame {
        Frame { start: self.start, len: next.start - self.start, line: self.start_line, end: End::Missing }
    }

    /// Offset from which the scanner wants its next block.
    pub(super) fn offset(&self) -> u64 {
        self.start
    }

    /// True when the record at hand is longer than the limit: time to look for the place where it should have ended.
    pub(super) fn overlong(&self, end: u64) -> bool {
        matches!(self.state, State::Container | State::Text(_)) && end - self.start > RECORD_LIMIT
    }

    fn between(&mut self, base: u64, block: &[u8], mut at: usize) -> usize {
        while let Some(&byte) = block.get(at) {
            at += 1;
            match byte {
                b'\n' => self.newline(),
                b' ' | b'\t' | b'\r' => self.recovery.column = self.recovery.column.map(|column| column + 1),
                b',' => self.recovery.column = None,
                b'[' if matches!(self.state, State::Before | State::Closed) && self.shape == Shape::Array => {
                    self.state = State::Between;
                    self.recovery.column = None;
                }
                b']' if self.shape == Shape::Array => {
                    self.state = State::Closed;
                    self.recovery.column = None;
                }
                _ => {
                    self.open(base + at as u64 - 1, byte);
                    return at;
                }
            }
        }
        at
    }

    /// A record begins with this byte.
    fn open(&mut self, offset: u64, byte: u8) {
        self.start = offset;
        self.start_line = self.line;
        self.solid = offset + 1;
        self.depth = 0;
        self.recovery.restart = None;
        self.recovery.broken = false;
        self.state = match byte {
            b'{' | b'[' => {
                self.depth = 1;
                State::Container
            }
            b'"' => State::Text(false),
            _ => State::Other,
        };
        if self.recovery.indent.is_none() && byte == b'{' {
            // A record that shares its line with the one before can begin anywhere: no column will ever match.
            self.recovery.indent = Some(self.recovery.column.unwrap_or(u64::MAX));
        }
        self.recovery.column = None;
    }

    fn close(&mut self, end: u64, emit: &mut dyn FnMut(Frame)) {
        self.recovery.misleading |= self.recovery.restart.is_some() && !self.recovery.eager;
        self.state = State::Between;
        emit(Frame { start: self.start, len: end - self.start, line: self.start_line, end: End::Whole });
    }

    fn newline(&mut self) {
        self.line += 1;
        self.recovery.column = Some(0);
    }

    fn container(&mut self, base: u64, block: &[u8], mut at: usize, emit: &mut dyn FnMut(Frame)) -> usize {
        while let Some(&byte) = block.get(at) {
            let offset = base + at as u64;
            at += 1;
            match byte {
                b'\n' => {
                    self.newline();
                    continue;
                }
                b' ' | b'\t' | b'\r' => {
                    self.recovery.column = self.recovery.column.map(|column| column + 1);
                    continue;
                }
                b'{' if self.begins_another(offset, emit) => return at - 1,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        self.close(offset + 1, emit);
                        return at;
                    }
                }
                b'"' => {
                    self.state = State::Text(false);
                    self.solid = offset + 1;
                    self.recovery.column = None;
                    return at;
                }
                _ => {}
            }
            self.solid = offset + 1;
            self.recovery.column = None;
        }
        at
    }

    /// Notes a place where the next record seems to begin inside of this one; true when the scan goes on there.
    fn begins_another(&mut self, offset: u64, emit: &mut dyn FnMut(Frame)) -> bool {
        if self.recovery.column.is_none() || self.recovery.column != self.recovery.indent {
            return false;
        }
        let broken = self.recovery.broken && !self.recovery.misleading;
        if self.recovery.eager || broken {
            // What is broken inside its reader can name better than this scanner.
            let end = if broken { End::Whole } else { End::Missing };
            emit(Frame { start: self.start, len: self.solid - self.start, line: self.start_line, end });
            self.state = State::Between;
            return true;
        }
        if self.recovery.restart.is_none() {
            self.recovery.restart = Some((offset, self.line));
        }
        false
    }

    fn text(&mut self, base: u64, block: &[u8], mut at: usize, escaped: bool, emit: &mut dyn FnMut(Frame)) -> usize {
        self.state = State::Text(false);
        if escaped && block[at] != b'\n' {
            at += 1;
        }
        while let Some(&byte) = block.get(at) {
            let offset = base + at as u64;
            // A string never runs over a line end: behind one, this may no longer be a string.
            if let Some(column) = self.recovery.column {
                match byte {
                    b' ' | b'\t' | b'\r' => {
                        self.recovery.column = Some(column + 1);
                        at += 1;
                        continue;
                    }
                    b'{' if self.begins_another(offset, emit) => return at,
                    _ => self.recovery.column = None,
                }
            }
            match byte {
                b'"' => return self.end_text(offset, at + 1, emit),
                b'\\' if at + 1 == block.len() => self.state = State::Text(true),
                // An escaped line end is still a line end.
                b'\\' if block[at + 1] != b'\n' => at += 1,
                b'\n' => {
                    self.solid = offset;
                    self.recovery.broken = true;
                    self.newline();
                }
                _ => {}
            }
            at += 1;
            if self.recovery.column.is_none() {
                at += memchr::memchr3(b'"', b'\\', b'\n', &block[at..]).unwrap_or(block.len() - at);
            }
        }
        self.solid = base + block.len() as u64;
        block.len()
    }

    /// The string ends with the quote at `offset`; goes on at `next`.
    fn end_text(&mut self, offset: u64, next: usize, emit: &mut dyn FnMut(Frame)) -> usize {
        if self.depth == 0 {
            self.close(offset + 1, emit);
        } else {
            self.state = State::Container;
            self.solid = offset + 1;
        }
        next
    }

    /// Bare words and numbers end where the next thing begins; in a stream, with their line.
    fn other(&mut self, base: u64, block: &[u8], mut at: usize, emit: &mut dyn FnMut(Frame)) -> usize {
        while let Some(&byte) = block.get(at) {
            let ends = match byte {
                b'\n' | b'{' => true,
                b',' | b']' => self.shape == Shape::Array,
                _ => false,
            };
            if ends {
                self.close(self.solid, emit);
                return at;
            }
            at += 1;
            if !byte.is_ascii_whitespace() {
                self.solid = base + at as u64;
            }
        }
        at
    }
}
