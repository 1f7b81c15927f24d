"""Trains the built-in model: boosted trees over the step features that the Rust program computes. `make.sh` runs the whole recipe.

  python traces.py OUT [--data DIR]
  stepscope features OUT/traces.jsonl > OUT/features.tsv
  python train.py OUT --left-out [--group 0]
  python train.py OUT [--group 0] [--table ../trees.bin] [--fixture FILE]

Five fits, each with its own 60 % of the planted errors, their logits averaged. The calibration comes from the development
split, threshold and tau from what fits without a source say of that source (decide.py). ProcessBench is not read (PROTOCOL.md).
"""
import argparse
import json
import os
import struct

import lightgbm as lgb
import numpy as np

from decide import FOLDS, Traces, auc, judge, levels, sigmoid

VERSION = 6  # of the features
META = 4  # columns before the features
SEEDS = 5  # fits of what ships; the group g of seeds is 5 g and on
LEFT_OUT_SEEDS = 2  # fits of a group without a fold
TREES = 250
WEIGHT = {"mr-gsm8k": 3, "vtg": 3, "mr-ben math": 1, "mr-ben physics": .4, "mr-ben chemistry": .4, "prmbench": .3,
          "prmbench original": .5, "sampled wrong": 1, "sampled right": 1, "bestof8 right": .5}
MADE = ["bestof8 right", "prmbench original", "vtg rephrased", "sampled right", "mr-ben math", "mr-gsm8k gold", "vtg reference"]
WEIGHT |= {"made " + s: .5 for s in MADE}
PLANTED = .5
SHARE = .6  # of the planted errors in each fit


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


def train(t, threads, group=0, leave=(), seeds=SEEDS):
    """-> one fit a seed; without the traces `leave`"""
    planted = np.char.startswith(t.src, "planted")
    w = np.where(planted, PLANTED, [WEIGHT.get(s, 0) for s in t.src])
    models = []
    for seed in range(SEEDS * group, SEEDS * group + seeds):
        keep = ~planted | (np.random.default_rng(seed).random(len(planted)) < SHARE)
        keep &= (t.split == "train") & (w > 0)
        keep[list(leave)] = False
        models.append(fit(t, np.flatnonzero(keep[t.own] & t.judged), w[t.own], seed, threads))
    return models


def logits(models, x):
    return np.mean([m.predict(x, raw_score=True) for m in models], axis=0)


def left_out(t, threads, group, path):
    """Trains without each fold of sources, errors made in them, and all traces of their problems; writes the log odds that the fits,
    calibrated without the fold as well, give its steps."""
    src, label, steps, z, bad = [], [], [], [], []
    for fold, sources in FOLDS.items():
        own = np.isin(t.src, sources)
        seen = np.isin(t.problem, t.problem[own]) | np.isin(t.src, [made + s for made in ("", "made ") for s in sources])
        models = train(t, threads, group, np.flatnonzero(seen), LEFT_OUT_SEEDS)
        scale, shift = platt(t, models, own)
        rows = t.traces(own)
        every = np.concatenate(rows)
        src += list(t.src[own])
        label += list(t.label[own])
        steps += [len(r) for r in rows]
        z.append((scale * logits(models, t.x[every]) + shift).astype(np.float32))
        bad.append(t.bad[every] > 0)
        print("group", group, fold, len(rows), "traces", flush=True)
    np.savez_compressed(path, src=src, label=label, steps=steps, z=np.concatenate(z), bad=np.concatenate(bad))


# What the calibration is fitted on: each source weighs the same, whatever its size.
WRONG = ["mr-gsm8k", "vtg", "mr-ben math", "sampled wrong"]
RIGHT = ["sampled right", "vtg rephrased", "mr-ben math", "bestof8 right", "prmbench original"]


def development(t, without):
    """-> the traces of each source, of the development split"""
    dev = (t.split == "dev") & ~without
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


def platt(t, models, without=False):
    """-> scale and shift of the logits; the traces `without` have no say"""
    wrong, right = development(t, np.zeros(len(t.src), bool) | without)
    zs, ys, ws = [], [], []
    for masks in (wrong, right):
        for m in masks:
            rows = np.concatenate(t.traces(m))
            rows = rows[t.judged[rows]]
            zs.append(logits(models, t.x[rows]))
            ys.append(t.y[rows])
            ws.append(np.full(len(rows), 1000 / len(masks) / m.sum()))
    z, y, w = map(np.concatenate, (zs, ys, ws))
    return calibrate(z, y, w)


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
             for m in models for info in m.dump_model()["tree_info"]]
    out = [b"STEPTREE", struct.pack("<III", 3, version, len(text)), text,
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
    ap.add_argument("--left-out", action="store_true", help="train without each source and write what that says of it; comes first")
    ap.add_argument("--group", type=int, default=0, help="of seeds; the first, 0, ships")
    a = ap.parse_args()
    t = Table(os.path.join(a.out, "features.tsv"))
    print(len(t.label), "traces,", len(t.y), "steps,", len(t.names), "features", flush=True)
    path = lambda group: os.path.join(a.out, f"left-out-{group}.npz")
    if a.left_out:
        left_out(t, a.threads, a.group, path(a.group))
        return
    models = train(t, a.threads, a.group)
    u, (scale, shift) = Traces.load(path(a.group)), platt(t, models)
    found = levels(u)
    threshold, tau = found[None]
    log = dict(left_out=judge(u, found), step_auc=by_source(t, models), scale=scale, shift=shift, threshold=threshold, tau=tau)
    print(json.dumps(log, indent=1))
    raw = table(models, t.names, VERSION, threshold, tau, scale, shift)
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
