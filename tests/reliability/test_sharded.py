"""Models cut over two processes train as whole ones do, and go on bit for bit."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
from small_run import CONFIG, content, differences  # noqa: E402

from bsam_suite.compat import patch_mmengine  # noqa: E402

pytestmark = pytest.mark.slow
ROOT = HERE.parents[1]
# The average of an EMAHook is a copy of the model, which a sharded one does not allow.
PLAIN = CONFIG.replace("BATCH", "4").replace("EPOCHS", "4")
PLAIN = PLAIN.replace('dict(type="EMAHook", momentum=0.1)', "")
SHARDED = """
model_wrapper_cfg = dict(type="FullySharded", units=["Linear"])
"""
K_STEPS = """
optim_wrapper["k"] = 3
"""


@pytest.fixture
def train(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    path = f"{Path(sys.executable).parent}:{os.defpath}"
    env = dict(os.environ, PATH=path, PYTHONPATH=str(HERE), PORT=port)

    def run(name, text, *options):
        (tmp_path / "small.py").write_text(text)
        command = [ROOT / "tools/dist_train.sh", "small.py", "2", "--seed", "1"]
        command += ["--work-dir", tmp_path / name, *options]
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]
        return tmp_path / name

    patch_mmengine()
    return run


@pytest.mark.parametrize("rule", ["", K_STEPS])
def test_as_whole_and_resumed(train, rule):
    whole = content(train("whole", PLAIN + rule))["epoch_4.pth"]
    sharded = train("sharded", PLAIN + rule + SHARDED)
    found = content(sharded)["epoch_4.pth"]
    assert found["state_dict"].keys() == whole["state_dict"].keys()
    for name, value in whole["state_dict"].items():
        torch.testing.assert_close(found["state_dict"][name], value, rtol=0.01, atol=1e-3)
    assert found["optimizer"]["state"].keys() == whole["optimizer"]["state"].keys()

    (sharded / "epoch_4.pth").unlink()
    train("sharded", PLAIN + rule + SHARDED, "--resume", "auto")
    assert "resumed epoch: 3" in "".join(f.read_text() for f in sharded.glob("*/*.log"))
    assert not differences(content(sharded)["epoch_4.pth"], found)


def test_an_average_of_weights_is_refused(train):
    text = CONFIG.replace("BATCH", "4").replace("EPOCHS", "4") + SHARDED
    with pytest.raises(AssertionError, match="EMAHook copies the model"):
        train("averaged", text)
