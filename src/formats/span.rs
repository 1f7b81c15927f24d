//! Finds the bytes of single values inside a raw record, so that a changed label can be put in place without touching the rest.
//! Works without a stack on any bytes; on broken JSON it finds nothing or something harmless.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

fn skip_white(raw: &[u8], mut at: usize) -> usize {
    while matches!(raw.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
        at += 1;
    }
    at
}

/// End of the string that starts at `at`.
fn string_end(raw: &[u8], at: usize) -> Option<usize> {
    let mut at = at + 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', raw.get(at..)?)?;
        if raw[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// End of the value that starts at `at`.
fn value_end(raw: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    loop {
        match raw.get(at)? {
            b'"' => at = string_end(raw, at)?,
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                at += 1;
            }
            b' ' | b'\t' | b'\n' | b'\r' | b',' | b':' if depth > 0 => {
                at += 1;
                continue;
            }
            b',' | b':' => return None,
            _ => {
                while raw.get(at).is_some_and(|byte| !b" \t\n\r,:[]{}\"".contains(byte)) {
                    at += 1;
                }
            }
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

/// The text of a JSON string token (with its quotes).
fn decode(token: &[u8]) -> Option<Cow<'_, str>> {
    let inner = token.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    let text = std::str::from_utf8(inner).ok()?;
    if !text.contains('\\') {
        return Some(Cow::Borrowed(text));
    }
    match super::json::parse_json(token).ok()? {
        serde_json::Value::String(text) => Some(Cow::Owned(text)),
        _ => None,
    }
}

/// The bytes of the value at this path of keys, in an object of objects.
pub(super) fn find(raw: &[u8], path: &[&str]) -> Option<Range<usize>> {
    let mut at = skip_white(raw, if raw.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 });
    for &wanted in path {
        if raw.get(at) != Some(&b'{') {
            return None;
        }
        at = skip_white(raw, at + 1);
        loop {
            if raw.get(at) != Some(&b'"') {
                return None;
            }
            let key_end = string_end(raw, at)?;
            let found = decode(&raw[at..key_end])? == wanted;
            let colon = skip_white(raw, key_end);
            if raw.get(colon) != Some(&b':') {
                return None;
            }
            at = skip_white(raw, colon + 1);
            if found {
                break;
            }
            at = skip_white(raw, value_end(raw, at)?);
            if raw.get(at) != Some(&b',') {
                return None;
            }
            at = skip_white(raw, at + 1);
        }
    }
    Some(at..value_end(raw, at)?)
}

/// The text of the string at this path.
pub(super) fn text<'a>(raw: &'a [u8], path: &[&str]) -> Option<Cow<'a, str>> {
    decode(&raw[find(raw, path)?])
}

/// A hash of a text, equal within one run of the program.
pub(super) fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// `raw` with the bytes of one value replaced; `None` when it has no such value.
pub(super) fn replace(raw: &[u8], path: &[&str], value: &[u8]) -> Option<Vec<u8>> {
    let range = find(raw, path)?;
    let mut out = Vec::with_capacity(raw.len() + value.len());
    out.extend_from_slice(&raw[..range.start]);
    out.extend_from_slice(value);
    out.extend_from_slice(&raw[range.end..]);
    Some(out)
}

/// `raw` without the white space between its tokens.
pub(super) fn compact(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut at = 0;
    while at < raw.len() {
        match raw[at] {
            b' ' | b'\t' | b'\n' | b'\r' => at += 1,
            b'"' => {
                let end = string_end(raw, at).map_or(raw.len(), |end| end.min(raw.len()));
                out.extend_from_slice(&raw[at..end]);
                at = end;
            }
            byte => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const RAW: &[u8] = br#" {"a": {"l\u0061bel": [1, {"x": "}\""}]}, "b": NaN , "c":"t\u00e9"} "#;

    #[test]
    fn values_are_found_by_path() {
        let at = |path: &[&str]| find(RAW, path).map(|range| std::str::from_utf8(&RAW[range]).unwrap());
        assert_eq!(at(&["a", "label"]), Some(r#"[1, {"x": "}\""}]"#));
        assert_eq!(at(&["b"]), Some("NaN"));
        assert_eq!(at(&["a", "b"]), None);
        assert_eq!(at(&["d"]), None);
        assert_eq!(text(RAW, &["c"]).unwrap(), "té");
        assert_eq!(text(RAW, &["b"]), None);
    }

    #[test]
    fn only_the_bytes_of_the_value_are_replaced() {
        let out = replace(RAW, &["b"], b"7").unwrap();
        assert_eq!(out, br#" {"a": {"l\u0061bel": [1, {"x": "}\""}]}, "b": 7 , "c":"t\u00e9"} "#);
    }

    #[test]
    fn white_space_inside_of_strings_is_no_white_space() {
        assert_eq!(compact(b"{ \"a b\" :\n [ 1 , \"\\\" c\" ] }"), b"{\"a b\":[1,\"\\\" c\"]}");
    }

    #[test]
    fn broken_json_finds_nothing() {
        for raw in [&b"{\"a\": {\"b"[..], b"{\"a\"", b"{", b"", b"{\"a\":,}", b"{\"a\":]", b"{\"b\": \"\\"] {
            assert_eq!(find(raw, &["a"]), None, "{raw:?}");
        }
    }
}
