"""Side tasks (training only): what a careful reader would note about each number and each step.

They are computed from the text alone and are strictly causal. The network has to predict them from its hidden
state, which teaches it to look numbers up in the problem and in earlier steps. The heads for them are not shipped.
"""
import re
from fractions import Fraction as Fr

NUM = re.compile(r"\d[\d,]*(?:\.\d+)?")
WORDS = dict(zero=0, one=1, two=2, three=3, four=4, five=5, six=6, seven=7, eight=8, nine=9, ten=10, eleven=11,
             twelve=12, twenty=20, thirty=30, forty=40, fifty=50, hundred=100, thousand=1000, twice=2, double=2,
             triple=3, half=Fr(1, 2), quarter=Fr(1, 4), third=Fr(1, 3), dozen=12, week=7, day=24, hour=60, year=12)
USUAL = {Fr(x) for x in (0, 1, 2, 3, 4, 7, 10, 12, 24, 60, 100, 365, 1000)}
GIVEN, EARLIER, USUAL_, PLUS, MINUS, TIMES, OVER, UNKNOWN = range(8)
CLASSES = 8
EQ = re.compile(r"(\d[\d,]*(?:\.\d+)?)\s*(\+|-|−|–|\*|×|x|\\times|\\cdot|·|/|÷|\\div)\s*\\?\$?(\d[\d,]*(?:\.\d+)?)"
                r"\s*=\s*\\?\$?(\d[\d,]*(?:\.\d+)?)")
HEDGE = re.compile(r"\b(however|wait|mistake|actually|assume|assuming|suppose|not enough|cannot|impossible|incorrect|"
                   r"error|approximately|since we don't|unknown)\b", re.I)
CLOSE = re.compile(r"\b(therefore|thus|so|hence|finally|in total|answer|conclusion)\b", re.I)
RELATION = [re.compile(p, re.I) for p in
            (r"\bmore\b|\badditional\b", r"\bless\b|\bfewer\b", r"\btimes\b|\btwice\b|\bdouble", r"\bhalf\b", r"\beach\b|\bevery\b|\bper\b",
             r"\bleft\b|\bremain", r"\btotal\b|\baltogether\b|\bcombined\b|\bsum\b", r"%|\bpercent", r"\bdifference\b",
             r"\baverage\b", r"\bprofit", r"\bhour|\bminute|\bday|\bweek|\bmonth|\byear", r"\bcost|\bprice|\bpay|\$")]


def value(s):
    s = s.rstrip(",").replace(",", "")
    return Fr(s) if len(s) <= 18 else None


class Book:
    """Numbers seen so far."""

    def __init__(self, problem):
        self.given, self.earlier, self.recent, self.plain, self.used = set(), set(), [], set(), set()
        for m in NUM.finditer(problem):
            x = value(m[0])
            if x is None:
                continue
            self.plain.add(x)
            self.see(x, self.given)
            if problem[m.end():m.end() + 2].lstrip("\\")[:1] == "%":
                for y in (x / 100, 1 - x / 100, 1 + x / 100):
                    self.see(y, self.given)
        for w in re.findall(r"[a-z]+", problem.lower()):
            w = w if w in WORDS else w.rstrip("s")
            if w in WORDS:
                self.see(Fr(WORDS[w]), self.given)

    def see(self, x, where):
        where.add(x)
        if x in self.recent:
            self.recent.remove(x)
        self.recent = (self.recent + [x])[-20:]

    def classify(self, x):
        if x is None:
            return UNKNOWN
        if x in self.earlier:
            return EARLIER
        if x in self.given:
            self.used.add(x)
            return GIVEN
        if x in USUAL:
            return USUAL_
        s = set(self.recent)
        for a in self.recent:
            if a != 0 and x - a in s:
                return PLUS
            if a - x in s:
                return MINUS
            if a not in (0, 1) and x / a in s:
                return TIMES
            if x != 0 and a != 0 and a / x in s:
                return OVER
        return UNKNOWN


def equations(step):
    """-> (right, wrong) two-operand equations of plain numbers"""
    good = bad = 0
    for m in EQ.finditer(step):
        before = step[:m.start()].rstrip()[-1:]
        after = step[m.end():].lstrip()[:1]
        if before in "+-*/×÷^=({.x" and before or after in "+-*/×÷^(x" and after:
            continue
        a, b, c = value(m[1]), value(m[3]), value(m[4])
        if None in (a, b, c) or (m[2] in ("/", "÷", "\\div") and b == 0):
            continue
        v = a + b if m[2] == "+" else a - b if m[2] in "-−–" else a / b if m[2] in ("/", "÷", "\\div") else a * b
        if abs(v - c) <= Fr(1, 10 ** len(m[4].partition(".")[2])):
            good += 1
        else:
            bad += 1
    return good, bad


def overlap(a, b):
    return len(a & b) / max(1, len(a))


def read(problem, steps):
    """-> per step: list of (start, end, class) of its numbers in the step text; per step: list of features"""
    book = Book(problem)
    words = lambda s: set(re.findall(r"[a-z]{3,}", s.lower()))
    pw = words(problem)
    qw = words(re.split(r"(?<=[.?!])\s+", problem.strip())[-1])
    prel = [bool(c.search(problem)) for c in RELATION]
    spans, feats, before, results = [], [], [], set()
    bad_before = unknown_before = 0
    for i, s in enumerate(steps):
        w, sp, count, first = words(s), [], [0] * CLASSES, 0
        for m in NUM.finditer(s):
            x = value(m[0])
            fresh = x not in book.used
            c = book.classify(x)
            first += c == GIVEN and fresh
            count[c] += 1
            sp.append((m.start(), m.start() + len(m[0].rstrip(",")), c))
            if x is not None and c not in (GIVEN, EARLIER, USUAL_):
                book.see(x, book.earlier)
                results.add(x)
            elif c == EARLIER:
                results.discard(x)
        good, bad = equations(s)
        n = sum(count)
        plain = book.plain
        cover = len(book.used & plain) / max(1, len(plain))
        answer = int("boxed" in s or "####" in s or "nswer" in s)
        f = [i, len(s) / 100, len(problem) / 300, len(plain), n, *count, count[UNKNOWN] / max(1, n), first, cover,
             answer * (1 - cover), good, bad, bad_before, unknown_before, len(results),
             max([overlap(w, p) for p in before] or [0]), overlap(w, pw), overlap(qw, w), len(w - pw),
             len(HEDGE.findall(s)), len(CLOSE.findall(s)), answer, s.count("?"), s.count("\n"), s.count("="),
             s.count("\\"), sum(ch in s for ch in "+"), sum(s.count(o) for o in ("times", "×", "*", "cdot")),
             sum(s.count(o) for o in ("div", "÷", "/", "frac")), len(re.findall(r"\d\s*[-−]\s*\\?\$?\d", s)),
             len(re.findall(r"\b[a-z]\b", s.lower())), *[len(c.findall(s)) for c in RELATION], *map(int, prel)]
        bad_before += bad
        unknown_before += count[UNKNOWN]
        before.append(w)
        spans.append(sp)
        feats.append(f)
    return spans, feats


FEATURES = len(read("a 1", ["2"])[1][0])
