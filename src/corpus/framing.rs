//! Where records begin and end: two scanners that see a file block by block and keep no bytes.
//!
//! The extension of a file says nothing. A file is either lines (one record each) or values (the elements of one array, or
//! objects one after another, over as many lines as they like; a single object is the shortest case). A third scanner, for single objects
//! that hold many records, is [`super::nested`]. None of them judges the JSON: a broken record is an item that its format will complain about.

use super::lines::LineScanner;
use super::nested::{self, NestedScanner};
use super::values::{Shape, ValueScanner};

/// Largest record in bytes.
pub(super) const RECORD_LIMIT: u64 = 64 << 20;

/// Where one record lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    /// Offset of its first byte.
    pub(super) start: u64,
    /// Bytes, without line end.
    pub(super) len: u64,
    /// Physical line of its first byte, from 1.
    pub(super) line: u64,
    /// How it ends.
    pub(super) end: End,
}

/// How a record ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Where it should.
    Whole,
    /// With the file.
    Cut,
    /// Nowhere: another record begins inside of it.
    Missing,
}

/// How records are laid out in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// One object a line.
    Lines,
    /// The elements of one array.
    Array,
    /// One object, or objects one after another, over several lines each.
    Stream,
    /// The elements of this list in one object.
    Member(&'static str),
    /// The elements of all lists in one object.
    Lists,
}

/// Says from the beginning of a file how its records are laid out. `whole` when `head` is all there is.
pub(super) fn detect(head: &[u8], whole: bool) -> Framing {
    let text = skip_bom(head);
    let text = text.trim_ascii_start();
    // A line that looks like such an object, with more lines behind it, is a line.
    let alone = || !is_record_line(first_line(text, false)) || text.trim_ascii_end().len() <= first_line(text, false).len();
    if let Some(nested) = nested::detect(text).filter(|_| alone()) {
        return nested;
    }
    match text.first() {
        Some(b'[') => Framing::Array,
        Some(b'{') if !is_record_line(first_line(text, whole)) && spans_lines(text) => Framing::Stream,
        // Not JSON at its beginning: lines, so that one bad line does not hide the good ones behind it.
        _ => Framing::Lines,
    }
}

/// True when the value at the beginning of `text` runs over several lines. A line that is cut short looks the same until one sees
/// that the next lines are records of their own.
fn spans_lines(text: &[u8]) -> bool {
    let mut lines = text.split(|&byte| byte == b'\n');
    let first = lines.next().unwrap_or_default();
    // The last piece may be cut by the end of the head, so that it says nothing.
    let rest: Vec<&[u8]> = lines.map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()).collect();
    let records = rest.iter().filter(|line| is_record_line(line)).count();
    if rest.is_empty() {
        // A single line that does not end: lines, whatever is wrong with it.
        return false;
    }
    // Inside of pretty-printed values most lines hold a part of a record; in lines most are records.
    records * 2 < rest.len().max(2) || closes_over_lines(text, first.len())
}

/// True when the first value closes behind its first line and the next thing is another value or the end.
fn closes_over_lines(text: &[u8], first_line: usize) -> bool {
    let mut frames = Vec::new();
    let mut scanner = ValueScanner::new(Shape::Stream, 0, 1);
    scanner.feed(0, text, &mut |frame| frames.push(frame));
    let Some(first) = frames.first() else { return false };
    let end = usize::try_from(first.start + first.len).unwrap_or(usize::MAX).min(text.len());
    let behind = text[end..].trim_ascii_start();
    end > first_line && (behind.is_empty() || behind.starts_with(b"{"))
}

fn first_line(text: &[u8], whole: bool) -> &[u8] {
    match memchr::memchr(b'\n', text) {
        Some(end) => &text[..end],
        None if whole => text,
        None => b"",
    }
}

/// True for one balanced object and nothing else.
fn is_record_line(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    line.starts_with(b"{") && is_balanced(line)
}

/// True when `text` is one value whose brackets and quotes close exactly at its end.
fn is_balanced(text: &[u8]) -> bool {
    let mut found = Vec::new();
    scan(text, &mut |frame| found.push(frame));
    matches!(found[..], [Frame { start: 0, len, end: End::Whole, .. }] if len == text.len() as u64)
}

/// True when `text` ends inside of an object, array or string.
pub(super) fn is_open(text: &[u8]) -> bool {
    let mut open = false;
    scan(text, &mut |frame| open = frame.end == End::Cut);
    open
}

/// Looks at `text` as at a file of its own.
fn scan(text: &[u8], emit: &mut dyn FnMut(Frame)) {
    let mut scanner = ValueScanner::new(Shape::Stream, 0, 1);
    scanner.feed(0, text, emit);
    scanner.finish(text.len() as u64, emit);
}

/// The text without a leading byte order mark.
pub(super) fn skip_bom(head: &[u8]) -> &[u8] {
    head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head)
}

/// The scanner that fits a framing.
#[derive(Debug)]
pub(super) enum Framer {
    Lines(LineScanner),
    Values(ValueScanner),
    Nested(NestedScanner),
}

impl Framer {
    /// A scanner for a file whose first `bom` bytes are a byte order mark.
    pub(super) fn new(framing: Framing, bom: u64) -> Self {
        match framing {
            Framing::Lines => Self::Lines(LineScanner::new(bom)),
            Framing::Array => Self::Values(ValueScanner::new(Shape::Array, bom, 1)),
            Framing::Stream => Self::Values(ValueScanner::new(Shape::Stream, bom, 1)),
            Framing::Member(key) => Self::Nested(NestedScanner::new(Some(key), bom)),
            Framing::Lists => Self::Nested(NestedScanner::new(None, bom)),
        }
    }

    /// Takes the block that begins at `base`; blocks must follow each other without a gap.
    pub(super) fn feed(&mut self, base: u64, block: &[u8], emit: &mut dyn FnMut(Frame)) {
        match self {
            Self::Lines(scanner) => scanner.feed(base, block, emit),
            Self::Values(scanner) => scanner.feed(base, block, emit),
            Self::Nested(scanner) => scanner.feed(base, block, emit),
        }
    }

    /// Takes the end of the file.
    pub(super) fn finish(&mut self, end: u64, emit: &mut dyn FnMut(Frame)) {
        match self {
            Self::Lines(scanner) => scanner.finish(end, emit),
            Self::Values(scanner) => scanner.finish(end, emit),
            Self::Nested(scanner) => scanner.finish(end, emit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(text: &[u8], block: usize) -> Vec<(String, u64, bool)> {
        let bom = (text.len() - skip_bom(text).len()) as u64;
        let mut framer = Framer::new(detect(text, true), bom);
        let mut out = Vec::new();
        let mut base = 0;
        let mut emit = |frame: Frame| {
            let start = usize::try_from(frame.start).unwrap();
            let end = start + usize::try_from(frame.len).unwrap();
            out.push((String::from_utf8_lossy(&text[start..end]).into_owned(), frame.line, frame.end == End::Whole));
        };
        for part in text.chunks(block) {
            framer.feed(base, part, &mut emit);
            base += part.len() as u64;
        }
        framer.finish(base, &mut emit);
        out
    }

    fn same_for_all_blocks(text: &[u8]) -> Vec<(String, u64, bool)> {
        let whole = frames(text, usize::MAX);
        for block in [1, 2, 3, 7, 16] {
            assert_eq!(frames(text, block), whole, "blocks of {block}");
        }
        whole
    }

    fn record(text: &str, line: u64, whole: bool) -> (String, u64, bool) {
        (text.to_owned(), line, whole)
    }

    #[test]
    fn lines_with_every_kind_of_line_end() {
        let text = b"\xef\xbb\xbf{\"a\":1}\r\n\n  \t\r\n{\"b\":\"x\\\"{\"}\n\r{\"c\":3}\r";
        assert_eq!(detect(text, true), Framing::Lines);
        let expected = [record("{\"a\":1}", 1, true), record("{\"b\":\"x\\\"{\"}", 4, true), record("\r{\"c\":3}", 5, false)];
        assert_eq!(same_for_all_blocks(text), expected);
    }

    #[test]
    fn arrays_on_one_line_and_on_many() {
        let text = b"\n[\n {\n  \"a\": [1, {\"b\": \"]},{\"}]\n },\n {}, 3, \"x,]\\\"\",\n [2]\n]\n";
        assert_eq!(detect(text, true), Framing::Array);
        let expected = [
            record("{\n  \"a\": [1, {\"b\": \"]},{\"}]\n }", 3, true),
            record("{}", 6, true),
            record("3", 6, true),
            record("\"x,]\\\"\"", 6, true),
            record("[2]", 7, true),
        ];
        assert_eq!(same_for_all_blocks(text), expected);
        assert_eq!(same_for_all_blocks(b"[{\"a\":1},{\"a\":2}]").len(), 2);
        assert_eq!(same_for_all_blocks(b"[]").len(), 0);
    }

    #[test]
    fn a_cut_array_keeps_its_whole_elements() {
        assert_eq!(same_for_all_blocks(b"[{\"a\":1},\n{\"a\":"), [record("{\"a\":1}", 1, true), record("{\"a\":", 2, false)]);
    }

    #[test]
    fn objects_back_to_back_over_several_lines() {
        let text = b"{\n \"a\": 1\n}\n{\n \"a\": {\n  \"b\": 2}\n}{\"c\":\n3}";
        assert_eq!(detect(text, true), Framing::Stream);
        assert_eq!(same_for_all_blocks(text).iter().map(|(_, line, _)| *line).collect::<Vec<_>>(), [1, 4, 7]);
    }

    #[test]
    fn one_object_is_one_record_however_it_is_printed() {
        assert_eq!(detect(b"{\"a\": 1}", true), Framing::Lines);
        assert_eq!(detect(b"{\n  \"a\": [\n    {\"b\": 1},\n    {\"b\": 2}\n  ]\n}\n", true), Framing::Stream);
        assert_eq!(detect(b"{\"a\": [\n{\"b\": 1}\n,\n{\"b\": 2}\n]}\n", true), Framing::Stream);
        assert_eq!(detect(b"{\"steps\":[\n{\"b\": 1},\n{\"b\": 2},\n{\"b\": 3}]}\n", true), Framing::Stream);
    }

    #[test]
    fn a_broken_first_line_does_not_change_the_framing() {
        assert_eq!(detect(b"{\"a\": [1,\n{\"a\": 2}\n{\"a\": 3}\n{\"a\": 4}\n", true), Framing::Lines);
        assert_eq!(detect(b"oops\n{\"a\": 2}\n", true), Framing::Lines);
        assert_eq!(detect(b"{\"a\": 1", true), Framing::Lines);
    }
}
