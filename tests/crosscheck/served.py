"""What the scripts of this folder share that hold a server's scores against those of the program itself."""
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request


def wait(server, url):
    while server.poll() is None:
        try:
            return urllib.request.urlopen(f"{url}/health", timeout=5)
        except (urllib.error.URLError, OSError):
            time.sleep(1)
    sys.exit("the server did not start")


def scores(program, folder, file, place, *more):
    out = os.path.join(place, f"{len(more)}.jsonl")
    env = os.environ | {"XDG_CACHE_HOME": place, "XDG_DATA_HOME": place}
    subprocess.run([program, "score", file, "--prm", folder, "-o", out, "--no-cache", *more], check=True, env=env)
    with open(out, encoding="utf-8") as lines:
        return [step["score"] for line in lines for step in json.loads(line)["steps"]]


def compare(command, url, api, program, folder, file):
    """Starts the server, scores with and without it, and ends with status 1 where a score differs by more than 1e-4."""
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait(server, url)
        with tempfile.TemporaryDirectory() as place:
            own = scores(program, folder, file, place)
            remote = scores(program, folder, file, place, "--server", url, "--server-api", api)
    finally:
        server.terminate()
    missing = sum(r is None for r in remote)
    off = max((abs(o - r) for o, r in zip(own, remote) if r is not None), default=float("inf"))
    print(f"{len(own)} steps, {missing} without a score from the server, largest difference {off:.1e}")
    sys.exit(missing > 0 or len(own) != len(remote) or off > 1e-4)
