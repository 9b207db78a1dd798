"""What is refused in COCO's files."""

import json

import pytest

from bsam_suite.errors import InputError
from tasks.pose.coco_files import read_annotations, read_images, read_results

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
        (
            without(PERSON, "keypoints"),
            r"annotations\[0\] of .*: it has no 'keypoints': .*person_keypoints_",
        ),
        (
            dict(PERSON, keypoints=[1] * 15),
            r"annotations\[0\] of .* 15 numbers in 'keypoints': give 51",
        ),
        (without(PERSON, "bbox"), r"annotations\[0\] of .* has no 'bbox'"),
        (dict(PERSON, area=None), "area is None: give a number"),
        (dict(PERSON, image_id=3), "image_id 3 is not among the 1 images, such as 1"),
        (dict(PERSON, image_id="1"), "image_id is '1': give a whole number"),
        (dict(PERSON, category_id="1"), "category_id is '1': give a whole number"),
        (dict(PERSON, bbox=[0, 0, float("inf"), 9]), "inf in 'bbox': give numbers"),
        (dict(PERSON, iscrowd="0"), "iscrowd is '0': give 0 or 1"),
        ([PERSON], "it is a list, not an object"),
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
        ({"a": 1}, "a dict: .*list of results"),
        ([RESULT, without(RESULT, "score")], r"results\[1\] of .*: it has no 'score'"),
        ([dict(RESULT, score="high")], r"results\[0\] of .*: score is 'high': give a number"),
        ([dict(RESULT, keypoints=[float("nan")] * 51)], "nan in 'keypoints'"),
        ([dict(RESULT, image_id=9)], "image_id 9 is not among the 2 images"),
        ([RESULT, dict(RESULT, image_id="1"), 3], r"results\[1\] of .*1 more.*: image_id is '1'"),
        ([without(RESULT, "keypoints")], "it has no 'keypoints'"),
    ],
)
def test_results(write, content, said):
    with pytest.raises(InputError, match=said):
        read_results(write(content), [1, 2], "keypoints")
    for images in ([1, 2], None):
        assert read_results(write([RESULT]), images, "keypoints") == [RESULT]


def test_all_results_have_a_box_or_none(write):
    """pycocotools takes the size of all from where the first has it."""
    boxed = dict(RESULT, bbox=[0, 0, 9, 9])
    for found in ([boxed, boxed], [RESULT, RESULT], [RESULT, dict(RESULT, bbox=[])]):
        assert read_results(write(found), [1], "keypoints") == found
    with pytest.raises(InputError, match="2 of 3 results have a 'bbox'"):
        read_results(write([boxed, RESULT, boxed]), [1], "keypoints")
    with pytest.raises(InputError, match=r"results\[1\] of .*bbox is None: give 4 numbers"):
        read_results(write([boxed, dict(boxed, bbox=None)]), [1], "keypoints")


def test_images_alone(write):
    images = [dict(id=1, file_name="1.jpg")]
    path = write(dict(images=images))
    assert read_images(path) == images
    with pytest.raises(InputError, match="not a COCO file: it has no list 'annotations'"):
        read_annotations(path)
    for content, said in (
        ([], "no images"),
        ([dict(id=1)], r"images\[0\] of .* it has no 'file_name'"),
        ([dict(id="1", file_name="1.jpg")], "id is '1'"),
    ):
        with pytest.raises(InputError, match=said):
            read_images(write(dict(images=content)))


def test_no_file(tmp_path):
    with pytest.raises(InputError, match="none.json does not exist"):
        read_results(tmp_path / "none.json", [1], "bbox")
