"""From the scores of the steps to a verdict on the solution: threshold and rule, chosen on sources that the fits have not seen.

  python train.py OUT --left-out        writes OUT/left-out.npz: what fits without a source say of its traces
  python decide.py OUT SCALE SHIFT      every candidate rule, and what it reaches on a source that was left out of its choice as well;
                                        the calibration as train.py prints it

The measure: solutions are sorted by their number of steps, for long ones gather more doubt than short ones; in each class of length the
share of wrong solutions whose first error is named and the share of right ones left alone, every source weighing the same, give an F1;
the mean over the classes counts. A new source also moves the level of all scores (means of the logits differ by .3 from source to
source), so the mean is taken over scores that are moved down and up, while the rule stays. ProcessBench has no part in it.
"""
import argparse
import os

import numpy as np

# Sources that are left out together: same problems, or same writers.
FOLDS = {"mr-gsm8k": ["mr-gsm8k"], "vtg": ["vtg", "vtg rephrased"], "mr-ben": ["mr-ben math", "mr-ben physics", "mr-ben chemistry"],
         "sampled": ["sampled wrong", "sampled right"], "prmbench": ["prmbench", "prmbench original"], "bestof8": ["bestof8 right"]}
LENGTHS = [(1, 4), (5, 7), (8, 11), (12, 10**9)]  # steps
SHIFTS = (-.6, -.3, 0., .3, .6)  # of the logits
MOST = 300  # traces of a source that have a say, wrong and right ones each
FEW = 15  # a source with fewer traces of a class has no say in it
MAX_BAD = 0.01  # as in src/prm/features/model.rs


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def log_sigmoid(z):
    return -np.logaddexp(0, -z)


class Traces:
    """Logits of whole solutions, one row each, filled up with 0; `within` says what is a step."""

    def __init__(self, src, label, rows, bad):
        self.src, self.label = np.array(src), np.array(label)
        self.steps = np.array([len(r) for r in rows])
        shape = (len(rows), self.steps.max())
        self.z, self.bad = np.zeros(shape), np.zeros(shape, bool)
        for i, (r, b) in enumerate(zip(rows, bad)):
            self.z[i, :len(r)], self.bad[i, :len(r)] = r, b
        at = np.arange(shape[1])[None]
        self.within = at < self.steps[:, None]
        self.judged = self.within & ((self.label < 0)[:, None] | (at <= self.label[:, None]))
        self.right = at != self.label[:, None]
        fold = {s: f for f, all in FOLDS.items() for s in all}
        self.fold = np.array([fold[s] for s in self.src])
        self.cells = [(f, s, wrong, k, np.flatnonzero(m))
                      for f, all in FOLDS.items() for s in all for wrong in (True, False) for k, (low, high) in enumerate(LENGTHS)
                      for m in [(self.src == s) & ((self.label >= 0) == wrong) & (self.steps >= low) & (self.steps <= high)] if m.sum() >= FEW]

    @classmethod
    def load(cls, path):
        f = np.load(path)
        cut = np.cumsum(f["steps"])[:-1]
        z, bad, src, label, rng = np.split(f["z"], cut), np.split(f["bad"], cut), f["src"], f["label"], np.random.default_rng(0)
        sides = [np.flatnonzero((src == s) & side) for s in np.unique(src) for side in (label >= 0, label < 0)]
        keep = np.sort(np.concatenate([rng.permutation(side)[:MOST] for side in sides]))
        return cls(src[keep], label[keep], [z[i] for i in keep], [bad[i] for i in keep])

    def calibrated(self, scale, shift, moved=0.):
        """-> log odds; a step with a false equation has those of MAX_BAD at most"""
        z = scale * (self.z + moved) + shift
        return np.where(self.bad, np.minimum(z, np.log(MAX_BAD / (1 - MAX_BAD))), z)

    def shares(self, hit, free):
        """-> cells x levels: share of wrong solutions that are hit, of right ones that are left free"""
        return np.array([(hit if wrong else free)[m].mean(0) for _, _, wrong, _, m in self.cells])

    def measure(self, shares, without=None):
        """-> mean F1 over the classes of length, at each level; the F1 of each class"""
        each = []
        for k in range(len(LENGTHS)):
            e, c = ([i for i, (f, _, wrong, kk, _) in enumerate(self.cells) if kk == k and wrong == side and f != without] for side in (True, False))
            if e and c:
                a, b = shares[e].mean(0), shares[c].mean(0)
                each.append(200 * a * b / np.maximum(a + b, 1e-9))
        return np.mean(each, 0), each


# ---- candidate rules: step named, what must lie below the level ---------------------------

def posterior(t, z, base=0., growth=0., heat=1., discount=1.):
    """-> most likely first error j and log(none / p_j) of each solution, the log odds leaned by base + growth ln(steps)
    (src/analysis/decide.rs)"""
    z = heat * z + (base + growth * np.log(t.steps))[:, None]
    right = np.where(t.within, log_sigmoid(z), 0)
    before = np.concatenate([np.zeros((len(z), 1)), np.cumsum(right, 1)[:, :-1]], 1)
    wrong = np.where(t.within, log_sigmoid(-z), -np.inf)
    j = (wrong + discount * before).argmax(1)
    all = np.arange(len(z))
    return j, right.sum(1) - (wrong + before)[all, j]


LEVELS = np.linspace(-6, 8, 141)


def by_level(t, j, q):
    below = q[:, None] < LEVELS
    return t.shares(below & (j == t.label)[:, None], ~below)


def first_below(t, z, growth=0.):
    """The first step below a level that moves with the logarithm of the number of steps."""
    z = z + growth * np.log(t.steps)[:, None]
    out = []
    for level in LEVELS:
        low = t.within & (z < level)
        out.append(np.where(low.any(1), low.argmax(1), -1))
    j = np.array(out).T
    return t.shares(j == t.label[:, None], j < 0)


def lowest(t, z, lean, share, growth):
    """-> most likely first error j, and the lowest log odds, compared with a share of their mean, and lifted by growth ln(steps)"""
    j, _ = posterior(t, z, lean)
    mean = (z * t.within).sum(1) / t.steps
    return j, np.where(t.within, z, np.inf).min(1) - share * mean + growth * np.log(t.steps)


LEANS = (-2., -1.5, -1., -.5, 0.)


def base(lean, growth):
    """What a solution of one step is leaned by, when one of six is leaned by this."""
    return float(lean - growth * np.log(6))


def by_lowest():
    """The step by the posterior, the decision by the lowest score."""
    return {(b, c, g): (lambda t, z, b=b, c=c, g=g: by_level(t, *lowest(t, z, b, c, g)))
            for b in LEANS[1:4] for c in (0., .25, .5, .75) for g in (0., .25, .5, .75)}


def as_it_is(t, z):
    """The rule that ships: the posterior of the scores as they are."""
    return by_level(t, *posterior(t, z))


def candidates():
    """-> name, {parameters: rule(traces, log odds) -> shares of cells at each level}"""
    yield "first step below a level", {(): first_below}
    yield "the same, level by length", {(g,): (lambda t, z, g=g: first_below(t, z, g)) for g in (-.25, 0., .25, .5)}
    yield "posterior, as it is", {(): as_it_is}
    yield "posterior, lean", {(b,): (lambda t, z, b=b: by_level(t, *posterior(t, z, b))) for b in LEANS}
    yield "posterior, lean by length", {(base(b, g), g): (lambda t, z, b=b, g=g: by_level(t, *posterior(t, z, base(b, g), g)))
                                        for b in LEANS for g in (0., .5, 1.)}
    yield "posterior, lean by length, half the temperature", {
        (base(b, g), g): (lambda t, z, b=b, g=g: by_level(t, *posterior(t, z, base(b, g), g, heat=.5))) for b in LEANS for g in (0., .5, 1.)}
    yield "posterior of scores less half their mean, lean by length", {
        (base(b, g), g): (lambda t, z, b=b, g=g: by_level(t, *posterior(t, z - .5 * ((z * t.within).sum(1) / t.steps - 2)[:, None], base(b, g), g)))
        for b in LEANS for g in (0., .5, 1.)}
    yield "step by posterior, decision by lowest score", by_lowest()


def smooth(values):
    """A single lucky level does not count."""
    return np.convolve(np.pad(values, 3, mode="edge"), np.ones(7) / 7, mode="valid")


def tried(t, family, scale, shift):
    """-> {parameters: shares of the cells for each move of the scores}"""
    moved = [t.calibrated(scale, shift, d) for d in SHIFTS]
    return {key: [rule(t, z) for z in moved] for key, rule in family.items()}


def choose(t, results, without=None):
    """-> parameters and index of the level with the highest smoothed measure"""
    tops = [(smooth(np.mean([t.measure(shares, without)[0] for shares in each], 0)), key) for key, each in results.items()]
    top, key = max(tops, key=lambda found: found[0].max())
    return key, int(top.argmax())


def left_out(t, results):
    """-> measure for each move of the scores, and the F1 of each class, when the parameters are chosen without the source that is judged"""
    shares = np.zeros((len(SHIFTS), len(t.cells), 1))
    for fold in FOLDS:
        key, level = choose(t, results, fold)
        for i, cell in enumerate(t.cells):
            if cell[0] == fold:
                shares[:, i, 0] = [each[i, level] for each in results[key]]
    return [float(t.measure(s)[0][0]) for s in shares], [float(e[0]) for e in t.measure(shares[len(SHIFTS) // 2])[1]]


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("out", help="folder with left-out.npz")
    ap.add_argument("scale", type=float, help="of the logits, as train.py prints it")
    ap.add_argument("shift", type=float)
    a = ap.parse_args()
    t = Traces.load(os.path.join(a.out, "left-out.npz"))
    print(len(t.src), "traces,", len(t.cells), "cells (source, side, class of length)")
    for name, family in candidates():
        results = tried(t, family, a.scale, a.shift)
        key, level = choose(t, results)
        moved, classes = left_out(t, results)
        print(f"{name:60s} at {tuple(round(x, 2) for x in key)} level {LEVELS[level]:.1f} | chosen without the source: {np.mean(moved):.1f}, moved",
              [round(m, 1) for m in moved], "classes", [round(c, 1) for c in classes], flush=True)


if __name__ == "__main__":
    main()
