"""Vectors over all parameters of an optimizer, and numbers that differ by parameter group."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor


class PerGroup(tuple):
    """One number for each parameter group, e.g. ``rho``; arithmetic is element by element."""

    def __mul__(self, other: PerGroup) -> PerGroup:
        return PerGroup(a * b for a, b in zip(self, other))

    def __truediv__(self, other: PerGroup) -> PerGroup:
        return PerGroup(a / b for a, b in zip(self, other))

    def __neg__(self) -> PerGroup:
        return PerGroup(-a for a in self)


class Vector:
    """One tensor for each parameter, listed by parameter group.

    ``None`` stands for zero: a parameter that received no gradient keeps none, so that the base
    optimizer passes it by, as it does in plain training.

    Args:
        groups: for each parameter group its tensors, in the order of the group's ``params``.
    """

    def __init__(self, groups: Iterable[list[Tensor | None]]) -> None:
        self.groups = [list(group) for group in groups]

    def tensors(self, where: PerGroup | None = None) -> list[Tensor]:
        """The tensors that are not ``None``; with ``where``, of groups whose number is not 0."""
        chosen = where if where is not None else [1.0] * len(self.groups)
        return [t for ts, c in zip(self.groups, chosen) if c != 0 for t in ts if t is not None]

    def norm(self, where: PerGroup | None = None) -> Tensor:
        """Euclidean norm over all tensors (over those of groups whose ``where`` is not 0)."""
        squares = [t.square().sum(dtype=sum_dtype(t)) for t in self.tensors(where)]
        return sum(squares, torch.zeros(())).sqrt()

    def add_(self, other: Vector) -> Vector:
        """Add ``other`` in place and return self."""
        for mine, theirs in zip(self.groups, other.groups):
            both = [(m, t) for m, t in zip(mine, theirs) if m is not None and t is not None]
            if both:
                torch._foreach_add_(*map(list, zip(*both)))
            mine[:] = [t if m is None else m for m, t in zip(mine, theirs)]
        return self

    def mul_(self, factor: float | Tensor) -> Vector:
        """Multiply by a number in place and return self."""
        if self.tensors():
            torch._foreach_mul_(self.tensors(), factor)
        return self


def sum_dtype(t: Tensor) -> torch.dtype:
    """The type to sum ``t`` in: at least float32."""
    return torch.promote_types(t.dtype, torch.float32)


def ratio(numerator: Tensor, denominator: Tensor) -> Tensor:
    """``numerator / denominator``, and 0 where the denominator is 0."""
    return torch.where(denominator == 0, torch.zeros_like(numerator), numerator / denominator)
