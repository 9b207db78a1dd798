"""Metrics of single keypoints: similarity (OKS) and percentage of correct keypoints (PCK)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from tasks.pose.coco import LARGE, MEDIUM
from tasks.pose.skeleton import PERSON, Skeleton

PCK_SHARES = (0.05, 0.1, 0.2)
PCK_LENGTH = (
    "A keypoint is correct within this share of the longer side of the person's box: Y. Yang and "
    "D. Ramanan, Articulated Human Detection with Flexible Mixtures of Parts, TPAMI 2013."
)


@dataclass
class Row:
    """A group of labelled keypoints.

    Attributes:
        oks: mean of ``exp(-d^2 / (2 s^2 k^2))`` with the distance d in pixels, s^2 the person's
            area and k twice the sigma of the keypoint.
        pck: for each of ``PCK_SHARES``, the share of keypoints with a distance below this share of
            the box's longer side.
    """

    name: str
    count: int
    oks: float
    pck: dict[float, float]


@dataclass
class Scores:
    """All labelled keypoints of all persons, as arrays (M,).

    Attributes:
        kind: index into its ``names``.
        visibility: 1 (labelled, hidden) or 2 (visible).
        area: of the person, in square pixels.
        length: longer side of the person's box in pixels.
        distance: in pixels to the person's result; infinite without a result.
        persons, missed: number of persons with labelled keypoints, and of those without a result.
    """

    skeleton: Skeleton
    kind: np.ndarray
    visibility: np.ndarray
    area: np.ndarray
    length: np.ndarray
    distance: np.ndarray
    persons: int
    missed: int

    def by_keypoint(self) -> list[Row]:
        """A row for each keypoint and one for all."""
        rows = [self._row(name, self.kind == i) for i, name in enumerate(self.skeleton.names)]
        return _some([*rows, self._row("all", self.kind >= 0)])

    def by_size(self) -> list[Row]:
        """Small (which COCO does not label), medium and large persons."""
        sizes = np.digitize(self.area, (MEDIUM, LARGE))
        names = ("small persons", "medium persons", "large persons")
        return _some([self._row(name, sizes == i) for i, name in enumerate(names)])

    def by_visibility(self) -> list[Row]:
        """Hidden and visible keypoints."""
        names = {1: "hidden (1)", 2: "visible (2)"}
        return _some([self._row(name, self.visibility == v) for v, name in names.items()])

    def _row(self, name: str, chosen: np.ndarray) -> Row:
        if not chosen.any():
            return Row(name, 0, 0.0, {})
        distance, length = self.distance[chosen], self.length[chosen]
        sigmas = np.array(self.skeleton.sigmas)[self.kind[chosen]]
        oks = keypoint_oks(distance, self.area[chosen], sigmas)
        pck = {share: float((distance <= share * length).mean()) for share in PCK_SHARES}
        return Row(name, int(chosen.sum()), float(oks.mean()), pck)


def _some(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row.count]


def keypoint_oks(distance: np.ndarray, area: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """``exp(-d^2 / (2 s^2 k^2))``, the OKS of a single keypoint, by broadcasting."""
    # COCO adds this, too, in case the area is 0.
    return np.exp(-(distance**2) / (2 * (area + np.spacing(1)) * (2 * sigma) ** 2))


def score_keypoints(truth: dict, found: list[dict], skeleton: Skeleton = PERSON) -> Scores:
    """Match persons with results and measure the distance of each labelled keypoint.

    In each image the one-to-one matching has the largest sum of OKS, whatever the scores. Crowds
    and persons without labels are ignored.
    """
    persons, results = defaultdict(list), defaultdict(list)
    for a in truth["annotations"]:
        if not a.get("iscrowd", 0) and any(v > 0 for v in a["keypoints"][2::3]):
            persons[a["image_id"], a["category_id"]].append(a)
    for r in found:
        results[r["image_id"], r["category_id"]].append(r)
    parts, missed = [], 0
    for key, group in persons.items():
        points = np.array([a["keypoints"] for a in group], float).reshape(len(group), -1, 3)
        area = np.array([a["area"] for a in group], float)
        length = np.array([max(a["bbox"][2:]) for a in group], float)
        distance = _distances(points, area, results[key], skeleton.sigmas)
        missed += int(np.isinf(distance[:, 0]).sum())
        person, kind = np.nonzero(points[..., 2] > 0)
        visibility = points[person, kind, 2]
        parts.append((kind, visibility, area[person], length[person], distance[person, kind]))
    columns = map(np.concatenate, zip(*parts)) if parts else [np.zeros(0)] * 5
    return Scores(skeleton, *columns, persons=sum(map(len, persons.values())), missed=missed)


def _distances(
    points: np.ndarray, area: np.ndarray, found: list[dict], sigmas: Sequence[float]
) -> np.ndarray:
    """(P, K) distances in pixels from each person's keypoints to the matched result."""
    best = np.full(points.shape[:2], np.inf)
    if not found:
        return best
    others = np.array([r["keypoints"] for r in found], float).reshape(len(found), -1, 3)
    distance = np.linalg.norm(points[:, None, :, :2] - others[None, :, :, :2], axis=-1)
    weights = (points[:, None, :, 2] > 0) / (points[:, None, :, 2] > 0).sum(-1, keepdims=True)
    oks = (keypoint_oks(distance, area[:, None, None], np.array(sigmas)) * weights).sum(-1)
    person, result = linear_sum_assignment(oks, maximize=True)
    best[person] = distance[person, result]
    return best
