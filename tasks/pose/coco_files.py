"""COCO's json files, checked as they are read."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from math import isfinite
from pathlib import Path

from bsam_suite.errors import InputError
from bsam_suite.json_file import read_json
from tasks.pose.coco import KEYPOINTS
from tasks.pose.coco_schema import schema_error

PARTS = ("images", "annotations", "categories")


def read_coco(path: str | Path, *parts: str) -> dict:
    """A COCO file, of which only that it has lists of these names is known; they may be empty.

    Raises:
        InputError: it cannot be read or lacks one.
    """
    content = read_json(path)
    for part in parts:
        if not isinstance(content, dict) or not isinstance(content.get(part), list):
            raise InputError(f"{path} is not a COCO file: it has no list {part!r}")
    return content


def read_images(path: str | Path) -> list[dict]:
    """The ``images`` of a COCO file, each with ``id`` and ``file_name``.

    Raises:
        InputError: it cannot be read, has none, or one is not like that.
    """
    images = read_coco(path, "images")["images"]
    if not images:
        raise InputError(f"{path} has no images: give the annotations of these pictures")
    raise_first(path, "images", [schema_error(image, "id", "file_name") for image in images])
    return images


def read_annotations(path: str | Path, *fields: str, keypoints: int = len(KEYPOINTS)) -> dict:
    """A COCO file with ``images``, ``annotations`` and ``categories``.

    Args:
        path: the file.
        fields: what each annotation must have beside ``image_id`` and ``category_id``, of
            ``"keypoints"``, ``"bbox"`` and ``"area"``.
        keypoints: how many there are.

    Raises:
        InputError: it cannot be read or lacks something.
    """
    content = read_coco(path, *PARTS)
    for part in PARTS:
        if not content[part]:
            raise InputError(f"{path} has no {part}: give COCO annotations of persons")
    for part in ("images", "categories"):
        raise_first(path, part, [schema_error(entry, "id") for entry in content[part]])
    images = {image["id"] for image in content["images"]}
    problems = []
    for entry in content["annotations"]:
        told = schema_error(entry, "image_id", "category_id", *fields, optional=("iscrowd",))
        if told and told.startswith("it lacks 'keypoints'"):
            told += " (COCO's person_keypoints_* files have them)"
        told = told or _unlike(entry, fields, keypoints) or _elsewhere(entry, images)
        problems.append(told)
    raise_first(path, "annotations", problems)
    return content


def read_results(
    path: str | Path, images: Iterable[int] | None, kind: str, keypoints: int = len(KEYPOINTS)
) -> list[dict]:
    """COCO's list of results, each a person with ``image_id``, ``category_id`` and ``score``.

    Args:
        path: the file.
        images: ids of the images that there are; None for any.
        kind: what else each person must have: ``"keypoints"`` (x, y, score of each) or ``"bbox"``
            (x, y, width, height).
        keypoints: how many there are.

    Raises:
        InputError: it cannot be read, or an entry is not like that; or some of the persons with
            keypoints have a box too, whose size AP then takes, and others have none.
    """
    found = read_json(path)
    if not isinstance(found, list):
        raise InputError(f"{path} holds a {type(found).__name__}: give a list of results")
    images = None if images is None else set(images)
    problems = []
    for entry in found:
        told = schema_error(entry, "image_id", "category_id", "score", kind)
        told = told or _unlike(entry, (kind,), keypoints) or _elsewhere(entry, images)
        if not told and kind == "keypoints" and entry.get("bbox", []) != []:
            told = schema_error(entry, "bbox") or _unlike(entry, ("bbox",), keypoints)
        problems.append(told)
    raise_first(path, "results", problems)
    boxes = sum(entry.get("bbox", []) != [] for entry in found)
    if 0 < boxes < len(found):
        raise InputError(
            f"{path}: {boxes} of {len(found)} results have a 'bbox': give all of them one, or none"
        )
    return found


def raise_first(path: str | Path, part: str, problems: list[str | None]) -> None:
    """Tell the first of the problems of a list's entries and how many more there are.

    Raises:
        InputError: there is one.
    """
    places = [place for place, told in enumerate(problems) if told]
    if places:
        more = f" (and {len(places) - 1} more)" if len(places) > 1 else ""
        told = problems[places[0]]
        raise InputError(f"{part}[{places[0]}] of {path}{more}: {told}")


def _unlike(entry: dict, fields: Collection[str], keypoints: int) -> str | None:
    """What is wrong with the numbers of an entry whose fields are right."""
    for field in fields:
        values = entry[field]
        if field == "keypoints" and len(values) != 3 * keypoints:
            return f"{len(values)} numbers in 'keypoints': give {3 * keypoints}"
        if field in ("bbox", "keypoints") and not all(map(isfinite, values)):
            return f"{next(v for v in values if not isfinite(v))} in {field!r}: give numbers"
    return None


def _elsewhere(entry: dict, images: set[int] | None) -> str | None:
    if images is None or entry["image_id"] in images:
        return None
    return (
        f"image_id {entry['image_id']} is not among the {len(images)} images, such as "
        f"{min(images, default=None)}: give the files of one set"
    )
