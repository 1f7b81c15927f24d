//! The server of llama.cpp: hidden states of every token (`--embedding --pooling none`), to which our own head is applied, and
//! chances of the next token (`POST /completion`) for models that are read at tokens. Source: `tools/server/README.md` of llama.cpp.

use serde_json::{Value, json};

use super::http::{Server, ServerError};
use super::rows::{Row, Sequence, at_reads, rows, short};
use super::vllm::among;

/// Added to the logits of the tokens that are asked for: among themselves nothing changes, and no other token comes before them, however
/// large the vocabulary.
const BIAS: f64 = 100.0;

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

/// Log-probabilities of these tokens behind the read positions, up to a constant, one request each; the server keeps the prefix.
pub(super) fn completion(server: &Server, sequence: &Sequence, tokens: &[u32]) -> Result<Vec<Row>, ServerError> {
    let bias: Vec<Value> = tokens.iter().map(|token| json!([token, BIAS])).collect();
    let read = |read: &usize| {
        let body = json!({
            "prompt": sequence.ids[..=*read], "n_predict": 1, "cache_prompt": true, "n_probs": tokens.len(), "logit_bias": bias,
            "post_sampling_probs": true, "samplers": ["temperature"], "temperature": 1,
        });
        let answer = server.post("/completion", &body)?;
        next(&answer, tokens).map_err(|error| ServerError::Refused(format!("{}/completion: {error}", server.base())))
    };
    sequence.reads.iter().map(read).collect()
}

fn next(answer: &Value, tokens: &[u32]) -> Result<Row, String> {
    let list = answer.pointer("/completion_probabilities/0/top_probs").and_then(Value::as_array);
    let list = list.ok_or("expected \"completion_probabilities\" with \"top_probs\"")?;
    let pair = |entry: &Value| {
        let id = entry.get("id").and_then(Value::as_u64).and_then(|id| u32::try_from(id).ok());
        let chance = entry.get("prob").and_then(Value::as_f64).filter(|chance| (0.0..=1.0).contains(chance));
        // A chance too small for the server's numbers is none.
        id.zip(chance.map(|chance| chance.max(f64::MIN_POSITIVE).ln()))
            .ok_or_else(|| format!("expected an id with a prob, found {}", short(entry)))
    };
    among(&list.iter().map(pair).collect::<Result<Vec<_>, _>>()?, tokens)
}
