#!/usr/bin/env bash
# Train in several processes of this machine, or of NNODES machines with this command on each:
#     tools/dist_train.sh CONFIG PROCESSES [options of tools/train.py]
# NNODES, NODE_RANK, MASTER_ADDR and PORT in the environment mean what they do in MMPose's script.
set -euo pipefail
[ $# -ge 2 ] || { sed -n '2,4s/^# //p' "$0" >&2; exit 2; }
exec python -m torch.distributed.run --nnodes="${NNODES:-1}" --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="${PORT:-29500}" --nproc_per_node="$2" \
    "$(dirname "$0")/train.py" "$1" --launcher pytorch "${@:3}"
