"""Loads what `stepscope export` writes with the libraries that read it, and holds it against the schemas that trainers document.

    pip install datasets
    python tests/crosscheck/exports.py target/debug/stepscope tests/fixtures/formats/prm800k.jsonl [FILE...]

Every target that holds records is written from every FILE, as a file and as a data set for the hub, and loaded with `datasets`: the rows
must be those of the file, the features those of the card. Files for LLaMA-Factory (data/README.md of hiyouga/LLaMA-Factory) and ms-swift
(docs/source_en/Customization/Custom-dataset.md of modelscope/ms-swift) are held against what those pages ask for.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

import datasets

POLICY = ("--neutral positive --after-error drop --unlabelled drop --unsure keep --values hard --level step --pairs all --glue \\n "
          "--alternatives explode-rows").split()

ROLES = {"system", "user", "assistant", "tool", "function"}


def text(value):
    return isinstance(value, str)


def messages(row):
    return bool(row["messages"]) and all(set(m) == {"role", "content"} and m["role"] in ROLES and text(m["content"]) for m in row["messages"])


def alternating(turns):
    """Humans speak at odd places, counted from 1; the answer that is wanted stands in fields of its own."""
    return bool(turns) and all(turn["from"] == ("human" if place % 2 == 0 else "gpt") and text(turn["value"]) for place, turn in enumerate(turns))


SCHEMAS = {
    "trl": lambda r: text(r["prompt"]) and all(map(text, r["completions"])) and all(isinstance(l, bool) for l in r["labels"])
    and len(r["labels"]) == len(r["completions"]) > 0,
    "trl-dpo": lambda r: set(r) == {"prompt", "chosen", "rejected"} and all(map(text, r.values())) and r["chosen"] != r["rejected"],
    # A trainer that opens a turn behind every prompt, and one that goes on with a last turn of the assistant, read this alike.
    "trl-dpo-chat": lambda r: [[m["role"] for m in r[key]] for key in ("prompt", "chosen", "rejected")] == [["user"], ["assistant"], ["assistant"]],
    "trl-kto": lambda r: text(r["prompt"]) and text(r["completion"]) and isinstance(r["label"], bool),
    "step-dpo": lambda r: r["initial_reason_steps"].endswith(":") and all(map(text, r.values())) and r["full_chosen"].startswith(r["chosen"]),
    "ms-swift-dpo": lambda r: messages(r) and r["messages"][-1]["role"] == "assistant" and text(r["rejected_response"]),
    "ms-swift-kto": lambda r: messages(r) and r["messages"][-1]["role"] == "assistant" and isinstance(r["label"], bool),
    "ms-swift-cls": lambda r: messages(r) and type(r["label"]) is int and r["label"] in (0, 1),
    "qwen-prm": lambda r: messages(r) and r["messages"][1]["content"].count("<extra_0>") == len(r["labels"])
    and r["messages"][1]["content"].endswith("<extra_0>"),
    "llama-factory-dpo": lambda r: all(text(r[key]) for key in ("instruction", "input", "chosen", "rejected")),
    "llama-factory-dpo-chat": lambda r: alternating(r["conversations"]) and len(r["conversations"]) % 2 == 1
    and all(r[key]["from"] == "gpt" and text(r[key]["value"]) for key in ("chosen", "rejected")),
    "llama-factory-kto": lambda r: all(text(r[key]) for key in ("instruction", "input", "output")) and isinstance(r["kto_tag"], bool),
    "rlhflow": lambda r: all(turn["role"] == ("user" if place % 2 == 0 else "assistant") for place, turn in enumerate(r["conversations"]))
    and all(turn["content"] in "+-" for turn in r["conversations"][1::2]),
}

# What LLaMA-Factory allows in an entry of dataset_info.json.
ENTRY = {"file_name", "formatting", "ranking", "columns", "tags"}
COLUMNS = {"prompt", "query", "response", "history", "messages", "system", "tools", "chosen", "rejected", "kto_tag"}


def entry(path, rows):
    """The entry beside a file for LLaMA-Factory names it and columns that it has."""
    for known in json.loads(pathlib.Path(f"{path}.dataset_info.json").read_text()).values():
        assert set(known) <= ENTRY and set(known["columns"]) <= COLUMNS, known
        assert known["file_name"] == path.name, known
        assert known.get("formatting", "alpaca") in ("alpaca", "sharegpt"), known
        assert all(column in rows[0] for column in known["columns"].values()), known


def plain(row):
    """A row as a table can hold it: without nulls and empty objects, which are no columns, however deep; with whole numbers beyond 64 bits as
    their digits."""
    if isinstance(row, dict):
        fields = {key: plain(value) for key, value in row.items()}
        return {key: value for key, value in fields.items() if value is not None and value != {}}
    if type(row) is int and not -2**63 <= row < 2**63:
        return str(row)
    return [plain(item) for item in row] if isinstance(row, list) else row


def check(program, target, source, folder):
    name = f"{target}.json" if target.startswith("llama-factory") else f"{target}.jsonl"
    out, hub = folder / name, folder / f"{target}-hub"

    def export(*more):
        done = subprocess.run([program, "export", str(source), "--to", target, *POLICY, *more], capture_output=True, text=True)
        return done.returncode == 0, done.stderr

    ok, said = export("-o", str(out))
    assert ok, said
    body = out.read_text()
    rows = json.loads(body) if body.startswith("[") else [json.loads(line) for line in body.splitlines()]
    if not rows:
        return "nothing of this file"
    if target in SCHEMAS:
        bad = [row for row in rows if not SCHEMAS[target](row)]
        assert not bad, bad[0]
    if target.startswith("llama-factory"):
        entry(out, rows)
    ok, said = export("--hub", "-o", str(hub))
    if not ok:
        # Trees without an end of levels, and columns of several kinds, are no tables: the program says so.
        assert "no table" in said or "a column has one type" in said, said
        return f"{len(rows)} rows; no table"
    loaded = datasets.load_dataset(str(hub), split="train", cache_dir=str(folder / "cache"))
    assert [plain(row) for row in loaded] == [plain(row) for row in rows], "rows of the table differ from those of the file"
    card = datasets.DatasetInfo.from_directory(str(hub)) if (hub / "dataset_info.json").exists() else datasets.load_dataset_builder(
        str(hub), cache_dir=str(folder / "cache")).info
    assert card.features == loaded.features, (card.features, loaded.features)
    # Its reader of JSON knows whole numbers of 64 bits alone; records that keep their format keep larger ones.
    if not re.search(r"[:,\[] *-?\d{20}", body):
        by_json = datasets.load_dataset("json", data_files=str(out), split="train", cache_dir=str(folder / "cache"))
        assert len(by_json) == len(rows)
    return f"{len(rows)} rows, schema {'held' if target in SCHEMAS else 'free'}"


def main():
    program, sources = sys.argv[1], sys.argv[2:]
    formats = json.loads(subprocess.run([program, "formats", "--json"], capture_output=True, text=True, check=True).stdout)
    targets = [row["name"] for row in formats if row["write"] and row["name"] not in ("csv", "markdown", "html")]
    failed = 0
    for source in sources:
        with tempfile.TemporaryDirectory() as folder:
            for target in targets:
                try:
                    said = check(program, target, source, pathlib.Path(folder))
                except Exception as error:
                    failed, said = failed + 1, f"FAILED: {type(error).__name__}: {str(error)[:400]}"
                print(f"{pathlib.Path(source).name:<40} {target:<24} {said}")
    sys.exit(failed > 0)


main()
