"""Sheets of several images."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np


def check_image(image: np.ndarray) -> None:
    """Check that an image is (H, W, 3) uint8.

    Raises:
        ValueError: It is something else, or empty.
    """
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
        check_image(tile)
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
