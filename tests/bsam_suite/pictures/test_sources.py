"""Images, folders and videos, and what is refused of them."""

import struct
from zlib import compressobj, crc32

import cv2
import numpy as np
import pytest

from bsam_suite.errors import InputError
from bsam_suite.pictures.sources import open_inputs


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
    source = open_inputs([folder, write(tmp_path / "c.bmp", 30)])
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
    source = open_inputs([tmp_path / "clip.avi"])
    assert len(source) == 3 and source.rate == 12.5
    for _ in range(2):
        seen = [(p.name, round(p.image.mean(), -1), p.image.shape[:2]) for p in source]
        assert seen == [(f"frame {i}", v, (48, 64)) for i, v in enumerate((20, 120, 220), 1)]


def test_what_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.jpg").write_text("no image")
    (tmp_path / "huge.pgm").write_bytes(b"P5 60000 60000 255\n")
    (tmp_path / "broken.mp4").write_text("no video")
    good = write(tmp_path / "good.jpg", 9)
    for given, said in (
        ([tmp_path / "empty"], "empty .*no images: .*.jpg"),
        ([tmp_path / "none.jpg"], "none.jpg does not exist"),
        ([good, tmp_path / "broken.jpg"], "OpenCV cannot read the image .*broken.jpg"),
        ([good, tmp_path / "huge.pgm"], "huge.pgm is too large .*3600000000 pixels"),
        ([tmp_path / "broken.mp4"], "OpenCV cannot read the video .*broken.mp4"),
        ([tmp_path / "none.mp4"], "none.mp4 does not exist"),
        ([good, tmp_path / "broken.mp4"], "2 inputs with a video"),
    ):
        with pytest.raises(InputError, match=said):
            open_inputs(given)


def test_files_of_one_name_are_told_apart(tmp_path):
    for clip in ("a/clip", "b/clip"):
        (tmp_path / clip).mkdir(parents=True)
        write(tmp_path / clip / "0001.png", 10 if clip < "b" else 20)
    source = open_inputs([tmp_path / "a/clip", tmp_path / "b/clip", tmp_path / "a/clip/0001.png"])
    assert source.names == ["a/clip/0001.png", "b/clip/0001.png"]
    assert [(p.name, p.image.mean()) for p in source] == list(zip(source.names, (10, 20)))
    assert open_inputs([tmp_path / "a/clip"]).names == ["0001.png"]


def bomb(path, width, height):
    """A PNG of white pixels, one bit each; of a large one only the first rows are there."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc32(kind + data))

    squeeze, row = compressobj(), b"\0" + b"\xff" * -(-width // 8)
    data = b"".join([*(squeeze.compress(row) for _ in range(min(height, 999))), squeeze.flush()])
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts))
    return path


@pytest.mark.parametrize("width, height", [(20000, 10000), (50000, 50000), (2**21, 1)])
def test_huge_images_are_refused_before_they_are_decoded(tmp_path, width, height, monkeypatch):
    path = bomb(tmp_path / "bomb.png", width, height)
    if height > 1:
        monkeypatch.setattr(cv2, "imread", lambda *_: 1 / 0)
    with pytest.raises(InputError, match="bomb.png") as refused:
        open_inputs([path])
    assert "\n" not in str(refused.value)
    monkeypatch.undo()
    assert open_inputs([bomb(tmp_path / "large.png", 4000, 900)]).names == ["large.png"]
