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

META = 4  # columns before the features
SEEDS = 5
TREES = 250
MAX_BAD = 0.01  # as in src/prm/features/model.rs
WEIGHT = {"mr-gsm8k": 3, "vtg": 3, "mr-ben math": 1, "mr-ben physics": .4, "mr-ben chemistry": .4, "prmbench": .3,
          "prmbench original": .5, "sampled wrong": 1, "sampled right": 1}
PLANTED = .5


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
        self.split, self.src = np.array([p[0] for p in parts]), np.array([p[1] for p in parts])
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


def fit(t, rows, weight, seed, threads):
    m = lgb.LGBMClassifier(n_estimators=TREES, num_leaves=24, learning_rate=.05, min_child_samples=50, colsample_bytree=.5,
                           subsample=.8, subsample_freq=1, verbose=-1, num_threads=threads, random_state=seed,
                           deterministic=True, force_row_wise=True)
    return m.fit(t.x[rows], t.y[rows], sample_weight=weight[rows])


def train(t, threads, share=.6):
    planted = np.char.startswith(t.src, "planted")
    w = np.where(planted, PLANTED, [WEIGHT.get(s, 0) for s in t.src])[t.own]
    models = []
    for seed in range(SEEDS):
        keep = ~planted | (np.random.default_rng(seed).random(len(planted)) < share)
        rows = np.flatnonzero((keep & (t.split == "train"))[t.own] & t.judged & (w > 0))
        models.append(fit(t, rows, w, seed, threads))
    return models


def logits(models, x):
    return np.mean([m.predict(x, raw_score=True) for m in models], axis=0)


def development(t, seed=0):
    """Traces for calibration and tau: wrong ones judged by people, as many right ones, grade-school problems only."""
    dev = t.split == "dev"
    wrong = np.flatnonzero(dev & (t.label >= 0) & np.isin(t.src, ["mr-gsm8k", "vtg"]))
    right = np.flatnonzero(dev & (t.label < 0) & (t.src == "sampled right"))
    right = np.random.default_rng(seed).permutation(right)[:len(wrong)]
    mask = np.zeros(len(dev), bool)
    mask[wrong] = mask[right] = True
    return mask


def calibrate(z, y):
    """Platt's scale and shift by Newton steps."""
    a, b = 1., 0.
    for _ in range(50):
        p = sigmoid(a * z + b)
        g = np.array([((p - y) * z).sum(), (p - y).sum()])
        v = p * (1 - p)
        h = np.array([[(v * z * z).sum(), (v * z).sum()], [(v * z).sum(), v.sum()]])
        a, b = np.array([a, b]) - np.linalg.solve(h + 1e-6 * np.eye(2), g)
    return float(a), float(b)


def decide(t, models):
    """-> scale, shift, threshold, tau, figures of the development split"""
    mask = development(t)
    rows = [r for r in t.traces(mask)]
    label = t.label[mask]
    every = np.concatenate(rows)
    z = logits(models, t.x[every])
    judged = t.judged[every]
    scale, shift = calibrate(z[judged], t.y[every][judged])
    p = sigmoid(scale * z + shift)
    raw = p.copy()
    p = np.where(t.bad[every] > 0, np.minimum(p, MAX_BAD), p)
    cut = np.cumsum([len(r) for r in rows])[:-1]
    s = np.split(p, cut)
    grid = np.linspace(.01, .99, 197)
    plain = [f1([first_below(x, g) for x in s], label)[2] for g in grid]
    post = [posterior(x) for x in s]
    after = [f1([k if q < g else -1 for k, q in post], label)[2] for g in grid]
    threshold, tau = best(grid, plain), best(grid, after)
    figures = dict(n=len(rows), wrong=int((label >= 0).sum()), step_auc=auc(t.y[every][judged], raw[judged]),
                   plain=f1([first_below(x, threshold) for x in s], label)[2],
                   posterior=f1([k if q < tau else -1 for k, q in post], label)[2], ece=ece(p[judged], t.y[every][judged]))
    return scale, shift, threshold, tau, figures


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


def table(models, names, version, threshold, tau, scale, shift):
    text = "\n".join(names).encode()
    trees = [nodes(info["tree_structure"], names, 1 / len(models))
             for m in models for info in m.booster_.dump_model()["tree_info"]]
    out = [b"STEPTREE", struct.pack("<III", 1, version, len(text)), text,
           struct.pack("<ddddI", threshold, tau, scale, shift, len(trees))]
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
    a = ap.parse_args()
    t = Table(os.path.join(a.out, "features.tsv"))
    print(len(t.label), "traces,", len(t.y), "steps,", len(t.names), "features", flush=True)
    models = train(t, a.threads)
    scale, shift, threshold, tau, figures = decide(t, models)
    log = dict(development=figures, step_auc=by_source(t, models), scale=scale, shift=shift, threshold=threshold, tau=tau)
    print(json.dumps(log, indent=1))
    raw = table(models, t.names, 1, threshold, tau, scale, shift)
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
