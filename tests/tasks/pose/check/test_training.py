"""What is refused before training, and that MMPose takes all that is not."""

import json

import pytest
from mmengine.config import Config

from bsam_suite.errors import InputError
from tasks.pose.check.training import check_splits, split_of
from tasks.pose.coco_files import read_annotations
from tasks.pose.evaluate.ap import average_precision

ODD = (None, "12", -1, 0, 1.5, True, float("nan"), 10**400, 2**70, [], [None], {}, [1e30] * 4)


def test_odd_values_are_refused_or_do_no_harm(small_set, config, used):
    content, file = small_set.content["val2017"], small_set.file("val2017")
    refused, taken = set(), 0
    for part, (entry, *others) in content.items():
        for field in entry:
            for value in (*ODD, "lacking"):
                changed = {k: v for k, v in entry.items() if k != field}
                changed |= {} if value == "lacking" else {field: value}
                file.write_text(json.dumps(dict(content, **{part: [changed, *others]})))
                try:
                    check_splits(config())
                except InputError as error:
                    assert str(file) in str(error) and "\n" not in str(error)
                    refused.add(field)
                else:
                    used()
                    taken += 1
                evaluated(file)
    needed = {"id", "file_name", "width", "height", "image_id", "category_id", "bbox"}
    assert refused == needed | {"keypoints", "area", "iscrowd"} and taken > 50


def evaluated(file):
    """eval_pose refuses a file as well, or evaluates it."""
    try:
        truth = read_annotations(file, "keypoints", "bbox", "area")
    except InputError:
        return
    average_precision(truth, [dict(a, score=0.5) for a in truth["annotations"]], "pycocotools")


def test_all_of_both_splits_in_one_line(small_set, config):
    for content in small_set.content.values():
        del content["annotations"][1]["bbox"]
        content["annotations"][2]["keypoints"][3] = float("inf")
    (small_set.root / "val2017/200.jpg").unlink()
    small_set.write()
    with pytest.raises(InputError) as error:
        check_splits(config())
    told = str(error.value)
    assert told.count("1 x broken_entry") == told.count("1 x not_finite") == 2
    assert told.count("1 x missing_image") == 1 and "val2017/200.jpg" in told and "\n" not in told


def test_only_the_first_places_and_the_count(small_set, config):
    small_set.content["train2017"]["annotations"] *= 100
    small_set.write()
    with pytest.raises(InputError, match="297 x duplicate_annotation_id") as error:
        check_splits(config())
    assert len(str(error.value)) < 900


def test_images_in_folders(small_set, config, used):
    (small_set.root / "train2017/clip 1").mkdir()
    image = small_set.content["train2017"]["images"][1]
    (small_set.root / "train2017/101.jpg").rename(small_set.root / "train2017/clip 1/101.jpg")
    image["file_name"] = "clip 1/101.jpg"
    small_set.write()
    check_splits(config())
    used()
    image["file_name"] = "clip 2/101.jpg"
    small_set.write()
    with pytest.raises(InputError, match="1 x missing_image: .*train2017/clip 2/101.jpg"):
        check_splits(config())


def test_files_of_other_names(small_set, config):
    """Then check_dataset, which knows COCO's names alone, is not referred to."""
    root = small_set.root
    small_set.file("train2017").rename(root / "mine.json")
    (root / "train2017").rename(root / "pictures")
    cfg = config()
    cfg.train_dataloader.dataset.update(ann_file="mine.json", data_prefix=dict(img="pictures"))
    cfg.val_dataloader = None
    check_splits(cfg)
    (root / "pictures/101.jpg").unlink()
    with pytest.raises(InputError, match="mine.json: 1 x missing_image.*pictures/101.jpg") as error:
        check_splits(cfg)
    assert "check_dataset" not in str(error.value)


def test_data_sets_within_others(small_set, config):
    cfg = config()
    inner = cfg.train_dataloader.dataset
    combined = dict(type="CombinedDataset", datasets=[inner, cfg.val_dataloader.dataset])
    cfg.train_dataloader.dataset = dict(type="RepeatDataset", times=2, dataset=combined)
    cfg.val_dataloader = None
    check_splits(cfg)
    small_set.content["val2017"]["annotations"][0]["bbox"] = None
    small_set.write()
    with pytest.raises(InputError, match="person_keypoints_val2017.json: 1 x broken_entry"):
        check_splits(cfg)


def test_what_is_evaluated_is_annotated(small_set, config):
    other, own = small_set.file("train2017"), small_set.file("val2017")
    check_splits(config(ann_file=str(own)))
    with pytest.raises(InputError, match=f"val_evaluator.ann_file={other} .*3 images of .*200"):
        check_splits(config(ann_file=str(other)))
    with pytest.raises(InputError, match="none.json does not exist"):
        check_splits(config(ann_file="none.json"))
    both = {
        k: sum((c[k] for c in small_set.content.values()), []) for k in ("images", "annotations")
    }
    (small_set.root / "both.json").write_text(json.dumps(both))
    check_splits(config(ann_file=str(small_set.root / "both.json")))


def test_where_the_files_are():
    dataset = Config(
        dict(data=dict(ann_file="a/b.json", data_prefix=dict(img="c/"), data_root="r"))
    )
    split = split_of(dataset.data)
    assert (str(split.annotations), str(split.images), split.name) == ("r/a/b.json", "r/c", "b")
    split = split_of(Config(dict(data=dict(ann_file="/a/b.json"))).data)
    assert (str(split.annotations), str(split.images)) == ("/a/b.json", ".")
