"""A human skeleton in metres: bone lengths, joint limits and forward kinematics.

Body axes: x to the person's left, y up, z forward. All angles are in radians and zero in a
straight stand with hanging arms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .rotation import about_x, about_y, about_z

_DEGREES = {
    "pelvis_bend": (-15, 60),  # positive leans forward
    "pelvis_side": (-10, 10),
    "spine_bend": (-20, 60),
    "spine_side": (-25, 25),
    "spine_twist": (-35, 35),
    "neck_bend": (-30, 40),
    "neck_side": (-20, 20),
    "neck_turn": (-60, 60),
    "hip_flex": (-25, 115),  # positive brings the knee forward
    "hip_open": (-8, 50),  # positive moves the knee away from the other leg
    "hip_roll": (-25, 35),  # positive turns the toes outwards
    "knee": (0, 140),
    "ankle": (-20, 40),  # positive points the toes down
    "shoulder_flex": (-45, 170),  # positive raises the arm in front
    "shoulder_open": (-10, 150),  # positive raises the arm sideways
    "shoulder_roll": (-60, 75),  # positive turns the forearm inwards
    "elbow": (0, 145),
}

LIMITS = {}
"""Allowed (lowest, highest) angle of every joint in radians; limbs have ``left_``, ``right_``."""
for _name, _range in _DEGREES.items():
    _sides = ("",) if _name.split("_")[0] in ("pelvis", "spine", "neck") else ("left_", "right_")
    for _side in _sides:
        LIMITS[_side + _name] = (float(np.radians(_range[0])), float(np.radians(_range[1])))


@dataclass(frozen=True)
class Build:
    """Lengths of a person in metres.

    ``girth`` scales all thicknesses and widths against those of an average person.
    """

    height: float = 1.72
    hip_half: float = 0.092
    thigh: float = 0.42
    shank: float = 0.42
    ankle: float = 0.075
    foot: float = 0.19
    torso: float = 0.49
    shoulder_half: float = 0.185
    upper_arm: float = 0.295
    forearm: float = 0.265
    hand: float = 0.085
    neck: float = 0.115
    head_half: float = 0.125
    girth: float = 1.0


def random_build(rng: np.random.Generator) -> Build:
    """Draw an adult or, less often, a child."""
    child = rng.random() < 0.15
    height = float(rng.uniform(1.15, 1.5) if child else np.clip(rng.normal(1.71, 0.09), 1.5, 1.95))
    girth = float(np.clip(rng.normal(1.15, 0.13), 0.85, 1.5))
    base, scale = Build(), height / Build.height

    def bone(length: float, spread: float = 0.04) -> float:
        return float(length * scale * np.clip(rng.normal(1, spread), 0.88, 1.12))

    width = 0.6 + 0.4 * girth
    return Build(
        height=height,
        hip_half=bone(base.hip_half) * width,
        thigh=bone(base.thigh),
        shank=bone(base.shank),
        ankle=bone(base.ankle, 0),
        foot=bone(base.foot),
        torso=bone(base.torso),
        shoulder_half=bone(base.shoulder_half, 0.05) * width,
        upper_arm=bone(base.upper_arm),
        forearm=bone(base.forearm),
        hand=bone(base.hand),
        neck=bone(base.neck),
        # A child's head is closer to an adult's in size than the rest of the body.
        head_half=float(
            base.head_half * scale ** (0.45 if child else 0.8) * rng.uniform(0.97, 1.1)
        ),
        girth=girth,
    )


@dataclass(frozen=True, eq=False)
class Skeleton:
    """A posed body.

    Attributes:
        build: The lengths it was made from.
        joints: Name to (3,) world position in metres: ``pelvis``, ``chest`` (upper end of the
            spine), ``head`` (centre), and with ``left_``/``right_``: ``hip``, ``knee``,
            ``ankle``, ``heel``, ``toe``, ``shoulder``, ``elbow``, ``wrist``, ``hand``.
        frames: Name to (3, 3) matrix from the part's axes to world axes: ``pelvis``, ``chest``,
            ``head``, and with ``left_``/``right_``: ``thigh``, ``shank``, ``foot``,
            ``upper_arm``, ``forearm``.
    """

    build: Build
    joints: dict[str, np.ndarray]
    frames: dict[str, np.ndarray]

    def moved(self, offset: np.ndarray) -> Skeleton:
        """Return the same pose, shifted by ``offset`` (3,) metres."""
        joints = {name: point + offset for name, point in self.joints.items()}
        return Skeleton(self.build, joints, self.frames)


def clip_angles(angles: dict[str, float]) -> dict[str, float]:
    """Return ``angles`` moved into ``LIMITS``; joints not named are zero.

    Raises:
        ValueError: If an angle's name is unknown.
    """
    unknown = sorted(set(angles) - set(LIMITS))
    if unknown:
        raise ValueError(f"Unknown joint angles {unknown}; use names from body.LIMITS.")
    return {
        name: float(min(max(angles.get(name, 0.0), low), high))
        for name, (low, high) in LIMITS.items()
    }


def pose(build: Build, angles: dict[str, float], heading: float = 0.0) -> Skeleton:
    """Compute all joints of a body with its pelvis at the origin.

    Args:
        build: Lengths of the body.
        angles: Joint angles in radians by the names of ``LIMITS``; a joint left out is zero.
        heading: Turn about the vertical in radians; at zero the person faces +z.

    Raises:
        ValueError: If an angle's name is unknown or its value is outside of its limits.
    """
    clipped = clip_angles(angles)
    for name, value in angles.items():
        if abs(clipped[name] - value) > 1e-9:
            low, high = LIMITS[name]
            raise ValueError(
                f"{name} = {value:.3f} rad is outside of [{low:.3f}, {high:.3f}]; "
                "clip the pose with body.clip_angles."
            )
    a = clipped
    pelvis = about_y(heading) @ about_x(a["pelvis_bend"]) @ about_z(a["pelvis_side"])
    chest = pelvis @ about_y(a["spine_twist"]) @ about_x(a["spine_bend"]) @ about_z(a["spine_side"])
    head = chest @ about_y(a["neck_turn"]) @ about_x(a["neck_bend"]) @ about_z(a["neck_side"])
    joints = {"pelvis": np.zeros(3)}
    frames = {"pelvis": pelvis, "chest": chest, "head": head}
    # The spine bends over its whole length: its lower half stays with the pelvis.
    waist = pelvis @ np.array([0, 0.36 * build.torso, 0])
    joints["waist"] = waist
    joints["chest"] = waist + chest @ np.array([0, 0.64 * build.torso, 0])
    neck = 0.5 * (chest + head)
    joints["head"] = (
        joints["chest"]
        + neck @ np.array([0, 0.75 * build.neck, 0.01])
        + head @ np.array([0, 0.9 * build.head_half, 0.022])
    )
    for side, sign in (("left_", 1.0), ("right_", -1.0)):
        _leg(build, a, side, sign, joints, frames)
        _arm(build, a, side, sign, joints, frames)
    return Skeleton(build, joints, frames)


def _leg(build, a, side, sign, joints, frames) -> None:
    thigh = (
        frames["pelvis"]
        @ about_x(-a[side + "hip_flex"])
        @ about_z(sign * a[side + "hip_open"])
        @ about_y(sign * a[side + "hip_roll"])
    )
    shank = thigh @ about_x(a[side + "knee"])
    foot = shank @ about_x(a[side + "ankle"])
    hip = joints["pelvis"] + frames["pelvis"] @ np.array([sign * build.hip_half, -0.03, 0])
    knee = hip - build.thigh * thigh[:, 1]
    ankle = knee - build.shank * shank[:, 1]
    low = -0.55 * build.ankle
    joints[side + "hip"], joints[side + "knee"], joints[side + "ankle"] = hip, knee, ankle
    joints[side + "heel"] = ankle + foot @ np.array([0, low, -0.12 * build.foot])
    joints[side + "toe"] = ankle + foot @ np.array([sign * 0.01, low - 0.01, 0.78 * build.foot])
    frames[side + "thigh"], frames[side + "shank"], frames[side + "foot"] = thigh, shank, foot


def _arm(build, a, side, sign, joints, frames) -> None:
    upper = (
        frames["chest"]
        @ about_x(-a[side + "shoulder_flex"])
        @ about_z(sign * a[side + "shoulder_open"])
        @ about_y(-sign * a[side + "shoulder_roll"])
    )
    lower = upper @ about_x(-a[side + "elbow"])
    # Raising an arm lifts the shoulder joint a little.
    raised = max(a[side + "shoulder_flex"], a[side + "shoulder_open"], 0.0) / np.pi
    offset = np.array([sign * build.shoulder_half, -0.045 + 0.05 * raised, 0])
    shoulder = joints["chest"] + frames["chest"] @ offset
    elbow = shoulder - build.upper_arm * upper[:, 1]
    wrist = elbow - build.forearm * lower[:, 1]
    joints[side + "shoulder"], joints[side + "elbow"] = shoulder, elbow
    joints[side + "wrist"], joints[side + "hand"] = wrist, wrist - build.hand * lower[:, 1]
    frames[side + "upper_arm"], frames[side + "forearm"] = upper, lower
