//! Columns of Arrow as rows of JSON.

use std::io::Write as _;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, RecordBatch, StructArray};
use arrow_schema::{DataType, Schema};

use super::super::error::{Refusal, escaped};
use super::json_string;

/// Deepest nesting of a column.
const DEPTH: usize = 32;

/// Fields by which the turns of a conversation are known.
const TURN: [[&str; 2]; 2] = [["role", "content"], ["from", "value"]];

/// Refuses tables with columns that cannot be written as JSON.
pub(super) fn check(schema: &Schema) -> Result<(), Refusal> {
    for field in schema.fields() {
        if !known(field.data_type(), 0) {
            let kind = field.data_type().to_string();
            let message = format!("a table whose column {} has the type {}, which is not read", field.name(), kind);
            return Err(Refusal::Container(escaped(&message)));
        }
    }
    Ok(())
}

fn known(kind: &DataType, depth: usize) -> bool {
    use DataType as D;
    depth < DEPTH
        && match kind {
            D::List(item) | D::LargeList(item) | D::FixedSizeList(item, _) | D::Map(item, _) => {
                known(item.data_type(), depth + 1)
            }
            D::Struct(fields) => fields.iter().all(|field| known(field.data_type(), depth + 1)),
            D::Dictionary(_, value) => known(value, depth + 1),
            D::Null
            | D::Boolean
            | D::Utf8
            | D::LargeUtf8
            | D::Utf8View
            | D::Binary
            | D::LargeBinary
            | D::BinaryView
            | D::FixedSizeBinary(_)
            | D::Timestamp(..)
            | D::Date32
            | D::Date64
            | D::Time32(_)
            | D::Time64(_)
            | D::Duration(_) => true,
            kind => kind.is_integer() || kind.is_floating(),
        }
}

/// The rows of a batch, one object a line.
pub(super) fn lines(batch: &RecordBatch, out: &mut Vec<u8>) {
    let schema = batch.schema();
    for row in 0..batch.num_rows() {
        let names = schema.fields().iter().map(|field| field.name().as_str());
        object(names.zip(batch.columns()), row, out);
        out.push(b'\n');
    }
}

fn object<'a>(columns: impl Iterator<Item = (&'a str, &'a ArrayRef)>, row: usize, out: &mut Vec<u8>) {
    out.push(b'{');
    for (at, (name, column)) in columns.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        json_string(name.as_bytes(), out);
        out.push(b':');
        value(column.as_ref(), row, out);
    }
    out.push(b'}');
}

/// The turns of a conversation, of which some writers make a list for each field: how many there are, and the lists of this row. `None` of
/// other objects, and where the lists are of different lengths.
fn turns(fields: &StructArray, row: usize) -> Option<(usize, Vec<(&str, ArrayRef)>)> {
    let names = fields.column_names();
    if !TURN.iter().any(|known| known.iter().all(|name| names.contains(name))) {
        return None;
    }
    let lists = names.into_iter().zip(fields.columns()).map(|(name, column)| Some((name, items(column, row)?)));
    let lists = lists.collect::<Option<Vec<_>>>()?;
    let count = lists.first()?.1.len();
    lists.iter().all(|(_, list)| list.len() == count).then_some((count, lists))
}

/// The list in a row of a column of lists.
fn items(column: &dyn Array, row: usize) -> Option<ArrayRef> {
    match column.data_type() {
        _ if column.is_null(row) => None,
        DataType::List(_) => Some(column.as_list::<i32>().value(row)),
        DataType::LargeList(_) => Some(column.as_list::<i64>().value(row)),
        DataType::FixedSizeList(..) => Some(column.as_fixed_size_list().value(row)),
        _ => None,
    }
}

fn value(array: &dyn Array, row: usize, out: &mut Vec<u8>) {
    if array.is_null(row) {
        return out.extend_from_slice(b"null");
    }
    match array.data_type() {
        DataType::Boolean => {
            let text: &[u8] = if array.as_boolean().value(row) { b"true" } else { b"false" };
            out.extend_from_slice(text);
        }
        DataType::Utf8 => json_string(array.as_string::<i32>().value(row).as_bytes(), out),
        DataType::LargeUtf8 => json_string(array.as_string::<i64>().value(row).as_bytes(), out),
        DataType::Utf8View => json_string(array.as_string_view().value(row).as_bytes(), out),
        // Pictures and sounds: no trace is read from them, and their bytes are no text.
        DataType::Binary => bytes(array.as_binary::<i32>().value(row), out),
        DataType::LargeBinary => bytes(array.as_binary::<i64>().value(row), out),
        DataType::BinaryView => bytes(array.as_binary_view().value(row), out),
        DataType::FixedSizeBinary(_) => bytes(array.as_fixed_size_binary().value(row), out),
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) => {
            if let Some(items) = items(array, row) {
                list(items.as_ref(), out);
            }
        }
        DataType::Struct(_) => {
            let fields = array.as_struct();
            match turns(fields, row) {
                Some((count, lists)) => {
                    each(count, out, |turn, out| object(lists.iter().map(|(name, list)| (*name, list)), turn, out));
                }
                None => object(fields.column_names().into_iter().zip(fields.columns()), row, out),
            }
        }
        // Keys need not be strings: a list of pairs keeps them all.
        DataType::Map(..) => list(&array.as_map().value(row), out),
        DataType::Dictionary(..) => {
            // Of this row alone: the array gives the keys of all its rows or none.
            let one = array.slice(row, 1);
            let dictionary = one.as_any_dictionary();
            let values = dictionary.values();
            match if values.is_empty() { None } else { dictionary.normalized_keys().first().copied() } {
                Some(key) => value(values.as_ref(), key, out),
                None => out.extend_from_slice(b"null"),
            }
        }
        _ => number(array, row, out),
    }
}

fn list(items: &dyn Array, out: &mut Vec<u8>) {
    each(items.len(), out, |row, out| value(items, row, out));
}

/// A list of so many things.
fn each(count: usize, out: &mut Vec<u8>, write: impl Fn(usize, &mut Vec<u8>)) {
    out.push(b'[');
    for at in 0..count {
        if at > 0 {
            out.push(b',');
        }
        write(at, out);
    }
    out.push(b']');
}

fn bytes(bytes: &[u8], out: &mut Vec<u8>) {
    json_string(format!("{} bytes", bytes.len()).as_bytes(), out);
}

fn number(array: &dyn Array, row: usize, out: &mut Vec<u8>) {
    match array.data_type() {
        DataType::Float16 => float(f64::from(array.as_primitive::<Float16Type>().value(row)), out),
        // The shortest digits that give the same number in its own width: 0.1 stays 0.1.
        DataType::Float32 => {
            let number = array.as_primitive::<Float32Type>().value(row);
            if number.is_finite() { shortest(number, out) } else { out.extend_from_slice(b"NaN") }
        }
        DataType::Float64 => float(array.as_primitive::<Float64Type>().value(row), out),
        DataType::Int8 => integer::<Int8Type>(array, row, out),
        DataType::Int16 => integer::<Int16Type>(array, row, out),
        DataType::Int32 => integer::<Int32Type>(array, row, out),
        DataType::Int64 => integer::<Int64Type>(array, row, out),
        DataType::UInt8 => integer::<UInt8Type>(array, row, out),
        DataType::UInt16 => integer::<UInt16Type>(array, row, out),
        DataType::UInt32 => integer::<UInt32Type>(array, row, out),
        DataType::UInt64 => integer::<UInt64Type>(array, row, out),
        // Times, as the numbers they are stored as.
        _ => match array.to_data().buffers().first() {
            Some(buffer) => {
                let width = if matches!(array.data_type(), DataType::Date32 | DataType::Time32(_)) { 4 } else { 8 };
                let at = (array.offset() + row) * width;
                let mut wide = [0; 8];
                if let Some(found) = buffer.as_slice().get(at..at + width) {
                    wide[..width].copy_from_slice(found);
                }
                let number = if width == 4 {
                    i64::from(i32::from_le_bytes([wide[0], wide[1], wide[2], wide[3]]))
                } else {
                    i64::from_le_bytes(wide)
                };
                shortest(number, out);
            }
            None => out.extend_from_slice(b"null"),
        },
    }
}

fn integer<T: ArrowPrimitiveType>(array: &dyn Array, row: usize, out: &mut Vec<u8>)
where
    T::Native: serde::Serialize,
{
    shortest(array.as_primitive::<T>().value(row), out);
}

/// JSON has no such numbers; the reader of the record says that it read null instead.
fn float(number: f64, out: &mut Vec<u8>) {
    if number.is_finite() { shortest(number, out) } else { out.extend_from_slice(b"NaN") }
}

fn shortest(number: impl serde::Serialize, out: &mut Vec<u8>) {
    if serde_json::to_writer(&mut *out, &number).is_err() {
        let _ = out.write_all(b"null");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::builder::{ListBuilder, StringBuilder};
    use arrow_array::types::Int32Type;
    use arrow_array::{DictionaryArray, Int32Array, StringArray};
    use arrow_schema::Field;

    use super::*;

    /// A column of objects of lists, one list a field and row.
    fn lists(fields: Vec<(&str, Vec<Vec<&str>>)>) -> ArrayRef {
        let columns = fields.into_iter().map(|(name, rows)| {
            let mut lists = ListBuilder::new(StringBuilder::new());
            for row in rows {
                lists.append_value(row.into_iter().map(Some));
            }
            let column: ArrayRef = Arc::new(lists.finish());
            (Arc::new(Field::new(name, column.data_type().clone(), true)), column)
        });
        Arc::new(StructArray::from(columns.collect::<Vec<_>>()))
    }

    #[test]
    fn turns_that_lie_in_lists_are_a_list_of_turns() {
        let each = |texts: &[&'static str]| vec![texts.to_vec(); 3];
        let roles = vec![vec!["user", "assistant"], vec![], vec!["user"]];
        let messages = lists(vec![("role", roles), ("content", vec![vec!["?", "5"], vec![], vec!["a", "b"]])]);
        let shared = lists(vec![("from", each(&["human"])), ("value", each(&["?"])), ("weight", each(&["0"]))]);
        let choices = lists(vec![("label", each(&["A", "B"])), ("text", each(&["5", "6"]))]);
        let batch = RecordBatch::try_from_iter([("m", messages), ("s", shared), ("c", choices)]).unwrap();
        let mut out = Vec::new();
        lines(&batch, &mut out);
        let rest = r#""s":[{"from":"human","value":"?","weight":"0"}],"c":{"label":["A","B"],"text":["5","6"]}}"#;
        let expected = [
            r#"{"m":[{"role":"user","content":"?"},{"role":"assistant","content":"5"}],"#,
            r#"{"m":[],"#,
            // Nobody knows who said what.
            r#"{"m":{"role":["user"],"content":["a","b"]},"#,
        ];
        assert_eq!(String::from_utf8(out).unwrap(), expected.map(|messages| format!("{messages}{rest}\n")).concat());
    }

    #[test]
    fn keys_of_a_dictionary_are_read_row_by_row() {
        let count = 60_000;
        let keys: Int32Array = (0..count).map(|row| (row % 3 > 0).then_some(row % 2)).collect();
        let values: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
        let column: ArrayRef = Arc::new(DictionaryArray::<Int32Type>::try_new(keys, values).unwrap());
        let batch = RecordBatch::try_from_iter([("x", column)]).unwrap();
        let start = std::time::Instant::now();
        let mut out = Vec::new();
        lines(&batch, &mut out);
        assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
        let row = |row: i32| if row % 3 == 0 { "null" } else { ["\"a\"", "\"b\""][usize::from(row % 2 == 1)] };
        let expected: Vec<_> = (0..count).map(|number| format!("{{\"x\":{}}}\n", row(number))).collect();
        assert!(out == expected.concat().into_bytes());
    }
}
