#!/usr/bin/env bash
# SGD, SAM, BSAM and its cheap form on all of CIFAR-10, in at most 6 minutes of one GPU.
#
#     bash benchmarks/gpu_study.sh OUT CIFAR10 [--tiny]
#
# CIFAR10 has train/CLASS/* and test/CLASS/*. Two epochs of SGD tell for how many epochs there is
# time. Then the four train side by side, and their records and table are in OUT. --tiny takes what
# is in CIFAR10 for one epoch of a narrow network that is not compiled, also on a CPU.
set -eu
cd "$(dirname "$0")/.."
OUT=$(mkdir -p "$1" && cd "$1" && pwd)
export CIFAR10=$(cd "$2" && pwd) TINY=${3:-} EPOCHS=2
LEFT=340
CONFIG=benchmarks/studies/_base_/gpu.py
OPTIONS="data_root=$CIFAR10 train_cfg.max_epochs=2 train_cfg.val_interval=2"

if [ -z "$TINY" ]; then
    python3 tools/train.py $CONFIG --work-dir "$OUT/probe" --cfg-options $OPTIONS
    # Of what is left a minute goes to compiling and reading; the rules make 7.3 passes of SGD's one.
    EPOCHS=$(python3 - "$OUT"/probe/*/vis_data/scalars.json $((LEFT - SECONDS)) <<'PY'
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
step = [row["time"] for row in rows if row.get("epoch") == 2][-1]
print(max(1, int((float(sys.argv[2]) - 60) / (7.3 * 391 * step))))
PY
    )
else
    EPOCHS=1
fi
export EPOCHS
echo "$EPOCHS epochs, after $SECONDS s"
timeout $((LEFT + 20 - SECONDS)) python3 tools/compare.py benchmarks/gpu_study.py --jobs 4 \
    --out "$OUT/compare" --records "$OUT/records" || echo "exit status $?"
echo "done in $SECONDS s"
