//! The kinds of labels in a whole file: a table column has one type, and that type decides what a label turns into.

use serde_json::Value;

/// How often labels of each kind stand in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Survey {
    booleans: u64,
    integers: u64,
    /// Integers other than 0 and 1.
    marks: u64,
    floats: u64,
    nulls: u64,
    texts: u64,
}

/// The type of the label column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// No labels.
    Empty,
    /// Booleans alone.
    Booleans,
    /// Whole numbers alone.
    Integers,
    /// Numbers, not all of them whole.
    Floats,
    /// Texts alone.
    Texts,
    /// Several kinds.
    Mixed,
}

impl Survey {
    /// Counts the labels of one record, in the first of these fields that it has.
    pub fn add(&mut self, record: &Value, fields: &[&str]) {
        let list = fields.iter().find_map(|field| record.get(field)?.as_array());
        for label in list.into_iter().flatten() {
            match label {
                Value::Bool(_) => self.booleans += 1,
                Value::Null => self.nulls += 1,
                Value::Number(number) => match number.as_i64() {
                    Some(0 | 1) => self.integers += 1,
                    Some(_) => (self.integers, self.marks) = (self.integers + 1, self.marks + 1),
                    None => self.floats += 1,
                },
                _ => self.texts += 1,
            }
        }
    }

    /// The type of the column.
    pub fn column(&self) -> Column {
        match (self.booleans > 0, self.integers > 0, self.floats > 0, self.texts > 0) {
            (false, false, false, false) => Column::Empty,
            (true, false, false, false) => Column::Booleans,
            (false, true, false, false) => Column::Integers,
            (false, _, true, false) => Column::Floats,
            (false, false, false, true) => Column::Texts,
            _ => Column::Mixed,
        }
    }
}
