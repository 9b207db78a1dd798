"""What is drawn, and where it goes."""

import cv2
import numpy as np
import pytest

from tasks.pose.predict import drawing
from tasks.pose.predict.drawing import Drawing, draw_results
from tasks.pose.predict.sources import open_inputs

GREY = np.full((60, 80, 3), 128, np.uint8)


def person(score=0.9, keypoint=0.9):
    points = np.column_stack([np.linspace(20, 60, 17), np.linspace(10, 50, 17), [keypoint] * 17])
    keypoints = points.ravel().tolist()
    return dict(image_id=1, category_id=1, score=score, keypoints=keypoints, bbox=[2, 2, 70, 50])


def changed(picture):
    return (picture != 128).any(2)


def test_only_what_is_sure_is_drawn():
    assert changed(draw_results(GREY, [person()], False))[30, 40]
    assert not changed(draw_results(GREY, [person(score=0.1)], True)).any()
    assert not changed(draw_results(GREY, [person(keypoint=0.1)], False)).any()
    assert changed(draw_results(GREY, [person(keypoint=0.1)], True))[30, 2]  # the box's side
    half = draw_results(GREY, [person()], True, scale=0.5)
    assert half.shape == (30, 40, 3) and changed(half)[15, 20] and changed(half)[15, 1]
    assert not changed(GREY).any()


def test_pictures_and_sheets(tmp_path, monkeypatch):
    monkeypatch.setattr(drawing, "COLUMNS", 2)
    monkeypatch.setattr(drawing, "ROWS", 1)
    (tmp_path / "in").mkdir()
    for i in range(5):
        cv2.imwrite(str(tmp_path / f"in/{i}.png"), GREY)
    source = open_inputs([tmp_path / "in"])
    drawn = Drawing(source, tmp_path)
    for i, picture in enumerate(source):
        drawn.add(picture, [person()] if i else [], False)
    drawn.close()
    pictures = [cv2.imread(str(tmp_path / f"pictures/{i}.png")) for i in range(5)]
    assert [changed(p).any() for p in pictures] == [False, True, True, True, True]
    names = ["contact_sheet.jpg", "contact_sheet-2.jpg", "contact_sheet-3.jpg"]
    assert drawn.sheets == [tmp_path / name for name in names]
    widths = [cv2.imread(str(path)).shape[1] for path in drawn.sheets]
    assert widths[0] == widths[1] == pytest.approx(2 * widths[2], abs=8)


def test_a_video(tmp_path):
    path = str(tmp_path / "clip.avi")
    writer = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*"MJPG"), 12.5, (80, 60))
    for _ in range(100):
        writer.write(GREY)
    writer.release()
    source = open_inputs([tmp_path / "clip.avi"])
    (tmp_path / "out").mkdir()
    drawn = Drawing(source, tmp_path / "out")
    for i, picture in enumerate(source):
        drawn.add(picture, [person()] if i >= 50 else [], False)
    drawn.close()
    video = open_inputs([drawn.path])
    marked = [np.abs(p.image.astype(int) - 128).max() > 60 for p in video]
    assert marked == [False] * 50 + [True] * 50 and video.rate == 12.5
    assert len(drawn.sheets) == 1  # 34 of the frames
    assert cv2.imread(str(drawn.sheets[0])).shape[0] == pytest.approx(6 * 260, abs=8)
