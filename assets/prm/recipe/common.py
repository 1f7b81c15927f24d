"""Shared pieces: the text layout, problem hashing, metrics."""
import hashlib
import random
import re

import numpy as np

SYSTEM = "Please reason step by step, and put your final answer within \\boxed{}."
SEP = "<extra_0>"
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", SEP]


def prompt(problem):
    return (f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n{problem}<|im_end|>\n"
            f"<|im_start|>assistant\n")


def render(problem, steps):
    """The exact text the model reads; one score per <extra_0>."""
    return prompt(problem) + "".join(s + SEP for s in steps)


def clean(text):
    """Special tokens written inside data would be read as control tokens."""
    for s in SPECIAL:
        text = text.replace(s, " ")
    return text


def norm(text):
    return re.sub(r"[^a-z0-9]+", " ", text.lower()).strip()


def bucket(problem, m=20):
    """Stable hash bucket of a problem: decides the train/dev split."""
    return int(hashlib.md5(norm(problem).encode()).hexdigest(), 16) % m


def is_dev(problem):
    return bucket(problem) < 3  # 15 % of the problems


# ---- metrics ---------------------------------------------------------------------------

def first_below(scores, tau=0.5):
    for j, s in enumerate(scores):
        if s < tau:
            return j
    return -1


def verdict(scores, labels, tau=0.5):
    """-> accuracy on wrong traces, on right traces, F1 (all in %), hits"""
    hit = np.array([first_below(s, tau) == l for s, l in zip(scores, labels)])
    wrong = np.array(labels) >= 0
    e = 100 * hit[wrong].mean() if wrong.any() else 0.0
    c = 100 * hit[~wrong].mean() if (~wrong).any() else 0.0
    return e, c, 2 * e * c / max(1e-9, e + c), hit


def auc(y, s):
    """Area under the ROC curve, ties counted half."""
    from scipy.stats import rankdata
    y = np.asarray(y)
    r = rankdata(s)
    n1, n0 = (y == 1).sum(), (y == 0).sum()
    return float((r[y == 1].sum() - n1 * (n1 + 1) / 2) / max(1, n1 * n0))


def step_auc(scores, labels):
    """Right steps against first wrong steps; steps after the first error do not count."""
    y, s = [], []
    for sc, l in zip(scores, labels):
        for j, x in enumerate(sc):
            if l < 0 or j <= l:
                y.append(int(j != l))
                s.append(x)
    return auc(y, s)


def bootstrap(hit, labels, n=2000, seed=0):
    """95 % interval of the F1, traces drawn with replacement."""
    rng = np.random.default_rng(seed)
    l = np.array(labels)
    out = []
    for _ in range(n):
        i = rng.integers(0, len(l), len(l))
        w = l[i] >= 0
        e, c = hit[i][w].mean(), hit[i][~w].mean()
        out.append(200 * e * c / max(1e-9, e + c))
    return np.percentile(out, [2.5, 97.5])


def shuffled(rows, seed):
    rows = list(rows)
    random.Random(seed).shuffle(rows)
    return rows
