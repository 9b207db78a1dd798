"""Annotations of a drawn scene: keypoints with visibility, boxes and areas.

Visibility follows what a COCO annotator would write:

- 2: the joint is seen. The first thing met on the way from the camera to the joint is the
  person's own surface, no further in front of the joint than the body is thick there.
- 1: the joint is in the image but hidden by the person's own body, another person or an object.
- 0 (and x = y = 0): outside of the image; or a point of the face or an ear on a side of the head
  that is turned away from the camera; or hidden and far outside of what is seen of the person.
"""

from __future__ import annotations

import numpy as np

from ..coco import FACE, KEYPOINTS
from .body import Skeleton
from .canvas import Canvas
from .figure import head_axes
from .paint import EYE

# How far in metres the surface lies in front of a joint, for a person 1.72 m tall.
_COVER = {
    "nose": 0.045,
    "eye": 0.03,
    "ear": 0.045,
    "shoulder": 0.125,
    "elbow": 0.085,
    "wrist": 0.075,
    "hip": 0.175,
    "knee": 0.11,
    "ankle": 0.095,
}
_TURNED_AWAY = -0.2  # cosine between a face point's normal and the way to the camera
_GUESSABLE = 0.2  # share of the seen box's size by which a hidden joint may lie outside of it


def keypoint_position(skeleton: Skeleton, name: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Return a keypoint's (3,) world position in metres and, on the head, its outward normal."""
    centre, axes, size = skeleton.joints["head"], skeleton.frames["head"], head_axes(skeleton)
    sign = 1.0 if name.startswith("left_") else -1.0
    if name == "nose":
        return centre + axes @ (size * np.array([0, -0.17, 1.12])), axes[:, 2]
    if name.endswith("_eye"):
        x, y = EYE
        spot = np.array([sign * x, y, np.sqrt(1 - x * x - y * y)])
    elif name.endswith("_ear"):
        spot = np.array([sign * 1.1, 0, -0.05])
    else:
        return skeleton.joints[name], None
    normal = axes @ (spot / size)
    return centre + axes @ (size * spot), normal / np.linalg.norm(normal)


def label_joints(canvas: Canvas, skeleton: Skeleton, number: int) -> np.ndarray:
    """Label the keypoints of the person ``number`` on a finished canvas.

    Returns:
        (17, 3): x and y in pixels, visibility 0, 1 or 2.
    """
    camera = canvas.camera
    size = skeleton.build.height / 1.72 * max(skeleton.build.girth, 1.0)
    labels = np.zeros((len(KEYPOINTS), 3))
    for i, name in enumerate(KEYPOINTS):
        point, normal = keypoint_position(skeleton, name)
        (x, y), depth = camera.project(point)
        if depth <= 0 or not (0 <= x <= camera.width - 1 and 0 <= y <= camera.height - 1):
            continue
        to_camera = camera.position - point
        distance = float(np.linalg.norm(to_camera))
        if normal is not None and normal @ to_camera / distance < _TURNED_AWAY:
            continue
        column, row = int(x + 0.5), int(y + 0.5)
        cover = _COVER[name.split("_")[-1]] * size
        seen = canvas.owner[row, column] == number
        seen = seen and canvas.depth[row, column] >= distance - cover
        labels[i] = x, y, 2 if seen else 1
    return labels


def annotate(canvas: Canvas, skeleton: Skeleton, number: int) -> dict | None:
    """Make the COCO annotation of a person on a finished canvas, without its ids.

    Returns:
        ``keypoints``, ``num_keypoints``, ``bbox`` (x, y, width, height of what is seen),
        ``area`` (count of seen pixels), ``iscrowd``, ``category_id`` and ``segmentation``
        (empty); None if too little of the person is seen to be labelled.
    """
    mask = canvas.owner == number
    area = int(mask.sum())
    if not area:
        return None
    columns, rows = np.nonzero(mask.any(0))[0], np.nonzero(mask.any(1))[0]
    x0, y0 = int(columns[0]), int(rows[0])
    width, height = int(columns[-1]) + 1 - x0, int(rows[-1]) + 1 - y0
    labels = label_joints(canvas, skeleton, number)
    far = _outside(labels[:, :2], (x0, y0, width, height)) & (labels[:, 2] == 1)
    labels[far] = 0
    body = np.setdiff1d(np.arange(len(KEYPOINTS)), FACE)
    if area < 400 or height < 36 or width < 12 or (labels[body, 2] == 2).sum() < 5:
        return None
    flat = []
    for x, y, v in labels:
        flat += [round(float(x), 2), round(float(y), 2), int(v)]
    return {
        "keypoints": flat,
        "num_keypoints": int((labels[:, 2] > 0).sum()),
        "bbox": [x0, y0, width, height],
        "area": area,
        "iscrowd": 0,
        "category_id": 1,
        "segmentation": [],
    }


def _outside(points: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    x0, y0, width, height = box
    mx, my = _GUESSABLE * width, _GUESSABLE * height
    x, y = points[:, 0], points[:, 1]
    return (x < x0 - mx) | (x > x0 + width + mx) | (y < y0 - my) | (y > y0 + height + my)
