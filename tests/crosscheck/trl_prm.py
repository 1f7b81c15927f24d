"""What TRL's PRMTrainer.tokenize_row makes of records, held against `stepscope doctor`.

    pip install torch transformers datasets accelerate "trl==1.13.0"   # 1.14 and later have no PRMTrainer
    python tests/crosscheck/trl_prm.py
    python tests/crosscheck/trl_prm.py target/debug/stepscope tests/fixtures/formats/prm800k.jsonl [FILE...]

Without arguments it makes tests/fixtures/training/trl.json of made-up records, which the tests of the program read. With a program and files of
traces it writes each file with `export --to trl`, loads that as TRL's examples do, and demands that `doctor --trainer trl` says of every
record what the trainer makes of it: the same ids and labels, with the separator that the manifest names and with others, whole and cut off.

The tokenizer is the tiny one of tests/fixtures/prm/tiny-qwen2, once without and once with a beginning token
(tests/fixtures/training/tokenizer-bos/tokenizer_config.json, to be laid beside that tokenizer.json).
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

import datasets
from transformers import PreTrainedTokenizerFast
from trl.experimental.prm import PRMTrainer

HERE = os.path.dirname(os.path.abspath(__file__))
FIXTURES = os.path.join(HERE, "..", "fixtures")
FOLDER = os.path.join(FIXTURES, "prm", "tiny-qwen2")
TOKENIZER = os.path.join(FOLDER, "tokenizer.json")
POLICY = "--neutral positive --after-error keep-as-rated --unsure keep --alternatives explode-rows".split()

RECORDS = [
    {"prompt": "What is 3*4+2?", "completions": ["3*4=12.", "12+2=15."], "labels": [True, False]},
    {"prompt": "Zwei Brötchen kosten 3 €?", "completions": ["So 2*3 = 6 €.\n", " Therefore 😀 the answer is \\boxed{6}."], "labels": [1, 0]},
    {"prompt": "", "completions": ["one step"], "labels": [True]},
    {"prompt": "q", "completions": ["", "two"], "labels": [True, False]},
    {"prompt": "q <|im_end|> <extra_0>", "completions": ["a <extra_0> b", "c"], "labels": [False, True]},
    {"prompt": "ignored", "completions": ["a", "b", "c"], "labels": [1, -100, 0]},
    {"prompt": "long", "completions": ["We compute 3 + 4 = 7 apples." * 4, "So there are 7 apples left.", "end"], "labels": [True, True, False]},
    {"prompt": "crlf", "completions": ["a\r\nb", "c\t d "], "labels": [True, True]},
]


def reading(record, tokenizer, separator, max_length):
    return PRMTrainer.tokenize_row(
        record, tokenizer, step_separator=separator, max_length=max_length,
        max_completion_length=None, train_on_last_step_only=False, is_eval=False)


def make():
    cases = []
    for bos in (None, "<|endoftext|>"):
        tokenizer = PreTrainedTokenizerFast(tokenizer_file=TOKENIZER, bos_token=bos)
        for separator in ("\n", "\n\n", " ки", "<extra_0>"):
            for max_length in (1024, 40, None):
                for record in RECORDS:
                    row = reading(record, tokenizer, separator, max_length)
                    cases.append({"record": record, "bos": bos is not None, "separator": separator, "max_length": max_length,
                                  "input_ids": row["input_ids"], "labels": row["labels"]})
    with open(os.path.join(FIXTURES, "training", "trl.json"), "w", encoding="utf-8") as out:
        out.write("[\n" + ",\n".join(json.dumps(case, ensure_ascii=False, separators=(",", ":")) for case in cases) + "\n]\n")
    print(len(cases), "cases")


def compare(program, source, folder):
    """Gives the number of readings that were compared, and what the manifest says of the separator."""
    out = folder / "trl.jsonl"
    subprocess.run([program, "export", source, "--to", "trl", *POLICY, "-o", str(out)], check=True, capture_output=True)
    choice = json.loads(pathlib.Path(f"{out}.manifest.json").read_text(encoding="utf-8"))["step_separator"]["choice"]
    if not out.read_text(encoding="utf-8").strip():
        return 0, choice
    records = list(datasets.load_dataset("json", data_files=str(out), split="train", cache_dir=str(folder / "cache")))
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=TOKENIZER)
    compared = 0
    for separator in dict.fromkeys([choice, "\n", "\n\n", "<extra_0>"]):
        for max_length in (1024, 40, None):
            # A line end is an escape on the command line, where 0 means never to cut off.
            escaped = separator.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")
            told = subprocess.run(
                [program, "doctor", str(out), "--trainer", "trl", "--tokenizer", FOLDER, "--json",
                 f"--separator={escaped}", "--max-length", str(max_length or 0)], capture_output=True, text=True)
            # 3 says that there are traps, as in records that are cut off.
            assert told.returncode in (0, 3), told.stderr
            details = json.loads(told.stdout)["details"]
            assert len(details) == len(records), (len(details), len(records))
            for record, detail in zip(records, details):
                row = reading(record, tokenizer, separator, max_length)
                assert detail["ids"] == row["input_ids"], (separator, max_length, record)
                assert detail["labels"] == row["labels"], (separator, max_length, record)
                compared += 1
    return compared, choice


def main():
    if len(sys.argv) == 1:
        return make()
    program, sources = sys.argv[1], sys.argv[2:]
    failed = 0
    for source in sources:
        with tempfile.TemporaryDirectory() as folder:
            try:
                compared, choice = compare(program, source, pathlib.Path(folder))
                said = f"{compared} readings alike, step_separator={choice!r}"
            except Exception as error:
                failed, said = failed + 1, f"FAILED: {type(error).__name__}: {str(error)[:400]}"
            print(f"{pathlib.Path(source).name:<40} {said}")
    sys.exit(failed > 0)


main()
