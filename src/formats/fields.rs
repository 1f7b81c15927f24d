//! Taking the fields of a record one by one, with errors that say which field, what was expected and what was found. What nobody
//! takes is kept.

use serde_json::Value;

use super::json::describe;
use crate::checks::answer::ALTERNATIVE;
use crate::trace::Extra;

/// What is wrong with one field of a record.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fault {
    pub(super) field: Option<String>,
    pub(super) message: String,
}

impl Fault {
    pub(super) fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: Some(field.into()), message: message.into() }
    }

    pub(super) fn record(message: impl Into<String>) -> Self {
        Self { field: None, message: message.into() }
    }

    /// The records of a unit speak of one problem.
    pub(super) fn other_problem() -> Self {
        Self::record("expected the problem of the first record of its unit, found another one")
    }

    /// "expected .., found ..".
    pub(super) fn expected(field: impl Into<String>, expected: &str, found: &Value) -> Self {
        Self::new(field, format!("expected {expected}, found {}", describe(found)))
    }
}

/// The fields of one object, with the path that leads to it.
#[derive(Debug)]
pub(super) struct Fields {
    map: Extra,
    path: String,
}

impl Fields {
    /// The fields of a nested object.
    pub(super) fn of(value: Value, path: impl Into<String>) -> Result<Self, Fault> {
        let path = path.into();
        match value {
            Value::Object(map) => Ok(Self { map, path }),
            other => Err(Fault::expected(path, "an object", &other)),
        }
    }

    /// The fields of a whole record.
    pub(super) fn record(value: Value) -> Result<Self, Fault> {
        match value {
            Value::Object(map) => Ok(Self { map, path: String::new() }),
            other => Err(Fault::record(format!("a record must be an object, found {}", describe(&other)))),
        }
    }

    /// Path of the field `key`.
    pub(super) fn at(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    pub(super) fn peek(&self, key: &str) -> Option<&Value> {
        self.map.get(key)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.map.keys().map(String::as_str)
    }

    /// The field, taken out; its place in the order of the others is lost, theirs is kept.
    pub(super) fn take(&mut self, key: &str) -> Option<Value> {
        self.map.shift_remove(key)
    }

    /// Like [`Fields::take`], with null as good as missing.
    pub(super) fn take_some(&mut self, key: &str) -> Option<Value> {
        self.take(key).filter(|value| !value.is_null())
    }

    /// A field that must be there.
    pub(super) fn need(&mut self, key: &str, expected: &str) -> Result<Value, Fault> {
        let field = self.at(key);
        self.take(key).ok_or_else(|| Fault::new(field, format!("expected {expected}, found no such field")))
    }

    pub(super) fn object(&mut self, key: &str) -> Result<Fields, Fault> {
        let value = self.need(key, "an object")?;
        Self::of(value, self.at(key))
    }

    pub(super) fn text(&mut self, key: &str) -> Result<String, Fault> {
        let value = self.need(key, "a string")?;
        text(value, || self.at(key))
    }

    pub(super) fn optional_text(&mut self, key: &str) -> Result<Option<String>, Fault> {
        self.take_some(key).map(|value| text(value, || self.at(key))).transpose()
    }

    /// Identifiers: a string, or a number as its digits.
    pub(super) fn optional_name(&mut self, key: &str) -> Result<Option<String>, Fault> {
        self.take_some(key).map(|value| name(value, || self.at(key))).transpose()
    }

    /// The right answer: a string or a number, or several of them that are all right, with [`ALTERNATIVE`] between.
    pub(super) fn reference(&mut self, key: &str) -> Result<Option<String>, Fault> {
        let path = self.at(key);
        match self.take_some(key) {
            Some(Value::Array(several)) => {
                let name = |(index, item): (usize, Value)| name(item, || format!("{path}[{index}]"));
                let answers = several.into_iter().enumerate().map(name).collect::<Result<Vec<_>, _>>()?;
                Ok((!answers.is_empty()).then(|| answers.join(ALTERNATIVE)))
            }
            Some(one) => name(one, || path).map(Some),
            None => Ok(None),
        }
    }

    pub(super) fn list(&mut self, key: &str) -> Result<Vec<Value>, Fault> {
        let value = self.need(key, "a list")?;
        list(value, || self.at(key))
    }

    pub(super) fn optional_list(&mut self, key: &str) -> Result<Option<Vec<Value>>, Fault> {
        self.take_some(key).map(|value| list(value, || self.at(key))).transpose()
    }

    /// A list of strings.
    pub(super) fn texts(&mut self, key: &str) -> Result<Vec<String>, Fault> {
        let path = self.at(key);
        let value = self.need(key, "a list of strings")?;
        let Value::Array(items) = value else {
            let mut fault = Fault::expected(path, "a list of strings", &value);
            if value.as_str().is_some_and(|text| text.starts_with('[') && text.ends_with(']')) {
                fault.message.push_str(" (a list that was written as a text: json.dumps and json.loads keep it one)");
            }
            return Err(fault);
        };
        texts(items, &path)
    }

    pub(super) fn boolean(&mut self, key: &str) -> Result<bool, Fault> {
        let value = self.need(key, "true or false")?;
        boolean(&value, || self.at(key))
    }

    pub(super) fn optional_boolean(&mut self, key: &str) -> Result<Option<bool>, Fault> {
        self.take_some(key).map(|value| boolean(&value, || self.at(key))).transpose()
    }

    /// All fields that were not taken.
    pub(super) fn map(&self) -> &Extra {
        &self.map
    }

    /// Puts a field back that could not be used.
    pub(super) fn put(&mut self, key: &str, value: Value) {
        self.map.insert(key.to_owned(), value);
    }

    /// What was not taken.
    pub(super) fn rest(self) -> Extra {
        self.map
    }
}

pub(super) fn text(value: Value, path: impl FnOnce() -> String) -> Result<String, Fault> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(Fault::expected(path(), "a string", &other)),
    }
}

/// A string, or a number as its digits.
fn name(value: Value, path: impl FnOnce() -> String) -> Result<String, Fault> {
    match value {
        Value::Number(number) => Ok(number.to_string()),
        value => text(value, path),
    }
}

pub(super) fn list(value: Value, path: impl FnOnce() -> String) -> Result<Vec<Value>, Fault> {
    match value {
        Value::Array(items) => Ok(items),
        other => Err(Fault::expected(path(), "a list", &other)),
    }
}

pub(super) fn boolean(value: &Value, path: impl FnOnce() -> String) -> Result<bool, Fault> {
    value.as_bool().ok_or_else(|| Fault::expected(path(), "true or false", value))
}

pub(super) fn texts(items: Vec<Value>, path: &str) -> Result<Vec<String>, Fault> {
    items.into_iter().enumerate().map(|(index, item)| text(item, || format!("{path}[{index}]"))).collect()
}

/// Two lists must go along with each other: `found` entries of the field for `expected` others, in the words for both, as "labels" for
/// "steps".
pub(super) fn one_each(
    field: impl Into<String>,
    (found, entries): (usize, &str),
    (expected, others): (usize, &str),
) -> Result<(), Fault> {
    if found == expected {
        return Ok(());
    }
    Err(Fault::new(field, format!("expected {expected} {entries} for {expected} {others}, found {found}")))
}

/// A whole number. `1.0` counts as 1, because tables write whole columns of integers so; `1.5`, `1e0` and `"1"` do not count.
pub(super) fn integer(value: &Value) -> Option<i64> {
    let Value::Number(number) = value else { return None };
    let digits = number.to_string();
    let whole = match digits.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|byte| byte == b'0') => whole,
        Some(_) => return None,
        None => &digits,
    };
    whole.parse().ok()
}

/// The content of the last `\\boxed{..}` of a text.
pub(super) fn boxed(text: &str) -> Option<String> {
    crate::checks::answer::boxed(text).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn errors_carry_the_path_of_the_field() {
        let mut fields = Fields::record(json!({"q": {"steps": ["a", null], "n": 3}})).unwrap();
        let mut inner = fields.object("q").unwrap();
        assert_eq!(inner.texts("steps").unwrap_err(), Fault::new("q.steps[1]", "expected a string, found null"));
        assert_eq!(inner.text("n").unwrap_err(), Fault::new("q.n", "expected a string, found 3"));
        assert_eq!(inner.text("m").unwrap_err(), Fault::new("q.m", "expected a string, found no such field"));
        let list = Fields::record(json!([1])).unwrap_err();
        assert_eq!(list.message, "a record must be an object, found a list of 1");
    }

    #[test]
    fn whole_numbers() {
        let parse = |text: &str| integer(&super::super::json::parse_json(text.as_bytes()).unwrap());
        assert_eq!(parse("-1"), Some(-1));
        assert_eq!(parse("1.0"), Some(1));
        for text in ["1.5", "1e999", "\"1\"", "true", "null", "[0]", "9223372036854775808", "1e2"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
