"""Boxes of files, and which pictures they belong to."""

import json

import cv2
import numpy as np
import pytest

from bsam_suite.compat import import_mmpose
from bsam_suite.errors import InputError
from bsam_suite.pictures.sources import open_inputs
from tasks.pose.predict.boxes import boxes_from_file, whole_image
from tasks.pose.predict.image_ids import assign_image_ids

IMAGE = np.zeros((48, 64, 3), np.uint8)


@pytest.fixture
def write(tmp_path):
    def write(content):
        path = tmp_path / "boxes.json"
        path.write_text(json.dumps(content))
        return path

    return write


def entry(image_id, bbox, category_id=1, **more):
    return dict(image_id=image_id, bbox=bbox, category_id=category_id, **more)


def coco(*annotations):
    images = [dict(id=i, file_name=f"data/{i}.jpg", width=64, height=48) for i in (3, 5)]
    annotations = [dict(a, id=i) for i, a in enumerate(annotations)]
    return dict(images=images, annotations=annotations, categories=[dict(id=1, name="person")])


def test_boxes_are_those_of_an_evaluation(people):
    import_mmpose()
    from mmpose.datasets import CocoDataset

    path = people / "annotations/person_keypoints_val2017.json"
    data = CocoDataset(ann_file=str(path), test_mode=True)
    expected = {}
    for i in range(len(data)):
        info = data.get_data_info(i)
        expected.setdefault(info["img_id"], []).append(info["bbox"][0].tolist())
    boxes = boxes_from_file(path, expected)
    found = {i: [list(b.corners) for b in boxes(i, IMAGE)] for i in expected}
    assert found == expected and sum(map(len, found.values())) > 12


def test_annotations(write):
    content = coco(
        entry(3, [-5, 10, 20, 100]),
        entry(3, [1, 2, 3, 4], iscrowd=1),
        entry(3, [1, 2, 3, 4], category_id=18),
        entry(3, [70, 10, 20, 20]),  # outside
        entry(5, [0, 0, 9, 9]),
    )
    boxes = boxes_from_file(write(content), [3])
    assert boxes(3, IMAGE) == [((0, 10, 15, 47), 1.0, 1)]
    assert boxes(5, IMAGE) == []


def test_results_of_a_detector(write):
    content = [entry(3, [-5, 10, 20, 100], score=0.75), entry(3, [0, 0, 9, 9], 18, score=0.5)]
    boxes = boxes_from_file(write(content), [3, 5])
    assert boxes(3, IMAGE) == [((-5, 10, 15, 110), 0.75, 1)] and boxes(5, IMAGE) == []


@pytest.mark.parametrize(
    "content, said",
    [
        (
            [entry(7, [0, 0, 9, 9], score=1)],
            "--boxes .* has no box .* 1 images",
        ),
        ([entry(3, [0, 0, 9], score=1)], r"bbox is \[0, 0, 9\]: give 4 numbers"),
        ([entry(3, [0, 0, 9, 9], 18, score=1)], "of category_id 18, none of 1, which"),
        (dict(coco(entry(3, [0, 0, 9, 9])), images=[dict(id=3)]), "has no 'width'"),
        ([], "--boxes .* has no box .* 1 images"),
        (coco(entry(5, [0, 0, 9, 9])), "--boxes .* has no box .* 1 images"),
        (coco(dict(image_id=3, category_id=1)), r"annotations\[0\] of .*: it has no 'bbox'"),
    ],
)
def test_unusable_boxes(write, content, said):
    with pytest.raises(InputError, match=said):
        boxes_from_file(write(content), [3])


def test_the_whole_picture():
    assert whole_image(1, IMAGE) == [((0, 0, 64, 48), 1.0, None)]


def test_ids(write, tmp_path):
    for name in ("5.jpg", "3.jpg", "8.jpg"):
        cv2.imwrite(str(tmp_path / name), IMAGE)
    source = open_inputs([tmp_path])
    assert assign_image_ids(source, None, None) == (source, [1, 2, 3])
    box = dict(bbox=[0, 0, 9, 9], score=1)
    for ids, expected in (([1, 3], [1, 2, 3]), ([5, 8], [3, 5, 8]), ([1, 3, 7, 8], [3, 5, 8])):
        detections = write([entry(i, **box) for i in ids])
        assert assign_image_ids(source, None, detections) == (source, expected)
    with pytest.raises(InputError, match="image_id 9, .* 1 to 3 .* as 3.jpg: .*--annotati"):
        assign_image_ids(source, None, write([entry(9, **box)]))
    annotations = write(coco(entry(5, [0, 0, 9, 9])))
    for options in ((annotations, None), (None, annotations)):
        kept, ids = assign_image_ids(source, *options)
        assert kept.names == ["3.jpg", "5.jpg"] and ids == [3, 5]
    with pytest.raises(InputError, match="none of the 1 images, such as 8.jpg"):
        assign_image_ids(open_inputs([tmp_path / "8.jpg"]), annotations, None)
    double = coco(entry(5, [0, 0, 9, 9]))
    double["images"].append(dict(id=9, file_name="more/3.jpg"))
    with pytest.raises(InputError, match="has 2 images named 3.jpg"):
        assign_image_ids(source, write(double), None)


def test_ids_of_frames_of_two_clips(write, tmp_path):
    for clip in ("a", "b", "c"):
        (tmp_path / clip).mkdir()
        cv2.imwrite(str(tmp_path / clip / "0001.jpg"), IMAGE)
    source = open_inputs([tmp_path / clip for clip in ("c", "a", "b")])
    content = coco(entry(3, [0, 0, 9, 9]))
    content["images"] = [dict(id=i, file_name=f"{c}/0001.jpg") for i, c in ((3, "b"), (5, "c"))]
    kept, ids = assign_image_ids(source, write(content), None)
    assert kept.names == ["c/0001.jpg", "b/0001.jpg"] and ids == [5, 3]
    content["images"][1]["file_name"] = "b/0001.jpg"
    with pytest.raises(InputError, match="has 2 images named 0001.jpg"):
        assign_image_ids(source, write(content), None)
    content["images"] = [dict(id=3, file_name="0001.jpg")]
    with pytest.raises(InputError, match="has one image 3 for several"):
        assign_image_ids(source, write(content), None)


def test_a_video_has_no_annotations(write, tmp_path):
    writer = cv2.VideoWriter(
        str(tmp_path / "clip.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 5, (64, 48)
    )
    writer.write(IMAGE)
    writer.release()
    with pytest.raises(InputError, match="clip.avi is a video: give"):
        assign_image_ids(
            open_inputs([tmp_path / "clip.avi"]), None, write(coco(entry(5, [0, 0, 9, 9])))
        )
