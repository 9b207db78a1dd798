"""COCO's json files, checked as they are read."""

from __future__ import annotations

import json
from collections.abc import Iterable
from math import isfinite
from pathlib import Path

from bsam_suite.errors import InputError
from tasks.pose.coco import KEYPOINTS

LENGTHS = {"keypoints": 3 * len(KEYPOINTS), "bbox": 4}


def read_json(path: str | Path):
    """The content of a json file.

    Raises:
        InputError: no such file, or one that is not json.
    """
    if not Path(path).is_file():
        raise InputError(f"{path} does not exist")
    try:
        return json.loads(Path(path).read_bytes())
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON: {error}") from error


def read_images(path: str | Path) -> list[dict]:
    """The ``images`` of a COCO file.

    Raises:
        InputError: it cannot be read or has none.
    """
    return _read_parts(path, "images")["images"]


def read_annotations(path: str | Path, *fields: str) -> dict:
    """A COCO file with ``images``, ``annotations`` and ``categories``.

    Args:
        path: the file.
        fields: what each annotation must have, of ``"keypoints"`` (17 of them), ``"bbox"`` and
            ``"area"``.

    Raises:
        InputError: it cannot be read or lacks something.
    """
    content = _read_parts(path, "images", "annotations", "categories")
    images = {image["id"] for image in content["images"]}
    for annotation in content["annotations"] if fields else ():
        where = f"annotation {annotation.get('id')} of {path}"
        for field in fields:
            if field not in annotation:
                hint = ": use the person_keypoints_* files" if field == "keypoints" else ""
                raise InputError(f"{where} has no {field!r}{hint}")
            _check_numbers(annotation, field, where)
        _check_image(annotation, images, where)
    return content


def _read_parts(path: str | Path, *parts: str) -> dict:
    content = read_json(path)
    lacking = [k for k in parts if not (isinstance(content, dict) and content.get(k))]
    if lacking:
        raise InputError(f"{path} is not a COCO file, it lacks {lacking}")
    return content


def read_results(path: str | Path, images: Iterable[int] | None, kind: str) -> list[dict]:
    """COCO's list of results, each a person with ``image_id``, ``category_id`` and ``score``.

    Args:
        path: the file.
        images: ids of the images that there are; None for any.
        kind: what else each person must have: ``"keypoints"`` (17 times x, y, score) or ``"bbox"``
            (x, y, width, height).

    Raises:
        InputError: it cannot be read, or an entry is not like that.
    """
    found = read_json(path)
    if not isinstance(found, list):
        raise InputError(f"{path} holds a {type(found).__name__}: give a list of results")
    images = None if images is None else set(images)
    for number, entry in enumerate(found):
        where = f"entry {number} of {path}"
        if not isinstance(entry, dict) or not {"image_id", "category_id", "score"} <= entry.keys():
            raise InputError(f"{where} lacks image_id, category_id or score: give COCO results")
        _check_numbers(entry, kind, where)
        _check_numbers(entry, "score", where)
        if images is None:
            _check_numbers(entry, "image_id", where)
        else:
            _check_image(entry, images, where)
    return found


def _check_image(entry: dict, images: set[int], where: str) -> None:
    if entry.get("image_id") not in images:
        raise InputError(
            f"{where} is of image {entry.get('image_id')}, which is not among the {len(images)} "
            f"images, such as {min(images, default=None)}: give the files of one set"
        )


def _check_numbers(entry: dict, field: str, where: str) -> None:
    values, length = entry.get(field), LENGTHS.get(field)
    if length is None:
        values = [values]
    elif not isinstance(values, list) or len(values) != length:
        count = len(values) if isinstance(values, list) else "no"
        raise InputError(f"{where} has {count} numbers in {field!r}: give {length}")
    for value in values:
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not isfinite(value):
            raise InputError(f"{where} has {value!r} in {field!r}: give numbers")
