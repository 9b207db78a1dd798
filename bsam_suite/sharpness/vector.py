"""Vectors over all parameters of an optimizer, and numbers that differ by parameter group."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import reduce

import torch
from torch import Tensor

from bsam_suite.sharpness.shards import sums_over_shards


class PerGroup(tuple):
    """One number for each parameter group, e.g. ``rho``; arithmetic is element by element."""

    def _each(self, other: PerGroup | float, function: Callable) -> PerGroup:
        if isinstance(other, PerGroup):
            return PerGroup(map(function, self, other))
        if isinstance(other, (int, float)):
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

    The operators ``+``, ``-``, ``*`` and ``abs`` work element by element and make new tensors;
    methods that end in ``_`` change the vector in place, which saves memory.

    ``None`` stands for zero: a parameter that received no gradient keeps none, so that the base
    optimizer passes it by, as it does in plain training.

    Args:
        groups: for each parameter group its tensors, in the order of the group's ``params``.
    """

    def __init__(self, groups: Iterable[list[Tensor | None]]) -> None:
        self.groups = [list(group) for group in groups]
        self._squares: list[list[float]] | None = None

    def tensors(self) -> list[Tensor]:
        """The tensors that are not ``None``."""
        return [t for group in self.groups for t in group if t is not None]

    def norm(self, where: PerGroup | None = None) -> float:
        """Euclidean norm over all tensors (over those of groups whose ``where`` is not 0).

        Reads the tensors once, until the vector is changed in place.
        """
        if self._squares is None:
            found = iter(_squares(self.tensors()))
            self._squares = [[next(found) for t in ts if t is not None] for ts in self.groups]
        chosen = where if where is not None else [1.0] * len(self.groups)
        return math.sqrt(sum(s for group, c in zip(self._squares, chosen) if c != 0 for s in group))

    def dot(self, other: Vector) -> float:
        """Inner product over all parameters."""
        products = (self * other).tensors()
        dtype = _sum_dtype(products)
        return math.fsum(
            sums_over_shards(products, lambda ts: _stack([t.sum(dtype=dtype) for t in ts]))
        )

    def map(self, function: Callable[[Tensor], Tensor]) -> Vector:
        """A new vector: ``function`` of each tensor."""
        return Vector([t if t is None else function(t) for t in group] for group in self.groups)

    def filled(self, other: Vector) -> Vector:
        """This vector, with the other's tensors where it has ``None``."""
        pairs = zip(self.groups, other.groups)
        return Vector([b if a is None else a for a, b in zip(*pair)] for pair in pairs)

    def __add__(self, other: Vector | PerGroup | float) -> Vector:
        if isinstance(other, Vector):
            return self._sum(other, 1)
        return self._each(other, torch._foreach_add)

    def __sub__(self, other: Vector | PerGroup | float) -> Vector:
        return self._sum(other, -1) if isinstance(other, Vector) else self + other * -1

    def __mul__(self, other: Vector | PerGroup | float) -> Vector:
        if not isinstance(other, Vector):
            return self._each(other, torch._foreach_mul)
        result = Vector([None] * len(group) for group in self.groups)
        for mine, theirs, new in zip(self.groups, other.groups, result.groups):
            both = _both(mine, theirs)
            _put(new, both, torch._foreach_mul, mine, theirs)
        return result

    __radd__, __rmul__ = __add__, __mul__

    def __abs__(self) -> Vector:
        return self._each(0, lambda tensors, _: torch._foreach_abs(tensors))

    def _sum(self, other: Vector, alpha: int) -> Vector:
        result = self.filled(other if alpha == 1 else other * alpha)
        for mine, theirs, new in zip(self.groups, other.groups, result.groups):
            both = _both(mine, theirs)
            _put(new, both, torch._foreach_add, mine, theirs, alpha=alpha)
        return result

    def _each(self, number: PerGroup | float, function: Callable) -> Vector:
        """A new vector: ``function`` of each group's tensors and its number."""
        result = Vector(self.groups)
        for new, n in zip(result.groups, self._numbers(number)):
            present = [i for i, t in enumerate(new) if t is not None]
            _put(new, present, lambda tensors, n=n: function(tensors, n), new)
        return result

    def add_(self, other: Vector, alpha: PerGroup | float = 1.0) -> Vector:
        """Add ``alpha * other`` in place and return self."""
        self._squares = None
        for mine, theirs, a in zip(self.groups, other.groups, self._numbers(alpha)):
            both = _both(mine, theirs)
            if both:
                add_scaled_([mine[i] for i in both], [theirs[i] for i in both], a)
            for i, (m, t) in enumerate(zip(mine, theirs)):
                if m is None and t is not None:
                    mine[i] = t * a
        return self

    def absorb_(self, other: Vector) -> Vector:
        """Add ``other`` in place, free its tensors (it is zero from then on) and return self."""
        self.add_(other)
        other.groups = [[None] * len(group) for group in other.groups]
        other._squares = None
        return self

    def mul_(self, factor: PerGroup | float) -> Vector:
        """Multiply by a number in place and return self."""
        self._squares = None
        for mine, f in zip(self.groups, self._numbers(factor)):
            tensors = [t for t in mine if t is not None]
            if tensors:
                torch._foreach_mul_(tensors, f)
        return self

    def _numbers(self, number: PerGroup | float) -> Sequence[float]:
        """A number for each group."""
        return number if isinstance(number, PerGroup) else [number] * len(self.groups)


def set_sum_(
    targets: list[Tensor],
    starts: list[Tensor],
    tensors: list[Tensor],
    factor: float,
    divisor: float,
) -> None:
    """``targets = starts + factor * tensors / divisor`` in place."""
    if len(targets) == 1 and targets[0].dtype != torch.float64:  # in a single pass over memory
        torch.add(starts[0], tensors[0], alpha=factor / divisor, out=targets[0])
    else:
        torch._foreach_copy_(targets, starts)
        add_scaled_(targets, tensors, factor, divisor)


def add_scaled_(
    targets: list[Tensor], tensors: list[Tensor], factor: float, divisor: float = 1.0
) -> None:
    """``targets += factor * tensors / divisor`` in place."""
    if factor != divisor and all(t.dtype == torch.float64 for t in targets):
        # Double precision is for comparisons: here in the published codes' order of operations,
        # since Adam makes whole steps of gradients that are nothing but rounding.
        products = torch._foreach_mul(tensors, factor)
        torch._foreach_div_(products, divisor)
        torch._foreach_add_(targets, products)
    else:
        torch._foreach_add_(targets, tensors, alpha=factor / divisor)


def _both(mine: list[Tensor | None], theirs: list[Tensor | None]) -> list[int]:
    """Where both have a tensor."""
    return [i for i, (m, t) in enumerate(zip(mine, theirs)) if m is not None and t is not None]


def _put(new: list, where: list[int], function: Callable, *operands: list, **kwargs) -> None:
    """``new[i]`` = the multi-tensor ``function`` of the operands' i-th tensors."""
    if where:
        values: Iterator[Tensor] = iter(
            function(*([operand[i] for i in where] for operand in operands), **kwargs)
        )
        for i in where:
            new[i] = next(values)


def _squares(tensors: list[Tensor]) -> list[float]:
    """The square of the Euclidean norm of each tensor, over all its shards."""
    dtype = _sum_dtype(tensors)
    if dtype == torch.float64:  # for comparisons, see add_scaled_
        return sums_over_shards(tensors, lambda ts: _stack([t.square().sum() for t in ts]))
    return sums_over_shards(
        tensors, lambda ts: _stack(torch._foreach_norm(ts, 2, dtype=dtype)).square()
    )


def _stack(scalars: Sequence[Tensor]) -> Tensor:
    return torch.stack([s.to(scalars[0].device) for s in scalars])


def _sum_dtype(tensors: list[Tensor]) -> torch.dtype:
    """The type to sum in: at least float32."""
    return reduce(torch.promote_types, (t.dtype for t in tensors), torch.float32)


def ratio(numerator: float, denominator: float) -> float:
    """``numerator / denominator``, and 0 where the denominator is 0."""
    return numerator / denominator if denominator else 0.0
