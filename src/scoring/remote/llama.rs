//! The server of llama.cpp: hidden states of every token (`--embedding --pooling none`), to which our own head is applied, and
//! likeliest next tokens (`POST /completion`) for models that are read at tokens. Source: `tools/server/README.md` of llama.cpp.

use serde_json::{Value, json};

use super::http::{Server, ServerError};
use super::rows::{Row, Sequence, at_reads, rows, short};
use super::vllm::among;

/// Alternatives that are asked for at each position.
const ALTERNATIVES: usize = 100;

/// Hidden states at the read positions of a sequence.
pub(super) fn states(server: &Server, sequence: &Sequence) -> Result<Vec<Row>, ServerError> {
    let answer = server.post("/embeddings", &json!({"input": sequence.ids, "encoding_format": "float"}))?;
    let item = answer.get("data").unwrap_or(&answer).get(0);
    let payload = item.and_then(|item| item.get("embedding")).unwrap_or(&Value::Null);
    let rows = rows(payload, None).and_then(|rows| match rows.len() {
        // One row for several tokens is a mean: another pooling.
        n if n == sequence.ids.len() => at_reads(rows, sequence),
        n => Err(format!("expected a row for each of {} tokens, found {n}; start it with --pooling none", sequence.ids.len())),
    });
    rows.map_err(|error| ServerError::Refused(format!("{}/embeddings: {error}", server.base())))
}

/// Log-probabilities of these tokens behind the read positions, one request each; the server keeps the prefix.
pub(super) fn completion(server: &Server, sequence: &Sequence, tokens: &[u32]) -> Result<Vec<Row>, ServerError> {
    let read = |read: &usize| {
        let body = json!({
            "prompt": sequence.ids[..=*read], "n_predict": 1, "n_probs": ALTERNATIVES, "temperature": 0, "cache_prompt": true,
        });
        let answer = server.post("/completion", &body)?;
        next(&answer, tokens).map_err(|error| ServerError::Refused(format!("{}/completion: {error}", server.base())))
    };
    sequence.reads.iter().map(read).collect()
}

fn next(answer: &Value, tokens: &[u32]) -> Result<Row, String> {
    let list = answer.pointer("/completion_probabilities/0/top_logprobs").and_then(Value::as_array);
    let list = list.ok_or("expected \"completion_probabilities\" with \"top_logprobs\"")?;
    let pair = |entry: &Value| {
        let id = entry.get("id").and_then(Value::as_u64).and_then(|id| u32::try_from(id).ok());
        let value = entry.get("logprob").and_then(Value::as_f64).filter(|value| !value.is_nan());
        id.zip(value).ok_or_else(|| format!("expected an id with a logprob, found {}", short(entry)))
    };
    among(&list.iter().map(pair).collect::<Result<Vec<_>, _>>()?, tokens)
}
