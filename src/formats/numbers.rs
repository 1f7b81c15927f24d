//! Numbers of a search: missing ones are null, absent or not a number.

use serde_json::Value;

use super::fields::{Fault, Fields, integer};

/// A finite number.
pub(super) fn number(fields: &Fields, key: &str) -> Result<Option<f64>, Fault> {
    match fields.peek(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value
            .as_f64()
            .filter(|number| number.is_finite())
            .map(Some)
            .ok_or_else(|| Fault::expected(fields.at(key), "a number", value)),
    }
}

/// A number from `low` to `high`.
pub(super) fn within(fields: &Fields, key: &str, low: f64, high: f64) -> Result<Option<f64>, Fault> {
    let Some(number) = number(fields, key)? else { return Ok(None) };
    if (low..=high).contains(&number) {
        return Ok(Some(number));
    }
    Err(Fault::new(fields.at(key), format!("expected a number from {low} to {high}, found {number}")))
}

/// A share, `0..=1`.
pub(super) fn share(fields: &Fields, key: &str) -> Result<Option<f64>, Fault> {
    within(fields, key, 0.0, 1.0)
}

/// A count.
pub(super) fn count(fields: &Fields, key: &str) -> Result<Option<u64>, Fault> {
    match fields.peek(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let count = integer(value).and_then(|number| u64::try_from(number).ok());
            count.map(Some).ok_or_else(|| Fault::expected(fields.at(key), "a count", value))
        }
    }
}
