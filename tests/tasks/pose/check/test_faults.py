"""Each kind of fault, planted alone into a set without any, is found as what and where it is."""

import shutil
from functools import partial

import pytest

from bsam_suite.errors import InputError
from bsam_suite.shell import near
from tasks.pose.check.command import check_dataset_folder
from tasks.pose.check.kinds import KINDS
from tasks.pose.check.training import check_splits

# Each plants one fault and returns what must be told of it.
PLANTS = {}
WARNINGS = ("other_keypoints", "keypoint_outside_box")
PERSON = dict(annotation=1010, image=101, file="train2017/101.jpg")


def plants(kind):
    def keep(function):
        PLANTS.setdefault(kind, []).append(function)
        return function

    return keep


@plants("missing_annotations")
def no_validation_file(s):
    del s.content["val2017"]
    s.file("val2017").unlink()
    return dict(split="val2017", file="annotations/person_keypoints_val2017.json")


@plants("unreadable_annotations")
def cut_json(s):
    text = s.file("val2017").read_text()
    del s.content["val2017"]
    s.file("val2017").write_text(text[:-9])
    return dict(split="val2017", file="annotations/person_keypoints_val2017.json")


@plants("unreadable_annotations")
def json_of_another_kind(s):
    del s.content["val2017"]["categories"]
    return dict(split="val2017", file="annotations/person_keypoints_val2017.json")


@plants("missing_folder")
def no_folder(s):
    shutil.rmtree(s.root / "val2017")
    return dict(split="val2017", file="val2017/")


@plants("missing_image")
def no_image(s):
    (s.root / "train2017/101.jpg").unlink()
    return dict(image=101, file="train2017/101.jpg")


@plants("unreadable_image")
def cut_image(s):
    file = s.root / "train2017/101.jpg"
    file.write_bytes(file.read_bytes()[:-3000])
    return dict(image=101, file="train2017/101.jpg")


@plants("unreadable_image")
def no_image_at_all(s):
    (s.root / "train2017/101.jpg").write_text("404 not found")
    return dict(image=101, file="train2017/101.jpg")


@plants("image_size")
def other_size(s):
    s.content["val2017"]["images"][2]["height"] = 121
    return dict(split="val2017", image=202, file="val2017/202.jpg")


@plants("image_in_train_and_val")
def same_image(s):
    shutil.copy(s.root / "train2017/101.jpg", s.root / "val2017/202.jpg")
    return dict(split="val2017", image=202, file="val2017/202.jpg", message="as train2017/101.jpg")


@plants("no_images")
def empty_split(s):
    s.content["val2017"].update(images=[], annotations=[])
    return dict(split="val2017", also={"no_persons"})


@plants("no_persons")
def no_labels(s):
    for annotation in s.content["val2017"]["annotations"]:
        annotation.update(num_keypoints=0, keypoints=[0] * 51)
    return dict(split="val2017", file="annotations/person_keypoints_val2017.json")


@plants("keypoint_names")
def no_names(s):
    del s.content["train2017"]["categories"][0]["keypoints"]
    return {}


@plants("other_keypoints")
def other_order(s):
    names = s.content["train2017"]["categories"][0]["keypoints"]
    names[1:3] = names[2:0:-1]
    return {}


@plants("broken_entry")
def no_box(s):
    del s.content["train2017"]["annotations"][1]["bbox"]
    return dict(annotation=1010, message="annotations[1]: it has no 'bbox': give 4 numbers")


@plants("broken_entry")
def box_of_three(s):
    del s.content["train2017"]["annotations"][1]["bbox"][3]
    return dict(
        annotation=1010, message="annotations[1]: bbox is [40.0, 20.0, 60.0]: give 4 numbers"
    )


@plants("broken_entry")
def text_for_a_number(s):
    s.content["train2017"]["annotations"][1]["keypoints"][3] = "12"
    return dict(annotation=1010)


@plants("broken_entry")
def number_beyond_floats(s):
    s.content["train2017"]["annotations"][1]["keypoints"][3] = 10**400
    return dict(annotation=1010)


@plants("broken_entry")
def image_without_size(s):
    s.content["train2017"]["images"].append(dict(id=7, file_name="7.jpg", height=120))
    return dict(message="images[3]: it has no 'width': give a number of pixels")


@plants("duplicate_image_id")
def image_id_twice(s):
    s.content["train2017"]["images"][2]["id"] = 101
    s.content["train2017"]["annotations"][2]["image_id"] = 101
    return dict(image=101, file="train2017/102.jpg")


@plants("duplicate_file")
def file_twice(s):
    s.content["train2017"]["images"].append(dict(s.content["train2017"]["images"][1], id=7))
    return dict(image=7, file="train2017/101.jpg")


@plants("duplicate_annotation_id")
def annotation_id_twice(s):
    s.content["train2017"]["annotations"][2]["id"] = 1010
    return dict(annotation=1010, image=102, file="train2017/102.jpg")


def damaged(s):
    return s.content["train2017"]["annotations"][1]


@plants("unknown_image")
def image_not_listed(s):
    damaged(s)["image_id"] = 99
    return dict(annotation=1010, image=99, file=None)


@plants("unknown_category")
def category_not_listed(s):
    damaged(s)["category_id"] = 2
    return PERSON


@plants("keypoint_number")
def a_keypoint_too_few(s):
    del damaged(s)["keypoints"][-3:]
    return PERSON


@plants("mixed_keypoints")
def persons_and_a_hand(s):
    hand = dict(id=2, name="hand", keypoints=["wrist", "thumb"])
    s.content["train2017"]["categories"].append(hand)
    damaged(s).update(category_id=2, num_keypoints=2, keypoints=[50, 30, 2, 60, 30, 2])
    message = "2 of 'person' with 17 keypoints, 1 of 'hand' with 2 keypoints"
    return dict(message=message, also={"other_keypoints"})


@plants("mixed_keypoints")
def persons_and_a_monkey_of_as_many(s):
    names = [f"monkey {i}" for i in range(17)]
    s.content["train2017"]["categories"].append(dict(id=2, name="monkey", keypoints=names))
    damaged(s).update(category_id=2)
    message = "2 of 'person' with 17 keypoints, 1 of 'monkey' with 17 keypoints"
    return dict(message=message, also={"other_keypoints"})


@plants("area")
def no_area(s):
    del damaged(s)["area"]
    return dict(PERSON, message="area nan")


@plants("broken_entry")
def area_as_text(s):
    damaged(s)["area"] = "2000"
    return dict(message="annotations[1]: area is '2000': give a number")


@plants("broken_entry")
def crowd_as_text(s):
    damaged(s)["iscrowd"] = "0"
    return dict(message="annotations[1]: iscrowd is '0': give 0 or 1")


@plants("broken_entry")
def image_id_as_text(s):
    s.content["train2017"]["images"].append(dict(id="7", file_name="7.jpg", height=9, width=9))
    return dict(message="images[3]: id is '7': give a whole number")


@plants("unreadable_annotations")
def byte_order_mark(s):
    s.write()
    s.file("val2017").write_text(s.file("val2017").read_text(), encoding="utf-8-sig")
    del s.content["val2017"]
    return dict(split="val2017", file="annotations/person_keypoints_val2017.json")


@plants("unreadable_annotations")
def utf_16(s):
    s.file("val2017").write_text(s.file("val2017").read_text(), encoding="utf-16")
    del s.content["val2017"]
    return dict(split="val2017", file="annotations/person_keypoints_val2017.json")


@plants("no_persons")
def told_to_have_no_keypoints(s):
    for annotation in s.content["val2017"]["annotations"]:
        annotation["num_keypoints"] = 0
    return dict(split="val2017", also={"num_keypoints"})


# Another value of a field of the damaged annotation: kind, field, index, value, what is told.
VALUES = [
    ("not_finite", "keypoints", 4, float("nan"), "left_eye is 70, nan, 2"),
    ("not_finite", "bbox", 2, float("inf"), None),
    ("visibility", "keypoints", 5, 3, "3 of left_eye"),
    ("visibility", "keypoints", 5, 0.7, None),
    ("num_keypoints", "num_keypoints", None, 14, "14, but 15 are labelled"),
    ("area", "area", None, 0, "area 0"),
    ("box_without_area", "bbox", 3, 0, None),
    ("box_without_area", "bbox", None, [100, 100, -60, -80], None),
    ("box_outside", "bbox", 0, 160, None),
    ("box_outside", "bbox", 1, -80, None),
    ("box_over_edge", "bbox", None, [40, 20, 100, 102], "box 40, 20, 100, 102 in 160x120"),
    ("keypoint_outside_image", "keypoints", 7, 122, "right_eye at 50, 122"),
    ("keypoint_outside_box", "keypoints", 6, 102, "right_eye at 102, 38"),
    ("keypoints_off_box", "bbox", None, [100, 5, 10, 15], None),
]


def another_value(change, s):
    field, index, value, message = change
    annotation = damaged(s)
    if index is None:
        annotation[field] = value
    else:
        annotation[field][index] = value
    return dict(PERSON, message=message) if message else dict(PERSON)


for kind, *change in VALUES:
    plants(kind)(partial(another_value, change))


def test_a_set_without_faults_has_none(small_set):
    report = check_dataset_folder(small_set.root)
    assert report.findings == []
    counts = dict(images=3, annotations=3, persons=3, crowds=0, unlabelled=0)
    counts |= {"visible": 36, "hidden": 9, "no label": 6}
    assert report.counts == {"train2017": counts, "val2017": counts}


CASES = [(kind, plant) for kind, plants in PLANTS.items() for plant in plants]


@pytest.mark.parametrize(("kind", "plant"), CASES)
def test_a_fault_is_found(small_set, kind, plant):
    expected = plant(small_set)
    small_set.write()
    findings = check_dataset_folder(small_set.root).findings
    assert {finding.kind for finding in findings} == {kind} | expected.pop("also", set())
    finding = next(f for f in findings if f.kind == kind)
    assert finding.count == len(finding.examples) == 1
    assert finding.is_fault == (kind not in WARNINGS)
    assert finding.split == expected.pop("split", "train2017")
    told = finding.examples[0].as_dict()
    assert {name: told[name] for name in expected} == expected


NOT_LOOKED_AT = ("unreadable_image", "image_size", "image_in_train_and_val")  # before training


@pytest.mark.parametrize(("kind", "plant"), CASES)
def test_training_is_refused_for_the_same_faults(small_set, kind, plant, config, used, capsys):
    expected = plant(small_set)
    small_set.write()
    cfg = config()
    split = expected.get("split", "train2017")
    file = str(small_set.file(split))
    if kind == "area":  # which training does without
        check_splits(cfg)
        cfg.val_dataloader = cfg.train_dataloader
    if KINDS[kind].stops:
        with pytest.raises(InputError, match=f"1 x {kind}: ") as error:
            check_splits(cfg)
        told, found = str(error.value), check_dataset_folder(small_set.root, decode=False).findings
        for finding in (f for f in found if KINDS[f.kind].stops):
            assert str(finding.examples[0]) in told and KINDS[finding.kind].remedy in told
        assert file in told and f"check_dataset.py {near(small_set.root)}" in told
        assert "\n" not in told
    else:
        check_splits(cfg)
        warned = f"1 x {kind} in {file}" in capsys.readouterr().out
        assert warned == (kind not in (*NOT_LOOKED_AT, *WARNINGS))
        used()


def test_area_is_needed_by_evaluation_alone(small_set, config):
    del small_set.content["val2017"]["annotations"][0]["area"]
    small_set.write()
    with pytest.raises(InputError, match="1 x area: .*annotation 2000, .*use_area=False"):
        check_splits(config())
    check_splits(config(use_area=False))


def test_every_kind_is_planted():
    assert set(PLANTS) == set(KINDS)
