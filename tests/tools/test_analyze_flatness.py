"""Measures of two networks side by side, run as a user runs it."""

import json
import re
from pathlib import Path

import pytest
import torch
from mmengine.registry import MODELS

from bsam_suite.commands import analyze_flatness
from bsam_suite.compat import patch_mmengine
from bsam_suite.engine.config import load_config
from bsam_suite.errors import InputError

ROOT = Path(__file__).parents[2]
CONFIG = "configs/classification/resnet18_sgd.py"
OPTIONS = ["model.net.width=2"]
FEW = ("--search-steps", 1, "--draws", 2, "--probes", 2, "--density-runs", 2, "--density-steps", 3)


def save(file, seed):
    """A network whose batch norm has seen some data."""
    patch_mmengine()
    torch.manual_seed(seed)
    model = MODELS.build(load_config(str(ROOT / CONFIG), {"model.net.width": 2}).model).train()
    model(torch.randn(64, 3, 16, 16), None)
    torch.save(dict(state_dict=model.state_dict()), file)


@pytest.mark.long
def test_two_networks_side_by_side(tool, tmp_path):
    for seed in range(2):
        save(tmp_path / f"{seed}.pth", seed)
    options = (*FEW, "--samples", 16, "--rho", 0.05, 0.1, "--out", "out")
    options += ("--eigenvalues", 2, "--forms", "plain", "filter")
    done = tool("analyze_flatness", CONFIG, "0.pth", "1.pth", *options, options=OPTIONS)
    assert done.returncode == 0, done.stderr[-2000:]
    results = json.loads((tmp_path / "out/flatness.json").read_text())
    assert list(results["checkpoints"]) == ["0.pth", "1.pth"]
    page = (tmp_path / "out/flatness.html").read_text()
    for found in results["checkpoints"].values():
        assert all(f"<td>{row['value']:.4g}" in page for row in found["rows"])
        rows = {(r["name"], r["setting"]): r for r in found["rows"]}
        assert len(rows) == len(found["rows"]) == 2 + 2 * 3 * 3 + 2 + 2 + 1
        for name in ("max_sharpness", "filter_worst_case", "average_sharpness", "trace"):
            assert name in done.stdout
        for rho in ("rho=0.05", "rho=0.1"):
            worst, one = (rows[name, rho]["value"] for name in ("worst_case", "max_sharpness"))
            assert worst >= one > 0
        assert rows["trace", ""]["error"] > 0
        density = found["density"]
        assert len(density["grid"]) == len(density["standard_error"])
        assert found["passes"]["product"] >= 2 + 2 * 3 + 2
        assert f"{rows['loss', '']['value']:.4g}" in done.stdout
    assert (tmp_path / "out/flatness.png").stat().st_size > 10000
    assert "mean over 16 samples" in done.stdout and "running statistics" in done.stdout


@pytest.mark.parametrize(
    "words, said",
    [
        (["0.pth", "--out", "full"], "--out full is not empty"),
        (["0.pth", "--rho", "0"], "rho=0.0 in analyze_flatness: give a number > 0"),
        (["0.pth", "--eigenvalues", "1000000"], "k=1000000 eigenvalues: the model has"),
        (["0.pth", "--measures", "sharp"], "'sharp' of measures"),
        (["missing.pth"], "missing.pth does not exist"),
        (["0.pth", "--cfg-options", "model.net.width=4"], "is of another model"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_long_work(words, said, tmp_path, monkeypatch):
    save(tmp_path / "0.pth", seed=0)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/a.txt").touch()
    options = [] if "--cfg-options" in words else ["--cfg-options", *OPTIONS]
    args = analyze_flatness.parse([str(ROOT / CONFIG), *words, *options])
    with pytest.raises(InputError, match=re.escape(said)):
        analyze_flatness.run(args)
    files = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert files - {".lock"} == {"0.pth", "a.txt"}
