"""What is drawn, and where it goes."""

import numpy as np

from tasks.pose.predict.drawing import draw_results

GREY = np.full((60, 80, 3), 128, np.uint8)


def person(score=0.9, keypoint=0.9):
    points = np.column_stack([np.linspace(20, 60, 17), np.linspace(10, 50, 17), [keypoint] * 17])
    keypoints = points.ravel().tolist()
    return dict(image_id=1, category_id=1, score=score, keypoints=keypoints, bbox=[2, 2, 70, 50])


def changed(picture):
    return (picture != 128).any(2)


def test_only_what_is_sure_is_drawn():
    assert changed(draw_results(GREY, 1, [person()], False))[30, 40]
    assert not changed(draw_results(GREY, 1, [person(score=0.1)], True)).any()
    assert not changed(draw_results(GREY, 1, [person(keypoint=0.1)], False)).any()
    assert changed(draw_results(GREY, 1, [person(keypoint=0.1)], True))[30, 2]  # the box's side
    half = draw_results(GREY, 0.5, [person()], True)
    assert half.shape == (30, 40, 3) and changed(half)[15, 20] and changed(half)[15, 1]
    assert not changed(GREY).any()
