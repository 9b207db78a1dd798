"""Which categories of a COCO file are the persons whose keypoints are looked for."""

from __future__ import annotations

from pathlib import Path

from bsam_suite.errors import InputError
from tasks.pose.fields import problem


def keypoint_categories(content: dict, path: str | Path) -> set[int]:
    """Ids of the categories whose keypoints a file of annotations holds; in COCO's that is 1.

    They are those that list ``keypoints``; where none does, those of the annotations that have
    some; else the only one, or those named ``person``.

    Args:
        content: of the file; without ``categories`` and ``annotations``, as of a bare list of
            images, it is COCO's.
        path: of the file.

    Raises:
        InputError: the file does not tell.
    """
    listed = content.get("categories") or []
    for place, category in enumerate(listed):
        wrong = problem(category, "id")
        if wrong:
            raise InputError(f"categories[{place}] of {path}: {wrong}")
    annotations = content.get("annotations") or []
    named = {category["id"]: category.get("name") for category in listed}
    found = {category["id"] for category in listed if category.get("keypoints")}
    found = found or {a["category_id"] for a in annotations if a.get("keypoints")}
    found = found or {number for number, name in named.items() if name == "person"}
    found = found or (set(named) if len(named) == 1 else set())
    if not found and (listed or annotations):
        raise InputError(
            f"{path} has the categories {named}, none with a list 'keypoints' and none of the name "
            "person: list the names of the keypoints under 'keypoints' of the category"
        )
    return found or {1}


def of_categories(
    found: list[dict], categories: set[int], path: str | Path, annotations: str | Path
) -> list[dict]:
    """Those of the results whose ``category_id`` is one of the annotations'.

    Args:
        found: results in COCO's format.
        categories: what :func:`keypoint_categories` returned.
        path, annotations: of the two files.

    Raises:
        InputError: there are results, and none is of these categories.
    """
    kept = [entry for entry in found if entry["category_id"] in categories]
    if found and not kept:
        others = {entry["category_id"] for entry in found}
        raise InputError(
            f"{path} has no result of category_id {_some(categories)}, that of the persons in "
            f"{annotations}; it has {_some(others)}: write the same category_id into both"
        )
    return kept


def _some(numbers: set[int], shown: int = 10) -> str:
    told = ", ".join(map(str, sorted(numbers)[:shown]))
    return told + (f" and {len(numbers) - shown} more" if len(numbers) > shown else "")
