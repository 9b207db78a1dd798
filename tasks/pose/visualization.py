"""Draw poses on images."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from bsam_suite.pictures.contact_sheet import check_image

from .skeleton import PERSON, Skeleton, side_of

LEFT = (60, 160, 255)
"""BGR colour of the person's left limbs (orange)."""
RIGHT = (255, 160, 60)
"""BGR colour of the person's right limbs (blue)."""
MIDDLE = (90, 220, 90)
"""BGR colour of the face and of lines between the two sides (green)."""

_FAR = 2**20
"""Pixels; OpenCV has 32-bit coordinates."""


def colour_of(*names: str) -> tuple[int, int, int]:
    """BGR colour of the keypoint, or of the line between keypoints, with these names."""
    sides = set(map(side_of, names))
    return LEFT if sides == {"left"} else RIGHT if sides == {"right"} else MIDDLE


def draw_person(
    image: np.ndarray,
    keypoints: np.ndarray,
    box: Sequence[float] | None = None,
    scale: float = 1.0,
    thickness: int = 1,
    skeleton: Skeleton = PERSON,
) -> np.ndarray:
    """Draw a pose on an enlarged copy of an image.

    Args:
        image: (H, W, 3) uint8 BGR.
        keypoints: (K, 3) x, y in pixels of ``image`` and visibility: 0 is not drawn, the circle
            of 1 is hollow, others are filled. Keypoints that are not finite or far away are not
            drawn.
        box: Optional (x, y, width, height) in pixels of ``image``.
        scale: Factor by which the image is enlarged first, so that lines stay thin.
        thickness: Width of the limbs' lines in pixels of the result; circles grow with it.
        skeleton: Describes the K keypoints.

    Returns:
        (round(H * scale), round(W * scale), 3) uint8 BGR; ``image`` isn't changed.

    Raises:
        ValueError: If the image or the keypoints have another shape, or ``scale`` or
            ``thickness`` isn't positive.
    """
    check_image(image)
    points = np.asarray(keypoints, float)
    names = skeleton.names
    if points.shape != (len(names), 3):
        raise ValueError(f"keypoints have the shape {points.shape}; give ({len(names)}, 3).")
    if thickness < 1:
        raise ValueError(f"thickness is {thickness}; give at least 1 pixel.")
    if not scale > 0:
        raise ValueError(f"scale is {scale}; give a positive factor.")
    picture = image.copy()
    if scale != 1:
        size = (max(round(image.shape[1] * scale), 1), max(round(image.shape[0] * scale), 1))
        picture = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
    drawn = (points[:, 2] > 0) & (abs(points[:, :2]) * scale < _FAR).all(1)
    # OpenCV draws at fractions of a pixel given as fixed-point numbers with 4 bits.
    places = np.where(drawn[:, None], points[:, :2], 0)
    fixed = np.rint(((places + 0.5) * scale - 0.5) * 16).astype(int)
    if box is not None:
        x, y, width, height = (float(v) for v in box)
        corners = np.array([[x, y], [x + width, y + height]]) * scale
        corners = np.rint(np.clip(np.nan_to_num(corners), -_FAR, _FAR)).astype(int)
        cv2.rectangle(picture, *(tuple(map(int, c)) for c in corners), (240, 240, 240), 1)
    for a, b in skeleton.links:
        if drawn[a] and drawn[b]:
            ends = tuple(map(int, fixed[a])), tuple(map(int, fixed[b]))
            colour = colour_of(names[a], names[b])
            cv2.line(picture, *ends, colour, thickness, cv2.LINE_AA, 4)
    for i, name in enumerate(names):
        if not drawn[i]:
            continue
        at, filled = tuple(map(int, fixed[i])), points[i, 2] != 1
        radius = (2 * thickness + (scale > 1)) * 16
        cv2.circle(picture, at, radius, colour_of(name), -1 if filled else 1, cv2.LINE_AA, 4)
    return picture


def _check_image(image: np.ndarray) -> None:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise ValueError(
            f"The image has shape {image.shape} and type {image.dtype}; give (H, W, 3) uint8 BGR."
        )
