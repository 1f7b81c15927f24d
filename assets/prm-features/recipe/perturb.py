"""Self-made errors in right solutions of other sources: a number, an operation or a result is changed where a step computes
`a op b = c`, and the wrong result is carried on through the rest, so that everything behind the first error follows from it.

The label is the changed step by construction. The solutions keep the prose of their models: long and modern where the planted errors
of plant.py are GSM8K sentences in dress.
"""
import re
from fractions import Fraction

NUM = r"\d[\d,]*(?:\.\d+)?"
SIGN = {"+": "+", "-": "-", "−": "-", "*": "*", "×": "*", "x": "*", "/": "/", "÷": "/", r"\times": "*", r"\cdot": "*", r"\div": "/"}
CLAIM = re.compile(rf"(?<![\w.,^/*+\-=({{\\])(\\?\$?)({NUM})(\s*)(\\times|\\cdot|\\div|[-+−*×x/÷])(\s*\\?\$?)({NUM})(\s*=\s*\\?\$?)({NUM})(?![\d^/*+×÷]|\.\d|,\d)")


def value(text):
    return Fraction(text.replace(",", ""))


def shown(x, like):
    """As people write it, with the commas of `like`; None where it has no short form."""
    if x.denominator == 1:
        return f"{x.numerator:,}" if "," in like else str(x.numerator)
    text = f"{float(x):.2f}".rstrip("0").rstrip(".")
    return text if Fraction(text) == x else None


def result(a, sign, b):
    if sign == "/":
        return a / b if b else None
    return a + b if sign == "+" else a - b if sign == "-" else a * b


def replaced(text, old, new):
    return re.sub(rf"(?<![\d.,]){re.escape(old)}(?![\d]|[.,]\d)", lambda _: new, text)


def perturb(problem, steps, rng):
    """-> steps with one error, its index; None where no step computes anything that can be changed"""
    places = [(i, m) for i, s in enumerate(steps) for m in CLAIM.finditer(s)]
    places = [(i, m) for i, m in places if result(value(m[2]), SIGN[m[4]], value(m[6])) == value(m[8])]
    given = [t for t in re.findall(rf"(?<![\w.,]){NUM}(?![\w])", problem) if value(t) > 0]
    for _ in range(12):
        if not places:
            return None
        i, m = rng.choice(places)
        a, sign, b, c = m[2], m[4], m[6], m[8]
        kind = rng.choices(["slip", "number", "operation"], [2, 4, 3])[0]
        x, y, op = value(a), value(b), SIGN[sign]
        if kind == "slip":
            wrong = value(c) + rng.choice([1, -1, 10, -10, 2, -2, 100, 5])
            wrong = value(c) * 10 if rng.random() < .15 else wrong
        elif kind == "number":
            earlier = [q[8] for j, q in places if j < i]
            other = rng.choice(given + earlier * 2) if given or earlier else None
            if other is None or other in (a, b):
                continue
            if rng.random() < .5:
                a, x = other, value(other)
            else:
                b, y = other, value(other)
            wrong = result(x, op, y)
        else:
            sign = rng.choice([s for s in ("+", "-", "\\times" if "\\" in m[0] else "*", "\\div" if "\\" in m[0] else "/") if SIGN[s] != op])
            wrong = result(x, SIGN[sign], y)
        if wrong is None or wrong <= 0 or wrong == value(c) or wrong > 10**9:
            continue
        new = shown(wrong, c)
        if new is None or (wrong.denominator != 1 and value(c).denominator == 1 and rng.random() < .6):
            continue
        s = steps[i]
        claim = m[1] + a + m[3] + sign + m[5] + b + m[7] + new
        rest = replaced(s[m.end():], c, new)
        out = steps[:i] + [s[:m.start()] + claim + rest] + [replaced(t, c, new) for t in steps[i + 1:]]
        return out, i
    return None
