"""Loads the training sets and drops every problem that ProcessBench also holds.

A problem leaks when it equals a ProcessBench problem (case and punctuation aside) or shares at least
30 % of its word 8-grams with one. The filter is inside `Pool.add`, so nothing gets past it; `load_all`
asserts the same thing once more over what it returns. `python data.py` prints the counts.
"""
import argparse
import hashlib
import json
import os
import re
from collections import Counter
from fractions import Fraction

from common import clean, norm

HERE = os.path.dirname(os.path.abspath(__file__))
DEFAULT_DATA = os.path.normpath(os.path.join(HERE, "..", "..", "..", "..", "shared", "data"))
PB_FILES = ["gsm8k", "math", "olympiadbench", "omnimath"]
MARK = re.compile(r"<<([^<>=]*)=([^<>=]*)>>")


def data_arg(ap=None):
    ap = ap or argparse.ArgumentParser()
    ap.add_argument("--data", default=DEFAULT_DATA, help="directory with one folder per set")
    return ap


def grams(text, n=8):
    w = norm(text).split()
    return {" ".join(w[i:i + n]) for i in range(max(1, len(w) - n + 1))}


class Leak:
    """Answers: is this problem in ProcessBench, or close to one that is?"""

    def __init__(self, root):
        self.equal, self.index, self.cache = set(), {}, {}
        for f in PB_FILES:
            for r in json.load(open(f"{root}/processbench/{f}.json", encoding="utf-8")):
                p = norm(r["problem"])
                if p not in self.equal:
                    self.equal.add(p)
                    for g in grams(p):
                        self.index.setdefault(g, []).append(p)

    def __call__(self, problem):
        k = norm(problem)
        if k not in self.cache:
            hit = k in self.equal
            if not hit:
                gs, seen = grams(k), Counter()
                for g in gs:
                    seen.update(self.index.get(g, ()))
                hit = any(m >= 0.3 * min(len(gs), len(grams(p))) for p, m in seen.items())
            self.cache[k] = hit
        return self.cache[k]


class Pool:
    def __init__(self, leak):
        self.leak, self.rows, self.dropped, self.seen = leak, [], Counter(), set()

    def add(self, src, problem, steps, label, also=(), only_last=False):
        """label: 0-based first wrong step or -1; `also`: other wordings to test for leakage;
        only_last: score the last step only (the others came in already with another trace)."""
        if any(self.leak(p) for p in (problem, *also)):
            self.dropped[src] += 1
            return
        steps = [clean(s).strip() for s in steps]
        if label >= len(steps) or (label >= 0 and not steps[label]):
            return
        label -= sum(not s for s in steps[:max(label, 0)])
        steps = [s for s in steps if s]
        if not steps:
            return
        key = (norm(problem), tuple(steps), label)
        if key in self.seen:
            return
        self.seen.add(key)
        self.rows.append(dict(src=src, problem=clean(problem).strip(), steps=steps, label=label,
                              only_last=only_last))


class Files:
    """Opens data files and remembers their SHA-256 for the log."""

    def __init__(self, root):
        self.root, self.sums = root, {}

    def read(self, rel):
        raw = open(os.path.join(self.root, rel), "rb").read()
        self.sums[rel] = hashlib.sha256(raw).hexdigest()
        return raw.decode("utf-8")

    def json(self, rel):
        return json.loads(self.read(rel))

    def lines(self, rel):
        return [json.loads(l) for l in self.read(rel).split("\n") if l.strip()]


def unstep(s):
    return re.sub(r"^\s*step\s*\d+\s*[:.]\s*", "", s, flags=re.I)


def unmark(s):
    return re.sub(r"<<[^<>]*>>", "", s)


def number(s):
    try:
        return Fraction(s.replace(",", "").strip())
    except (ValueError, ZeroDivisionError):
        return None


def sentences_or_lines(text):
    parts = [x.strip() for x in text.split("\n") if x.strip()]
    if len(parts) < 2:
        parts = [x.strip() for x in re.split(r"(?<=[.!?])\s+(?=[A-Z])", text) if x.strip()]
    return parts


def paragraphs(text):
    return [x.strip() for x in re.split(r"\n\s*\n", text) if x.strip()]


def load_mr_gsm8k(F, pool):
    for r in F.json("mr-gsm8k/mr-gsm8k-subset.json"):
        steps = [unmark(unstep(s)) for s in r["model_output_steps"]]
        pool.add("mr-gsm8k", r["question"], steps, int(r["model_output_solution_first_error_step"]) - 1)
        gold = [unmark(x) for x in r["ground_truth_solution"].split("\n") if x.strip()]
        pool.add("mr-gsm8k gold", r["question"], gold, -1)


def load_vtg(F, pool):
    for r in F.json("verify-then-generate/dataset.json"):
        pool.add("vtg", r["problem"], r["student_incorrect_solution"], r["incorrect_index"])
        ref = [x for x in r["reference_solution"].split("\n") if x.strip()]
        pool.add("vtg reference", r["problem"], ref, -1)
        pool.add("vtg rephrased", r["problem"], sentences_or_lines(r["student_correct_response"]), -1)


def load_mr_ben(F, pool):
    for kind in ["math", "physics", "chemistry"]:
        for group in F.json(f"mr-ben/{kind}.json").values():
            for r in group:
                q = r["Question"] + (" " + r["Options"] if r.get("Options") else "")
                steps = [unstep(s) for s in r["Model_Solution_Steps"]]
                ok = r["Model_Solution_Correctness"] == "correct"
                try:
                    label = -1 if ok else int(r["Model_Solution_First_Error_Step"]) - 1
                except ValueError:
                    continue
                if not ok and label < 0:
                    continue
                pool.add("mr-ben " + kind, q, steps, label, also=[r["Question"]])
                fix = r["Model_Solution_Rectified_First_Error_Step"]
                fix = fix[0] if isinstance(fix, list) and fix else fix
                if label >= 0 and isinstance(fix, str) and len(fix) > 20:
                    pool.add("mr-ben mended", q, steps[:label] + [unstep(fix)], -1,
                             also=[r["Question"]], only_last=True)


PRMBENCH_WRONG = ["confidence", "counterfactual", "deception", "domain_inconsistency",
                  "missing_condition", "step_contradiction"]


def load_prmbench(F, pool):
    for kind in PRMBENCH_WRONG + ["circular", "redundency"]:
        for r in F.lines(f"prmbench/injected_{kind}.jsonl"):
            names = [r["question"], r["original_question"], r["modified_question"]]
            es = r["error_steps"]
            if (kind in PRMBENCH_WRONG and es and all(isinstance(e, int) for e in es)
                    and 1 <= min(es) <= len(r["modified_process"])):
                pool.add("prmbench", r["modified_question"], r["modified_process"], min(es) - 1, also=names)
            pool.add("prmbench original", r["original_question"], r["original_process"], -1, also=names)


def load_sampled(F, pool):
    """6B/175B samples: only the final answer was judged. First error = first step with a result that no
    right solution of the problem has (the last step when there is none). A rough label."""
    keys = ["6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification"]
    for r in F.lines("gsm8k-solutions/example_model_solutions.jsonl"):
        right = [r["ground_truth"]] + [r[k]["solution"] for k in keys if r[k]["is_correct"]]
        gold = {number(m[2]) for t in right for m in MARK.finditer(t)}
        for k in keys:
            lines = [x for x in r[k]["solution"].split("\n") if x.strip()]
            steps = [re.sub(r"^A: (.*)", r"The answer is \1.", unmark(x)) for x in lines]
            if r[k]["is_correct"]:
                pool.add("sampled right", r["question"], steps, -1)
            else:
                label = len(lines) - 1
                for i, x in enumerate(lines):
                    if any(number(m[2]) not in gold for m in MARK.finditer(x)):
                        label = i
                        break
                pool.add("sampled wrong", r["question"], steps, label)


RESULT = re.compile(r"=\s*\\?\$?\s*(?:\\boxed\{)?(-?\d[\d,]*(?:\.\d+)?)(?![\d^*/+]|\s*[-+*/^])")


def results(text):
    return {number(m[1]) for m in RESULT.finditer(text)}


def load_bestof8(F, pool):
    """Modern long solutions of MATH problems whose final answer is right: taken as right traces. Those whose answer is wrong:
    first error = first step with a result that no right solution of the problem has (the last step when there is none)."""
    for r in F.lines("qwen-math-bestof8/math_cot_100.jsonl"):
        gold = {v for text, ok in zip(r["code"], r["score"]) if ok is True for v in results(text)}
        for text, ok in zip(r["code"], r["score"]):
            steps = paragraphs(text)
            if ok is True:
                pool.add("bestof8 right", r["question"], steps, -1)
            elif gold:
                label = next((i for i, s in enumerate(steps) if results(s) - gold), len(steps) - 1)
                pool.add("bestof8 wrong", r["question"], steps, label)


def load_autorace(F, pool):
    """Solutions judged as a whole by people: which step is wrong is not known, and the label of a wrong one means nothing."""
    for r in F.lines("autorace/gsm8k.jsonl"):
        steps = [unmark(s) for s in re.split(r"\n?Step \d+ - ", r["reasoning_chain"]) if s.strip()]
        pool.add("autorace right" if r["human_label"] else "autorace wrong", r["question"], steps, -1 if r["human_label"] else 0)


def load_math_text(F, pool):
    """Worked solutions, cut into sentences: right traces in textbook style."""
    for r in F.lines("math-text/math_test.jsonl"):
        if len(r["solution"]) < 2500 and "[asy]" not in r["solution"] + r["problem"]:
            pool.add("math text", r["problem"], sentences_or_lines(r["solution"]), -1)


def load_aqua(F, pool):
    for f in ["dev", "test"]:
        for r in F.lines(f"aqua-text/{f}.jsonl"):
            q = r["question"] + " " + " ".join(r["options"])
            pool.add("aqua text", q, sentences_or_lines(r["rationale"]), -1, also=[r["question"]])


def load_all(root):
    """-> rows, GSM8K train items, log dict"""
    F, leak = Files(root), Leak(root)
    pool = Pool(leak)
    for load in [load_mr_gsm8k, load_vtg, load_mr_ben, load_prmbench, load_sampled, load_bestof8, load_autorace,
                 load_math_text, load_aqua]:
        load(F, pool)
    gsm = []
    for r in F.lines("gsm8k-train-text/train.jsonl"):
        if leak(r["question"]):
            pool.dropped["gsm8k train"] += 1
        else:
            gsm.append((r["question"], r["answer"]))
    fresh = Leak(root)
    for p in {r["problem"] for r in pool.rows} | {q for q, _ in gsm}:
        assert not fresh(p), "a ProcessBench problem got past the filter: " + p[:80]
    log = dict(kept=dict(Counter(r["src"] for r in pool.rows)), dropped=dict(pool.dropped),
               gsm8k_train=len(gsm), sha256=F.sums)
    return pool.rows, gsm, log


def load_processbench(root):
    """The test: read by evaluate.py alone."""
    out = {}
    for f in PB_FILES:
        rows = json.load(open(f"{root}/processbench/{f}.json", encoding="utf-8"))
        out[f] = [dict(problem=clean(r["problem"]), steps=[clean(s) for s in r["steps"]], label=r["label"])
                  for r in rows]
    return out


if __name__ == "__main__":
    a = data_arg().parse_args()
    rows, gsm, log = load_all(a.data)
    wrong = Counter(r["src"] for r in rows if r["label"] >= 0)
    for s, n in sorted(log["kept"].items()):
        print(f"{s:20s} kept {n:5d} (wrong {wrong.get(s, 0):5d})  dropped {log['dropped'].get(s, 0)}")
    print("gsm8k train problems", len(gsm), "dropped", log["dropped"].get("gsm8k train", 0))
    for f, h in log["sha256"].items():
        print(h, f)
