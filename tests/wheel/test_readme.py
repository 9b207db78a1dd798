"""From the README alone to three results, each in a fresh environment.

Its commands run as they stand there; only names of files and folders are replaced.
"""

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
MADE = ("*.egg-info", ".git", ".*cache", ".venv", "__pycache__", "data", "site", "work_dirs")
LONG = 1200
"""Seconds until a command counts as hanging."""

pytestmark = pytest.mark.slow


def commands(title, **places):
    """The lines of bash in a part of the README, the names in them replaced."""
    part = README[README.index(f"## {title}\n") :].split("\n## ")[0]
    text = "".join(re.findall(r"```bash\n(.*?)```", part, re.DOTALL)).replace("\\\n", " ")
    for name, place in places.items():
        text, count = re.subn(rf"(?<=[ =]){re.escape(name)}(?=\s)", str(place), text)
        assert count, name
    return text.splitlines()


@pytest.fixture
def shell(tmp_path):
    """Start a line of bash in a copy of the repository, in a shell without the tests' variables."""
    clone = tmp_path / "clone"
    shutil.copytree(ROOT, clone, ignore=shutil.ignore_patterns(*MADE))
    kept = ("HOME", "LANG", "PATH", "PIP_CERT", "SSL_CERT_FILE", "TMPDIR")
    env = {name: os.environ[name] for name in kept if name in os.environ}
    outside = [p for p in env["PATH"].split(os.pathsep) if ".venv" not in p]
    env |= dict(PATH=os.pathsep.join(outside), BSAM_SUITE_HOME=str(tmp_path / "home"))

    def start(line):
        line = f"[ -d .venv ] && . .venv/bin/activate; {line}"
        return subprocess.Popen(["bash", "-c", line], cwd=clone, env=env, start_new_session=True)

    start.clone = clone
    return start


def done(process, status=0):
    assert process.wait(LONG) == status, process.args[-1]


def pictures(folder):
    rng = np.random.default_rng(0)
    for place in ("train/cat", "train/dog", "val/cat", "val/dog"):
        (folder / place).mkdir(parents=True)
        for i in range(4):
            picture = rng.integers(0, 255, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(picture).save(folder / place / f"{i}.png")


def stopped(shell, line, work_dir):
    """What a training leaves that a signal stops after its first checkpoint, as days would do."""
    training, started = shell(f"exec {line}"), time.monotonic()
    while not [*work_dir.glob("epoch_*.pth")] and training.poll() is None:
        assert time.monotonic() - started < LONG
        time.sleep(1)
    training.send_signal(signal.SIGTERM)
    done(training, status=75)
    return work_dir / "stopped.pth"


def test_an_mmengine_config_of_ones_own(shell, project, tmp_path):
    install, train = commands("Your MMEngine config", CONFIG="configs/line_sgd.py")
    done(shell(f"python3 -m venv .venv && . .venv/bin/activate && {install}"))
    done(shell(f"cd {tmp_path} && {train}"))
    assert (tmp_path / "work_dirs/line_sgd/epoch_2.pth").exists()


def test_poses_of_five_keypoints(shell, fish):
    made = shell.clone / "work_dirs/hrnet_bsam"
    places = {"COCO": fish, "FOLDER": fish / "val2017", "POSES.pth": made / "stopped.pth"}
    train, predict, *_ = commands("Poses and low bits", **places)
    done(shell("make setup"))
    stopped(shell, train, made)
    done(shell(predict))
    assert [*shell.clone.rglob("results.keypoints.json")]


def test_a_file_of_four_bits(shell, tmp_path):
    pictures(tmp_path / "images")
    made = shell.clone / "work_dirs"
    floats, quantized = made / "resnet18_sgd", made / "resnet18_w4a4_bsam"
    places = {"IMAGES": tmp_path / "images", "FLOAT.pth": floats / "stopped.pth"}
    places["QUANTIZED.pth"] = quantized / "stopped.pth"
    *_, train_float, train, export = commands("Poses and low bits", **places)
    done(shell("make setup"))
    stopped(shell, train_float, floats)
    checkpoint = stopped(shell, train, quantized)
    done(shell(export))
    assert (shell.clone / "net.onnx").stat().st_size < checkpoint.stat().st_size / 6
    run = "import onnxruntime as o; print(*o.InferenceSession('net.onnx').get_inputs())"
    done(shell(f'python -c "{run}"'))
