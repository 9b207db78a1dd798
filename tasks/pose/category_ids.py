"""Which categories of a COCO file are the persons whose keypoints are looked for."""

from __future__ import annotations

from pathlib import Path

from bsam_suite.errors import InputError, listed
from tasks.pose.coco_schema import schema_error


def keypoint_categories(content: dict, path: str | Path) -> set[int]:
    """Ids of the categories whose keypoints a file of annotations holds; in COCO's that is 1.

    They are those that list ``keypoints``; where none does, those of the annotations that have
    some; else those named ``person``; else the only one. Images alone are COCO's.

    Args:
        content: of the file.
        path: of the file.

    Raises:
        InputError: the file does not tell.
    """
    categories, annotations = content.get("categories", []), content.get("annotations", [])
    if not (isinstance(categories, list) and isinstance(annotations, list)):
        raise InputError(f"{path} is not a COCO file: categories or annotations are no list")
    wrong = next((told for category in categories if (told := schema_error(category, "id"))), None)
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
            f"{path} has the categories {named}, none with a list 'keypoints' and none of the name "
            "person: list the names of the keypoints under 'keypoints' of the category"
        )
    return found or {1}


def of_categories(found: list[dict], categories: set[int], path: str | Path) -> list[dict]:
    """Those of the entries whose ``category_id`` is that of the persons.

    Args:
        found: results, or annotations, in COCO's format.
        categories: what :func:`keypoint_categories` returned.
        path: their file.

    Raises:
        InputError: there are entries, and none is of these categories.
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
