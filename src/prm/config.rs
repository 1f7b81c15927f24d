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
    /// How the rotary frequencies were stretched for longer contexts.
    pub(super) rope_scaling: RopeScaling,
    /// q, k and v have biases (Qwen2).
    pub(super) qkv_bias: bool,
    /// Queries and keys are normed head by head (Qwen3).
    pub(super) qk_norm: bool,
    /// For each layer the number of positions that a token sees, itself included; `None` where it sees all before it.
    pub(super) windows: Vec<Option<usize>>,
    /// The rows of the lm_head are those of the embedding.
    pub(super) tied: bool,
}

/// A change of the rotary frequencies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum RopeScaling {
    None,
    /// All frequencies divided by the factor (arXiv:2306.15595).
    Linear {
        factor: f32,
    },
    /// Llama 3.1: long wavelengths divided by the factor, short ones kept, a smooth change between.
    Llama3 {
        factor: f32,
        low_freq: f32,
        high_freq: f32,
        /// Context of the first training.
        original: f32,
    },
}

/// Decoders that differ only in what [`DecoderConfig`] says.
const MODEL_TYPES: &[&str] = &["qwen2", "qwen3", "llama", "mistral"];

/// Upper bounds far above any published decoder: beyond them a file is wrong, not large.
const MAX_WIDTH: u64 = 1 << 17;
const MAX_LAYERS: u64 = 1 << 10;
const MAX_HEADS: u64 = 1 << 10;
const MAX_VOCAB: u64 = 1 << 22;
const MAX_CONTEXT: u64 = 1 << 22;

impl DecoderConfig {
    /// Reads the fields of a Qwen2, Qwen3, Llama or Mistral decoder; `file` is named in errors.
    pub(super) fn read(config: &Map<String, Value>, file: &str) -> Result<Self, PrmError> {
        let fields = Fields { map: config, file };
        let model_type = fields.model_type()?;
        let hidden = fields.count("hidden_size", MAX_WIDTH, None)?;
        let heads = fields.count("num_attention_heads", MAX_HEADS, None)?;
        let kv_heads = fields.count("num_key_value_heads", MAX_HEADS, Some(heads))?;
        // Qwen3 sets the width of a head apart from the hidden size.
        let head_dim = if model_type == "qwen3" { 128 } else { hidden / heads };
        let head_dim = fields.count("head_dim", MAX_WIDTH, Some(head_dim))?;
        let layers = fields.count("num_hidden_layers", MAX_LAYERS, None)?;
        if heads % kv_heads != 0 {
            return Err(fields.bad(format!("num_attention_heads {heads} is not a multiple of num_key_value_heads {kv_heads}")));
        }
        if fields.get("head_dim").is_none() && model_type != "qwen3" && hidden % heads != 0 {
            return Err(fields.bad(format!("hidden_size {hidden} is not a multiple of num_attention_heads {heads}")));
        }
        if head_dim % 2 != 0 {
            return Err(fields.bad(format!("head_dim must be even for rotary positions, found {head_dim}")));
        }
        let context = fields.count("max_position_embeddings", MAX_CONTEXT, None)?;
        let (rope_theta, rope_scaling) = fields.rope(context)?;
        fields.plain()?;
        Ok(Self {
            hidden,
            intermediate: fields.count("intermediate_size", MAX_WIDTH * 8, None)?,
            layers,
            heads,
            kv_heads,
            head_dim,
            vocab: fields.count("vocab_size", MAX_VOCAB, None)?,
            context,
            eps: fields.real("rms_norm_eps", 1e-6, 1.0)?,
            rope_theta,
            rope_scaling,
            qkv_bias: model_type == "qwen2",
            qk_norm: model_type == "qwen3",
            windows: fields.windows(model_type, layers, context)?,
            tied: fields.flag("tie_word_embeddings"),
        })
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

    fn flag(&self, name: &str) -> bool {
        self.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    fn model_type(&self) -> Result<&str, PrmError> {
        let given = self.get("model_type");
        given.and_then(Value::as_str).filter(|t| MODEL_TYPES.contains(t)).ok_or_else(|| {
            self.bad(format!("model_type: expected one of {MODEL_TYPES:?}, found {}", given.map_or("nothing".to_owned(), shown)))
        })
    }

    /// Base and scaling of rotary positions. Transformers up to 4 write `rope_theta` and `rope_scaling`, version 5 writes
    /// `rope_parameters` with both in it.
    fn rope(&self, context: usize) -> Result<(f32, RopeScaling), PrmError> {
        let mut theta = self.get("rope_theta").map_or(Ok(10_000.0), |v| self.positive("rope_theta", v, 1e12))?;
        let mut scaling = RopeScaling::None;
        for name in ["rope_scaling", "rope_parameters"] {
            let Some(value) = self.get(name) else { continue };
            let Some(map) = value.as_object() else {
                return Err(self.bad(format!("{name}: expected an object or null, found {}", shown(value))));
            };
            let rope = Fields { map, file: self.file };
            if let Some(value) = rope.get("rope_theta") {
                theta = self.positive("rope_theta", value, 1e12)?;
            }
            scaling = rope.scaling(name, context)?;
        }
        Ok((theta, scaling))
    }

    /// The scaling that an object of rotary parameters describes; `name` is that of the object.
    fn scaling(&self, name: &str, context: usize) -> Result<RopeScaling, PrmError> {
        let number = |field: &str| match self.get(field) {
            Some(value) => self.positive(&format!("{name}.{field}"), value, 1e9),
            None => Err(self.bad(format!("{name}.{field} is missing, expected a number"))),
        };
        let kind = self.get("rope_type").or_else(|| self.get("type"));
        match kind.map(|k| (k, k.as_str())) {
            None if self.map.keys().any(|k| k != "rope_theta") => {
                Err(self.bad(format!("{name}: its type is not given and it holds more than rope_theta")))
            }
            None | Some((_, Some("default"))) => Ok(RopeScaling::None),
            Some((_, Some("linear"))) => Ok(RopeScaling::Linear { factor: number("factor")? }),
            Some((_, Some("llama3"))) => Ok(RopeScaling::Llama3 {
                factor: number("factor")?,
                low_freq: number("low_freq_factor")?,
                high_freq: number("high_freq_factor")?,
                original: self.real("original_max_position_embeddings", context as f32, 1e9)?,
            }),
            Some((other, _)) => Err(self.bad(format!(
                "{name}: rotary positions of type {} are not supported; \"default\", \"linear\" and \"llama3\" are",
                shown(other)
            ))),
        }
    }

    /// Refuses variants that no supported checkpoint uses.
    fn plain(&self) -> Result<(), PrmError> {
        for name in ["attention_bias", "mlp_bias"] {
            if self.flag(name) {
                return Err(self.bad(format!("{name}: expected false, found true: such decoders are not supported")));
            }
        }
        match self.get("hidden_act") {
            None => Ok(()),
            Some(Value::String(s)) if s == "silu" || s == "swish" => Ok(()),
            Some(other) => Err(self.bad(format!("hidden_act: expected \"silu\", found {}", shown(other)))),
        }
    }

    /// Which layers see only the last positions: every layer of Mistral, those listed or from `max_window_layers` on of Qwen.
    /// A window as wide as the context hides nothing.
    fn windows(&self, model_type: &str, layers: usize, context: usize) -> Result<Vec<Option<usize>>, PrmError> {
        let window = match model_type {
            "mistral" => true,
            "qwen2" | "qwen3" => self.flag("use_sliding_window"),
            _ => false,
        };
        if !window || self.get("sliding_window").is_none() {
            return Ok(vec![None; layers]);
        }
        let window = Some(self.count("sliding_window", MAX_CONTEXT, None)?).filter(|&w| w < context);
        let from = match (model_type, self.get("max_window_layers")) {
            ("mistral", _) => 0,
            (_, Some(from)) => from.as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX),
            (_, None) => 28,
        };
        let listed = self.get("layer_types").and_then(Value::as_array);
        let slides = |i: usize| match listed {
            Some(types) => types.get(i).and_then(Value::as_str) == Some("sliding_attention"),
            None => i >= from,
        };
        Ok((0..layers).map(|i| window.filter(|_| slides(i))).collect())
    }
}
