"""Where it goes what is drawn on images."""

import cv2
import numpy as np
import pytest

from bsam_suite.pictures import drawing
from bsam_suite.pictures.contact_sheet import resized
from bsam_suite.pictures.drawing import Drawing
from bsam_suite.pictures.sources import open_inputs

GREY = np.full((60, 80, 3), 128, np.uint8)


def cross(image, scale):
    drawn = resized(image, scale).copy()
    drawn[drawn.shape[0] // 2 - 3 : drawn.shape[0] // 2 + 3] = 255
    return drawn


def changed(picture):
    return (picture != 128).any(2)


def test_pictures_and_sheets(tmp_path, monkeypatch):
    monkeypatch.setattr(drawing, "COLUMNS", 2)
    monkeypatch.setattr(drawing, "ROWS", 1)
    (tmp_path / "in").mkdir()
    for i in range(5):
        cv2.imwrite(str(tmp_path / f"in/{i}.png"), GREY)
    source = open_inputs([tmp_path / "in"])
    drawn = Drawing(source, tmp_path)
    for i, picture in enumerate(source):
        drawn.add(picture, cross if i else resized)
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
        drawn.add(picture, cross if i >= 50 else resized)
    drawn.close()
    video = open_inputs([drawn.path])
    marked = [np.abs(p.image.astype(int) - 128).max() > 60 for p in video]
    assert marked == [False] * 50 + [True] * 50 and video.rate == 12.5
    assert len(drawn.sheets) == 1  # 34 of the frames
    assert cv2.imread(str(drawn.sheets[0])).shape[0] == pytest.approx(6 * 260, abs=8)
