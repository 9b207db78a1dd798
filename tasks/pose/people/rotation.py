"""Rotations about the coordinate axes."""

from __future__ import annotations

import math

import numpy as np


def about_x(angle: float) -> np.ndarray:
    """Return the (3, 3) rotation by ``angle`` radians that turns y towards z."""
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]], float)


def about_y(angle: float) -> np.ndarray:
    """Return the (3, 3) rotation by ``angle`` radians that turns z towards x."""
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]], float)


def about_z(angle: float) -> np.ndarray:
    """Return the (3, 3) rotation by ``angle`` radians that turns x towards y."""
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]], float)
