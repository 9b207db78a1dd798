"""A dressed person: the solids of a skeleton and their paints."""

from __future__ import annotations

import numpy as np

from . import paint
from .body import Skeleton
from .canvas import Canvas, plain
from .outfit import Outfit
from .parts import HEAD, LOWER_ARM, LOWER_LEG, TORSO, UPPER_ARM, UPPER_LEG
from .rotation import about_x
from .shapes import Capsule

_HEAD = np.array([0.62, 0.97, 0.78])  # half axes of the head as shares of ``head_half``


def head_axes(skeleton: Skeleton) -> np.ndarray:
    """Return the (3,) half axes (across, up, forward) of the head in metres."""
    return _HEAD * skeleton.build.head_half


def draw_figure(canvas: Canvas, skeleton: Skeleton, outfit: Outfit, number: int) -> None:
    """Draw a person with owner ``number`` (1, 2, ...) upon a canvas."""
    _Figure(canvas, skeleton, outfit, number).draw()


class _Figure:
    def __init__(self, canvas, skeleton, outfit, number) -> None:
        self.canvas = canvas
        self.joints, self.frames = skeleton.joints, skeleton.frames
        self.build, self.outfit, self.number = skeleton.build, outfit, number
        self.head = head_axes(skeleton)
        self.part = 0  # that is being drawn
        self.scale = skeleton.build.height / 1.72
        # Thickness follows girth, but less so for slim limbs.
        self.thick = self.scale * (0.3 + 0.7 * skeleton.build.girth)

    def solid(self, a, b, ra, rb, colours, axes=None, stretch=(1, 1, 1), keep=None) -> None:
        solid = Capsule(a, b, ra, rb, axes, stretch)
        self.canvas.draw(solid, colours, self.number, self.part, keep)

    def draw(self) -> None:
        self._trunk()
        for side in ("left_", "right_"):
            self._leg(side)
            self._arm(side)
        self._head()
        self._hair()

    def _trunk(self) -> None:
        self.part = TORSO
        j, r, up = self.joints, self.thick, self.frames["chest"][:, 1]
        chest, pelvis = self.frames["chest"], self.frames["pelvis"]
        hips = paint.belt(self.outfit)
        middle = 0.5 * (j["left_hip"] + j["right_hip"]) + 0.03 * pelvis[:, 1]
        across = 0.3 * (j["left_hip"] - j["right_hip"])
        # Both halves start in the middle, so that patterns on the hips are symmetrical.
        for way in (1, -1):
            self.solid(middle, middle + way * across, 0.11 * r, 0.105 * r, hips, pelvis, (1, 1, 1))
        length = self.build.torso
        waist_front = paint.shirt(self.outfit, 0.75 * length, length)
        low = j["pelvis"] + 0.07 * pelvis[:, 1]
        self.solid(low, j["waist"], 0.103 * r, 0.1 * r, waist_front, pelvis, (1.35, 1, 1.02))
        # Own y of the chest starts at the waist; the collar lies at the end of the spine.
        top = 0.64 * length
        front = paint.shirt(self.outfit, top - 0.02, length)
        high = j["chest"] - 0.125 * self.scale * up
        self.solid(j["waist"], high, 0.1 * r, 0.112 * r, front, chest, (1.38, 1, 1.0))
        collar = j["chest"] - 0.035 * self.scale * up
        cloth = paint.sleeve(self.outfit, 2.0, self.build.shoulder_half)
        for side in ("left_", "right_"):
            self.solid(collar, j[side + "shoulder"], 0.055 * r, 0.052 * r, cloth)
        neck_top = j["head"] - 0.45 * self.head[1] * self.frames["head"][:, 1]
        skin = plain(self.outfit.skin)
        self.solid(j["chest"] - 0.03 * up, neck_top, 0.052 * r, 0.047 * r, skin)
        if self.outfit.bottom == "skirt":
            self._skirt(pelvis, j["pelvis"], 0.5 * (j["left_knee"] + j["right_knee"]))
        if self.outfit.backpack:
            self._backpack(chest, j["waist"], high)

    def _skirt(self, axes, top, knees) -> None:
        self.part = UPPER_LEG
        way = knees - top
        apart = float(np.linalg.norm(self.joints["left_knee"] - self.joints["right_knee"]))
        if -way @ axes[:, 1] < 0.75 * self.build.thigh or apart > 0.5 * self.scale:
            return  # seated or astride: there the cloth lies on the thighs, which have its colour
        reach = self.outfit.leg * 0.8
        end = top + reach * way
        radius = max(0.1 * self.thick, (0.5 * apart * reach + 0.06 * self.thick) / 1.3)
        self.solid(
            top, end, 0.115 * self.thick, radius, plain(self.outfit.lower), axes, (1.3, 1, 1.05)
        )

    def _backpack(self, axes, low, high) -> None:
        self.part = TORSO
        behind = -0.16 * self.thick * axes[:, 2]
        colours = plain(0.8 * self.outfit.second)
        ends = low + behind, high + behind
        self.solid(*ends, 0.1 * self.scale, 0.1 * self.scale, colours, axes, (1.3, 1, 0.8))

    def _leg(self, side: str) -> None:
        j, r = self.joints, self.thick
        hip, knee, ankle = (j[side + n] for n in ("hip", "knee", "ankle"))
        part = self.outfit.leg
        self.part = UPPER_LEG
        # Trousers hang a little wider than the leg.
        wide = 1.1 if self.outfit.bottom == "trousers" else 1.0
        self.solid(hip, knee, 0.082 * r, 0.054 * r * wide, paint.leg(self.outfit, part))
        self.part = LOWER_LEG
        calf = knee + 0.3 * (ankle - knee) - 0.012 * self.frames[side + "shank"][:, 2]
        lower = paint.leg(self.outfit, max(part - 1, -1))
        self.solid(knee, ankle, 0.052 * r * wide, 0.036 * r * wide, lower)
        self.solid(knee, calf, 0.05 * r, 0.055 * r, lower)
        shoe = plain(self.outfit.shoe)
        self.solid(j[side + "heel"], j[side + "toe"], 0.04 * self.scale, 0.034 * self.scale, shoe)
        self.solid(j[side + "heel"], ankle, 0.04 * self.scale, 0.038 * self.scale, shoe)

    def _arm(self, side: str) -> None:
        j, r, part = self.joints, self.thick, self.outfit.sleeve
        shoulder, elbow, wrist = (j[side + n] for n in ("shoulder", "elbow", "wrist"))
        upper = paint.sleeve(self.outfit, part, self.build.upper_arm)
        lower = paint.sleeve(self.outfit, part - 1, self.build.forearm)
        wide = 1.1 if part > 1 else 1.0
        self.part = UPPER_ARM
        self.solid(shoulder, elbow, 0.053 * r, 0.039 * r * wide, upper)
        self.part = LOWER_ARM
        self.solid(elbow, wrist, 0.039 * r * wide, 0.028 * r * wide, lower)
        palm = wrist + 0.55 * (j[side + "hand"] - wrist)
        axes = self.frames[side + "forearm"]
        skin = plain(self.outfit.skin)
        self.solid(
            palm, j[side + "hand"], 0.036 * self.scale, 0.03 * self.scale, skin, axes, (0.75, 1, 1)
        )

    def _head(self) -> None:
        self.part = HEAD
        centre, axes, size = self.joints["head"], self.frames["head"], self.head
        self.solid(centre, centre, 1, 1, paint.face(self.outfit), axes, size)
        skin, nose = plain(0.93 * self.outfit.skin), self.nose()
        bridge = centre + axes @ (size * np.array([0, 0.05, 0.9]))
        self.solid(bridge, nose, 0.011, 0.02 * self.scale, skin)
        for sign in (1, -1):
            ear = centre + axes @ (size * np.array([sign * 1.0, 0.0, -0.05]))
            self.solid(ear, ear, 1, 1, skin, axes, size * np.array([0.16, 0.26, 0.2]))

    def nose(self) -> np.ndarray:
        size = self.head * np.array([0, -0.17, 1.05])
        return self.joints["head"] + self.frames["head"] @ size

    def _hair(self) -> None:
        self.part = HEAD
        style, size = self.outfit.hair_style, self.head
        if style == "bald":
            return
        centre, axes = self.joints["head"], self.frames["head"]
        colours = plain(self.outfit.hair if style != "cap" else self.outfit.second)
        if style == "cap":
            self.solid(
                centre + axes @ (size * np.array([0, 0.06, -0.03])),
                centre + axes @ (size * np.array([0, 0.06, -0.03])),
                1, 1, colours, axes, size * 1.13,
                keep=lambda s: s.facing[1] > 0.28,
            )  # fmt: skip
            brim = axes @ about_x(0.15)
            peak = centre + axes @ (size * np.array([0, 0.42, 1.0]))
            self.solid(peak, peak, 1, 1, colours, brim, size * np.array([0.75, 0.1, 0.6]))
        back = centre + axes @ (size * np.array([0, 0.06, -0.1]))
        # A shell around the skull with an opening for face and ears.
        line = 0.52 if style != "cap" else 2.0
        self.solid(
            back, back, 1, 1, plain(self.outfit.hair), axes, size * np.array([1.08, 1.06, 1.08]),
            keep=lambda s: (s.facing[1] - 0.25 * s.facing[2] > line - 0.2)
            | (s.facing[2] < -0.3) & (s.facing[1] > -0.75),
        )  # fmt: skip
        if style == "long":
            low = self.joints["chest"] + self.frames["chest"] @ np.array([0, -0.06, -0.09])
            start = centre + axes @ (size * np.array([0, 0.0, -0.5]))
            self.solid(
                start, low, 0.075 * self.scale, 0.05 * self.scale, colours, axes, (1.15, 1, 0.7)
            )
        if style == "bun":
            knot = centre + axes @ (size * np.array([0, 0.75, -0.95]))
            self.solid(knot, knot, 0.045, 0.045, colours)
