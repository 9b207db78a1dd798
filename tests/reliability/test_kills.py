"""The short form of ``kills.py``: each kind of kill once, and a few of two processes."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

DRIVER = Path(__file__).with_name("kills.py")


@pytest.mark.long
@pytest.mark.parametrize(("kills", "processes"), [(12, 1), (3, 2)])
def test_killed_runs_end_as_uninterrupted_ones(kills, processes):
    command = [sys.executable, str(DRIVER), f"--kills={kills}", f"--processes={processes}"]
    command.append("--epochs=4")
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    counts = {kind: int(count) for count, kind in re.findall(r"^ *(\d+) (.+)$", done.stdout, re.M)}
    expected = {"checkpoint half written", "checkpoint not synced", "checkpoint not renamed"}
    if processes == 1:
        expected |= {"pointer not renamed", "validation"}
        assert any(kind.startswith("SIG") for kind in counts)
    assert expected <= counts.keys()
    assert any(kind.startswith("kills, every run ended") for kind in counts)
