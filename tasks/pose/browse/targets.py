"""The targets of a network, drawn over its input."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from tasks.pose.skeleton import Skeleton
from tasks.pose.visualization import colour_of

_DIM = 0.35  # brightness of the input below


@dataclass(frozen=True)
class Heatmaps:
    """Attributes: ``maps`` (K, h, w) and ``cell``, the (x, y) size of a cell in input pixels."""

    maps: np.ndarray
    cell: np.ndarray

    def draw(self, image: np.ndarray, scale: float, skeleton: Skeleton) -> np.ndarray:
        """Draw the maps over an enlarged copy of the input (H, W, 3), coloured by side."""
        # The centre of cell (i, j) is drawn at the centre of the enlarged pixel (i, j) * cell.
        steps = self.cell * scale
        offset = (scale - 1) / 2
        move = np.float32([[steps[0], 0, offset], [0, steps[1], offset]])
        size = round(image.shape[1] * scale), round(image.shape[0] * scale)
        light = np.zeros((size[1], size[0], 3), np.float32)
        for heat, colour in zip(self.maps, _colours(skeleton), strict=True):
            spread = cv2.warpAffine(heat.astype(np.float32), move, size, flags=cv2.INTER_LINEAR)
            np.maximum(light, spread.clip(0, 1)[:, :, None] * colour, out=light)
        return _over(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), light)


@dataclass(frozen=True)
class Distributions:
    """SimCC's targets.

    Attributes:
        across, down: (K, W * bins) and (K, H * bins), a distribution for each keypoint.
        bins: per pixel of the input.
    """

    across: np.ndarray
    down: np.ndarray
    bins: float

    def draw(self, image: np.ndarray, scale: float, skeleton: Skeleton) -> np.ndarray:
        """Draw them along the lower and the right edge of a dimmed, enlarged copy of the input."""
        size = round(image.shape[1] * scale), round(image.shape[0] * scale)
        light = np.zeros((size[1], size[0], 3), np.float32)
        picture = _over(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), light)
        high = 0.2 * min(size)
        for across, down, colour in zip(self.across, self.down, _colours(skeleton), strict=True):
            for values, vertical in ((across, False), (down, True)):
                if values.max() > 0:
                    _curve(
                        picture, values / values.max() * high, self.bins, scale, vertical, colour
                    )
        return picture


def _colours(skeleton: Skeleton) -> np.ndarray:
    return np.array([colour_of(name) for name in skeleton.names], np.float32)


def _curve(picture, heights, bins, scale, vertical, colour) -> None:
    along = (np.arange(len(heights)) / bins + 0.5) * scale - 0.5
    end = picture.shape[1] if vertical else picture.shape[0]
    points = np.stack([along, end - 1 - heights], 1)
    points = points[:, ::-1] if vertical else points
    fixed = np.rint(points * 16).astype(np.int32)[:, None]
    cv2.polylines(picture, [fixed], False, tuple(map(int, colour)), 1, cv2.LINE_AA, 4)


def _over(picture: np.ndarray, light: np.ndarray) -> np.ndarray:
    return np.clip(picture * _DIM + light, 0, 255).astype(np.uint8)


def targets_of(results: dict, encoder, count: int) -> Heatmaps | Distributions | None:
    """The targets in a sample's fields; None if they are of another kind.

    Args:
        results: a sample's fields before packing.
        encoder: MMPose's codec, or None if the pipeline makes no targets.
        count: number of keypoints K.
    """
    maps, across = results.get("heatmaps"), results.get("keypoint_x_labels")
    if isinstance(maps, np.ndarray) and maps.ndim == 3 and len(maps) == count:
        return Heatmaps(maps, np.asarray(encoder.scale_factor, float))
    if isinstance(across, np.ndarray) and across.ndim == 3:
        down = results["keypoint_y_labels"]
        return Distributions(across[0], down[0], encoder.simcc_split_ratio)
    return None
