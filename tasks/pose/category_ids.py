"""The category ids of the persons in a COCO file."""

from __future__ import annotations

from pathlib import Path

from bsam_suite.errors import InputError, listed
from tasks.pose.coco_schema import schema_error


def keypoint_categories(content: dict, path: str | Path) -> set[int]:
    """Ids of the categories whose keypoints are annotated; in COCO that is 1.

    These are the categories with ``keypoints``. If there are none: those of annotations with
    keypoints, or else those named ``person``, or else the only one. A file with images only has 1.

    Raises:
        InputError: none of these rules applies.
    """
    categories, annotations = content.get("categories", []), content.get("annotations", [])
    if not (isinstance(categories, list) and isinstance(annotations, list)):
        raise InputError(f"{path} is not a COCO file: categories or annotations is not a list")
    wrong = next(filter(None, (schema_error(c, "id") for c in categories)), None)
    if wrong:
        raise InputError(f"categories of {path}: {wrong}")
    named = {category["id"]: category.get("name") for category in categories}
    found = {category["id"] for category in categories if category.get("keypoints")}
    found = found or {
        annotation["category_id"]
        for annotation in annotations
        if schema_error(annotation, "category_id", "keypoints") is None and annotation["keypoints"]
    }
    found = found or {number for number, name in named.items() if name == "person"}
    found = found or (set(named) if len(named) == 1 else set())
    if not found and (categories or annotations):
        raise InputError(
            f"{path} has the categories {named}, none with a list 'keypoints' and none named "
            "person: list the names of the keypoints under 'keypoints' of the category"
        )
    return found or {1}


def of_categories(found: list[dict], categories: set[int], path: str | Path) -> list[dict]:
    """The entries whose ``category_id`` is that of the persons.

    Raises:
        InputError: there are entries, but none of these categories.
    """
    kept = [entry for entry in found if entry["category_id"] in categories]
    if found and not kept:
        others = sorted({entry["category_id"] for entry in found})
        raise InputError(
            f"{path} has entries of category_id {listed(others, 10)}, none of "
            f"{listed(sorted(categories), 10)}, which the persons have: give results and "
            "annotations the same category_id"
        )
    return kept
