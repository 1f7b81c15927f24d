"""Makes tests/fixtures/training/trl.json: what TRL's PRMTrainer.tokenize_row says of made-up records, for `stepscope doctor`.

    pip install torch transformers datasets accelerate "trl==1.13.0"   # 1.14 and later have no PRMTrainer
    python tests/crosscheck/trl_prm.py

The tokenizer is the tiny one of tests/fixtures/prm/tiny-qwen2, once without and once with a beginning token
(tests/fixtures/training/tokenizer-bos/tokenizer_config.json, to be laid beside that tokenizer.json).
"""

import json
import os

from transformers import PreTrainedTokenizerFast
from trl.experimental.prm import PRMTrainer

HERE = os.path.dirname(os.path.abspath(__file__))
FIXTURES = os.path.join(HERE, "..", "fixtures")
TOKENIZER = os.path.join(FIXTURES, "prm", "tiny-qwen2", "tokenizer.json")

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


def main():
    cases = []
    for bos in (None, "<|endoftext|>"):
        tokenizer = PreTrainedTokenizerFast(tokenizer_file=TOKENIZER, bos_token=bos)
        for separator in ("\n", "\n\n", " ки", "<extra_0>"):
            for max_length in (1024, 40, None):
                for record in RECORDS:
                    row = PRMTrainer.tokenize_row(
                        record, tokenizer, step_separator=separator, max_length=max_length,
                        max_completion_length=None, train_on_last_step_only=False, is_eval=False)
                    cases.append({"record": record, "bos": bos is not None, "separator": separator, "max_length": max_length,
                                  "input_ids": row["input_ids"], "labels": row["labels"]})
    with open(os.path.join(FIXTURES, "training", "trl.json"), "w", encoding="utf-8") as out:
        out.write("[\n" + ",\n".join(json.dumps(case, ensure_ascii=False, separators=(",", ":")) for case in cases) + "\n]\n")
    print(len(cases), "cases")


main()
