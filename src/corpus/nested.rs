//! Records inside of one object: the elements of a list of it, or of all its lists. Some tools write a whole run as one object.

use super::framing::{End, Frame, Framing};

/// Longest key that is compared.
const KEY: usize = 64;
/// Members of the object that are looked at to know it, and bytes.
const MEMBERS: usize = 32;
const LOOKED: usize = 64 << 10;

/// Says whether the text begins with an object of a known kind that holds its records in lists.
pub(super) fn detect(text: &[u8]) -> Option<Framing> {
    let members = members(text);
    let holds = |key: &str, first: u8| members.iter().any(|(name, value)| name == key.as_bytes() && *value == [first, 0]);
    // An Inspect log: status, eval, plan, results, and the samples, far behind.
    if holds("eval", b'{') && members.iter().any(|(name, _)| name == b"status") {
        return Some(Framing::Member("samples"));
    }
    // Solutions by the identifier of their question.
    let (name, value) = members.first()?;
    (is_uuid(name) && *value == *b"[{").then_some(Framing::Lists)
}

/// Says whether the text is an object with lists of objects, which may be records where the object itself is none.
pub(super) fn has_lists(text: &[u8]) -> bool {
    text.trim_ascii_start().starts_with(b"{") && members(text).iter().any(|(_, value)| *value == *b"[{")
}

fn is_uuid(text: &[u8]) -> bool {
    text.len() == 36
        && text
            .iter()
            .enumerate()
            .all(|(at, byte)| if matches!(at, 8 | 13 | 18 | 23) { *byte == b'-' } else { byte.is_ascii_hexdigit() })
}

/// The first keys of the object and the first bytes of their values: a bracket, and for a list the bracket of its first element.
fn members(text: &[u8]) -> Vec<(Vec<u8>, [u8; 2])> {
    let mut found: Vec<(Vec<u8>, [u8; 2])> = Vec::new();
    let mut scanner = NestedScanner::new(None, 0);
    for (at, &byte) in text.iter().take(LOOKED).enumerate() {
        let (depth, outside) = (scanner.depth, scanner.text.is_none());
        scanner.feed(at as u64, &[byte], &mut |_| ());
        if !outside || byte.is_ascii_whitespace() {
            continue;
        }
        let full = found.len() == MEMBERS;
        match (byte, depth, found.last_mut()) {
            (b':', 1, _) if full => break,
            (b':', 1, _) => found.push((scanner.key.clone(), [0; 2])),
            (b'{' | b'[', 1, Some((_, value))) => value[0] = byte,
            (b'{', 2, Some((_, value))) if value[0] == b'[' => value[1] = byte,
            (b'}', 1, _) => break,
            _ => {}
        }
    }
    found
}

/// Finds them; see the module's header. No recursion, no memory, like the other scanners.
#[derive(Debug, Clone)]
pub(super) struct NestedScanner {
    /// The list that holds the records; `None` for all lists.
    wanted: Option<&'static str>,
    depth: u64,
    /// Inside of a string; `true` directly behind a backslash.
    text: Option<bool>,
    /// The last string directly inside of the object, as far as it is compared.
    key: Vec<u8>,
    /// Inside of a list that holds records.
    inside: bool,
    record: Option<(u64, u64)>,
    line: u64,
    skip: u64,
}

impl NestedScanner {
    pub(super) fn new(wanted: Option<&'static str>, start: u64) -> Self {
        Self { wanted, depth: 0, text: None, key: Vec::new(), inside: false, record: None, line: 1, skip: start }
    }

    pub(super) fn feed(&mut self, base: u64, block: &[u8], emit: &mut dyn FnMut(Frame)) {
        let mut at = usize::try_from(self.skip.saturating_sub(base)).unwrap_or(usize::MAX).min(block.len());
        while let Some(&byte) = block.get(at) {
            if self.text.is_some() {
                at = self.string(block, at);
                continue;
            }
            let offset = base + at as u64;
            at += 1;
            match byte {
                b'\n' => self.line += 1,
                b'"' => {
                    self.text = Some(false);
                    if self.depth == 1 {
                        self.key.clear();
                    }
                }
                b'{' | b'[' => self.open(byte, offset),
                b'}' | b']' => self.close(offset + 1, emit),
                _ => {}
            }
        }
    }

    /// Goes over the rest of a string.
    fn string(&mut self, block: &[u8], mut at: usize) -> usize {
        while let Some(&byte) = block.get(at) {
            at += 1;
            self.line += u64::from(byte == b'\n');
            if self.text == Some(true) {
                self.text = Some(false);
            } else if byte == b'"' {
                self.text = None;
                return at;
            } else if byte == b'\\' {
                self.text = Some(true);
            }
            if self.depth == 1 && self.key.len() < KEY {
                self.key.push(byte);
            }
        }
        at
    }

    fn open(&mut self, byte: u8, offset: u64) {
        match (byte, self.depth) {
            (b'[', 1) => self.inside = self.wanted.is_none_or(|wanted| self.key == wanted.as_bytes()),
            (b'{', 2) if self.inside => self.record = Some((offset, self.line)),
            _ => {}
        }
        self.depth += 1;
    }

    fn close(&mut self, end: u64, emit: &mut dyn FnMut(Frame)) {
        self.depth = self.depth.saturating_sub(1);
        match (self.depth, self.record) {
            (2, Some((start, line))) => {
                self.record = None;
                emit(Frame { start, len: end - start, line, end: End::Whole });
            }
            (0 | 1, _) => self.inside = false,
            _ => {}
        }
    }

    /// The end of the file; an object that is still open is noted like an array.
    pub(super) fn finish(&mut self, end: u64, emit: &mut dyn FnMut(Frame)) {
        if let Some((start, line)) = self.record.take() {
            emit(Frame { start, len: end - start, line, end: End::Cut });
        } else if self.depth > 0 {
            emit(Frame { start: end, len: 0, line: self.line, end: End::Cut });
        }
        self.depth = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(text: &[u8], wanted: Option<&'static str>) -> Vec<(String, u64, End)> {
        let all = |block: usize| {
            let mut scanner = NestedScanner::new(wanted, 0);
            let (mut out, mut base) = (Vec::new(), 0);
            let mut emit = |frame: Frame| {
                let start = usize::try_from(frame.start).unwrap();
                let bytes = &text[start..start + usize::try_from(frame.len).unwrap()];
                out.push((String::from_utf8_lossy(bytes).into_owned(), frame.line, frame.end));
            };
            for part in text.chunks(block) {
                scanner.feed(base, part, &mut emit);
                base += part.len() as u64;
            }
            scanner.finish(base, &mut emit);
            out
        };
        let whole = all(usize::MAX);
        assert_eq!(all(1), whole);
        assert_eq!(all(7), whole);
        whole
    }

    const LOG: &[u8] = br#"{"version":2,"status":"success","eval":{"task":"]}","samples":[{"no":1}]},
 "plan":{"steps":[{"no":1}]},"samples":[{"id":1,"a":[{"b":"\"}"}]},
{"id":2}],"reductions":[{"no":1}]}"#;

    #[test]
    fn samples_of_a_log_are_records() {
        assert_eq!(detect(LOG), Some(Framing::Member("samples")));
        let expected = [(r#"{"id":1,"a":[{"b":"\"}"}]}"#.to_owned(), 2, End::Whole), (r#"{"id":2}"#.to_owned(), 3, End::Whole)];
        assert_eq!(records(LOG, Some("samples")), expected);
        let cut = records(&LOG[..LOG.len() - 30], Some("samples"));
        assert_eq!((cut.len(), cut[1].2), (2, End::Cut));
    }

    #[test]
    fn lists_by_identifier_are_records() {
        let text = br#"{ "1b2038d9-ea05-4e45-9a11-7d73463cdd20": [ {"a":1},{"a":2}], "1b2038d9-ea05-4e45-9a11-7d73463cdd21":[{"a":3}] }"#;
        assert_eq!(detect(text), Some(Framing::Lists));
        assert_eq!(records(text, None).len(), 3);
        assert!(has_lists(br#" {"version": 1, "data": [{"a": 1}]}"#));
        assert!(!has_lists(br#"{"a": [1], "b": {"c": [{"d": 1}]}}"#) && !has_lists(br#"[{"a": [{"b": 1}]}]"#));
        for other in [&br#"{"nodes":[{"id":1}],"edges":[]}"#[..], br#"{"a":1}"#, b"{", b"[]", br#"{"eval":{}}"#] {
            assert_eq!(detect(other), None);
        }
    }
}
