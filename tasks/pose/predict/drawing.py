"""Draw results on their images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bsam_suite.pictures.contact_sheet import resized
from tasks.pose.skeleton import PERSON, Skeleton
from tasks.pose.visualization import draw_person

LEAST = 0.2
"""Persons and keypoints that score less are not drawn."""


def draw_results(
    image: np.ndarray,
    scale: float,
    results: Sequence[dict],
    boxes: bool,
    skeleton: Skeleton = PERSON,
) -> np.ndarray:
    """Draw persons in COCO's results format on a resized copy of an image."""
    drawn = resized(image, scale)
    for result in sorted(results, key=lambda r: r["score"]):
        if result["score"] < LEAST:
            continue
        points = np.reshape(result["keypoints"], (-1, 3)) * (scale, scale, 1)
        points[:, 2] = np.where(points[:, 2] < LEAST, 0, 2)
        box = np.array(result["bbox"]) * scale
        thickness = max(round(min(max(drawn.shape[:2]) / 300, max(box[2:]) / 80)), 1)
        drawn = draw_person(
            drawn, points, box if boxes else None, thickness=thickness, skeleton=skeleton
        )
    return drawn
