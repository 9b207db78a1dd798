"""Training on digits, and the tools on a folder of images, as a user runs them."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.runner import Runner
from PIL import Image

from bsam_suite import commands
from bsam_suite.compat import patch_mmengine
from bsam_suite.engine import launch
from bsam_suite.engine.config import load_config, preflight
from bsam_suite.engine.reproduce import make_reproducible
from bsam_suite.errors import InputError

ROOT = Path(__file__).parents[3]

BSAM = "configs/classification/resnet18_bsam.py"


@pytest.fixture(autouse=True)
def polite(monkeypatch):
    """Threads that wait for each other sleep: busy waiting is slow where others use the cores."""
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")


def accuracy(output):
    return float(re.findall(r"^accuracy +([\d.]+)$", output, re.M)[-1])


def test_digits_are_learned(tmp_path, capsys):
    cfg = load_config(
        str(ROOT / "configs/classification/resnet18_sgd.py"), {"train_cfg.max_epochs": 3}
    )
    cfg.work_dir = str(tmp_path)
    make_reproducible(cfg, seed=0)
    preflight(cfg)
    assert "Data: scikit-learn's handwritten digits" in capsys.readouterr().out
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert runner.message_hub.get_scalar("val/accuracy").current() > 0.9


@pytest.mark.parametrize("rule", ["sgd", "bsam"])
def test_a_training_that_diverges_ends_with_an_error(tmp_path, monkeypatch, rule):
    monkeypatch.chdir(tmp_path)
    args = [str(ROOT / f"configs/classification/resnet18_{rule}.py"), "--cfg-options"]
    args += ["image_size=8", "model.net.width=8", "optim_wrapper.optimizer.lr=1e20"]
    args = commands.train.parse([*args, "default_hooks.divergence.max_skipped=4"])
    with pytest.raises(InputError, match=rf"has diverged after [{dict(sgd=12, bsam=5)[rule]}] "):
        launch.train(args)
    assert not list(tmp_path.rglob("*.pth"))


@pytest.fixture
def stripes(tmp_path):
    """Images of stripes that lie or stand, with noise."""
    rng, root = np.random.default_rng(0), tmp_path / "stripes"
    stripe = np.tile(np.repeat([60, 190], 2), 3)[:, None] + np.zeros((12, 12))
    for split, count in (("train", 24), ("val", 20)):
        for name, pattern in (("lying", stripe), ("standing", stripe.T)):
            (root / split / name).mkdir(parents=True)
            for i in range(count):
                pixels = pattern[..., None] + rng.normal(0, 30, (12, 12, 3))
                image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
                image.save(root / split / name / f"{i}.png")
    return root


@pytest.mark.long
def test_a_folder_is_trained_on_and_resumed_bit_for_bit(tool, tmp_path, stripes):
    options = [
        f"data_root={stripes}",
        "train_cfg.max_epochs=2",
        "train_dataloader.batch_size=4",
        "train_dataloader.dataset.rate=0.1",
        "model.net.width=8",
        "model.data_preprocessor.cutout=4",
        "model.data_preprocessor.crop_padding=1",
        "default_hooks.checkpoint.interval=1",
    ]
    whole = tool("train", BSAM, "--work-dir", "whole", options=options)
    assert whole.returncode == 0, whole.stderr[-2000:]
    assert f"Data: {stripes}" in whole.stdout and "flatness" in whole.stdout
    assert (tmp_path / "whole/curves.png").stat().st_size > 1000

    resumed = tool(
        "train", BSAM, "--work-dir", "parts", "--resume", "whole/epoch_1.pth", options=options
    )
    assert resumed.returncode == 0, resumed.stderr[-2000:]
    one, two, before = (
        torch.load(tmp_path / path, weights_only=False)["state_dict"]
        for path in ("whole/epoch_2.pth", "parts/epoch_2.pth", "whole/epoch_1.pth")
    )
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not torch.equal(one["net.conv1.weight"], before["net.conv1.weight"])

    # The test tool finds the number of classes by itself, too.
    tested = tool("test", BSAM, "whole/epoch_2.pth", options=options)
    assert tested.returncode == 0, tested.stderr[-2000:]
    assert accuracy(tested.stdout) == accuracy(whole.stdout)
    assert accuracy(tested.stdout) > 0.6  # of two classes: it has learned, and its weights are read


@pytest.mark.long
def test_a_folder_of_imagenets_form_is_resumed_bit_for_bit(tmp_path, stripes):
    patch_mmengine()  # as the tools do: MMEngine's checkpoints load safely
    for path in stripes.glob("*/*"):
        path.rename(path.with_name({"lying": "n00000001", "standing": "n00000002"}[path.name]))
    options = {
        "data_root": str(stripes),
        "image_size": 16,
        "model.net.width_mult": 0.1,
        "train_cfg.max_epochs": 2,
        "train_dataloader.batch_size": 8,
        "train_dataloader.num_workers": 2,
        "val_dataloader.num_workers": 1,
    }

    def run(name, **changes):
        cfg = load_config(str(ROOT / "configs/classification/mobilenetv2_bsam.py"), options)
        cfg.work_dir = str(tmp_path / name)
        cfg.merge_from_dict(changes)
        make_reproducible(cfg, seed=0)
        preflight(cfg)
        Runner.from_cfg(cfg).train()
        files = sorted((tmp_path / name).glob("epoch_*.pth"))
        return {file.stem: torch.load(file, weights_only=False)["state_dict"] for file in files}

    whole = run("whole")
    resumed = run("resumed", resume=True, load_from=str(tmp_path / "whole/epoch_1.pth"))
    one, two, before = whole["epoch_2"], resumed["epoch_2"], whole["epoch_1"]
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not torch.equal(one["net.classifier.1.weight"], before["net.classifier.1.weight"])
