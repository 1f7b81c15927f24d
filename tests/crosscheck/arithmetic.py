"""The exact arithmetic of a step once more, in Python: tokens, expressions, equalities and their verdicts, origins of numbers.

What features.py stands on. Numbers are (numerator, denominator) in lowest terms and bounded as the program bounds them: what leaves 128 bits
is no number. Places of tokens are bytes of the text.
"""
from math import gcd, isqrt

MAX_BYTES, MAX_TOKENS, MAX_NESTED = 6000, 1500, 12
MAX_EQUALITIES, MAX_SIDE = 60, 60
MAX_DEPTH, MAX_EXPONENT = 40, 64
BREAKS = set("""and or is are was were be been can could will would should so then if that which where when while because since thus hence
    therefore with as we he she they it you i there but also given not has have had gives get gets giving makes make equals equal must remainder
    digit binary base modulo mod to from using""".split())
SHORT_WORDS = set("cm mm km kg ml mg ft in lb oz mi hr st nd rd th am pm of by on up at an no my me do go us tv pc cd".split())
GLUED_UNITS = set("cm mm km kg ml mg ft in lb oz mi hr st nd rd th m g s h am pm".split())
CAPITAL_UNITS = set("GB MB TB KB USD CD DVD TV PM AM".split())
WRAPPERS = set("text mathrm textbf mathbf operatorname textit boxed".split())
INVISIBLE = set("left right displaystyle Big big bigl bigr".split())
EXCUSES = "remainder digit binary base modul ≡ quotient divisible round about approx nearest".split()
COUNTS = {"pair": 2, "dozen": 12, "hundred": 100, "thousand": 1000, "million": 10 ** 6, "billion": 10 ** 9}
MEASURES = {
    "time": "second 1 sec 1 minute 60 min 60 hour 3600 hr 3600 day 86400 week 604800",
    "calendar": "month 1 year 12 decade 120",
    "money": "cent 1 penny 1 pennie 1 nickel 5 dime 10 quarter 25 dollar 100 buck 100",
    "length": "millimeter 1 millimetre 1 mm 1 centimeter 10 centimetre 10 cm 10 meter 1000 metre 1000 m 1000 kilometer 1000000 "
              "kilometre 1000000 km 1000000",
    "imperial length": "inch 1 foot 12 feet 12 ft 12 yard 36 mile 63360 mi 63360",
    "mass": "milligram 1 mg 1 gram 1000 g 1000 kilogram 1000000 kg 1000000",
    "imperial mass": "ounce 1 oz 1 pound 16 lb 16",
    "volume": "milliliter 1 millilitre 1 ml 1 liter 1000 litre 1000",
    "imperial volume": "cup 1 pint 2 quart 4 gallon 16",
}
UNITS = {w: ("count", n) for w, n in COUNTS.items()} | {
    w: (measure, int(n)) for measure, words in MEASURES.items() for w, n in zip(words.split()[::2], words.split()[1::2])}
ALIKE = {"calendar": "time", "volume": "length"}
VULGAR = dict(zip("½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞", "12 13 23 14 34 15 25 35 45 16 56 18 38 58 78".split()))
FACTORS = {60, 3600, 24, 7, 12, 100, 1000, 16, 3, 36, 10, 52, 365, 30, 4, 2, 8, 14, 20, 5, 25, 1_000_000, 144, 9, 1440, 5280, 31, 28, 48}
SPACES = " \t\n\r\x0c"


class Out(Exception):
    """Out of bounds, or no expression."""


# ---- bounded fractions ----------------------------------------------------------------------

def bounded(n):
    if not -(1 << 127) <= n < 1 << 127:
        raise Out
    return n


def ratio(num, den):
    if den == 0:
        raise Out
    d = gcd(num, den) * (-1 if den < 0 else 1)
    return bounded(num // d), bounded(den // d)


def decimal(text):
    """None where it is too long"""
    whole, _, fraction = text.partition(".")
    try:
        return ratio(bounded(int(whole + fraction)), bounded(10 ** len(fraction)))
    except Out:
        return None


def whole(n):
    return n, 1


def add(a, b):
    return ratio(bounded(bounded(a[0] * b[1]) + bounded(b[0] * a[1])), bounded(a[1] * b[1]))


def neg(a):
    return bounded(-a[0]), a[1]


def sub(a, b):
    return add(a, neg(b))


def mul(a, b):
    x, y = ratio(a[0], b[1]), ratio(b[0], a[1])
    return ratio(bounded(x[0] * y[0]), bounded(x[1] * y[1]))


def div(a, b):
    return mul(a, ratio(b[1], b[0]))


def power(a, n):
    raised = bounded(a[0] ** abs(n)), bounded(a[1] ** abs(n))
    return ratio(raised[1], raised[0]) if n < 0 else raised


def root(a):
    def exact(n):
        if n < 0 or isqrt(n) ** 2 != n:
            raise Out
        return isqrt(n)
    return exact(a[0]), exact(a[1])


def size(a):
    return bounded(abs(a[0])), a[1]


def at_most(a, b):
    try:
        return sub(a, b)[0] <= 0
    except Out:
        return False


# ---- tokens ---------------------------------------------------------------------------------

class Token:
    def __init__(self, kind, text, start, end):
        self.kind, self.text, self.start, self.end = kind, text, start, end

    def is_(self, kind, text):
        return self.kind == kind and self.text == text


def is_letter(c):
    return c.isascii() and c.isalpha()


def is_greek(c):
    return len(c) == 1 and ("α" <= c <= "ω" or "Α" <= c <= "Ω" or c in "ϕϵϑ")


def is_digit(c):
    return c.isascii() and c.isdigit()


class Lexer:
    def __init__(self, text):
        self.text = text = text.encode()[:MAX_BYTES].decode("utf-8", "ignore")
        self.tokens, self.bytes, self.bold = [], [0], False
        for c in text:
            self.bytes.append(self.bytes[-1] + len(c.encode()))
        end = len(text)
        self.run(self.bullet(0, end) or 0, end, 0)

    def char(self, at, end):
        return self.text[at] if at < end else " "

    def push(self, kind, text, start, end):
        self.tokens.append(Token(kind, text, start, end))

    def border(self, start, end):
        self.push("boundary", ";", start, end)

    def skip(self, at, end):
        while at < end and self.text[at] in SPACES:
            at += 1
        return at

    def run(self, at, end, depth):
        while at < end and len(self.tokens) < MAX_TOKENS:
            c = self.char(at, end)
            if c == "\\":
                at = self.command(at, end, depth)
            elif c == "\n":
                at = self.newline(at, end)
            elif is_digit(c) or (c == "." and is_digit(self.char(at + 1, end))):
                at = self.number(at, end)
            elif is_letter(c):
                at = self.word(at, end)
            elif c == "<":
                at = self.note(at, end)
            elif c == "^":
                at = self.caret(at, end, depth)
            elif c == "_":
                inner = self.group(self.skip(at + 1, end), end)
                after = inner[1] + 1 if inner else at + 1
                self.push("variable", "_", at, after)
                at = after
            elif c == "$":
                if is_digit(self.char(self.skip(at + 1, end), end)):
                    self.push("currency", "$", at, at + 1)
                at += 1
            else:
                at = self.sign(c, at)

    def bullet(self, at, end):
        start = self.skip(at, end)
        if start < end and self.text[start] in "-*•" and self.char(start + 1, end).isspace():
            return start + 1
        return None

    def newline(self, at, end):
        after = self.bullet(at, end)
        if after:
            self.border(at, after)
            return after
        after = self.skip(at, end)
        before = self.tokens[-1].kind if self.tokens else None
        if before not in ("equals", "operator") and self.char(after, end) not in "=+*/\\":
            self.border(at, after)
        return after

    def digits(self, at, end):
        while at < end and is_digit(self.text[at]):
            at += 1
        return at

    def number(self, start, end):
        at = self.digits(start, end)
        text = self.text[start:at]
        while text:
            comma = next((c for c in (",\\!", "{,}", ",") if self.text.startswith(c, at, end)), None)
            if comma is None:
                break
            after = self.digits(at + len(comma), end)
            if after - at - len(comma) != 3:
                break
            text += self.text[at + len(comma):after]
            at = after
        if at < end and self.text[at] == "." and self.digits(at + 1, end) > at + 1:
            after = self.digits(at + 1, end)
            text += self.text[at:after]
            at = after
        self.push("number", text, start, at)
        return at

    def word(self, start, end):
        at = start
        while at < end:
            c = self.text[at]
            if not (is_letter(c) or c in "'’" or (c == "-" and is_letter(self.char(at + 1, end)))):
                break
            at += 1
        word = self.text[start:at]
        if word in "xX" and self.is_cross(start, at, end):
            kind = "operator"
        elif len(word) == 1 and self.char(at, end) in "(^_":
            kind = "variable"
        else:
            kind = self.kind_of(word, start)
        self.push(kind, "*" if kind == "operator" else word, start, at)
        return at

    def is_cross(self, start, after, end):
        if not self.tokens:
            return False
        token = self.tokens[-1]
        before = token.kind in ("number", "close", "currency") or (token.end < start and token.kind in ("word", "percent"))
        c = self.char(self.skip(after, end), end)
        return before and (is_digit(c) or c in "($")

    def kind_of(self, word, start):
        lower = "".join(c.lower() if c.isascii() else c for c in word)
        before = self.tokens[-1] if self.tokens else None
        glued = before is not None and before.kind == "number" and before.end == start
        fixed = {"percent": "percent", "times": "operator", "of": "of"}.get(lower)
        if fixed:
            return fixed
        kind = before.kind if before else None
        single = len(word) == 1
        long = len(word.encode())
        if glued and single and lower not in GLUED_UNITS:
            return "variable"
        if lower in BREAKS:
            return "boundary"
        if glued and lower in ("st", "nd", "rd", "th"):
            return "variable"
        if long > 1 and "A" <= word[0] <= "Z" and kind in ("number", "word", "bang") and word not in CAPITAL_UNITS:
            return "boundary"
        if (long == 2 and lower not in SHORT_WORDS
                or word == "a" and kind == "close" and before.end == start
                or word == "a" and kind in ("number", "operator", "equals", "open", "variable")
                or single and word not in ("a", "A", "I")
                or glued and long <= 2 and lower not in GLUED_UNITS):
            return "variable"
        return "word"

    def note(self, at, end):
        if self.text.startswith("<<", at, end):
            close = next((i for i in range(at + 2, end) if self.text[i] in "<>"), None)
            if close is not None and self.text.startswith(">>", close, end):
                return close + 2
        self.push("boundary", "<", at, at + 1)
        return at + 1

    def caret(self, at, end, depth):
        after = self.skip(at + 1, end)
        for degrees in ("{\\circ}", "\\circ"):
            if self.text.startswith(degrees, after, end):
                self.push("word", "deg", at, after + len(degrees))
                return after + len(degrees)
        self.push("operator", "^", at, at + 1)
        inner = self.group(after, end)
        if not inner:
            return at + 1
        self.bracketed(after, inner, depth)
        return inner[1] + 1

    def group(self, at, end):
        if at >= end or self.text[at] != "{":
            return None
        depth = 0
        for i in range(at, end):
            if self.bytes[i] - self.bytes[at] >= 400:
                return None
            depth += {"{": 1, "}": -1}.get(self.text[i], 0)
            if depth == 0:
                return at + 1, i
        return None

    def bracketed(self, start, inner, depth):
        self.push("open", "(", start, inner[0])
        self.inside(inner, depth)
        self.push("close", ")", inner[1], inner[1] + 1)

    def inside(self, inner, depth):
        if depth < MAX_NESTED:
            self.run(*inner, depth + 1)
        else:
            self.border(*inner)

    def command(self, at, end, depth):
        after = at + 1
        while after < end and is_letter(self.text[after]):
            after += 1
        if after == at + 1:
            return self.escaped(at, end)
        name = self.text[at + 1:after]
        if name in ("frac", "dfrac", "tfrac", "cfrac"):
            return self.fraction(at, after, end, depth)
        if name == "sqrt":
            start = self.skip(after, end)
            inner = self.group(start, end)
            if inner:
                self.push("root", "√", at, after)
                self.bracketed(start, inner, depth)
                return inner[1] + 1
            self.push("variable", "?", at, after)
        elif name in ("quad", "qquad"):
            self.border(at, after)
        elif name in ("begin", "end"):
            inner = self.group(after, end)
            after = inner[1] + 1 if inner else after
            self.border(at, after)
        elif name in ("times", "cdot"):
            self.push("operator", "*", at, after)
        elif name == "div":
            self.push("operator", "/", at, after)
        elif name in ("approx", "simeq"):
            self.push("approximately", "~", at, after)
        elif name in WRAPPERS:
            inner = self.group(self.skip(after, end), end)
            if inner:
                self.inside(inner, depth)
                return inner[1] + 1
        elif name not in INVISIBLE:
            self.push("boundary", "?", at, after)
        return after

    def fraction(self, at, after, end, depth):
        def part(start):
            return self.group(start, end) or ((start, start + 1) if is_digit(self.char(start, end)) else None)

        def past(inner):
            return inner[1] + 1 if self.char(inner[1], end) == "}" else inner[1]
        over = part(self.skip(after, end))
        under = part(self.skip(past(over), end)) if over else None
        if not under:
            self.push("boundary", "?", at, after)
            return after
        self.push("open", "(", at, at + 1)
        self.push("open", "(", at + 1, over[0])
        self.inside(over, depth)
        self.push("close", ")", over[1], over[1])
        self.push("operator", "/", over[1], under[0])
        self.push("open", "(", under[0], under[0])
        self.inside(under, depth)
        self.push("close", ")", under[1], under[1])
        self.push("close", ")", under[1], past(under))
        return past(under)

    def escaped(self, at, end):
        c = self.char(at + 1, end)
        after = min(at + 2, end)
        if c == "$":
            self.push("currency", "$", at, after)
        elif c == "%":
            self.push("percent", "%", at, after)
        elif c in "\\[]":
            self.border(at, after)
        elif c not in "!,; ()":
            self.push("boundary", "?", at, after)
        return after

    def sign(self, c, at):
        after = at + 1
        if c in "&~" and self.text.startswith("~=", at):
            kind, text, after = "approximately", "~", after + 1
        elif c in "&~" or c.isspace():
            return after
        elif c == "*" and self.text.startswith("**", at):
            if self.bold or not self.is_power(at):
                self.bold = not self.bold
                return after + 1
            kind, text, after = "operator", "^", after + 1
        elif c == "!" and self.text.startswith("!=", at) and not self.touched(at):
            kind, text, after = "boundary", "≠", after + 1
        elif c in "*×·⋅":
            kind, text = "operator", "*"
        elif c in "/÷":
            kind, text = "operator", "/"
        elif c in "-−–":
            kind, text = "operator", "-"
        elif c == "+":
            kind, text = "operator", "+"
        elif c == "=":
            kind, text, after = "equals", "=", after + self.text.startswith("==", at)
        elif c in "≈≅":
            kind, text = "approximately", "~"
        elif c == "%":
            kind, text = "percent", "%"
        elif c in "€£¤":
            kind, text = "currency", "$"
        elif c in "([{":
            kind, text = "open", "("
        elif c in ")]}":
            kind, text = "close", ")"
        elif c == "!" and self.touched(at):
            kind, text = "bang", "!"
        elif c == ",":
            kind, text = "comma", ","
        elif c in "²³":
            self.push("operator", "^", at, after)
            self.push("number", {"²": "2", "³": "3"}[c], at, after)
            return after
        elif c in VULGAR:
            last = self.tokens[-1] if self.tokens else None
            mixed = last is not None and last.kind == "number" and last.end == at and "." not in last.text
            if mixed:
                self.tokens.pop()
                self.push("open", "(", last.start, last.start)
                self.tokens.append(last)
                self.push("operator", "+", at, at)
            over, under = VULGAR[c]
            for kind, text in (("open", "("), ("number", over), ("operator", "/"), ("number", under)) + (("close", ")"),) * (1 + mixed):
                self.push(kind, text, at, after)
            return after
        elif is_greek(c) and not is_greek(self.text[at - 1:at]) and not is_greek(self.text[after:after + 1]):
            kind, text = "boundary", "?"
        else:
            kind, text = "boundary", c
        self.push(kind, text, at, after)
        return after

    def touched(self, at):
        last = self.tokens[-1] if self.tokens else None
        return last is not None and last.end == at and last.kind in ("number", "close", "variable")

    def is_power(self, at):
        before, behind = self.text[at - 1:at], self.text[at + 2:]
        operand = bool(self.tokens) and self.tokens[-1].kind in ("number", "close", "variable")
        first = behind.lstrip()[:1]
        return (operand and (not before or before.isspace()) == (not behind or behind[0].isspace())
                and first != "" and (first.isalnum() or first in "([{-$\\"))


def tokens(text):
    lexer = Lexer(text)
    for t in lexer.tokens:
        t.start, t.end = lexer.bytes[t.start], lexer.bytes[t.end]
    return lexer.tokens


# ---- expressions ----------------------------------------------------------------------------

def stem(word):
    word = word.lower()
    if word.endswith("es") and word[:-2].endswith(("s", "x", "h")):
        return word[:-2]
    return word[:-1] if word.endswith("s") else word


def unit_of(token):
    """-> measure, size"""
    if token.kind == "currency":
        return UNITS["dollar"]
    return UNITS.get(stem(token.text)) if token.kind == "word" else None


def units_change(toks):
    units = [u for u in map(unit_of, toks) if u and u[0] != "count"]
    return any(u != v and ALIKE.get(u[0], u[0]) == ALIKE.get(v[0], v[0]) for u in units for v in units)


def is_second_part(toks, at):
    """`20 minutes` of `1 hour 20 minutes`"""
    last = at - 1
    if last >= 0 and (toks[last].kind == "comma" or toks[last].text == "and"):
        last -= 1
    if last < 1 or at + 1 >= len(toks) or toks[last - 1].kind != "number" or toks[at].kind != "number":
        return False
    larger, smaller = unit_of(toks[last]), unit_of(toks[at + 1])
    return bool(larger and smaller) and larger[0] == smaller[0] != "count" and larger[1] > smaller[1]


class Parser:
    def __init__(self, toks, percent, sizes):
        self.toks, self.at, self.percent, self.sizes, self.operations, self.depth = toks, 0, percent, sizes, 0, 0

    def kind(self, ahead=0):
        return self.toks[self.at + ahead].kind if self.at + ahead < len(self.toks) else None

    def operator(self, wanted):
        if self.kind() == "operator" and self.toks[self.at].text in wanted:
            self.at += 1
            return self.toks[self.at - 1].text
        return None

    def accept(self, kind):
        found = self.kind() == kind
        self.at += found
        return found

    def sum(self):
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Out
        first = self.at
        value = self.product()
        shares = self.percent == "share" and not any(t.kind == "percent" for t in self.toks[first:self.at])
        while sign := self.operator("+-"):
            start = self.at
            right = self.product()
            if shares and [t.kind for t in self.toks[start:self.at]] == ["number", "percent"]:
                right = mul(right, value)
            self.operations += 1
            value = add(value, right) if sign == "+" else sub(value, right)
        self.depth -= 1
        return value

    def product(self):
        value = self.signed()
        while True:
            if sign := self.operator("*/"):
                right = self.signed()
                value = mul(value, right) if sign == "*" else div(value, right)
            elif self.kind() == "of":
                if self.at == 0 or self.toks[self.at - 1].kind not in ("number", "percent", "close"):
                    return value
                self.at += 1
                while self.kind() == "word" and self.toks[self.at].text.lower() in ("the", "a", "her", "his", "its", "their"):
                    self.at += 1
                value = mul(value, self.signed())
            elif self.kind() == "open" and self.toks[self.at - 1].kind != "word":
                value = mul(value, self.signed())
            else:
                return value
            self.operations += 1

    def signed(self):
        negative = False
        while sign := self.operator("+-"):
            negative ^= sign == "-"
        value = self.raised()
        return neg(value) if negative else value

    def raised(self):
        base = self.atom()
        if not self.operator("^"):
            return base
        negative = self.operator("-")
        n, d = self.atom()
        if d != 1 or abs(n) > MAX_EXPONENT:
            raise Out
        self.operations += 1
        return self.measured(power(base, -n if negative else n), False)

    def atom(self):
        self.accept("currency")
        return neg(self.unsigned()) if self.operator("-") else self.unsigned()

    def unsigned(self):
        self.accept("currency")
        money = self.at > 0 and self.toks[self.at - 1].kind == "currency"
        kind = self.kind()
        if kind == "number":
            value = self.number()
        elif kind == "open":
            value = self.bracket()
        elif kind == "root":
            self.at += 1
            self.operations += 1
            value = root(self.bracket())
        else:
            raise Out
        if self.accept("bang"):
            if value[1] != 1 or not 0 <= value[0] <= 30:
                raise Out
            product = (1, 1)
            for n in range(2, value[0] + 1):
                product = mul(product, whole(n))
            value = product
            self.operations += 1
        if self.accept("percent") and self.percent != "unit":
            value = div(value, whole(100))
        return self.measured(value, money)

    def measured(self, value, money):
        start = self.at
        self.units()
        if not self.sizes:
            return value
        words = self.toks[start:self.at]
        end = next((i for i, t in enumerate(words) if t.kind == "operator"), len(words))
        if self.sizes == "sizes" and end < len(words) and words[end].text == "^":
            raise Out
        named = [u for u in map(unit_of, words[:end]) if u]
        measures = [u[1] for u in named if u[0] != "count"]
        for n in [u[1] for u in named if u[0] == "count"] + ([] if self.sizes == "counts" else [100] if money else measures[:1]):
            value = mul(value, whole(n))
        return value

    def bracket(self):
        if not self.accept("open"):
            raise Out
        value = self.sum()
        if not self.accept("close"):
            raise Out
        return value

    def number(self):
        token = self.toks[self.at]
        value = decimal(token.text)
        if value is None:
            raise Out
        self.at += 1
        if self.kind() != "number":
            return value
        over = self.toks[self.at]
        slash = self.kind(1) == "operator" and self.toks[self.at + 1].text == "/"
        if not (over.start > token.end and slash and value[1] == 1 and self.kind(2) == "number"):
            raise Out
        a, b = decimal(over.text), decimal(self.toks[self.at + 2].text)
        if a is None or b is None or not (a[0] > 0 and sub(a, b)[0] < 0):
            raise Out
        self.at += 3
        return add(value, div(a, b))

    def units(self):
        words = 0
        while True:
            kind = self.kind()
            if kind == "word" and words < 5:
                self.at += 1
                kinds = [self.kind(n) for n in (1, 2, 3)]
                length = 2 if kinds[0] == "number" else 4 if kinds == ["open", "number", "close"] else 0
                if length and self.kind() == "operator" and self.toks[self.at].text == "^":
                    self.at += length
            elif kind == "operator" and words > 0 and self.toks[self.at].text in "/-" and self.kind(1) == "word":
                self.at += 2
            elif kind == "operator" and words == 0 and self.is_rate():
                self.at += 2
            elif kind == "open":
                after = self.remark()
                if after is None:
                    return
                self.at = after
            else:
                return
            words += 1

    def is_rate(self):
        if self.kind(1) != "word" or self.toks[self.at].text != "/":
            return False
        unit = stem(self.toks[self.at + 1].text)
        return any(t.kind == "word" and i != self.at + 1 and stem(t.text) == unit for i, t in enumerate(self.toks))

    def remark(self):
        words = 0
        for offset, token in enumerate(self.toks[self.at + 1:self.at + 13]):
            if token.kind == "close":
                return self.at + offset + 2 if words else None
            if token.kind in ("word", "of", "comma"):
                words += 1
            elif not (token.kind == "boundary" and all(c.isalpha() or c == "'" for c in token.text)):
                return None
        return None


def evaluate(toks, percent="hundredth", sizes=None):
    """-> value, operations; None where it is no expression"""
    parser = Parser(toks, percent, sizes)
    try:
        value = parser.sum()
    except Out:
        return None
    return (value, parser.operations) if parser.at == len(toks) else None


# ---- equalities -----------------------------------------------------------------------------

class Equation:
    def __init__(self, verdict, left, right, value, result):
        self.verdict, self.left, self.right, self.value, self.result = verdict, left, right, value, result


def read(text):
    """-> tokens, equations"""
    toks = tokens(text)
    signs = [i for i, t in enumerate(toks) if t.kind in ("equals", "approximately")]
    found, link = [], None
    for n, sign in enumerate(signs[:MAX_EQUALITIES]):
        start = signs[n - 1] + 1 if n else 0
        end = signs[n + 1] if n + 1 < len(signs) else len(toks)
        chained, link = link, None
        left = chained or left_side(toks, start, sign)
        right = right_side(toks, sign + 1, end)
        if right and right[1] == end and n + 1 < len(signs):
            link = right
        if left and right:
            a, b = evaluate(toks[slice(*left)]), evaluate(toks[slice(*right)])
            if a and b and (a[1] > 0 or chained):
                right, verdict = kinder_end(toks, left, right, toks[sign].kind == "approximately")
                b = evaluate(toks[slice(*right)])
                if verdict and b:
                    found.append(Equation(verdict, left, right, a[0], b[0]))
    return toks, found


ORDER = ["ok", "soft", "bad"]


def kinder_end(toks, left, right, approximately):
    """A `!` at the end is a factorial only where that brings the sides closer."""
    verdict = compare(toks, left, right, approximately)
    last = next((at for at in range(right[1] - 1, right[0], -1) if toks[at].kind != "word"), right[0])
    if toks[last].kind != "bang" or last == right[0]:
        return right, verdict
    shorter = right[0], last
    other = compare(toks, left, shorter, approximately)
    if other is None or (verdict is not None and ORDER.index(verdict) < ORDER.index(other)):
        return right, verdict
    return shorter, other


def left_side(toks, start, end):
    for at in range(max(start, end - MAX_SIDE), end):
        first = toks[at]
        if first.is_("operator", "-"):
            begins = at + 1 < end and first.end == toks[at + 1].start
        else:
            begins = first.kind in ("number", "open", "currency", "root")
        free = (at == start or not binds_forward(toks[at - 1], first)) and not is_second_part(toks, at)
        if begins and free and evaluate(toks[at:end]):
            return at, end
    return None


def binds_forward(before, token):
    if before.kind == "word":
        return before.end == token.start and token.kind == "open"
    if before.kind == "boundary":
        return before.text in ("?", "<", ">") or (before.end == token.start and before.text in ("|", "\\", ":"))
    return before.kind in ("operator", "variable", "number", "bang", "of", "percent", "root", "close")


def right_side(toks, start, end):
    while start < end and toks[start].is_("boundary", ":"):
        start += 1
    for at in range(min(end, start + MAX_SIDE), start, -1):
        if toks[at - 1].kind in ("number", "close", "percent", "word", "bang") and not binds_backward(toks, at) and evaluate(toks[start:at]):
            return start, at
    return None


def binds_backward(toks, end):
    if end >= len(toks):
        return False
    after = toks[end]
    number = next((at for at in range(end, min(len(toks), end + 3)) if toks[at].kind == "number"), None)
    if number is not None and is_second_part(toks, number):
        return True
    if after.kind == "boundary":
        if after.text == ":":
            return end + 1 < len(toks) and toks[end + 1].kind == "number"
        return after.text in ("?", "<", ">", "|", "≡")
    if after.kind == "word":
        return toks[end - 1].kind != "word" and after.text.lower() in ("mod", "r", "remainder", "or")
    return after.kind in ("operator", "variable", "number", "open", "bang", "percent", "close", "root", "of")


def compare(toks, left, right, approximately):
    claim = toks[left[0]:right[1]]
    percent = any(t.kind == "percent" for t in claim)
    counted = any(u and u[0] == "count" for u in map(unit_of, claim))
    units = counted or units_change(claim)
    places = decimals(toks[slice(*left)]), decimals(toks[slice(*right)])
    clock = any(t.kind == "word" and t.text.lower() in ("am", "pm") for t in claim)
    unclear = any(t.kind == "bang" and u.kind == "equals" and t.end == u.start for t, u in zip(claim, claim[1:]))
    excused = has_excuse(toks, left[0], right[1]) or clock or unclear
    change = counted or units_change(toks[left[0]:right[1] + 3])
    best = None
    for x in values(toks[slice(*left)], percent, units):
        for y in values(toks[slice(*right)], percent, units):
            pairs = [(x, y)]
            for p, q, first in ((x, y, True), (y, x, False)) if percent else ():
                try:
                    pairs.append((mul(p, whole(100)), q) if first else (q, mul(p, whole(100))))
                except Out:
                    pass
            for p, q in pairs:
                try:
                    verdict = compare_values(p, q, places, approximately)
                except Out:
                    return None
                if verdict == "bad" and (excused or (change and converts(p, q, places, approximately))):
                    verdict = "soft"
                best = verdict if best is None else min(best, verdict, key=ORDER.index)
    return best


def values(side, percent, units):
    readings = ["hundredth", "unit", "share"] if percent else ["hundredth"]
    found = [evaluate(side, how) for how in readings] + [evaluate(side, how, sizes) for sizes in ("counts", "sizes") for how in readings if units]
    return [f[0] for f in found if f]


def holds(left, right, places, approximately):
    """Equal, or equal but for the last digit."""
    try:
        return compare_values(left, right, places, approximately) == "ok"
    except Out:
        return False


def converts(left, right, places, approximately):
    for factor in FACTORS:
        for turn in (mul, div):
            try:
                other = turn(left, whole(factor))
            except Out:
                continue
            if holds(other, right, places, approximately):
                return True
    return False


def compare_values(left, right, places, approximately):
    error = size(sub(left, right))
    if error[0] == 0:
        return "ok"
    magnitude = size(left)

    def within(n):
        return at_most(error, (1, 10 ** n)) if 10 ** n < 1 << 127 else False

    def share(percent):
        try:
            return at_most(error, div(mul(magnitude, whole(percent)), whole(100)))
        except Out:
            return False
    if (places[1] > 0 and within(places[1])) or (approximately and (within(places[1]) or share(3))):
        return "ok"
    rounded = places[0] > 0 and within(places[0])
    to_whole = right[1] == 1 and left[1] != 1 and not at_most(whole(1), error)
    return "soft" if rounded or to_whole or (max(places) >= 2 and share(1)) else "bad"


def decimals(toks):
    return max((len(t.text.partition(".")[2]) for t in toks if t.kind == "number"), default=0)


def has_excuse(toks, start, end):
    near = toks[max(0, start - 6):end + 6]
    shape = ["number", "open", "open", "number", "close", "operator", "open", "number", "close"]
    words = (t.text.lower() for t in near)
    mixed = any([t.kind for t in near[i:i + 9]] == shape and near[i + 5].text == "/" for i in range(len(near) - 8))
    return mixed or any(w == "mod" or any(e in w for e in EXCUSES) for w in words)


# ---- origins of numbers ---------------------------------------------------------------------

NUMBER_WORDS = {w: (n, 1) for n, words in {
    0: "zero", 1: "one", 2: "two twice double doubles doubled couple pair", 3: "three triple tripled thrice", 4: "four", 5: "five", 6: "six",
    7: "seven week weeks", 8: "eight", 9: "nine", 10: "ten", 11: "eleven", 12: "twelve dozen dozens year", 13: "thirteen", 14: "fourteen",
    15: "fifteen", 16: "sixteen", 17: "seventeen", 18: "eighteen", 19: "nineteen", 20: "twenty", 24: "day", 25: "twenty-five", 30: "thirty",
    40: "forty", 50: "fifty", 60: "sixty hour", 70: "seventy", 80: "eighty", 90: "ninety", 100: "hundred", 1000: "thousand"}.items()
    for w in words.split()} | {"half": (1, 2), "third": (1, 3), "quarter": (1, 4)}
CONSTANTS = {0, 1, 2, 3, 4, 7, 10, 12, 24, 30, 31, 52, 60, 100, 365, 1000, 3600}


class Sighting:
    def __init__(self, start, end, value, role, origin, first_use):
        self.start, self.end, self.value, self.role, self.origin, self.first_use = start, end, value, role, origin, first_use


class Ledger:
    def __init__(self, problem):
        self.given, self.results, self.recent, self.unused = {}, [], [], []
        toks = tokens(problem)
        for i, t in enumerate(toks):
            if t.kind == "number":
                value = decimal(t.text)
                if value is not None:
                    self.give(value, True)
                    self.relatives(value, toks[i + 1:i + 3])
            elif (value := NUMBER_WORDS.get(t.text.lower())) is not None:
                self.give(value, False)

    def relatives(self, value, behind):
        try:
            if behind and behind[0].kind == "percent":
                share = div(value, whole(100))
                for make in (lambda: share, lambda: sub((1, 1), share), lambda: add((1, 1), share)):
                    try:
                        self.give(make(), False)
                    except Out:
                        pass
            elif len(behind) == 2 and behind[0].is_("operator", "/") and behind[1].kind == "number":
                under = decimal(behind[1].text)
                if under is not None:
                    self.give(div(value, under), False)
        except Out:
            pass

    def give(self, value, plain):
        if value in self.given:
            self.given[value][0] |= plain
        elif len(self.given) < 48:
            self.given[value] = [plain, False]
            self.recent.append(value)

    def read(self, toks, equations):
        seen = []
        for i, t in [(i, t) for i, t in enumerate(toks) if t.kind == "number"][:200]:
            value = decimal(t.text)
            if value is None:
                continue
            if any(e.right[0] <= i < e.right[1] and i <= e.right[0] + 1 for e in equations):
                role = "outcome"
            else:
                role = "operand" if any(e.left[0] <= i < e.left[1] for e in equations) else "mention"
            seen.append(self.sight(t.start, t.end, value, role))
        return seen

    def sight(self, start, end, value, role):
        known = "result" if value in self.results else "problem" if value in self.given else None
        if role == "outcome":
            self.found(value)
            if value not in self.unused and len(self.unused) < 40:
                self.unused.append(value)
            return Sighting(start, end, value, role, known or "unknown", False)
        origin = known or self.guess(value)
        first = value in self.given and not self.given[value][1]
        if value in self.given:
            self.given[value][1] = True
        if role == "operand" and value in self.unused:
            self.unused.remove(value)
        if origin in "+-*/" or origin == "unknown":
            self.found(value)
        return Sighting(start, end, value, role, origin, first)

    def guess(self, value):
        if (value[1] == 1 and value[0] in CONSTANTS) or value == (1, 2):
            return "constant"
        x = value[0] / value[1]

        def equal(a, b):
            return abs(a - b) <= 1e-12 * max(abs(a), abs(b))
        last = [n / d for n, d in self.recent[-20:]][::-1]
        for a in last:
            for b in last:
                if not a or not b:
                    continue
                if equal(a + b, x):
                    return "+"
                if equal(a - b, x):
                    return "-"
                if equal(a * b, x) and not equal(a, 1) and not equal(b, 1):
                    return "*"
                if equal(a / b, x) and not equal(b, 1):
                    return "/"
        return "unknown"

    def found(self, value):
        for held, most in ((self.results, 40), (self.recent, 88)):
            if value in held:
                held.remove(value)
            held.append(value)
            if len(held) > most:
                held.pop(0)

    def given_numbers(self):
        return sum(plain for plain, _ in self.given.values())

    def used_numbers(self):
        return sum(plain and used for plain, used in self.given.values())
