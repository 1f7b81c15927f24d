"""Prefill speed of llama.cpp on the CPU: python peer_llama.py FILE.gguf TOKENS ITERATIONS (threads in the environment: T)."""
import os, sys, time, ctypes
import llama_cpp as L
T = int(os.environ.get("T", "1"))
path, tokens, iterations = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
L.llama_backend_init()
quiet = L.llama_log_callback(lambda *a: None)
L.llama_log_set(quiet, ctypes.c_void_p(0))
mp = L.llama_model_default_params(); mp.n_gpu_layers = 0
model = L.llama_model_load_from_file(path.encode(), mp)
cp = L.llama_context_default_params()
cp.n_ctx, cp.n_batch, cp.n_ubatch, cp.n_threads, cp.n_threads_batch = tokens + 8, tokens, tokens, T, T
cp.embeddings, cp.pooling_type = True, 0
ctx = L.llama_init_from_model(model, cp)
batch = L.llama_batch_init(tokens, 0, 1)
for i in range(tokens):
    batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.logits[i] = i * 7919 % 600, i, 1, i == tokens - 1
    batch.seq_id[i][0] = 0
batch.n_tokens = tokens
times = []
for i in range(iterations + 1):
    L.llama_memory_clear(L.llama_get_memory(ctx), True)
    start = time.perf_counter()
    assert L.llama_decode(ctx, batch) == 0
    L.llama_synchronize(ctx)
    if i:
        times.append(time.perf_counter() - start)
times.sort()
print(f"llama best={tokens / times[0]:.1f} med={tokens / times[len(times) // 2]:.1f}")
