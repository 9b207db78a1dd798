"""The COCO person: names, skeleton and flip pairs of its 17 keypoints."""

from __future__ import annotations

KEYPOINTS = (
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
)
"""Names in the order of the annotation files. Left and right are the person's own."""

INDEX = {name: i for i, name in enumerate(KEYPOINTS)}

SKELETON = (
    (15, 13),
    (13, 11),
    (16, 14),
    (14, 12),
    (11, 12),
    (5, 11),
    (6, 12),
    (5, 6),
    (5, 7),
    (6, 8),
    (7, 9),
    (8, 10),
    (1, 2),
    (0, 1),
    (0, 2),
    (1, 3),
    (2, 4),
    (3, 5),
    (4, 6),
)
"""Edges as pairs of indices into ``KEYPOINTS`` (0-based; COCO files have them 1-based)."""

FLIP_PAIRS = tuple(
    (i, INDEX[name.replace("left_", "right_")])
    for i, name in enumerate(KEYPOINTS)
    if name.startswith("left_")
)
"""Pairs of indices (left, right) that are swapped in a mirrored image."""

LOWER = tuple(i for i, name in enumerate(KEYPOINTS) if name.endswith(("hip", "knee", "ankle")))
"""Indices of the keypoints of the lower body, which half-body augmentation cuts off."""

FACE = tuple(INDEX[n] for n in ("nose", "left_eye", "right_eye", "left_ear", "right_ear"))
"""Indices of the five keypoints of the head."""


SIGMAS = (
    *(0.026, 0.025, 0.025, 0.035, 0.035),
    *(0.079, 0.079, 0.072, 0.072, 0.062, 0.062),
    *(0.107, 0.107, 0.087, 0.087, 0.089, 0.089),
)
"""Standard deviation of human labels, relative to the root of the person's area, from COCO's
keypoint evaluation."""

MEDIUM, LARGE = 32**2, 96**2
"""Least area of a medium and of a large person, in pixels."""
