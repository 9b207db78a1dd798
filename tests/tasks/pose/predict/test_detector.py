"""Persons found by torchvision's detectors, with weights made here."""

import numpy as np
import pytest
import torch
from torchvision.models import get_model

from bsam_suite.compat import patch_mmengine
from bsam_suite.errors import InputError
from tasks.pose.predict import detector
from tasks.pose.predict.detector import Detector, weights_file

NAME = "fasterrcnn_mobilenet_v3_large_320_fpn"
FILE = "fasterrcnn_mobilenet_v3_large_320_fpn-907ea3f9.pth"


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """An empty cache of weights; nothing may be downloaded."""
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", lambda *a, **k: 1 / 0)
    (tmp_path / "checkpoints").mkdir()
    patch_mmengine()
    return tmp_path / "checkpoints"


def test_boxes_are_torchvision_s(hub):
    torch.manual_seed(0)
    model = get_model(NAME, weights=None, weights_backbone=None)
    model.roi_heads.box_predictor.cls_score.bias.data[1] = 6  # all is a person, likely
    torch.save(model.state_dict(), hub / FILE)
    image = np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    boxes = Detector(NAME)(1, image)

    with torch.no_grad():
        rgb = torch.from_numpy(image[..., ::-1].copy()).permute(2, 0, 1) / 255
        found = model.eval()([rgb])[0]
    assert len(boxes) == len(found["boxes"]) > 10 and found["scores"].min() > 0.5
    corners = np.array([b.corners for b in boxes])
    np.testing.assert_allclose(corners, found["boxes"].numpy(), atol=1e-3)
    np.testing.assert_allclose([b.score for b in boxes], found["scores"], atol=1e-5)


def test_sure_persons_alone(hub, monkeypatch):
    class Stub(torch.nn.Module):
        def forward(self, images):
            assert images[0].shape == (3, 2, 4) and images[0][:, 0, 0].tolist() == [1, 0, 0]
            boxes = torch.arange(12.0).reshape(3, 4)
            scores, labels = torch.tensor([0.75, 0.25, 0.75]), torch.tensor([1, 1, 18])
            return [dict(boxes=boxes, scores=scores, labels=labels)]

    monkeypatch.setattr(detector, "get_model", lambda name, weights: Stub())
    torch.save({}, hub / FILE)
    red = np.zeros((2, 4, 3), np.uint8)
    red[..., 2] = 255
    assert Detector(NAME)(1, red) == [((0, 1, 2, 3), 0.75, None)]


def test_missing_weights_say_where_they_belong(hub):
    with pytest.raises(InputError, match=f"not on disk: put https://.*{FILE} into {hub / FILE}"):
        Detector(NAME)
    with pytest.raises(InputError, match="--detector yolo .*retinanet"):
        weights_file("yolo")


def test_weights_that_would_run_something_are_refused(hub):
    torch.save({"weight": print}, hub / FILE)
    with pytest.raises(InputError, match="builtins.print, which is not allowed"):
        Detector(NAME)
