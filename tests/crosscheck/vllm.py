"""A checkpoint scored by the program itself and by a vLLM server must get the same scores: python vllm.py STEPSCOPE FOLDER FILE [STEP_TAG_ID].

Python package: vllm, or a build of it for processors alone. FOLDER is a checkpoint of Qwen2ForProcessRewardModel whose heads have a multiple
of 32 numbers (`tests/bench/models.py` makes one), with a tokenizer_config.json that vLLM understands; FILE holds solutions. Given a step tag, the
server answers with a row for each step, without one with a row for each token. Ends with status 1 where a score differs by more than 1e-4.
"""
import json
import os
import sys

from served import compare

PORT = 8123
program, folder, file, *tag = sys.argv[1:]
pooler = {"tok_pooling_type": "STEP", "step_tag_id": int(tag[0]), "returned_token_ids": [0, 1]} if tag else {"tok_pooling_type": "ALL"}
command = ["vllm", "serve", folder, "--served-model-name", os.path.basename(folder), "--runner", "pooling", "--dtype", "float32",
           "--enforce-eager", "--host", "127.0.0.1", "--port", str(PORT), "--pooler-config", json.dumps(pooler)]
compare(command, f"http://127.0.0.1:{PORT}", "vllm-pooling", program, folder, file)
