"""What a person looks like: skin, hair and clothes."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

_SKINS = np.array(
    [
        (190, 210, 244),
        (160, 190, 232),
        (125, 165, 215),
        (95, 135, 190),
        (62, 92, 145),
        (45, 65, 100),
    ]
)
_HAIRS = np.array(
    [(25, 25, 28), (35, 45, 65), (45, 75, 110), (95, 165, 205), (40, 70, 150), (165, 165, 165)]
)


@dataclass(frozen=True, eq=False)
class Outfit:
    """Colours are BGR (3,), 0 to 255; lengths are shares of half a limb.

    Attributes:
        pattern: ``plain``, ``bands`` (across), ``stripes`` (along) or ``checks``.
        front: Detail on the front of the shirt: ``placket``, ``print``, ``zip`` or ``bib``.
        sleeve: Length of the sleeves: 0 none, 1 to the elbow, 2 to the wrist.
        bottom: ``trousers``, ``shorts`` or ``skirt``.
        leg: Length of the bottom: below 1 ends above the knee, 3 covers the whole leg.
        hair_style: ``short``, ``long``, ``bun``, ``bald`` or ``cap``.
    """

    skin: np.ndarray
    hair: np.ndarray
    shirt: np.ndarray
    second: np.ndarray
    lower: np.ndarray
    shoe: np.ndarray
    pattern: str
    front: str
    sleeve: float
    bottom: str
    leg: float
    hair_style: str
    beard: bool
    backpack: bool


def random_colour(rng: np.random.Generator, lowest: float = 25, highest: float = 240) -> np.ndarray:
    """Draw a BGR colour (3,), mostly muted and sometimes strong."""
    hue = rng.uniform(0, 180)
    strength = 255 * float(rng.beta(1.3, 1.6))
    value = rng.uniform(lowest, highest)
    pixel = np.array([[[hue, strength, value]]], np.uint8)
    return cv2.cvtColor(pixel, cv2.COLOR_HSV2BGR)[0, 0].astype(np.float32)


def random_outfit(rng: np.random.Generator) -> Outfit:
    """Draw a person's looks."""
    place = rng.uniform(0, len(_SKINS) - 1.001)
    low, part = int(place), place % 1
    skin = _SKINS[low] * (1 - part) + _SKINS[low + 1] * part + rng.normal(0, 6, 3)
    hair = _HAIRS[rng.integers(len(_HAIRS))] + rng.normal(0, 8, 3)
    shirt = random_colour(rng)
    second = random_colour(rng)
    if np.abs(second - shirt).max() < 60:  # a detail must differ from the shirt to be seen
        second = np.where(shirt > 127, shirt - 100, shirt + 100)
    bottom = str(rng.choice(["trousers", "shorts", "skirt"], p=[0.62, 0.26, 0.12]))
    leg = {"trousers": 3.0, "shorts": rng.uniform(0.45, 0.95), "skirt": rng.uniform(0.5, 0.9)}
    return Outfit(
        skin=np.clip(skin, 20, 250).astype(np.float32),
        hair=np.clip(hair, 10, 245).astype(np.float32),
        shirt=shirt,
        second=second.astype(np.float32),
        lower=random_colour(rng, 25, 190),
        shoe=random_colour(rng, 20, 235),
        pattern=str(rng.choice(["plain", "bands", "stripes", "checks"], p=[0.55, 0.2, 0.13, 0.12])),
        front=str(rng.choice(["placket", "print", "zip", "bib"])),
        sleeve=float(rng.choice([0.0, rng.uniform(0.4, 0.9), 2.0], p=[0.12, 0.45, 0.43])),
        bottom=bottom,
        leg=float(leg[bottom]),
        hair_style=str(
            rng.choice(["short", "long", "bun", "bald", "cap"], p=[0.42, 0.28, 0.1, 0.07, 0.13])
        ),
        beard=bool(rng.random() < 0.2),
        backpack=bool(rng.random() < 0.1),
    )
