"""What is not the run's fault ends it with one line, or passes by; nothing is lost."""

import errno
import os
import random
import re
import signal
import subprocess
import sys
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


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS])
def test_a_checkpoint_that_cannot_be_written_ends_the_run_which_goes_on(small, monkeypatch, code):
    """A full disk, or a folder that can only be read any more: half a file is all that fits."""
    from small_run import content, differences

    write = Path.write_bytes

    def fails(path, data):
        if path.name == "epoch_2.pth.part":
            write(path, data[: len(data) // 2])
            raise OSError(code, os.strerror(code), str(path))
        return write(path, data)

    small(work_dir="whole", **SHORT)
    with monkeypatch.context() as fault:
        fault.setattr(Path, "write_bytes", fails)
        with pytest.raises(InputError, match="cannot write to run: .*Free some space or give anot"):
            small(work_dir="run", **SHORT)
    assert {f.name for f in Path("run").glob("epoch_*")} == {"epoch_1.pth"}
    small(work_dir="run", resume="auto", **SHORT)
    assert not differences(content(Path("whole")), content(Path("run")))


def test_a_folder_that_can_only_be_read_is_named_before_anything_is_made(small, monkeypatch):
    """Root may write where others may not, so that the error is made here."""
    make = Path.mkdir

    def denied(path, *args, **kwargs):
        if "locked" in path.parts:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return make(path, *args, **kwargs)

    monkeypatch.setattr(Path, "mkdir", denied)
    with pytest.raises(InputError, match="locked.*Permission denied.*give"):
        small(work_dir="locked/run", **SHORT)


@pytest.mark.slow
def test_a_pose_network_trains_in_two_gibibytes(home, tmp_path):
    """Also in a process that may not ask the system for more."""
    code = (
        "import resource, runpy, sys\n"
        "resource.setrlimit(resource.RLIMIT_DATA, (2**31, 2**31))\n"
        "sys.argv = sys.argv[1:]\n"
        "try: runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "finally: print('KiB', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", code, str(root / "tools/train.py")]
    command += [str(root / "configs/pose/hrnet-tiny_bsam_people-128x96.py"), "--cfg-options"]
    command += ["people.train=48", "people.val=12", "train_cfg.max_epochs=1"]
    command += ["train_cfg.val_interval=1"]
    env = dict(os.environ, BSAM_SUITE_HOME=str(home))
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(re.search(r"KiB (\d+)", done.stdout)[1]) < 2**21
