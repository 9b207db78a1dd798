"""Several agents of torchrun, as on several machines, processes that die, and every task."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
from small_run import CONFIG, content, differences  # noqa: E402

from bsam_suite.compat import patch_mmengine  # noqa: E402

pytestmark = pytest.mark.slow
ROOT = HERE.parents[1]
ENDS_WITHIN = 60
"""Seconds from the death of a process to the end of all others; docs/reliability.md says so."""


@pytest.fixture
def train(tmp_path):
    """Start ``tools/dist_train.sh`` on a small config in a folder of its own."""
    text = CONFIG.replace("BATCH", "4").replace("EPOCHS", "4")
    (tmp_path / "small.py").write_text(text)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    path = f"{Path(sys.executable).parent}:{os.defpath}"
    env = dict(os.environ, PATH=path, PYTHONPATH=str(HERE), PORT=port)

    def start(processes, folder, config="small.py", *options, **more):
        command = [ROOT / "tools/dist_train.sh", config, str(processes), "--seed", "1"]
        command += ["--work-dir", folder, *options]
        return subprocess.Popen(command, cwd=tmp_path, env={**env, **more})

    return start


def test_two_agents_train_as_one(train, tmp_path):
    """On 127.0.0.1 and with two processes each."""
    assert train(4, tmp_path / "one").wait(300) == 0
    agents = [train(2, tmp_path / "two", NNODES="2", NODE_RANK=str(rank)) for rank in (0, 1)]
    assert [agent.wait(300) for agent in agents] == [0, 0]
    patch_mmengine()
    kept = content(tmp_path / "one"), content(tmp_path / "two")
    assert "epoch_4.pth" in kept[0] and not differences(*kept)


def test_a_process_that_dies_ends_the_others(train, tmp_path):
    assert train(2, tmp_path / "whole").wait(300) == 0
    folder = tmp_path / "killed"
    training = train(2, folder)
    while not (folder / "epoch_1.pth").exists():
        assert training.poll() is None
        time.sleep(0.05)
    workers = psutil.Process(training.pid).children()
    workers[-1].kill()
    began = time.monotonic()
    assert training.wait(2 * ENDS_WITHIN) != 0
    assert time.monotonic() - began < ENDS_WITHIN
    assert not any(worker.is_running() for worker in workers)

    assert train(2, folder, "small.py", "--resume", "auto").wait(300) == 0
    patch_mmengine()
    kept = content(tmp_path / "whole"), content(folder)
    assert not differences(*kept)


FEW = ["train_cfg.max_epochs=1", "train_cfg.val_interval=1"]
SMALL = ["image_size=8", *FEW]
TASKS = {
    "pose/hrnet_bsam": ["people.train=48", "people.val=12", "train_dataloader.batch_size=4", *FEW],
    "classification/resnet18_bsam": ["model.net.width=4", *SMALL],
    "quantization/resnet18_w4a4_bsam": [
        "model.model.net.width=4",
        "model.checkpoint=FLOAT",
        *SMALL,
    ],
}


@pytest.mark.parametrize("processes", [2, 4])
def test_every_task(train, tmp_path, home, processes):
    folders = {name: tmp_path / name for name in TASKS}
    for name, options in TASKS.items():
        floats = folders["classification/resnet18_bsam"] / "epoch_1.pth"
        options = [o.replace("FLOAT", str(floats)) for o in options]
        config = str(ROOT / f"configs/{name}.py")
        options = ["--cfg-options", *options]
        run = train(processes, folders[name], config, *options, BSAM_SUITE_HOME=str(home))
        assert run.wait(600) == 0, name
        assert (folders[name] / "metrics.json").is_file()
