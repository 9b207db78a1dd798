"""The types of the fields in COCO files."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable

from bsam_suite.errors import brief

_NUMBERS = {int, float}
_LARGEST = 2**53  # JSON readers differ for larger numbers (RFC 7493)


def is_number(value) -> bool:
    """Whether it is a finite number; True and False are not."""
    return is_numbers([value]) and math.isfinite(value)


def is_numbers(value) -> bool:
    """Whether it is a list of numbers, which may be NaN or infinite."""
    if type(value) is not list or not set(map(type, value)) <= _NUMBERS:
        return False
    try:
        array("d", value)
    except OverflowError:  # whole numbers too large for a float
        return False
    return True


def _is_id(value) -> bool:
    return type(value) is int and abs(value) <= _LARGEST


def _refers(value) -> bool:
    """Whether it is an id; some programs write 7 as 7.0, which works like 7."""
    return _is_id(value) or (type(value) is float and value.is_integer())


FIELDS: dict[str, tuple[Callable[[object], bool], str]] = {
    "file_name": (lambda value: isinstance(value, str) and value != "", "text"),
    "width": (lambda value: is_number(value) and value > 0, "a number of pixels"),
    "height": (lambda value: is_number(value) and value > 0, "a number of pixels"),
    "image_id": (_refers, "a whole number"),
    "category_id": (_refers, "a whole number"),
    "iscrowd": (lambda value: type(value) in (bool, int, float) and value in (0, 1), "0 or 1"),
    "bbox": (lambda value: is_numbers(value) and len(value) == 4, "4 numbers"),
    "keypoints": (is_numbers, "a list of numbers"),
    "area": (is_number, "a number"),
    "score": (is_number, "a number"),
    "id": (_is_id, "a whole number"),  # pycocotools finds no image by a float
}
"""For each field: whether a value is valid, and what a valid one is."""


def schema_error(entry, *names: str, optional: tuple[str, ...] = ()) -> str | None:
    """What is wrong with an entry of a file, or None, by ``FIELDS``: required and optional ones."""
    if type(entry) is not dict:
        return f"it is a {type(entry).__name__}, not an object"
    for name in (*names, *(name for name in optional if name in entry)):
        valid, wanted = FIELDS[name]
        if name not in entry:
            return f"it has no {name!r}: give {wanted}"
        if not valid(entry[name]):
            return f"{name} is {brief(entry[name], 60)}: give {wanted}"
    return None
