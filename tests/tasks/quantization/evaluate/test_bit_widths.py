"""Whole evaluations: a quantized config, pose, and what is refused."""

import json
from pathlib import Path

import pytest
import torch
from mmengine.registry import MODELS, DefaultScope

from bsam_suite.engine.config import load_config
from bsam_suite.errors import InputError
from bsam_suite.quantization import calibrate
from tasks.quantization.evaluate.bit_widths import evaluate
from tasks.quantization.evaluate.request import Request

CONFIGS = Path(__file__).parents[4] / "configs"
FLOAT = str(CONFIGS / "classification/resnet18_sgd.py")
SMALL = {"model.net.width": 4}
QUANTIZED = f"""
_base_ = {FLOAT!r}
imports = ["tasks.classification.register_all", "tasks.quantization.register_all"]
custom_imports = dict(imports=imports)
model = dict(
    _delete_=True,
    type="Quantized",
    model=dict(
        type="ImageClassifier",
        net=dict(type="CIFARResNet18", width=4),
        num_classes=10,
        data_preprocessor=dict(type="ImagePreprocessor", mean=[0.305] * 3, std=[0.332] * 3),
    ),
    quantization=dict(
        weight=dict(type="LSQ", bit_width=3),
        activation=dict(type="LSQ", bit_width=5),
        skip=["*.conv2"],
        last=["net.fc"],
    ),
    checkpoint="float.pth",
)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A float checkpoint, a quantized config and its checkpoint, in the current folder."""
    monkeypatch.chdir(tmp_path)
    Path("quantized.py").write_text(QUANTIZED)
    cfg = load_config("quantized.py")
    torch.manual_seed(0)
    torch.save(dict(state_dict=MODELS.build(cfg.model.model).state_dict()), "float.pth")
    model = MODELS.build(cfg.model)
    calibrate(model, [dict(inputs=torch.randn(8, 3, 16, 16))], lambda batch: model(**batch))
    torch.save(dict(state_dict=model.state_dict()), "trained.pth")
    return tmp_path


def test_a_trained_model_beside_its_float_one(folder):
    results = evaluate(Request("quantized.py", "trained.pth", bits=[4]))
    assert [(r.method, r.weight_bits, r.activation_bits) for r in results.rows] == [
        ("float", 32, 32),
        ("PTQ", 4, 4),
        ("QAT", 3, 5),
    ]
    sizes = [row.size_bytes for row in results.rows]
    assert sizes[0] > sizes[1] > sizes[2]
    written = json.loads(Path("quantized/quantized.json").read_text())
    assert written["metric"] == "accuracy" and not written["notes"]
    assert [row["size_bytes"] for row in written["rows"]] == sizes
    shared = written["conversion"]  # by both ways of quantizing
    assert shared["skip"] == ["*.conv2"] and shared["last"] == ["net.fc"]
    assert Path("quantized/quantized.png").stat().st_size > 1000

    # Its float model is not needed to evaluate it; a second evaluation leaves the first.
    Path("float.pth").unlink()
    again = evaluate(Request("quantized.py", "trained.pth", bits=[4]))
    assert again.json == Path("quantized-2/quantized.json")
    assert again.rows == results.rows[2:] and "float.pth does not exist" in again.notes[0]


@pytest.mark.parametrize(
    "config, checkpoint, given, said",
    [
        ("none.py", "float.pth", {}, "config 'none.py' does not exist"),
        (FLOAT, "none.pth", {}, "checkpoint none.pth does not exist"),
        (FLOAT, "quantized.py", {}, "quantized.py is no checkpoint"),
        (FLOAT, "trained.pth", {}, "trained.pth is of another model: .*weight_quantizer"),
        ("quantized.py", "float.pth", {}, "float.pth is of another model: .*scale is missing"),
        (FLOAT, "float.pth", dict(skip=["nets.*"]), "pattern 'nets.\\*' matches no layer"),
        (
            FLOAT,
            "float.pth",
            dict(rounding="learned", weight_type="DoReFaWeight"),
            "net.conv1: DoReFaWeight does not round .* choose MinMaxFakeQuantizer",
        ),
    ],
)
def test_refused_before_the_first_test_batch(folder, monkeypatch, config, checkpoint, given, said):
    from tasks.quantization.evaluate.tester import Tester

    monkeypatch.setattr(Tester, "metrics", lambda *_: pytest.fail("evaluates already"))
    with pytest.raises(InputError, match=said):
        evaluate(
            Request(config, checkpoint, cfg_options=SMALL if config == FLOAT else None, **given)
        )
    assert not list(Path().glob("quantized/quantized.*"))


@pytest.mark.long
def test_pose(people, home, tmp_path, monkeypatch):
    monkeypatch.setenv("BSAM_SUITE_HOME", str(home))
    options = {"people.train": 48, "people.val": 12}
    config = str(CONFIGS / "pose/hrnet_bsam.py")
    from bsam_suite.compat import patch_mmengine

    patch_mmengine()
    cfg = load_config(config, options)
    with DefaultScope.overwrite_default_scope("mmpose"):
        model = MODELS.build(cfg.model)
        model.init_weights()
    torch.save(dict(state_dict=model.state_dict()), tmp_path / "epoch_1.pth")
    request = Request(config, str(tmp_path / "epoch_1.pth"), bits=[8], cfg_options=options)
    request.calibration_batches = 1
    results = evaluate(request)
    assert [row.method for row in results.rows] == ["float", "PTQ"]
    assert next(iter(results.rows[0].metrics)) == "coco/AP"
    whole, packed = (row.size_bytes for row in results.rows)
    assert 0.25 < packed / whole < 0.35
    assert results.rows[0].bit_operations == 16 * results.rows[1].bit_operations
