"""For rules that visit a point in some steps and reuse what they found there in the others."""

from __future__ import annotations

from torch import Tensor

from bsam_suite.sharpness.vector import Vector, ratio


def split_off(x: Vector, g: Vector) -> tuple[Tensor, Vector]:
    """``x = t g + v`` with v at right angles to g: t and v, which takes the memory of x."""
    t = ratio(x.dot(g), g.norm() ** 2)
    return t, x.add_(g, alpha=-t)
