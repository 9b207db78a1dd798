"""tools/compare.py, as a user runs it and stops it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "configs/classification/resnet18_sgd.py"
SMALL = [
    "train_cfg.max_epochs=3",
    "train_cfg.val_interval=1",
    "default_hooks.checkpoint.interval=1",
    "image_size=8",
    "train_dataloader.batch_size=128",
]
COMMAND = [sys.executable, str(ROOT / "tools/compare.py"), str(CONFIG), "--out", "out"]


def compare(cwd, *args, options=SMALL):
    command = [*COMMAND, *args, "--cfg-options", *options]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True)


def wait_for(path, process):
    while not path.exists():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)


def test_killed_and_started_again(tmp_path):
    runs = tmp_path / "out/runs"
    args = ["--rules", "none", "bsam", "--seeds", "1"]
    process = subprocess.Popen(
        [*COMMAND, *args, "--cfg-options", *SMALL],
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

    went_on = compare(tmp_path, *args)
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
    config = str(ROOT / "configs/classification/resnet18_bsam.py")
    train = [sys.executable, str(ROOT / "tools/train.py"), config, "--work-dir", "alone"]
    subprocess.run([*train, "--cfg-options", *SMALL], cwd=tmp_path, check=True, capture_output=True)
    alone, compared = (
        json.loads((folder / "metrics.json").read_text())
        for folder in (tmp_path / "alone", stopped)
    )
    assert alone["metrics"] == compared["metrics"]
    assert alone["iterations"] == compared["iterations"] == 36

    # Stopped between the last checkpoint and its validation.
    (stopped / "metrics.json").unlink()
    assert compare(tmp_path, *args).returncode == 0
    again = json.loads((stopped / "metrics.json").read_text())
    assert again["metrics"] == compared["metrics"]


def test_a_run_that_fails(tmp_path):
    failing = [*SMALL, "model.net.width=-1"]
    found = compare(tmp_path, "--rules", "none", "--seeds", "1", options=failing)
    assert found.returncode == 1
    assert "sgd, seed=0 failed:" in found.stderr and "log.txt" in found.stderr
    assert os.path.getsize(tmp_path / "out/runs/sgd,seed=0/log.txt") > 100
