//! What Python prints of lists and dictionaries, as it stands in cells of tables: `['a', "it's", None, 1.5]`.

use serde_json::{Map, Value};

use crate::formats::parse_json;

/// Deepest nesting that is looked into.
const DEPTH: usize = 16;

/// The value of such a text; `None` when it is anything else, down to the last character.
pub(super) fn value(text: &str) -> Option<Value> {
    let mut literal = Literal { rest: text };
    let value = literal.value(0)?;
    literal.rest.trim_start().is_empty().then_some(value)
}

struct Literal<'a> {
    rest: &'a str,
}

impl Literal<'_> {
    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start();
        self.rest.chars().next()
    }

    /// Goes over a character if it comes next.
    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.rest = &self.rest[wanted.len_utf8()..];
        }
        found
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        match self.peek()? {
            '[' | '{' if depth == DEPTH => None,
            '[' => self.list(depth).map(Value::Array),
            '{' => self.dictionary(depth).map(Value::Object),
            '\'' | '"' => self.text().map(Value::String),
            _ => self.word(),
        }
    }

    fn list(&mut self, depth: usize) -> Option<Vec<Value>> {
        let mut items = Vec::new();
        self.take('[');
        while !self.take(']') {
            items.push(self.value(depth + 1)?);
            if !self.take(',') && self.peek() != Some(']') {
                return None;
            }
        }
        Some(items)
    }

    fn dictionary(&mut self, depth: usize) -> Option<Map<String, Value>> {
        let mut map = Map::new();
        self.take('{');
        while !self.take('}') {
            self.peek().filter(|quote| matches!(quote, '\'' | '"'))?;
            let key = self.text()?;
            let value = if self.take(':') { self.value(depth + 1)? } else { return None };
            if map.insert(key, value).is_some() || (!self.take(',') && self.peek() != Some('}')) {
                return None;
            }
        }
        Some(map)
    }

    /// A number, a truth or nothing.
    fn word(&mut self) -> Option<Value> {
        let end = self.rest.find([',', ']', '}', ' ']).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        match word {
            "None" => Some(Value::Null),
            "True" => Some(Value::Bool(true)),
            "False" => Some(Value::Bool(false)),
            _ => parse_json(word.as_bytes()).ok().filter(Value::is_number),
        }
    }

    fn text(&mut self) -> Option<String> {
        let (mut text, mut chars) = (String::new(), self.rest.chars());
        let quote = chars.next()?;
        loop {
            match chars.next()? {
                '\n' | '\r' => return None,
                '\\' => escape(&mut chars, &mut text)?,
                end if end == quote => break,
                plain => text.push(plain),
            }
        }
        self.rest = chars.as_str();
        Some(text)
    }
}

/// What stands behind a backslash. Python keeps one that means nothing.
fn escape(chars: &mut std::str::Chars<'_>, text: &mut String) -> Option<()> {
    let meant = match chars.next()? {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'x' => code(chars, 2)?,
        'u' => code(chars, 4)?,
        'U' => code(chars, 8)?,
        plain @ ('\\' | '\'' | '"') => plain,
        other => {
            text.push('\\');
            other
        }
    };
    text.push(meant);
    Some(())
}

/// The character with a code of so many hexadecimal digits.
fn code(chars: &mut std::str::Chars<'_>, digits: usize) -> Option<char> {
    let (code, rest) = chars.as_str().split_at_checked(digits)?;
    *chars = rest.chars();
    // A sign is no digit.
    code.bytes().all(|digit| digit.is_ascii_hexdigit()).then_some(())?;
    char::from_u32(u32::from_str_radix(code, 16).ok()?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_python_prints_is_read() {
        for (text, expected) in [
            (
                r#"['a', "it's", 'say "x"', '\'"', None, True, False, 1.5, -3]"#,
                json!(["a", "it's", "say \"x\"", "'\"", null, true, false, 1.5, -3]),
            ),
            (r"['2\n\n3', '\\frac{1}{2}', '\xe9\u00e9\U0001f600', '\frac']", json!(["2\n\n3", "\\frac{1}{2}", "éé😀", "\\frac"])),
            ("[{'step': 'a', 'label': 1}, {}, [], [[1]],]", json!([{"step": "a", "label": 1}, {}, [], [[1]]])),
        ] {
            assert_eq!(value(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn anything_else_is_not() {
        for text in [
            "",
            "[",
            "['a'",
            "['a' 'b']",
            "[a]",
            "['a'] b",
            "{1: 2}",
            "{'a': 1, 'a': 2}",
            "['\\x4']",
            "['\\x+4']",
            "['\\ud800']",
            "[nan]",
            "(1, 2)",
            "['a\n']",
        ] {
            assert_eq!(value(text), None, "{text}");
        }
        assert_eq!(value(&"[".repeat(100_000)), None);
    }
}
