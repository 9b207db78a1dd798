"""Random poses: actions of the legs and, independently, of the arms and the trunk."""

from __future__ import annotations

import numpy as np

from .body import Build, Skeleton, clip_angles, pose

# Degrees (mean, spread). A leg's action has one entry for each leg; which of the two is the
# left one is drawn, so that no side is preferred.
_LEGS = {
    "stand": (
        {"hip_flex": (2, 5), "hip_open": (5, 4), "knee": (5, 4), "hip_roll": (8, 6)},
        {"hip_flex": (3, 7), "hip_open": (6, 5), "knee": (8, 8), "hip_roll": (10, 8)},
    ),
    "walk": (
        {"hip_flex": (26, 7), "hip_open": (3, 3), "knee": (12, 8), "ankle": (-5, 6)},
        {"hip_flex": (-14, 5), "hip_open": (3, 3), "knee": (25, 12), "ankle": (18, 8)},
    ),
    "run": (
        {"hip_flex": (58, 12), "hip_open": (3, 4), "knee": (75, 18)},
        {"hip_flex": (-14, 6), "hip_open": (3, 4), "knee": (55, 25), "ankle": (25, 8)},
    ),
    "sit": (
        {"hip_flex": (85, 8), "hip_open": (8, 8), "knee": (82, 14), "hip_roll": (0, 6)},
        {"hip_flex": (85, 8), "hip_open": (8, 8), "knee": (82, 14), "hip_roll": (0, 6)},
    ),
    "squat": (
        {"hip_flex": (88, 14), "hip_open": (16, 9), "knee": (105, 14), "ankle": (-16, 4)},
        {"hip_flex": (88, 14), "hip_open": (16, 9), "knee": (105, 14), "ankle": (-16, 4)},
    ),
    "lunge": (
        {"hip_flex": (62, 14), "hip_open": (6, 6), "knee": (65, 16)},
        {"hip_flex": (-18, 6), "hip_open": (6, 6), "knee": (35, 18), "ankle": (20, 10)},
    ),
    "astride": (
        {"hip_flex": (5, 7), "hip_open": (24, 8), "knee": (8, 8), "hip_roll": (12, 8)},
        {"hip_flex": (5, 7), "hip_open": (24, 8), "knee": (8, 8), "hip_roll": (12, 8)},
    ),
    "jump": (
        {"hip_flex": (20, 22), "hip_open": (14, 10), "knee": (35, 25), "ankle": (25, 8)},
        {"hip_flex": (20, 22), "hip_open": (14, 10), "knee": (35, 25), "ankle": (25, 8)},
    ),
}
_LEG_ODDS = {
    "stand": 0.36,
    "walk": 0.24,
    "run": 0.08,
    "sit": 0.1,
    "squat": 0.04,
    "lunge": 0.05,
    "astride": 0.08,
    "jump": 0.05,
}
_ARMS = {
    "hang": {"shoulder_flex": (3, 10), "shoulder_open": (10, 5), "elbow": (12, 9)},
    "swing": {"shoulder_flex": (-5, 28), "shoulder_open": (9, 5), "elbow": (35, 22)},
    "hold": {
        "shoulder_flex": (22, 14),
        "shoulder_open": (12, 7),
        "shoulder_roll": (25, 18),
        "elbow": (85, 20),
    },
    "on_hip": {
        "shoulder_flex": (-18, 8),
        "shoulder_open": (42, 8),
        "shoulder_roll": (55, 10),
        "elbow": (88, 10),
    },
    "reach": {"shoulder_flex": (75, 20), "shoulder_open": (8, 10), "elbow": (25, 20)},
    "side": {"shoulder_flex": (0, 10), "shoulder_open": (85, 18), "elbow": (20, 20)},
    "up": {"shoulder_flex": (145, 18), "shoulder_open": (15, 12), "elbow": (25, 20)},
    "wave": {
        "shoulder_flex": (15, 15),
        "shoulder_open": (80, 18),
        "shoulder_roll": (-55, 15),
        "elbow": (85, 25),
    },
}
_ARM_ODDS = {
    "hang": 0.32,
    "swing": 0.18,
    "hold": 0.14,
    "on_hip": 0.1,
    "reach": 0.06,
    "side": 0.08,
    "up": 0.06,
    "wave": 0.06,
}
_TRUNK = {
    "pelvis_bend": (2, 4),
    "pelvis_side": (0, 3),
    "spine_bend": (4, 6),
    "spine_side": (0, 5),
    "spine_twist": (0, 9),
    "neck_bend": (4, 9),
    "neck_side": (0, 6),
    "neck_turn": (0, 20),
}


def _draw(rng: np.random.Generator, action: dict, side: str = "") -> dict[str, float]:
    return {side + n: float(np.radians(rng.normal(*spec))) for n, spec in action.items()}


def _choose(rng: np.random.Generator, odds: dict[str, float]) -> str:
    p = np.array(list(odds.values()))
    return str(rng.choice(list(odds), p=p / p.sum()))


def random_angles(rng: np.random.Generator) -> tuple[dict, str]:
    """Draw joint angles within the limits.

    Returns:
        The angles in radians by name and the action of the legs.
    """
    legs = _choose(rng, _LEG_ODDS)
    angles = _draw(rng, _TRUNK)
    sides = ("left_", "right_") if rng.random() < 0.5 else ("right_", "left_")
    for side, action in zip(sides, _LEGS[legs], strict=True):
        angles |= _draw(rng, action, side)
    arms = _choose(rng, _ARM_ODDS)
    other = arms if rng.random() < 0.5 else _choose(rng, _ARM_ODDS)
    for side, action in zip(sides, (arms, other), strict=True):
        angles |= _draw(rng, _ARMS[action], side)
    if legs in ("stand", "astride", "lunge") and rng.random() < 0.15:  # bends down
        angles["pelvis_bend"] += np.radians(rng.uniform(10, 40))
        angles["spine_bend"] += np.radians(rng.uniform(10, 35))
        for side in sides:
            # The legs stay under the body while the pelvis tips over.
            angles[side + "hip_flex"] += angles["pelvis_bend"]
    if legs in ("squat", "run"):
        angles["spine_bend"] += np.radians(rng.uniform(5, 25))
    return clip_angles(angles), legs


def random_skeleton(rng: np.random.Generator, build: Build, heading: float) -> tuple[Skeleton, str]:
    """Draw a pose and stand it on the floor (y = 0), or above it if the person jumps.

    Returns:
        The skeleton, its pelvis over the origin, and the action of its legs.
    """
    angles, legs = random_angles(rng)
    skeleton = pose(build, angles, heading)
    lift = -lowest(skeleton)
    if legs == "jump":
        lift += rng.uniform(0.08, 0.4)
    return skeleton.moved(np.array([0, lift, 0])), legs


def lowest(skeleton: Skeleton) -> float:
    """Return the height in metres of the lowest point of the feet or the seat."""
    sole = 0.45 * skeleton.build.ankle
    feet = [skeleton.joints[s + p][1] for s in ("left_", "right_") for p in ("heel", "toe")]
    return float(min(min(feet) - sole, skeleton.joints["pelvis"][1] - 0.12))
