"""What fits say of sources that they have not seen: the merit that chooses among models, and the levels (threshold of a step, tau of a
solution) of the one that is chosen. PROTOCOL.md tells why it is done this way; ProcessBench has no part in it.

  python train.py OUT --left-out      writes OUT/left-out-GROUP.npz, one for each group of seeds
  python decide.py OUT [OTHER]        merit of the groups, and against those of OTHER; levels; what they give for each source
"""
import argparse
import json
import os

import numpy as np

# Sources that are left out together: same problems, or same writers.
FOLDS = {"mr-gsm8k": ["mr-gsm8k", "mr-gsm8k gold"], "vtg": ["vtg", "vtg rephrased", "vtg reference", "made vtg rephrased"],
         "mr-ben": ["mr-ben math", "mr-ben physics", "mr-ben chemistry"],
         "sampled": ["sampled wrong", "sampled right", "autorace right", "autorace wrong"],
         "prmbench": ["prmbench", "prmbench original"], "bestof8": ["bestof8 right", "bestof8 wrong", "made bestof8 right"]}
SCIENCE = ["mr-ben physics", "mr-ben chemistry"]
NAMED = {"mr-gsm8k": ["mr-gsm8k"], "vtg": ["vtg"], "mr-ben math": ["mr-ben math"], "science": SCIENCE, "sampled": ["sampled wrong"],
         "prmbench": ["prmbench"]}
TOLD_APART = {"mr-ben math": ["mr-ben math"], "science": SCIENCE, "sampled": ["sampled wrong", "sampled right"],
              "prmbench": ["prmbench", "prmbench original"], "bestof8": ["bestof8 right", "bestof8 wrong"],
              "autorace": ["autorace right", "autorace wrong"]}
# Solutions of language models, wrong and right from the same writers, that the levels are chosen on; those that nobody put an error into; and
# pairs of wrong and right solutions that figures are given for.
MODERN = {"mr-ben math": (["mr-ben math"], ["mr-ben math"]), "science": (SCIENCE, SCIENCE), "prmbench": (["prmbench"], ["prmbench original"]),
          "bestof8": (["made bestof8 right", "bestof8 wrong"], ["bestof8 right"]),
          "vtg rephrased": (["made vtg rephrased"], ["vtg rephrased"])}
NATURAL = {"mr-ben math": ["mr-ben math"], "science": SCIENCE, "prmbench": ["prmbench original"], "bestof8": ["bestof8 right", "bestof8 wrong"],
           "vtg rephrased": ["vtg rephrased"]}
PAIRS = {"mr-gsm8k": ("mr-gsm8k", "sampled right"), "vtg": ("vtg", "vtg rephrased"), "mr-ben math": ("mr-ben math", "mr-ben math"),
         "sampled": ("sampled wrong", "sampled right"), "prmbench": ("prmbench", "prmbench original")}
RELIABILITY = ["mr-gsm8k", "vtg", "vtg rephrased", "mr-ben math", *SCIENCE, "sampled wrong", "sampled right", "prmbench",
               "prmbench original", "bestof8 right"]
LENGTHS = [(1, 4), (5, 7), (8, 11), (12, 10**9)]  # steps
LEVELS = np.linspace(-6, 8, 141)  # log odds
FEW = 15  # a pair with fewer traces of a class of length, on either side, has no say in it
MAX_BAD = 0.01  # as in src/prm/features/model.rs


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def log_sigmoid(z):
    return -np.logaddexp(0, -z)


def auc(y, s):
    from scipy.stats import rankdata
    y, r = np.asarray(y), rankdata(s)
    n1, n0 = (y == 1).sum(), (y == 0).sum()
    return float((r[y == 1].sum() - n1 * (n1 + 1) / 2) / max(1, n1 * n0))


def ece(p, y, w=None):
    """Expected calibration error over ten bins, steps with weights."""
    w = np.full(len(p), 1 / len(p)) if w is None else w / w.sum()
    b = np.minimum((p * 10).astype(int), 9)
    return float(sum(abs((w * (p - y))[b == i].sum()) for i in range(10)))


def reliability(p, y):
    """-> for each tenth: steps, mean score, share that is right"""
    b = np.minimum((p * 10).astype(int), 9)
    return [(int((b == i).sum()), float(p[b == i].mean()), float(y[b == i].mean())) for i in range(10) if (b == i).any()]


def harmonic(e, c):
    return 200 * e * c / np.maximum(e + c, 1e-9)


def f1(hit, label):
    return harmonic(hit[label >= 0].mean(), hit[label < 0].mean())


def interval(hit, label, draws=1000):
    rng = np.random.default_rng(0)
    drawn = [f1(hit[i], label[i]) for i in rng.integers(0, len(hit), (draws, len(hit)))]
    return [round(float(v), 1) for v in np.percentile(drawn, [2.5, 97.5])]


class Traces:
    """Calibrated log odds of whole solutions, one row each, filled up with 0; `within` says what is a step."""

    def __init__(self, src, label, rows, bad):
        self.src, self.label = np.array(src), np.array(label)
        self.steps = np.array([len(r) for r in rows])
        shape = (len(rows), self.steps.max())
        self.z, self.false = np.zeros(shape), np.zeros(shape, bool)
        for i, (r, b) in enumerate(zip(rows, bad)):
            self.z[i, :len(r)], self.false[i, :len(r)] = r, b
        self.z = np.where(self.false, np.minimum(self.z, np.log(MAX_BAD / (1 - MAX_BAD))), self.z)
        at = np.arange(shape[1])[None]
        self.within = at < self.steps[:, None]
        self.judged = self.within & ((self.label < 0)[:, None] | (at <= self.label[:, None]))
        self.right = at != self.label[:, None]
        fold = {s: f for f, all in FOLDS.items() for s in all}
        self.fold = np.array([fold[s] for s in self.src])
        self.named, self.free = posterior(self)
        self.none = np.where(self.within, log_sigmoid(self.z), 0).sum(1)
        self.length = np.digitize(self.steps, [low for low, _ in LENGTHS[1:]])

    @classmethod
    def load(cls, path):
        f = np.load(path)
        cut = np.cumsum(f["steps"])[:-1]
        return cls(f["src"], f["label"], np.split(f["z"], cut), np.split(f["bad"], cut))

    def merit(self):
        """-> merit, named by source, told apart by source; in percent"""
        named = {k: 100 * (self.named == self.label)[np.isin(self.src, s) & (self.label >= 0)].mean() for k, s in NAMED.items()}
        apart = {k: 100 * auc(self.label[m] < 0, self.free[m]) for k, s in TOLD_APART.items() for m in [np.isin(self.src, s)]}
        return (np.mean(list(named.values())) + np.mean(list(apart.values()))) / 2, named, apart

    def cells(self):
        """-> for each modern pair and class of length: pair, fold, wrong traces and their weights, right traces"""
        out = []
        for name, (wrong, right) in MODERN.items():
            wrongs, rights = (np.isin(self.src, s) & ((self.label >= 0) == side) for s, side in ((wrong, True), (right, False)))
            weight = np.zeros(len(self.src))
            # Natural and made errors of a pair weigh the same.
            for s in [wrong] if wrong == right else [[s] for s in wrong]:
                own = wrongs & np.isin(self.src, s)
                weight[own] = 1 / own.sum()
            for k in range(len(LENGTHS)):
                i, j = (np.flatnonzero(m & (self.length == k)) for m in (wrongs, rights))
                if min(len(i), len(j)) >= FEW:
                    out.append((name, self.fold[i[0]], i, weight[i, None] / weight[i].sum(), j))
        return out


def posterior(t):
    """-> most likely first error j and log(none / p_j) of each solution (src/analysis/decide.rs)"""
    right = np.where(t.within, log_sigmoid(t.z), 0)
    before = np.concatenate([np.zeros((len(t.z), 1)), np.cumsum(right, 1)[:, :-1]], 1)
    wrong = np.where(t.within, log_sigmoid(-t.z) + before, -np.inf)
    j = wrong.argmax(1)
    return j, right.sum(1) - wrong[np.arange(len(j)), j]


def mean_of(curves, without=None):
    """Of (pair, fold, curve): the mean over the classes of a pair, then over the pairs; a fold has no say."""
    pairs = {name for name, fold, _ in curves if fold != without}
    return np.mean([np.mean([c for name, _, c in curves if name == pair], 0) for pair in sorted(pairs)], 0)


def whole(t):
    """F1 of the most likely first error, when the posterior lies below a level."""
    below = t.free[:, None] < LEVELS
    return modern(t, below & (t.named == t.label)[:, None], ~below)


def first_below(t):
    """F1 of the first step below a level."""
    low = [t.within & (t.z < level) for level in LEVELS]
    j = np.array([np.where(m.any(1), m.argmax(1), -1) for m in low]).T
    return modern(t, j == t.label[:, None], j < 0)


def modern(t, hit, free):
    """-> pair, fold, F1 at each level"""
    return [(name, fold, harmonic((w * hit[i]).sum(0), free[j].mean(0))) for name, fold, i, w, j in t.cells()]


def expected(t):
    """F1 that the posterior expects of itself at each level, over natural solutions; no label is used."""
    below, none, first = t.free[:, None] < LEVELS, np.exp(t.none), np.exp(t.none - t.free)
    out = []
    for name, sources in NATURAL.items():
        for k in range(len(LENGTHS)):
            m = np.flatnonzero(np.isin(t.src, sources) & (t.length == k))
            if len(m) >= FEW:
                e = (first[m, None] * below[m]).sum(0) / (1 - none[m]).sum()
                out.append((name, t.fold[m[0]], harmonic(e, (none[m, None] * ~below[m]).sum(0) / none[m].sum())))
    return out


def smooth(values):
    """A single lucky level does not count."""
    return np.convolve(np.pad(values, 3, mode="edge"), np.ones(7) / 7, mode="valid")


def levels(t):
    """-> for all folds (None) and without each: threshold of a step, tau of the posterior"""
    curves = first_below(t), expected(t)
    best = lambda curve, fold: float(sigmoid(LEVELS[smooth(mean_of(curve, fold)).argmax()]))
    return {fold: tuple(best(curve, fold) for curve in curves) for fold in [None, *FOLDS]}


def judge(t, levels):
    """What the posterior, its tau chosen without a fold, says of it: accuracies, F1 with interval, step AUC, calibration."""
    tau = np.array([levels[fold][1] for fold in t.fold])
    said = np.where(sigmoid(t.free) < tau, t.named, -1)
    out = {}
    for name, (wrong, right) in PAIRS.items():
        own = ((t.src == wrong) & (t.label >= 0)) | ((t.src == right) & (t.label < 0))
        label, hit, p, y = t.label[own], (said == t.label)[own], sigmoid(t.z[own])[t.judged[own]], t.right[own][t.judged[own]]
        half = np.where(label >= 0, 1 / (label >= 0).sum(), 1 / (label < 0).sum())  # a trace weighs as if half of them were wrong
        out[name] = dict(wrong=int((label >= 0).sum()), right=int((label < 0).sum()), hit=100 * hit[label >= 0].mean(),
                         free=100 * hit[label < 0].mean(), f1=f1(hit, label), interval=interval(hit, label), step_auc=auc(y, p), ece=ece(p, y),
                         ece_half=ece(p, y, np.repeat(half, t.judged[own].sum(1))))
    return out


def out_of_fold(t, levels):
    """-> the modern measure, each pair read at the tau chosen without its fold; in percent"""
    at = {fold: np.abs(sigmoid(LEVELS) - tau).argmin() for fold, (_, tau) in levels.items()}
    return float(mean_of([(name, fold, curve[at[fold]]) for name, fold, curve in whole(t)]))


def first(mask):
    return np.where(mask.any(1), mask.argmax(1), -1)


def signals(t, levels):
    """-> by pair of sources and signal: precision (of the steps that are named), recall (of the first errors), their F1, each with an interval"""
    threshold, tau = (np.array([levels[fold][k] for fold in t.fold]) for k in (0, 1))
    says = {"failing equality": first(t.false), "score below its threshold": first(t.within & (sigmoid(t.z) < threshold[:, None])),
            "posterior below tau": np.where(sigmoid(t.free) < tau, t.named, -1)}
    out, rng = {}, np.random.default_rng(0)
    for name, (wrong, right) in PAIRS.items():
        own = np.flatnonzero(((t.src == wrong) & (t.label >= 0)) | ((t.src == right) & (t.label < 0)))
        for signal, said in says.items():
            hit, named, bad = (said == t.label)[own] & (said >= 0)[own], said[own] >= 0, t.label[own] >= 0

            def all(i):
                p, r = hit[i].sum() / max(1, named[i].sum()), hit[i].sum() / max(1, bad[i].sum())
                return 100 * np.array([p, r, 2 * p * r / max(1e-9, p + r)])
            low, high = np.percentile([all(i) for i in rng.integers(0, len(own), (500, len(own)))], [2.5, 97.5], axis=0)
            out[name, signal] = [f"{v:.0f} [{a:.0f}-{b:.0f}]" for v, a, b in zip(all(np.arange(len(own))), low, high)]
    return out


def groups(out):
    names = sorted(f for f in os.listdir(out) if f.startswith("left-out-") and f.endswith(".npz"))
    return [Traces.load(os.path.join(out, f)) for f in names]


def spread(values):
    return f"{np.mean(values):.2f} (" + " ".join(f"{v:.2f}" for v in values) + ")"


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("out", help="folder with left-out-*.npz")
    ap.add_argument("other", nargs="?", help="the same of another model, to compare with")
    a = ap.parse_args()
    all = groups(a.out)
    merits = [t.merit() for t in all]
    print("merit", spread([m[0] for m in merits]))
    for n, what in [(1, "named"), (2, "told apart")]:
        print(what, spread([np.mean(list(m[n].values())) for m in merits]), "|", ", ".join(f"{k} {np.mean([m[n][k] for m in merits]):.1f}" for k in merits[0][n]))
    if a.other:
        print("difference", spread([m[0] - o.merit()[0] for m, o in zip(merits, groups(a.other))]))
    figures = [judge(t, levels(t)) for t in all]
    for name in PAIRS:
        print(name, {k: spread([f[name][k] for f in figures]) for k in ("hit", "free", "f1", "step_auc", "ece", "ece_half")}, "interval", figures[0][name]["interval"])
    print("F1, mean over the sources", spread([np.mean([f[name]["f1"] for name in PAIRS]) for f in figures]))
    print("modern measure out of fold", spread([out_of_fold(t, levels(t)) for t in all]))
    print(json.dumps({str(k): v for k, v in levels(all[0]).items()}))
    for (name, signal), values in signals(all[0], levels(all[0])).items():
        print(f"{name:12s} {signal:26s} precision, recall, F1:", " ".join(values))
    own = np.isin(all[0].src, RELIABILITY)[:, None] & all[0].judged
    for steps, score, right in reliability(sigmoid(all[0].z[own]), all[0].right[own]):
        print(f"{steps:7d} steps, mean score {score:.3f}, right {right:.3f}")


if __name__ == "__main__":
    main()
