"""Keypoint evaluation says what xtcocotools 1.14.3 says, which serves as the oracle."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest

from bsam_suite.compat.coco import COCO, KEYPOINTS, COCOeval
from bsam_suite.errors import InputError

ORACLE = json.loads((Path(__file__).parent / "oracles" / "xtcocotools.json").read_text())


@pytest.fixture
def truths(tmp_path):
    """Write the oracle's annotations, changed by ``change``, and read them as MMPose does."""

    def read(change=lambda truths: None):
        content = copy.deepcopy(ORACLE["truths"])
        change(content)
        file = tmp_path / "truths.json"
        file.write_text(json.dumps(content))
        return COCO(str(file))

    return read


def evaluate(truths, found, *args):
    evaluation = COCOeval(truths, truths.loadRes(copy.deepcopy(found)), *args)
    evaluation.params.useSegm = None
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return evaluation


@pytest.mark.parametrize("use_area", [True, False])
@pytest.mark.parametrize("kind", KEYPOINTS)
def test_numbers_of_xtcocotools(truths, kind, use_area):
    expected = ORACLE["expected"][f"{kind} {use_area}"]
    sigmas = np.array(expected["sigmas"])
    evaluation = evaluate(truths(), ORACLE["found"], kind, sigmas, use_area)
    assert evaluation.stats == pytest.approx(expected["stats"], abs=1e-12)


def test_no_area_and_no_iscrowd(truths):
    def strip(content):
        for annotation in content["annotations"]:
            del annotation["area"]
            if not annotation["iscrowd"]:
                del annotation["iscrowd"]

    sigmas, stats = ORACLE["expected"]["keypoints False"].values()
    evaluation = evaluate(truths(strip), ORACLE["found"], "keypoints", sigmas, False)
    assert evaluation.stats == pytest.approx(stats, abs=1e-12)
    with pytest.raises(InputError, match=r"annotation \d+ has no 'area'.*use_area=False"):
        evaluate(truths(strip), ORACLE["found"], "keypoints", sigmas, True)


def test_nothing_found(truths, tmp_path):
    sigmas = ORACLE["expected"]["keypoints True"]["sigmas"]
    assert evaluate(truths(), [], "keypoints", sigmas).stats[0] == 0
    (tmp_path / "found.json").write_text("[]")
    results = truths().loadRes(str(tmp_path / "found.json"))
    assert results.getAnnIds() == []


def drop(key):
    def change(content):
        for entry in content["annotations"] + content["images"]:
            entry.pop(key, None)

    return change


@pytest.mark.parametrize(
    "kind, count, change, message",
    [
        ("keypoints_hat", 5, drop(""), "iou_type='keypoints_hat'.*keypoints_wholebody"),
        ("keypoints", 17, drop(""), r"annotation \d+ has 5 keypoints .* 17 sigmas"),
        ("keypoints_foot", 2, drop("foot_kpts"), r"annotation \d+ has no 'foot_kpts'"),
        ("keypoints_crowd", 5, drop("num_keypoints"), r"annotation \d+ has no 'num_keypoints'"),
        ("keypoints_crowd", 5, drop("crowdIndex"), "needs CrowdPose's 'crowdIndex'"),
    ],
)
def test_what_does_not_fit_is_an_error(truths, kind, count, change, message):
    with pytest.raises(InputError, match=message):
        evaluate(truths(change), ORACLE["found"], kind, [0.05] * count)


def test_boxes_are_pycocotools_own(truths):
    """Boxes moved by a tenth have an IoU of 0.9 / 1.1, above 7 of the 10 thresholds."""

    def one_box_each(content):
        content["annotations"] = [
            dict(id=i["id"], image_id=i["id"], category_id=1, bbox=[0, 0, 100, 100], area=10000)
            for i in content["images"]
        ]

    found = [
        dict(image_id=i["id"], category_id=1, score=0.5, bbox=[10, 0, 100, 100])
        for i in ORACLE["truths"]["images"]
    ]
    assert evaluate(truths(one_box_each), found, "bbox").stats[0] == pytest.approx(0.7)


@pytest.mark.parametrize("use_area", [True, False])
def test_oks_by_hand(truths, use_area):
    def one_person(content):
        person = dict(id=1, image_id=1, category_id=1, bbox=[10, 20, 60, 90], area=2000)
        person["keypoints"] = [50, 50, 2, 40, 80, 2, 0, 0, 0]
        content["annotations"] = [person]

    found = dict(image_id=1, category_id=1, score=1.0, keypoints=[53, 50, 1, 40, 84, 1, 9, 9, 1])
    sigmas = [0.05, 0.1, 0.05]
    evaluation = evaluate(truths(one_person), [found], "keypoints", sigmas, use_area)
    area = 2000 if use_area else 0.53 * 60 * 90
    oks = np.mean([np.exp(-(3**2) / (2 * area * 0.1**2)), np.exp(-(4**2) / (2 * area * 0.2**2))])
    assert evaluation.ious[1, 1][0, 0] == pytest.approx(oks, rel=1e-9)
