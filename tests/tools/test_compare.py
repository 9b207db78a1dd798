"""tools/compare.py, as a user runs it and stops it."""

import json
import os
import re
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
    "model.net.width=4",
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
    assert [(r["method"], r["seed"], r["passes"]) for r in results["runs"]] == [
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
    (record,) = (tmp_path / "out/records").glob("bsam*.json")
    before = json.loads(record.read_text())
    record.unlink()
    assert tool("compare", CONFIG, *args, options=SMALL).returncode == 0
    again = json.loads((stopped / "metrics.json").read_text())
    assert again["metrics"] == compared["metrics"]
    again = json.loads(record.read_text())
    assert again["metrics"] == before["metrics"]
    assert set(again["metrics"]["accuracy"]) == {"1", "2", "3"}


def test_a_run_that_fails(tool, tmp_path):
    failing = [*SMALL, "model.net.width=-1"]
    args = ["--out", "out", "--rules", "none", "--seeds", "1"]
    found = tool("compare", CONFIG, *args, options=failing)
    assert found.returncode == 1
    assert "sgd, seed=0 failed:" in found.stderr and "log.txt" in found.stderr
    assert os.path.getsize(tmp_path / "out/runs/sgd,seed=0/log.txt") > 100


TATTLING = """
from mmengine.registry import DATASETS
from tasks.classification.digits import Digits

@DATASETS.register_module()
class Tattling(Digits):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        with open("FILE", "a") as file:
            file.write("opened\\n")
"""
OWN = f"""
_base_ = "{CONFIG}"
custom_imports = dict(imports=["tasks.classification.register_all", "tattling"])
test_dataloader = dict(dataset=dict(type="Tattling"))
"""
STUDY = """
cells = [dict(config="own.py")]
methods = dict(
    sgd=dict(tune={"optim_wrapper.optimizer.lr": [0.05, 50000.0]}),
    bsam=dict(rule="BSAM", settings=dict(k=5), tune=dict(rho=[0.01, 0.02])),
)
metric, trials, tuning_seeds, seeds = "accuracy", 2, 1, 1
hooks = [
    dict(type="FitHook"),
    dict(type="RobustnessHook", weights=[0.1], corruptions=dict(blur=[0.06])),
]
options = {
    "train_cfg.max_epochs": 2,
    "train_cfg.val_interval": 1,
    "image_size": 8,
    "train_dataloader.batch_size": 128,
    "model.net.width": 4,
}
"""


def test_a_study_goes_on_from_its_records_and_chooses_without_the_test_part(tool, tmp_path):
    opened = tmp_path / "opened.txt"
    (tmp_path / "tattling.py").write_text(TATTLING.replace("FILE", str(opened)))
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "study.py").write_text(STUDY)
    command = [str(tmp_path / "study.py"), "--records", "records"]
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "tools/compare.py"), *command, "--out", "out"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    records = tmp_path / "records"
    while len([*records.glob("*.json")]) < 2:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = {file.name: file.read_text() for file in records.glob("*.json")}
    assert all("tuning" in name for name in kept) and not opened.exists()

    # On another machine there are the records alone.
    found = tool("compare", *command, "--out", "elsewhere")
    assert found.returncode == 0, found.stderr
    assert f"{len(kept)} of 4 runs are already finished" in found.stdout
    assert kept.items() <= {file.name: file.read_text() for file in records.glob("*.json")}.items()
    page = (tmp_path / "elsewhere/results.md").read_text()
    results = json.loads((tmp_path / "elsewhere/results.json").read_text())
    chosen = {choice["method"]: choice["settings"] for choice in results["choices"]}
    assert chosen["sgd"] == {"optim_wrapper.optimizer.lr": 0.05}
    assert "lr=50000.0" in page and "diverged" in page and "on the training data" in page
    assert re.search(r"\| clean +\| ece +\| nll +\| weights 0.1 +\| blur 0.06 +\|", page)
    assert [(r["method"], r["seed"], r["chosen"]) for r in results["runs"]] == [
        (name, 1, chosen[name]) for name in ("sgd", "bsam")
    ]
    assert results["runs"][1]["passes"] == 2 * 29 / 24  # 24 steps, of which 5 look around
    assert opened.read_text().count("opened") == 2  # once by each of the two runs that are tested

    reported = tool("compare", *command, "--report")
    assert reported.returncode == 0, reported.stderr
    again = (tmp_path / "work_dirs/compare/study/results.md").read_text()
    assert again.partition("\n\n")[2] == page.partition("\n\n")[2]
