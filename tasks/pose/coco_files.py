"""Read and check COCO's JSON files."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from math import isfinite
from pathlib import Path

from bsam_suite.errors import InputError
from bsam_suite.json_file import read_json
from tasks.pose.coco import KEYPOINTS
from tasks.pose.coco_schema import schema_error

LISTS = ("images", "annotations", "categories")


def read_coco(path: str | Path, *lists: str) -> dict:
    """Read a COCO file and check only that it has these lists, which may be empty.

    Raises:
        InputError: it cannot be read, or a list is missing.
    """
    content = read_json(path)
    for name in lists:
        if not isinstance(content, dict) or not isinstance(content.get(name), list):
            raise InputError(f"{path} is not a COCO file: it has no list {name!r}")
    return content


def read_images(path: str | Path) -> list[dict]:
    """The ``images`` of a COCO file, each with ``id`` and ``file_name``.

    Raises:
        InputError: it cannot be read, has no images, or one without these fields.
    """
    images = read_coco(path, "images")["images"]
    if not images:
        raise InputError(f"{path} has no images: give the annotations of these images")
    raise_first(path, "images", [schema_error(image, "id", "file_name") for image in images])
    return images


def read_annotations(path: str | Path, *fields: str, keypoints: int = len(KEYPOINTS)) -> dict:
    """A COCO file with ``images``, ``annotations`` and ``categories``.

    Args:
        fields: required fields of each annotation in addition to ``image_id`` and
            ``category_id``: ``"keypoints"``, ``"bbox"`` or ``"area"``.

    Raises:
        InputError: it cannot be read, or something is missing.
    """
    content = read_coco(path, *LISTS)
    for name in LISTS:
        if not content[name]:
            raise InputError(f"{path} has no {name}: give COCO annotations of persons")
    for name in ("images", "categories"):
        raise_first(path, name, [schema_error(entry, "id") for entry in content[name]])
    images = {image["id"] for image in content["images"]}
    errors = []
    for entry in content["annotations"]:
        error = schema_error(entry, "image_id", "category_id", *fields, optional=("iscrowd",))
        if error and error.startswith("it has no 'keypoints'"):
            error += " (COCO's person_keypoints_* files have them)"
        error = error or _wrong_numbers(entry, fields, keypoints) or _unknown_image(entry, images)
        errors.append(error)
    raise_first(path, "annotations", errors)
    return content


def read_results(
    path: str | Path, images: Iterable[int] | None, kind: str, keypoints: int = len(KEYPOINTS)
) -> list[dict]:
    """A list of results in COCO's format, each with ``image_id``, ``category_id`` and ``score``.

    Args:
        images: ids of the known images; None for any.
        kind: another required field: ``"keypoints"`` (x, y, score of each) or ``"bbox"`` (x, y,
            width, height).

    Raises:
        InputError: it cannot be read, or an entry is wrong; or only some of the results with
            keypoints have a box as well, whose area AP would then use.
    """
    found = read_json(path)
    if not isinstance(found, list):
        raise InputError(f"{path} has a {type(found).__name__}: give a list of results")
    images = None if images is None else set(images)
    errors = []
    for entry in found:
        error = schema_error(entry, "image_id", "category_id", "score", kind)
        error = error or _wrong_numbers(entry, (kind,), keypoints) or _unknown_image(entry, images)
        if not error and kind == "keypoints" and entry.get("bbox", []) != []:
            error = schema_error(entry, "bbox") or _wrong_numbers(entry, ("bbox",), keypoints)
        errors.append(error)
    raise_first(path, "results", errors)
    boxes = sum(entry.get("bbox", []) != [] for entry in found)
    if 0 < boxes < len(found):
        raise InputError(
            f"{path}: {boxes} of {len(found)} results have a 'bbox': give it for all or for none"
        )
    return found


def raise_first(path: str | Path, name: str, errors: list[str | None]) -> None:
    """Raise the first of the errors in the entries of a list; the message counts the others.

    Raises:
        InputError: there is one.
    """
    places = [place for place, error in enumerate(errors) if error]
    if places:
        more = f" (and {len(places) - 1} more)" if len(places) > 1 else ""
        raise InputError(f"{name}[{places[0]}] of {path}{more}: {errors[places[0]]}")


def _wrong_numbers(entry: dict, fields: Collection[str], keypoints: int) -> str | None:
    """What is wrong with the numbers of an entry whose fields have the right types."""
    for field in fields:
        values = entry[field]
        if field == "keypoints" and len(values) != 3 * keypoints:
            return f"{len(values)} numbers in 'keypoints': give {3 * keypoints}"
        if field in ("bbox", "keypoints") and not all(map(isfinite, values)):
            return f"{next(v for v in values if not isfinite(v))} in {field!r}: give numbers"
    return None


def _unknown_image(entry: dict, images: set[int] | None) -> str | None:
    if images is None or entry["image_id"] in images:
        return None
    return (
        f"image_id {entry['image_id']} is not among the {len(images)} images, such as "
        f"{min(images, default=None)}: give the files of one dataset"
    )
