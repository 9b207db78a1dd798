"""The keypoints in the category of a COCO file."""

from __future__ import annotations

from collections.abc import Sequence

from bsam_suite.errors import InputError
from tasks.pose.coco import KEYPOINTS
from tasks.pose.skeleton import PERSON, Skeleton, default_sigmas, mirrored, plain_name, same_names


def keypoint_category(categories: Sequence[dict], where: str) -> dict | None:
    """The category of a COCO file that has ``keypoints``, or None.

    Raises:
        InputError: several categories have different keypoints.
    """
    named = [c for c in categories if isinstance(c, dict) and c.get("keypoints")]
    for category in named[1:]:
        if category["keypoints"] != named[0]["keypoints"]:
            raise InputError(
                f"{where}: categories {named[0].get('name')!r} and {category.get('name')!r} have "
                "different keypoints: put each in a file of its own"
            )
    return named[0] if named else None


def category_skeleton(category: dict, where: str) -> Skeleton:
    """The keypoints of a COCO file's category; flip pairs by ``left`` and ``right`` in the names.

    Args:
        category: an entry of ``categories`` with ``keypoints`` and optionally a ``skeleton`` of
            pairs, counted from 1 (or from 0 if one of them is 0).

    Raises:
        InputError: the names are not different strings, or the skeleton has other keypoints.
    """
    names, where = category["keypoints"], f"category {category.get('name')!r} of {where}"
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise InputError(f"{where} has keypoints {names!r}: give a list of names")
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        raise InputError(f"{where} names {double!r} twice: give each keypoint its own name")
    if [*map(plain_name, names)] == [*map(plain_name, KEYPOINTS)]:
        return PERSON
    index = {name: i for i, name in enumerate(names)}
    flips = tuple(index.get(mirrored(name), i) for i, name in enumerate(names))
    # A pair must be mutual: "l" beside "L", "R" and "r" has no mirror image.
    flips = tuple(j if flips[j] == i else i for i, j in enumerate(flips))
    links = _links(category.get("skeleton") or [], len(names), where)
    name = str(category.get("name") or "object")
    return Skeleton(tuple(names), links, flips, default_sigmas(names), name)


def _links(skeleton, count: int, where: str) -> tuple[tuple[int, int], ...]:
    try:
        pairs = [(int(a), int(b)) for a, b in skeleton]
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f"{where} has the skeleton {skeleton!r}: give pairs of keypoints from 1 to {count}"
        ) from error
    first = 0 if any(0 in pair for pair in pairs) else 1
    for pair in pairs:
        if not all(first <= i < count + first for i in pair):
            raise InputError(
                f"{where} has {list(pair)} in its skeleton: give pairs of keypoints from 1 to "
                f"{count}"
            )
    return tuple((a - first, b - first) for a, b in pairs)


def check_same(one: Skeleton, place: str, other: Skeleton, other_place: str) -> None:
    """Check that two places have the same keypoints in the same order.

    Raises:
        InputError: they do not.
    """
    if not same_names(one, other):
        raise InputError(
            f"{place} has {one}, but {other_place} has {other}: both need the same in one order"
        )
