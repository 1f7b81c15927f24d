//! Our JSON reader: strict where labels could be misread, tolerant where Python's writer is not quite JSON.
//!
//! Own code rather than `serde_json`'s, because that one lets the last of two equal keys win, reads a key named like its private
//! number token as a number, and refuses a whole record for one bare `NaN` or half a surrogate pair in a field nobody needs.

use std::fmt::Write as _;

use serde_json::{Map, Number, Value};

/// Deepest nesting of lists and objects that is read.
pub const MAX_DEPTH: usize = 128;

/// Why bytes are not a JSON value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{message} (byte {})", .field.as_ref().map(|field| format!("{field}: ")).unwrap_or_default(), .at + 1)]
pub struct ParseFailure {
    /// Offset of the byte that cannot be read, counted from 0.
    pub at: usize,
    /// Field in which it stands, like `steps[1]`; `None` outside of all fields.
    pub field: Option<String>,
    /// What was expected and found.
    pub message: String,
}

/// A value and what had to be repaired to read it.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// The value.
    pub value: Value,
    /// One line each; empty for clean JSON.
    pub warnings: Vec<String>,
}

/// Reads one JSON value. Bare `NaN` and infinities become null, halves of surrogate pairs U+FFFD; what was repaired is not told
/// (see [`parse_json_noting`]).
pub fn parse_json(bytes: &[u8]) -> Result<Value, ParseFailure> {
    parse_json_noting(bytes).map(|parsed| parsed.value)
}

/// Reads one JSON value and tells what was repaired.
pub fn parse_json_noting(bytes: &[u8]) -> Result<Parsed, ParseFailure> {
    let (bytes, skipped) = match bytes.strip_prefix(b"\xEF\xBB\xBF") {
        Some(rest) => (rest, 3),
        None => (bytes, 0),
    };
    let shift = |failure: ParseFailure| ParseFailure { at: failure.at + skipped, ..failure };
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        shift(ParseFailure { at, field: None, message: format!("not UTF-8: found the byte 0x{:02X}", bytes[at]) })
    })?;
    if let Some(message) = not_json_at_all(text) {
        return Err(shift(ParseFailure { at: 0, field: None, message }));
    }
    let mut parser = Parser { text, bytes: text.as_bytes(), at: 0, not_numbers: 0, surrogates: 0, controls: 0, ends: 0 };
    match parser.document() {
        Ok(value) => {
            let mut warnings = parser.warnings();
            if skipped > 0 {
                warnings.push("a byte order mark before the record was ignored".to_owned());
            }
            Ok(Parsed { value, warnings })
        }
        Err(bad) => Err(shift(bad.into_failure())),
    }
}

/// How a warning about characters that are no text ends; their number stands before it.
const HALVES: &str = "halves of surrogate pairs replaced by U+FFFD";

/// How many characters that are no text were replaced, by the warnings of a reader.
pub(super) fn replaced_halves(warnings: &[String]) -> u64 {
    // A format may have put a place before the number.
    let number = |warning: &String| warning.strip_suffix(HALVES)?.split_whitespace().next_back()?.parse::<u64>().ok();
    warnings.iter().filter_map(number).sum()
}

/// How many characters of a record are no text.
pub fn halves(record: &[u8]) -> u64 {
    parse_json_noting(record).map_or(0, |parsed| replaced_halves(&parsed.warnings))
}

/// Things that stand in data files by accident and deserve to be called by name.
fn not_json_at_all(text: &str) -> Option<String> {
    let start = text.trim_start();
    if ["<<<<<<<", "=======", ">>>>>>>", "|||||||"].iter().any(|mark| start.starts_with(mark)) {
        return Some("a git conflict marker: the file was merged with conflicts".to_owned());
    }
    if start.starts_with("version https://git-lfs") {
        return Some("a Git LFS pointer instead of the data, run `git lfs pull`".to_owned());
    }
    let head: String = start.chars().take(14).collect::<String>().to_ascii_lowercase();
    if head.starts_with("<!doctype html") || head.starts_with("<html") {
        return Some("an HTML page instead of JSON (a failed download?)".to_owned());
    }
    let nuls = start.bytes().take_while(|&byte| byte == 0).count();
    (nuls > 0).then(|| format!("{nuls} NUL bytes (file was not closed cleanly?)"))
}

/// `text` for an error message: at most `limit` characters, nothing in it that a terminal would act upon.
pub(super) fn excerpt(text: &str, limit: usize) -> String {
    let mut out: String = text.chars().take(limit).flat_map(char::escape_debug).collect();
    if text.chars().nth(limit).is_some() {
        out.push('…');
    }
    out
}

/// Most parts of a field path that are named.
const MAX_PATH: usize = 8;

/// Most letters of a command that are looked at.
const LONGEST: usize = 14;

/// Commands whose backslash and first letter are a line end, a tab or a carriage return in JSON. A line may well begin with the rest of
/// shorter ones, as with `u` of `\nu`.
fn may_be_meant(command: &str) -> bool {
    matches!(
        command,
        "nabla"
            | "neq"
            | "notin"
            | "rangle"
            | "rho"
            | "right"
            | "rightarrow"
            | "text"
            | "textbf"
            | "tfrac"
            | "therefore"
            | "theta"
            | "tilde"
            | "times"
            | "triangle"
    )
}

struct Bad {
    at: usize,
    message: String,
    // Innermost first: pushed while the error travels outwards.
    path: Vec<String>,
}

impl Bad {
    fn into_failure(self) -> ParseFailure {
        // A deep path says as much by its beginning.
        let deep = self.path.len() > MAX_PATH;
        let mut path: String = self.path.into_iter().rev().take(MAX_PATH).collect();
        if deep {
            path.push('…');
        }
        let field = path.strip_prefix('.').unwrap_or(&path).to_owned();
        ParseFailure { at: self.at, field: (!field.is_empty()).then_some(field), message: self.message }
    }

    fn within(mut self, segment: impl FnOnce() -> String) -> Self {
        self.path.push(segment());
        self
    }
}

struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    not_numbers: usize,
    surrogates: usize,
    controls: usize,
    /// Line ends, tabs and carriage returns that are perhaps the beginning of a command.
    ends: usize,
}

impl Parser<'_> {
    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.not_numbers > 0 {
            warnings.push(format!("{} bare NaN or Infinity read as null", self.not_numbers));
        }
        if self.surrogates > 0 {
            warnings.push(format!("{} {HALVES}", self.surrogates));
        }
        if self.controls > 0 {
            warnings.push(format!("{} escapes \\b or \\f before a letter: unescaped LaTeX?", self.controls));
        }
        if self.ends > 0 {
            warnings.push(format!("{} escapes \\t, \\n or \\r that begin a command (\\times): unescaped LaTeX?", self.ends));
        }
        warnings
    }

    fn fail<T>(&self, message: impl Into<String>) -> Result<T, Bad> {
        Err(Bad { at: self.at, message: message.into(), path: Vec::new() })
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_white(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// What stands here, for a message.
    fn found(&self) -> String {
        match self.text.get(self.at..).filter(|rest| !rest.is_empty()) {
            None => "the end of the record".to_owned(),
            Some(rest) => format!("`{}`", excerpt(rest, 16)),
        }
    }

    fn document(&mut self) -> Result<Value, Bad> {
        let value = self.value(0)?;
        self.skip_white();
        let rest = &self.bytes[self.at..];
        if rest.is_empty() {
            return Ok(value);
        }
        if rest.iter().all(|&byte| byte == 0) {
            return self.fail(format!("{} NUL bytes (file was not closed cleanly?)", rest.len()));
        }
        let hint = if self.bytes[..self.at].ends_with(b"\r") {
            " (a lone carriage return ends no line; `tr '\\r' '\\n'` makes lines of them)"
        } else if self.peek() == Some(b'{') {
            " (two records on one line?)"
        } else {
            ""
        };
        self.fail(format!("text after the end of the record: {}{hint}", self.found()))
    }

    fn value(&mut self, depth: usize) -> Result<Value, Bad> {
        self.skip_white();
        match self.peek() {
            Some(b'{' | b'[') if depth >= MAX_DEPTH => self.fail(format!("nested deeper than {MAX_DEPTH} levels")),
            Some(b'{') => self.object(depth),
            Some(b'[') => self.list(depth),
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9' | b'N' | b'I') => self.number(),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            _ => self.not_a_value(),
        }
    }

    fn not_a_value<T>(&self) -> Result<T, Bad> {
        let hint = match self.peek() {
            Some(b'\'') => " (JSON wants double quotes)",
            Some(b'T' | b'F') => " (JSON writes true and false)",
            Some(b'/' | b'#') => " (JSON has no comments)",
            Some(b'+') => " (JSON numbers have no plus sign)",
            Some(b',' | b']' | b'}') => " (a comma too many?)",
            _ => "",
        };
        self.fail(format!("expected a JSON value, found {}{hint}", self.found()))
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, Bad> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return self.not_a_value();
        }
        self.at += word.len();
        Ok(value)
    }

    fn number(&mut self) -> Result<Value, Bad> {
        let rest = &self.bytes[self.at..];
        // Python's json.dumps writes these three for what is not a number.
        if let Some(word) = ["NaN", "Infinity", "-Infinity"].iter().find(|word| rest.starts_with(word.as_bytes())) {
            self.at += word.len();
            self.not_numbers += 1;
            return Ok(Value::Null);
        }
        let word =
            rest.iter().position(|byte| !matches!(byte, b'-' | b'+' | b'.' | b'0'..=b'9' | b'_' | b'a'..=b'z' | b'A'..=b'Z'));
        let end = self.at + word.unwrap_or(rest.len());
        let text = &self.text[self.at..end];
        if !is_number(text.as_bytes()) {
            return self.fail(format!("expected a JSON number, found `{}`", excerpt(text, 24)));
        }
        let Ok(number) = text.parse::<Number>() else {
            return self.fail(format!("expected a JSON number, found `{}`", excerpt(text, 24)));
        };
        self.at = end;
        Ok(Value::Number(number))
    }

    fn list(&mut self, depth: usize) -> Result<Value, Bad> {
        self.at += 1;
        let mut items = Vec::new();
        self.skip_white();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::Array(items));
        }
        loop {
            let index = items.len();
            items.push(self.value(depth + 1).map_err(|bad| bad.within(|| format!("[{index}]")))?);
            self.skip_white();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return self.fail(format!("expected `,` or `]`, found {}", self.found())),
            }
        }
        self.at += 1;
        Ok(Value::Array(items))
    }

    fn object(&mut self, depth: usize) -> Result<Value, Bad> {
        self.at += 1;
        let mut map = Map::new();
        self.skip_white();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Object(map));
        }
        loop {
            self.skip_white();
            let start = self.at;
            if self.peek() != Some(b'"') {
                let hint = if self.peek() == Some(b'\'') { " (what Python prints is no JSON: json.dumps writes it)" } else { "" };
                return self.fail(format!("expected a key in double quotes, found {}{hint}", self.found()));
            }
            let key = self.string()?;
            self.skip_white();
            if self.peek() != Some(b':') {
                return self.fail(format!("expected `:` after a key, found {}", self.found()));
            }
            self.at += 1;
            let value = self.value(depth + 1).map_err(|bad| bad.within(|| format!(".{}", excerpt(&key, 40))))?;
            if map.contains_key(&key) {
                self.at = start;
                return self.fail(format!("the key \"{}\" stands twice in one object", excerpt(&key, 40)));
            }
            map.insert(key, value);
            self.skip_white();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return self.fail(format!("expected `,` or `}}`, found {}", self.found())),
            }
        }
        self.at += 1;
        Ok(Value::Object(map))
    }

    fn string(&mut self) -> Result<String, Bad> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let rest = &self.bytes[self.at..];
            let Some(plain) = rest.iter().position(|&byte| byte == b'"' || byte == b'\\' || byte < 0x20) else {
                self.at = self.bytes.len();
                return self.fail("the record ends inside a string");
            };
            // Stops at ASCII bytes only, so both ends are character borders.
            out.push_str(&self.text[self.at..self.at + plain]);
            self.at += plain;
            match self.bytes[self.at] {
                b'"' => break,
                b'\\' => self.escape(&mut out)?,
                byte => return self.fail(format!("a raw control character U+{byte:04X} in a string (JSON wants it escaped)")),
            }
        }
        self.at += 1;
        Ok(out)
    }

    fn escape(&mut self, out: &mut String) -> Result<(), Bad> {
        let Some(&letter) = self.bytes.get(self.at + 1) else {
            return self.fail("the record ends inside a string");
        };
        let plain = match letter {
            b'"' | b'\\' | b'/' => char::from(letter),
            b'n' | b't' | b'r' => {
                self.ends += usize::from(may_be_meant(self.command()));
                match letter {
                    b'n' => '\n',
                    b't' => '\t',
                    _ => '\r',
                }
            }
            b'b' | b'f' => {
                // `\frac` and `\boxed` are valid JSON and never meant as form feed and backspace. Records of ProcessBench have them, so that
                // they are read all the same.
                self.controls += usize::from(self.command().len() > 1);
                if letter == b'b' { '\u{8}' } else { '\u{c}' }
            }
            b'u' => return self.unicode_escape(out),
            _ => {
                let rest = self.text.get(self.at + 1..).unwrap_or_default();
                let letters = rest.bytes().take(12).take_while(u8::is_ascii_alphabetic).count();
                let command = if letters > 0 { rest[..letters].to_owned() } else { excerpt(rest, 1) };
                let hint =
                    if letter.is_ascii_alphabetic() || b"()[]{},;!% ".contains(&letter) { ": unescaped LaTeX?" } else { "" };
                return self.fail(format!("`\\{command}` is no JSON escape{hint}"));
            }
        };
        out.push(plain);
        self.at += 2;
        Ok(())
    }

    /// The letters behind a backslash, as far as names of LaTeX go.
    fn command(&self) -> &str {
        let rest = &self.bytes[self.at + 1..];
        let letters = rest.iter().take(LONGEST).take_while(|byte| byte.is_ascii_alphabetic()).count();
        &self.text[self.at + 1..self.at + 1 + letters]
    }

    /// The four hexadecimal digits of a `\u` escape at `at`.
    fn code_unit(&self, at: usize) -> Option<u32> {
        let rest = self.bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
        let digits = std::str::from_utf8(rest).ok().filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        u32::from_str_radix(digits, 16).ok()
    }

    fn unicode_escape(&mut self, out: &mut String) -> Result<(), Bad> {
        let Some(unit) = self.code_unit(self.at) else {
            let hint = if self.bytes.get(self.at + 2).is_some_and(u8::is_ascii_alphabetic) { ": unescaped LaTeX?" } else { "" };
            return self.fail(format!("expected four hexadecimal digits after `\\u`{hint}"));
        };
        self.at += 6;
        let low = if (0xD800..0xDC00).contains(&unit) { self.code_unit(self.at) } else { None };
        let code = match low.filter(|low| (0xDC00..0xE000).contains(low)) {
            Some(low) => {
                self.at += 6;
                0x1_0000 + ((unit - 0xD800) << 10) + (low - 0xDC00)
            }
            None => unit,
        };
        out.push(char::from_u32(code).unwrap_or_else(|| {
            self.surrogates += 1;
            char::REPLACEMENT_CHARACTER
        }));
        Ok(())
    }
}

/// The number grammar of RFC 8259: no leading zero, no plus sign, digits on both sides of the point.
pub(super) fn is_number(text: &[u8]) -> bool {
    fn digits(text: &[u8]) -> usize {
        text.iter().take_while(|byte| byte.is_ascii_digit()).count()
    }
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let whole = digits(text);
    if whole == 0 || (whole > 1 && text[0] == b'0') {
        return false;
    }
    let mut rest = &text[whole..];
    if let Some(fraction) = rest.strip_prefix(b".") {
        let count = digits(fraction);
        if count == 0 {
            return false;
        }
        rest = &fraction[count..];
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = exponent.strip_prefix(b"+").or_else(|| exponent.strip_prefix(b"-")).unwrap_or(exponent);
        let count = digits(exponent);
        return count > 0 && count == exponent.len();
    }
    rest.is_empty()
}

/// A value in words, for error messages.
pub(super) fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => excerpt(&number.to_string(), 24),
        Value::String(text) => {
            let mut out = String::from("the string ");
            // Writing to a String cannot fail.
            let _ = write!(out, "\"{}\"", excerpt(text, 24));
            out
        }
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::Object(_) => "an object".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn failure(text: &str) -> String {
        parse_json(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn plain_json_reads_as_serde_json_reads_it() {
        let text = r#" {"a": [1, -0.5e3, "x\u00e9\ud83d\ude00\n\/"], "b": {"c": null, "d": [true, false]}, "": {}} "#;
        assert_eq!(parse_json(text.as_bytes()).unwrap(), serde_json::from_str::<Value>(text).unwrap());
    }

    #[test]
    fn digits_are_kept() {
        let value = parse_json(b"[18446744073709551617, 0.1234567890123456789012345678901234]").unwrap();
        assert_eq!(value.to_string(), "[18446744073709551617,0.1234567890123456789012345678901234]");
    }

    #[test]
    fn python_numbers_and_half_surrogates_are_repaired_with_a_warning() {
        let parsed = parse_json_noting(br#"{"q": NaN, "r": [-Infinity, Infinity], "s": "NaN \ud83d x \udc00"}"#).unwrap();
        assert_eq!(parsed.value, json!({"q": null, "r": [null, null], "s": "NaN \u{fffd} x \u{fffd}"}));
        assert_eq!(parsed.warnings.len(), 2);
        assert!(parsed.warnings[0].starts_with("3 bare NaN"));
        let elsewhere = ["line 7: 3 halves of surrogate pairs replaced by U+FFFD", "0 of 3 halves"].map(str::to_owned);
        assert_eq!((replaced_halves(&parsed.warnings), replaced_halves(&elsewhere)), (2, 3));
        assert_eq!((halves(br#"["\ud83d\ude00 \udc00"]"#), halves(b"[")), (1, 0));
    }

    #[test]
    fn a_high_surrogate_before_another_escape_loses_only_itself() {
        assert_eq!(parse_json(br#""\ud83d\u0041""#).unwrap(), json!("\u{fffd}A"));
        assert_eq!(parse_json(br#""\ud83d\ud83d\ude00""#).unwrap(), json!("\u{fffd}😀"));
    }

    #[test]
    fn a_key_that_stands_twice_is_an_error_however_it_is_written() {
        assert!(failure(r#"{"label": 1, "label": 2}"#).contains("\"label\" stands twice"));
        assert!(failure(r#"{"l\u0061bel": 1, "label": 2}"#).contains("\"label\" stands twice"));
        assert!(failure(r#"{"x": [{"a": 1, "a": 1}]}"#).starts_with("x[0]: the key"));
    }

    #[test]
    fn things_that_are_not_json_are_named() {
        for (text, expected) in [
            ("<<<<<<< HEAD", "git conflict"),
            (" <!DOCTYPE html><html>", "HTML page"),
            ("\0\0\0", "3 NUL bytes"),
            ("{}\0\0", "2 NUL bytes"),
            ("version https://git-lfs.github.com/spec/v1", "Git LFS pointer"),
            ("{} {}", "(two records on one line?)"),
            ("{}\r{}", "a lone carriage return ends no line"),
            ("{'a': 1}", "json.dumps writes it"),
            (r#"{"a": 'b'}"#, "double quotes"),
            (r#"{"a": True}"#, "true and false"),
            (r#"{"a": 1,}"#, "key in double quotes"),
            ("[1,]", "a comma too many?"),
            (r#"{"a": "\sqrt{2}"}"#, "a: `\\sqrt` is no JSON escape: unescaped LaTeX?"),
            (r#"{"a": "\u12"}"#, "four hexadecimal digits"),
            (r#"{"a": "b"#, "ends inside a string"),
            ("{\"a\": \"\u{1b}\"}", "U+001B"),
            ("", "the end of the record"),
        ] {
            assert!(failure(text).contains(expected), "{text:?}: {}", failure(text));
        }
    }

    #[test]
    fn numbers_outside_of_the_grammar_name_their_field() {
        for number in ["01", "+1", "0x1", "1.", ".5", "1e", "--1", "1_000"] {
            let message = failure(&format!(r#"{{"label": {number}}}"#));
            assert!(message.starts_with("label: "), "{number}: {message}");
        }
    }

    #[test]
    fn latex_that_is_valid_json_is_noticed() {
        let parsed =
            parse_json_noting(br#"{"a": "\frac{1}{2} \boxed{3} x\f1 \times \neq \right) \nu \text \nabla\n\times_"}"#).unwrap();
        let expected = [
            "2 escapes \\b or \\f before a letter: unescaped LaTeX?",
            "6 escapes \\t, \\n or \\r that begin a command (\\times): unescaped LaTeX?",
        ];
        assert_eq!(parsed.warnings, expected);
    }

    #[test]
    fn bytes_that_are_not_utf8_are_placed() {
        let failure = parse_json(b"{\"a\": \"\xff\"}").unwrap_err();
        assert_eq!(failure.to_string(), "not UTF-8: found the byte 0xFF (byte 8)");
    }

    #[test]
    fn deep_nesting_is_refused_without_using_the_stack() {
        let ok = format!("{}1{}", "[".repeat(128), "]".repeat(128));
        assert!(parse_json(ok.as_bytes()).is_ok());
        let deep = format!("{{\"x\": {}", "[".repeat(3_000_000));
        let failure = parse_json(deep.as_bytes()).unwrap_err();
        assert!(failure.message.contains("deeper than 128"));
    }
}
