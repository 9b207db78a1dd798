"""The boxes of the persons in an image: from a file, or the whole image."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bsam_suite.errors import InputError
from tasks.pose.category_ids import keypoint_categories, of_categories
from tasks.pose.coco_files import raise_first, read_annotations, read_json, read_results
from tasks.pose.coco_schema import schema_error


class Box(NamedTuple):
    """A person: left, top, right and bottom in pixels, and the score from 0 to 1.

    ``category`` is the ``category_id`` of its result; None if no file has it.
    """

    corners: tuple[float, float, float, float]
    score: float
    category: int | None = None


Boxes = Callable[[int, np.ndarray], list[Box]]
"""Returns the persons in an image, given its id and the image."""


def whole_image(image_id: int, image: np.ndarray) -> list[Box]:
    """One person as large as the image."""
    height, width = image.shape[:2]
    return [Box((0, 0, width, height), 1.0)]


def boxes_from_file(path: Path, ids: Iterable[int], categories: set[int] | None = None) -> Boxes:
    """The boxes in a file: COCO annotations, or results of a detector in COCO's format.

    As in an evaluation, crowds are ignored, and boxes of annotations (not those of results) are
    clipped to the image.

    Args:
        categories: ids of the categories of persons, if another file gives them; otherwise those of
            the annotations, and COCO's 1 for results.

    Raises:
        InputError: it cannot be read, or has no box for these images.
    """
    ids, boxes = set(ids), defaultdict(list)
    if isinstance(read_json(path), list):
        found, sizes = read_results(path, None, "bbox"), {}
        categories = categories or {1}
    else:
        content = read_annotations(path, "bbox")
        found = [a for a in content["annotations"] if not a.get("iscrowd", 0)]
        images = content["images"]
        used = [i["id"] in ids and schema_error(i, "width", "height") or None for i in images]
        raise_first(path, "images", used)
        sizes = {i["id"]: (i["width"], i["height"]) for i in images if i["id"] in ids}
        categories = categories or keypoint_categories(content, path)
    for entry in of_categories(found, categories, path):
        if entry["image_id"] in ids:
            boxes[entry["image_id"]].append(_box(entry, sizes.get(entry["image_id"])))
    boxes = {i: [b for b in group if _has_area(b)] for i, group in boxes.items()}
    if not any(boxes.values()):
        raise InputError(
            f"--boxes {path} has no box of a person in these {len(ids)} images: give the file for "
            "these images, or leave it out to treat each image as one person"
        )
    return lambda image_id, image: boxes.get(image_id, [])


def _box(entry: dict, size: tuple[int, int] | None) -> Box:
    x, y, width, height = entry["bbox"]
    corners = np.array([x, y, x + width, y + height])
    if size is not None:
        corners = np.clip(corners, 0, np.array([*size, *size]) - 1)
    return Box(tuple(corners.tolist()), float(entry.get("score", 1.0)), entry["category_id"])


def _has_area(box: Box) -> bool:
    left, top, right, bottom = box.corners
    return right > left and bottom > top
