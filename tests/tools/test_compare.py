"""tools/compare.py, as a user runs it and stops it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

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
    "train_cfg.max_epochs": 3,
    "train_cfg.val_interval": 1,
    "default_hooks.checkpoint.interval": 1,
    "image_size": 8,
    "train_dataloader.batch_size": 128,
    "model.net.width": 4,
}
"""


@pytest.mark.long
def test_a_study_is_killed_and_goes_on_there_and_elsewhere(tool, tmp_path):
    opened, records, runs = tmp_path / "opened.txt", tmp_path / "records", tmp_path / "out/runs"
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
    stopped = runs / "bsam,rho=0.01,tuning,seed=0"
    wait_for(stopped / "epoch_1.pth", process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (first,), (diverged,) = records.glob("sgd,lr=0.05,*.json"), records.glob("sgd,lr=5*.json")
    assert len([*records.iterdir()]) == 2 and not (stopped / "metrics.json").exists()
    assert not opened.exists()
    time.sleep(0.5)
    log = (stopped / "log.txt").read_text()
    time.sleep(2)
    assert (stopped / "log.txt").read_text() == log  # the run has ended with the comparison
    before = {file: file.read_text() for file in (first, diverged)}

    # As if another one had been stopped between its last checkpoint and the validation.
    first.unlink()
    (runs / "sgd,lr=0.05,tuning,seed=0/metrics.json").unlink()
    went_on = tool("compare", *command, "--out", "out")
    assert went_on.returncode == 0, went_on.stderr
    assert "1 of 4 runs are already finished\n[2/4] sgd lr=0.05, tuning, seed=0: " in went_on.stdout
    assert diverged.read_text() == before[diverged]
    metrics = [json.loads(text)["metrics"] for text in (before[first], first.read_text())]
    assert metrics[0] == metrics[1] and set(metrics[0]["accuracy"]) == {"1", "2", "3"}
    assert "resumed epoch: 1" in (stopped / "log.txt").read_text()

    # The stopped run ended as tools/train.py by itself does.
    config = tmp_path / "out/configs/bsam,rho=0.01,tuning,seed=0.py"
    done = tool("train", config, "--work-dir", "alone")
    assert done.returncode == 0, done.stderr
    alone, compared = (
        json.loads((folder / "metrics.json").read_text())
        for folder in (tmp_path / "alone", stopped)
    )
    assert alone["metrics"] == compared["metrics"]
    assert alone["iterations"] == compared["iterations"] == 27  # of 1,150 images, a fifth held out

    page, results = (tmp_path / f"out/results.{end}" for end in ("md", "json"))
    results = json.loads(results.read_text())
    chosen = {choice["method"]: choice["settings"] for choice in results["choices"]}
    assert chosen["sgd"] == {"optim_wrapper.optimizer.lr": 0.05}
    assert [(r["method"], r["seed"], r["chosen"]) for r in results["runs"]] == [
        (name, 1, chosen[name]) for name in ("sgd", "bsam")
    ]
    # 36 steps, of which 8 look around.
    assert [r["passes"] for r in results["runs"]] == [3, 3 * (1 + 8 / 36)]
    page = page.read_text()
    assert "lr=50000.0" in page and "diverged" in page and "on the training data" in page
    assert opened.read_text().count("opened") == 2  # once by each of the two runs that are tested

    # On another machine there are the records alone.
    (last,) = records.glob("bsam,*,seed=1.*.json")
    last.unlink()
    found = tool("compare", *command, "--out", "elsewhere")
    assert found.returncode == 0, found.stderr
    assert "4 of 4 runs are already finished\n" in found.stdout
    assert "1 of 2 runs are already finished\n[2/2] bsam rho=0.0" in found.stdout
    again = (tmp_path / "elsewhere/results.md").read_text()
    assert again.partition("\n\n")[2] == page.partition("\n\n")[2]


@pytest.mark.slow
def test_jobs_of_a_cluster(tool, tmp_path):
    """One is lost in the middle of its run; the others, and what it does again, are as without."""
    args = [CONFIG, "--rules", "none", "bsam", "--seeds", "2"]
    command = [sys.executable, str(ROOT / "tools/compare.py"), *args, "--out", "jobs", "--submit"]
    command += ["cluster=local", "timeout_min=5", "--jobs", "2", "--cfg-options", *SMALL]
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    process = subprocess.Popen(command, **pipes)
    lost = tmp_path / "jobs/runs/bsam,seed=1"
    wait_for(lost / "epoch_1.pth", process)
    jobs = sorted((tmp_path / "jobs/jobs").glob("*_submitted.pkl"), key=os.path.getmtime)
    assert len(jobs) == 2
    job = psutil.Process(int(jobs[1].name.partition("_")[0]))
    for one in [job, *job.children(recursive=True)]:
        one.kill()
    printed, errors = process.communicate()
    assert process.returncode == 0, errors
    assert printed.count("was lost: it is submitted again") == 1 and "[4/4] " in printed
    assert "resumed epoch: 1" in (lost / "log.txt").read_text()

    alone = tool("compare", *args, "--out", "alone", options=SMALL)
    assert alone.returncode == 0, alone.stderr
    found = [
        [json.loads(f.read_text())["metrics"] for f in sorted((tmp_path / d).glob("records/*"))]
        for d in ("jobs", "alone")
    ]
    assert len(found[0]) == 4 and found[0] == found[1]


def test_settings_of_a_cluster_that_is_not_there(tool):
    args = ["--rules", "none", "--out", "out", "--submit", "cluster=slurm"]
    for more, said in ([], "slurm"), (["timeout=3"], "cluster"), (["cluster=lokal"], "lokal"):
        found = tool("compare", CONFIG, *args, *more)
        assert found.returncode == 1 and said in found.stderr.lower(), found.stderr
