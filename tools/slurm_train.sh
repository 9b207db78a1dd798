#!/usr/bin/env bash
# Train in a job of Slurm:
#     tools/slurm_train.sh PARTITION JOB_NAME CONFIG WORK_DIR [options of tools/train.py]
# GPUS, GPUS_PER_NODE, CPUS_PER_TASK and SBATCH_ARGS in the environment mean what they do in MMPose's
# script. Five minutes before its time is up, and when it is preempted, the training saves and the
# job goes back into the queue, from where it goes on.
set -euo pipefail
[ $# -ge 4 ] || { sed -n '2,6s/^# //p' "$0" >&2; exit 2; }
gpus=${GPUS:-8} per_node=${GPUS_PER_NODE:-8}
mkdir -p "$4"
# Status 75 is "try again". When the first process ends the others have a minute.
# shellcheck disable=SC2086
sbatch --partition="$1" --job-name="$2" --ntasks="$gpus" --ntasks-per-node="$per_node" \
    --gres=gpu:"$per_node" --cpus-per-task="${CPUS_PER_TASK:-5}" --requeue --signal=TERM@300 \
    --output="$4/slurm-%j.txt" --open-mode=append ${SBATCH_ARGS:-} <<END
#!/usr/bin/env bash
srun --wait=60 python $(printf '%q ' "$(dirname "$0")/train.py" "$3" --work-dir "$4" "${@:5}") \
    --launcher slurm --resume auto
code=\$?
[ \$code -ne 75 ] || scontrol requeue \$SLURM_JOB_ID
exit \$code
END
