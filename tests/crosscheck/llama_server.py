"""A checkpoint scored by the program itself and through llama.cpp's server must get the same scores:
python llama_server.py STEPSCOPE LLAMA_SERVER FOLDER BACKBONE.gguf FILE [completion]

FOLDER holds config.json, tokenizer.json and model.safetensors, BACKBONE.gguf the same weights in f32 (`tests/bench/models.py` makes both), FILE
solutions. With `completion` the model is one that is read at tokens, and the server is asked for the chances of the next one. Ends with status 1
where a score differs by more than 1e-4. The server runs without flash attention, which it computes in half precision.
"""
import sys

from served import compare

PORT = 8124
program, binary, folder, gguf, file, *completion = sys.argv[1:]
command = [binary, "-m", gguf, "--host", "127.0.0.1", "--port", str(PORT), "-c", "4096", "-b", "4096", "-ub", "4096", "-ctk", "f32", "-ctv", "f32",
           "-fa", "off", "-ngl", "0", "-np", "1"]
command += [] if completion else ["--embedding", "--pooling", "none"]
compare(command, f"http://127.0.0.1:{PORT}", "llama-cpp", program, folder, file)
