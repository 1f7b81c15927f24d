//! vLLM: `POST /pooling` for models with a head, and log-probabilities of `POST /v1/completions` for those that are read at tokens.
//!
//! Source: vLLM's protocol files `entrypoints/pooling` and `entrypoints/openai`. Tokens are sent, never text.

use std::cell::Cell;

use serde_json::{Map, Value, json};

use super::http::{Server, ServerError};
use super::rows::{Row, Sequence, are_logits, at_reads, logits, rows, short};

/// How names of the pooling request changed over the years: task, and the switch of the softmax.
const DIALECTS: [(Option<&str>, &str); 3] =
    [(Some("token_classify"), "use_activation"), (Some("encode"), "activation"), (None, "softmax")];

/// Alternatives that are asked for at each position; servers allow 20 unless told otherwise (`--max-logprobs`).
const ALTERNATIVES: usize = 20;

/// A share that may be off by so much because a token was not among the alternatives is still given.
const SLACK: f64 = 1e-3;

/// The pooling endpoint, in the dialect that the server understood last.
#[derive(Debug, Default)]
pub(super) struct Pooling {
    dialect: Cell<usize>,
    /// A row came that can be no shares. Servers may pass over a switch that they do not know, so that what they give is told by what came
    /// so far, and from the first such row on it is settled.
    gives_logits: Cell<bool>,
}

impl Pooling {
    /// Logits of `width` labels at the read positions of each sequence.
    pub(super) fn logits(
        &self,
        server: &Server,
        model: &str,
        sequences: &[Sequence],
        width: usize,
    ) -> Result<Vec<Vec<Row>>, ServerError> {
        let input: Vec<&Vec<u32>> = sequences.iter().map(|sequence| &sequence.ids).collect();
        let body = json!({"model": model, "input": input, "encoding_format": "base64", "add_special_tokens": false});
        let answer = self.ask(server, &body)?;
        let rows = pooled(&answer, sequences, width, &self.gives_logits)
            .map_err(|error| ServerError::Refused(format!("{}/pooling: {error}", server.base())))?;
        if self.gives_logits.get() {
            return Ok(rows);
        }
        Ok(rows.into_iter().map(|rows| rows.into_iter().map(logits).collect()).collect())
    }

    /// Asks in one dialect after the other, the one that was understood last first: its refusal is the one that tells.
    fn ask(&self, server: &Server, body: &Value) -> Result<Value, ServerError> {
        let known = self.dialect.get();
        let mut refusal = None;
        for dialect in (0..DIALECTS.len()).map(|more| (known + more) % DIALECTS.len()) {
            let (task, activation) = DIALECTS[dialect];
            let mut body = body.clone();
            body[activation] = json!(false);
            if let Some(task) = task {
                body["task"] = json!(task);
            }
            match server.post("/pooling", &body) {
                Err(ServerError::Refused(reason)) => refusal = refusal.or(Some(reason)),
                Err(error) => return Err(error),
                Ok(answer) => {
                    self.dialect.set(dialect);
                    return Ok(answer);
                }
            }
        }
        Err(ServerError::Refused(refusal.unwrap_or_default()))
    }
}

/// The rows at the read positions; `gives_logits` is set where a row of any position shows it.
fn pooled(answer: &Value, sequences: &[Sequence], width: usize, gives_logits: &Cell<bool>) -> Result<Vec<Vec<Row>>, String> {
    let tokens: usize = sequences.iter().map(|sequence| sequence.ids.len()).sum();
    if let Some(read) = answer.pointer("/usage/prompt_tokens").and_then(Value::as_u64).filter(|read| *read != tokens as u64) {
        return Err(format!("expected {tokens} tokens to be read, the server read {read}"));
    }
    let data = answer.get("data").and_then(Value::as_array).ok_or("expected a list \"data\"")?;
    if data.len() != sequences.len() {
        return Err(format!("expected {} answers, found {}", sequences.len(), data.len()));
    }
    let mut out = vec![None; sequences.len()];
    for (place, item) in data.iter().enumerate() {
        let index = item.get("index").and_then(Value::as_u64).map_or(place, |index| usize::try_from(index).unwrap_or(usize::MAX));
        let (Some(sequence), Some(slot)) = (sequences.get(index), out.get_mut(index)) else {
            return Err(format!("data[{place}].index: expected less than {}, found {index}", sequences.len()));
        };
        let payload = item.get("data").or_else(|| item.get("embedding")).unwrap_or(&Value::Null);
        let at = |error: String| format!("data[{place}]: {error}");
        let rows = rows(payload, Some(width)).map_err(at)?;
        if rows.iter().any(|row| are_logits(row)) {
            gives_logits.set(true);
        }
        *slot = Some(at_reads(rows, sequence).map_err(at)?);
    }
    out.into_iter().collect::<Option<_>>().ok_or_else(|| "expected one answer for each input, found one twice".to_owned())
}

/// Log-probabilities of these tokens behind the read positions of a sequence, one row a position.
pub(super) fn completions(server: &Server, model: &str, sequence: &Sequence, tokens: &[u32]) -> Result<Vec<Row>, ServerError> {
    let body = json!({
        "model": model, "prompt": sequence.ids, "max_tokens": 1, "temperature": 0, "add_special_tokens": false,
        "prompt_logprobs": ALTERNATIVES, "logprobs": ALTERNATIVES, "return_tokens_as_token_ids": true,
    });
    let answer = server.post("/v1/completions", &body)?;
    let read = |read: &usize| -> Result<Row, String> {
        let choice = answer.pointer("/choices/0").ok_or("expected \"choices\"")?;
        let before = |list: &Value| list.get(read + 1).cloned();
        // The state at a position foretells the next token; behind the last one that is the generated token.
        let next = if read + 1 < sequence.ids.len() {
            choice.get("prompt_logprobs").and_then(before)
        } else {
            choice.pointer("/logprobs/top_logprobs/0").cloned()
        };
        let next =
            next.as_ref().and_then(Value::as_object).ok_or_else(|| format!("expected log-probabilities behind token {read}"))?;
        shares(next, tokens)
    };
    let prompt = answer.pointer("/choices/0/prompt_logprobs").and_then(Value::as_array).map_or(0, Vec::len);
    let rows = if prompt == sequence.ids.len() {
        sequence.reads.iter().map(read).collect()
    } else {
        Err(format!("expected log-probabilities of {} tokens, found {prompt}", sequence.ids.len()))
    };
    rows.map_err(|error| ServerError::Refused(format!("{}/v1/completions: {error}", server.base())))
}

/// Log-probabilities of `tokens` among the alternatives of one position, keyed by token id or `token_id:ID`.
fn shares(alternatives: &Map<String, Value>, tokens: &[u32]) -> Result<Row, String> {
    let value = |value: &Value| value.get("logprob").unwrap_or(value).as_f64().filter(|value| !value.is_nan());
    let mut known = Vec::with_capacity(alternatives.len());
    for (name, entry) in alternatives {
        let id: Option<u32> = name.strip_prefix("token_id:").unwrap_or(name).parse().ok();
        let (Some(id), Some(value)) = (id, value(entry)) else {
            return Err(format!("expected a token id with its log-probability, found {name:?}: {}", short(entry)));
        };
        known.push((id, value));
    }
    among(&known, tokens)
}

/// Log-probabilities of `tokens`, some of which may be missing from the alternatives when that does not matter.
pub(super) fn among(known: &[(u32, f64)], tokens: &[u32]) -> Result<Row, String> {
    let least = known.iter().map(|(_, value)| *value).fold(f64::INFINITY, f64::min);
    let found: Vec<Option<f64>> =
        tokens.iter().map(|token| known.iter().find(|(id, _)| id == token).map(|(_, value)| *value)).collect();
    let sum: f64 = found.iter().flatten().map(|value| value.exp()).sum();
    let missing = found.iter().filter(|value| value.is_none()).count();
    // A missing token has at most the share of the least alternative.
    #[expect(clippy::cast_precision_loss, reason = "a handful of tokens")]
    let most = missing as f64 * least.exp();
    if missing > 0 && (sum == 0.0 || most / (sum + most) > SLACK) {
        return Err(format!("a verdict token is not among the {} likeliest", known.len()));
    }
    #[expect(clippy::cast_possible_truncation, reason = "models compute in f32 or less")]
    Ok(found.iter().map(|value| value.unwrap_or(least) as f32).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_token_is_an_error_only_where_it_matters() {
        assert_eq!(among(&[(1, -0.5), (2, -2.0), (3, -9.0)], &[1, 2]), Ok(vec![-0.5, -2.0]));
        assert_eq!(among(&[(1, -0.001), (3, -12.0)], &[1, 2]), Ok(vec![-0.001, -12.0]));
        assert!(among(&[(1, -0.5), (3, -2.0)], &[1, 2]).is_err());
        assert!(among(&[(3, -0.1), (4, -9.0)], &[1, 2]).is_err());
        assert!(among(&[], &[1, 2]).is_err());
    }

    #[test]
    fn alternatives_are_named_by_id() {
        let old = json!({"648": {"logprob": -0.25, "rank": 1, "decoded_token": "+"}, "387": {"logprob": -1.5}});
        let new = json!({"token_id:648": -0.25, "token_id:387": -1.5});
        for alternatives in [old, new] {
            assert_eq!(shares(alternatives.as_object().unwrap(), &[648, 387]), Ok(vec![-0.25, -1.5]));
        }
        assert!(shares(json!({"+": -0.25}).as_object().unwrap(), &[648]).is_err());
    }
}
