"""How a float config's network is quantized after training: as by the quantized config."""

from pathlib import Path

import pytest
import torch
from mmengine.registry import MODELS, DefaultScope

from bsam_suite.quantization import layer_bits, quantize
from tasks.quantization.evaluate.request import Request
from tasks.quantization.evaluate.sources import load_sources

CONFIGS = Path(__file__).parents[4] / "configs"


@pytest.mark.parametrize(
    "config, ends",
    [
        (
            "pose/rtmpose-s_adamw_coco-256x192.py",
            {"backbone.stem.0.conv", "head.cls_x", "head.cls_y"},
        ),
        (
            "pose/simcc-tiny_bsam_coco-128x96.py",
            {"backbone.conv1", "head.mlp_head_x", "head.mlp_head_y"},
        ),
        ("pose/hrnet-tiny_bsam_coco-128x96.py", {"backbone.conv1", "head.final_layer"}),
        ("classification/resnet18_sgd.py", {"net.conv1", "net.fc"}),
    ],
)
def test_the_ends_of_a_float_network_keep_8_bits(people, tmp_path, config, ends):
    torch.save(dict(state_dict={}), tmp_path / "float.pth")
    options = dict(data_root=str(people)) if "pose" in config else {}
    request = Request(str(CONFIGS / config), str(tmp_path / "float.pth"), cfg_options=options)
    sources = load_sources(request)
    scope = sources.cfg.get("default_scope", "mmengine")
    with torch.device("meta"), DefaultScope.overwrite_default_scope(scope):
        model = MODELS.build(sources.cfg.model)
        table = layer_bits(quantize(model, **request.quantization(4), **sources.conversion))
    assert {row.name for row in table if row.weight_bits == row.activation_bits == 8} == ends
    assert {row.weight_bits for row in table if row.name not in ends} == {4}


def test_no_float_model_is_trained_for_an_evaluation(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tasks.quantization.preflight._train", pytest.fail)
    torch.save(dict(state_dict={}), tmp_path / "quantized.pth")
    config = CONFIGS / "quantization/resnet18_w4a4_sgd.py"
    sources = load_sources(Request(str(config), "quantized.pth"))
    assert sources.float_weights is None and "no rows without training" in sources.notes[0]
