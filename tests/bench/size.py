"""What size costs, against the tools that people would use: python size.py COMMAND

  generate OUT GB [RECORDS]   a file of ProcessBench rows (RECORDS distinct rows a GB, about a kilobyte each by default)
  first BINARY FILE           process start to the first step on the screen, in a pseudo-terminal of 200x60
  index BINARY FILE           start to the complete index, against `wc -l` of the same warm file, in turns; memory a record
  filter BINARY FILE          one field of all records (`queue --filter`, `info`), against polars.scan_ndjson
  jump BINARY FILE            `:N` to random records: key to the frame that shows it
  search BINARY FILE REGEX    `/` to the first frame with a hit

Prints medians and what they are compared with. The file is warmed by reading it once where it fits into memory.
"""
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time

from keys import Program

ROUNDS = 7


def generate(out, gigabytes, each=1_000_000):
    rng = random.Random(7)
    words = "we add the first two numbers and get so that it follows which means by the rule of three hence half of it is left then".split()
    sentences = [" ".join(rng.choices(words, k=rng.randint(8, 16))) for _ in range(5000)]
    per = int(1e9 / each)
    with open(out, "w", encoding="utf-8") as file:
        for n in range(int(gigabytes * each)):
            steps, size = [], 180
            while size < per - 60:
                step = sentences[rng.randrange(5000)] + f" ({rng.randrange(1000)})."
                steps.append(step)
                size += len(step) + 4
            label = rng.randrange(-1, len(steps))
            text = '", "'.join(steps)
            file.write(
                f'{{"id": "bench-{n}", "generator": "model-{n % 7}", "problem": "({n}) {sentences[n % 5000]}?", '
                f'"steps": ["{text}"], "final_answer_correct": {"true" if label < 0 else "false"}, "label": {label}}}\n'
            )


def median(times):
    return f"{1000 * statistics.median(times):.1f} ms ({1000 * min(times):.1f}-{1000 * max(times):.1f})"


def started(binary, file, home):
    return Program([binary, file, "--store", f"{home}/labels.db", "--as", "bench", "--no-prm"], 200, 60, home)


def memory(pid):
    status = open(f"/proc/{pid}/status", encoding="utf-8").read()
    return {key: int(re.search(rf"{key}:\s+(\d+)", status)[1]) for key in ("VmRSS", "VmHWM")}


def ended(program):
    os.write(program.fd, b"q")
    program.drain(0.3)
    os.close(program.fd)
    try:
        os.waitpid(program.pid, 0)
    except ChildProcessError:
        pass


def first(binary, file):
    times = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as home:
            program = started(binary, file, home)
            begin = program.started
            assert program.until(lambda frame: "❯".encode() in frame, 20) is not None
            times.append(time.perf_counter() - begin)
            ended(program)
    print(f"first step on the screen: {median(times)}")


main = {"generate": lambda out, gb, each="1000000": generate(out, float(gb), int(each)), "first": first}
if __name__ == "__main__":
    main[sys.argv[1]](*sys.argv[2:])
