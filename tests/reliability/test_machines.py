"""Several agents of torchrun, as on several machines, processes that die, and every task."""

import time
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
ENDS_WITHIN = 60
"""Seconds from the death of a process to the end of all others; docs/reliability.md says so."""


def test_two_agents_train_as_one(train, tmp_path):
    """On 127.0.0.1 and with two processes each."""
    from small_run import content, differences

    assert train(4, "one").wait(300) == 0
    agents = [train(2, "two", NNODES="2", NODE_RANK=str(rank)) for rank in (0, 1)]
    assert [agent.wait(300) for agent in agents] == [0, 0]
    kept = content(tmp_path / "one"), content(tmp_path / "two")
    assert "epoch_4.pth" in kept[0] and not differences(*kept)


def test_a_process_that_dies_ends_the_others(train, tmp_path):
    from small_run import content, differences

    assert train(2, "whole").wait(300) == 0
    folder, training = tmp_path / "killed", train(2, "killed")
    while not (folder / "epoch_1.pth").exists():
        assert training.poll() is None
        time.sleep(0.05)
    workers = psutil.Process(training.pid).children()
    workers[-1].kill()
    began = time.monotonic()
    assert training.wait(2 * ENDS_WITHIN) != 0
    assert time.monotonic() - began < ENDS_WITHIN
    assert not any(worker.is_running() for worker in workers)

    assert train(2, "killed", "--resume", "auto").wait(300) == 0
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
    for name, options in TASKS.items():
        floats = str(tmp_path / "classification/resnet18_bsam/epoch_1.pth")
        options = ["--cfg-options", *(o.replace("FLOAT", floats) for o in options)]
        config = str(ROOT / f"configs/{name}.py")
        run = train(processes, name, *options, config=config, BSAM_SUITE_HOME=str(home))
        printed = tmp_path / f"{Path(name).name}.txt"
        assert run.wait(600) == 0, f"{name}: {printed.read_text()[-5000:]}"
        assert (tmp_path / name / "metrics.json").is_file()
