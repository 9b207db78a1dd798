"""Paints of skin, cloth and faces."""

from __future__ import annotations

import numpy as np

from .canvas import Paint
from .outfit import Outfit
from .shapes import Surface

_BAND = 0.055  # width of a band or a check in metres


def _column(colour) -> np.ndarray:
    return np.asarray(colour, np.float32)[:, None]


def _blend(base: np.ndarray, colour, where: np.ndarray) -> np.ndarray:
    return np.where(where, _column(colour), base)


def _pattern(outfit: Outfit, height: np.ndarray, around: np.ndarray) -> np.ndarray:
    """Colours of patterned cloth; ``height`` and ``around`` are (N,) metres along and across."""
    base = np.broadcast_to(_column(outfit.shirt), (3, height.size))
    bands = np.floor(height / _BAND) % 2 > 0
    stripes = np.floor(around / _BAND) % 2 > 0
    if outfit.pattern == "bands":
        return _blend(base, outfit.second, bands)
    if outfit.pattern == "stripes":
        return _blend(base, outfit.second, stripes)
    if outfit.pattern == "checks":
        mixed = 0.5 * (outfit.shirt + outfit.second)
        return _blend(_blend(base, mixed, bands | stripes), outfit.second, bands & stripes)
    return base


def shirt(outfit: Outfit, top: float, length: float) -> Paint:
    """Return the paint of the trunk: cloth, with a neckline and a detail on the front only.

    Args:
        top: Height in metres, on the solid's own y axis, of the top of the shirt's front.
        length: Length of the shirt in metres.
    """

    def colours(s: Surface) -> np.ndarray:
        x, y = s.point[0], s.point[1]
        front = s.facing[2] > 0.12
        base = _pattern(outfit, y, x)
        below = top - y  # distance from the neckline
        if outfit.front == "placket":
            base = _blend(base, outfit.second, front & (np.abs(x) < 0.016))
        elif outfit.front == "zip":
            base = _blend(base, 0.35 * outfit.shirt, front & (np.abs(x) < 0.01))
            pockets = (np.abs(np.abs(x) - 0.08) < 0.035) & (np.abs(below - 0.7 * length) < 0.008)
            base = _blend(base, 0.35 * outfit.shirt, front & pockets)
        elif outfit.front == "print":
            badge = (x / 0.08) ** 2 + ((below - 0.34 * length) / 0.065) ** 2 < 1
            base = _blend(base, outfit.second, front & badge)
        else:
            base = _blend(base, outfit.second, front & (np.abs(x) < 0.09) & (below < 0.55 * length))
        # The neckline is cut deeper in front than behind.
        return _blend(base, outfit.skin, front & (np.abs(x) + 0.8 * np.maximum(below, 0) < 0.065))

    return colours


def sleeve(outfit: Outfit, part: float, length: float) -> Paint:
    """Return the paint of half an arm of ``length`` metres, clothed over a share ``part``."""

    def colours(s: Surface) -> np.ndarray:
        cloth = _pattern(outfit, s.along * length, np.zeros_like(s.along))
        return np.where(s.along < part, cloth, _column(outfit.skin))

    return colours


def leg(outfit: Outfit, part: float) -> Paint:
    """Return the paint of half a leg, clothed over a share ``part``."""

    def colours(s: Surface) -> np.ndarray:
        return np.where(s.along < part, _column(outfit.lower), _column(outfit.skin))

    return colours


def belt(outfit: Outfit) -> Paint:
    """Return the paint of the hips: trousers with pockets behind and a fly in front."""

    def colours(s: Surface) -> np.ndarray:
        base = np.broadcast_to(_column(outfit.lower), (3, s.along.size))
        x, y = s.point[0], s.point[1]
        if outfit.bottom == "skirt":
            return base
        dark = 0.6 * outfit.lower
        pockets = (np.abs(np.abs(x) - 0.075) < 0.04) & (np.abs(y + 0.01) < 0.035)
        base = _blend(base, dark, (s.facing[2] < -0.2) & pockets)
        return _blend(base, dark, (s.facing[2] > 0.3) & (np.abs(x) < 0.008))

    return colours


# Places of the features on the head's unit ball: x to the left, y up.
EYE = (0.36, 0.08)
MOUTH = -0.5


def face(outfit: Outfit) -> Paint:
    """Return the paint of the head: eyes, brows and mouth on its front."""
    lips = 0.55 * outfit.skin + 0.45 * np.array([60, 40, 150])
    brow = 0.6 * np.minimum(outfit.hair, outfit.skin)

    def colours(s: Surface) -> np.ndarray:
        x, y, z = s.facing
        front = z > 0.1
        side = np.abs(x)
        base = np.broadcast_to(_column(outfit.skin), (3, x.size))
        if outfit.beard:
            chin = (y < -0.38) & (z > -0.25) | (np.abs(y + 0.36) < 0.05) & (side < 0.3) & front
            base = _blend(base, 0.85 * outfit.hair, chin)
        white = ((side - EYE[0]) / 0.2) ** 2 + ((y - EYE[1]) / 0.13) ** 2 < 1
        pupil = ((side - EYE[0]) / 0.1) ** 2 + ((y - EYE[1]) / 0.12) ** 2 < 1
        base = _blend(base, (235, 235, 235), front & white)
        base = _blend(base, (30, 25, 20), front & pupil)
        base = _blend(base, brow, front & (np.abs(side - EYE[0]) < 0.22) & (np.abs(y - 0.3) < 0.05))
        return _blend(base, lips, front & (side < 0.27) & (np.abs(y - MOUTH) < 0.07))

    return colours
