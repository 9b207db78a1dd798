"""Backgrounds: a floor in perspective with a room's wall or the outdoors behind it."""

from __future__ import annotations

import cv2
import numpy as np

from .camera import Camera
from .outfit import random_colour


def value_noise(rng: np.random.Generator, width: int, height: int, cell: float) -> np.ndarray:
    """Return a smooth (height, width) float32 noise of about -1 to 1; ``cell`` is in pixels."""
    grid = rng.uniform(-1, 1, (int(height / cell) + 3, int(width / cell) + 3)).astype(np.float32)
    big = cv2.resize(grid, (int(width + 2 * cell) + 1, int(height + 2 * cell) + 1), interpolation=2)
    dx, dy = int(cell), int(cell)
    return big[dy : dy + height, dx : dx + width]


def random_background(
    rng: np.random.Generator, camera: Camera, shadows: list[tuple[float, float]]
) -> np.ndarray:
    """Draw a background.

    Args:
        camera: The camera, above the floor y = 0.
        shadows: Places (x, z) in metres where somebody stands; the floor is darker there.

    Returns:
        (H, W, 3) float32 BGR picture.
    """
    rays = camera.rays  # float32, as are all large arrays here: twice as fast
    width, height = camera.width, camera.height
    indoors = rng.random() < 0.55
    if indoors:
        wall = float(rng.uniform(4.5, 12))
        t_wall = wall / np.maximum(rays[2], 0.05)
        picture = _wall(rng, rays[0] * t_wall, float(camera.position[1]) + rays[1] * t_wall)
    else:
        picture = _outdoors(rng, camera, rays)
        t_wall = np.full((height, width), 80.0, np.float32)
    down = np.maximum(-rays[1], 1e-4)
    t = float(camera.position[1]) / down
    x, z = rays[0] * t, rays[2] * t
    floor = _floor(rng, x, z, indoors)
    for place_x, place_z in shadows:
        square = (x - place_x) ** 2 + (z - place_z) ** 2
        rows, columns = np.nonzero(square < 0.4)
        floor[rows, columns] *= 1 - 0.5 * np.exp(-square[rows, columns] / 0.09)[:, None]
    picture = np.where((t < t_wall)[..., None], floor, picture)
    for cell, strength in ((40, 14), (9, 7)):
        noise = value_noise(rng, width, height, cell)
        picture = picture + (strength * rng.random() * noise)[..., None]
    return np.clip(picture, 0, 255).astype(np.float32)


def _mix(first, second, share) -> np.ndarray:
    first, second = np.asarray(first, np.float32), np.asarray(second, np.float32)
    return first + (second - first) * np.asarray(share, np.float32)[..., None]


def _wall(rng, x, y) -> np.ndarray:
    colour = random_colour(rng, 70, 235)
    other = np.clip(colour + rng.normal(0, 40, 3), 0, 255)
    kind = rng.choice(["plain", "brick", "stripes", "panels", "paper"])
    if kind == "plain":
        share = np.clip(y / 4, 0, 1)
    elif kind == "brick":
        row = np.floor(y / 0.16)
        u = x / 0.4 + 0.5 * (row % 2)
        joint = (y / 0.16 % 1 < 0.12) | (u % 1 < 0.05)
        share = np.where(joint, 1.0, 0.25 * (np.sin(np.floor(u) * 12.9 + row * 78.2) > 0))
    elif kind == "stripes":
        share = (x / rng.uniform(0.15, 0.6) % 1 < 0.5) * rng.uniform(0.3, 1)
    elif kind == "panels":
        share = (x / rng.uniform(0.6, 1.5) % 1 < 0.04) | (np.abs(y - 1) < 0.05)
    else:
        period = rng.uniform(0.2, 0.5)
        share = (x / period % 1 - 0.5) ** 2 + (y / period % 1 - 0.5) ** 2 < 0.05
    picture = _mix(colour, other, share)
    for _ in range(rng.integers(0, 4)):  # windows, pictures and doors
        at, low = rng.uniform(-4, 4), rng.choice([0.0, 0.9, 1.2])
        wide, high = rng.uniform(0.4, 1.6), rng.uniform(0.6, 1.4) + (low == 0)
        inside = (np.abs(x - at) < wide / 2) & (y > low) & (y < low + high)
        frame = (np.abs(x - at) < wide / 2 + 0.07) & (y > low - 0.07) & (y < low + high + 0.07)
        picture = np.where(frame[..., None], random_colour(rng), picture)
        picture = np.where(inside[..., None], random_colour(rng, 60, 250), picture)
    return picture


def _outdoors(rng, camera: Camera, rays) -> np.ndarray:
    width, height = camera.width, camera.height
    up = np.clip(rays[1] * 2.2, 0, 1)
    sky = rng.uniform((190, 170, 130), (250, 225, 220)).astype(np.float32)
    picture = _mix(np.clip(sky + 25, 0, 255), sky * rng.uniform(0.6, 0.95), up)
    picture += (value_noise(rng, width, height, rng.uniform(25, 60)) * up * 22)[..., None]
    along = np.arctan2(rays[0], rays[2])
    for level in range(int(rng.integers(1, 4))):  # hills or a tree line, the nearer the darker
        waves = _waves(rng, along)
        top = rng.uniform(0.03, 0.2) - 0.02 * level + 0.12 * waves
        green = rng.uniform((40, 80, 50), (120, 150, 130)).astype(np.float32)
        picture = np.where((rays[1] < top)[..., None], green * (1 - 0.15 * level), picture)
    for _ in range(int(rng.integers(0, 5))):  # distant houses
        at, half, top = rng.uniform(-0.7, 0.7), rng.uniform(0.03, 0.12), rng.uniform(0.08, 0.4)
        house = (np.abs(along - at) < half) & (rays[1] < top)
        picture = np.where(house[..., None], random_colour(rng, 60, 220), picture)
        dark = house & ((along - at) % 0.05 < 0.02) & (rays[1] % 0.08 < 0.04)
        picture = np.where(dark[..., None], 0.6 * picture, picture)
    return picture


def _waves(rng, along) -> np.ndarray:
    # Evaluated at few places and interpolated: the sine of every pixel takes long.
    places = np.linspace(-1.6, 1.6, 400)
    heights = sum(np.sin(places * f + rng.uniform(0, 6)) / f for f in rng.uniform(3, 40, 4))
    index = ((along + 1.6) * (399 / 3.2)).astype(np.int32)
    return heights.astype(np.float32)[np.clip(index, 0, 399)]


def _floor(rng, x, z, indoors: bool) -> np.ndarray:
    colour = random_colour(rng, 50, 200)
    if not indoors and rng.random() < 0.5:
        colour = np.array([rng.uniform(30, 80), rng.uniform(90, 150), rng.uniform(60, 120)])
    other = np.clip(colour * rng.uniform(0.6, 1.4), 0, 255)
    kind = rng.choice(["plain", "tiles", "planks", "checks"] if indoors else ["plain", "slabs"])
    # Fine patterns turn into their mean far away, where a pixel covers several periods.
    fade = np.clip(1.3 - z / 9, 0, 1)
    if kind == "plain":
        share = np.zeros_like(x)
    elif kind == "planks":
        share = np.sin(np.floor(x / 0.18) * 7.3 + np.floor(z / 1.7 + np.floor(x / 0.18) * 0.37))
        share = 0.5 + 0.5 * share
    elif kind == "checks":
        share = (np.floor(x / 0.4) + np.floor(z / 0.4)) % 2
    else:
        period = 0.5 if kind == "tiles" else 1.2
        share = ((x / period % 1) < 0.05) | ((z / period % 1) < 0.05)
    return _mix(colour, other, 0.4 + (share - 0.4) * fade)
