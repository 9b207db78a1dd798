"""tools/compare.py, as a user runs it and stops it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONFIG = str(ROOT / "configs/classification/resnet18_sgd.py")
SMALL = [
    "train_cfg.max_epochs=3",
    "train_cfg.val_interval=1",
    "default_hooks.checkpoint.interval=1",
    "image_size=8",
    "train_dataloader.batch_size=128",
]


def wait_for(path, process):
    while not path.exists():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)


def test_killed_and_started_again(tool, tmp_path):
    runs = tmp_path / "out/runs"
    args = ["--out", "out", "--rules", "none", "bsam", "--seeds", "1"]
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "tools/compare.py"), CONFIG, *args, "--cfg-options", *SMALL],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(runs / "bsam,seed=0/epoch_1.pth", process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done, stopped = runs / "sgd,seed=0/metrics.json", runs / "bsam,seed=0"
    assert done.exists() and not (stopped / "metrics.json").exists()
    time.sleep(0.5)
    log = (stopped / "log.txt").read_text()
    time.sleep(3)
    assert (stopped / "log.txt").read_text() == log  # the run has ended with the comparison
    before = done.stat().st_mtime_ns

    went_on = tool("compare", CONFIG, *args, options=SMALL)
    assert went_on.returncode == 0, went_on.stderr
    assert "1 of 2 runs are already finished\n[2/2] bsam, seed=0: " in went_on.stdout
    assert done.stat().st_mtime_ns == before
    assert "resumed epoch: 1" in (stopped / "log.txt").read_text()
    results = json.loads((tmp_path / "out/results.json").read_text())
    assert [(r["rule"], r["seed"], r["passes"]) for r in results["runs"]] == [
        ("sgd", 0, 3),
        ("bsam", 0, 9),
    ]

    # The stopped run ended as tools/train.py by itself does.
    config = "configs/classification/resnet18_bsam.py"
    assert tool("train", config, "--work-dir", "alone", options=SMALL).returncode == 0
    alone, compared = (
        json.loads((folder / "metrics.json").read_text())
        for folder in (tmp_path / "alone", stopped)
    )
    assert alone["metrics"] == compared["metrics"]
    assert alone["iterations"] == compared["iterations"] == 36

    # Stopped between the last checkpoint and its validation.
    (stopped / "metrics.json").unlink()
    assert tool("compare", CONFIG, *args, options=SMALL).returncode == 0
    again = json.loads((stopped / "metrics.json").read_text())
    assert again["metrics"] == compared["metrics"]


def test_a_run_that_fails(tool, tmp_path):
    failing = [*SMALL, "model.net.width=-1"]
    args = ["--out", "out", "--rules", "none", "--seeds", "1"]
    found = tool("compare", CONFIG, *args, options=failing)
    assert found.returncode == 1
    assert "sgd, seed=0 failed:" in found.stderr and "log.txt" in found.stderr
    assert os.path.getsize(tmp_path / "out/runs/sgd,seed=0/log.txt") > 100
