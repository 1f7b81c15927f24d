"""Random checkpoints of the shapes that are measured, as safetensors (f32 and bf16) and GGUF (f32, bf16, q8_0): python models.py FOLDER.

Python packages: torch, transformers, and gguf for the GGUF files. The vocabulary is small, because no reward model computes with it.
"""
import json
import os
import shutil
import sys

import torch
from safetensors.torch import save_file
from transformers import Qwen2Config, Qwen2Model

HERE = os.path.dirname(os.path.abspath(__file__))
TOKENIZER = os.path.join(HERE, "../fixtures/prm/tiny-qwen2/tokenizer.json")
VOCAB = 1024
SHAPES = {
    "tiny": dict(hidden_size=256, num_hidden_layers=8, num_attention_heads=4, num_key_value_heads=2, intermediate_size=1024),
    "q05": dict(hidden_size=896, num_hidden_layers=24, num_attention_heads=14, num_key_value_heads=2, intermediate_size=4864),
    "q15x6": dict(hidden_size=1536, num_hidden_layers=6, num_attention_heads=12, num_key_value_heads=2, intermediate_size=8960),
}
GGUF_NAMES = {
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "embed_tokens": "token_embd", "norm": "output_norm",
}


def folder(out, name, config, tensors, dtype):
    path = os.path.join(out, f"{name}-{dtype}")
    os.makedirs(path, exist_ok=True)
    kind = getattr(torch, {"f32": "float32", "bf16": "bfloat16"}[dtype])
    save_file({n: t.to(kind).contiguous() for n, t in tensors.items()}, os.path.join(path, "model.safetensors"))
    with open(os.path.join(path, "config.json"), "w", encoding="utf-8") as f:
        json.dump(config.to_dict() | {"architectures": ["Qwen2ForProcessRewardModel"]}, f)
    shutil.copy(TOKENIZER, path)


def gguf_file(out, name, config, tensors, dtype):
    import gguf
    kind = getattr(gguf.GGMLQuantizationType, dtype.upper())
    w = gguf.GGUFWriter(os.path.join(out, f"{name}-{dtype}.gguf"), "qwen2")
    w.add_context_length(4096)
    w.add_embedding_length(config.hidden_size)
    w.add_block_count(config.num_hidden_layers)
    w.add_feed_forward_length(config.intermediate_size)
    w.add_head_count(config.num_attention_heads)
    w.add_head_count_kv(config.num_key_value_heads)
    w.add_layer_norm_rms_eps(config.rms_norm_eps)
    w.add_rope_freq_base(10000.0)
    w.add_vocab_size(VOCAB)
    w.add_tokenizer_model("none")
    for full, tensor in tensors.items():
        if not full.startswith("model."):
            continue
        stem, part = full.removeprefix("model.").rsplit(".", 1)
        block = ""
        if stem.startswith("layers."):
            _, index, stem = stem.split(".", 2)
            block = f"blk.{index}."
        data = tensor.float().numpy()
        target = f"{block}{GGUF_NAMES[stem]}.{part}"
        if data.ndim == 1:
            w.add_tensor(target, data)
        else:
            w.add_tensor(target, gguf.quantize(data, kind), raw_dtype=kind)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def main():
    out = sys.argv[1]
    os.makedirs(out, exist_ok=True)
    for name, shape in SHAPES.items():
        torch.manual_seed(0)
        config = Qwen2Config(max_position_embeddings=4096, vocab_size=VOCAB, **shape)
        tensors = {"model." + n: p.detach() for n, p in Qwen2Model(config).named_parameters()}
        for n, t in tensors.items():
            if n.endswith("bias"):
                t.normal_(0, 0.02)
        h = config.hidden_size
        head = torch.nn.Sequential(torch.nn.Linear(h, h), torch.nn.ReLU(), torch.nn.Linear(h, 2))
        tensors |= {"score." + n: p.detach() for n, p in head.named_parameters()}
        for dtype in ("f32", "bf16"):
            folder(out, name, config, tensors, dtype)
        if "--gguf" in sys.argv:
            for dtype in ("f32", "bf16", "q8_0"):
                gguf_file(out, name, config, tensors, dtype)


if __name__ == "__main__":
    main()
