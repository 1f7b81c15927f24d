"""Scores the shipped checkpoint on ProcessBench. Loads it into transformers' Qwen2Model (f32) plus the two-layer
head, so it also checks that the file is an ordinary Qwen2 checkpoint. Nothing is tuned here: the threshold is 0.5.

  python evaluate.py                 table for the four files, with 95 % bootstrap intervals
  python evaluate.py --reference     also writes reference.json: token ids and scores of three short texts
"""
import argparse
import json
import os

import numpy as np
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import Qwen2Config, Qwen2Model

from common import SEP, bootstrap, render, step_auc, verdict
from data import data_arg, load_processbench

HERE = os.path.dirname(os.path.abspath(__file__))
TEXTS = [
    ("A baker fills 6 trays with 12 rolls each and sells 45 rolls. How many rolls are left?",
     ["The baker makes 6 * 12 = 72 rolls.", "After selling 45 rolls, 72 - 45 = 27 rolls are left.",
      "The answer is \\boxed{27}."]),
    ("A ticket costs $15 for an adult and half as much for a child. What do 2 adults and 4 children pay?",
     ["First, we find the price for a child:\n- A child pays half of $15, so \\( \\frac{15}{2} = 7.5 \\) dollars.",
      "Two adults pay \\( 2 \\times 15 = 30 \\) dollars.", "Four children pay \\( 4 \\times 15 = 60 \\) dollars.",
      "Therefore, they pay \\( 30 + 60 = \\boxed{90} \\) dollars."]),
    ("Solve $3x - 7 = 11$ for $x$. — naïve check: ½·36 = 18",
     ["Add 7 to both sides: $3x = 18$.", "Divide by 3, so $x = 5$."]),
]


class Scorer:
    def __init__(self, folder):
        raw = json.load(open(os.path.join(folder, "config.json"), encoding="utf-8"))
        assert raw["architectures"] == ["Qwen2ForProcessRewardModel"]
        cfg = Qwen2Config(**{k: v for k, v in raw.items() if k not in ("architectures", "torch_dtype", "model_type")})
        sd = {k: v.float() for k, v in load_file(os.path.join(folder, "model.safetensors")).items()}
        self.model = Qwen2Model(cfg).float().eval()
        self.model.load_state_dict({k[6:]: v for k, v in sd.items() if k.startswith("model.")}, strict=True)
        h = cfg.hidden_size
        self.head = torch.nn.Sequential(torch.nn.Linear(h, h), torch.nn.ReLU(), torch.nn.Linear(h, 2)).eval()
        self.head.load_state_dict({k[6:]: v for k, v in sd.items() if k.startswith("score.")}, strict=True)
        assert len(sd) == len(self.model.state_dict()) + 4
        self.tok = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
        self.sep = self.tok.token_to_id(SEP)
        self.limit = cfg.max_position_embeddings
        self.cut = 0

    @torch.no_grad()
    def __call__(self, problem, steps):
        """-> ids, one score a step; steps beyond the context get 1.0 (they are never flagged)"""
        ids = self.tok.encode(render(problem, steps), add_special_tokens=False).ids
        self.cut += len(ids) > self.limit
        ids = ids[:self.limit]
        h = self.model(torch.tensor([ids])).last_hidden_state[0]
        at = [i for i, t in enumerate(ids) if t == self.sep]
        p = torch.softmax(self.head(h[at]), -1)[:, 1].tolist()
        return ids, p + [1.0] * (len(steps) - len(p))


def main():
    ap = data_arg(argparse.ArgumentParser())
    ap.add_argument("--model", default=os.path.join(HERE, ".."))
    ap.add_argument("--reference", action="store_true")
    ap.add_argument("--no-bench", action="store_true")
    ap.add_argument("--threads", type=int, default=1)
    ap.add_argument("--json", default="", help="write the table there as well")
    a = ap.parse_args()
    torch.set_num_threads(a.threads)
    s = Scorer(a.model)
    if a.reference:
        out = []
        for problem, steps in TEXTS:
            ids, p = s(problem, steps)
            out.append(dict(problem=problem, steps=steps, ids=ids, scores=[round(x, 6) for x in p]))
            print(p)
        with open(os.path.join(a.model, "reference.json"), "w", encoding="utf-8") as f:
            json.dump(out, f, ensure_ascii=False)
            f.write("\n")
    if a.no_bench:
        return
    table = {}
    for f, rows in load_processbench(a.data).items():
        s.cut = 0
        sc, lab = [s(r["problem"], r["steps"])[1] for r in rows], [r["label"] for r in rows]
        e, c, f1, hit = verdict(sc, lab)
        lo, hi = bootstrap(hit, lab)
        flagged = float(np.mean([min(x) < .5 for x in sc]))
        e, c, f1, lo, hi = (round(float(x), 1) for x in (e, c, f1, lo, hi))
        table[f] = dict(n=len(rows), wrong=e, right=c, f1=f1, low=lo, high=hi,
                        step_auc=round(step_auc(sc, lab), 3), flagged=round(100 * flagged, 1), cut=s.cut)
        print(f"{f:14s}", table[f], flush=True)
    print("mean F1", round(float(np.mean([t["f1"] for t in table.values()])), 1))
    if a.json:
        json.dump(table, open(a.json, "w"), indent=1)


if __name__ == "__main__":
    main()
