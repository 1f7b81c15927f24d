"""Computes features of steps once more, in Python, and compares them with `stepscope features`.

  stepscope features FILE.json > features.tsv        # FILE: a ProcessBench file
  python features.py FILE.json features.tsv [STEPS]  # default 1,000 steps

All of them; the arithmetic below is in arithmetic.py. Exits with 1 on the first difference above 1e-5 (of numbers above 1, as a share of them), or when a feature has no twin here.
"""
import json
import re
import sys

from arithmetic import Ledger, decimal, read, tokens

RELATIONS = ["more", "less", "times", "twice", "half", "each", "per", "left", "total", "percent", "difference", "average", "than",
             "share", "cost", "spent", "profit", "ratio", "time"]
WORDS = {"more": "more additional extra", "less": "less fewer", "times": "times", "twice": "twice", "half": "half", "each": "each every",
         "per": "per", "left": "left", "total": "total altogether combined sum", "percent": "percent", "difference": "difference",
         "average": "average", "than": "than", "share": "split", "spent": "gave sold ate lost", "ratio": "ratio"}
EXACT = {w: kind for kind, words in WORDS.items() for w in words.split()}
BEGIN = [("double", "twice"), ("remain", "left"), ("share", "share"), ("divid", "share"), ("equal", "share"), ("cost", "cost"),
         ("price", "cost"), ("pay", "cost"), ("spen", "spent"), ("give", "spent"), ("profit", "profit"), ("hour", "time"),
         ("minute", "time"), ("day", "time"), ("week", "time"), ("month", "time"), ("year", "time")]
DOUBTS = set("however wait mistake actually assume assuming suppose cannot impossible contradict incorrect error recheck approximately "
             "interpret unknown".split())
EMPTY = set("""the and for are was were has have had his her its their that this with from how many much will would each she they then than more
    less not all but can there which what when who into out total number frac text times cdot div boxed left right answer therefore need find
    calculate let step first next equal""".split())
CONCLUSIONS = set("therefore thus so hence finally answer conclusion".split())


def clip(text, size):
    return text.encode()[:size].decode("utf-8", "ignore")


def lower(text):
    return "".join(c.lower() if c.isascii() else c for c in text)


class Text:
    def __init__(self, text):
        low = lower(text)
        words = re.findall(r"[a-z]+", low)
        self.set = {w for w in words if len(w) >= 3}
        self.relations = dict.fromkeys(RELATIONS, 0)
        self.doubts = self.conclusions = 0
        for i, w in enumerate(words):
            n, a = (words[i + 1:i + 3] + ["", ""])[:2]
            kind = EXACT.get(w)
            if w == "how" and n in ("much", "many") and a == "more":
                kind = "difference"
            if kind is None:
                kind = next((k for b, k in BEGIN if w.startswith(b)), None)
            if kind:
                self.relations[kind] += 1
            self.doubts += (w in DOUBTS or (w == "let" and n == "s" and a == "say") or (w == "not" and n == "enough")
                            or (w == "since" and n == "we" and a == "don"))
            self.conclusions += w in CONCLUSIONS or (w == "in" and n == "total")
        self.relations["percent"] += text.count("%")
        self.relations["cost"] += text.count("$")
        self.answer = any(mark in low for mark in ("boxed", "####", "answer"))


def sentences(text, newline):
    parts, start, ended = [], 0, False
    for i, c in enumerate(text):
        if (ended and c.isspace()) or (newline and c == "\n"):
            parts.append(text[start:i])
            start = i
        ended = c in ".?!"
    return [p for p in parts + [text[start:]] if p.strip()]


def share(a, b):
    return a / max(b, 1)


def kind_of(word):
    """The relation that a word names by itself."""
    return EXACT.get(word) or next((k for b, k in BEGIN if word.startswith(b)), None)


class Content:
    """The content words of a text with their places in bytes, and where its sentences end."""

    def __init__(self, text):
        raw = text.encode()
        self.words, self.borders = [], []
        for m in re.finditer(rb"[A-Za-z]+|[.?!;](?=\s|$)(?!\x0b)|\n", raw):
            if m[0][:1].isalpha():
                word = m[0].decode().lower()
                command = m.start() > 0 and raw[m.start() - 1:m.start()] == b"\\"
                empty = len(word) < 3 or word in EMPTY or (len(word) < 5 and kind_of(word))
                if not command and not empty:
                    self.words.append((m.start(), m.end(), word[:-1] if len(word) > 3 and word.endswith("s") else word))
            else:
                self.borders.append(m.start())
        self.set = {w for _, _, w in self.words}

    def around(self, start, end):
        """-> noun, words that belong to the number there"""
        before = [b for b in self.borders if b < end]
        low = before[-1] if before else 0
        high = next((b for b in self.borders if b >= end), float("inf"))
        left = [w for w in self.words if w[0] < start][::-1]
        right = [w for w in self.words if w[0] >= start]
        words = set()
        for side, fits in ((left, lambda w: w[0] >= low), (right, lambda w: w[1] <= high)):
            for w in side[:5]:
                if not fits(w):
                    break
                words.add(w[2])
        return self.noun(end), words

    def noun(self, end):
        w = next((w for w in self.words if w[0] >= end), None)
        return w[2] if w and w[0] - end <= 8 else None


def operations(toks, e):
    return tuple(any(t.is_("operator", sign) for t in toks[slice(*e.left)]) for sign in "+-*/")


def mean(values):
    return sum(values) / len(values) if values else -1


class Bindings:
    """Which words belong to the numbers so far."""

    def __init__(self, problem):
        self.known = {}
        content = Content(problem)
        for t in [t for t in tokens(problem) if t.kind == "number"][:60]:
            self.bind(decimal(t.text), content.around(t.start, t.end))

    def bind(self, value, context):
        if value is not None and len(self.known) < 88 and context[1] and value not in self.known:
            self.known[value] = context

    def values(self, text, toks, equations, seen, problem_words):
        content, shares, same, other = Content(text), [], 0, 0
        for s in [s for s in seen[:60] if s.role != "outcome"]:
            if s.value not in self.known:
                continue
            noun, words = self.known[s.value]
            shares.append(share(len(words & content.set), len(words)))
            here = content.noun(s.end)
            if noun and here:
                same += noun == here
                other += noun != here
        added, multiplied, added_same, added_other = [], [], 0, 0
        for e in equations[:6]:
            plus, minus, times, over = operations(toks, e)
            if (plus or minus) == (times or over):
                continue
            numbers = [decimal(t.text) for t in toks[slice(*e.left)] if t.kind == "number"]
            operands = [self.known[n] for n in numbers if n in self.known][:6]
            for i, (noun, words) in enumerate(operands):
                for noun_b, words_b in operands[i + 1:]:
                    alike = share(len(words & words_b), min(len(words), len(words_b)))
                    (added if plus or minus else multiplied).append(alike)
                    if (plus or minus) and noun and noun_b:
                        added_same += noun == noun_b
                        added_other += noun != noun_b
        nouns = [content.noun(s.end) for s in [s for s in seen if s.role == "outcome"][:60]]
        return dict(bound_numbers=len(shares), context_shared=mean(shares), least_context_shared=min(shares, default=-1),
                    contexts_without_a_word=sum(x <= 0 for x in shares), same_nouns=same, other_nouns=other, added_alike=mean(added),
                    multiplied_alike=mean(multiplied), added_same_noun=added_same, added_other_noun=added_other,
                    outcome_noun_new=sum(n not in problem_words for n in nouns if n))

    def advance(self, text, seen):
        content = Content(text)
        for s in [s for s in seen[:60] if s.role != "operand"]:
            self.bind(s.value, content.around(s.start, s.end))


class Arithmetic:
    """The features that stand on the exact arithmetic."""

    RANKS = {"problem": 0, "result": 1, "constant": 2, "unknown": 4}

    def __init__(self, problem):
        self.ledger, self.bindings = Ledger(problem), Bindings(problem)
        self.equations = self.bad = self.unknown = 0
        self.expressions, self.last = [], None
        self.sentences = [{decimal(t.text) for t in [t for t in tokens(s) if t.kind == "number"][:60]} - {None} for s in sentences(problem, True)[:32]]
        self.counts = [[decimal(t.text) for t in [t for t in tokens(s) if t.kind == "number"][:60]] for s in sentences(problem, True)[:32]]

    def step(self, text, answer, best, problem, step, problem_words):
        toks, eqs = read(text)
        seen = self.ledger.read(toks, eqs)
        others = [s for s in seen if s.role != "outcome"]
        outcomes = [s for s in seen if s.role == "outcome"]
        rank = lambda s: self.RANKS.get(s.origin, 3)
        ops = [operations(toks, e) for e in eqs]
        plus, minus, times, over = (sum(o[k] for o in ops) for k in range(4))
        texts = [t.text for t in toks if t.kind == "number"]
        operands = [[t.text for t in toks[slice(*e.left)] if t.kind == "number"] for e in eqs]
        sizes = [s for s in (abs(e.result[0] / e.result[1]) for e in eqs) if s < 1e12]
        covered = share(self.ledger.used_numbers(), self.ledger.given_numbers())
        verdicts = [e.verdict for e in eqs]
        expressions = [(e.value, o) for e, o in zip(eqs, ops)]
        row = dict(tokens=len(toks), variables=sum(t.kind == "variable" for t in toks),
                   holding=verdicts.count("ok"), failing=verdicts.count("bad"), doubtful=verdicts.count("soft"), equations=len(eqs),
                   equations_before=self.equations, failing_before=self.bad, plus_equations=plus, minus_equations=minus, times_equations=times,
                   over_equations=over, negative_results=sum(e.result[0] < 0 for e in eqs), broken_results=sum(e.result[1] != 1 for e in eqs),
                   most_operands=max(map(len, operands), default=0), smallest_result=min(sizes, default=-1),
                   repeated_equations=sum(x in self.expressions for x in expressions),
                   operand_with_itself=sum(len(o) == 2 and o[0] == o[1] for o in operands))
        row |= {name: sum(t.is_("operator", sign) for t in toks)
                for name, sign in zip(["plus_signs", "minus_signs", "times_signs", "over_signs", "power_signs"], "+-*/^")}
        kinds = ["from_problem", "from_results", "constant", "derived", "unknown"]
        row |= {"numbers_" + k: sum(rank(s) == n for s in others) for n, k in enumerate(kinds)}
        row |= {"operands_" + k: sum(rank(s) == n and s.role == "operand" for s in others) for n, k in enumerate(kinds)}
        unknown = sum(s.origin == "unknown" for s in others)
        row |= dict(share_unknown=share(unknown, len(texts)), numbers=len(texts), outcomes=len(outcomes),
                    outcomes_known_as_results=sum(s.origin == "result" for s in outcomes),
                    outcomes_known_from_problem=sum(s.origin == "problem" for s in outcomes), first_uses=sum(s.first_use for s in seen),
                    broken_numbers=sum(s.value[1] != 1 for s in seen), longest_number=max(map(len, texts), default=0),
                    unknown_before=self.unknown, problem_numbers_used=covered, unused_results=len(self.ledger.unused),
                    names_last_result=int(any(s.value == self.last for s in seen)), last_number_origin=rank(seen[-1]) if seen else -1,
                    unused_in_answer=(1 - covered) * answer)
        row |= {"derived_by_" + name: sum(s.origin == sign for s in others) for name, sign in zip(["plus", "minus", "times", "over"], "+-*/")}
        row |= dict(more_but_minus=problem["more"] * minus, less_but_plus=problem["less"] * plus,
                    twice_without_times=int(problem["twice"] > 0 and step["twice"] > 0 and bool(eqs) and not times),
                    half_without_over=int(step["half"] > 0 and bool(eqs) and not over + times),
                    left_without_minus=int(step["left"] > 0 and bool(eqs) and not minus),
                    total_without_plus=int(step["total"] > 0 and bool(eqs) and not plus + times),
                    each_without_times=int(step["each"] > 0 and bool(eqs) and not times + over))
        row |= self.bindings.values(text, toks, eqs, seen, problem_words)
        values = [s.value for s in seen]
        own = self.counts[best] if best is not None else []
        used = sum(n in values for n in own if n is not None)
        given = set().union(*self.sentences) if self.sentences else set()
        row |= dict(sentence_numbers_used=used, sentence_numbers_left=len([n for n in own if n is not None]) - used,
                    numbers_outside_sentence=sum(v not in own and v in given for v in values) if best is not None else 0)
        self.equations += len(eqs)
        self.bad += verdicts.count("bad")
        self.unknown += unknown
        self.expressions = (self.expressions + expressions)[-64:]
        found = [s.value for s in seen if s.role == "outcome" or rank(s) >= 3]
        self.last = found[-1] if found else self.last
        self.bindings.advance(text, seen)
        return row


COMPARED = ["bytes", "tokens", "numbers", "numbers_unknown", "share_unknown", "words_from_problem", "question_words", "new_words",
            "like_an_earlier_step", "equations", "outcomes", "equals_signs", "variables", "backslashes", "plus_signs", "minus_signs", "times_signs",
            "over_signs", "numbers_from_problem", "numbers_from_results", "numbers_derived", "context_shared", "longest_number", "power_signs",
            "like_previous_step"]


def features(problem, steps):
    problem = clip(problem, 16 << 10)
    p, question = Text(problem), Text(sentences(problem.strip(), False)[-1] if problem.strip() else "")
    parts = [Text(s) for s in sentences(problem, True)[:32]]
    arithmetic = Arithmetic(problem)
    earlier, last, begun, sums = [], None, set(), {}
    for place, step in enumerate(steps):
        step = clip(step, 8 << 10)
        t = Text(step)
        best = max(range(len(parts)), key=lambda i: (share(len(parts[i].set & t.set), max(len(parts[i].set), 3)), -i), default=None)
        covered = 0 if best is None else share(len(parts[best].set & t.set), max(len(parts[best].set), 3))
        found = covered > 0
        previous = earlier[-1] if earlier else set()
        row = dict(place=place, bytes=len(step.encode()), lines=step.count("\n"),
                   equals_signs=step.count("="), backslashes=step.count("\\"), question_marks=step.count("?"),
                   approximations=step.count("approx") + step.count("≈"),
                   like_an_earlier_step=max((share(len(t.set & e), len(t.set | e)) for e in earlier[-32:]), default=0),
                   words_from_problem=share(len(t.set & p.set), len(t.set)),
                   question_words=share(len(t.set & question.set), len(question.set)), new_words=len(t.set - p.set),
                   doubts=t.doubts, conclusions=t.conclusions, gives_answer=int(t.answer),
                   like_previous_step=share(len(t.set & previous), len(t.set | previous)), sentence_covered=covered,
                   sentence_place=share(best, len(parts)) if found else -1,
                   sentence_steps_back=max(0, last - best) if found and last is not None else 0, sentences_begun=len(begun))
        row.update(t.relations)
        row.update({"sentence_" + k: parts[best].relations[k] if found else 0 for k in RELATIONS})
        row.update(arithmetic.step(step, int(t.answer), best if found else None, p.relations, t.relations, p.set))
        sums = {name: sums[name] + row[name] if place else row[name] for name in COMPARED}
        row.update({name + "_more": row[name] - (sums[name] - row[name]) / place if place else 0 for name in COMPARED})
        yield row
        earlier.append(t.set)
        if found:
            last = best
            begun.add(best)


def main():
    records = json.load(open(sys.argv[1], encoding="utf-8"))
    rows = [line.rstrip("\n").split("\t") for line in open(sys.argv[2], encoding="utf-8")]
    wanted = int(sys.argv[3]) if len(sys.argv) > 3 else 1000
    names, table, compared, columns = rows[0], {(r[0], int(r[1])): r for r in rows[1:]}, 0, set()
    for record in records:
        for row in features(record["problem"], record["steps"]):
            found = dict(zip(names, table[record["id"], row["place"]]))
            if row.keys() != set(names[4:]):
                sys.exit(f"without a twin: {sorted(set(names[4:]) - row.keys())}, unknown: {sorted(row.keys() - set(names[4:]))}")
            for name, value in row.items():
                if abs(float(found[name]) - value) > 1e-5 * max(1, abs(value)):
                    sys.exit(f"{record['id']} step {row['place']}: {name} is {found[name]}, {value} in Python")
            compared += 1
            columns.update(row)
            if compared == wanted:
                print(compared, "steps,", len(columns), "features of each are equal")
                return
    sys.exit("fewer steps than wanted")


if __name__ == "__main__":
    main()
