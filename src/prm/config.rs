//! `config.json` of a checkpoint: a reader that accepts what old and new versions of transformers write, and checks every
//! number before anything is allocated by it.

use serde_json::{Map, Value};

use super::PrmError;

/// Shape and constants of a decoder.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct DecoderConfig {
    /// Width of the residual stream.
    pub(super) hidden: usize,
    /// Width inside of the MLP.
    pub(super) intermediate: usize,
    pub(super) layers: usize,
    pub(super) heads: usize,
    /// Heads of keys and values; divides `heads`.
    pub(super) kv_heads: usize,
    /// Width of one head, even.
    pub(super) head_dim: usize,
    /// Rows of the embedding.
    pub(super) vocab: usize,
    /// Largest number of positions.
    pub(super) context: usize,
    /// Epsilon of the RMS norms.
    pub(super) eps: f32,
    /// Base of the rotary angles.
    pub(super) rope_theta: f32,
}

/// Upper bounds far above any published decoder: beyond them a file is wrong, not large.
const MAX_WIDTH: u64 = 1 << 17;
const MAX_LAYERS: u64 = 1 << 10;
const MAX_HEADS: u64 = 1 << 10;
const MAX_VOCAB: u64 = 1 << 22;
const MAX_CONTEXT: u64 = 1 << 22;

impl DecoderConfig {
    /// Reads the fields of a Qwen2-like decoder; `file` is named in errors.
    pub(super) fn read(config: &Map<String, Value>, file: &str) -> Result<Self, PrmError> {
        let fields = Fields { map: config, file };
        let hidden = fields.count("hidden_size", MAX_WIDTH, None)?;
        let heads = fields.count("num_attention_heads", MAX_HEADS, None)?;
        let kv_heads = fields.count("num_key_value_heads", MAX_HEADS, Some(heads))?;
        let head_dim = fields.count("head_dim", MAX_WIDTH, Some(hidden / heads))?;
        let layers = fields.count("num_hidden_layers", MAX_LAYERS, None)?;
        if heads % kv_heads != 0 {
            return Err(fields.bad(format!("num_attention_heads {heads} is not a multiple of num_key_value_heads {kv_heads}")));
        }
        if !config.contains_key("head_dim") && hidden % heads != 0 {
            return Err(fields.bad(format!("hidden_size {hidden} is not a multiple of num_attention_heads {heads}")));
        }
        if head_dim % 2 != 0 {
            return Err(fields.bad(format!("head_dim must be even for rotary positions, found {head_dim}")));
        }
        let read = Self {
            hidden,
            intermediate: fields.count("intermediate_size", MAX_WIDTH * 8, None)?,
            layers,
            heads,
            kv_heads,
            head_dim,
            vocab: fields.count("vocab_size", MAX_VOCAB, None)?,
            context: fields.count("max_position_embeddings", MAX_CONTEXT, None)?,
            eps: fields.real("rms_norm_eps", 1e-6, 1.0)?,
            rope_theta: fields.rope_theta()?,
        };
        fields.activation()?;
        fields.no_sliding_window(layers, read.context)?;
        Ok(read)
    }

    /// Bytes of keys and values of one token.
    pub(super) fn kv_bytes(&self) -> u64 {
        8 * (self.layers * self.kv_heads * self.head_dim) as u64
    }
}

/// Reads `config.json` as an object.
pub(super) fn parse(bytes: &[u8], file: &str) -> Result<Map<String, Value>, PrmError> {
    let bad = |message: String| PrmError::Config { file: file.to_owned(), message };
    if bytes.starts_with(b"version https://git-lfs") {
        return Err(bad("this is a Git LFS pointer, run git lfs pull".to_owned()));
    }
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(other) => Err(bad(format!("expected a JSON object, found {}", kind(&other)))),
        Err(error) => Err(bad(format!("not valid JSON: {error}"))),
    }
}

/// The name of a JSON type with its article.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A value as a short text for an error message.
fn shown(value: &Value) -> String {
    match value {
        Value::Array(_) | Value::Object(_) => kind(value).to_owned(),
        other => other.to_string().chars().take(60).collect(),
    }
}

struct Fields<'a> {
    map: &'a Map<String, Value>,
    file: &'a str,
}

impl Fields<'_> {
    fn bad(&self, message: String) -> PrmError {
        PrmError::Config { file: self.file.to_owned(), message }
    }

    /// The value of a field; `null` counts as not there.
    fn get(&self, name: &str) -> Option<&Value> {
        self.map.get(name).filter(|v| !v.is_null())
    }

    /// A whole number from 1 to `max`.
    fn count(&self, name: &str, max: u64, default: Option<usize>) -> Result<usize, PrmError> {
        let value = match (self.get(name), default) {
            (None, Some(default)) => u64::try_from(default).unwrap_or(u64::MAX),
            (None, None) => return Err(self.bad(format!("{name} is missing, expected an integer from 1 to {max}"))),
            (Some(value), _) => value
                .as_u64()
                .filter(|n| (1..=max).contains(n))
                .ok_or_else(|| self.bad(format!("{name}: expected an integer from 1 to {max}, found {}", shown(value))))?,
        };
        usize::try_from(value)
            .ok()
            .filter(|n| *n >= 1)
            .ok_or_else(|| self.bad(format!("{name}: expected an integer from 1 to {max}, found {value}")))
    }

    /// A positive number below `limit`.
    fn real(&self, name: &str, default: f32, limit: f64) -> Result<f32, PrmError> {
        self.get(name).map_or(Ok(default), |value| self.positive(name, value, limit))
    }

    fn positive(&self, name: &str, value: &Value, limit: f64) -> Result<f32, PrmError> {
        #[expect(clippy::cast_possible_truncation, reason = "checked to be in range; the model itself computes in f32")]
        value
            .as_f64()
            .filter(|x| *x > 0.0 && *x < limit)
            .map(|x| x as f32)
            .ok_or_else(|| self.bad(format!("{name}: expected a number above 0 and below {limit}, found {}", shown(value))))
    }

    /// Transformers up to 4 write `rope_theta` and `rope_scaling`, version 5 writes `rope_parameters` with both in it.
    fn rope_theta(&self) -> Result<f32, PrmError> {
        for name in ["rope_scaling", "rope_parameters"] {
            let Some(value) = self.get(name) else { continue };
            let Some(rope) = value.as_object() else {
                return Err(self.bad(format!("{name}: expected an object or null, found {}", shown(value))));
            };
            let kind = rope.get("rope_type").or_else(|| rope.get("type"));
            if let Some(kind) = kind.filter(|k| !k.is_null() && k.as_str() != Some("default")) {
                return Err(
                    self.bad(format!("{name}: rotary positions of type {} are not supported, only \"default\" is", shown(kind)))
                );
            }
            if kind.is_none() && rope.keys().any(|k| k != "rope_theta") {
                return Err(self.bad(format!("{name}: its type is not given and it holds more than rope_theta")));
            }
        }
        let nested = self.get("rope_parameters").and_then(|r| r.get("rope_theta")).filter(|v| !v.is_null());
        nested.or_else(|| self.get("rope_theta")).map_or(Ok(10_000.0), |v| self.positive("rope_theta", v, 1e12))
    }

    fn activation(&self) -> Result<(), PrmError> {
        match self.get("hidden_act") {
            None => Ok(()),
            Some(Value::String(s)) if s == "silu" || s == "swish" => Ok(()),
            Some(other) => Err(self.bad(format!("hidden_act: expected \"silu\", found {}", shown(other)))),
        }
    }

    /// Windows that hide earlier tokens are refused; one that is switched off or wider than the context hides nothing.
    fn no_sliding_window(&self, layers: usize, context: usize) -> Result<(), PrmError> {
        let used = self.get("use_sliding_window").and_then(Value::as_bool).unwrap_or(false);
        let window = self.get("sliding_window").and_then(Value::as_u64).is_some_and(|w| w < context as u64);
        let from = self.get("max_window_layers").and_then(Value::as_u64).unwrap_or(0);
        let listed = self
            .get("layer_types")
            .and_then(Value::as_array)
            .is_some_and(|types| types.iter().take(layers).any(|t| t.as_str().is_some_and(|t| t != "full_attention")));
        if window && (listed || (used && from < layers as u64)) {
            return Err(self.bad("sliding-window attention narrower than the context is not supported".to_owned()));
        }
        Ok(())
    }
}
