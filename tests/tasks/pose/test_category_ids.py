"""Which category the persons are of, and that results of another are not taken for it."""

import json
from argparse import Namespace

import pytest

from bsam_suite.errors import InputError
from tasks.pose.category import category_skeleton
from tasks.pose.category_ids import keypoint_categories, of_categories
from tasks.pose.evaluate.command import evaluate


def category(number, name="person", **more):
    return dict(id=number, name=name, **more)


def annotation(number, keypoints=51):
    return dict(category_id=number, keypoints=[1] * keypoints)


@pytest.mark.parametrize(
    "categories, annotations, expected",
    [
        ([category(1, keypoints=["nose"]), category(2, "dog")], [], {1}),
        ([category(0, keypoints=["nose"])], [], {0}),
        (
            [category(3, "adult", keypoints=["a"]), category(4, "child", keypoints=["a"])],
            [],
            {3, 4},
        ),
        ([category(1, "car"), category(7, "worker")], [annotation(7), annotation(1, 0)], {7}),
        ([category(1), category(2, "bicycle")], [], {1}),  # as in instances_val2017.json
        ([category(5, "pedestrian")], [], {5}),
        ([category(5, "pedestrian", keypoints=[])], [annotation(5)], {5}),
    ],
)
def test_the_file_tells(categories, annotations, expected):
    content = dict(categories=categories, annotations=annotations)
    assert keypoint_categories(content, "a.json") == expected


def test_images_alone_are_coco_s():
    assert keypoint_categories(dict(images=[dict(id=1)]), "a.json") == {1}


@pytest.mark.parametrize(
    "content, said",
    [
        (
            dict(categories=[category(1, "car"), category(2, "bus")]),
            "a.json has .* 2: 'bus'}, none",
        ),
        (dict(categories=[category("1")]), "categories of a.json: id is '1': give a whole number"),
        (dict(categories=3), "a.json is not a COCO file"),
    ],
)
def test_the_file_does_not_tell(content, said):
    with pytest.raises(InputError, match=said):
        keypoint_categories(content, "a.json")


def test_others_are_left_out_unless_there_are_only_others():
    found = [annotation(n) for n in (1, 3, 2, 1)]
    assert of_categories(found, {1, 2}, "r.json") == [found[0], found[2], found[3]]
    assert of_categories([], {1}, "r.json") == []
    with pytest.raises(InputError, match="r.json has entries of category_id 1, 2, 3, none of 0, "):
        of_categories(found, {0}, "r.json")


@pytest.fixture
def score(people, tmp_path, capsys):
    """AP of perfect results whose categories may be others than the annotations'."""

    def score(truth, *results, listed=None):
        file = people / "annotations/person_keypoints_val2017.json"
        content = json.loads(file.read_text())
        content["categories"][0]["id"] = truth if listed is None else listed
        found = []
        for a in content["annotations"]:
            a["category_id"] = truth
            points = [v if i % 3 < 2 else 1 for i, v in enumerate(a["keypoints"])]
            entry = dict(image_id=a["image_id"], keypoints=points, score=0.5)
            found += [dict(entry, category_id=number) for number in results]
        for name, data in dict(truth=content, found=found).items():
            (tmp_path / f"{name}.json").write_text(json.dumps(data))
        files = dict(annotations=tmp_path / "truth.json", results=tmp_path / "found.json", out=None)
        usual = dict(backend="pycocotools", oks_nms=None, metainfo=None, sigmas=None)
        usual |= dict(command_line="")
        evaluate(Namespace(**files, **usual))
        (folder,) = tmp_path.glob("evaluation*")
        return json.loads((folder / "evaluation.json").read_text()), capsys.readouterr().out

    return score


@pytest.mark.parametrize("number", [0, 1, 3])
def test_perfect_results_have_an_ap_of_1(score, number):
    found, said = score(number, number)
    assert found["metrics"]["AP"] == pytest.approx(1) and found["persons_without_result"] == 0
    assert "ignored" not in said


def test_results_of_other_things_are_left_out(score):
    found, said = score(0, 0, 18)
    count = found["persons"]
    assert found["metrics"]["AP"] == pytest.approx(1) and count > 12
    assert f"{count} results of other categories are ignored" in said


def test_results_of_another_category_are_refused(score, tmp_path):
    with pytest.raises(InputError, match="found.json has entries of category_id 1, none of 3, "):
        score(3, 1)
    with pytest.raises(InputError, match="truth.json has annotations of category_id 3, which is"):
        score(3, 3, listed=1)
    assert not list(tmp_path.glob("evaluation*/*.json"))


@pytest.mark.parametrize("end", [float("inf"), float("nan"), 10**400, "a", None])
def test_a_skeleton_of_other_values_is_refused(end):
    with pytest.raises(InputError, match="skeleton"):
        category_skeleton(dict(name="fish", keypoints=["a", "b"], skeleton=[[1, end]]), "a.json")
