"""A checkpoint scored by the program itself and by a vLLM server must get the same scores: python vllm.py STEPSCOPE FOLDER FILE [STEP_TAG_ID].

Python package: vllm, or a build of it for processors alone. FOLDER is a checkpoint of Qwen2ForProcessRewardModel whose heads have a multiple
of 32 numbers (`tests/bench/models.py` makes one), with a tokenizer_config.json that vLLM understands; FILE holds solutions. Given a step tag, the
server answers with a row for each step, without one with a row for each token. Ends with status 1 where a score differs by more than 1e-4.
"""
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

PORT = 8123


def serve(folder, tag):
    pooler = {"tok_pooling_type": "STEP", "step_tag_id": int(tag), "returned_token_ids": [0, 1]} if tag else {"tok_pooling_type": "ALL"}
    return subprocess.Popen(
        ["vllm", "serve", folder, "--served-model-name", os.path.basename(folder), "--runner", "pooling", "--dtype", "float32",
         "--enforce-eager", "--host", "127.0.0.1", "--port", str(PORT), "--pooler-config", json.dumps(pooler)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def wait(server):
    while server.poll() is None:
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{PORT}/health", timeout=5)
        except (urllib.error.URLError, OSError):
            time.sleep(2)
    sys.exit("vllm did not start")


def scores(program, folder, file, place, *more):
    out = os.path.join(place, f"{len(more)}.jsonl")
    env = os.environ | {"XDG_CACHE_HOME": place, "XDG_DATA_HOME": place}
    subprocess.run([program, "score", file, "--prm", folder, "-o", out, "--no-cache", *more], check=True, env=env)
    with open(out, encoding="utf-8") as lines:
        return [step["score"] for line in lines for step in json.loads(line)["steps"]]


def main():
    program, folder, file, *tag = sys.argv[1:]
    server = serve(folder, tag[0] if tag else None)
    try:
        wait(server)
        with tempfile.TemporaryDirectory() as place:
            own = scores(program, folder, file, place)
            remote = scores(program, folder, file, place, "--server", f"http://127.0.0.1:{PORT}", "--server-api", "vllm-pooling")
    finally:
        server.terminate()
    missing = sum(r is None for r in remote)
    off = max((abs(o - r) for o, r in zip(own, remote) if r is not None), default=float("inf"))
    print(f"{len(own)} steps, {missing} without a score from the server, largest difference {off:.1e}")
    sys.exit(missing > 0 or len(own) != len(remote) or off > 1e-4)


main()
