"""Trains the reward model. Loss at each <extra_0>: cross-entropy right/wrong on the steps up to and including the
first error. Side losses: next token on right text (output layer tied to the embedding, not shipped), class of each
number and features of each step (signals.py, heads not shipped), and agreement with a boosted-tree teacher that
reads those features (out of fold on the human sets).

The checkpoint is the moving average of the weights with the best step AUC on the development problems (mean over
four groups of sources). ProcessBench is not read here, other than by the leakage filter.
"""
import argparse
import json
import math
import os
import pickle
import random
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as fn
from safetensors.torch import save_file
from tokenizers import Tokenizer

import signals
from common import SEP, bucket, is_dev, prompt, shuffled, step_auc, verdict
from data import data_arg, load_all
from model import Prm, config
from plant import Planter

HERE = os.path.dirname(os.path.abspath(__file__))
# share of the training draws by group, and of each source inside its group
GROUPS = dict(planted=.38, human=.37, sampled=.13, text=.12)
SOURCES = {"mr-gsm8k": ("human", 6), "vtg": ("human", 4), "mr-ben math": ("human", 3), "mr-ben physics": ("human", 1.5),
           "mr-ben chemistry": ("human", 1.5), "mr-ben mended": ("human", 1.2), "prmbench": ("human", .6),
           "prmbench original": ("human", 1), "mr-gsm8k gold": ("human", 1), "vtg reference": ("human", 1),
           "vtg rephrased": ("human", 2), "bestof8 right": ("human", 2.5),
           "sampled right": ("sampled", 1), "sampled wrong": ("sampled", 1), "math text": ("text", 1), "aqua text": ("text", 1)}
LOSS = {"sampled wrong": .7, "prmbench": .7, "math text": .3, "aqua text": .3}  # weight of the step loss
DEV = {"mr-ben": ["mr-ben math", "mr-ben physics", "mr-ben chemistry"], "vtg": ["vtg", "vtg rephrased"],
       "mr-gsm8k": ["mr-gsm8k", "sampled right"], "sampled": ["sampled right", "sampled wrong"],
       "prmbench": ["prmbench", "prmbench original"], "planted": ["planted"]}
CHOOSE = ["mr-ben", "vtg", "mr-gsm8k", "sampled"]


def arguments():
    ap = data_arg(argparse.ArgumentParser())
    ap.add_argument("--out", default=os.path.join(HERE, ".."), help="checkpoint folder; tokenizer.json is read there")
    ap.add_argument("--minutes", type=float, default=30)
    ap.add_argument("--planted", type=int, default=30000)
    ap.add_argument("--variants", type=int, default=3, help="rewordings of each human trace (merged or numbered steps)")
    ap.add_argument("--hidden", type=int, default=192)
    ap.add_argument("--layers", type=int, default=5)
    ap.add_argument("--inter", type=int, default=512)
    ap.add_argument("--lr", type=float, default=1.2e-3)
    ap.add_argument("--drop", type=float, default=.1)
    ap.add_argument("--lm", type=float, default=.3)
    ap.add_argument("--numbers", type=float, default=.3, help="weight of the number classes")
    ap.add_argument("--features", type=float, default=.5, help="weight of the step features")
    ap.add_argument("--teacher", type=float, default=.5, help="share of the teacher in the step target")
    ap.add_argument("--compile", type=int, default=1, help="use torch.compile (needs a C++ compiler)")
    ap.add_argument("--tokens", type=int, default=4096, help="tokens a batch")
    ap.add_argument("--maxlen", type=int, default=1024)
    ap.add_argument("--threads", type=int, default=1)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--every", type=float, default=150, help="seconds between two looks at the development set")
    ap.add_argument("--cache", default="", help="file that keeps the encoded traces between runs")
    return ap.parse_args()


# ---- traces to arrays ------------------------------------------------------------------

def reword(r, rng):
    """Another surface of the same trace: neighbouring right steps joined, or steps numbered."""
    steps, label, out, new = r["steps"], r["label"], [], -1
    join, number = rng.random() * .5, rng.choice(["", "", "", "Step {}: ", "{}. "])
    last_fixed = len(steps) - 1 if r["only_last"] else -1
    for j, s in enumerate(steps):
        s = number.format(j + 1) + s
        if j == label:
            new = len(out)
        free = out and j != label and (label < 0 or j < label) and j != last_fixed
        if free and rng.random() < join:
            out[-1] += rng.choice([" ", "\n"]) + s
        else:
            out.append(s)
    return dict(r, steps=out, label=new)


def encode(r, tok, maxlen):
    """-> dict of arrays, or None when not even the first step fits"""
    steps = r["steps"][:r["label"] + 1] if r["label"] >= 0 else r["steps"]
    spans, feats = signals.read(r["problem"], steps)
    ids = tok.encode(prompt(r["problem"]), add_special_tokens=False).ids
    start, seps, npos, ncls = len(ids), [], [], []
    for s, sp in zip(steps, spans):
        e = tok.encode(s + SEP, add_special_tokens=False)
        if len(ids) + len(e.ids) > maxlen:
            break
        ends = {b: k for k, (a, b) in enumerate(e.offsets)}
        for a, b, c in sp:
            if b in ends:
                npos.append(len(ids) + ends[b] + 1)  # the token after the number: there it is complete
                ncls.append(c)
        ids += e.ids
        seps.append(len(ids) - 1)
    if not seps:
        return None
    y = np.ones(len(seps), np.int8)
    w = np.full(len(seps), LOSS.get(r["src"], 1.0), np.float32)
    lm_end = len(ids)
    if 0 <= r["label"] < len(seps):
        y[r["label"]] = 0
        lm_end = seps[r["label"] - 1] + 1 if r["label"] else start
    if r["only_last"]:
        w[:-1] = 0
        if len(seps) < len(steps):
            return None
    return dict(src=r["src"], ids=np.array(ids, np.int32), seps=np.array(seps), y=y, w=w, lm_end=lm_end,
                npos=np.array(npos, np.int32), ncls=np.array(ncls, np.int8), problem=r["problem"],
                feats=np.array(feats[:len(seps)], np.float32), t=y.astype(np.float32))


def squash(f):
    return np.sign(f) * np.log1p(np.abs(f))


def is_planted(e):
    return e["src"].startswith("planted")


TEACH = {"mr-gsm8k": 3, "vtg": 3, "prmbench": .3, "prmbench original": .5, "mr-ben physics": .5, "mr-ben chemistry": .5,
         "math text": 0, "aqua text": 0}  # weight of a source for the teacher


def teach(train, folds=4, most_planted=8000):
    """Boosted trees on the step features. Each trace gets, in `t`, the prediction of a model that did not see its
    problem (the planted traces take part with a sample)."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    fold = [bucket("fold " + e["problem"], folds) for e in train]
    planted = [i for i, e in enumerate(train) if is_planted(e)]
    skip = set(planted) - set(random.Random(5).sample(planted, min(len(planted), most_planted)))
    for k in range(folds):
        sel = [e for i, e in enumerate(train) if fold[i] != k and i not in skip and TEACH.get(e["src"], 1)]
        trees = HistGradientBoostingClassifier(max_iter=200, learning_rate=.06, max_leaf_nodes=24, min_samples_leaf=50,
                                               l2_regularization=1.0, random_state=k)
        trees.fit(np.concatenate([e["feats"] for e in sel]), np.concatenate([e["y"] for e in sel]),
                  sample_weight=np.concatenate([e["w"] * TEACH.get(e["src"], 1) for e in sel]))
        todo = [e for i, e in enumerate(train) if fold[i] == k]
        p = trees.predict_proba(np.concatenate([e["feats"] for e in todo]))[:, 1].astype(np.float32)
        for e, t in zip(todo, np.split(p, np.cumsum([len(e["seps"]) for e in todo])[:-1])):
            e["t"] = t
    for g, srcs in DEV.items():
        es = [e for e in train if e["src"] in srcs or (g == "planted" and is_planted(e))][:4000]
        label = [-1 if e["y"].all() else int(e["y"].argmin()) for e in es]
        print("teacher, out of fold, step AUC", g, round(step_auc([e["t"] for e in es], label), 3), flush=True)


def prepare(a, tok):
    if a.cache and os.path.exists(a.cache):
        return pickle.load(open(a.cache, "rb"))
    t0 = time.time()
    rows, gsm, log = load_all(a.data)
    rows = [r for r in rows if r["src"] in SOURCES]
    rng = random.Random(7)
    dev_rows = {g: [] for g in DEV}
    for g, srcs in DEV.items():
        if g != "planted":
            for s in srcs:
                dev_rows[g] += shuffled([r for r in rows if r["src"] == s and is_dev(r["problem"])], 0)[:130]
    pd = Planter([x for x in gsm if is_dev(x[0])])
    dev_rows["planted"] = [pd.sample(rng) for _ in range(250)]
    pt = Planter([x for x in gsm if not is_dev(x[0])])
    train = []
    for r in rows:
        if is_dev(r["problem"]):
            continue
        many = SOURCES[r["src"]][0] in ("human", "sampled")
        for k in range(a.variants if many else 1):
            train.append(encode(reword(r, rng) if k else r, tok, a.maxlen))
    train += [encode(pt.sample(rng), tok, a.maxlen) for _ in range(a.planted)]
    lost = sum(e is None for e in train)
    train = [e for e in train if e is not None]
    dev = {g: [(e, r["label"]) for r in rs if (e := encode(r, tok, 2048)) is not None and r["label"] < len(e["seps"])]
           for g, rs in dev_rows.items()}
    print(f"{len(train)} traces, {sum(len(e['ids']) for e in train)} tokens ({lost} too long), {time.time() - t0:.0f} s", flush=True)
    teach(train)
    f = squash(np.concatenate([e["feats"] for e in train]))
    mean, std = f.mean(0), f.std(0) + .05
    for e in train:
        e["feats"] = np.clip((squash(e["feats"]) - mean) / std, -4, 4).astype(np.float32)
    out = train, dev, log
    if a.cache:
        pickle.dump(out, open(a.cache, "wb"))
    return out


# ---- training --------------------------------------------------------------------------

def batches(train, a, rng):
    """Draws by group and source, sorted by length inside a block of draws."""
    by = {}
    for e in train:
        g, s = ("planted", "planted") if is_planted(e) else (SOURCES[e["src"]][0], e["src"])
        by.setdefault(g, {}).setdefault(s, []).append(e)
    weights = {}
    for g, ss in by.items():
        # a source counts by its weight times its size
        weights[g] = [(1 if g == "planted" else SOURCES[s][1]) * len(es) for s, es in ss.items()]

    def draw():
        g = rng.choices(list(by), [GROUPS[g] for g in by])[0]
        return rng.choice(by[g][rng.choices(list(by[g]), weights[g])[0]])
    while True:
        block, cur = [], []
        for e in sorted((draw() for _ in range(256)), key=lambda e: len(e["ids"])):
            if cur and (len(cur) + 1) * len(e["ids"]) > a.tokens:
                block.append(cur)
                cur = []
            cur.append(e)
        block.append(cur)
        rng.shuffle(block)
        yield from block


def pad(es):
    x = torch.zeros(len(es), max(len(e["ids"]) for e in es), dtype=torch.long)
    for k, e in enumerate(es):
        x[k, :len(e["ids"])] = torch.from_numpy(e["ids"]).long()
    return x


def flat(es, key, where):
    """Row and column indices of all positions of a kind, and the values"""
    b = np.concatenate([np.full(len(e[where]), k) for k, e in enumerate(es)])
    return torch.from_numpy(b).long(), torch.from_numpy(np.concatenate([e[where] for e in es])).long(), \
        torch.from_numpy(np.concatenate([e[key] for e in es]))


@torch.no_grad()
def logits_of(m, es):
    m.eval()
    out, order = [None] * len(es), sorted(range(len(es)), key=lambda i: len(es[i]["ids"]))
    for k in range(0, len(order), 12):
        part = order[k:k + 12]
        with torch.autocast("cpu", torch.bfloat16):
            h = m.model(pad([es[i] for i in part]))
        for j, i in enumerate(part):
            z = m.score(h[j, es[i]["seps"]].float())
            out[i] = (z[:, 1] - z[:, 0]).numpy()
    m.train()
    return out


def look(m, dev):
    r = {}
    for g, es in dev.items():
        z = logits_of(m, [e for e, _ in es])
        r[g] = step_auc(z, [l for _, l in es])
    r["mean"] = float(np.mean([r[g] for g in CHOOSE]))
    return r


def best_shift(m, dev):
    """Logit with the best F1, averaged over the development groups and smoothed over neighbouring values."""
    z = {g: logits_of(m, [e for e, _ in dev[g]]) for g in CHOOSE}
    lab = {g: [l for _, l in dev[g]] for g in CHOOSE}
    grid = np.quantile(np.concatenate([x for g in CHOOSE for x in z[g]]), np.linspace(.005, .6, 120))
    f1 = np.array([np.mean([verdict(z[g], lab[g], t)[2] for g in CHOOSE]) for t in grid])
    smooth = np.convolve(np.pad(f1, 4, mode="edge"), np.ones(9) / 9, "valid")
    k = int(smooth.argmax())
    each = {g: [round(float(x), 1) for x in verdict(z[g], lab[g], grid[k])[:3]] for g in CHOOSE}
    return float(grid[k]), float(f1[k]), each


def save(m, a, cfg, dev, info):
    """Writes config.json and model.safetensors; the shift that makes 0.5 the tuned threshold goes into the bias."""
    tau, f1, each = best_shift(m, dev)
    sd = {k: v.detach().clone() for k, v in m.state_dict().items() if k.startswith(("model.", "score."))}
    sd["score.2.bias"][0] += tau / 2
    sd["score.2.bias"][1] -= tau / 2
    sd = {k: (v if k.startswith("score.") else v.bfloat16()).contiguous() for k, v in sd.items()}
    save_file(sd, os.path.join(a.out, "model.safetensors"), metadata={"format": "pt"})
    with open(os.path.join(a.out, "config.json"), "w", encoding="utf-8") as f:
        json.dump(cfg, f, indent=1)
        f.write("\n")
    info.update(tau_logit=tau, dev_f1=f1, dev_wrong_right_f1=each)
    return info


def main():
    a = arguments()
    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    rng = random.Random(a.seed)
    tok = Tokenizer.from_file(os.path.join(a.out, "tokenizer.json"))
    train, dev, log = prepare(a, tok)
    for f, h in log["sha256"].items():
        print(h, f)
    print(json.dumps({k: v for k, v in log.items() if k != "sha256"}))
    cfg = config(tok.get_vocab_size(), a.hidden, a.layers, inter=a.inter)
    m = Prm(cfg)
    aux = nn.ModuleDict(dict(num=nn.Linear(a.hidden, signals.CLASSES), feat=nn.Linear(a.hidden, signals.FEATURES)))
    for l in aux.values():
        nn.init.normal_(l.weight, std=.02)
    print("parameters", sum(p.numel() for p in m.parameters()), "dev traces", {g: len(v) for g, v in dev.items()}, flush=True)
    ps = [*m.parameters(), *aux.parameters()]
    opt = torch.optim.AdamW([dict(params=[p for p in ps if p.dim() > 1], weight_decay=.1),
                             dict(params=[p for p in ps if p.dim() <= 1], weight_decay=0)], lr=a.lr, betas=(.9, .98))
    run = torch.compile(m.model, dynamic=True) if a.compile else m.model
    mean = Prm(cfg)
    mean.load_state_dict(m.state_dict())
    t0, spent, seen, step, best, logs, hist = time.time(), 0.0, 0, 0, None, [], []
    nxt, ended = a.every, False
    for es in batches(train, a, rng):
        now = time.time() - t0 - spent
        part = min(1, now / (60 * a.minutes))
        if part >= 1:
            break
        for g in opt.param_groups:
            g["lr"] = a.lr * min(1, (step + 1) / 150) * (.05 + .95 * .5 * (1 + math.cos(math.pi * part)))
        x = pad(es)
        with torch.autocast("cpu", torch.bfloat16):
            h = run(x, a.drop)
            b, p, y = flat(es, "y", "seps")
            hs = h[b, p]
            z = m.score(fn.dropout(hs, a.drop, True)).float()
            t, w = (torch.from_numpy(np.concatenate([e[k] for e in es])) for k in ("t", "w"))
            target = y.float() * (1 - a.teacher) + t * a.teacher
            l_step = (fn.binary_cross_entropy_with_logits(z[:, 1] - z[:, 0], target, reduction="none") * w).sum() / w.sum().clamp(min=1)
            loss = l_step
            l_feat = fn.smooth_l1_loss(aux["feat"](hs).float(), torch.from_numpy(np.concatenate([e["feats"] for e in es])))
            b, p, c = flat(es, "ncls", "npos")
            l_num = fn.cross_entropy(aux["num"](h[b, p]).float(), c.long()) if len(b) else torch.zeros(())
            loss = loss + a.features * l_feat + a.numbers * l_num
            mask = torch.zeros(x.shape, dtype=torch.bool)
            for k, e in enumerate(es):
                mask[k, 40:e["lm_end"]] = True
            sel = mask[:, 1:] & (torch.rand(x.shape[0], x.shape[1] - 1) < .25)
            lg = h[:, :-1][sel] @ m.model.embed_tokens.weight.t().to(h.dtype)
            l_lm = fn.cross_entropy(lg.float(), x[:, 1:][sel])
            loss = loss + a.lm * l_lm
        opt.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(ps, 1.0)
        opt.step()
        step += 1
        seen += sum(len(e["ids"]) for e in es)
        k = min(.998, (step + 1) / (step + 20))
        with torch.no_grad():
            for u, v in zip(mean.parameters(), m.parameters()):
                u.lerp_(v, 1 - k)
        logs.append([l.item() for l in (l_step, l_feat, l_num, l_lm)])
        if step % 50 == 0:
            v = np.mean(logs[-50:], 0)
            print(f"step {step} {seen / 1e6:.2f}M tokens {seen / max(1, now):.0f}/s step {v[0]:.4f} feat {v[1]:.4f} num {v[2]:.4f} lm {v[3]:.3f}", flush=True)
        last = not ended and now + 15 > 60 * a.minutes
        if now > nxt or last:
            ended |= last
            q = time.time()
            r = look(mean, dev)
            hist.append(dict(tokens=seen, seconds=round(now), **{g: round(v, 4) for g, v in r.items()}))
            print("DEV", " ".join(f"{g} {v:.3f}" for g, v in r.items()), flush=True)
            if best is None or r["mean"] > best["mean"]:
                best = save(mean, a, cfg, dev, dict(mean=r["mean"], tokens=seen, step=step, seconds=round(now)))
                print("SAVED", best, flush=True)
            nxt = math.inf if ended else now + a.every
            spent += time.time() - q
    with open(os.path.join(a.out, "train_log.json"), "w") as f:
        json.dump(dict(args={k: v for k, v in vars(a).items() if k not in ("data", "out", "cache")}, best=best, history=hist, data=log), f, indent=1)


if __name__ == "__main__":
    main()
