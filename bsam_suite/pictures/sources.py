"""Input images: files, folders, or the frames of a video."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

from bsam_suite.errors import InputError

IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v")


class InputImage(NamedTuple):
    """An image, (H, W, 3) uint8 BGR, and its name: see ``Images.names``, or ``frame N`` from 1."""

    name: str
    image: np.ndarray


class Images:
    """Image files; can be iterated any number of times.

    Attributes:
        names: unique names of the files in order: their own names, or, if these are not unique,
            their paths relative to the common folder.

    Raises:
        InputError: a file is not an image, or is too large.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = list({os.path.abspath(path): path for path in paths}.values())
        self.names = _names(self.paths)
        for path in self.paths:
            if not path.is_file():
                raise InputError(f"{path} does not exist")
            _check_size(path)
            _read(path, cv2.IMREAD_REDUCED_GRAYSCALE_8)  # this is fast for JPEG

    def __len__(self) -> int:
        return len(self.paths)

    def __iter__(self) -> Iterator[InputImage]:
        for path, name in zip(self.paths, self.names):
            yield InputImage(name, _read(path, cv2.IMREAD_COLOR))


class Video:
    """The frames of a video; can be iterated any number of times.

    Attributes:
        rate: frames per second; 25 if the file does not have it.

    Raises:
        InputError: OpenCV cannot read it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        video = cv2.VideoCapture(str(path))
        self.rate = video.get(cv2.CAP_PROP_FPS) or 25.0
        self._frames = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
        if not video.read()[0]:
            raise InputError(f"OpenCV cannot read the video {path}: convert it to MP4 with H.264")

    def __len__(self) -> int:
        """The number of frames by the file's header, which may be wrong."""
        return max(self._frames, 1)

    def __iter__(self) -> Iterator[InputImage]:
        video, number = cv2.VideoCapture(str(self.path)), 0
        while True:
            there, image = video.read()
            if not there:
                return
            number += 1
            yield InputImage(f"frame {number}", image)


def open_inputs(given: Sequence[Path]) -> Images | Video:
    """The inputs from the command line: images, folders of images, or one video.

    Raises:
        InputError: a file does not exist or cannot be read.
    """
    if any(path.suffix.lower() in VIDEOS for path in given):
        if len(given) > 1:
            raise InputError(f"{len(given)} inputs with a video: give only the video")
        if not given[0].is_file():
            raise InputError(f"{given[0]} does not exist")
        return Video(given[0])
    paths = []
    for path in given:
        paths += _images_in(path) if path.is_dir() else [path]
    return Images(paths)


def _names(paths: Sequence[Path]) -> list[str]:
    names = [path.name for path in paths]
    if len(set(names)) == len(names):
        return names
    full = [os.path.abspath(path) for path in paths]
    root = os.path.commonpath(map(os.path.dirname, full))
    return [os.path.relpath(path, root) for path in full]


def _check_size(path: Path) -> None:
    """Reject decompression bombs, which Pillow finds from the file's header."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            Image.open(path).close()
    except Image.DecompressionBombError as error:
        raise InputError(f"{path} is too large ({error}): resize or crop it") from error
    except Exception:  # damaged files make Pillow raise almost anything; OpenCV reports them
        pass


def _read(path: Path, flags: int) -> np.ndarray:
    try:
        image, reason = cv2.imread(str(path), flags), ""
    except cv2.error as error:
        image, reason = None, f" ({str(error).strip().splitlines()[0]})"
    if image is None:
        raise InputError(
            f"OpenCV cannot read the image {path}{reason}: convert it to JPEG or PNG, or leave it "
            "out"
        )
    return image


def _images_in(folder: Path) -> list[Path]:
    files = (p for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))
    found = sorted(p for p in files if p.suffix.lower() in IMAGES)
    if not found:
        raise InputError(f"{folder} has no images: give a folder with {', '.join(IMAGES)} files")
    return found
