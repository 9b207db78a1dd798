"""Checks of the boxes and keypoints of all persons of a split."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence

import numpy as np

from bsam_suite.errors import listed
from tasks.pose.check.entries import Person
from tasks.pose.check.findings import Example, Findings
from tasks.pose.check.layout import Split

SLACK = 1.0
"""Tolerance in pixels for boxes and keypoints outside: COCO rounds some of them up."""
COUNTS = ("persons", "crowds", "unlabelled", "visible", "hidden", "no label")
FAR = 0.5
"""A keypoint is far from the box beyond this share of its width or height."""


def check_persons(split: Split, persons: list[Person], findings: Findings) -> dict[str, int]:
    """Check the numbers of annotations that all have the same K keypoints.

    Positions are checked for persons that have labelled keypoints and are not crowds.

    Returns:
        ``COUNTS``: persons that MMPose trains on, crowds, persons without labelled keypoints; and
        the keypoints with visibility 2, 1 and 0 of persons that have labels and are not crowds.
    """
    boxes = _stacked(persons, "bbox")
    points = _stacked(persons, "keypoints").reshape(len(persons), -1, 3)
    sizes = np.array([(p.image["width"], p.image["height"]) for p in persons], float)
    crowd = np.array([bool(p.annotation.get("iscrowd")) for p in persons])
    seen = points[:, :, 2]
    labelled = (seen > 0).sum(1)

    names = persons[0].skeleton.names

    def add(kind: str, found: np.ndarray, message: Callable[[int], str], of: int = 1) -> None:
        for i in np.flatnonzero(found):
            annotation, image, skeleton = persons[i]
            example = Example(message(i), split.image(image), image["id"], annotation, skeleton)
            findings.add(kind, split.name, example, of)

    finite = np.isfinite(boxes).all(1) & np.isfinite(points).all((1, 2))
    add("not_finite", ~finite, lambda i: _first_bad(boxes[i], points[i], names))
    wrong = ~np.isin(seen, (0, 1, 2)) & finite[:, None]
    add("visibility", wrong.any(1), lambda i: _values(seen[i], wrong[i], names))
    stated = [p.annotation.get("num_keypoints", n) for p, n in zip(persons, labelled.tolist())]
    differs = np.array([t != n for t, n in zip(stated, labelled.tolist())])
    add("num_keypoints", differs & finite, lambda i: f"{stated[i]}, but {labelled[i]} are labelled")

    used = (labelled > 0) & ~crowd
    number = int(used.sum())
    areas = np.array([p.annotation.get("area", np.nan) for p in persons], float)
    # Crowds and persons without labels are not evaluated, so their area may be 0.
    add("area", np.isnan(areas) | used & (areas <= 0), lambda i: f"area {areas[i]:g}")
    used &= finite
    corners = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1)
    around = np.concatenate([np.zeros_like(sizes), sizes], 1)
    area = (boxes[:, 2:] > 0).all(1)
    apart = ((corners[:, 2:] <= 0) | (corners[:, :2] >= sizes)).any(1)
    over = _outside(corners.reshape(-1, 2, 2), around).any(1)

    # As in MMPose's BaseCocoStyleDataset._is_valid_instance.
    inside = np.clip(corners.reshape(-1, 2, 2), 0, sizes[:, None] - 1)
    trained = finite & ~crowd & np.array([n != 0 for n in stated])
    trained &= (inside[:, 1] > inside[:, 0]).all(1) & (points[:, :, :2] > 0).any((1, 2))

    def box(i: int) -> str:
        return f"box {_plain(boxes[i])} in {_plain(sizes[i], 'x')}"

    def places(which: np.ndarray, i: int) -> str:
        found = np.flatnonzero(which[i])
        return listed(f"{names[k]} at {_plain(points[i, k, :2])}" for k in found)

    add("box_without_area", used & ~area, box)
    add("box_outside", used & area & apart, box)
    add("box_over_edge", used & area & ~apart & over, box, number)
    drawn = (seen > 0) & used[:, None]
    beyond = _outside(points[:, :, :2], around) & drawn
    add("keypoint_outside_image", beyond.any(1), lambda i: places(beyond, i), number)
    # Keypoints outside the image and persons without a box are reported above.
    drawn &= ~beyond & (area & ~apart)[:, None]
    off = _outside(points[:, :, :2], corners) & drawn
    margin = FAR * np.tile(boxes[:, 2:], 2) * (-1, -1, 1, 1)
    far = (_outside(points[:, :, :2], corners + margin) & drawn).sum(1) * 2 > labelled
    add("keypoint_outside_box", off.any(1) & ~far, lambda i: places(off, i), number)
    add("keypoints_off_box", far, lambda i: f"{box(i)}: {places(off, i)}", number)

    unlabelled = int((~crowd & (labelled == 0)).sum())
    visibility = (int((seen[used] == value).sum()) for value in (2, 1, 0))
    return dict(zip(COUNTS, (int(trained.sum()), int(crowd.sum()), unlabelled, *visibility)))


def _stacked(persons: list[Person], field: str) -> np.ndarray:
    """(N, M) of the field's M numbers."""
    values = array("d")
    for person in persons:
        values.extend(person.annotation[field])
    return np.array(values).reshape(len(persons), -1)


def _outside(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Which points (N, K, 2) are outside the boxes (N, 4) of x0, y0, x1, y1."""
    low, high = corners[:, None, :2] - SLACK, corners[:, None, 2:] + SLACK
    return ((points < low) | (points > high)).any(2)


def _plain(values: np.ndarray, between: str = ", ") -> str:
    return between.join(f"{value:g}" for value in values)


def _values(seen: np.ndarray, wrong: np.ndarray, names: Sequence[str]) -> str:
    return ", ".join(f"{seen[k]:g} of {names[k]}" for k in np.flatnonzero(wrong)[:3])


def _first_bad(box: np.ndarray, points: np.ndarray, names: Sequence[str]) -> str:
    if not np.isfinite(box).all():
        return f"box {_plain(box)}"
    place = int(np.flatnonzero(~np.isfinite(points).all(1))[0])
    return f"{names[place]} is {_plain(points[place])}"
