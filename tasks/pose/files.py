"""COCO's json files, checked as they are read."""

from __future__ import annotations

import json
from collections.abc import Iterable
from math import isfinite
from pathlib import Path

from bsam_suite.errors import InputError
from tasks.pose.coco import KEYPOINTS


def read_json(path: str | Path):
    """The content of a json file.

    Raises:
        InputError: no such file, or one that is not json.
    """
    if not Path(path).is_file():
        raise InputError(f"{path} does not exist")
    try:
        return json.loads(Path(path).read_bytes())
    except ValueError as error:
        raise InputError(f"{path} is not JSON: {error}") from error


def read_annotations(path: str | Path) -> dict:
    """A COCO file with ``images``, ``annotations`` and ``categories``.

    Raises:
        InputError: it cannot be read or lacks one of them.
    """
    content = read_json(path)
    parts = ("images", "annotations", "categories")
    lacking = [k for k in parts if not (isinstance(content, dict) and content.get(k))]
    if lacking:
        raise InputError(f"{path} is not a COCO file, it lacks {lacking}")
    return content


def read_persons(path: str | Path) -> dict:
    """A COCO file each of whose annotations has a box, an area and 17 keypoints.

    Raises:
        InputError: it cannot be read, or an annotation is not like that.
    """
    content = read_annotations(path)
    images = {image["id"] for image in content["images"]}
    for annotation in content["annotations"]:
        where = f"annotation {annotation.get('id')} of {path}"
        if "keypoints" not in annotation:
            raise InputError(f"{where} has no keypoints: use the person_keypoints_* files")
        _check_numbers(annotation, "keypoints", 3 * len(KEYPOINTS), where)
        _check_numbers(annotation, "bbox", 4, where)
        _check_numbers({"area": [annotation.get("area")]}, "area", 1, where)
        _check_image(annotation, images, where)
    return content


def read_results(path: str | Path, images: Iterable[int], kind: str) -> list[dict]:
    """COCO's list of results, each a person with ``image_id``, ``category_id`` and ``score``.

    Args:
        path: the file.
        images: ids of the images that there are.
        kind: what else each person must have: ``"keypoints"`` (17 times x, y, score) or ``"bbox"``
            (x, y, width, height).

    Raises:
        InputError: it cannot be read, or an entry is not like that.
    """
    found = read_json(path)
    if not isinstance(found, list):
        raise InputError(f"{path} holds a {type(found).__name__}: give a list of results")
    images, length = set(images), {"keypoints": 3 * len(KEYPOINTS), "bbox": 4}
    for number, entry in enumerate(found):
        where = f"entry {number} of {path}"
        if not isinstance(entry, dict) or not {"image_id", "category_id", "score"} <= entry.keys():
            raise InputError(f"{where} lacks image_id, category_id or score: give COCO results")
        _check_numbers(entry, kind, length[kind], where)
        _check_numbers({"score": [entry["score"]]}, "score", 1, where)
        _check_image(entry, images, where)
    return found


def _check_image(entry: dict, images: set[int], where: str) -> None:
    if entry.get("image_id") not in images:
        raise InputError(
            f"{where} is of image {entry.get('image_id')}, which is not among the {len(images)} "
            f"images, such as {min(images, default=None)}: give the files of one set"
        )


def _check_numbers(entry: dict, field: str, length: int, where: str) -> None:
    values = entry.get(field)
    if not isinstance(values, list) or len(values) != length:
        count = len(values) if isinstance(values, list) else "no"
        raise InputError(f"{where} has {count} numbers in {field!r}: give {length}")
    for value in values:
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not isfinite(value):
            raise InputError(f"{where} has {value!r} in {field!r}: give numbers")
