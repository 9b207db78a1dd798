"""Data sets of masks, and what configs take from them."""

import shutil

import cv2
import numpy as np
import pytest
from mmengine.registry import init_default_scope

import tasks.segmentation.register_all  # noqa: F401
from bsam_suite.engine.config import load_config, preflight
from bsam_suite.errors import InputError
from tasks.pose.people import PARTS
from tasks.segmentation.mask_folder import MaskFolder
from tasks.segmentation.people import PersonParts, Persons

KNOWN = dict(voc=(21, 16, (512, 512)), cityscapes=(19, 8, (512, 1024)), folder=(3, 16, (512, 512)))
RECIPES = ["fcn-r50_bsam", "deeplabv3plus-r18_sam", "segformer-b0_adamw", "fcn_bsam"]


@pytest.fixture
def copy(layouts, tmp_path):
    """A folder of images and masks to damage."""
    return shutil.copytree(layouts / "folder", tmp_path / "folder")


def load(name, root, **options):
    return load_config(f"configs/segmentation/{name}.py", {"data_root": str(root), **options})


def check(root, **options):
    """What a run on ``root`` does first, without weights from the internet."""
    cfg = load("fcn-r18_sgd", root, **options)
    cfg.preflight = [entry for entry in cfg.preflight if entry.type == "check_masks"]
    init_default_scope("mmseg")
    preflight(cfg)
    return cfg


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("layout", KNOWN)
def test_recipes_follow_the_layout_of_their_data(layouts, name, layout):
    classes, batch_size, crop = KNOWN[layout]
    cfg = load(name, layouts / layout)
    heads = [cfg.model[head] for head in ("decode_head", "auxiliary_head") if cfg.model.get(head)]
    assert {head.num_classes for head in heads} == {classes}
    assert cfg.train_dataloader.batch_size == batch_size
    assert cfg.model.data_preprocessor["size"] == crop
    assert cfg.train_cfg.max_iters == (80_000 if layout == "cityscapes" else 20_000)


@pytest.mark.parametrize("layout", KNOWN)
def test_good_data_pass_the_check(layouts, layout, capsys):
    check(layouts / layout)
    assert f"Data: images and masks in {layouts / layout}" in capsys.readouterr().out


def test_classes_are_recorded_in_the_config(layouts):
    cfg = load("fcn-r18_sgd", layouts / "folder")
    for loader in ("train_dataloader", "val_dataloader", "test_dataloader"):
        assert cfg[loader].dataset.metainfo.classes == ["sky", "sea", "sand"]


def test_images_and_masks_are_paired_by_name(copy):
    picture = np.zeros((48, 64, 3), np.uint8)
    (copy / "images/train/more").mkdir()
    (copy / "masks/train/more").mkdir()
    cv2.imwrite(str(copy / "images/train/more/a.PNG"), picture)
    cv2.imwrite(str(copy / "masks/train/more/a.png"), picture[..., 0])
    (copy / "images/train/notes.txt").touch()
    data = MaskFolder(data_root=str(copy), split="train", metainfo=dict(classes=["a", "b", "c"]))
    names = [(info["img_path"], info["seg_map_path"]) for info in data]
    assert (
        len(names) == 4
        and (
            str(copy / "images/train/more/a.PNG"),
            str(copy / "masks/train/more/a.png"),
        )
        in names
    )
    for image, mask in names:
        assert mask.startswith(str(copy / "masks/train/")) and image.rsplit(".")[0][-3:]


def damage_gone(copy):
    (copy / "masks/train/train_1.png").unlink()


def damage_colour(copy):
    cv2.imwrite(str(copy / "masks/val/val_0.png"), np.zeros((48, 64, 3), np.uint8))


def damage_size(copy):
    cv2.imwrite(str(copy / "masks/train/train_0.png"), np.zeros((64, 48), np.uint8))


def damage_number(copy):
    mask = np.zeros((48, 64), np.uint8)
    mask[0, 0], mask[1] = 7, 255
    cv2.imwrite(str(copy / "masks/train/train_0.png"), mask)


def damage_file(copy):
    (copy / "masks/train/train_0.png").write_bytes(b"no picture")


def damage_classes(copy):
    (copy / "classes.txt").unlink()


def damage_empty(copy):
    (copy / "classes.txt").write_text("\n")


def damage_twice(copy):
    (copy / "classes.txt").write_text("sky\nsea\nsky\n")


def damage_images(copy):
    shutil.rmtree(copy / "images/val")
    (copy / "images/val").mkdir()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (damage_gone, r"the mask of .*images/train/train_1.jpg is not there: give .*train_1\.png"),
        (damage_colour, r"val_0.png is a picture of 3 channels: give one channel"),
        (damage_size, r"train_0.png has 48x64 pixels, its image 64x48"),
        (damage_number, r"train_0.png has the number 7, but there are 3 classes: give 0 to 2, and"),
        (damage_file, r"train_0.png or its image cannot be read"),
        (damage_classes, r"folder has no classes.txt: give the names"),
        (damage_empty, r"classes.txt has no names"),
        (damage_twice, r"classes.txt has the name 'sky' twice"),
        (damage_images, r"val_dataloader.dataset: there are no images in .*images/val"),
    ],
)
def test_what_is_wrong_is_said_before_the_training(copy, damage, said):
    damage(copy)
    with pytest.raises(InputError, match=said):
        check(copy)


def test_data_sets_of_different_classes_are_refused(layouts):
    other = {"val_dataloader.dataset.metainfo.classes": ["a", "b"]}
    with pytest.raises(InputError, match="val_dataloader.dataset has 2 classes, but train_.* 3"):
        load("fcn-r18_sgd", layouts / "folder", **other)


def test_people_are_persons_or_parts(people):
    where = dict(img_path="val2017", seg_map_path="masks/val2017")
    load_mask = [dict(type="LoadAnnotations", imdecode_backend="cv2")]
    init_default_scope("mmseg")
    persons, parts = (
        kind(data_root=str(people), data_prefix=dict(where), pipeline=load_mask)
        for kind in (Persons, PersonParts)
    )
    assert len(persons) == len(parts) == 12
    assert parts.metainfo["classes"] == PARTS and persons.metainfo["classes"][1] == "person"
    for one, other in zip(persons, parts):
        mask = cv2.imread(one["seg_map_path"], cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(other["gt_seg_map"], mask)
        np.testing.assert_array_equal(one["gt_seg_map"], mask > 0)
