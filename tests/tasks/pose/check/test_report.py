"""The report's files."""

import json

import cv2
import numpy as np

from tasks.pose.category import category_skeleton
from tasks.pose.check.command import check_dataset_folder
from tasks.pose.check.findings import Example, Finding
from tasks.pose.check.sheet import SIDE, suspects_sheet
from tasks.pose.coco import INDEX
from tasks.pose.skeleton import PERSON, unnamed_skeleton
from tasks.pose.visualization import LEFT, MIDDLE


def test_files_say_what_was_found(small_set, tmp_path):
    train = small_set.content["train2017"]
    train["annotations"][1]["keypoints"][5] = 3
    train["annotations"][2]["keypoints"][6] = 102
    train["images"][0]["file_name"] = "none|here.jpg"
    small_set.write()
    report = check_dataset_folder(small_set.root)
    report.write(tmp_path / "report")
    content = json.loads((tmp_path / "report/report.json").read_text())
    assert content["root"] == str(small_set.root) and content["images_decoded"]
    assert content["splits"]["train2017"]["persons"] == 3
    found = {f["kind"]: f for f in content["findings"]}
    assert list(found) == ["missing_image", "visibility", "keypoint_outside_box"]  # faults first
    assert [f["fault"] for f in found.values()] == [True, True, False]
    assert found["visibility"]["examples"] == [
        dict(annotation=1010, image=101, file="train2017/101.jpg", message="3 of left_eye")
    ]
    text = (tmp_path / "report/report.md").read_text()
    assert "| images | 3 | 3 |" in text
    assert "- annotation 1010, train2017/101.jpg: 3 of left_eye<br>" in text
    assert r"none\|here.jpg" in text and "![" in text
    assert "kinds of faults: 2, of warnings: 1" in text
    # Two persons in a row.
    sheet = cv2.imread(str(tmp_path / "report/suspects.png"))
    assert sheet.shape == (SIDE + 16 + 8, 2 * SIDE + 12, 3)


def test_a_suspect_is_drawn_whole(tmp_path):
    """The crop holds the box, the keypoint beside it and the grey beside the image."""
    cv2.imwrite(str(tmp_path / "1.png"), np.zeros((100, 100, 3), np.uint8))
    points = np.zeros((17, 3))
    points[INDEX["left_knee"]] = 110, 50, 2
    entry = dict(id=7, bbox=[40, 20, 50, 60], keypoints=points.ravel().tolist())
    example = Example("", "1.png", 1, entry)
    sheet = suspects_sheet(
        tmp_path, [Finding("keypoint_outside_image", "train2017", 1, 1, [example])]
    )
    assert sheet.shape == (SIDE + 16 + 8, SIDE + 8, 3)
    tile = sheet[4 : 4 + SIDE, 4 : 4 + SIDE].astype(int)
    knee = np.argwhere((abs(tile - LEFT) < 9).all(2))
    box = np.argwhere((tile == 240).all(2))
    edge = np.argwhere((tile == 64).all(2))
    scale = (box[:, 1].max() - box[:, 1].min()) / 50
    assert abs((box[:, 0].max() - box[:, 0].min()) / 60 - scale) < 0.03
    x, y = (knee.mean(0) - box.min(0))[::-1] / scale + (40, 20)
    assert abs(x - 110) < 1 and abs(y - 50) < 1
    assert abs((edge[:, 1].min() - box[:, 1].min()) / scale - 60) < 1  # the image ends at 100


def test_other_keypoints_are_drawn_with_their_skeleton(tmp_path):
    cv2.imwrite(str(tmp_path / "1.png"), np.zeros((100, 100, 3), np.uint8))
    wings = dict(name="bird", keypoints=["left_wing", "left_foot"], skeleton=[[1, 2]])
    entry = dict(id=7, bbox=[20, 20, 60, 60], keypoints=[30, 50, 2, 70, 50, 2])
    tiles = []
    for skeleton in (category_skeleton(wings, "a.json"), unnamed_skeleton(2), PERSON):
        example = Example("", "1.png", 1, entry, skeleton)
        finding = Finding("visibility", "train2017", 1, 1, [example])
        tiles.append(suspects_sheet(tmp_path, [finding]).astype(int))
    middle = 4 + SIDE // 2
    line = tiles[0][middle - 1 : middle + 2, middle]  # half way between the two
    assert (abs(line - LEFT) < 30).all(1).any()
    assert not tiles[1][middle, middle].any() and np.array_equal(tiles[1], tiles[2])
    assert ((tiles[1] == MIDDLE).all(2)).any()


def test_what_cannot_be_drawn_is_left_out(tmp_path, small_set):
    person = small_set.content["train2017"]["annotations"][1]
    file = "train2017/101.jpg"
    examples = [
        Example("no annotation", file, 101),
        Example("no such image", "train2017/9.jpg", 9, person),
        Example("no box", file, 101, {k: v for k, v in person.items() if k != "bbox"}),
        Example("box of NaN", file, 101, person | dict(bbox=[float("nan"), 0, 1, 1])),
    ]
    finding = Finding("visibility", "train2017", 1, 1, examples)
    assert suspects_sheet(small_set.root, [finding]) is None
    # Far away numbers make no huge picture.
    examples += [Example("far", file, 101, person | dict(bbox=[1e9, 1e9, 1e9, 1e9]))]
    examples += [Example("other skeleton", file, 101, person | dict(keypoints=[50, 30, 2]))]
    assert suspects_sheet(small_set.root, [finding]).shape[1] == 2 * SIDE + 12


def test_each_kind_has_its_share_of_the_sheet(small_set):
    person, file = small_set.content["train2017"]["annotations"][1], "train2017/101.jpg"
    tall = person | dict(bbox=[40, 20, 10, 80])
    many = Finding("visibility", "train2017", 1, 100, [Example("", file, 101, person)] * 100)
    rare = Finding("box_outside", "train2017", 1, 1, [Example("", file, 101, tall)])
    sheet = suspects_sheet(small_set.root, [many, rare])
    rows = -(-40 // 6)
    assert sheet.shape[0] == rows * (SIDE + 20) + 4
    tiles = [sheet[4 : 4 + SIDE, 4 + i * (SIDE + 4) :][:, :SIDE] for i in range(6)]
    assert not np.array_equal(tiles[1], tiles[0])
    assert all(np.array_equal(tile, tiles[0]) for tile in tiles[2:])
