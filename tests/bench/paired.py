"""Runs commands in turn and compares them round by round: python paired.py ROUNDS NAME=COMMAND ...

Each command prints a line with best=.. and med=.. tokens a second. Printed are the medians and, against the first command, the median of the
ratios of each round, so that a busy machine slows both sides.
"""
import re
import statistics
import subprocess
import sys

rounds, commands = int(sys.argv[1]), [a.split("=", 1) for a in sys.argv[2:]]
rates = {name: [] for name, _ in commands}
for _ in range(rounds):
    for name, command in commands:
        out = subprocess.run(command, shell=True, capture_output=True, text=True).stdout
        found = re.search(r"best=([\d.]+)", out)
        rates[name].append(float(found[1]) if found else float("nan"))
first = rates[commands[0][0]]
for name, values in rates.items():
    ratio = statistics.median(a / b for a, b in zip(values, first))
    print(f"{name:24s} {statistics.median(values):9.1f} tok/s, {ratio:.2f} of {commands[0][0]}  [{min(values):.0f}..{max(values):.0f}]")
