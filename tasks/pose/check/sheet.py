"""A picture of suspicious persons, so that one sees what a finding is about."""

from __future__ import annotations

from itertools import chain, zip_longest
from pathlib import Path

import cv2
import numpy as np

from tasks.pose.check.findings import Finding
from tasks.pose.coco import KEYPOINTS
from tasks.pose.pictures import contact_sheet, draw_person

TILES, SIDE = 40, 240
_GREY = 64


def suspects_sheet(root: Path, findings: list[Finding]) -> np.ndarray | None:
    """Draw the persons that findings are about, some of each kind.

    Args:
        root: the set's folder.
        findings: with examples; those that name no person are passed over.

    Returns:
        (H, W, 3) uint8 BGR sheet of at most ``TILES`` crops, box and keypoints drawn; what is
        outside of the image is grey. None if there is nothing to draw.
    """
    rounds = zip_longest(*([(f.kind, example) for example in f.examples] for f in findings))
    tiles, captions = [], []
    for kind, example in filter(None, chain.from_iterable(rounds)):
        tile = _tile(root, example.file, example.entry) if example.entry else None
        if tile is not None:
            tiles.append(tile)
            captions.append(f"{kind} {example.annotation}")
        if len(tiles) == TILES:
            break
    return contact_sheet(tiles, 6, captions, (SIDE, SIDE)) if tiles else None


def _tile(root: Path, file: str | None, annotation: dict) -> np.ndarray | None:
    try:
        box = np.array(annotation["bbox"], float).reshape(4)
        points = np.array(annotation["keypoints"], float).reshape(-1, 3)
    except (KeyError, TypeError, ValueError):
        return None
    image = cv2.imread(str(root / file)) if file and (root / file).is_file() else None
    if image is None or not np.isfinite(box).all():
        return None
    if len(points) != len(KEYPOINTS):
        points = np.zeros((len(KEYPOINTS), 3))  # others have no skeleton here: the box alone
    corners = _region(box, points, image.shape)
    crop = _crop(image, *corners)
    scale = SIDE / max(crop.shape[:2])
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    crop = cv2.resize(crop, None, fx=scale, fy=scale, interpolation=interpolation)
    points[:, :2] = (points[:, :2] - corners[:2]) * scale
    box[:2] -= corners[:2]
    return draw_person(crop, points, box * scale)


def _region(box: np.ndarray, points: np.ndarray, shape: tuple) -> np.ndarray:
    """(4,) whole x0, y0, x1, y1 around box and labelled points, at most half an image outside."""
    labelled = points[(points[:, 2] > 0) & np.isfinite(points).all(1), :2]
    places = np.concatenate([box[None, :2], box[None, :2] + box[None, 2:], labelled])
    size = np.array(shape[1::-1])
    low, high = (np.clip(f(0), -size / 2, size * 1.5) for f in (places.min, places.max))
    margin = 0.1 * (high - low).max() + 8
    return np.concatenate([np.floor(low - margin), np.ceil(high + margin)]).astype(int)


def _crop(image: np.ndarray, x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    crop = np.full((y1 - y0, x1 - x0, 3), _GREY, np.uint8)
    height, width = image.shape[:2]
    left, top, right, bottom = max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
    if left < right and top < bottom:
        crop[top - y0 : bottom - y0, left - x0 : right - x0] = image[top:bottom, left:right]
    return crop
