"""What is a fault, what a warning and what neither."""

from pathlib import Path

import cv2
from PIL import Image

from tasks.pose.check.command import check_dataset_folder
from tasks.pose.check.entries import Person
from tasks.pose.check.findings import Example, Findings
from tasks.pose.check.layout import Split
from tasks.pose.check.persons import check_persons

SPLIT = Split.named(Path("set"), "train2017")


def look(persons):
    findings, image = Findings(), dict(id=1, file_name="1.jpg", width=160, height=120)
    counts = check_persons(SPLIT, [Person(p, image) for p in persons], findings)
    return counts, {f.kind: (f.count, f.is_fault) for f in findings.all()}


def test_a_few_of_what_coco_has_are_warnings(person):
    persons = [person(n, 1) for n in range(200)]
    for number, fault in ((0, None), (1, False), (2, False), (3, True)):
        for damaged in persons[:number]:
            damaged["bbox"] = [40, 20, 60, 102]
        found = {"box_over_edge": (number, fault)} if number else {}
        assert look(persons)[1] == found


def test_faults_are_told_first():
    findings = Findings()
    for kind, of in (("visibility", 1), ("keypoint_outside_image", 1000), ("keypoints_off_box", 1)):
        findings.add(kind, "train2017", Example("here"), of)
    told = [finding.kind for finding in findings.all()]
    assert told == ["visibility", "keypoints_off_box", "keypoint_outside_image"]


def test_keypoints_outside_of_most_boxes_are_a_fault(person):
    persons = [person(n, 1) for n in range(4)]
    for number, fault in ((1, False), (2, False), (3, True)):
        persons[number - 1]["keypoints"][6] = 102
        assert look(persons)[1] == {"keypoint_outside_box": (number, fault)}


def test_persons_that_are_not_trained_on_are_counted_alone(person):
    crowd, unlabelled = person(2, 1) | dict(iscrowd=1), person(3, 1)
    unlabelled |= dict(num_keypoints=0, keypoints=[0] * 51)
    for other in (crowd, unlabelled):
        other["bbox"] = [9.98, 188.56, 5.54, 0.0]  # as COCO's annotation 2206849
    counts, found = look([person(1, 1), crowd, unlabelled])
    assert found == {}
    assert counts == {
        "persons": 1,
        "crowds": 1,
        "unlabelled": 1,
        "visible": 12,
        "hidden": 3,
        "no label": 2,
    }


def test_a_pixel_outside_is_no_finding(person):
    rounded = person(1, 1)
    rounded["bbox"] = [-1, 20, 102, 101]
    rounded["keypoints"][:6] = [-1, 40, 2, 102, 121, 2]
    assert look([rounded])[1] == {}
    rounded["keypoints"][0] = -1.1
    assert look([rounded])[1] == {"keypoint_outside_image": (1, True)}


def test_other_skeletons_are_looked_at_too(small_set, person):
    content = small_set.content["train2017"]
    content["categories"].append(dict(id=2, name="hand", keypoints=["wrist", "thumb"]))
    hand = person(1010, 101) | dict(category_id=2, num_keypoints=2)
    content["annotations"][1] = hand | dict(keypoints=[50, 30, 2, 300, 30, 2])
    small_set.write()
    report = check_dataset_folder(small_set.root)
    found = {finding.kind: finding.examples[0] for finding in report.findings}
    assert found.keys() == {"other_keypoints", "mixed_keypoints", "keypoint_outside_image"}
    assert found["keypoint_outside_image"].message == "thumb at 300, 30"
    assert "2 keypoints (wrist, thumb)" in found["other_keypoints"].message
    assert "1 of 'hand' with 2 keypoints" in found["mixed_keypoints"].message
    assert report.counts["train2017"]["visible"] == 24 + 2


def test_a_skeleton_of_other_keypoints_is_a_fault(small_set):
    hand = dict(id=2, name="hand", keypoints=["wrist", "thumb"], skeleton=[[1, 3]])
    small_set.content["train2017"]["categories"].append(hand)
    small_set.write()
    report = check_dataset_folder(small_set.root)
    [fault] = report.faults
    assert fault.kind == "broken_entry" and "[1, 3]" in fault.examples[0].message


def test_pictures_are_measured_upright(small_set):
    turn = Image.Exif()
    turn[0x0112] = 6
    file = small_set.root / "train2017/101.jpg"
    Image.open(file).transpose(Image.Transpose.ROTATE_90).save(file, exif=turn)
    assert cv2.imread(str(file)).shape == (120, 160, 3)  # as training reads it
    assert check_dataset_folder(small_set.root).findings == []
    small_set.content["train2017"]["images"][1].update(width=120, height=160)
    small_set.write()
    assert {f.kind for f in check_dataset_folder(small_set.root).findings} == {"image_size"}


def test_splits_of_other_years_are_not_compared(small_set):
    small_set.content["val2014"] = small_set.content["train2017"]
    (small_set.root / "val2014").symlink_to(small_set.root / "train2017")
    small_set.write()
    report = check_dataset_folder(small_set.root)
    assert report.findings == [] and list(report.counts) == ["train2017", "val2014", "val2017"]


def test_without_decoding_no_file_is_opened(small_set):
    for file in small_set.root.glob("*/*.jpg"):
        file.write_bytes(b"")
    report = check_dataset_folder(small_set.root, decode=False)
    assert report.findings == [] and "not decoded" in report.verdict
    [train, val] = check_dataset_folder(small_set.root).findings
    assert train.count == val.count == 3 and train.is_fault


def test_only_the_first_examples_are_kept_and_all_are_counted(person):
    broken = [person(n, 1) | dict(num_keypoints=3) for n in range(250)]
    findings, image = Findings(), dict(id=1, file_name="1.jpg", width=160, height=120)
    check_persons(SPLIT, [Person(p, image) for p in broken], findings)
    [finding] = findings.all()
    assert finding.count == 250 and [e.annotation for e in finding.examples] == list(range(100))
