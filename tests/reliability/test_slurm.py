"""``tools/slurm_train.sh`` and ``tools/dist_train.sh``, with stand-ins for Slurm's own commands."""

import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]
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


@pytest.fixture
def slurm(tmp_path, environment):
    """Variables with which Slurm's commands come first."""
    commands = tmp_path / "bin"
    commands.mkdir()
    for name, text in dict(sbatch=SBATCH, srun=SRUN, scontrol=SCONTROL).items():
        (commands / name).write_text(text)
        (commands / name).chmod(0o755)
    return dict(environment, PATH=f"{commands}:{environment['PATH']}")


def steps(folder):
    """Lines of the log that tell of a step, in whatever of its runs."""
    return [
        line
        for file in folder.glob("*/*.log")
        for line in file.read_text().splitlines()
        if "Epoch(train)" in line
    ]


@pytest.mark.slow
def test_a_preempted_job_goes_on_to_what_an_uninterrupted_run_gives(train, slurm, tmp_path):
    from small_run import content, differences

    assert train(2, "alone").wait(300) == 0
    work_dir = tmp_path / "preempted"
    job = [ROOT / "tools/slurm_train.sh", "gpu", "a name", "small.py", work_dir, "--seed", "1"]
    with subprocess.Popen(job, cwd=tmp_path, env=slurm) as submitted:
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

    kept = content(tmp_path / "alone"), content(work_dir)
    assert "epoch_4.pth" in kept[0] and not differences(*kept)


def test_the_usage():
    for name, wanted in dict(dist="CONFIG PROCESSES", slurm="PARTITION JOB_NAME CONFIG").items():
        found = subprocess.run([ROOT / f"tools/{name}_train.sh"], capture_output=True, text=True)
        assert found.returncode == 2 and wanted in found.stderr
