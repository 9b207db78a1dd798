"""OKS and PCK of single keypoints, computed by hand."""

import math

import numpy as np
import pytest

from tasks.pose.coco import INDEX
from tasks.pose.evaluate.keypoints import score_keypoints


def keypoints(**given):
    points = np.zeros((17, 3))
    for name, value in given.items():
        points[INDEX[name]] = value
    return points.ravel().tolist()


def person(image, area, box, **points):
    return dict(
        image_id=image, category_id=1, bbox=[0, 0, *box], area=area, keypoints=keypoints(**points)
    )


def result(image, score=1.0, **points):
    return dict(image_id=image, category_id=1, score=score, keypoints=keypoints(**points))


def rows(list_of_rows):
    return {row.name: row for row in list_of_rows}


def test_three_persons_by_hand():
    truth = dict(
        annotations=[
            person(1, 2000, (40, 100), nose=(50, 50, 2), left_knee=(60, 90, 1)),
            person(1, 10000, (100, 60), nose=(200, 50, 2)),
            person(2, 500, (10, 20), right_hip=(5, 5, 2)),
            dict(person(2, 500, (10, 20), nose=(5, 5, 2)), iscrowd=1),
            person(2, 500, (10, 20)),
        ]
    )
    # The best-scored is of the second person; the first one's nose is 3 and knee 11 pixels aside.
    found = [
        result(1, 0.9, nose=(200, 56, 1)),
        result(1, 0.2, nose=(53, 50, 1), left_knee=(60, 101, 1)),
    ]
    scores = score_keypoints(truth, found)
    assert (scores.persons, scores.missed) == (3, 1)

    def keypoint_oks(distance, area, sigma):
        return math.exp(-(distance**2) / (2 * area * (2 * sigma) ** 2))

    noses = keypoint_oks(3, 2000, 0.026), keypoint_oks(6, 10000, 0.026)
    knee = keypoint_oks(11, 2000, 0.087)
    found = rows(scores.by_keypoint())
    assert list(found) == ["nose", "right_hip", "left_knee", "all"]
    assert found["nose"].count == 2
    assert found["nose"].oks == pytest.approx(np.mean(noses), rel=1e-9)
    assert found["left_knee"].oks == pytest.approx(knee, rel=1e-9)
    assert found["right_hip"].oks == 0 and found["right_hip"].pck == {0.05: 0, 0.1: 0, 0.2: 0}
    # The longer sides are 100 for both: 3 is within 5, 6 within 10, and 11 within 20 pixels.
    assert found["nose"].pck == {0.05: 0.5, 0.1: 1, 0.2: 1}
    assert found["left_knee"].pck == {0.05: 0, 0.1: 0, 0.2: 1}
    assert found["all"].pck == {0.05: 0.25, 0.1: 0.5, 0.2: 0.75}

    sizes = rows(scores.by_size())
    assert {name: row.count for name, row in sizes.items()} == {
        "small persons": 1,
        "medium persons": 2,
        "large persons": 1,
    }
    assert sizes["medium persons"].oks == pytest.approx((noses[0] + knee) / 2, rel=1e-9)
    seen = rows(scores.by_visibility())
    assert seen["hidden (1)"].oks == pytest.approx(knee, rel=1e-9)
    assert seen["visible (2)"].oks == pytest.approx(sum(noses) / 3, rel=1e-9)


@pytest.mark.parametrize(
    "results, distances",
    [
        ((52, 50), [0, 4]),  # both are nearest to the first person, and so best for it
        ((54, 40), [2, 10]),  # the first is nearest to both persons
    ],
)
def test_results_go_to_persons_by_the_largest_sum(results, distances):
    persons = [person(1, 10000, (100, 100), nose=(x, 50, 2)) for x in (50, 56)]
    found = [result(1, nose=(x, 50, 1)) for x in results]
    assert sorted(score_keypoints(dict(annotations=persons), found).distance) == distances


def test_the_mean_is_coco_s_similarity(made_up):
    """One person with one result: the mean over its keypoints is the OKS that COCO compares."""
    from bsam_suite.compat.coco import COCO, COCOeval

    truth, found = made_up
    one = next(a for a in truth["annotations"] if a["num_keypoints"] > 3 and not a["iscrowd"])
    near = dict(found[0], image_id=one["image_id"], keypoints=[v + 2 for v in one["keypoints"]])
    truth = dict(truth, annotations=[one])
    truths = COCO()
    truths.dataset = truth
    truths.createIndex()
    evaluation = COCOeval(truths, truths.loadRes([dict(near)]), "keypoints")
    evaluation.evaluate()
    expected = evaluation.ious[one["image_id"], 1][0, 0]
    assert rows(score_keypoints(truth, [near]).by_keypoint())["all"].oks == pytest.approx(expected)


def test_nothing_labelled():
    scores = score_keypoints(dict(annotations=[person(1, 10, (5, 5))]), [])
    assert scores.persons == 0 and scores.by_keypoint() == []
