"""Where the pictures come from: image files, a folder of them, or the frames of a video."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from bsam_suite.errors import InputError

IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v")


class Picture(NamedTuple):
    """An image, (H, W, 3) uint8 BGR, and its name: of the file, or ``frame N`` from 1."""

    name: str
    image: np.ndarray


class Images:
    """Image files; can be gone through any number of times.

    Args:
        paths: the files.

    Attributes:
        names: their names in order.

    Raises:
        InputError: two of one name, or one that is no image.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = paths
        self.names = [path.name for path in paths]
        name, count = Counter(self.names).most_common(1)[0]
        if count > 1:
            raise InputError(f"{count} images have the name {name}: predict them one folder a time")
        for path in paths:
            if not path.is_file():
                raise InputError(f"{path} does not exist")
            # Reduced by 8 a JPEG is read quickly.
            if _read(path, cv2.IMREAD_REDUCED_GRAYSCALE_8) is None:
                raise InputError(
                    f"{path} is no image that OpenCV reads: convert it to JPEG or PNG, or leave it "
                    "out"
                )

    def __len__(self) -> int:
        return len(self.paths)

    def __iter__(self) -> Iterator[Picture]:
        for path in self.paths:
            yield Picture(path.name, _read(path, cv2.IMREAD_COLOR))


def _read(path: Path, flag: int) -> np.ndarray | None:
    try:
        return cv2.imread(str(path), flag)
    except cv2.error:  # more than 2^30 pixels
        return None


class Video:
    """The frames of a video; can be gone through any number of times.

    Args:
        path: the file.

    Attributes:
        rate: frames a second; 25 where the file does not tell.

    Raises:
        InputError: OpenCV cannot read it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        video = cv2.VideoCapture(str(path))
        self.rate = video.get(cv2.CAP_PROP_FPS) or 25.0
        self._frames = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
        if not video.read()[0]:
            raise InputError(f"{path} is no video that OpenCV reads: convert it to MP4 with H.264")

    def __len__(self) -> int:
        """The number of frames by the file's header, which may be wrong."""
        return max(self._frames, 1)

    def __iter__(self) -> Iterator[Picture]:
        video, number = cv2.VideoCapture(str(self.path)), 0
        while True:
            there, image = video.read()
            if not there:
                return
            number += 1
            yield Picture(f"frame {number}", image)


def open_source(given: Sequence[Path]) -> Images | Video:
    """What the command line names: images, folders of images, or one video.

    Raises:
        InputError: nothing there, or not readable.
    """
    if any(path.suffix.lower() in VIDEOS for path in given):
        if len(given) > 1:
            raise InputError(f"{len(given)} files with a video among them: give the video alone")
        if not given[0].is_file():
            raise InputError(f"{given[0]} does not exist")
        return Video(given[0])
    paths = []
    for path in given:
        paths += _images_in(path) if path.is_dir() else [path]
    return Images(paths)


def _images_in(folder: Path) -> list[Path]:
    files = (p for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))
    found = sorted(p for p in files if p.suffix.lower() in IMAGES)
    if not found:
        raise InputError(f"{folder} holds no images: give a folder with {', '.join(IMAGES)} files")
    return found
