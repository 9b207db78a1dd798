"""Things around people: furniture, poles and plants, behind them or in front of them."""

from __future__ import annotations

import numpy as np

from .canvas import OBJECT, Canvas, Paint, plain
from .outfit import random_colour
from .rotation import about_y
from .shapes import Box, Capsule, Surface


def _surface_paint(rng: np.random.Generator) -> Paint:
    colour, other = random_colour(rng), random_colour(rng)
    kind = rng.choice(["plain", "bands", "columns", "grain"])
    period = rng.uniform(0.08, 0.35)
    if kind == "plain":
        return plain(colour)

    def colours(s: Surface) -> np.ndarray:
        if kind == "bands":
            share = s.point[1] / period % 1 < 0.5
        elif kind == "columns":
            share = (s.point[0] + s.point[2]) / period % 1 < 0.12
        else:
            share = 0.25 + 0.25 * np.sin(40 * s.point[1] + 5 * np.sin(6 * s.point[0] / period))
        return colour[:, None] * (1 - share) + other[:, None] * share

    return colours


def draw_stool(canvas: Canvas, rng: np.random.Generator, x: float, z: float, top: float) -> None:
    """Draw a seat at (x, z) whose upper side is ``top`` metres above the floor."""
    width = rng.uniform(0.34, 0.5)
    axes = about_y(rng.uniform(0, np.pi))
    canvas.draw(Box((x, top / 2, z), (width, top, width), axes), _surface_paint(rng))


def draw_box(canvas: Canvas, rng: np.random.Generator, x: float, z: float, tall: float) -> None:
    """Draw a crate, a cupboard or a table-high block that stands at (x, z)."""
    size = (rng.uniform(0.3, 1.1), tall, rng.uniform(0.2, 0.6))
    axes = about_y(rng.uniform(-0.6, 0.6))
    canvas.draw(Box((x, tall / 2, z), size, axes), _surface_paint(rng))


def draw_table(canvas: Canvas, rng: np.random.Generator, x: float, z: float) -> None:
    """Draw a table at (x, z): a top on four legs, so that what is behind shows below."""
    width, deep, top = rng.uniform(0.7, 1.4), rng.uniform(0.35, 0.7), rng.uniform(0.55, 0.8)
    axes, paint = about_y(rng.uniform(-0.3, 0.3)), _surface_paint(rng)
    canvas.draw(Box((x, top, z), (width, 0.05, deep), axes), paint)
    for sx in (-0.46, 0.46):
        for sz in (-0.44, 0.44):
            foot = np.array([x, 0, z]) + axes @ np.array([sx * width, 0, sz * deep])
            canvas.draw(Box(foot + [0, top / 2, 0], (0.05, top, 0.05), axes), paint)


def draw_pole(canvas: Canvas, rng: np.random.Generator, x: float, z: float) -> None:
    """Draw a post, lamp post or tree trunk at (x, z)."""
    tall, radius = rng.uniform(0.9, 4), rng.uniform(0.025, 0.09)
    lean = rng.normal(0, 0.04, 2)
    top = (x + lean[0] * tall, tall, z + lean[1] * tall)
    canvas.draw(Capsule((x, 0, z), top, radius, radius * 0.8), _surface_paint(rng))


def draw_plant(canvas: Canvas, rng: np.random.Generator, x: float, z: float) -> None:
    """Draw a plant of long leaves in a pot at (x, z)."""
    pot = rng.uniform(0.15, 0.4)
    canvas.draw(Capsule((x, 0.05, z), (x, pot, z), 0.1, 0.14), _surface_paint(rng))
    green = np.array([rng.uniform(30, 80), rng.uniform(90, 160), rng.uniform(40, 110)])
    tall = rng.uniform(0.3, 0.9)
    for angle in rng.uniform(0, 2 * np.pi, int(rng.integers(6, 12))):
        reach = rng.uniform(0.08, 0.4)
        tip = (
            x + reach * np.cos(angle),
            pot + tall * rng.uniform(0.5, 1),
            z + reach * np.sin(angle),
        )
        leaf = plain(np.clip(green * rng.uniform(0.7, 1.25), 0, 255))
        canvas.draw(Capsule((x, pot, z), tip, 0.015, rng.uniform(0.02, 0.05)), leaf)


def draw_clutter(canvas: Canvas, rng: np.random.Generator, nearest: float) -> None:
    """Draw some things on the floor, all further from the camera than ``nearest`` metres."""
    for _ in range(int(rng.integers(0, 6))):
        z = nearest * rng.uniform(1.15, 2.2)
        spread = 0.6 * z * canvas.camera.width / canvas.camera.focal
        x = rng.uniform(-spread, spread)
        kind = rng.choice(["box", "table", "pole", "plant"], p=[0.4, 0.15, 0.25, 0.2])
        _draw(canvas, rng, str(kind), x, z, tallest_box=1.8)


def _draw(canvas, rng, kind: str, x, z, tallest_box: float) -> None:
    if kind == "box":
        draw_box(canvas, rng, x, z, rng.uniform(0.3, tallest_box))
    else:
        {"table": draw_table, "pole": draw_pole, "plant": draw_plant}[kind](canvas, rng, x, z)


def draw_occluder(canvas: Canvas, rng: np.random.Generator, target: np.ndarray) -> None:
    """Draw something between the camera and ``target``, a (3,) point on a person in metres.

    It hides a part of the person: a pole, a plant, furniture in front of the legs, or a board
    that hangs or is held into the picture.
    """
    eye = canvas.camera.position
    way = target - eye
    distance = float(np.hypot(way[0], way[2]))
    gap = min(rng.uniform(0.4, 1.0), 0.45 * distance)
    x, z = (target - way * (gap / distance))[[0, 2]]
    x += rng.normal(0, 0.12)
    kind = rng.choice(["box", "table", "pole", "plant", "board"], p=[0.25, 0.12, 0.28, 0.2, 0.15])
    if kind == "board":
        centre = target - way * (gap / distance)
        size = rng.uniform(0.1, 0.35, 2)
        axes = about_y(rng.uniform(-0.5, 0.5))
        canvas.draw(Box(centre, (size[0], size[1], 0.02), axes), _surface_paint(rng), OBJECT)
    else:
        _draw(canvas, rng, str(kind), x, z, tallest_box=0.8)
