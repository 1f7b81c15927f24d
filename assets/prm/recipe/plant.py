"""Planted errors: GSM8K train solutions with one mistake put in and carried on, told in several styles.

`Planter.sample(rng)` gives a trace like those of data.py. Ten kinds of mistake; a number of surface styles
from one terse line a step to long prose with headings, bullets, restated givens and LaTeX. Right traces
(35 %) go through the same styles, so the style tells nothing about the label.
"""
import random
import re
from fractions import Fraction as Fr

from common import clean
from data import MARK, number

TOKEN = re.compile(r"\d[\d,]*\.?\d*|\.\d+|[-+*/()]|%")
NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?![\w])")
SHOWN = re.compile(r"\s*\$?\s*([\d,.]*\d)?")


class Reject(Exception):
    """This mistake does not fit this solution."""


def evaluate(tokens):
    """Value of an arithmetic expression in tokens, as an exact fraction."""
    pos = 0

    def peek():
        return tokens[pos] if pos < len(tokens) else None

    def atom():
        nonlocal pos
        t = peek()
        if t is None or pos > 200:
            raise Reject
        pos += 1
        if t == "(":
            v = addition()
            if peek() != ")":
                raise Reject
            pos += 1
        elif t == "-":
            return -atom()
        else:
            v = number(t)
            if v is None:
                raise Reject
        while peek() == "%":
            pos += 1
            v /= 100
        return v

    def product():
        nonlocal pos
        v = atom()
        while peek() in ("*", "/", "("):
            if peek() == "(":
                v *= atom()
                continue
            op = tokens[pos]
            pos += 1
            w = atom()
            if op == "/" and w == 0:
                raise Reject
            v = v * w if op == "*" else v / w
        return v

    def addition():
        nonlocal pos
        v = product()
        while peek() in ("+", "-"):
            op = tokens[pos]
            pos += 1
            w = product()
            v = v + w if op == "+" else v - w
        return v

    v = addition()
    if pos != len(tokens):
        raise Reject
    return v


def show(x):
    return str(x.numerator) if x.denominator == 1 else f"{float(x):.2f}".rstrip("0").rstrip(".")


class Line:
    """One line of a solution: text pieces around equations.
    parts: list of str | (tokens, result, shown: bool, dollar: bool)"""

    def __init__(self, text):
        self.parts, pos = [], 0
        for m in MARK.finditer(text):
            toks = TOKEN.findall(m[1])
            result = number(m[2])
            value = evaluate(toks)
            if result is None or abs(value - result) > Fr(1, 50):
                raise Reject
            before = text[pos:m.start()]
            # the same expression usually stands before the mark: cut it off there
            pat = r"[\s$]*".join(re.escape(t) if t not in "-*/" else {"-": "[-–]", "*": "[*x×X]", "/": "[/÷]"}[t]
                                 for t in toks)
            hit = None
            for hit in re.finditer(r"\$?\s*" + pat + r"\s*=\s*\$?\s*$", before):
                pass
            if hit:
                before = before[:hit.start()]
                if before and not before.endswith((" ", "(")):
                    before += " "
            else:
                cut = re.search(r"=\s*\$?\s*$", before)
                if cut:
                    raise Reject
            after = SHOWN.match(text, m.end())
            shown = after[1] is not None
            pos = after.end() if shown else m.end()
            self.parts += [before, (toks, result, bool(hit), "$" in after[0] if shown else False)]
        self.parts.append(text[pos:])

    def equations(self):
        return [p for p in self.parts if not isinstance(p, str)]


def parse(answer):
    lines = answer.split("\n")
    if not lines[-1].startswith("####"):
        raise Reject
    final = number(lines[-1][4:])
    if final is None:
        raise Reject
    return [Line(l) for l in lines[:-1] if l.strip()], final


KINDS = dict(op=16, operand=22, swap=5, slip=10, drop=12, copy=10, early=10, unit=4, extra=6, half=5)
OPS = "+-*/"


def alter(kind, toks, result, given, earlier, rng):
    """Put a mistake of this kind into one equation -> new tokens, new result"""
    t = list(toks)
    nums = [i for i, x in enumerate(t) if number(x) is not None]
    ops = [i for i, x in enumerate(t) if x in OPS and i > 0 and (number(t[i - 1]) is not None or t[i - 1] in ")%")]
    if kind == "slip":
        d = rng.choice([1, -1, 10, -10, 2, -2, 100, 5, 0])
        r = result * 10 if d == 0 else result + d
        if r <= 0 or r == result:
            raise Reject
        return t, r
    if kind == "op":
        if not ops:
            raise Reject
        i = rng.choice(ops)
        t[i] = rng.choice([o for o in OPS if o != t[i]])
    elif kind == "operand":
        i = rng.choice(nums)
        c = [x for x in given + earlier + earlier if x != number(t[i]) and x != 0]
        if not c:
            raise Reject
        t[i] = show(rng.choice(c))
    elif kind == "swap":
        c = [i for i in ops if t[i] in "-/" and i + 1 < len(t) and number(t[i + 1]) is not None
             and number(t[i - 1]) is not None]
        if not c:
            raise Reject
        i = rng.choice(c)
        t[i - 1], t[i + 1] = t[i + 1], t[i - 1]
    elif kind == "copy":
        i = rng.choice(nums)
        v = number(t[i])
        if v not in given:
            raise Reject
        z = rng.random()
        new = number(t[i][::-1]) if z < .3 and len(t[i]) > 1 else v + rng.choice([-2, -1, 1, 2, 10, -10, 5]) \
            if z < .75 else v * rng.choice([2, 10])
        if new is None or new <= 0 or new == v:
            raise Reject
        t[i] = show(new)
    elif kind == "unit":
        t = ["("] + t + [")", rng.choice("*/"), rng.choice(["60", "12", "7", "100", "4", "30", "24", "2"])]
    elif kind == "half":
        if len(ops) < 2 or "(" in t or ")" in t:
            raise Reject
        t = t[:ops[-1]]
    return t, evaluate(t)


def plant(problem, lines, final, kind, rng):
    """-> list of line parts (as in Line.parts), final answer, index of the wrong line (-1: none), whether the
    final answer itself is the first error"""
    if kind is None:
        return [l.parts for l in lines], final, -1, False
    given = [x for x in map(number, NUMBER.findall(problem)) if x is not None]
    results = [e[1] for l in lines for e in l.equations()]
    if not results:
        raise Reject
    if kind == "early":  # stops before the end and gives an earlier result as the answer
        k = rng.randrange(1, len(lines)) if len(lines) > 1 else 0
        rs = [e[1] for l in lines[:k] for e in l.equations()]
        if not rs or rs[-1] == final:
            raise Reject
        return [l.parts for l in lines[:k]], rs[-1], -1, True
    if kind == "extra":  # one operation too many at the end
        b, op = rng.choice([x for x in given + results[:-1] if x and x != final] or [Fr(0)]), rng.choice(OPS)
        if not b:
            raise Reject
        t = [show(final), op, show(b)]
        v = evaluate(t)
        if v == final or v <= 0 or v.denominator > 100:
            raise Reject
        a, z = rng.choice([("So the total is ", "."), ("Finally, we get ", "."), ("This gives ", " in all."),
                           ("Then we need ", "."), ("We still have to include this: ", ".")])
        return [l.parts for l in lines] + [[a, (t, v, True, False), z]], v, len(lines), False
    remap, wrong, out = {}, -1, []
    if kind == "drop":  # a whole step is left out; one of its inputs stands in for its result
        if len(lines) < 2:
            raise Reject
        k = rng.randrange(len(lines) - 1)
        es = lines[k].equations()
        if not es:
            raise Reject
        c = [x for x in map(number, es[-1][0]) if x is not None and x != es[-1][1] and x != 0]
        if not c:
            raise Reject
        remap[es[-1][1]] = rng.choice(c)
        lines, start, target = lines[:k] + lines[k + 1:], k, None
    else:
        start = 0
        target = rng.choice([(i, j) for i, l in enumerate(lines) for j in range(len(l.equations()))])
    earlier = []
    for i, line in enumerate(lines):
        parts, j = [], 0
        for p in line.parts:
            if isinstance(p, str):
                parts.append(NUMBER.sub(lambda m: show(remap[number(m[0])]) if number(m[0]) in remap else m[0], p)
                             if remap and i >= start else p)
                continue
            toks, result, shown, dollar = p
            new = [show(remap[number(x)]) if i >= start and number(x) in remap else x for x in toks]
            value = evaluate(new) if new != toks else result
            if (i, j) == target:
                new, value = alter(kind, toks, result, given, earlier, rng)
                if value == result or value.denominator > 1000 or abs(value) > 10**9:
                    raise Reject
                if (value.denominator != 1 and rng.random() < .6) or (value < 0 and rng.random() < .8):
                    raise Reject
                wrong = i
            elif kind == "drop" and new != toks and wrong < 0:
                wrong = i
            if value != result and result not in remap:
                remap[result] = value
            earlier.append(value)
            parts.append((new, Fr(show(value)), shown, dollar))
            j += 1
        out.append(parts)
    if wrong < 0:
        raise Reject
    end = remap.get(final, final)
    if end == final and kind != "slip":
        raise Reject
    return out, end, wrong, False


# ---- styles ----------------------------------------------------------------------------

ORDER = ["First, ", "Next, ", "Then, ", "After that, ", "Now, ", "Finally, "]


def lower(s):
    return s[0].lower() + s[1:] if len(s) > 1 and s[0].isupper() and not s.startswith("I ") and s[1].islower() else s


class Style:
    def __init__(self, rng):
        c = rng.choice
        self.long = rng.random() < .6
        self.op = c(["plain", "x", "latex", "latex", "cdot"]) if not self.long else c(["latex", "latex", "latex", "x", "plain"])
        self.wrap = c(["", "", "\\(", "$"]) if not self.long else c(["\\(", "\\(", "\\[", "$", "", "$$"])
        self.intro = rng.random() < (.7 if self.long else .3)
        self.order = rng.random() < .5
        self.number = rng.random() < .25
        self.bold = rng.random() < .3
        self.bullets = self.long and rng.random() < .4
        self.restate = rng.random() < (.6 if self.long else .15)
        self.units = rng.random() < .3
        self.merge = rng.random() < .3
        self.final = c(["boxed", "boxed", "boxed", "plain", "hash"]) if not self.long else c(["boxed", "boxed", "boxed", "plain"])
        self.spaced = rng.random() < .8


def expression(toks, st, rng):
    if st.op == "latex" and len(toks) == 3 and toks[1] == "/" and rng.random() < .6:
        return f"\\frac{{{toks[0]}}}{{{toks[2]}}}"
    ops = {"plain": {}, "x": {"*": "×", "/": "÷"}, "latex": {"*": "\\times", "/": "\\div"},
           "cdot": {"*": "\\cdot"}}[st.op]
    wide = st.op in ("latex", "cdot") or st.spaced
    s = "".join(f" {ops.get(t, t)} " if t in OPS and wide else ops.get(t, t) for t in toks)
    s = re.sub(r"\s+", " ", s).strip()
    return s.replace("%", "\\%") if st.wrap else s


UNIT = re.compile(r"^\s+([a-z]{3,12})\b")
WRAPS = {"\\(": ("\\( ", " \\)"), "\\[": ("\n\\[ ", " \\]\n"), "$": ("$", "$"), "$$": ("\n$$", "$$\n")}


def tell(parts, st, rng):
    """One line of the solution as prose -> text, list of its equations in text"""
    out, eqs = "", []
    for n, p in enumerate(parts):
        if isinstance(p, str):
            out += p
            continue
        toks, result, shown, dollar = p
        money = ("\\$" if st.wrap else "$") if dollar else ""
        unit = UNIT.match(parts[n + 1]) if st.units and st.wrap and isinstance(parts[n + 1], str) else None
        tail = f" \\text{{ {unit[1]}}}" if unit else ""
        eq = f"{expression(toks, st, rng)} = {money}{show(result)}{tail}"
        if not shown and rng.random() < .5:
            out += ("" if not out or out.endswith((" ", "$")) else " ") + (money or "") + show(result)
            continue
        if st.wrap:
            a, b = WRAPS[st.wrap]
            eq = a + eq + b
        eqs.append(eq.strip())
        out += ("" if not out or out.endswith((" ", "(")) else " ") + eq
    return re.sub(r" ?\n ?", "\n", re.sub(r"[ \t]+", " ", out)).strip(), eqs


TITLES = ["Find the next value", "Calculate the amount", "Work out the number", "Determine the quantity",
          "Use the given information", "Combine the values", "Compute the result"]
SINCE = ["Since {}, ", "We know that {}. ", "The problem says that {}. ", "Given that {}, ", "According to the problem, {}. "]


def dress(told, problem, final, st, rng, wrong, final_wrong):
    """Lines -> steps, label"""
    sents = [x.strip() for x in re.split(r"(?<=[.?!])\s+", problem) if x.strip()]
    question = lower(sents[-1].rstrip("?.! ")) if sents else "the answer"
    facts = [lower(x.rstrip(".!")) for x in sents[:-1] if len(x) < 160] or ["we have the values in the problem"]
    steps, label = [], -1
    if st.intro:
        z = rng.random()
        if z < .3:
            steps.append(rng.choice([f"To find {question}, we need to follow these steps:",
                                     f"Let's break the problem down step by step.",
                                     f"We are asked: {question}? Let's work through it carefully."]))
        elif z < .55:
            steps.append(f"To solve this, we need to work out each part and combine them.")
        elif z < .8 and len(facts) > 1:
            k = rng.sample(facts, min(len(facts), rng.choice([1, 2, 3])))
            steps.append(rng.choice(["Let's list what we know:\n", "Given:\n", "From the problem:\n"])
                         + "\n".join("- " + f[0].upper() + f[1:] + "." for f in facts if f in k))
        else:
            steps.append("We know that " + rng.choice(facts) + ".")
    opened = bool(steps)
    for j, parts in enumerate(told):
        text, eqs = tell(parts, st, rng)
        if not text:
            continue
        if st.bullets and rng.random() < .75:
            rows = [x for x in re.split(r"(?<=[.!?])\s+(?=[A-Z])", text)]
            if st.restate and rng.random() < .5:
                rows.insert(0, rng.choice(facts) + ".")
            rows = [r[0].upper() + r[1:] for r in rows if r]
            head = rng.choice([f"{rng.choice(TITLES)}:", f"Step {j + 1}: {rng.choice(TITLES).lower()}", "For this part:"])
            text = (f"**{head}**" if st.bold else head) + "\n" + "\n".join("- " + r for r in rows)
        else:
            if st.restate and rng.random() < .5:
                text = rng.choice(SINCE).format(rng.choice(facts)) + lower(text)
            elif st.order and rng.random() < .7:
                text = (ORDER[min(j, 5)] if rng.random() < .6 else rng.choice(ORDER)) + lower(text)
            if st.number:
                text = f"{j + 1}. " + text
        if text[-1] not in ".!?]$":
            text += "."
        if j == wrong and label < 0:
            label = len(steps)
        if st.merge and len(steps) > opened and rng.random() < .35 and j != wrong:
            steps[-1] += ("\n" if st.long and rng.random() < .5 else " ") + text
        else:
            steps.append(text)
    f = show(final)
    if st.final == "boxed":
        a, b = rng.choice([("\\(", "\\)"), ("$", "$"), ("", ""), ("\\[", "\\]")])
        text = rng.choice(["Therefore, the answer is {}.", f"So, {question}? The answer is {{}}.", "The final answer is {}.",
                           "Thus, the total is {}.", "Therefore, after combining everything, we get {}."])
        text = text.format(f"{a}\\boxed{{{f}}}{b}")
    elif st.final == "plain":
        text = rng.choice([f"The answer is {f}.", f"So the answer is {f}.", f"Therefore, the final result is {f}."])
    else:
        text = f"#### {f}"
    if final_wrong:
        label = len(steps)
    if steps and not final_wrong and rng.random() < .2:
        steps[-1] += " " + text
    else:
        steps.append(text)
    return steps, label


class Planter:
    def __init__(self, gsm):
        self.items = []
        for q, a in gsm:
            try:
                self.items.append((q, *parse(a)))
            except Reject:
                pass

    def sample(self, rng, right=.35):
        while True:
            problem, lines, final = rng.choice(self.items)
            kind = None if rng.random() < right else rng.choices(list(KINDS), list(KINDS.values()))[0]
            try:
                told, end, wrong, final_wrong = plant(problem, lines, final, kind, rng)
            except Reject:
                continue
            steps, label = dress(told, problem, end, Style(rng), rng, wrong, final_wrong)
            if (kind is None) == (label < 0):
                return dict(src="planted " + (kind or "right"), problem=clean(problem),
                            steps=[clean(s) for s in steps], label=label, only_last=False)


if __name__ == "__main__":
    from data import data_arg, load_all
    a = data_arg().parse_args()
    p, rng = Planter(load_all(a.data)[1]), random.Random(1)
    print(len(p.items), "usable solutions")
    for _ in range(8):
        r = p.sample(rng)
        print("\n###", r["src"], r["label"], "|", r["problem"])
        for i, s in enumerate(r["steps"]):
            print(f"[{i}]", s)
