#!/usr/bin/env bash
# The loss around networks of SGD, SAM and BSAM where 40% of the labels are wrong, side by side.
#
#     bash benchmarks/minima.sh OUT
#
# SGD as configured, which learns the wrong labels by heart; SAM and BSAM with the settings chosen in
# benchmarks/studies/wrong_labels.py. The picture is OUT/landscape/landscape.png.
set -eu
cd "$(dirname "$0")/.."
CONFIG=benchmarks/studies/_base_/digits.py
O=optim_wrapper

train() { # NAME WORDS...
    python3 tools/train.py $CONFIG --quiet --work-dir "$OUT/$1" "${@:2}" \
        train_dataloader.dataset.rate=0.4
}

OUT=$1
train SGD --cfg-options
train SAM --rule SAM rho=0.8 --cfg-options $O.optimizer.lr=0.05 $O.optimizer.weight_decay=0.005 \
    $O.rho_warmup=150
train BSAM --rule BSAM rho=0.2 rho_min=0.2 --cfg-options $O.optimizer.lr=0.02 \
    $O.optimizer.weight_decay=0.005 $O.rho_warmup=150
python3 tools/plot_landscape.py $CONFIG "$OUT"/{SGD,SAM,BSAM}/epoch_100.pth --points 31 \
    --out "$OUT/landscape" --cfg-options train_dataloader.dataset.rate=0.4
