"""Which persons of a picture are looked at: given boxes, or the whole picture."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bsam_suite.errors import InputError
from tasks.pose.files import read_annotations, read_json, read_results


class Box(NamedTuple):
    """A person: left, top, right and bottom in pixels, and how sure it is, from 0 to 1."""

    corners: tuple[float, float, float, float]
    score: float


Boxes = Callable[[int, np.ndarray], list[Box]]
"""Gives the persons of a picture, by its id and the image."""


def whole_picture(image_id: int, image: np.ndarray) -> list[Box]:
    """One person as large as the picture."""
    height, width = image.shape[:2]
    return [Box((0, 0, width, height), 1.0)]


def given_boxes(path: Path, ids: Iterable[int]) -> Boxes:
    """The boxes of a file: COCO annotations, or results of a detector in COCO's format.

    As when a network is evaluated: persons are of category 1, crowds are left out, and boxes of
    annotations (not those of results) are cut at the borders of the image.

    Args:
        path: the file.
        ids: of the pictures that are looked at.

    Raises:
        InputError: it cannot be read, or has no box for these pictures.
    """
    ids, boxes = set(ids), defaultdict(list)
    if isinstance(read_json(path), list):
        for result in read_results(path, None, "bbox"):
            if result["category_id"] == 1:
                boxes[result["image_id"]].append(_box(result, None))
    else:
        content = read_annotations(path, "bbox")
        sizes = {i["id"]: (i.get("width"), i.get("height")) for i in content["images"]}
        for annotation in content["annotations"]:
            if annotation["category_id"] == 1 and not annotation.get("iscrowd", 0):
                size = sizes[annotation["image_id"]]
                boxes[annotation["image_id"]].append(_box(annotation, size))
    boxes = {i: [b for b in group if _has_area(b)] for i, group in boxes.items() if i in ids}
    if not any(boxes.values()):
        raise InputError(
            f"--boxes {path} has no person (category_id 1) in these {len(ids)} pictures: give the "
            "file that belongs to them, or leave it out to take each picture for one person"
        )
    return lambda image_id, image: boxes.get(image_id, [])


def _box(entry: dict, size: tuple[int, int] | None) -> Box:
    x, y, width, height = entry["bbox"]
    corners = np.array([x, y, x + width, y + height])
    if size is not None:
        corners = np.clip(corners, 0, np.array([*size, *size]) - 1)
    return Box(tuple(corners.tolist()), float(entry.get("score", 1.0)))


def _has_area(box: Box) -> bool:
    left, top, right, bottom = box.corners
    return right > left and bottom > top
