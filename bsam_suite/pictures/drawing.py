"""Images or a video with something drawn on them, and sheets of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from bsam_suite.pictures.contact_sheet import contact_sheet
from bsam_suite.pictures.sources import Images, InputImage, Video

TILE = (300, 240)
COLUMNS, ROWS = 6, 8

Draw = Callable[[np.ndarray, float], np.ndarray]
"""Draws on a copy of an image, (H, W, 3) uint8 BGR, resized by a factor."""


class Drawing:
    """Writes images or a video that are drawn on, and contact sheets of them.

    Args:
        source: of the images.
        folder: for ``pictures/NAME`` or the video, and ``contact_sheet.jpg``. After 48 images there
            is a ``contact_sheet-2.jpg``, and so on. The sheet of a video has 48 frames, evenly
            spaced.
    """

    def __init__(self, source: Images | Video, folder: Path) -> None:
        self._video, self._folder = source if isinstance(source, Video) else None, folder
        self._writer: cv2.VideoWriter | None = None
        self._tiles: list[np.ndarray] = []
        self._names: list[str] = []
        self._count = 0
        self.sheets: list[Path] = []
        self.path = folder / (f"{self._video.path.stem}.mp4" if self._video else "pictures")
        self._every = -(-len(source) // (COLUMNS * ROWS)) if self._video else 1

    def add(self, picture: InputImage, draw: Draw) -> None:
        """Draw on the next image."""
        image = picture.image
        drawn = draw(image, 1.0)
        if self._video:
            self._write_frame(drawn, self._video.rate)
        else:
            file = self.path / picture.name
            file.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(file), drawn)
        if self._count % self._every == 0:
            scale = min(TILE[0] / image.shape[1], TILE[1] / image.shape[0])
            self._tiles.append(draw(image, scale))
            self._names.append(picture.name.encode("ascii", "replace").decode())
        self._count += 1
        if len(self._tiles) == COLUMNS * ROWS:
            self._write_sheet()

    def close(self) -> None:
        """Write the last sheet and close the video."""
        if self._writer is not None:
            self._writer.release()
        if self._tiles:
            self._write_sheet()

    def _write_frame(self, image: np.ndarray, rate: float) -> None:
        if self._writer is None:
            code = cv2.VideoWriter.fourcc(*"mp4v")
            size = image.shape[1], image.shape[0]
            self._writer = cv2.VideoWriter(str(self.path), code, rate, size)
            if not self._writer.isOpened():
                raise OSError(f"OpenCV cannot write {self.path}")
        self._writer.write(image)

    def _write_sheet(self) -> None:
        number = len(self.sheets) + 1
        name = "contact_sheet.jpg" if number == 1 else f"contact_sheet-{number}.jpg"
        sheet = contact_sheet(self._tiles, COLUMNS, captions=self._names, size=TILE)
        self.sheets.append(self._folder / name)
        cv2.imwrite(str(self.sheets[-1]), sheet)
        self._tiles, self._names = [], []
