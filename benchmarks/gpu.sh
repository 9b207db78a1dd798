#!/usr/bin/env bash
# All that a GPU has to show, in at most 6 minutes: correctness, waits, graphs, times.
#
#     bash benchmarks/gpu.sh OUT [--tiny]
#
# The results are in OUT/report.txt, and the rows of the tables in OUT/results.jsonl. Each part ends
# in its own time, and one that fails does not stop the others. --tiny is the smallest run that uses
# every part, also on a CPU. PARTS="reads step" in the environment runs these parts only.
set -u
cd "$(dirname "$0")/.."
OUT=$(mkdir -p "$1" && cd "$1" && pwd)
TINY=${2:-}
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
: >"$OUT/results.jsonl"

END=$((SECONDS + ${TINY:+600 +} 350))
export PYTHONUNBUFFERED=1 KINETO_LOG_LEVEL=9
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}" BSAM_SUITE_HOME="$WORK/home"
DEVICE=$(python3 -c 'import torch; print("cuda" if torch.cuda.is_available() else "cpu")')
TELLING="^Epoch|Epoch\\(|rror|flatness|Next|PCK|  AP|File "
PERSONS="people.train=512 people.val=64"
[ "$TINY" ] && PERSONS="people.train=48 people.val=12"

part() { # NAME SECONDS COMMAND...: run it, in the time that is left
    local name=$1 limit=$2 left=$((END - SECONDS)) begin=$SECONDS status
    shift 2
    case " ${PARTS:-$name} " in *" $name "*) ;; *) return ;; esac
    [ "$left" -lt "$limit" ] && limit=$left
    printf '\n===== %s (%s s at most)\n' "$name" "$limit"
    if [ "$limit" -lt 5 ]; then echo "LEFT OUT: no time is left"; return; fi
    timeout -k 5 "$limit" "$@"
    status=$?
    printf -- '----- %s: exit status %s, %s s%s\n' "$name" "$status" "$((SECONDS - begin))" \
        "$([ $status = 124 ] && echo ', CUT OFF by its limit')"
}

aside() { # NAME SECONDS COMMAND...: the same beside others, printed by `gather`
    ASIDE+=("$WORK/$1.log")
    part "$@" >"$WORK/$1.log" 2>&1 &
    WAIT+=($!)
}

gather() { # all that runs aside, in order; of each log the end
    wait "${WAIT[@]}"
    for log in "${ASIDE[@]}"; do head -n 2 "$log"; tail -n +3 "$log" | tail -c 12000; done
}

tests() { python3 -m pytest -p no:cacheprovider --tb=short --durations=3 -n "$@"; }

oracles() { TEST_DEVICE=$DEVICE tests "$@"; }

train() { # WORK_DIR ARGUMENTS...: tools/train.py from an empty folder
    (cd "$WORK" && python3 "$OLDPWD/tools/train.py" "$OLDPWD/configs/pose/hrnet_bsam.py" \
        --work-dir "$@" 2>&1 | grep --line-buffered -E "$TELLING")
}

tools() { # the whole tool: two epochs, the second one resumed, float16, one process with DDP
    local few="$PERSONS train_cfg.max_epochs=2 train_cfg.val_interval=1 randomness.deterministic=True"
    local alone="$few train_cfg.max_epochs=1"
    echo "# two epochs"; train whole --cfg-options $few default_hooks.logger.interval=8
    echo "# the second one again, from the first one's checkpoint"
    train again --resume "$WORK/whole/epoch_1.pth" --cfg-options $few
    python3 - "$WORK"/{whole,again}/epoch_2.pth <<'PY'
import sys, torch
one, other = (torch.load(p, map_location="cpu", weights_only=False)["state_dict"] for p in sys.argv[1:])
off = [k for k in one if not torch.equal(one[k], other[k])]
print("RESUMED:", "equal bit for bit" if not off else f"{len(off)} of {len(one)} tensors differ: {off[:5]}")
PY
    [ "$TINY" ] && return
    echo "# float16"; train half --amp --cfg-options $alone
    [ "$DEVICE" = cuda ] || return
    export MASTER_ADDR=127.0.0.1 LOCAL_RANK=0
    echo "# one process under DDP, NCCL"
    RANK=0 WORLD_SIZE=1 MASTER_PORT=29511 train nccl --launcher pytorch --cfg-options $alone
    echo "# two processes on one GPU under DDP, gloo"
    for rank in 1 0; do
        RANK=$rank WORLD_SIZE=2 MASTER_PORT=29512 train gloo --launcher pytorch \
            --cfg-options $alone env_cfg.dist_cfg.backend=gloo &
    done
    wait
}

export -f tests oracles train tools
export WORK DEVICE PERSONS TINY TELLING

all() {
    date
    nvidia-smi --query-gpu=name,driver_version --format=csv,noheader 2>/dev/null
    python3 -c 'import torch, sys; print("Python", sys.version.split()[0], "PyTorch", torch.__version__)'

    # Correctness first, side by side: nothing is timed here. One thread for each process.
    export OMP_NUM_THREADS=1 CUBLAS_WORKSPACE_CONFIG=:4096:8
    S=tests/bsam_suite
    if [ "$TINY" ]; then
        aside device 150 bash -c "tests 0 $S/test_device.py -k channels"
        aside oracles 150 bash -c "oracles 0 $S/sharpness/test_rules.py -k GSAM"
        aside tools 200 bash -c tools
    else
        aside device 110 bash -c "tests 4 --dist load $S/test_device.py"
        aside oracles 110 bash -c "oracles 3 --dist load \
            $S/sharpness $S/optim $S/test_host_reads.py $S/test_precision.py \
            -k 'not lightning and not accelerate'"
        aside tools 120 bash -c tools
        aside processes 100 bash -c "oracles 0 $S/processes"
    fi
    gather
    unset OMP_NUM_THREADS CUBLAS_WORKSPACE_CONFIG

    # Then what is timed, alone.
    part reads 60 python3 benchmarks/gpu_reads.py "$OUT" $TINY
    part graph 60 python3 benchmarks/gpu_graph.py "$OUT" $TINY
    part step 150 python3 benchmarks/gpu_step.py "$OUT" $TINY --seconds 115
    if [ "$TINY" ]; then
        part qat 60 python3 benchmarks/qat.py --size 32 --batch 2 --rounds 2
    else
        part loader 50 python3 benchmarks/pose_throughput.py configs/pose/hrnet-w32_adam_coco-256x192.py \
            --data-root "$(echo "$WORK"/home/people*)" --rounds 3 --batch 64 --workers 16
        part qat 40 python3 benchmarks/qat.py --size 32 --batch 16
        part qat_larger 40 python3 benchmarks/qat.py --size 224 --batch 32
    fi
    printf '\n===== done in %s s\n' "$SECONDS"
}

all 2>&1 | tee "$OUT/report.txt"
