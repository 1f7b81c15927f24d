"""The Qwen2 decoder with the two-layer score head, written so that the parameter names are those of the shipped
file. evaluate.py does not use this file: it loads the checkpoint into transformers' own Qwen2Model."""
import torch
import torch.nn as nn
import torch.nn.functional as fn


def channels(x, drop, training):
    """Dropout of whole channels of a trace (one mask for all its positions): cheap, and as good here."""
    if not training or drop == 0:
        return x
    keep = (torch.rand(x.shape[0], 1, x.shape[2]) >= drop).to(x.dtype) / (1 - drop)
    return x * keep


class Norm(nn.Module):
    def __init__(self, h, eps):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(h)), eps

    def forward(self, x):
        return fn.rms_norm(x, (x.shape[-1],), self.weight.to(x.dtype), self.eps)


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        h, n, kv = c["hidden_size"], c["num_attention_heads"], c["num_key_value_heads"]
        self.n, self.kv, self.d = n, kv, h // n
        self.q_proj = nn.Linear(h, n * self.d)
        self.k_proj = nn.Linear(h, kv * self.d)
        self.v_proj = nn.Linear(h, kv * self.d)
        self.o_proj = nn.Linear(n * self.d, h, bias=False)

    def forward(self, x, rot, mask):
        b, t, h = x.shape

        def heads(y, n):
            return y.view(b, t, n, self.d).transpose(1, 2)

        def turn(y):
            a, c = y.chunk(2, -1)
            cos, sin = rot
            return torch.cat([a * cos - c * sin, c * cos + a * sin], -1)

        q, k, v = turn(heads(self.q_proj(x), self.n)), turn(heads(self.k_proj(x), self.kv)), heads(self.v_proj(x), self.kv)
        k, v = (y.repeat_interleave(self.n // self.kv, 1) for y in (k, v))
        if self.training:  # the written-out form has the faster backward pass on a CPU
            s = (q * self.d ** -.5) @ k.transpose(-1, -2)
            y = torch.softmax((s + mask).float(), -1).to(q.dtype) @ v.to(q.dtype)
        else:
            y = fn.scaled_dot_product_attention(q, k, v.to(q.dtype), is_causal=True)
        return self.o_proj(y.transpose(1, 2).reshape(b, t, h))


class Mlp(nn.Module):
    def __init__(self, c):
        super().__init__()
        h, f = c["hidden_size"], c["intermediate_size"]
        self.gate_proj = nn.Linear(h, f, bias=False)
        self.up_proj = nn.Linear(h, f, bias=False)
        self.down_proj = nn.Linear(f, h, bias=False)

    def forward(self, x):
        return self.down_proj(fn.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.input_layernorm = Norm(c["hidden_size"], c["rms_norm_eps"])
        self.self_attn = Attention(c)
        self.post_attention_layernorm = Norm(c["hidden_size"], c["rms_norm_eps"])
        self.mlp = Mlp(c)

    def forward(self, x, rot, mask, drop):
        x = x + channels(self.self_attn(self.input_layernorm(x), rot, mask), drop, self.training)
        return x + channels(self.mlp(self.post_attention_layernorm(x)), drop, self.training)


class Decoder(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.embed_tokens = nn.Embedding(c["vocab_size"], c["hidden_size"])
        self.layers = nn.ModuleList(Layer(c) for _ in range(c["num_hidden_layers"]))
        self.norm = Norm(c["hidden_size"], c["rms_norm_eps"])
        d = c["hidden_size"] // c["num_attention_heads"]
        freq = 1 / c["rope_theta"] ** (torch.arange(0, d, 2).float() / d)
        a = torch.arange(c["max_position_embeddings"]).float()[:, None] * freq
        self.register_buffer("cos", a.cos(), persistent=False)
        self.register_buffer("sin", a.sin(), persistent=False)

    def forward(self, ids, drop=0.0):
        x = channels(self.embed_tokens(ids), drop, self.training)
        t = ids.shape[1]
        kind = torch.bfloat16 if torch.is_autocast_enabled("cpu") else x.dtype
        rot = self.cos[:t].to(kind), self.sin[:t].to(kind)
        mask = torch.full((t, t), float("-inf")).triu(1).to(kind) if self.training else None
        for layer in self.layers:
            x = layer(x, rot, mask, drop)
        return self.norm(x)


class Prm(nn.Module):
    def __init__(self, c):
        super().__init__()
        h = c["hidden_size"]
        self.model = Decoder(c)
        self.score = nn.Sequential(nn.Linear(h, h), nn.ReLU(), nn.Linear(h, 2))
        for m in self.modules():
            if isinstance(m, (nn.Linear, nn.Embedding)):
                nn.init.normal_(m.weight, std=.02)
            if isinstance(m, nn.Linear) and m.bias is not None:
                nn.init.zeros_(m.bias)
        for l in self.model.layers:
            for w in (l.self_attn.o_proj.weight, l.mlp.down_proj.weight):
                nn.init.normal_(w, std=.02 / (2 * c["num_hidden_layers"]) ** .5)


def config(vocab, hidden=192, layers=6, heads=4, kv=2, inter=512):
    return dict(architectures=["Qwen2ForProcessRewardModel"], model_type="qwen2", hidden_size=hidden,
                num_hidden_layers=layers, num_attention_heads=heads, num_key_value_heads=kv, intermediate_size=inter,
                hidden_act="silu", rms_norm_eps=1e-6, rope_theta=10000.0, max_position_embeddings=4096,
                vocab_size=vocab, tie_word_embeddings=True, attention_dropout=0.0, use_sliding_window=False,
                eos_token_id=vocab - 2, pad_token_id=vocab - 4, torch_dtype="bfloat16")
