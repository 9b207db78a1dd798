"""Images, folders and videos, and what is refused of them."""

import cv2
import numpy as np
import pytest

from bsam_suite.errors import InputError
from tasks.pose.predict.sources import open_source


def write(path, value, size=(40, 30)):
    cv2.imwrite(str(path), np.full((size[1], size[0], 3), value, np.uint8))
    return path


def test_a_folder_and_files(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, value in (("b.PNG", 20), ("a.jpg", 10)):
        write(folder / name, value)
    (folder / "notes.txt").touch()
    (folder / "._a.jpg").write_bytes(b"what macOS keeps beside a.jpg")
    (folder / "more.jpg").mkdir()
    source = open_source([folder, write(tmp_path / "c.bmp", 30)])
    assert len(source) == 3 and source.names == ["a.jpg", "b.PNG", "c.bmp"]
    for _ in range(2):
        seen = [(p.name, round(p.image.mean()), p.image.shape) for p in source]
        shape = (30, 40, 3)
        assert seen == [("a.jpg", 10, shape), ("b.PNG", 20, shape), ("c.bmp", 30, shape)]


def test_a_video(tmp_path):
    code = cv2.VideoWriter_fourcc(*"MJPG")
    writer = cv2.VideoWriter(str(tmp_path / "clip.avi"), code, 12.5, (64, 48))
    for value in (20, 120, 220):
        writer.write(np.full((48, 64, 3), value, np.uint8))
    writer.release()
    source = open_source([tmp_path / "clip.avi"])
    assert len(source) == 3 and source.rate == 12.5
    for _ in range(2):
        seen = [(p.name, round(p.image.mean(), -1), p.image.shape[:2]) for p in source]
        assert seen == [(f"frame {i}", v, (48, 64)) for i, v in enumerate((20, 120, 220), 1)]


def test_what_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "broken.jpg").write_text("no image")
    (tmp_path / "huge.pgm").write_bytes(b"P5 60000 60000 255\n")
    (tmp_path / "broken.mp4").write_text("no video")
    good = write(tmp_path / "good.jpg", 9)
    twice = [good, write(tmp_path / "other" / "good.jpg", 9)]
    for given, said in (
        ([tmp_path / "empty"], "empty holds no images: give a folder with .jpg"),
        ([tmp_path / "none.jpg"], "none.jpg does not exist"),
        ([good, tmp_path / "broken.jpg"], "broken.jpg is no image that OpenCV reads"),
        ([good, tmp_path / "huge.pgm"], "huge.pgm is no image that OpenCV reads"),
        (twice, "2 images have the name good.jpg"),
        ([tmp_path / "broken.mp4"], "broken.mp4 is no video that OpenCV reads"),
        ([tmp_path / "none.mp4"], "none.mp4 does not exist"),
        ([good, tmp_path / "broken.mp4"], "2 files with a video among them"),
    ):
        with pytest.raises(InputError, match=said):
            open_source(given)
