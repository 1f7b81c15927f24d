"""Computes features of steps once more, in Python, and compares them with `stepscope features`.

  stepscope features FILE.json > features.tsv        # FILE: a ProcessBench file
  python features.py FILE.json features.tsv [STEPS]  # default 1,000 steps

Layout, words, relations and the sentence that a step is about: every feature that does not stand on the exact arithmetic, which has tests of
its own (`tests/it/checks.rs`). Exits with 1 on the first difference above 1e-5.
"""
import json
import re
import sys

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


def features(problem, steps):
    problem = clip(problem, 16 << 10)
    p, question = Text(problem), Text(sentences(problem.strip(), False)[-1] if problem.strip() else "")
    parts = [Text(s) for s in sentences(problem, True)[:32]]
    earlier, last, begun = [], None, set()
    for place, step in enumerate(steps):
        step = clip(step, 8 << 10)
        t = Text(step)
        best = max(range(len(parts)), key=lambda i: (share(len(parts[i].set & t.set), max(len(parts[i].set), 3)), -i), default=None)
        covered = 0 if best is None else share(len(parts[best].set & t.set), max(len(parts[best].set), 3))
        found = covered > 0
        previous = earlier[-1] if earlier else set()
        row = dict(place=place, bytes=len(step.encode()), problem_bytes=len(problem.encode()), lines=step.count("\n"),
                   equals_signs=step.count("="), backslashes=step.count("\\"), question_marks=step.count("?"),
                   approximations=step.count("approx") + step.count("≈"),
                   like_an_earlier_step=max((share(len(t.set & e), len(t.set | e)) for e in earlier[-32:]), default=0),
                   words_from_problem=share(len(t.set & p.set), len(t.set)),
                   question_words=share(len(t.set & question.set), len(question.set)), new_words=len(t.set - p.set),
                   doubts=t.doubts, conclusions=t.conclusions, gives_answer=int(t.answer),
                   like_previous_step=share(len(t.set & previous), len(t.set | previous)), sentence_covered=covered,
                   sentence_place=share(best, len(parts)) if found else -1,
                   sentence_steps_back=max(0, last - best) if found and last is not None else 0, sentences_begun=len(begun))
        row.update({"problem_" + k: n for k, n in p.relations.items()})
        row.update(t.relations)
        row.update({"sentence_" + k: parts[best].relations[k] if found else 0 for k in RELATIONS})
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
            for name, value in row.items():
                if abs(float(found[name]) - value) > 1e-5:
                    sys.exit(f"{record['id']} step {row['place']}: {name} is {found[name]}, {value} in Python")
            compared += 1
            columns.update(row)
            if compared == wanted:
                print(compared, "steps,", len(columns), "features of each are equal")
                return
    sys.exit("fewer steps than wanted")


if __name__ == "__main__":
    main()
