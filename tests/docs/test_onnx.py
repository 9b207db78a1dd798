"""docs/onnx.md: its Python blocks run as they stand there, and find what the models do."""

import re
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS, MODELS, init_default_scope
from PIL import Image

from bsam_suite.compat import patch_mmengine
from bsam_suite.engine.config import load_config
from bsam_suite.engine.trained import load_trained
from bsam_suite.onnx.command import export
from bsam_suite.onnx.describe import describe
from bsam_suite.onnx.trace import Outputs, trace
from bsam_suite.onnx.write import write

ROOT = Path(__file__).parents[2]
CLASSIFIER, POSE = (
    str(ROOT / "configs" / name)
    for name in ("classification/resnet18_sgd.py", "pose/hrnet-tiny_adam_people-128x96.py")
)
SMALL = {"model.net.width": 4}


@pytest.fixture(scope="module")
def blocks():
    found = re.findall(r"```python\n(.*?)```", (ROOT / "docs/onnx.md").read_text(), re.DOTALL)
    assert len(found) == 3
    return found


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    patch_mmengine()


def test_classes(blocks, capsys):
    torch.manual_seed(0)
    model = MODELS.build(load_config(CLASSIFIER, SMALL).model)
    torch.save(dict(state_dict=model.state_dict()), "a.pth")
    export(CLASSIFIER, "a.pth", "classifier.onnx", options=SMALL)
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    Image.fromarray(pixels).save("digit.png")
    capsys.readouterr()
    names = {}
    exec(blocks[0], names)
    printed = capsys.readouterr().out
    _, model = load_trained(CLASSIFIER, "a.pth", SMALL)
    image = torch.from_numpy(pixels).permute(2, 0, 1)[None]
    with torch.no_grad():
        wanted = model(model.data_preprocessor(dict(inputs=image), False)["inputs"], mode="tensor")
    assert torch.allclose(torch.from_numpy(names["scores"]), wanted, atol=1e-4)
    assert printed.strip() == str(wanted.argmax().item())


def test_poses(blocks):
    """The heatmaps of MMPose's own pipeline, and its places to half a cell."""
    cfg = load_config(POSE)
    cfg.model.backbone.init_cfg = None
    init_default_scope("mmpose")
    dataset = DATASETS.build(dict(cfg.val_dataloader.dataset, lazy_init=True))
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    model.init_weights()
    model.eval()
    model.test_cfg.flip_test = False
    pixels = np.random.default_rng(1).integers(0, 256, (100, 80, 3), np.uint8)
    pixels = cv2.GaussianBlur(pixels, (0, 0), 4)
    pixels = cv2.normalize(pixels, None, 0, 255, cv2.NORM_MINMAX)
    cv2.imwrite("person.png", pixels)
    info = dict(dataset.metainfo, img=pixels, bbox=np.array([[12, 8, 52, 78]], np.float32))
    info.update(bbox_score=np.ones(1, np.float32), id=0, img_id=0)
    batch = pseudo_collate([dataset.pipeline(info)])
    with torch.no_grad():
        inputs = model.data_preprocessor(batch, False)["inputs"]
        heatmaps = model(inputs, None, mode="tensor")
        (sample,) = model.test_step(batch)
    x = torch.randn(2, *inputs.shape[1:])
    about = describe(cfg, model, x, (heatmaps,), dataset.metainfo)
    write(trace(Outputs(model), x, "pose.onnx"), "pose.onnx", about=about)
    names = {}
    exec(blocks[0].split("\n\n\nsession")[0], names)
    exec(blocks[1], names)
    assert np.abs(names["heatmaps"] - heatmaps.numpy()).max() < 0.01 * heatmaps.abs().max()
    found = np.stack([names["x"], names["y"]], 1)
    cell = names["width"] / 23
    wanted = sample.pred_instances.keypoints[0]
    assert wanted.std(0).min() > 2 * cell
    assert np.median(np.abs(found - wanted).max(1)) < cell
    assert names["about"]["keypoints"][:2] == ["nose", "left_eye"]


def test_plain_pytorch(blocks):
    names = {}
    exec(blocks[2], names)
    images, net, quantized = names["images"], names["net"], names["quantized"]
    with torch.no_grad():
        torch.testing.assert_close(names["Session"]("float.onnx")(images), net(images))
        wanted = quantized(images)
        found = names["Session"]("fast.onnx")(images[:3])  # of any batch size
    assert (found - wanted[:3]).norm() < 0.1 * wanted[:3].norm()
    assert names["Session"]("float.onnx").about["input_channels"] == '"RGB"'
    kinds = [node.op_type for node in onnx.load("fast.onnx").graph.node]
    assert kinds.count("QuantizeLinear") == 4  # three inputs, and what is pooled
