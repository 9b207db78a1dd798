"""What is not the run's fault ends it with one line, or passes by; nothing is lost."""

import os
import random
import signal
import time
from pathlib import Path

import pytest

from bsam_suite.errors import InputError

SHORT = dict(train_cfg__max_epochs=2)


def test_a_worker_that_dies_ends_the_run_which_goes_on(small, monkeypatch):
    from small_run import SmallData, content, differences

    item, main = SmallData.__getitem__, os.getpid()
    last = Path("run/epoch_1.pth")

    def dies(data, index):
        if os.getpid() != main and last.exists():
            os.kill(os.getpid(), signal.SIGKILL)
        return item(data, index)

    small(work_dir="whole", **SHORT)
    with monkeypatch.context() as fault:
        fault.setattr(SmallData, "__getitem__", dies)
        with pytest.raises(InputError, match=r"DataLoader worker \(pid.*--resume auto goes on"):
            small(work_dir="run", train_dataloader__num_workers=1, **SHORT)
    small(work_dir="run", resume="auto", **SHORT)
    assert not differences(content(Path("whole")), content(Path("run")))


def test_a_clock_that_jumps_changes_nothing_but_times(small, monkeypatch):
    from small_run import content, differences

    small(work_dir="whole", **SHORT)
    now, jumps = time.time, random.Random(0)
    monkeypatch.setattr(time, "time", lambda: now() + jumps.uniform(-1e9, 1e9))
    small(work_dir="run", **SHORT)
    assert not differences(content(Path("whole")), content(Path("run")))
