"""The pose configs: which data they choose and what they refuse."""

import json
import shutil
from pathlib import Path

import pytest

from bsam_suite.engine.config import load_config, preflight
from bsam_suite.errors import InputError

CONFIGS = Path(__file__).parents[3] / "configs/pose"


def load(name, options=None):
    return load_config(str(CONFIGS / name), options)


@pytest.fixture
def coco(people, tmp_path):
    """A small COCO-layout folder that a test may damage."""
    shutil.copytree(people, tmp_path / "coco")
    return tmp_path / "coco"


def test_coco_where_it_is_found(coco, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    built_in = load("hrnet_bsam.py")
    assert built_in.codec.input_size == (96, 128)
    given = load("hrnet_bsam.py", {"data_root": str(coco)})
    assert given.codec.input_size == (192, 256) and given.train_cfg.max_epochs == 210
    assert given.train_dataloader.dataset.data_root == str(coco)
    assert given.val_evaluator.ann_file == f"{coco}/annotations/person_keypoints_val2017.json"
    (tmp_path / "data").mkdir()
    coco.rename(tmp_path / "data/coco")
    assert load("hrnet_bsam.py").codec.input_size == (192, 256)


@pytest.mark.parametrize("rule", ["adam", "sam", "bsam"])
@pytest.mark.parametrize("name", ["hrnet-tiny_{}_people-128x96.py", "hrnet-w32_{}_coco-256x192.py"])
def test_rules_differ_by_one_line(name, rule):
    cfg = load(name.format(rule))
    plain = load(name.format("adam"))
    wrapper = cfg.optim_wrapper
    assert wrapper.optimizer == plain.optim_wrapper.optimizer
    kind = {"adam": None, "sam": "SharpnessOptimWrapper", "bsam": "BSAMOptimWrapper"}[rule]
    assert wrapper.get("type") == kind
    assert cfg.model == plain.model and cfg.train_dataloader == plain.train_dataloader


def damage_folder(root):
    shutil.rmtree(root)


def damage_annotations(root):
    (root / "annotations/person_keypoints_val2017.json").unlink()


def damage_json(root):
    (root / "annotations/person_keypoints_train2017.json").write_text("{not json")


def damage_kind(root):
    (root / "annotations/person_keypoints_train2017.json").write_text(json.dumps([1, 2]))


def damage_keypoints(root):
    path = root / "annotations/person_keypoints_train2017.json"
    content = json.loads(path.read_text())
    del content["annotations"][0]["keypoints"]
    path.write_text(json.dumps(content))


def damage_images(root):
    next((root / "val2017").iterdir()).unlink()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (damage_folder, "is not a folder"),
        (damage_annotations, "person_keypoints_val2017.json does not exist"),
        (damage_json, "is not JSON"),
        (damage_kind, "is not a COCO file"),
        (damage_keypoints, "annotations without keypoints"),
        (damage_images, "1 of 12 images"),
    ],
)
def test_half_a_data_root_is_an_error(coco, damage, words):
    cfg = load("hrnet_bsam.py", {"data_root": str(coco)})
    cfg.preflight = cfg.preflight[:1]
    preflight(cfg)
    damage(coco)
    with pytest.raises(InputError, match=words) as error:
        preflight(cfg)
    assert str(coco) in str(error.value)


def test_no_network_for_pretrained_weights_is_said_aloud(people, monkeypatch, capsys):
    from mmengine.runner import CheckpointLoader

    def unreachable(*args, **kwargs):
        raise OSError("no route")

    monkeypatch.setattr(CheckpointLoader, "load_checkpoint", unreachable)
    cfg = load("hrnet_bsam.py", {"data_root": str(people)})
    preflight(cfg)
    assert cfg.model.backbone.init_cfg is None
    assert "TRAINING STARTS FROM RANDOM WEIGHTS" in capsys.readouterr().out
    missing = {"model.backbone.init_cfg.checkpoint": "none.pth", "data_root": str(people)}
    with pytest.raises(InputError, match="none.pth"):
        preflight(load("hrnet_bsam.py", missing))
