"""From one option to a network of 5 keypoints: every tool follows the annotation file."""

import json
from argparse import Namespace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from bsam_suite.engine import launch
from bsam_suite.onnx.command import export
from bsam_suite.quantization.command import export as export_quantized
from bsam_suite.quantization.compiled import Compiled
from tasks.pose.browse.command import browse
from tasks.pose.evaluate.command import evaluate
from tasks.pose.predict.command import predict

ROOT = Path(__file__).parents[3]
NAMES = ["tip", "left_fin", "right_fin", "left_tail", "right_tail"]
TINY = f"""
_base_ = {str(ROOT / "configs/pose/hrnet-tiny_bsam_coco-128x96.py")!r}
model = dict(backbone=dict(_delete_=True, type="ResNet", depth=18, num_stages=1, strides=(1,),
    dilations=(1,), out_indices=(0,), stem_channels=16, base_channels=16))
"""
QUICK = {
    "train_cfg.max_epochs": 1,
    "train_cfg.val_interval": 1,
    "train_dataloader.batch_size": 2,
    "train_dataloader.num_workers": 0,
    "train_dataloader.persistent_workers": False,
    "default_hooks.checkpoint.interval": 1,
}


def arguments(config, fish, work_dir, **others):
    options = dict(QUICK, data_root=str(fish), **others.pop("options", {}))
    usual = dict(resume=None, amp=False, no_validate=False, auto_scale_lr=False, show_dir=None)
    usual |= dict(seed=None, launcher="none", dump=None, rule=None, cfg_options=options)
    usual |= dict(tensorboard=False)
    return Namespace(**usual, config=str(config), work_dir=str(work_dir), **others)


@pytest.fixture(scope="module")
def trained(fish, tmp_path_factory):
    """Config and checkpoint of a tiny network, trained with ``data_root`` as only choice."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "tiny.py").write_text(TINY)
    launch.train(arguments(folder / "tiny.py", fish, folder / "run"))
    return folder / "tiny.py", folder / "run/epoch_1.pth"


def found_by(checkpoint, fish, out, **others):
    """What ``tools/predict.py`` writes for the validation images, by image and x, y, score."""
    boxes = fish / "annotations/person_keypoints_val2017.json"
    args = dict(detector=None, annotations=None, config=None, boxes=boxes, out=out) | others
    predict(Namespace(checkpoint=str(checkpoint), inputs=[fish / "val2017"], **args))
    found = json.loads((out / "results.keypoints.json").read_text())
    return {r["image_id"]: np.reshape(r["keypoints"], (-1, 3)) for r in found}


def test_train_test_and_predict(trained, fish, tmp_path, capsys):
    config, checkpoint = trained
    sheet = cv2.imread(str(checkpoint.parent / "pictures/epoch_1.png"))
    assert sheet is not None and sheet.std() > 10
    content = torch.load(checkpoint, weights_only=False)
    assert content["state_dict"]["head.final_layer.weight"].shape[0] == 5
    meta = content["meta"]["dataset_meta"]
    assert list(meta["keypoint_name2id"]) == NAMES and meta["flip_indices"] == [0, 2, 1, 4, 3]
    assert list(meta["skeleton_links"]) == [(0, 1), (0, 2)]
    assert meta["sigmas"] == pytest.approx(0.05)

    launch.test(arguments(config, fish, tmp_path / "test", checkpoint=str(checkpoint)))
    said = capsys.readouterr().out
    assert "5 keypoints (tip, left_fin, " in said and "a sigma of 0.05" in said
    [line] = [line for line in said.splitlines() if line.startswith("coco/AP  ")]

    # The checkpoint alone knows its keypoints; the results are those of the test.
    found = found_by(checkpoint, fish, tmp_path / "out")
    assert sorted(found) == [101, 102] and {len(points) for points in found.values()} == {5}
    assert cv2.imread(str(tmp_path / "out/contact_sheet.jpg")) is not None
    images = json.loads((tmp_path / "out/images.json").read_text())
    assert images["categories"][0]["keypoints"] == NAMES
    truth = fish / "annotations/person_keypoints_val2017.json"
    results = dict(annotations=truth, results=tmp_path / "out/results.keypoints.json", out=None)
    usual = dict(oks_nms=None, backend="pycocotools", metainfo=None, sigmas=None)
    usual |= dict(command_line="")
    evaluate(Namespace(**results, **usual))
    report = json.loads((tmp_path / "out/evaluation/evaluation.json").read_text())
    assert 0 < report["metrics"]["AP"] < 1
    assert report["metrics"]["AP"] == pytest.approx(float(line.split()[-1]), abs=1e-4)
    assert [row["name"] for row in report["keypoints"]] == [*NAMES, "all"]


def test_onnx(trained, fish, tmp_path):
    config, checkpoint = trained
    file = tmp_path / "tiny.onnx"
    export(str(config), str(checkpoint), str(file), options=dict(QUICK, data_root=str(fish)))
    expected = found_by(checkpoint, fish, tmp_path / "torch")
    for image, points in found_by(file, fish, tmp_path / "onnx").items():
        np.testing.assert_allclose(points, expected[image], atol=0.02)


@pytest.mark.long
def test_quantized(trained, fish, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Compiled, "__call__", lambda self, *x: self.plain(*x))  # in less time
    config, checkpoint = trained
    low_bit = ROOT / "configs/quantization/pose_w8a8_adam.py"
    options = {"float_config": str(config), "model.checkpoint": str(checkpoint)}
    args = arguments(low_bit, fish, tmp_path / "run", options=options)
    launch.train(args)
    file = tmp_path / "run/epoch_1.pth"
    assert file.is_file()
    expected = found_by(file, fish, tmp_path / "torch")
    assert {len(points) for points in expected.values()} == {5}
    for name in ("packed.safetensors", "low_bit.onnx"):
        export_quantized(str(low_bit), str(file), name, 1, options=args.cfg_options)
    found = found_by(tmp_path / "low_bit.onnx", fish, tmp_path / "onnx")
    assert sorted(found) == sorted(expected)


@pytest.mark.parametrize("split", ["train", "val"])
def test_browse(fish, tmp_path, split):
    out = tmp_path / "sheet.png"
    config = str(ROOT / "configs/pose/simcc-tiny_bsam_coco-128x96.py")
    options = dict(data_root=str(fish))
    browse(Namespace(config=config, split=split, number=2, out=out, cfg_options=options))
    assert cv2.imread(str(out)) is not None
