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


def pictures(folder, size=32, number=8):
    rng = np.random.default_rng(0)
    for place in ("train/cat", "train/dog", "val/cat", "val/dog"):
        (folder / place).mkdir(parents=True)
        for i in range(number):
            picture = rng.integers(0, 255, (size, size, 3), dtype=np.uint8)
            Image.fromarray(picture).save(folder / place / f"{i}.png")


def test_an_mmengine_config_of_ones_own(shell, project, tmp_path):
    install, train = commands("Your MMEngine config", CONFIG="configs/line_sgd.py")
    done(shell(f"python3 -m venv .venv && . .venv/bin/activate && {install}"))
    done(shell(f"cd {tmp_path} && {train}"))
    assert (tmp_path / "work_dirs/line_sgd/epoch_2.pth").exists()


def test_poses_of_five_keypoints(shell, fish):
    """210 epochs of HRNet-W32 take days, so a signal stops them after the first validation."""
    places = {"COCO": fish, "FOLDER": fish / "val2017"}
    places["work_dirs/hrnet_bsam/epoch_8.pth"] = "work_dirs/hrnet_bsam/stopped.pth"
    places["IMAGES"] = "unused"
    train, _, predict, _ = commands("Poses and low bits", **places)
    done(shell("make setup"))
    training = shell(f"exec {train}")
    work_dir = shell.clone / "work_dirs/hrnet_bsam"
    started = time.monotonic()
    while not [*work_dir.glob("epoch_*.pth")] and training.poll() is None:
        assert time.monotonic() - started < LONG
        time.sleep(1)
    training.send_signal(signal.SIGTERM)
    done(training, status=75)
    done(shell(predict))
    assert [*shell.clone.rglob("results.keypoints.json")]


def test_a_file_of_four_bits(shell, tmp_path):
    pictures(tmp_path / "images")
    places = {"IMAGES": tmp_path / "images", "COCO": "unused"}
    _, train, _, export = commands("Poses and low bits", **places)
    done(shell("make setup"))
    done(shell(train))
    done(shell(export))
    size = (shell.clone / "net.onnx").stat().st_size
    floats = (shell.clone / "work_dirs/resnet18_w4a4_bsam/epoch_15.pth").stat().st_size
    assert 0 < size < floats / 6
    run = "import onnxruntime as o; print(*o.InferenceSession('net.onnx').get_inputs())"
    done(shell(f'python -c "{run}"'))
