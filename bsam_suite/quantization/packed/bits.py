"""Small integers side by side, without a gap between them."""

from __future__ import annotations

import numpy as np


def pack(values: np.ndarray, bits: int) -> np.ndarray:
    """N integers of 1 to 8 bits, from 0 up and of any shape, as ceil(N bits / 8) bytes.

    The values stand in row-major order, each with its lowest bit first.
    """
    flat = np.ascontiguousarray(values).astype(np.uint8).reshape(-1, 1)
    single = np.unpackbits(flat, axis=1, count=bits, bitorder="little")
    return np.packbits(single.reshape(-1), bitorder="little")


def unpack(packed: np.ndarray, bits: int, count: int) -> np.ndarray:
    """The ``count`` values that :func:`pack` was given, uint8, shape (count,)."""
    single = np.unpackbits(packed, count=count * bits, bitorder="little")
    return np.packbits(single.reshape(count, bits), axis=1, bitorder="little").reshape(count)
