"""Draw poses on images, and contact sheets of several images."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

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
    _check_image(image)
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


def contact_sheet(
    tiles: Sequence[np.ndarray],
    columns: int,
    captions: Sequence[str] | None = None,
    size: tuple[int, int] | None = None,
) -> np.ndarray:
    """Lay images out in rows.

    Args:
        tiles: (H, W, 3) uint8 BGR images; sizes may differ.
        columns: Images in a row.
        captions: Optional line of ASCII text below each image.
        size: (width, height) in pixels; each image is resized to fit, keeping its aspect ratio. By
            default the largest width and height.

    Returns:
        (H, W, 3) uint8 BGR sheet.

    Raises:
        ValueError: If there are no tiles, ``columns`` isn't positive, or the number of captions
            differs from that of the tiles.
    """
    if not tiles:
        raise ValueError("There are no tiles; give at least one image.")
    if columns < 1:
        raise ValueError(f"columns is {columns}; give at least 1.")
    if captions is not None and len(captions) != len(tiles):
        raise ValueError(f"{len(captions)} captions for {len(tiles)} tiles; give one for each.")
    for tile in tiles:
        _check_image(tile)
    if size is None:
        size = max(t.shape[1] for t in tiles), max(t.shape[0] for t in tiles)
    (width, height), gap = size, 4
    line = 16 if captions is not None else 0
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    shape = (rows * (height + line + gap) + gap, columns * (width + gap) + gap, 3)
    sheet = np.full(shape, 32, np.uint8)
    for i, tile in enumerate(tiles):
        x, y = gap + i % columns * (width + gap), gap + i // columns * (height + line + gap)
        fitted = resized(tile, min(width / tile.shape[1], height / tile.shape[0]))
        dx, dy = (width - fitted.shape[1]) // 2, (height - fitted.shape[0]) // 2
        sheet[y + dy : y + dy + fitted.shape[0], x + dx : x + dx + fitted.shape[1]] = fitted
        if captions is not None:
            at = x + 2, y + height + line - 5
            text = captions[i]
            cv2.putText(sheet, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.38, (230,) * 3, 1, cv2.LINE_AA)
    return sheet


def resized(image: np.ndarray, factor: float) -> np.ndarray:
    """An image in another size; itself where the factor is 1."""
    if factor == 1:
        return image
    size = max(round(image.shape[1] * factor), 1), max(round(image.shape[0] * factor), 1)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR)
