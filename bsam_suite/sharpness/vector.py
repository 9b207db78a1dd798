"""Vectors over all parameters of an optimizer, and numbers that differ by parameter group."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor


class PerGroup(tuple):
    """One number for each parameter group, e.g. ``rho``; arithmetic is element by element."""

    def _each(self, other: PerGroup | float | Tensor, function: Callable) -> PerGroup:
        if isinstance(other, PerGroup):
            return PerGroup(map(function, self, other))
        if isinstance(other, (int, float, Tensor)):
            return PerGroup(function(mine, other) for mine in self)
        return NotImplemented

    def __add__(self, other: PerGroup | float) -> PerGroup:
        return self._each(other, lambda a, b: a + b)

    def __sub__(self, other: PerGroup | float) -> PerGroup:
        return self._each(other, lambda a, b: a - b)

    def __rsub__(self, other: float) -> PerGroup:
        return self._each(other, lambda a, b: b - a)

    def __mul__(self, other: PerGroup | float) -> PerGroup:
        return self._each(other, lambda a, b: a * b)

    def __truediv__(self, other: PerGroup | float) -> PerGroup:
        return self._each(other, lambda a, b: a / b)

    def __neg__(self) -> PerGroup:
        return self * -1

    __radd__, __rmul__ = __add__, __mul__


class Vector:
    """One tensor for each parameter, listed by parameter group.

    The operators ``+``, ``-`` and ``*`` work element by element and make new tensors; methods that
    end in ``_`` change the vector in place, which saves memory.

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

    def dot(self, other: Vector) -> Tensor:
        """Inner product over all parameters."""
        products = [t.sum(dtype=sum_dtype(t)) for t in (self * other).tensors()]
        return sum(products, torch.zeros(()))

    def map(self, function: Callable[[Tensor], Tensor]) -> Vector:
        """A new vector: ``function`` of each tensor."""
        return Vector([t if t is None else function(t) for t in group] for group in self.groups)

    def filled(self, other: Vector) -> Vector:
        """This vector, with the other's tensors where it has ``None``."""
        return self._each(other, lambda a, b: b if a is None else a)

    def __add__(self, other: Vector | PerGroup | float) -> Vector:
        return self._each(other, lambda a, b: b if a is None else a if b is None else a + b)

    def __sub__(self, other: Vector | PerGroup | float) -> Vector:
        return self + other * -1

    def __mul__(self, other: Vector | PerGroup | Tensor | float) -> Vector:
        return self._each(other, lambda a, b: None if a is None or b is None else a * b)

    __radd__, __rmul__ = __add__, __mul__

    def _each(self, other: Vector | PerGroup | Tensor | float, function: Callable) -> Vector:
        """A new vector: ``function`` of this one's tensors and the other's, or its numbers."""
        if not isinstance(other, Vector):
            numbers = other if isinstance(other, PerGroup) else [other] * len(self.groups)
            pairs = zip(self.groups, numbers)
            other = Vector([None if t is None else number for t in ts] for ts, number in pairs)
        pairs = zip(self.groups, other.groups)
        return Vector([function(a, b) for a, b in zip(mine, theirs)] for mine, theirs in pairs)

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
