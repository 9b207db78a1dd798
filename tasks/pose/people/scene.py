"""Random scenes: people before a camera, the picture of them and their annotations."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from .background import random_background, value_noise
from .body import Skeleton, random_build
from .camera import Camera
from .canvas import Canvas
from .figure import draw_figure
from .labels import annotate
from .outfit import Outfit, random_outfit
from .poses import random_skeleton
from .props import draw_clutter, draw_occluder, draw_stool

SIZES = ((320, 240), (288, 216), (256, 192), (240, 240), (240, 320), (216, 288))
_SIZE_ODDS = (0.35, 0.15, 0.15, 0.1, 0.15, 0.1)
_COUNT_ODDS = (0.45, 0.37, 0.13, 0.05)  # of 1, 2, 3 and 4 people
_APART = 0.55  # least distance between the middles of two people in metres


@dataclass(frozen=True, eq=False)
class Person:
    """Somebody in a scene; ``legs`` is the action of the legs (see ``poses``)."""

    skeleton: Skeleton
    outfit: Outfit
    legs: str


def random_scene(seed: np.random.SeedSequence) -> tuple[np.ndarray, np.ndarray, list[dict]]:
    """Make one picture.

    Returns:
        (H, W, 3) uint8 BGR image, the (H, W) uint8 part of a person at each pixel (see
        ``parts.PARTS``), and the annotations of the people that can be labelled (see
        ``labels.annotate``). Same seed, same result.
    """
    rng = np.random.default_rng(seed)
    while True:
        camera, people = random_people(rng)
        canvas = draw_people(rng, camera, people)
        found = [annotate(canvas, p.skeleton, i) for i, p in enumerate(people, 1)]
        found = [entry for entry in found if entry is not None]
        if found:
            return develop(rng, canvas.picture), canvas.part, found


def random_people(rng: np.random.Generator) -> tuple[Camera, list[Person]]:
    """Draw a camera and the people before it, without the picture."""
    width, height = SIZES[rng.choice(len(SIZES), p=_SIZE_ODDS)]
    focal = 0.5 * max(width, height) / math.tan(0.5 * math.radians(rng.uniform(38, 68)))
    build = random_build(rng)
    # The height in pixels that the first person would have standing.
    pixels = height * float(np.clip(np.exp(rng.normal(math.log(0.85), 0.35)), 0.45, 2.2))
    distance = max(focal * build.height / pixels, 1.35)
    big = pixels > height
    # Height above the floor of the picture's middle: where not all fits, the head does.
    aim = build.height * rng.uniform(0.42, 0.6)
    if pixels > 0.8 * height:
        aim = build.height * (1.05 - (0.5 + rng.normal(0, 0.1)) * height / pixels)
    level = float(np.clip(rng.normal(1.35, 0.5), 0.4, 2.7))
    level = float(np.clip(level, aim - 0.45 * distance, aim + 0.55 * distance))
    level = max(level, 0.3)
    shift = rng.normal(0, 0.05) * height / focal
    pitch = math.atan2(level - aim, distance) + math.atan(shift)
    roll = math.radians(float(np.clip(rng.normal(0, 3), -8, 8)))
    camera = Camera(width, height, focal, np.array([0, level, 0]), pitch, roll)

    count = 1 + int(rng.choice(4, p=_COUNT_ODDS))
    # In most pictures people stand beside each other, in the others they hide one another.
    breadth = 0.55 if rng.random() < 0.75 else 0.0
    people: list[Person] = []
    places: list[tuple[float, float]] = []
    for i in range(count):
        for _ in range(12):
            z = distance if i == 0 else max(distance * math.exp(rng.normal(0.05, 0.28)), 1.35)
            reach = 0.54 if i else 0.4
            column = rng.uniform(-reach, reach) if i or not big else rng.normal(0, 0.12)
            place = column * width / focal * z, z
            if all(_apart(place, other, breadth) for other in places):
                break
        else:
            continue
        body = build if i == 0 else random_build(rng)
        skeleton, legs = random_skeleton(rng, body, _heading(rng))
        skeleton = skeleton.moved(np.array([place[0], 0, place[1]]))
        people.append(Person(skeleton, random_outfit(rng), legs))
        places.append(place)
    return camera, people


def _apart(place: tuple[float, float], other: tuple[float, float], breadth: float) -> bool:
    """Whether two people ``breadth`` metres wide, at (x, z), neither touch nor hide each other."""
    (x, z), (other_x, other_z) = place, other
    between = abs(x / z - other_x / other_z)
    return math.dist(place, other) > _APART and between > 0.5 * breadth * (1 / z + 1 / other_z)


def _heading(rng: np.random.Generator) -> float:
    """Draw where somebody faces: in photographs mostly the camera, which is at pi."""
    if rng.random() < 0.06:
        return float(rng.uniform(0, 2 * math.pi))
    towards = math.pi if rng.random() < 0.92 else 0.0
    return float(rng.normal(towards, math.radians(25)))


def draw_people(rng: np.random.Generator, camera: Camera, people: list[Person]) -> Canvas:
    """Draw people, numbered from 1, with a background, furniture and occluders."""
    spots = [_spot(p.skeleton) for p in people]
    light = np.array([rng.normal(0, 0.6), rng.uniform(0.5, 1), rng.normal(-0.5, 0.4)])
    picture = random_background(rng, camera, spots)
    canvas = Canvas(camera, picture, light, rng.uniform(0.45, 0.7))
    draw_clutter(canvas, rng, max(z for _, z in spots))
    for number, (person, (x, z)) in enumerate(zip(people, spots, strict=True), 1):
        draw_figure(canvas, person.skeleton, person.outfit, number)
        seat = person.skeleton.joints["pelvis"][1] - 0.13
        if person.legs == "sit" and seat > 0.15:
            draw_stool(canvas, rng, x, z, seat)
    for person in people:
        if rng.random() < 0.08:
            name = str(rng.choice(["left_hip", "right_knee", "left_elbow", "chest", "right_ankle"]))
            draw_occluder(canvas, rng, person.skeleton.joints[name])
    return canvas


def _spot(skeleton: Skeleton) -> tuple[float, float]:
    x, _, z = skeleton.joints["pelvis"]
    return float(x), float(z)


def develop(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """Turn (H, W, 3) float colours into a uint8 photograph: blur, exposure and noise."""
    height, width = picture.shape[:2]
    shade = 1 + 0.09 * value_noise(rng, width, height, rng.uniform(15, 50))
    picture = cv2.GaussianBlur(picture * shade[..., None], (0, 0), float(rng.uniform(0.4, 0.75)))
    picture = (picture - 118) * rng.uniform(0.8, 1.15) + 118 + rng.normal(0, 12)
    picture = picture * rng.normal(1, 0.03, 3).astype(np.float32)
    picture += rng.uniform(1, 4.5) * rng.standard_normal(picture.shape, np.float32)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)
