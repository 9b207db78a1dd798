"""Crops of persons, to draw poses on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from tasks.pose.skeleton import Skeleton
from tasks.pose.visualization import draw_person

_GREY = 64


@dataclass(frozen=True)
class Crop:
    """A resized part of an image.

    Attributes:
        image: (h, w, 3) uint8 BGR; grey outside the whole image.
        corner: (2,) x, y of its first pixel in the whole image.
        scale: its pixels per pixel of the whole image.
    """

    image: np.ndarray
    corner: np.ndarray
    scale: float

    def draw(
        self, keypoints: np.ndarray, skeleton: Skeleton, box: Sequence[float] | None = None
    ) -> np.ndarray:
        """A copy with a pose drawn on it.

        Args:
            keypoints: (K, 3) x, y in pixels of the whole image, and visibility.
        """
        points = np.array(keypoints, float)
        points[:, :2] = (points[:, :2] - self.corner) * self.scale
        if box is not None:
            box = np.subtract(box, (*self.corner, 0, 0)) * self.scale
        return draw_person(self.image, points, box, skeleton=skeleton)


def read_image(path: str | Path) -> np.ndarray | None:
    """(H, W, 3) uint8 BGR, or None if OpenCV cannot read the file."""
    try:
        return cv2.imread(str(path))
    except cv2.error:  # too many pixels
        return None


def crop_person(
    image: np.ndarray | None, box: Sequence[float], places: np.ndarray, size: int
) -> Crop:
    """Crop a person: its box and other points with a margin, at most half an image outside.

    Args:
        image: (H, W, 3) uint8 BGR; None gives a grey crop.
        box: x, y, width, height in pixels.
        places: (N, 2) x, y that the crop contains, too. Values that are not finite are ignored,
            also in the box; if none is finite, the crop is the whole image.
        size: pixels of the longer side of the crop.
    """
    image = np.empty((0, 0, 3), np.uint8) if image is None else image
    whole = np.array(image.shape[1::-1], float)
    corner, extent = np.array(box, float).reshape(2, 2)
    with np.errstate(invalid="ignore"):
        around = np.concatenate([[corner, corner + extent], np.reshape(places, (-1, 2))])
    around = around[np.isfinite(around).all(1)]
    low, high = (around.min(0), around.max(0)) if len(around) else (np.zeros(2), whole)
    if image.size:
        low, high = np.clip([low, high], -whole / 2, whole * 1.5)
    margin = 0.1 * (high - low).max() + 8
    low, high = np.floor(low - margin), np.ceil(high + margin)
    scale = size / (high - low).max()
    width, height = np.maximum(np.rint((high - low) * scale), 1).astype(int)
    crop = np.full((height, width, 3), _GREY, np.uint8)
    left, top = np.maximum(low, 0).astype(int)
    right, bottom = np.minimum(high, whole).astype(int)
    if left < right and top < bottom:
        x, y = np.rint((np.array([left, top]) - low) * scale).astype(int)
        to = max(round((right - left) * scale), 1), max(round((bottom - top) * scale), 1)
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        part = cv2.resize(image[top:bottom, left:right], to, interpolation=way)
        room = crop[y : y + to[1], x : x + to[0]]
        room[:] = part[: room.shape[0], : room.shape[1]]
    return Crop(crop, low, scale)
