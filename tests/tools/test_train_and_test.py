"""The tools, run as a user runs them, on a few built-in people."""

import os
import re
import subprocess
from pathlib import Path

import torch

ROOT = Path(__file__).parents[2]

CONFIG = "configs/pose/hrnet_bsam.py"
OPTIONS = [
    "people.train=48",
    "people.val=12",
    "train_cfg.max_epochs=2",
    "train_dataloader.batch_size=8",
    "train_dataloader.dataset.indices=24",
]


def weights(path):
    return torch.load(path, weights_only=False)["state_dict"]


def metric(output, name):
    return float(re.findall(rf"^{name} +([-\d.]+)$", output, re.M)[-1])


# The share of keypoints that lie within half a box: of so little training AP would be 0.
OWN = f"""
_base_ = {str(ROOT / CONFIG)!r}
val_evaluator = [_base_.val_evaluator, dict(type="PCKAccuracy", thr=0.5)]
test_evaluator = val_evaluator
"""


def test_train_stop_resume_test(tool, home, tmp_path):
    (tmp_path / "own.py").write_text(OWN)
    whole = tool("train", tmp_path / "own.py", "--work-dir", "whole", options=OPTIONS)
    assert whole.returncode == 0, whole.stderr[-2000:]
    assert "synthetic people" in whole.stdout.splitlines()[0]
    for name in ("max_sharpness", "min_sharpness", "flatness", "eta:"):
        assert name in whole.stdout
    assert (tmp_path / "whole/curves.png").stat().st_size > 1000
    assert (tmp_path / "whole/pictures/epoch_2.png").stat().st_size > 1000

    # Stop after the first epoch, then go on.
    stop = "import torch; from mmengine.hooks import Hook; from mmengine.registry import HOOKS\n"
    stop += "@HOOKS.register_module()\nclass StopHook(Hook):\n    priority = 'LOWEST'\n"
    stop += "    def after_train_epoch(self, runner):\n        raise KeyboardInterrupt\n"
    (tmp_path / "stop_hook.py").write_text(stop)
    (tmp_path / "stopping.py").write_text(
        f"_base_ = {str(ROOT / CONFIG)!r}\n"
        "import sys\nsys.path.insert(0, '.')\n"
        "custom_imports = dict(imports=['tasks.pose.register_all', 'stop_hook'])\n"
        "custom_hooks = [dict(type='StopHook')]\n"
    )
    stopped = tool("train", str(tmp_path / "stopping.py"), "--work-dir", "parts", options=OPTIONS)
    assert stopped.returncode != 0
    assert (tmp_path / "parts/epoch_1.pth").exists()
    assert not (tmp_path / "parts/epoch_2.pth").exists()
    went_on = tool("train", CONFIG, "--work-dir", "parts", "--resume", "auto", options=OPTIONS)
    assert went_on.returncode == 0, went_on.stderr[-2000:]
    one, two = (weights(tmp_path / d / "epoch_2.pth") for d in ("whole", "parts"))
    assert all(torch.equal(one[k], two[k]) for k in one)
    first = weights(tmp_path / "parts/epoch_1.pth")
    assert not all(torch.equal(one[k], first[k]) for k in one)

    # The command that training names gives the metrics that training printed.
    command = re.search(r"^Next: (.* own\.py whole/epoch_2\.pth .*)$", whole.stdout, re.M)[1]
    env = dict(os.environ, BSAM_SUITE_HOME=str(home))
    tested = subprocess.run(
        f"{command} --dump p.pkl", shell=True, cwd=tmp_path, env=env, capture_output=True, text=True
    )
    assert tested.returncode == 0, tested.stderr[-2000:]
    assert 0.05 < metric(tested.stdout, "PCK") < 0.95
    for name in ("PCK", "coco/AP", "coco/AR"):
        assert metric(tested.stdout, name) == metric(whole.stdout, name)
    assert (tmp_path / "p.pkl").stat().st_size > 1000

    # Earlier results stay: the same folder is refused, by default a new one is taken.
    again = tool("train", CONFIG, "--work-dir", "whole", options=OPTIONS)
    assert again.returncode == 1 and "error: --work-dir whole has" in again.stderr
    # A checkpoint of another model.
    other = tool(
        "test", CONFIG, "whole/epoch_2.pth", options=[*OPTIONS, "model.head.out_channels=5"]
    )
    assert other.returncode == 1 and "is of another model" in other.stderr
