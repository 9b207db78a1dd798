"""The tools under several processes and mixed precision."""

import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
CONFIG = "configs/pose/hrnet_bsam.py"
OPTIONS = [
    "people.train=48",
    "people.val=12",
    "train_cfg.max_epochs=1",
    "train_dataloader.batch_size=4",
    "train_dataloader.dataset.indices=16",
]


def predictions(path):
    with open(path, "rb") as file:
        return {s["id"]: s["pred_instances"]["keypoints"] for s in pickle.load(file)}


@pytest.fixture
def torchrun(home, tmp_path):
    """Run ``tools/NAME.py`` in two processes."""

    def run(name, *args):
        command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2"]
        command += ["--standalone", str(ROOT / f"tools/{name}.py"), str(ROOT / CONFIG)]
        command += [*args, "--launcher", "pytorch", "--cfg-options", *OPTIONS]
        env = dict(os.environ, BSAM_SUITE_HOME=str(home), OMP_NUM_THREADS="1")
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)

    return run


@pytest.mark.long
def test_two_processes_train_and_evaluate_as_one(tool, torchrun, tmp_path):
    trained = torchrun("train", "--work-dir", "run")
    assert trained.returncode == 0, trained.stderr[-2000:]
    assert "flatness" in trained.stdout and trained.stdout.count("Next: ") == 1
    assert "[2/2]" in trained.stdout  # 16 persons make 2 steps of 2 processes with 4 each
    checkpoint = "run/epoch_1.pth"
    two = torchrun("test", checkpoint, "--dump", "two.pkl")
    assert two.returncode == 0, two.stderr[-2000:]
    one = tool("test", CONFIG, checkpoint, "--dump", "one.pkl", options=OPTIONS)
    assert one.returncode == 0, one.stderr[-2000:]
    one, two = (predictions(tmp_path / f"{name}.pkl") for name in ("one", "two"))
    assert one.keys() == two.keys() and len(one) >= 12
    for key in one:
        np.testing.assert_allclose(two[key], one[key], atol=1e-2)


def test_a_launcher_without_its_environment_is_refused(tool):
    for launcher, remedy in (("pytorch", "torchrun"), ("slurm", "srun")):
        refused = tool("train", CONFIG, "--launcher", launcher)
        assert refused.returncode == 1
        assert re.search(
            rf"^error: --launcher {launcher}: start it as \S*{remedy} ", refused.stderr
        )


def test_amp_without_a_gpu_asks_for_bfloat16(tool, tmp_path):
    trained = tool("train", CONFIG, "--amp", "--work-dir", "run", options=OPTIONS)
    assert trained.returncode == 0, trained.stderr[-2000:]
    dumped = (tmp_path / "run").rglob("*.py")
    assert any("dtype='bfloat16'" in path.read_text() for path in dumped)
