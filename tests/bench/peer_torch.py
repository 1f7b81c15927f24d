"""Prefill speed of transformers on the CPU: python peer_torch.py FOLDER float32|bfloat16 TOKENS ITERATIONS (threads in the environment: T)."""
import os
import sys
import time

import torch
from transformers import Qwen2Model

torch.set_num_threads(int(os.environ.get("T", "1")))
torch.set_grad_enabled(False)
path, dtype, tokens, iterations = sys.argv[1], getattr(torch, sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
model = Qwen2Model.from_pretrained(path, dtype=dtype).eval()
ids = torch.arange(tokens).mul(7919).remainder(600).view(1, tokens)
times = []
for i in range(iterations + 1):
    start = time.perf_counter()
    model(ids, use_cache=False)
    if i:
        times.append(time.perf_counter() - start)
times.sort()
print(f"torch best={tokens / times[0]:.1f} med={tokens / times[len(times) // 2]:.1f}")
