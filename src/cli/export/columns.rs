//! JSON records as columns: which types they have, as Arrow arrays, and as the features that a data set card names.

use std::fmt::Write as _;
use std::sync::Arc;

use anyhow::bail;
use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, ListArray, StringArray, StructArray};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{DataType, Field, Fields};
use serde_json::Value;

/// Deepest nesting of lists and objects.
const DEPTH: usize = 8;

/// The type of a value of a column.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Type {
    /// Nothing but null was seen.
    Null,
    Bool,
    Int,
    /// Whole numbers that 64 bits do not hold: as their digits.
    Digits,
    Double,
    Text,
    List(Box<Type>),
    /// Fields in the order in which they were first seen.
    Object(Vec<(String, Type)>),
}

impl Type {
    /// The type of one value; `at` names it.
    pub(super) fn of(value: &Value, at: &str, depth: usize) -> anyhow::Result<Self> {
        if depth > DEPTH {
            bail!("{at} is nested deeper than {DEPTH} levels: these records are no table; leave --hub out");
        }
        Ok(match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Bool,
            Value::Number(number) if number.is_i64() => Self::Int,
            Value::Number(number) if !number.to_string().contains(['.', 'e', 'E']) => Self::Digits,
            Value::Number(_) => Self::Double,
            Value::String(_) => Self::Text,
            Value::Array(items) => {
                let item = items.iter().try_fold(Self::Null, |known, item| known.with(Self::of(item, at, depth + 1)?, at))?;
                Self::List(Box::new(item))
            }
            Value::Object(fields) => {
                let field = |(name, value): (&String, &Value)| {
                    anyhow::Ok((name.clone(), Self::of(value, &format!("{at}.{name}"), depth + 1)?))
                };
                Self::Object(fields.iter().map(field).collect::<anyhow::Result<_>>()?)
            }
        })
    }

    /// The type that holds values of both.
    pub(super) fn with(self, other: Self, at: &str) -> anyhow::Result<Self> {
        Ok(match (self, other) {
            (Self::Null, known) | (known, Self::Null) => known,
            (a, b) if a == b => a,
            (Self::Int, Self::Digits) | (Self::Digits, Self::Int) => Self::Digits,
            (Self::Int, Self::Double) | (Self::Double, Self::Int) => Self::Double,
            (Self::List(a), Self::List(b)) => Self::List(Box::new(a.with(*b, at)?)),
            (Self::Object(mut fields), Self::Object(others)) => {
                for (name, kind) in others {
                    match fields.iter_mut().find(|(known, _)| *known == name) {
                        Some((_, known)) => {
                            let both = std::mem::replace(known, Self::Null).with(kind, &format!("{at}.{name}"))?;
                            *known = both;
                        }
                        None => fields.push((name, kind)),
                    }
                }
                Self::Object(fields)
            }
            (a, b) => bail!("{at} holds {} in one record and {} in another; a column has one type", a.name(), b.name()),
        })
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "true or false",
            Self::Int => "whole numbers",
            Self::Digits => "whole numbers of more than 64 bits",
            Self::Double => "numbers",
            Self::Text => "text",
            Self::List(_) => "lists",
            Self::Object(_) => "objects",
        }
    }

    /// The columns of records of this type.
    pub(super) fn columns(&self) -> &[(String, Self)] {
        if let Self::Object(fields) = self { fields } else { &[] }
    }

    fn data_type(&self) -> DataType {
        match self {
            Self::Bool => DataType::Boolean,
            Self::Int => DataType::Int64,
            Self::Double => DataType::Float64,
            // Parquet has no column of nothing, and an object without fields is none either.
            Self::Null | Self::Text | Self::Digits => DataType::Utf8,
            Self::List(item) => DataType::List(Arc::new(Field::new("item", item.data_type(), true))),
            Self::Object(fields) if fields.is_empty() => DataType::Utf8,
            Self::Object(fields) => DataType::Struct(arrow_fields(fields)),
        }
    }

    /// A column of these values.
    pub(super) fn array(&self, values: &[Option<&Value>]) -> anyhow::Result<ArrayRef> {
        let there = || values.iter().map(|value| value.is_some_and(|value| !value.is_null())).collect::<NullBuffer>();
        Ok(match self {
            Self::Bool => Arc::new(values.iter().map(|value| value.and_then(Value::as_bool)).collect::<BooleanArray>()),
            Self::Int => Arc::new(values.iter().map(|value| value.and_then(Value::as_i64)).collect::<Int64Array>()),
            Self::Double => Arc::new(values.iter().map(|value| value.and_then(Value::as_f64)).collect::<Float64Array>()),
            Self::Digits => {
                let digits = |value: &Value| value.as_number().map(ToString::to_string);
                Arc::new(values.iter().map(|value| value.and_then(digits)).collect::<StringArray>())
            }
            Self::Null | Self::Text => {
                Arc::new(values.iter().map(|value| value.and_then(Value::as_str)).collect::<StringArray>())
            }
            Self::List(item) => {
                let lists = || values.iter().map(|value| value.and_then(Value::as_array).map_or(&[][..], Vec::as_slice));
                let items: Vec<_> = lists().flatten().map(Some).collect();
                let field = Arc::new(Field::new("item", item.data_type(), true));
                let offsets = OffsetBuffer::from_lengths(lists().map(<[Value]>::len));
                Arc::new(ListArray::try_new(field, offsets, item.array(&items)?, Some(there()))?)
            }
            Self::Object(fields) if fields.is_empty() => Arc::new(StringArray::new_null(values.len())),
            Self::Object(fields) => {
                let arrays: anyhow::Result<Vec<_>> = fields
                    .iter()
                    .map(|(name, kind)| {
                        let inner: Vec<_> = values.iter().map(|value| value.and_then(|value| value.get(name))).collect();
                        kind.array(&inner)
                    })
                    .collect();
                Arc::new(StructArray::try_new(arrow_fields(fields), arrays?, Some(there()))?)
            }
        })
    }

    /// The type in the words of a card, behind the name of its column; `indent` is that of the column.
    pub(super) fn feature(&self, list: &str, indent: usize) -> String {
        let deeper = " ".repeat(indent + 2);
        match self {
            Self::Bool => format!("{deeper}dtype: bool\n"),
            Self::Int => format!("{deeper}dtype: int64\n"),
            Self::Double => format!("{deeper}dtype: float64\n"),
            Self::Null | Self::Text | Self::Digits => format!("{deeper}dtype: string\n"),
            // A sequence of objects is an object of sequences for `datasets`: lists of objects are always lists.
            Self::List(item) => match item.as_ref() {
                Self::Object(fields) if !fields.is_empty() => format!("{deeper}list:\n{}", features(fields, list, indent + 2)),
                Self::List(_) => format!("{deeper}{list}:\n{}", item.feature(list, indent + 2)),
                plain => format!("{deeper}{list}: {}\n", plain.feature(list, 0).trim().trim_start_matches("dtype: ")),
            },
            Self::Object(fields) if fields.is_empty() => format!("{deeper}dtype: string\n"),
            Self::Object(fields) => format!("{deeper}struct:\n{}", features(fields, list, indent + 2)),
        }
    }
}

/// Columns in the words of a card.
pub(super) fn features(columns: &[(String, Type)], list: &str, indent: usize) -> String {
    let mut text = String::new();
    for (name, kind) in columns {
        // Writing to a string cannot fail.
        let _ = write!(text, "{}- name: {}\n{}", " ".repeat(indent), quoted(name), kind.feature(list, indent));
    }
    text
}

/// A text as YAML reads it back.
pub(super) fn quoted(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/'))
        && !matches!(text.to_ascii_lowercase().as_str(), "true" | "false" | "yes" | "no" | "on" | "off" | "null" | "y" | "n");
    if plain { text.to_owned() } else { Value::from(text).to_string() }
}

/// The columns as Arrow names them.
pub(super) fn arrow_fields(columns: &[(String, Type)]) -> Fields {
    columns.iter().map(|(name, kind)| Field::new(name, kind.data_type(), true)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(values: &[Value]) -> anyhow::Result<Type> {
        values.iter().try_fold(Type::Null, |known, value| known.with(Type::of(value, "record", 0)?, "record"))
    }

    #[test]
    fn types_are_those_of_all_records_together() {
        let known = of(&[json!({"a": 1, "b": []}), json!({"a": 0.5, "b": [true], "c": {"d": null}})]).unwrap();
        let list = Type::List(Box::new(Type::Bool));
        let object = Type::Object(vec![("d".into(), Type::Null)]);
        assert_eq!(known.columns(), [("a".into(), Type::Double), ("b".into(), list), ("c".into(), object)]);
        let error = of(&[json!({"v": ["+"]}), json!({"v": [0.5]})]).unwrap_err().to_string();
        assert_eq!(error, "record.v holds text in one record and numbers in another; a column has one type");
        assert!(of(&[json!([[[[[[[[[1]]]]]]]]])]).is_err());
        let big: Value = serde_json::from_str("18446744073709551617").unwrap();
        let known = of(&[json!(1), big.clone()]).unwrap();
        assert_eq!(known, Type::Digits);
        let column = known.array(&[Some(&big), None]).unwrap();
        let texts: &StringArray = column.as_any().downcast_ref().unwrap();
        assert_eq!(texts.iter().collect::<Vec<_>>(), [Some("18446744073709551617"), None]);
    }

    #[test]
    fn features_are_named_as_cards_name_them() {
        let known =
            of(&[json!({"prompt": "", "labels": [true], "messages": [{"role": "", "content": ""}], "a b": [[1]]})]).unwrap();
        let text = features(known.columns(), "sequence", 2);
        assert_eq!(
            text,
            "  - name: prompt\n    dtype: string\n  - name: labels\n    sequence: bool\n  - name: messages\n    list:\n    - name: role\n      \
             dtype: string\n    - name: content\n      dtype: string\n  - name: \"a b\"\n    sequence:\n      sequence: int64\n"
        );
        assert!(features(known.columns(), "list", 2).contains("    list: bool\n"));
        for (name, shown) in [("no", "\"no\""), ("a: b", "\"a: b\""), ("train", "train")] {
            assert_eq!(quoted(name), shown);
        }
    }
}
