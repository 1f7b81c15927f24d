"""Trains the byte-level BPE and writes tokenizer.json and tokenizer_config.json.

Every digit is a token of its own; nothing is out of vocabulary (all 256 bytes are tokens). The four special
tokens come after the BPE vocabulary. Trained on training problems only, never on ProcessBench.
"""
import json
import os
import random

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from common import SPECIAL, SYSTEM, is_dev, prompt
from data import data_arg, load_all
from plant import Planter

SIZE = 4608
PIECES = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")


def chat_template():
    system = json.dumps(SYSTEM)  # a Jinja string literal
    return ("{% if messages and messages[0]['role'] != 'system' %}"
            "{{ '<|im_start|>system\\n' + " + system + " + '<|im_end|>\\n' }}{% endif %}"
            "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' }}{% endfor %}"
            "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")


def main():
    ap = data_arg()
    ap.add_argument("--out", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    a = ap.parse_args()
    rows, gsm, _ = load_all(a.data)
    rows = [r for r in rows if not is_dev(r["problem"])]
    planter, rng = Planter([g for g in gsm if not is_dev(g[0])]), random.Random(0)
    rows += [planter.sample(rng) for _ in range(8000)]
    texts = [prompt("").replace(s, "") for s in SPECIAL] + [t for r in rows for t in [r["problem"], *r["steps"]]]

    tok = Tokenizer(models.BPE())
    tok.normalizer = normalizers.NFC()
    tok.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(PIECES), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tok.decoder = decoders.ByteLevel()
    tok.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=SIZE - len(SPECIAL), min_frequency=3, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    tok.add_special_tokens([AddedToken(s, special=True, normalized=False) for s in SPECIAL])
    assert tok.get_vocab_size() == SIZE
    assert len(tok.encode("1234567890").ids) == 10
    tok.save(os.path.join(a.out, "tokenizer.json"))
    cfg = dict(tokenizer_class="PreTrainedTokenizerFast", add_bos_token=False, add_prefix_space=False, bos_token=None,
               eos_token="<|im_end|>", pad_token="<|endoftext|>", model_max_length=4096,
               clean_up_tokenization_spaces=False, chat_template=chat_template())
    with open(os.path.join(a.out, "tokenizer_config.json"), "w", encoding="utf-8") as f:
        json.dump(cfg, f, indent=1)
        f.write("\n")
    n = [len(tok.encode(t).ids) for t in texts[:20000]]
    print("vocabulary", tok.get_vocab_size(), "characters a token", sum(map(len, texts[:20000])) / sum(n))


if __name__ == "__main__":
    main()
