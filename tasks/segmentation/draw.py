"""Draw masks on images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def draw_mask(
    image: np.ndarray, mask: np.ndarray, palette: Sequence[Sequence[int]], strength: float = 0.6
) -> np.ndarray:
    """Colour the pixels of an image by their classes.

    Args:
        image: (H, W, 3) uint8 BGR.
        mask: (H, W) numbers of classes; pixels of other numbers, such as 255, stay as they are, and
            so do those of classes that are black.
        palette: RGB colours by number, 0 to 255.
        strength: of the colours, 0 to 1.

    Returns:
        (H, W, 3) uint8 BGR; ``image`` is not changed.
    """
    colours = np.asarray(palette, np.float32)[:, ::-1]
    known = mask < len(colours)
    of_each = colours[np.where(known, mask, 0)]
    coloured = known & of_each.any(-1)
    blended = (1 - strength) * image + strength * of_each
    return np.where(coloured[..., None], np.rint(blended), image).astype(np.uint8)
