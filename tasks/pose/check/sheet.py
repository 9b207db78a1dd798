"""An image of the persons with findings."""

from __future__ import annotations

from itertools import chain, zip_longest
from pathlib import Path

import numpy as np

from bsam_suite.pictures.contact_sheet import contact_sheet
from tasks.pose.check.findings import Example, Finding
from tasks.pose.crops import crop_person, read_image
from tasks.pose.skeleton import unnamed_skeleton

TILES, SIDE = 40, 240


def suspects_sheet(root: Path, findings: list[Finding]) -> np.ndarray | None:
    """Draw some persons with findings of each kind.

    Returns:
        (H, W, 3) uint8 BGR sheet of at most ``TILES`` crops with box and keypoints; areas outside
        the image are grey. None if there is nothing to draw.
    """
    rounds = zip_longest(*([(f.kind, example) for example in f.examples] for f in findings))
    tiles, captions = [], []
    for kind, example in filter(None, chain.from_iterable(rounds)):
        tile = _tile(root, example) if example.entry else None
        if tile is not None:
            tiles.append(tile)
            captions.append(f"{kind} {example.annotation}")
        if len(tiles) == TILES:
            break
    return contact_sheet(tiles, 6, captions, (SIDE, SIDE)) if tiles else None


def _tile(root: Path, example: Example) -> np.ndarray | None:
    try:
        box = np.array(example.entry["bbox"], float).reshape(4)
        points = np.array(example.entry["keypoints"], float).reshape(-1, 3)
    except (KeyError, TypeError, ValueError):
        return None
    there = example.file and (root / example.file).is_file()
    image = read_image(root / example.file) if there else None
    if image is None or not np.isfinite(box).all():
        return None
    skeleton = example.skeleton
    skeleton = skeleton if len(skeleton.names) == len(points) else unnamed_skeleton(len(points))
    crop = crop_person(image, box, points[points[:, 2] > 0, :2], SIDE)
    return crop.draw(points, skeleton, box)
