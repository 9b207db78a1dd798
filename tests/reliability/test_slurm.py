"""``tools/slurm_train.sh`` and ``tools/dist_train.sh``, with stand-ins for Slurm's own commands."""

import os
import signal
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import psutil
import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
from small_run import CONFIG, content, differences  # noqa: E402

from bsam_suite.compat import patch_mmengine  # noqa: E402

ROOT = HERE.parents[1]
SBATCH = """#!/usr/bin/env bash
cat > job.sh
echo "$@" > sbatch.txt
export SLURM_JOB_ID=7 SLURM_NTASKS=2 SLURM_NODELIST=node
while true; do
    rm -f again
    bash job.sh >> job.txt 2>&1
    [ -e again ] || exit 0
done
"""
SRUN = """#!/usr/bin/env bash
shift  # --wait
for rank in 0 1; do
    SLURM_PROCID=$rank SLURM_LOCALID=$rank "$@" &
    jobs[$rank]=$!
done
code=0
for job in "${jobs[@]}"; do
    wait "$job" || code=$?
done
exit $code
"""
SCONTROL = """#!/usr/bin/env bash
[ "$1" = requeue ] && touch again || echo localhost
"""


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


def environment(folder):
    """Slurm's commands and this Python come first."""
    commands = folder / "bin"
    commands.mkdir()
    for name, text in dict(sbatch=SBATCH, srun=SRUN, scontrol=SCONTROL).items():
        (commands / name).write_text(text)
        (commands / name).chmod(0o755)
    path = f"{commands}:{Path(sys.executable).parent}:{os.defpath}"
    port = free_port()
    return dict(os.environ, PATH=path, PYTHONPATH=str(HERE), MASTER_PORT=port, PORT=port)


def config(folder):
    text = CONFIG.replace("BATCH", "8").replace("EPOCHS", "6")
    (folder / "small.py").write_text(text)


def steps(folder):
    """Lines of the log that tell of a step, in whatever of its runs."""
    return [
        line
        for file in folder.glob("*/*.log")
        for line in file.read_text().splitlines()
        if "Epoch(train)" in line
    ]


@pytest.mark.slow
def test_a_preempted_job_goes_on_to_what_an_uninterrupted_run_gives(tmp_path):
    config(tmp_path)
    run = partial(subprocess.Popen, cwd=tmp_path, env=environment(tmp_path))
    alone = run([ROOT / "tools/dist_train.sh", "small.py", "2", "--seed", "1"])
    assert alone.wait(120) == 0

    work_dir = tmp_path / "preempted"
    job = [ROOT / "tools/slurm_train.sh", "gpu", "a name", "small.py", work_dir, "--seed", "1"]
    with run(job) as submitted:
        while len(steps(work_dir)) < 3:
            assert submitted.poll() is None
            time.sleep(0.02)
        for process in psutil.Process(submitted.pid).children(recursive=True):
            if process.name().startswith("python"):
                process.send_signal(signal.SIGTERM)
    assert submitted.returncode == 0
    assert len([*work_dir.glob("*/*.log")]) == 2 and not (work_dir / "stopped.pth").exists()
    asked = (tmp_path / "sbatch.txt").read_text()
    assert "--partition=gpu --job-name=a name" in asked and "--requeue --signal=TERM@300" in asked

    patch_mmengine()
    kept = content(tmp_path / "work_dirs/small"), content(work_dir)
    assert "epoch_6.pth" in kept[0] and not differences(*kept)


def test_the_usage():
    for name, wanted in dict(dist="CONFIG PROCESSES", slurm="PARTITION JOB_NAME CONFIG").items():
        found = subprocess.run([ROOT / f"tools/{name}_train.sh"], capture_output=True, text=True)
        assert found.returncode == 2 and wanted in found.stderr
