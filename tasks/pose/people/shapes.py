"""Exact ray casting of the two solids that make up a scene: tapered capsules and boxes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Surface(NamedTuple):
    """Where rays meet a solid, in the solid's own axes.

    Attributes:
        normal: (3, N) unit outward normals in world axes.
        facing: (3, N) unit directions from the solid's spine to the surface, own axes.
        point: (3, N) metres from the first end (capsule) or from the centre (box), own axes.
        along: (N,) place on the spine: 0 at the first end, 1 at the second.
    """

    normal: np.ndarray
    facing: np.ndarray
    point: np.ndarray
    along: np.ndarray


def _dot(v: np.ndarray, d: np.ndarray) -> np.ndarray:
    # Written out, because a BLAS product may differ between machines with other thread counts.
    return v[0] * d[0] + v[1] * d[1] + v[2] * d[2]


class Capsule:
    """A tapered capsule: the hull of two balls; one ball if both ends are the same.

    Args:
        a, b: (3,) world centres of the balls in metres.
        radius_a, radius_b: Radii of the balls in metres.
        axes: (3, 3) columns are the solid's own axes in world axes; the world's if None.
        stretch: (3,) factors by which the solid is stretched along its own axes, about ``a``,
            after it was made with round cross-sections. The positions of ``a`` and ``b`` are
            those after stretching.
    """

    def __init__(self, a, b, radius_a, radius_b, axes=None, stretch=(1.0, 1.0, 1.0)) -> None:
        self.a = np.asarray(a, float)
        self.b = np.asarray(b, float)
        self.radius_a = float(radius_a)
        self.radius_b = float(radius_b)
        self.stretch = np.asarray(stretch, float)
        self.round = axes is None and bool((self.stretch == 1).all())
        axes = np.eye(3) if axes is None else axes
        # World axes to the solid's axes, in which cross-sections are round.
        self.inward = (axes / self.stretch).T

    def balls(self) -> tuple[np.ndarray, np.ndarray]:
        """Return (2, 3) centres and (2,) radii of balls that hold the solid."""
        grow = self.stretch.max()
        return np.stack([self.a, self.b]), np.array([self.radius_a, self.radius_b]) * grow

    def cast(self, eye: np.ndarray, d: np.ndarray) -> np.ndarray:
        """Return the distance to the first hit of each ray, infinite where it misses.

        Args:
            eye: (3,) common origin of the rays in metres.
            d: (3, ...) unit directions.
        """
        q, scale = d, 1.0
        if not self.round:
            q = self._turned(d)
            scale = 1 / np.sqrt(_dot(q, q))
            q *= scale
        a = self.inward @ (self.a - eye)
        b = self.inward @ (self.b - eye)
        ra, rb = self.radius_a, self.radius_b
        along_a, along_b = _dot(a.astype(np.float32), q), _dot(b.astype(np.float32), q)
        hit = np.minimum(
            _ball(along_a, float(a @ a), ra),
            _ball(along_b, float(b @ b), rb),
        )
        axis = b - a
        d2 = float(axis @ axis) - (ra - rb) ** 2
        if d2 > 1e-9:  # else one ball holds the other and there is no side
            m1 = -float(axis @ a)
            m2 = along_b - along_a
            k2 = d2 - m2 * m2
            k1 = -d2 * along_a - m1 * m2 + m2 * ((ra - rb) * ra)
            k0 = d2 * float(a @ a) - m1 * m1 + m1 * (ra - rb) * ra * 2
            k0 -= float(axis @ axis) * ra * ra
            h = k1 * k1 - k0 * k2
            good = (h > 0) & (np.abs(k2) > 1e-9)
            t = (-np.sqrt(np.where(good, h, 0)) - k1) / np.where(good, k2, 1)
            y = m1 - ra * (ra - rb) + t * m2
            side = good & (y > 0) & (y < d2) & (t > 0)
            hit = np.minimum(hit, np.where(side, t, np.inf))
        return hit * scale

    def surface(self, eye: np.ndarray, d: np.ndarray, t: np.ndarray) -> Surface:
        """Describe the surface at the hits ``t`` (N,) of the rays ``d`` (3, N) from ``eye``."""
        offset = (eye - self.a).astype(np.float32)
        point = self._turned(d * t + offset[:, None])
        axis = self.inward @ (self.b - self.a)
        d2 = float(axis @ axis) - (self.radius_a - self.radius_b) ** 2
        if d2 > 1e-9:
            slope = self.radius_a * (self.radius_a - self.radius_b)
            along = np.clip((_dot(axis.astype(np.float32), point) - slope) / d2, 0, 1)
        else:
            along = np.full(t.shape, float(self.radius_b > self.radius_a))
        facing = point - axis.astype(np.float32)[:, None] * along
        facing = facing / np.sqrt(np.maximum(_dot(facing, facing), 1e-12))
        normal = facing
        if not self.round:
            m = self.inward.T.astype(np.float32)
            normal = np.stack([_dot(row, facing) for row in m])
            normal /= np.sqrt(np.maximum(_dot(normal, normal), 1e-12))
            point = point * self.stretch.astype(np.float32)[:, None]
        return Surface(normal, facing, point, along)

    def _turned(self, vectors: np.ndarray) -> np.ndarray:
        """Return (3, ...) world vectors in the axes in which cross-sections are round."""
        if self.round:
            return vectors
        return np.stack([_dot(row, vectors) for row in self.inward.astype(np.float32)])


def _ball(along: np.ndarray, square: float, radius: float) -> np.ndarray:
    h = along * along - (square - radius * radius)
    t = along - np.sqrt(np.maximum(h, 0))
    return np.where((h > 0) & (t > 0), t, np.inf)


class Box:
    """A box.

    Args:
        centre: (3,) in metres, world axes.
        size: (3,) full edge lengths in metres along its own axes.
        axes: (3, 3) columns are its own axes in world axes; the world's if None.
    """

    def __init__(self, centre, size, axes=None) -> None:
        self.centre = np.asarray(centre, float)
        self.half = np.asarray(size, float) / 2
        self.axes = np.eye(3) if axes is None else np.asarray(axes, float)

    def balls(self) -> tuple[np.ndarray, np.ndarray]:
        """Return its (8, 3) corners and zero radii."""
        signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
        return self.centre + (signs * self.half) @ self.axes.T, np.zeros(8)

    def cast(self, eye: np.ndarray, d: np.ndarray) -> np.ndarray:
        """Return the distance to the first hit of each ray (see ``Capsule.cast``)."""
        enter, leave = self._slabs(eye, d)
        enter, leave = enter.max(0), leave.min(0)
        return np.where((enter < leave) & (enter > 0), enter, np.inf)

    def surface(self, eye: np.ndarray, d: np.ndarray, t: np.ndarray) -> Surface:
        """Describe the surface at the hits (see ``Capsule.surface``)."""
        enter, _ = self._slabs(eye, d)
        face = enter.argmax(0)
        inward = np.stack([_dot(self.axes[:, i], d) for i in range(3)])
        facing = np.zeros_like(inward)
        columns = np.arange(inward.shape[1])
        facing[face, columns] = -np.sign(inward[face, columns])
        normal = np.stack([_dot(self.axes[i], facing) for i in range(3)])
        world = d * t + (eye - self.centre)[:, None]
        point = np.stack([_dot(self.axes[:, i], world) for i in range(3)])
        return Surface(normal, facing, point, np.clip(point[1] / (2 * self.half[1]) + 0.5, 0, 1))

    def _slabs(self, eye, d):
        start = self.axes.T @ (eye - self.centre)
        enter, leave = [], []
        for i in range(3):
            step = _dot(self.axes[:, i].astype(np.float32), d)
            step = np.where(np.abs(step) < 1e-7, np.float32(1e-7), step)
            one, two = (-self.half[i] - start[i]) / step, (self.half[i] - start[i]) / step
            enter.append(np.minimum(one, two))
            leave.append(np.maximum(one, two))
        return np.stack(enter), np.stack(leave)
