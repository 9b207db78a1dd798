"""The short form of ``kills.py``: each kind of kill once."""

import re
import subprocess
import sys
from pathlib import Path

DRIVER = Path(__file__).with_name("kills.py")


def test_killed_runs_end_as_uninterrupted_ones():
    command = [sys.executable, str(DRIVER), "--kills", "10"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    counts = {kind: int(count) for count, kind in re.findall(r"^ *(\d+) (.+)$", done.stdout, re.M)}
    assert {"checkpoint half written", "pointer not renamed", "validation"} <= counts.keys()
    assert any(kind.startswith("kills, every run ended") for kind in counts)
