"""What size costs, against the tools that people would use: python size.py COMMAND

  generate OUT GB [RECORDS]   a file of ProcessBench rows (RECORDS distinct rows a GB, about a kilobyte each by default)
  first BINARY FILE           process start to the first step on the screen, in a pseudo-terminal of 200x60
  index BINARY FILE           start to the complete index, against `wc -l` of the same warm file, in turns; memory a record
  cold BINARY FILE            the same after the file was dropped from the page cache, against `cat` of the same cold file
  filter BINARY FILE          one field of all records (`queue --filter`), against polars.scan_ndjson in this Python
  jump BINARY FILE RECORDS    `:N` to random problems: key to the frame that shows another one
  search BINARY FILE REGEX TEXT   `/` to the first frame that shows TEXT, which REGEX must not hold itself (`[(]17[)]`): it stands on the screen
  hits BINARY FILE            `n` twenty times where every step is a hit and where one in a thousand is: key to frame, and processor time

Prints medians with their spread. But for `cold`, files are read from the page cache: read them once before.
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


def ended(program):
    os.write(program.fd, b"q")
    program.drain(0.3)
    os.close(program.fd)
    os.waitpid(program.pid, 0)


def first(binary, file):
    times = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as home:
            program = started(binary, file, home)
            assert program.until(lambda frame: "❯".encode() in frame, 20) is not None
            times.append(time.perf_counter() - program.started)
            ended(program)
    print(f"first step on the screen: {median(times)}")


def threads(pid):
    """Names of the threads that are at work: those of the index end with it."""
    names = []
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            names.append(open(f"/proc/{pid}/task/{task}/comm", encoding="utf-8").read().strip())
        except OSError:
            pass
    return names


def indexed(binary, file):
    """Seconds to the complete index and to the complete table of problems, and memory in kB."""
    with tempfile.TemporaryDirectory() as home:
        program = started(binary, file, home)
        ends, seen = {}, set()
        while len(ends) < 2:
            program.read(0.002)
            running = threads(program.pid)
            seen.update(running)
            for name in ("corpus-index", "corpus-groups"):
                if name in seen and name not in running and name not in ends:
                    ends[name] = time.perf_counter() - program.started
        status = open(f"/proc/{program.pid}/status", encoding="utf-8").read()
        memory = [int(re.search(rf"{key}:\s+(\d+)", status)[1]) for key in ("VmRSS", "VmHWM")]
        ended(program)
    return ends["corpus-index"], ends["corpus-groups"], memory


def index(binary, file):
    counted, found, grouped = [], [], []
    for _ in range(ROUNDS if os.path.getsize(file) < 3e9 else 2):
        begin = time.perf_counter()
        lines = int(subprocess.run(["wc", "-l", file], capture_output=True, check=True).stdout.split()[0])
        counted.append(time.perf_counter() - begin)
        index, groups, memory = indexed(binary, file)
        found.append(index)
        grouped.append(groups)
    ratio = statistics.median(a / b for a, b in zip(found, counted))
    print(f"{lines} lines: wc -l {median(counted)}, index {median(found)}, ratio {ratio:.2f}, problems grouped {median(grouped)}")
    print(f"resident {memory[0] >> 10} MB, at most {memory[1] >> 10} MB: {1024 * memory[0] / lines:.0f} bytes a record with everything")


def dropped(file):
    """The file, of which the page cache keeps nothing: writes are brought to the disk first."""
    fd = os.open(file, os.O_RDONLY)
    os.fsync(fd)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)
    return file


def cold(binary, file):
    read, found = [], []
    for _ in range(3):
        dropped(file)
        begin = time.perf_counter()
        subprocess.run(["cat", file], stdout=subprocess.DEVNULL, check=True)
        read.append(time.perf_counter() - begin)
        found.append(indexed(binary, dropped(file))[0])
    print(f"cold: cat {median(read)}, index {median(found)}, ratio {statistics.median(a / b for a, b in zip(found, read)):.2f}")


def filter(binary, file):
    ours, theirs = [], []
    query = (
        "import polars, sys, time; begin = time.perf_counter(); "
        "rows = polars.scan_ndjson(sys.argv[1]).select(polars.col('label') == 2).sum().collect().item(); "
        "print(time.perf_counter() - begin, rows)"
    )
    with tempfile.TemporaryDirectory() as home:
        for _ in range(3):
            begin = time.perf_counter()
            run = [binary, "queue", file, "--filter", "error == 3", "--json"]
            out = subprocess.run(run, capture_output=True, check=True, text=True, env=dict(os.environ, XDG_DATA_HOME=home)).stdout
            ours.append(time.perf_counter() - begin)
            # Without the import of the library.
            took, rows = subprocess.run([sys.executable, "-c", query, file], capture_output=True, check=True, text=True).stdout.split()
            theirs.append(float(took))
    print(f"one field of all records: {median(ours)} ({len(out.splitlines())} rows), polars {median(theirs)} ({rows} rows)")


def until_seen(program, keys, wanted, seconds=30):
    program.drain(0.05)
    begin = time.perf_counter()
    os.write(program.fd, keys)
    assert program.until(lambda frame: wanted in frame, seconds) is not None, f"{wanted} was not seen"
    return time.perf_counter() - begin


def jump(binary, file, records):
    rng, times = random.Random(3), []
    with tempfile.TemporaryDirectory() as home:
        program = started(binary, file, home)
        # Whoever jumps behind what is indexed waits for the index: that is another figure.
        assert program.until(lambda frame: "❯".encode() in frame, 20) is not None
        while any(name.startswith("corpus") for name in threads(program.pid)):
            program.read(0.05)
        for _ in range(200):
            number = rng.randrange(1, int(records))
            program.drain(0.03)
            os.write(program.fd, f":{number}".encode())
            program.drain(0.03)
            begin = time.perf_counter()
            os.write(program.fd, b"\r")
            # Most of the screen is another problem's.
            assert program.until(lambda frame: len(frame) > 1500, 5) is not None
            times.append(time.perf_counter() - begin)
        ended(program)
    times.sort()
    print(f"200 jumps: {median(times)}, p99 {1000 * times[197]:.1f}, slowest {1000 * times[199]:.1f} ms")


def search(binary, file, pattern, wanted):
    times = []
    for _ in range(5):
        with tempfile.TemporaryDirectory() as home:
            program = started(binary, file, home)
            program.until(lambda frame: "❯".encode() in frame, 20)
            os.write(program.fd, b"/" + pattern.encode())
            program.drain(0.3)
            times.append(until_seen(program, b"\r", wanted.encode()))
            ended(program)
    print(f"search {pattern}: {median(times)}")


def hits(binary, file):
    # The generator ends each step with a number below a thousand in brackets.
    for pattern in ("[(]", "[(]17[)]"):
        times = []
        with tempfile.TemporaryDirectory() as home:
            program = started(binary, file, home)
            program.until(lambda frame: "❯".encode() in frame, 20)
            while any(name.startswith("corpus") for name in threads(program.pid)):
                program.read(0.05)
            os.write(program.fd, f"/{pattern}\r".encode())
            program.drain(1)
            busy = processor(program.pid)
            for _ in range(20):
                program.drain(0.05)
                begin = time.perf_counter()
                os.write(program.fd, b"n")
                assert program.until(lambda frame: len(frame) > 40, 5) is not None, f"{pattern}: no further hit"
                times.append(time.perf_counter() - begin)
            busy = processor(program.pid) - busy
            ended(program)
        print(f"hits of {pattern}: {median(times)}, {1000 * busy / 20:.1f} ms of a processor each")


def processor(pid):
    """Seconds that all threads of a process have had on a processor."""
    fields = open(f"/proc/{pid}/stat", encoding="utf-8").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


main = {
    "generate": lambda out, gb, each="1000000": generate(out, float(gb), int(each)),
    "first": first,
    "index": index,
    "cold": cold,
    "filter": filter,
    "jump": jump,
    "search": search,
    "hits": hits,
}
if __name__ == "__main__":
    main[sys.argv[1]](*sys.argv[2:])
