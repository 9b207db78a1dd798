"""Segmentation as a user does it: train, test, find masks, low bits, ONNX."""

import json

import cv2
import numpy as np
import pytest

CONFIG = "configs/segmentation/fcn_bsam.py"
PEOPLE = ["people.train=48", "people.val=12"]
SHORT = [*PEOPLE, "train_cfg.max_epochs=3", "train_cfg.val_interval=3"]


def iou(masks, truth):
    """mIoU in percent, as M. Everingham et al. define it, over all pixels of all images."""
    shares = []
    for kind in (0, 1):
        found = np.concatenate([(m == kind).ravel() for m in masks])
        wanted = np.concatenate([((t > 0) == kind).ravel() for t in truth])
        shares.append((found & wanted).sum() / (found | wanted).sum())
    return 100 * np.mean(shares)


def read(folder):
    return [cv2.imread(str(f), cv2.IMREAD_UNCHANGED) for f in sorted(folder.glob("*.png"))]


@pytest.fixture
def trained(tool):
    """A checkpoint of a few steps."""
    done = tool("train", CONFIG, "--work-dir", "run", options=SHORT)
    assert done.returncode == 0, done.stderr[-3000:]
    return "run/epoch_3.pth"


def test_miou_is_that_of_the_masks_that_are_written(tool, trained, home, tmp_path):
    metrics = json.loads((tmp_path / "run/metrics.json").read_text())["metrics"]
    (data,) = home.glob("people-v*-seed0-48-12")
    found = tool("predict_masks", CONFIG, trained, data / "val2017", "--out", "out")
    assert found.returncode == 0, found.stderr[-3000:]
    masks, truth = read(tmp_path / "out/masks"), read(data / "masks/val2017")
    assert len(masks) == len(truth) == 12 and np.concatenate([m.ravel() for m in masks]).any()
    assert metrics["mIoU"] == pytest.approx(iou(masks, truth), abs=0.006)
    tested = tool("test", CONFIG, trained, "--work-dir", "tested", options=PEOPLE)
    assert f"mIoU             {metrics['mIoU']:.4f}" in tested.stdout
    for picture in (
        "run/pictures/epoch_3.png",
        "tested/pictures/test.png",
        "out/contact_sheet.jpg",
    ):
        assert cv2.imread(str(tmp_path / picture)).std() > 10

    low = tool("eval_quantized", CONFIG, trained, "--bits", "8", "--out", "low", options=PEOPLE)
    assert low.returncode == 0, low.stderr[-3000:]
    rows = json.loads((tmp_path / "low/results.json").read_text())["rows"]
    assert abs(rows[1]["metrics"]["mIoU"] - metrics["mIoU"]) < 5

    done = tool("export_onnx", CONFIG, trained, "--out", "net.onnx", options=PEOPLE)
    assert done.returncode == 0, done.stderr[-3000:]
