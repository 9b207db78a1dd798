"""Lines and planes in the space of the weights. Points are flat vectors of shape (P,)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from bsam_suite.errors import InputError

Place = tuple[float, ...]
"""Where a point of a line or plane stands: a number for each direction."""

ROUNDING = 1e-6
"""Distances below this part of the weights' norm are rounding: there is no direction in them."""

CHUNK = 1 << 22
"""Numbers that are converted to float64 at a time."""


@dataclass(frozen=True)
class Plane:
    """The points ``origin + sum_i place[i] * directions[i]``: a line or a plane.

    Args:
        origin: the point at place 0, of shape (P,).
        directions: one or two, of shape (P,).
    """

    origin: Tensor
    directions: Sequence[Tensor]

    def project(self, point: Tensor) -> tuple[Place, float]:
        """The place that is nearest to ``point``, and the distance from there to it.

        Least squares in float64, so the directions need not be orthogonal.
        """
        gram = inner_products([point.to(self.origin) - self.origin, *self.directions])
        place = torch.linalg.solve(gram[1:, 1:], gram[1:, 0])
        left = gram[0, 0] - place @ gram[1:, 0]
        return tuple(place.tolist()), float(left.clamp_min(0).sqrt())

    def to(self, device: torch.device) -> Plane:
        """The plane on a device."""
        return Plane(self.origin.to(device), [d.to(device) for d in self.directions])

    def displacement(self, place: Place) -> Tensor:
        """The way from the origin to ``place``, of shape (P,)."""
        parts = [step * direction for step, direction in zip(place, self.directions)]
        return parts[0] if len(parts) == 1 else parts[0].add_(parts[1])


def line_through(points: Sequence[Tensor], names: Sequence[str]) -> Plane:
    """The line with the first of two points at 0 and the second at 1.

    Source: Goodfellow et al. 2015, Qualitatively Characterizing Neural Network Optimization
    Problems, arXiv 1412.6544.

    Args:
        points: two.
        names: of the points, for messages.

    Raises:
        InputError: the points are the same.
    """
    first, second = points
    along = second - first
    same = f"{names[0]} and {names[1]} have the same weights"
    _check(_norm(along), points, f"{same}: a line needs two different checkpoints")
    return Plane(first, [along])


def plane_through(points: Sequence[Tensor], names: Sequence[str]) -> Plane:
    """The plane through three points, with the first at (0, 0) and the second on the first axis.

    The axes are orthonormal (Gram-Schmidt), so that places are distances.

    Source: Garipov et al. 2018, Loss Surfaces, Mode Connectivity, and Fast Ensembling of DNNs,
    arXiv 1802.10026, appendix A.1.

    Args:
        points: three.
        names: of the points, for messages.

    Raises:
        InputError: two of them are the same, or all lie on a line.
    """
    remedy = "a plane needs three checkpoints that do not lie on a line"
    for i, j in ((0, 1), (0, 2), (1, 2)):
        same = f"{names[i]} and {names[j]} have the same weights"
        _check(_norm(points[j] - points[i]), points, f"{same}: {remedy}")
    first = points[1] - points[0]
    first = first / _norm(first)
    second = points[2] - points[0]
    second = second - first * inner_products([first, second])[0, 1].item()
    length = _norm(second)
    _check(length, points, f"{', '.join(names)} lie on a line: {remedy}")
    return Plane(points[0], [first, second / length])


def plane_of_path(
    origin: Tensor, path: Sequence[Tensor], names: Sequence[str]
) -> tuple[Plane, list[float]]:
    """The plane through a point along the first two principal components of a path.

    Source: Li et al. 2018, arXiv 1712.09913, section 7.

    Args:
        origin: the point, such as the path's last.
        path: three points or more.
        names: of the path's points, for messages.

    Returns:
        The plane, its axes orthonormal, and the share of the path's variance along each axis. The
        path goes down along both axes from its first point to its last.

    Raises:
        InputError: the path has fewer points, or they lie on a line.
    """
    remedy = "its plane needs three or more that do not lie on a line"
    if len(path) < 3:
        raise InputError(f"the path has {len(path)} checkpoints ({', '.join(names)}): {remedy}")
    ways = [point - path[-1] for point in path]
    gram = inner_products(ways)
    centred = gram - gram.mean(0) - gram.mean(1, keepdim=True) + gram.mean()
    variances, components = torch.linalg.eigh(centred)
    directions = []
    for k in (-1, -2):
        length = float(variances[k].clamp_min(0).sqrt())
        on_a_line = f"the path's {len(names)} checkpoints, {names[0]} to {names[-1]}, lie on a line"
        _check(length, [origin, ways[0]], f"{on_a_line}: {remedy}")
        factors = components[:, k] / length
        factors = factors if factors @ gram[:, 0] >= 0 else -factors
        direction = torch.zeros_like(origin)
        for factor, way in zip(factors.tolist(), ways):
            direction.add_(way, alpha=factor)
        directions.append(direction)
    return Plane(origin, directions), [float(variances[k] / variances.sum()) for k in (-1, -2)]


def inner_products(vectors: Sequence[Tensor]) -> Tensor:
    """The inner products of all pairs of N points, (N, N), in float64 on the CPU."""
    total = torch.zeros(len(vectors), len(vectors), dtype=torch.float64)
    size = max(CHUNK // len(vectors), 1)
    for parts in zip(*(vector.split(size) for vector in vectors)):
        rows = torch.stack([part.double() for part in parts])
        total += (rows @ rows.T).cpu()
    return total


def _norm(vector: Tensor) -> float:
    return float(inner_products([vector]).sqrt())


def _check(length: float, points: Sequence[Tensor], message: str) -> None:
    """A ``length`` that is rounding beside the norms of ``points`` has no direction."""
    if not length > ROUNDING * max(map(_norm, points)):
        raise InputError(message)
