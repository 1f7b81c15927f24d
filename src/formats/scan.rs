//! A record as the bytes of its values: checked as strictly as [`super::parse_json`] does, but nothing is decoded or copied.
//!
//! Whatever that reader would refuse, repair or warn of, and a few things that are rare (keys with escapes, deep nesting), is no record
//! here: its caller then reads it whole. What is one has the same values there.

use std::borrow::Cow;
use std::cell::RefCell;

use super::json::{is_number, parse_json};
use super::marks::Marks;

/// Deepest nesting that is looked into.
const DEPTH: usize = 32;
/// Most keys of one object: each is compared with those before it.
const KEYS: usize = 64;
/// Longest record that is looked at.
const LARGEST: usize = 1 << 20;
/// Elements of most lists: steps of a solution.
const ITEMS: usize = 16;

/// A value as its bytes.
#[derive(Debug, Clone)]
pub(super) enum Scan<'a> {
    /// Null.
    Null,
    /// True or false.
    Bool(bool),
    /// Its digits.
    Number(&'a [u8]),
    /// A text.
    Text(Text<'a>),
    /// The elements of a list of texts, of which there is one at least.
    Texts(Vec<Text<'a>>),
    /// The elements of any other.
    List(Vec<Self>),
    /// Keys and values, in their order.
    Object(Object<'a>),
}

/// A text as it stands between its quotes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text<'a>(&'a [u8]);

/// A value that is none of those that were asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unlike;

/// The fields of an object.
#[derive(Debug, Clone, Default)]
pub(super) struct Object<'a>(Vec<(&'a [u8], Scan<'a>)>);

impl<'a> Text<'a> {
    /// What it says.
    pub(super) fn get(self) -> Cow<'a, str> {
        // It was checked: nothing is lost.
        let text = std::str::from_utf8(self.0).map_or_else(|_| String::from_utf8_lossy(self.0), Cow::Borrowed);
        if !self.is_escaped() {
            return text;
        }
        match parse_json(format!("\"{text}\"").as_bytes()) {
            Ok(serde_json::Value::String(text)) => Cow::Owned(text),
            // It was checked: there is no such text.
            _ => text,
        }
    }

    fn is_escaped(self) -> bool {
        memchr::memchr(b'\\', self.0).is_some()
    }
}

thread_local! {
    static MARKS: RefCell<Marks> = RefCell::default();
}

impl<'a> Object<'a> {
    /// The object that a record is.
    pub(super) fn of(record: &'a [u8]) -> Option<Self> {
        if record.len() > LARGEST {
            return None;
        }
        MARKS.with_borrow_mut(|marks| {
            let plain = marks.note(record);
            if !plain {
                std::str::from_utf8(record).ok()?;
            }
            let mut scanner = Scanner { bytes: record, at: 0, plain, marks, mark: 0 };
            let value = scanner.value(0)?;
            scanner.skip_white();
            match value {
                Scan::Object(object) if scanner.at == record.len() => Some(object),
                _ => None,
            }
        })
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&Scan<'a>> {
        self.0.iter().find(|(known, _)| *known == key.as_bytes()).map(|(_, value)| value)
    }

    /// A text that must be there.
    pub(super) fn text(&self, key: &str) -> Option<Text<'a>> {
        if let Scan::Text(text) = self.get(key)? { Some(*text) } else { None }
    }

    /// A text or nothing.
    pub(super) fn text_or_null(&self, key: &str) -> Result<Option<Text<'a>>, Unlike> {
        match self.get(key) {
            None | Some(Scan::Null) => Ok(None),
            Some(Scan::Text(text)) => Ok(Some(*text)),
            Some(_) => Err(Unlike),
        }
    }

    /// An identifier: a text, a whole number as its digits, or nothing.
    pub(super) fn name_or_null(&self, key: &str) -> Result<Option<Text<'a>>, Unlike> {
        match self.get(key) {
            Some(Scan::Number(digits)) if digits.iter().all(u8::is_ascii_digit) => Ok(Some(Text(digits))),
            _ => self.text_or_null(key),
        }
    }

    /// A list that must be there and holds anything but texts.
    pub(super) fn list(&self, key: &str) -> Option<&[Scan<'a>]> {
        if let Scan::List(items) = self.get(key)? { Some(items) } else { None }
    }

    /// Takes a list of texts, which is an empty one from then on.
    pub(super) fn texts(&mut self, key: &str) -> Option<Vec<Text<'a>>> {
        match self.0.iter_mut().find(|(known, _)| *known == key.as_bytes()).map(|(_, value)| value)? {
            Scan::Texts(texts) => Some(std::mem::take(texts)),
            Scan::List(items) if items.is_empty() => Some(Vec::new()),
            _ => None,
        }
    }
}

impl Scan<'_> {
    /// A whole number without a point.
    pub(super) fn integer(&self) -> Option<i64> {
        if let Self::Number(digits) = self { std::str::from_utf8(digits).ok()?.parse().ok() } else { None }
    }
}

struct Scanner<'a, 'm> {
    bytes: &'a [u8],
    at: usize,
    /// There is no control character anywhere.
    plain: bool,
    marks: &'m Marks,
    /// The mark that comes next, or one before it.
    mark: usize,
}

impl<'a> Scanner<'a, '_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_white(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// The byte that must come next.
    fn take(&mut self, wanted: u8) -> Option<()> {
        self.skip_white();
        (self.peek()? == wanted).then(|| self.at += 1)
    }

    #[inline]
    fn value(&mut self, depth: usize) -> Option<Scan<'a>> {
        self.skip_white();
        // Most are texts, which come back in registers.
        if self.peek()? == b'"' { self.string().map(Scan::Text) } else { self.other(depth) }
    }

    /// A value that is no text.
    fn other(&mut self, depth: usize) -> Option<Scan<'a>> {
        match self.peek()? {
            b'{' | b'[' if depth == DEPTH => None,
            b'{' => self.object(depth).map(Scan::Object),
            b'[' => self.list(depth),
            b'-' | b'0'..=b'9' => self.number().map(Scan::Number),
            b't' => self.word("true", Scan::Bool(true)),
            b'f' => self.word("false", Scan::Bool(false)),
            b'n' => self.word("null", Scan::Null),
            _ => None,
        }
    }

    fn word(&mut self, word: &str, value: Scan<'a>) -> Option<Scan<'a>> {
        self.bytes[self.at..].starts_with(word.as_bytes()).then(|| {
            self.at += word.len();
            value
        })
    }

    fn number(&mut self) -> Option<&'a [u8]> {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|byte| !matches!(byte, b'-' | b'+' | b'.' | b'0'..=b'9' | b'e' | b'E'))?;
        self.at += length;
        is_number(&rest[..length]).then_some(&rest[..length])
    }

    fn list(&mut self, depth: usize) -> Option<Scan<'a>> {
        self.at += 1;
        self.skip_white();
        let (mut texts, mut items) = (Vec::new(), Vec::new());
        match self.peek()? {
            b']' => {
                self.at += 1;
                return Some(Scan::List(items));
            }
            // Most lists are steps, and texts that lie as they are go in without a detour by way of the stack.
            b'"' => texts.reserve(ITEMS),
            _ => items.reserve(ITEMS),
        }
        while self.peek()? == b'"' {
            texts.push(self.string()?);
            if self.ends(b']')? {
                return Some(Scan::Texts(texts));
            }
            self.skip_white();
        }
        items.extend(texts.into_iter().map(Scan::Text));
        loop {
            items.push(self.value(depth + 1)?);
            if self.ends(b']')? {
                return Some(Scan::List(items));
            }
        }
    }

    /// Whether a list or an object ends here, or goes on behind a comma.
    fn ends(&mut self, close: u8) -> Option<bool> {
        self.skip_white();
        self.at += 1;
        match self.bytes.get(self.at - 1)? {
            b',' => Some(false),
            &byte => (byte == close).then_some(true),
        }
    }

    fn object(&mut self, depth: usize) -> Option<Object<'a>> {
        self.at += 1;
        let mut fields: Vec<(&[u8], Scan<'a>)> = Vec::with_capacity(8);
        self.skip_white();
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(Object(fields));
        }
        loop {
            self.skip_white();
            if self.peek()? != b'"' {
                return None;
            }
            let key = self.string()?;
            if key.is_escaped() {
                return None;
            }
            let Text(key) = key;
            if fields.len() == KEYS || fields.iter().any(|(known, _)| *known == key) {
                return None;
            }
            self.take(b':')?;
            let value = self.value(depth + 1)?;
            fields.push((key, value));
            if self.ends(b'}')? {
                return Some(Object(fields));
            }
        }
    }

    fn string(&mut self) -> Option<Text<'a>> {
        self.at += 1;
        let start = self.at;
        loop {
            let at = self.marks.get(self.mark)?;
            self.mark += 1;
            // The quote in front, and what a backslash stands before.
            if at < self.at {
                continue;
            }
            self.at = at;
            if self.bytes[at] == b'"' {
                break;
            }
            self.escape()?;
        }
        let inside = &self.bytes[start..self.at];
        self.at += 1;
        (self.plain || inside.iter().all(|&byte| byte >= b' ')).then_some(Text(inside))
    }

    fn escape(&mut self) -> Option<()> {
        match self.bytes.get(self.at + 1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 2,
            b'u' => {
                let unit = self.code_unit()?;
                // Halves of pairs are repaired by the other reader.
                if (0xDC00..0xE000).contains(&unit) {
                    return None;
                }
                if (0xD800..0xDC00).contains(&unit) && !(0xDC00..0xE000).contains(&self.code_unit()?) {
                    return None;
                }
            }
            _ => return None,
        }
        Some(())
    }

    /// The next `\u` and its four digits.
    fn code_unit(&mut self) -> Option<u32> {
        let digits = self.bytes.get(self.at..self.at + 6)?.strip_prefix(b"\\u")?;
        self.at += 6;
        digits.iter().try_fold(0, |unit, &digit| Some(unit * 16 + char::from(digit).to_digit(16)?))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::formats::json::parse_json_noting;

    fn value(scan: &Scan<'_>) -> Value {
        match scan {
            Scan::Null => Value::Null,
            Scan::Bool(truth) => Value::Bool(*truth),
            Scan::Number(digits) => parse_json(digits).unwrap(),
            Scan::Text(text) => Value::String(text.get().into_owned()),
            Scan::Texts(texts) => texts.iter().map(|text| Value::String(text.get().into_owned())).collect(),
            Scan::List(items) => items.iter().map(value).collect(),
            Scan::Object(object) => Value::Object(
                object.0.iter().map(|(key, item)| (String::from_utf8(key.to_vec()).unwrap(), value(item))).collect(),
            ),
        }
    }

    /// What is scanned is what is parsed, without anything to warn of but escapes that may be meant otherwise.
    fn agrees(record: &[u8]) -> bool {
        let Some(object) = Object::of(record) else { return false };
        let parsed = parse_json_noting(record).unwrap_or_else(|error| panic!("{}: {error}", record.escape_ascii()));
        assert_eq!(value(&Scan::Object(object)), parsed.value, "{}", record.escape_ascii());
        assert!(parsed.warnings.iter().all(|warning| warning.contains("unescaped LaTeX?")), "{:?}", parsed.warnings);
        true
    }

    #[test]
    fn a_record_is_scanned_as_it_is_parsed() {
        for record in [
            r#"{"a": [1, -2.50, 1e5, {"b": null}], "c": true, "d": "x\n\u00e9 \ud83d\ude00 \\frac \"", "": {}, "e": []}"#,
            " {\r\n\t\"a\" : \"\u{e9}\" } \n",
            "{}",
        ] {
            assert!(agrees(record.as_bytes()), "{record}");
        }
    }

    #[test]
    fn what_would_be_refused_or_repaired_is_not_scanned() {
        for record in [
            &b"{\"a\": NaN}"[..],
            b"{\"a\": 1, \"a\": 2}",
            b"{\"a\": {\"b\": 1, \"b\": 2}}",
            b"{\"\\u0061\": 1}",
            b"{\"a\": \"\\ud83d\"}",
            b"{\"a\": \"\\ude00\"}",
            b"{\"a\": \"\\ud83d\\u0041\"}",
            b"{\"a\": \"\\q\"}",
            b"{\"a\": \"x\ty\"}",
            b"{\"a\": \"\xff\"}",
            b"{\"a\": 01}",
            b"{\"a\": 1,}",
            b"{\"a\": [1,]}",
            b"{\"a\": tru}",
            b"{\"a\": 1} x",
            b"{\"a\": 1}\0",
            b"\xEF\xBB\xBF{}",
            b"[1]",
            b"{\"a\"",
            b"{\"a\": \"",
            b"{\"a\": 1",
            b"",
        ] {
            assert!(Object::of(record).is_none(), "{}", record.escape_ascii());
        }
        assert!(Object::of(format!("{{\"a\": {}{}}}", "[".repeat(200), "]".repeat(200)).as_bytes()).is_none());
    }

    proptest! {
        #[test]
        fn no_text_is_scanned_otherwise_than_parsed(
            text in r#"\{("a"|"b"|"c\\n"|[:, {}\[\]]|-?[0-9]{1,3}|\.5|1e9|true|null|"[^"\\]{0,4}"|"(\\[nu"\\tbd/]|\\u[0-9d][89acd][0-9a]{2}|[a-z0-9])*"|\t){0,24}\}"#
        ) {
            agrees(text.as_bytes());
        }

        #[test]
        fn no_bytes_are_scanned_otherwise_than_parsed(at in 0_usize..110, byte in any::<u8>()) {
            let mut record = br#"{"a": [1, -2.5, {"b": null}], "c": true, "d": "x\n\u00e9 \ud83d\ude00 \\frac", "e": "\u00ff", "f": [[]]}"#.to_vec();
            let at = at % record.len();
            record[at] = byte;
            agrees(&record);
        }
    }
}
