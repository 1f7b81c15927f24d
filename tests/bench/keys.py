"""From a key to the painted frame, in a real pseudo-terminal: python keys.py BINARY FILE [--size 200x60] [--keys N] [-- OPTIONS OF STEPSCOPE]

Types N motion keys at a human's pace while the program indexes and scores FILE, and measures the time from each key to the end of the
frame that shows its effect: one that moves the cursor sign or draws another text (synchronized updates mark where frames end). Prints median, p90, p99
and the slowest, in milliseconds, and what the status line said when the measurement began and ended. `grow PATTERN OUT N` makes a file
of N solutions from a ProcessBench file, each with a problem of its own; `long OUT N` one of a single solution of N steps.
"""
import argparse
import fcntl
import json
import os
import pty
import random
import re
import select
import statistics
import struct
import sys
import tempfile
import termios
import time


def grow(pattern, out, count):
    records = json.load(open(pattern, encoding="utf-8"))
    with open(out, "w", encoding="utf-8") as file:
        for n in range(count):
            record = dict(records[n % len(records)])
            record["id"], record["problem"] = f"{record['id']}-{n}", f"({n}) {record['problem']}"
            file.write(json.dumps(record, ensure_ascii=False) + "\n")


def long(out, count):
    steps = [f"Step {n}: {n} + {n + 1} = {2 * n + 1}, and the work goes on from there." for n in range(count)]
    with open(out, "w", encoding="utf-8") as file:
        json.dump([{"id": "long", "problem": "How far does it go?", "steps": steps, "label": -1}], file)


class Program:
    def __init__(self, command, columns, rows, home):
        environment = dict(os.environ, TERM="xterm-256color", COLORFGBG="15;0", XDG_DATA_HOME=home, XDG_CACHE_HOME=home)
        self.started = time.perf_counter()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(command[0], command, environment)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, seconds):
        ready, _, _ = select.select([self.fd], [], [], max(seconds, 0))
        try:
            return os.read(self.fd, 1 << 16) if ready else b""
        except OSError:
            # The program has ended.
            return b""

    def drain(self, seconds):
        """Everything that comes within this time."""
        end, text = time.perf_counter() + seconds, b""
        while time.perf_counter() < end:
            text += self.read(end - time.perf_counter())
        return text

    def until(self, wanted, seconds=5.0):
        """Seconds until a frame is whole that fits `wanted`."""
        begin, text = time.perf_counter(), b""
        while time.perf_counter() - begin < seconds:
            text += self.read(seconds)
            if any(wanted(frame) for frame in text.split(b"\x1b[?2026l")[:-1]):
                return time.perf_counter() - begin
        return None


def main():
    if sys.argv[1:2] == ["grow"]:
        return grow(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    if sys.argv[1:2] == ["long"]:
        return long(sys.argv[2], int(sys.argv[3]))
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("file")
    parser.add_argument("--size", default="200x60")
    parser.add_argument("--keys", type=int, default=400)
    own = sys.argv[1:sys.argv.index("--")] if "--" in sys.argv else sys.argv[1:]
    rest = sys.argv[len(own) + 2:]
    options = parser.parse_args(own)
    columns, rows = map(int, options.size.split("x"))
    times, lost = [], 0
    with tempfile.TemporaryDirectory() as home:
        program = Program([options.binary, options.file, "--store", f"{home}/labels.db", "--as", "bench", *rest], columns, rows, home)
        first = program.until(lambda frame: "❯".encode() in frame, 60)
        print(f"first screen {1000 * first:.1f} ms")
        pick = random.Random(0)
        for n in range(options.keys):
            # Solutions have steps enough for a move down; up and on to another solution follow.
            key = [b"j", b"k", b")", b"j", b"}"][n % 5]
            program.drain(pick.uniform(0.03, 0.08))
            os.write(program.fd, key)
            took = program.until(lambda frame: "❯".encode() in frame or len(frame) > 600, 1.0)
            if took is None:
                lost += 1
            else:
                times.append(1000 * took)
        os.write(program.fd, b"\x0c")
        screen = re.sub(rb"\x1b\[[0-9;?]*[a-zA-Z]", b" ", program.drain(0.5)).decode("utf-8", "replace")
        os.write(program.fd, b"q")
        program.drain(0.5)
    times.sort()
    at = lambda share: times[min(len(times) - 1, int(share * len(times)))]
    print(f"{len(times)} keys, {lost} without an effect on the screen: median {statistics.median(times):.2f}, p90 {at(.9):.2f}, p99 {at(.99):.2f}, max {times[-1]:.2f} ms")
    print("status:", " ".join(screen.split())[-160:])


if __name__ == "__main__":
    main()
