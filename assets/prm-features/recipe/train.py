"""Trains the built-in model: boosted trees over the step features that the Rust program computes.

  python traces.py OUT [--data DIR]
  stepscope features OUT/traces.jsonl > OUT/features.tsv
  python train.py OUT [--table ../trees.bin] [--fixture FILE]

Five fits (seeds 0 to 4, each with its own 60 % of the planted errors), their logits averaged. Calibration, threshold and tau come
from the development split alone. ProcessBench is not read.
"""
import argparse
import json
import os
import struct

import lightgbm as lgb
import numpy as np

VERSION = 2  # of the features
META = 4  # columns before the features
SEEDS = 5
TREES = 250
MAX_BAD = 0.01  # as in src/prm/features/model.rs
WEIGHT = {"mr-gsm8k": 3, "vtg": 3, "mr-ben math": 1, "mr-ben physics": .4, "mr-ben chemistry": .4, "prmbench": .3,
          "prmbench original": .5, "sampled wrong": 1, "sampled right": 1, "bestof8 right": .5}
PLANTED = MADE = .5


class Table:
    """Rows of the TSV with the trace each belongs to."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as f:
            self.names = f.readline().rstrip("\n").split("\t")[META:]
            ids, meta, rows = [], [], []
            for line in f:
                c = line.rstrip("\n").split("\t")
                ids.append(c[0])
                meta.append((int(c[1]), int(c[2]), int(c[3])))
                rows.append(np.array(c[META:], dtype=np.float32))
        self.x = np.stack(rows)
        step, self.first, self.bad = np.array(meta).T
        self.own = np.cumsum(step == 0) - 1  # number of the trace of each row
        head = np.flatnonzero(step == 0)
        self.label = self.first[head]
        parts = [ids[i].split("|") for i in head]
        self.split, self.src, self.problem = (np.array(p) for p in zip(*[(p[0], p[1], p[3]) for p in parts]))
        self.y = (step != self.first).astype(int)
        self.judged = (self.first < 0) | (step <= self.first)

    def traces(self, mask):
        """-> per trace of the mask: the numbers of its rows"""
        starts = np.flatnonzero(np.diff(np.append(-1, self.own)))
        ends = np.append(starts[1:], len(self.own))
        return [np.arange(starts[i], ends[i]) for i in np.flatnonzero(mask)]


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def first_below(s, tau):
    low = np.flatnonzero(s < tau)
    return int(low[0]) if len(low) else -1


def posterior(s):
    """-> most likely first error, share of "no error" against it (mini-prm, section 4)"""
    c = np.concatenate([[1.], np.cumprod(s)])
    p = (1 - s) * c[:-1]
    k = int(np.argmax(p))
    return k, float(c[-1] / (c[-1] + p[k])) if p[k] > 0 else 1.


def f1(pred, label):
    pred, label = np.array(pred), np.array(label)
    e, c = (pred == label)[label >= 0].mean(), (pred == label)[label < 0].mean()
    return 100 * e, 100 * c, 200 * e * c / max(1e-9, e + c)


def auc(y, s):
    from scipy.stats import rankdata
    y, r = np.asarray(y), rankdata(s)
    n1, n0 = (y == 1).sum(), (y == 0).sum()
    return float((r[y == 1].sum() - n1 * (n1 + 1) / 2) / max(1, n1 * n0))


def best(grid, values):
    """The place of the highest smoothed value: a single lucky tau does not count."""
    k = np.ones(9) / 9
    smooth = np.convolve(np.pad(values, 4, mode="edge"), k, mode="valid")
    return float(grid[int(np.argmax(smooth))])


LIGHT = dict(objective="binary", num_leaves=24, learning_rate=.05, min_child_samples=50, feature_fraction=.5, bagging_fraction=.8,
             bagging_freq=1, boost_from_average=False, verbose=-1, deterministic=True, force_row_wise=True)


def group(src):
    """Traces of one group come from one place: within it, nothing but their content tells wrong and right ones apart."""
    return next((name for name in ["planted", "sampled", "prmbench", "bestof8"] if name in src), src)


def fit(t, rows, w, seed, threads):
    """P(right) of each judged step. The fit starts from the log odds of the step's group: what tells groups apart explains nothing."""
    start = np.zeros(len(rows))
    own = np.array([group(s) for s in t.src])[t.own[rows]]
    for name in np.unique(own):
        here = own == name
        p = np.clip(t.y[rows][here].mean(), .02, .995)
        start[here] = np.log(p / (1 - p))
    data = lgb.Dataset(t.x[rows], t.y[rows], weight=w[rows], init_score=start)
    return lgb.train(dict(LIGHT, num_threads=threads, seed=seed), data, TREES)


def train(t, threads, share=.6, leave=(), seeds=SEEDS):
    """-> one fit a seed; without the traces `leave`"""
    planted = np.char.startswith(t.src, "planted")
    w = np.where(planted, PLANTED, [WEIGHT.get(s, MADE if s.startswith("made") else 0) for s in t.src])
    models = []
    for seed in range(seeds):
        keep = ~planted | (np.random.default_rng(seed).random(len(planted)) < share)
        keep &= (t.split == "train") & (w > 0)
        keep[list(leave)] = False
        models.append(fit(t, np.flatnonzero(keep[t.own] & t.judged), w[t.own], seed, threads))
    return models


def logits(models, x):
    return np.mean([m.predict(x, raw_score=True) for m in models], axis=0)


# What calibration and decision are chosen on: each source weighs the same, whatever its size.
WRONG = ["mr-gsm8k", "vtg", "mr-ben math", "sampled wrong"]
RIGHT = ["sampled right", "vtg rephrased", "mr-ben math", "bestof8 right", "prmbench original"]


def development(t, seen=None):
    """-> the traces of each source, of the development split, without those of `seen`"""
    dev = (t.split == "dev") & (True if seen is None else ~seen)
    wrong = [dev & (t.src == s) & (t.label >= 0) for s in WRONG]
    right = [dev & (t.src == s) & (t.label < 0) for s in RIGHT]
    return [m for m in wrong if m.sum() >= 10], [m for m in right if m.sum() >= 10]


def calibrate(z, y, w):
    """Platt's scale and shift by Newton steps."""
    a, b = 1., 0.
    for _ in range(50):
        p = sigmoid(a * z + b)
        g = np.array([(w * (p - y) * z).sum(), (w * (p - y)).sum()])
        v = w * p * (1 - p)
        h = np.array([[(v * z * z).sum(), (v * z).sum()], [(v * z).sum(), v.sum()]])
        a, b = np.array([a, b]) - np.linalg.solve(h + 1e-6 * np.eye(2), g)
    return float(a), float(b)


def scores(t, models, mask, scale, shift):
    """-> rows of the traces, their probabilities, a failing equality counted in, one array a trace"""
    rows = t.traces(mask)
    every = np.concatenate(rows)
    p = sigmoid(scale * logits(models, t.x[every]) + shift)
    p = np.where(t.bad[every] > 0, np.minimum(p, MAX_BAD), p)
    return every, p, np.split(p, np.cumsum([len(r) for r in rows])[:-1])


def leaning(s, lean):
    """The scores with their odds leaned, for the decision on a whole trace (src/analysis/decide.rs)."""
    s = np.clip(s, 1e-6, 1 - 1e-6)
    return sigmoid(np.log(s / (1 - s)) + lean)


def pairs(wrong, right):
    """Mean F1 over all pairs of a wrong and a right source."""
    return float(np.mean([200 * e * c / max(1e-9, e + c) for e in wrong for c in right]))


def decide(t, models, sources):
    """-> scale, shift, threshold, tau, lean, figures of these sources"""
    wrong, right = sources
    zs, ys, ws = [], [], []
    for masks in (wrong, right):
        for m in masks:
            rows = np.concatenate(t.traces(m))
            rows = rows[t.judged[rows]]
            zs.append(logits(models, t.x[rows]))
            ys.append(t.y[rows])
            ws.append(np.full(len(rows), 1000 / len(masks) / m.sum()))
    z, y, w = map(np.concatenate, (zs, ys, ws))
    scale, shift = calibrate(z, y, w)
    told = [[(s, k) for s, k in zip(scores(t, models, m, scale, shift)[2], t.label[m])] for m in wrong + right]
    grid = np.linspace(.01, .99, 197)

    def curve(verdict):
        """F1 over the grid; verdict(s) -> step, value that must lie below the grid's"""
        each = []
        for traces in told:
            found = [verdict(s) for s, _ in traces]
            value = np.array([v for _, v in found])
            hit = np.array([k == f for (f, _), (_, k) in zip(found, traces)])
            free = traces[0][1] < 0
            each.append([np.mean(value >= g) if free else np.mean((value < g) & hit) for g in grid])
        each = np.array(each)
        return np.array([pairs(each[:len(wrong), i], each[len(wrong):, i]) for i in range(len(grid))])

    # A single step is judged as it comes: the first one below the threshold.
    plain = np.zeros(len(grid))
    for i, g in enumerate(grid):
        rates = [np.mean([first_below(s, g) == k for s, k in traces]) for traces in told]
        plain[i] = pairs(rates[:len(wrong)], rates[len(wrong):])
    leans = np.arange(-2.5, .51, .25)
    curves = [curve(lambda s, lean=lean: posterior(leaning(s, lean))) for lean in leans]
    tops = np.convolve(np.pad([max(np.convolve(np.pad(c, 4, mode="edge"), np.ones(9) / 9, mode="valid")) for c in curves], 1, mode="edge"),
                       np.ones(3) / 3, mode="valid")
    at = int(np.argmax(tops))
    threshold, tau, lean = best(grid, plain), best(grid, curves[at]), float(leans[at])
    figures = dict(step_auc=auc(y, z), plain=float(plain.max()), posterior=float(curves[at].max()),
                   by_lean={f"{a:.2f}": round(float(c.max()), 1) for a, c in zip(leans, curves)})
    return scale, shift, threshold, tau, lean, figures


def left_out(t, threads):
    """What a source says whose traces and problems were kept out of training, calibration and decision."""
    out = {}
    for src, free in [("mr-gsm8k", None), ("vtg", "vtg rephrased"), ("mr-ben math", "mr-ben math"), ("sampled wrong", "sampled right")]:
        own = (t.src == src) | (t.src == free)
        seen = np.isin(t.problem, t.problem[own])
        models = train(t, threads, leave=np.flatnonzero(seen | (t.src == src) | (t.src == free)), seeds=3)
        scale, shift, _, tau, lean, _ = decide(t, models, development(t, seen))
        right = own & (t.label < 0) if free else (t.src == "sampled right") & (t.split == "dev") & ~seen
        mask = (own & (t.label >= 0)) | right
        every, p, s = scores(t, models, mask, scale, shift)
        judged = t.judged[every]
        post = [posterior(leaning(x, lean)) for x in s]
        pred = np.array([k if q < tau else -1 for k, q in post])
        e, c, f = f1(pred, t.label[mask])
        rng, hit, label = np.random.default_rng(0), pred == t.label[mask], t.label[mask]
        draws = []
        for _ in range(500):
            i = rng.integers(0, len(hit), len(hit))
            x, y = hit[i][label[i] >= 0].mean(), hit[i][label[i] < 0].mean()
            draws.append(200 * x * y / max(1e-9, x + y))
        out[src] = dict(n=len(hit), step_auc=auc(t.y[every][judged], p[judged]), ece=ece(p[judged], t.y[every][judged]), wrong=e,
                        right=c, f1=f, interval=[round(v, 1) for v in np.percentile(draws, [2.5, 97.5])],
                        solution_auc=auc(label < 0, [q for _, q in post]))
        print(src, json.dumps(out[src]), flush=True)
    return out


def ece(p, y):
    b = np.minimum((p * 10).astype(int), 9)
    return float(sum(abs(p[b == i].mean() - y[b == i].mean()) * (b == i).mean() for i in range(10) if (b == i).any()))


def by_source(t, models):
    """Step AUC on the development traces of each source."""
    out = {}
    for name, srcs in [("mr-gsm8k", ["mr-gsm8k", "sampled right"]), ("vtg", ["vtg", "sampled right"]),
                       ("mr-ben math", ["mr-ben math"]), ("prmbench", ["prmbench"]), ("sampled", ["sampled wrong", "sampled right"])]:
        rows = np.flatnonzero(((t.split == "dev") & np.isin(t.src, srcs))[t.own] & t.judged)
        out[name] = round(auc(t.y[rows], logits(models, t.x[rows])), 3)
    return out


# ---- the table (layout: src/prm/features/trees.rs) ---------------------------------------

def below(x):
    """The largest f32 that is not above a threshold: f32 features compare with it as with the threshold."""
    y = np.float32(x)
    return np.nextafter(y, np.float32(-np.inf)) if float(y) > x else y


def nodes(tree, names, share):
    if "leaf_value" in tree:
        return [(0xFFFF, 0, np.float32(tree["leaf_value"] * share))]
    assert tree["decision_type"] == "<=" and tree.get("missing_type", "None") == "None", tree
    left, right = nodes(tree["left_child"], names, share), nodes(tree["right_child"], names, share)
    return [(tree["split_feature"], 1 + len(left), below(tree["threshold"])), *left, *right]


def table(models, names, version, threshold, tau, lean, scale, shift):
    text = "\n".join(names).encode()
    trees = [nodes(info["tree_structure"], names, 1 / len(models))
             for m in models for info in m.dump_model()["tree_info"]]
    out = [b"STEPTREE", struct.pack("<III", 2, version, len(text)), text,
           struct.pack("<dddddI", threshold, tau, lean, scale, shift, len(trees))]
    for tree in trees:
        out.append(struct.pack("<I", len(tree)))
        out += [struct.pack("<HHf", *n) for n in tree]
    return b"".join(out)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("out", help="folder with features.tsv")
    here = os.path.dirname(os.path.abspath(__file__))
    ap.add_argument("--table", default=os.path.join(here, "..", "trees.bin"))
    ap.add_argument("--fixture", help="write some rows with LightGBM's own probabilities, to test the Rust trees with")
    ap.add_argument("--threads", type=int, default=1)
    ap.add_argument("--left-out", action="store_true", help="train again without each source, print what it says, write nothing")
    a = ap.parse_args()
    t = Table(os.path.join(a.out, "features.tsv"))
    print(len(t.label), "traces,", len(t.y), "steps,", len(t.names), "features", flush=True)
    if a.left_out:
        left_out(t, a.threads)
        return
    models = train(t, a.threads)
    scale, shift, threshold, tau, lean, figures = decide(t, models, development(t))
    log = dict(development=figures, step_auc=by_source(t, models), scale=scale, shift=shift, threshold=threshold, tau=tau, lean=lean)
    print(json.dumps(log, indent=1))
    raw = table(models, t.names, VERSION, threshold, tau, lean, scale, shift)
    with open(a.table, "wb") as f:
        f.write(raw)
    print(len(raw), "bytes")
    with open(os.path.join(a.out, "train-log.json"), "w", encoding="utf-8") as f:
        json.dump(log, f, indent=1)
    if a.fixture:
        pick = np.linspace(0, len(t.y) - 1, 40).astype(int)
        p = sigmoid(scale * logits(models, t.x[pick]) + shift)
        with open(a.fixture, "w", encoding="utf-8") as f:
            json.dump([dict(row=[float(v) for v in r], probability=float(q)) for r, q in zip(t.x[pick], p)], f)
            f.write("\n")


if __name__ == "__main__":
    main()
