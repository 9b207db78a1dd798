"""Segmentation as a user does it: train, test, find masks, low bits, ONNX."""

import cv2
import numpy as np
import torch

from bsam_suite.compat import patch_mmengine
from bsam_suite.engine.checkpoint import read_checkpoint

CONFIG = "configs/segmentation/fcn_bsam.py"
PEOPLE = ["people.train=48", "people.val=12"]
# Of three steps, which batch norm follows at once.
SHORT = [
    "train_cfg.max_epochs=1",
    "train_cfg.val_interval=1",
]
SHORT += [f"model.{part}.norm_cfg.momentum=0.9" for part in ("backbone", "decode_head")]


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


def test_miou_is_that_of_the_masks_that_are_written(tool, home, tmp_path):
    done = tool("train", CONFIG, "--work-dir", "run", options=[*PEOPLE, *SHORT])
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Next" in done.stdout and cv2.imread(str(tmp_path / "run/pictures/epoch_1.png")).any()
    patch_mmengine()
    # After three steps all is background; other weights at the end give masks of both classes.
    content = read_checkpoint(str(tmp_path / "run/epoch_1.pth"))
    end = content["state_dict"]["decode_head.conv_seg.weight"]
    end.copy_(torch.randn(end.shape))
    end -= end.mean(1, keepdim=True)
    torch.save(content, tmp_path / "net.pth")

    tested = tool("test", CONFIG, "net.pth", "--work-dir", "tested", options=PEOPLE)
    assert tested.returncode == 0, tested.stderr[-3000:]
    (data,) = home.glob("people-v*-seed0-48-12")
    found = tool("predict_masks", CONFIG, "net.pth", data / "val2017", "--out", "out")
    assert found.returncode == 0, found.stderr[-3000:]
    masks, truth = read(tmp_path / "out/masks"), read(data / "masks/val2017")
    assert len(masks) == len(truth) == 12
    assert 0.02 < np.mean([(mask == 1).mean() for mask in masks]) < 0.9
    assert f"mIoU             {iou(masks, truth):.2f}" in tested.stdout
    for picture in ("tested/pictures/test.png", "out/contact_sheet.jpg"):
        assert cv2.imread(str(tmp_path / picture)).std() > 10
