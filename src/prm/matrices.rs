//! Which tensors a decoder consists of, and which of them are multiplied by at once.

use super::checkpoint::Layout;
use super::config::DecoderConfig;

/// The tensors that a decoder of this shape consists of.
pub(super) fn layout(config: &DecoderConfig) -> Layout {
    let (hidden, inner) = (config.hidden, config.intermediate);
    let (q, kv) = (config.heads * config.head_dim, config.kv_heads * config.head_dim);
    let mut all = vec![
        ("model.embed_tokens.weight".to_owned(), vec![config.vocab, hidden]),
        ("model.norm.weight".to_owned(), vec![hidden]),
    ];
    for i in 0..config.layers {
        let mut add = |name: &str, shape: &[usize]| all.push((format!("model.layers.{i}.{name}"), shape.to_vec()));
        add("input_layernorm.weight", &[hidden]);
        add("self_attn.q_proj.weight", &[q, hidden]);
        add("self_attn.k_proj.weight", &[kv, hidden]);
        add("self_attn.v_proj.weight", &[kv, hidden]);
        if config.qkv_bias {
            add("self_attn.q_proj.bias", &[q]);
            add("self_attn.k_proj.bias", &[kv]);
            add("self_attn.v_proj.bias", &[kv]);
        }
        if config.qk_norm {
            add("self_attn.q_norm.weight", &[config.head_dim]);
            add("self_attn.k_norm.weight", &[config.head_dim]);
        }
        add("self_attn.o_proj.weight", &[hidden, q]);
        add("post_attention_layernorm.weight", &[hidden]);
        add("mlp.gate_proj.weight", &[inner, hidden]);
        add("mlp.up_proj.weight", &[inner, hidden]);
        add("mlp.down_proj.weight", &[hidden, inner]);
    }
    all
}

/// A matrix that rows are multiplied by: its inputs, and the tensors that are stacked to make its outputs.
#[derive(Debug)]
pub(super) struct Matrix {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) tensors: Vec<String>,
}

/// The matrices of a layer: queries; keys and values; output; gate and up; down.
pub(super) fn matrices(c: &DecoderConfig, index: usize) -> [Matrix; 5] {
    let (hidden, inner) = (c.hidden, c.intermediate);
    let (q, kv) = (c.heads * c.head_dim, c.kv_heads * c.head_dim);
    let matrix = |inputs: usize, outputs: usize, names: &[&str]| {
        let tensors = names.iter().map(|name| format!("model.layers.{index}.{name}.weight")).collect();
        Matrix { inputs, outputs, tensors }
    };
    [
        matrix(hidden, q, &["self_attn.q_proj"]),
        matrix(hidden, 2 * kv, &["self_attn.k_proj", "self_attn.v_proj"]),
        matrix(q, hidden, &["self_attn.o_proj"]),
        matrix(hidden, 2 * inner, &["mlp.gate_proj", "mlp.up_proj"]),
        matrix(inner, hidden, &["mlp.down_proj"]),
    ]
}

/// The matrices of all layers.
pub(super) fn all_matrices(config: &DecoderConfig) -> impl Iterator<Item = Matrix> {
    (0..config.layers).flat_map(|i| matrices(config, i))
}
