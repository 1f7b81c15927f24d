"""A checkpoint scored by the program itself and through llama.cpp's server must get the same scores:
python llama_server.py STEPSCOPE LLAMA_SERVER FOLDER BACKBONE.gguf FILE [completion]

FOLDER holds config.json, tokenizer.json and model.safetensors, BACKBONE.gguf the same weights in f32 (`tests/bench/models.py` makes both), FILE
solutions. With `completion` the model is one that is read at tokens, and the server is asked for the chances of the next one. Ends with status 1
where a score differs by more than 1e-4. The server runs without flash attention, which it computes in half precision.
"""
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

PORT = 8124


def serve(program, gguf, completion):
    kind = [] if completion else ["--embedding", "--pooling", "none"]
    return subprocess.Popen(
        [program, "-m", gguf, "--host", "127.0.0.1", "--port", str(PORT), "-c", "4096", "-b", "4096", "-ub", "4096", "-ctk", "f32", "-ctv", "f32",
         "-fa", "off", "-ngl", "0", "-np", "1", *kind],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def wait(server):
    while server.poll() is None:
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{PORT}/health", timeout=5)
        except (urllib.error.URLError, OSError):
            time.sleep(.5)
    sys.exit("the server did not start")


def scores(program, folder, file, place, *more):
    out = os.path.join(place, f"{len(more)}.jsonl")
    env = os.environ | {"XDG_CACHE_HOME": place, "XDG_DATA_HOME": place}
    subprocess.run([program, "score", file, "--prm", folder, "-o", out, "--no-cache", *more], check=True, env=env)
    with open(out, encoding="utf-8") as lines:
        return [step["score"] for line in lines for step in json.loads(line)["steps"]]


def main():
    program, binary, folder, gguf, file, *completion = sys.argv[1:]
    server = serve(binary, gguf, completion)
    try:
        wait(server)
        with tempfile.TemporaryDirectory() as place:
            own = scores(program, folder, file, place)
            remote = scores(program, folder, file, place, "--server", f"http://127.0.0.1:{PORT}", "--server-api", "llama-cpp")
    finally:
        server.terminate()
    missing = sum(r is None for r in remote)
    off = max((abs(o - r) for o, r in zip(own, remote) if r is not None), default=float("inf"))
    print(f"{len(own)} steps, {missing} without a score from the server, largest difference {off:.1e}")
    sys.exit(missing > 0 or len(own) != len(remote) or off > 1e-4)


main()
