"""Small runs of several processes, started as users start them."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bsam_suite.compat import patch_mmengine

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
SCRIPT = HERE.parents[1] / "tools/dist_train.sh"


@pytest.fixture
def environment():
    """Variables with which this Python comes first, ``small_run`` is found, and a port is free."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    path = f"{Path(sys.executable).parent}:{os.defpath}"
    return dict(os.environ, PATH=path, PYTHONPATH=str(HERE), PORT=port, MASTER_PORT=port)


@pytest.fixture
def train(tmp_path, environment):
    """``train(processes, name, ...)`` starts ``tools/dist_train.sh`` into the folder ``name``.

    The config is ``small.py``, which is written here, or another one. What is printed is kept.
    """
    patch_mmengine()  # reads the checkpoints
    small_config(tmp_path)

    def start(processes, name, *options, config="small.py", **variables):
        command = [SCRIPT, config, str(processes), "--seed", "1"]
        command += ["--work-dir", tmp_path / name, *options]
        with (tmp_path / f"{Path(name).name}.txt").open("a") as printed:
            return subprocess.Popen(
                command,
                cwd=tmp_path,
                env={**environment, **variables},
                stdout=printed,
                stderr=printed,
            )

    return start


def small_config(folder, batch=4, epochs=4):
    from small_run import CONFIG

    text = CONFIG.replace("BATCH", str(batch)).replace("EPOCHS", str(epochs))
    (folder / "small.py").write_text(text)
