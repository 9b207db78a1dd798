"""Results upon a better one are dropped."""

import numpy as np
import pytest

from bsam_suite.errors import InputError
from tasks.pose.coco import SIGMAS
from tasks.pose.evaluate.nms import check_threshold, oks_nms


def result(image, score, shift, **more):
    points = np.column_stack([np.arange(17) * 6.0 + shift, np.arange(17) * 6.0, np.ones(17)])
    keypoints = points.ravel().tolist()
    return dict(image_id=image, category_id=1, score=score, keypoints=keypoints, **more)


def test_the_better_of_two_stays():
    # 96 pixels wide and high; shifted by 4 their OKS is this.
    similarity = np.mean(np.exp(-(4**2) / (2 * 96**2 * (2 * np.array(SIGMAS)) ** 2)))
    found = [result(1, 0.5, 0), result(1, 0.9, 4), result(1, 0.4, 60), result(2, 0.1, 0)]
    kept = oks_nms(found, similarity - 0.01)
    assert [(r["image_id"], r["score"]) for r in kept] == [(1, 0.9), (1, 0.4), (2, 0.1)]
    assert len(oks_nms(found, similarity + 0.01)) == 4


def test_a_box_gives_the_area():
    found = [result(1, 0.9, 0, bbox=[0, 0, 4, 4]), result(1, 0.5, 4, bbox=[0, 0, 4, 4])]
    assert len(oks_nms(found, 0.5)) == 2
    found = [dict(r, bbox=[0, 0, 96, 96]) for r in found]
    assert len(oks_nms(found, 0.5)) == 1


def test_what_is_no_similarity():
    for threshold in (0, 1.5, float("nan")):
        with pytest.raises(InputError, match="--oks-nms .*: give a similarity"):
            check_threshold(threshold)
