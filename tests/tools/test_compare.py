"""tools/compare.py, as a user runs it and stops it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "configs/classification/resnet18_sgd.py"
SMALL = [
    "train_cfg.max_epochs=3",
    "train_cfg.val_interval=1",
    "default_hooks.checkpoint.interval=1",
    "train_dataloader.dataset.dataset.size=8",
    "val_dataloader.dataset.size=8",
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
    args = ["--rules", "sgd", "bsam", "--seeds", "2"]
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
    time.sleep(1)
    left = subprocess.run(["pgrep", "-f", str(ROOT / "tools/compare.py")], capture_output=True)
    assert str(process.pid) not in left.stdout.decode().split()
    log = (stopped / "log.txt").read_text()
    time.sleep(1)
    assert (stopped / "log.txt").read_text() == log  # no run goes on by itself
    before = done.stat().st_mtime_ns

    went_on = compare(tmp_path, *args)
    assert went_on.returncode == 0, went_on.stderr
    assert "1 of 4 runs are done already" in went_on.stdout
    assert "[4/4]" in went_on.stdout and "bsam" in went_on.stdout
    assert done.stat().st_mtime_ns == before
    assert "resumed epoch: 1" in (stopped / "log.txt").read_text()
    results = json.loads((tmp_path / "out/results.json").read_text())
    assert [(r["rule"], r["seed"], r["passes"]) for r in results["runs"]] == [
        ("sgd", 0, 3),
        ("bsam", 0, 9),
        ("sgd", 1, 3),
        ("bsam", 1, 9),
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
    assert alone["iterations"] == compared["iterations"] == 69

    # Stopped between the last checkpoint and its validation.
    (stopped / "metrics.json").unlink()
    assert compare(tmp_path, *args).returncode == 0
    again = json.loads((stopped / "metrics.json").read_text())
    assert again["metrics"] == compared["metrics"]

    other = compare(tmp_path, *args, options=[*SMALL, "optim_wrapper.optimizer.lr=0.01"])
    assert other.returncode == 1 and "--out" in other.stderr and "other settings" in other.stderr
    assert "Traceback" not in other.stderr


@pytest.mark.parametrize(
    "args, message",
    [
        (["--rules", "sgd", "--seeds", "0"], "--seeds 0: give a number from 1"),
        (["--rules", "sgd", "--jobs", "0"], "--jobs 0: give a number from 1"),
        (["--rules", "samm"], "--rules samm: give sgd or one of"),
    ],
)
def test_unusable_values(tmp_path, args, message):
    found = compare(tmp_path, *args)
    assert found.returncode == 1
    assert message in found.stderr and "Traceback" not in found.stderr


def test_a_run_that_fails(tmp_path):
    failing = [*SMALL, "model.net.width=-1"]
    found = compare(tmp_path, "--rules", "sgd", "--seeds", "1", options=failing)
    assert found.returncode == 1
    assert "the first run failed" in found.stderr and "log.txt" in found.stderr
    assert os.path.getsize(tmp_path / "out/runs/sgd,seed=0/log.txt") > 100
