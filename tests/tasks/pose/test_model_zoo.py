"""The networks build, and docs/pose_recipes.md tells their size and cost."""

import re
from pathlib import Path

import mmpose
import pytest
import torch
import yaml
from mmengine.registry import MODELS
from torch.utils.flop_counter import FlopCounterMode

from bsam_suite.engine.config import load_config

ROOT = Path(__file__).parents[3]
CONFIGS = ROOT / "configs/pose"
PLAIN = sorted(path.stem for path in CONFIGS.glob("*_adam*_*.py"))
PAGE = (ROOT / "docs/pose_recipes.md").read_text()
TABLE = re.findall(r"^\| (\S+) ((?:\| [\d.—]+ )+)\|$", PAGE, re.M)
ROWS = {name: row.strip("| ").split(" | ") for name, row in TABLE}
PERSONS = 149_813


@pytest.fixture(scope="module", params=PLAIN)
def built(request):
    """A recipe's name, config and network (on no device), its outputs for one person and MACs."""
    cfg = load_config(str(CONFIGS / f"{request.param}.py"))
    width, height = cfg.codec.input_size
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        model = MODELS.build(cfg.model).eval()
        out = model(torch.empty(1, 3, height, width), None, mode="tensor")
    return request.param, cfg, model, out, counter.get_total_flops() / 2


def test_shapes(built):
    _, cfg, _, out, _ = built
    width, height = cfg.codec.input_size
    if cfg.codec.type == "SimCCLabel":
        assert [x.shape for x in out] == [(1, 17, 2 * width), (1, 17, 2 * height)]
    else:
        assert out.shape == (1, 17, height // 4, width // 4)


def test_table(built):
    name, _, model, _, macs = built
    parameters = sum(p.numel() for p in model.parameters())
    figures = (parameters / 1e6, macs / 1e9, 3 * PERSONS * 3 * macs / 1e15)
    assert ROWS[name][:3] == [f"{figure:.2f}" for figure in figures]


def test_published_figures_are_those_of_mmpose(built):
    name = built[0]
    if "_people-" in name:
        assert ROWS[name][3] == "—"
        return
    # The recipe of another size that this one is built on.
    parent = name.replace("rtmpose-s", "rtmpose-m").replace("-r101", "-r50")
    base = re.search(r'"mmpose::(\S+)"', (CONFIGS / f"{parent}.py").read_text())[1]
    if parent != name:
        base = base.replace("rtmpose-m", "rtmpose-s").replace("res50", "res101")
    folder = Path(mmpose.__file__).parent / ".mim/configs" / Path(base).parent
    models = [
        m for file in folder.glob("*.yml") for m in yaml.safe_load(file.read_text())["Models"]
    ]
    (found,) = [m for m in models if m["Config"] == f"configs/{base}"]
    assert ROWS[name][3] == f"{found['Results'][0]['Metrics']['AP']:.3f}"


def test_the_table_has_no_other_rows():
    assert sorted(ROWS) == PLAIN


def test_counts_agree_with_the_papers():
    """RTMPose's own (https://github.com/open-mmlab/mmpose, projects/rtmpose), norms included."""
    for name, parameters, gmacs in (("s", 5.47, 0.68), ("m", 13.59, 1.93)):
        row = [float(figure) for figure in ROWS[f"rtmpose-{name}_adamw_coco-256x192"]]
        assert row[0] == parameters and row[1] == pytest.approx(gmacs, rel=0.01)
