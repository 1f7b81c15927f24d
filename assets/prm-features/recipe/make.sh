#!/bin/sh
# The whole recipe: make.sh OUT PROGRAM [DATA]. Writes ../trees.bin and the test fixture; about seven minutes of processor time.
set -e
here=$(cd "$(dirname "$0")" && pwd)
out=$1 program=$2 data=${3:-$here/../../../../shared/data}
mkdir -p "$out"
python "$here/traces.py" "$out" --data "$data"
"$program" features "$out/traces.jsonl" > "$out/features.tsv"
for group in 0 1 2; do python "$here/train.py" "$out" --left-out --group $group; done
python "$here/train.py" "$out" --fixture "$here/../../../tests/fixtures/prm/features.json"
python "$here/decide.py" "$out"
