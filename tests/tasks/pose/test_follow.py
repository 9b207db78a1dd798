"""A config follows the keypoints of its data."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.optim import OptimWrapper
from mmengine.registry import DATASETS, MODELS, init_default_scope

import tasks.pose.register_all  # noqa: F401
from bsam_suite.engine.config import load_config, preflight
from bsam_suite.errors import InputError
from tasks.pose.follow_keypoints import LOADERS
from tasks.pose.predict.checkpoint_config import pose_config_of_checkpoint

CONFIGS = Path(__file__).parents[3] / "configs"
TINY = "pose/hrnet-tiny_bsam_coco-128x96.py"
SWAPPED = [0, 2, 1, 4, 3]


def load(name, root, **options):
    options = {key.replace("__", "."): value for key, value in options.items()}
    return load_config(str(CONFIGS / name), dict(data_root=str(root), **options))


def names(cfg):
    return [
        [k["name"] for k in cfg[loader].dataset.metainfo["keypoint_info"].values()]
        for loader in LOADERS
    ]


RECIPES = ["hrnet_bsam", "simcc-tiny_bsam_coco-128x96", "rtmpose-s_bsam_coco-256x192"]


@pytest.mark.parametrize("name", RECIPES + ["simplebaseline-r50_adam_coco-256x192"])
def test_data_root_alone_is_enough(name, fish, capsys):
    cfg = load(f"pose/{name}.py", fish)
    assert cfg.model.head.out_channels == 5
    assert names(cfg) == [["tip", "left_fin", "right_fin", "left_tail", "right_tail"]] * 3
    cfg.preflight = cfg.preflight[:1]
    preflight(cfg)
    said = capsys.readouterr().out
    assert "5 keypoints (tip, left_fin, " in said and "left_fin and right_fin" in said
    # What was written down is followed no further.
    again = load_config(write(cfg, fish.parent / f"{name}.py"))
    assert again.model == cfg.model and again.val_dataloader == cfg.val_dataloader


@pytest.mark.parametrize("given", [{}, dict(metainfo__sigmas=[0.1] * 12)])
def test_keypoints_keep_their_order_in_what_is_written_down(make_set, tmp_path, given):
    """MMEngine sorts a config that it writes by the text of its keys: 10 before 2."""
    from mmpose.datasets.datasets.utils import parse_pose_metainfo

    sides = [f"{side}_{i}" for i in range(6) for side in ("left", "right")]
    cfg = load(TINY, make_set(tmp_path / "set", sides), **given)
    again = load_config(write(cfg, tmp_path / "again.py"))
    assert names(again) == [sides] * 3
    recorded = pose_config_of_checkpoint(dict(meta=dict(cfg=cfg.pretty_text)), "a.pth")
    for dataset in (again.train_dataloader.dataset, recorded.test_dataloader.dataset):
        parsed = parse_pose_metainfo(dataset.metainfo.to_dict())
        assert parsed["flip_indices"] == [1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10]
        assert list(parsed["keypoint_name2id"]) == sides


def write(cfg, path):
    cfg.dump(path)
    return str(path)


def test_a_quantized_model_and_any_rule(fish):
    cfg = load("quantization/pose_w4a4_sam.py", fish, float_config=str(CONFIGS / TINY))
    assert cfg.model.model.head.out_channels == 5 and names(cfg)[1][0] == "tip"


def test_coco_and_what_is_not_there_stay_as_they_are(people, tmp_path):
    for root in (people, tmp_path):
        cfg = load(TINY, root)
        assert cfg.model.head.out_channels == 17
        assert not any("metainfo" in cfg[loader].dataset for loader in LOADERS)
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations/person_keypoints_val2017.json").write_text("{no json")
    assert load(TINY, tmp_path).model.head.out_channels == 17
    cfg = load(TINY, people, metainfo__sigmas=[0.1] * 17)
    metainfo = cfg.val_dataloader.dataset.metainfo
    assert metainfo.sigmas == [0.1] * 17 and max(metainfo.joint_weights) == 1.5  # as MMPose's


@pytest.mark.parametrize("name", [TINY, "pose/simcc-tiny_bsam_coco-128x96.py"])
@pytest.mark.parametrize("count", [1, 5, 21])
def test_a_step_of_training_and_of_testing(make_set, fish, tmp_path, count, name):
    root = fish if count == 5 else make_set(tmp_path / "set", [f"k{i}" for i in range(count)])
    cfg = load(name, root)
    init_default_scope("mmpose")
    model = MODELS.build(cfg.model)
    assert model.test_cfg.flip_test
    data = DATASETS.build(cfg.train_dataloader.dataset)
    wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), 0.01))
    logs = model.train_step(pseudo_collate([data[0], data[1]]), wrapper)
    assert torch.isfinite(logs["loss"])
    data = DATASETS.build(cfg.val_dataloader.dataset)
    for sample in model.eval().test_step(pseudo_collate([data[0], data[1]])):
        assert sample.pred_instances.keypoints.shape == (1, count, 2)


def test_mirrored_images_swap_left_and_right(fish):
    cfg = load(TINY, fish)
    init_default_scope("mmpose")
    steps = [step for step in cfg.train_dataloader.dataset.pipeline if "Fast" not in step.type]
    points = []
    for probability in (0.0, 1.0):
        flip = dict(type="FastRandomFlip", direction="horizontal", prob=probability)
        pipeline = [*steps[:2], flip, steps[2]]
        data = DATASETS.build(dict(cfg.train_dataloader.dataset, pipeline=pipeline))
        points.append(data[0]["transformed_keypoints"][0])
    plain, mirrored = points
    np.testing.assert_allclose(mirrored[:, 0], 95 - plain[SWAPPED, 0], atol=1.01)
    np.testing.assert_allclose(mirrored[:, 1], plain[SWAPPED, 1], atol=1e-3)


SEVEN = {i: dict(name=f"k{i}") for i in range(7)}


def test_a_data_set_of_mmpose_s(fish):
    kind = {f"{loader}__dataset__type": "OneHand10KDataset" for loader in LOADERS}
    cfg = load(TINY, fish, **kind)
    assert cfg.model.head.out_channels == 21 and "metainfo" not in cfg.val_dataloader.dataset
    # One that is made from the class for all COCO-format files follows the file.
    from mmpose.datasets import CocoDataset

    DATASETS.register_module("OwnCocoDataset", module=type("Own", (CocoDataset,), {}), force=True)
    cfg = load(TINY, fish, val_dataloader__dataset__type="OwnCocoDataset")
    assert cfg.model.head.out_channels == 5 and names(cfg)[0][0] == "tip"


def config(tmp_path, text):
    (tmp_path / "own.py").write_text(f"_base_ = {str(CONFIGS / TINY)!r}\n{text}")
    return str(tmp_path / "own.py")


def test_metainfo_in_mmpose_s_way(make_set, tmp_path):
    root = make_set(tmp_path / "set", [f"K {i}" for i in range(7)])
    text = f"val_dataloader = dict(dataset=dict(metainfo=dict(keypoint_info={SEVEN!r})))\n"
    cfg = load_config(config(tmp_path, text), dict(data_root=str(root)))
    assert cfg.model.head.out_channels == 7 and names(cfg) == [[f"k{i}" for i in range(7)]] * 3
    cfg.preflight = cfg.preflight[:1]
    preflight(cfg)  # "K 0" and "k0" are one


def test_what_disagrees_is_named(fish, tmp_path):
    def refuse(text, *said):
        with pytest.raises(InputError) as error:
            cfg = load_config(config(tmp_path, text), dict(data_root=str(fish)))
            cfg.preflight = cfg.preflight[:1]
            preflight(cfg)
        for words in said:
            assert words in str(error.value)

    annotations = str(fish / "annotations/person_keypoints_")
    seven = f"metainfo = dict(keypoint_info={SEVEN!r})"
    refuse(seven, annotations, "5 keypoints (tip, ", "7 keypoints (k0, ", "metainfo")
    refuse(
        f"train_dataloader = dict(dataset=dict({seven}))\n"
        "val_dataloader = dict(dataset=dict(metainfo=dict(from_file='coco.py')))",
        *("train_dataloader.dataset has 7 keypoints", "val_dataloader.dataset has 17 keypoints"),
    )
    refuse("model = dict(head=dict(out_channels=7))", "out_channels=7", "5 keypoints (tip, ")
    refuse("metainfo = dict(sigmas=[0.1] * 3)", "metainfo: sigmas is [0.1, 0.1, 0.1]", "of 5")


def test_train_and_val_of_different_keypoints(make_set, tmp_path):
    root = make_set(tmp_path / "set", ["left_ear", "right_ear"])
    file = root / "annotations/person_keypoints_train2017.json"
    content = json.loads(file.read_text())
    content["categories"][0]["keypoints"].reverse()
    file.write_text(json.dumps(content))
    cfg = load(TINY, root)
    with pytest.raises(InputError) as error:
        preflight(cfg)
    assert f"{file} has 2 keypoints (right_ear, left_ear)" in str(error.value)
    assert "(left_ear, right_ear)" in str(error.value)
