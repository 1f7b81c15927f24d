//! From the numbers in a server's answer to logits, one row a read position. Everything is checked: counts, widths, finiteness.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// Tokens to run through the model, and the positions of interest, ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sequence {
    pub(super) ids: Vec<u32>,
    pub(super) reads: Vec<usize>,
}

/// Numbers of one read position.
pub(super) type Row = Vec<f32>;

/// The rows of a payload: a list of lists, one flat list, or the bytes of little-endian f32 in base64. With `width` all must have it;
/// without it a flat payload cannot be cut.
pub(super) fn rows(payload: &Value, width: Option<usize>) -> Result<Vec<Row>, String> {
    let cut = |flat: Vec<f32>| match width {
        Some(width) if width > 0 && flat.len().is_multiple_of(width) => Ok(flat.chunks(width).map(<[f32]>::to_vec).collect()),
        Some(width) => Err(format!("expected rows of {width} numbers, found {} numbers", flat.len())),
        None => Err("expected a list of rows, found one flat list".to_owned()),
    };
    match payload {
        Value::String(text) => {
            let bytes = STANDARD.decode(text).map_err(|error| format!("expected base64 ({error})"))?;
            if !bytes.len().is_multiple_of(4) {
                return Err(format!("expected numbers of 4 bytes, found {} bytes", bytes.len()));
            }
            cut(bytes.chunks_exact(4).map(|word| f32::from_le_bytes([word[0], word[1], word[2], word[3]])).collect())
        }
        Value::Array(list) if list.first().is_none_or(Value::is_array) => {
            let row = |value: &Value| match value {
                Value::Array(list) => numbers(list),
                other => Err(format!("expected a list of numbers, found {}", short(other))),
            };
            let rows: Vec<Row> = list.iter().map(row).collect::<Result<_, _>>()?;
            let width = width.or(rows.first().map(Vec::len)).unwrap_or(0);
            match rows.iter().find(|row| row.len() != width) {
                Some(row) => Err(format!("expected rows of {width} numbers, found one of {}", row.len())),
                None => Ok(rows),
            }
        }
        Value::Array(list) => cut(numbers(list)?),
        other => Err(format!("expected rows of numbers, found {}", short(other))),
    }
}

fn numbers(list: &[Value]) -> Result<Row, String> {
    // Not-a-number stays in its place and makes one step "not scored"; it must not cost the others.
    #[expect(clippy::cast_possible_truncation, reason = "models compute in f32 or less")]
    let number = |value: &Value| match value {
        Value::Number(number) => Ok(number.as_f64().unwrap_or(f64::NAN) as f32),
        Value::Null => Ok(f32::NAN),
        Value::String(text) if matches!(text.as_str(), "NaN" | "Infinity" | "-Infinity") => Ok(f32::NAN),
        other => Err(format!("expected a number, found {}", short(other))),
    };
    list.iter().map(number).collect()
}

/// The rows at the read positions: the server gives one row a token, or one a step.
pub(super) fn at_reads(rows: Vec<Row>, sequence: &Sequence) -> Result<Vec<Row>, String> {
    let (tokens, steps) = (sequence.ids.len(), sequence.reads.len());
    if rows.len() == tokens {
        Ok(sequence.reads.iter().map(|read| rows[*read].clone()).collect())
    } else if rows.len() == steps {
        Ok(rows)
    } else {
        Err(format!(
            "expected a row for each of {steps} steps or {tokens} tokens, found {}: its tokenizer or step tag is another",
            rows.len()
        ))
    }
}

/// Whether the numbers cannot be shares that a softmax made. A row of one number and one with a hole say nothing.
pub(super) fn are_logits(row: &[f32]) -> bool {
    let is_share = row.iter().all(|p| (0.0..=1.0).contains(p)) && (row.iter().sum::<f32>() - 1.0).abs() < 1e-2;
    row.len() > 1 && row.iter().all(|number| number.is_finite()) && !is_share
}

/// Logits of shares: the softmax of their logarithms gives them back. A row of one number is taken as it is.
pub(super) fn logits(shares: Row) -> Row {
    let logit = |p: f32| if p.is_nan() { p } else { p.max(f32::MIN_POSITIVE).ln() };
    if shares.len() > 1 { shares.into_iter().map(logit).collect() } else { shares }
}

/// The beginning of a value, for messages.
pub(super) fn short(value: &Value) -> String {
    let text = value.to_string();
    super::super::protocol::one_line(&text.chars().take(60).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn all_payloads_say_the_same() {
        let expected = vec![vec![0.25, 0.75], vec![1.0, 0.0]];
        let bytes: Vec<u8> = [0.25_f32, 0.75, 1.0, 0.0].iter().flat_map(|x| x.to_le_bytes()).collect();
        for payload in [json!([[0.25, 0.75], [1.0, 0.0]]), json!([0.25, 0.75, 1, 0]), json!(STANDARD.encode(bytes))] {
            assert_eq!(rows(&payload, Some(2)), Ok(expected.clone()), "{payload}");
        }
        assert_eq!(rows(&json!([]), Some(2)), Ok(Vec::new()));
        assert!(rows(&json!([[1.0, null]]), None).unwrap()[0][1].is_nan());
    }

    #[test]
    fn wrong_shapes_are_named() {
        for (payload, said) in [
            (json!([[1, 2, 3]]), "rows of 2 numbers, found one of 3"),
            (json!([1, 2, 3]), "rows of 2 numbers, found 3 numbers"),
            (json!([[1, "x"]]), "expected a number, found \"x\""),
            (json!("!!"), "expected base64"),
            (json!("AAA="), "numbers of 4 bytes"),
            (json!({"a": 1}), "expected rows of numbers"),
        ] {
            assert!(rows(&payload, Some(2)).is_err_and(|error| error.contains(said)), "{payload}: {:?}", rows(&payload, Some(2)));
        }
    }

    #[test]
    fn one_row_a_token_or_one_a_step() {
        let sequence = Sequence { ids: vec![7; 4], reads: vec![1, 3] };
        let row = |x: f32| vec![x];
        assert_eq!(at_reads((0..4_u8).map(|n| row(n.into())).collect(), &sequence), Ok(vec![row(1.0), row(3.0)]));
        assert_eq!(at_reads(vec![row(5.0), row(6.0)], &sequence), Ok(vec![row(5.0), row(6.0)]));
        assert!(at_reads(vec![row(5.0); 3], &sequence).unwrap_err().contains("2 steps or 4 tokens, found 3"));
    }

    #[test]
    fn shares_become_logits_and_are_told_from_them() {
        let softmax = |row: &Row| {
            let sum: f32 = row.iter().map(|z| z.exp()).sum();
            row.iter().map(|z| z.exp() / sum).collect::<Row>()
        };
        let shares = vec![vec![0.25, 0.75], vec![0.0, 1.0]];
        for share in shares {
            assert!(!are_logits(&share));
            assert!(softmax(&logits(share.clone())).iter().zip(share).all(|(a, b)| (a - b).abs() < 1e-6));
        }
        assert!(are_logits(&[-3.0, 1.0]) && are_logits(&[0.9, 0.9]));
        assert!(!are_logits(&[0.5, f32::NAN]) && logits(vec![0.5, f32::NAN])[1].is_nan());
        assert!(!are_logits(&[7.0]) && logits(vec![0.3]) == [0.3]);
    }
}
