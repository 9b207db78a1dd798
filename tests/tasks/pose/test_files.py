"""What is refused in COCO's files."""

import json

import pytest

from bsam_suite.errors import InputError
from tasks.pose.files import read_annotations, read_images, read_results

PERSON = dict(id=7, image_id=1, category_id=1, bbox=[0, 0, 9, 9], area=50, keypoints=[1] * 51)
RESULT = dict(image_id=1, category_id=1, score=0.5, keypoints=[1.5] * 51)


@pytest.fixture
def write(tmp_path):
    def write(content):
        path = tmp_path / "file.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write


def without(entry, field):
    return {k: v for k, v in entry.items() if k != field}


@pytest.mark.parametrize(
    "annotation, said",
    [
        (without(PERSON, "keypoints"), "annotation 7 of .* has no 'keypoints': use"),
        (dict(PERSON, keypoints=[1] * 15), "annotation 7 of .* 15 numbers in 'keypoints': give 51"),
        (without(PERSON, "bbox"), "annotation 7 of .* has no 'bbox'"),
        (dict(PERSON, area=None), "has None in 'area': give numbers"),
        (dict(PERSON, image_id=3), "is of image 3, which is not among the 1 images, such as 1"),
    ],
)
def test_annotations(write, annotation, said):
    content = dict(images=[dict(id=1)], annotations=[annotation], categories=[dict(id=1)])
    with pytest.raises(InputError, match=said):
        read_annotations(write(content), "keypoints", "bbox", "area")
    content["annotations"] = [PERSON]
    assert read_annotations(write(content), "keypoints", "bbox", "area") == content


@pytest.mark.parametrize(
    "content, said",
    [
        ("[", "is not JSON"),
        ("[" * 10**6, "file.json is not JSON"),
        ({"a": 1}, "holds a dict: give a list of results"),
        ([RESULT, without(RESULT, "score")], "entry 1 of .* lacks image_id, category_id or score"),
        ([dict(RESULT, score="high")], "entry 0 of .* has 'high' in 'score'"),
        ([dict(RESULT, keypoints=[float("nan")] * 51)], "has nan in 'keypoints'"),
        ([dict(RESULT, image_id=9)], "is of image 9"),
        ([without(RESULT, "keypoints")], "no numbers in 'keypoints'"),
    ],
)
def test_results(write, content, said):
    with pytest.raises(InputError, match=said):
        read_results(write(content), [1, 2], "keypoints")
    assert read_results(write([RESULT]), [1, 2], "keypoints") == [RESULT]


def test_images_alone(write):
    path = write(dict(images=[dict(id=1)]))
    assert read_images(path) == [dict(id=1)]
    with pytest.raises(
        InputError, match=r"not a COCO file, it lacks \['annotations', 'categories'\]"
    ):
        read_annotations(path)


def test_no_file(tmp_path):
    with pytest.raises(InputError, match="none.json does not exist"):
        read_results(tmp_path / "none.json", [1], "bbox")
