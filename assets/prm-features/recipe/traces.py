"""Writes the training traces as ProcessBench files, so that the Rust program can compute their features.

Loading, the leakage filter with its assertion, and the planted errors are those of the small decoder
(../../prm/recipe): no problem that equals a ProcessBench problem, or shares 30 % of its word 8-grams
with one, gets past `data.load_all`. ProcessBench itself is read by that filter and nowhere else here.

  python traces.py OUT [--data DIR] [--planted N]     writes OUT/traces.jsonl and OUT/log.json
"""
import json
import os
import random
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.normpath(os.path.join(HERE, "..", "..", "prm", "recipe"))]

from common import bucket, is_dev  # noqa: E402
from data import data_arg, load_all  # noqa: E402
from perturb import perturb  # noqa: E402
from plant import Planter  # noqa: E402

SOURCES = ["mr-gsm8k", "vtg", "mr-ben math", "mr-ben physics", "mr-ben chemistry", "prmbench", "prmbench original",
           "sampled wrong", "sampled right", "bestof8 right", "vtg rephrased",
           # To be judged alone, never trained on.
           "bestof8 wrong", "autorace right", "autorace wrong"]


# Right solutions in which errors are made, and how many each.
MADE = {"bestof8 right": 2, "prmbench original": 2, "vtg rephrased": 2, "sampled right": 1, "mr-ben math": 1, "mr-gsm8k gold": 1,
        "vtg reference": 1}


def made(rows, rng):
    """Self-made errors in right solutions."""
    for r in rows:
        for _ in range(MADE.get(r["src"], 0) if r["label"] < 0 else 0):
            found = perturb(r["problem"], r["steps"], rng)
            if found:
                yield dict(r, src="made " + r["src"], steps=found[0], label=found[1])


def collect(root, planted, seed):
    """-> traces with a source and a split each, log"""
    rows, gsm, log = load_all(root)
    rng = random.Random(seed)
    rows = [r for r in rows if r["src"] in SOURCES] + list(made(rows, random.Random(seed + 1)))
    rows = [dict(r, split="dev" if is_dev(r["problem"]) else "train") for r in rows]
    # The split is by problem here too.
    for split, count, keep in [("train", planted, lambda q: bucket(q) >= 3),
                               ("dev", planted // 30, lambda q: bucket(q) < 3)]:
        planter = Planter([item for item in gsm if keep(item[0])])
        rows += [dict(planter.sample(rng), split=split) for _ in range(count)]
    log.update(planted=planted, seed=seed, traces=len(rows))
    return rows, log


def main():
    ap = data_arg()
    ap.add_argument("out")
    ap.add_argument("--planted", type=int, default=12000)
    ap.add_argument("--seed", type=int, default=7)
    a = ap.parse_args()
    os.makedirs(a.out, exist_ok=True)
    rows, log = collect(a.data, a.planted, a.seed)
    with open(os.path.join(a.out, "traces.jsonl"), "w", encoding="utf-8") as f:
        for n, r in enumerate(rows):
            record = dict(id=f"{r['split']}|{r['src']}|{n}|{bucket(r['problem'], 1 << 40)}", generator="", problem=r["problem"], steps=r["steps"],
                          final_answer_correct=r["label"] < 0, label=r["label"])
            f.write(json.dumps(record, ensure_ascii=False) + "\n")
    with open(os.path.join(a.out, "log.json"), "w", encoding="utf-8") as f:
        json.dump(log, f, indent=1)
    print(len(rows), "traces")


if __name__ == "__main__":
    main()
