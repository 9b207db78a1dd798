"""Vectors over all parameters of an optimizer, and numbers that differ by parameter group."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import Tensor

from bsam_suite.sharpness.sums import add_scaled_, products, squares

Number = float | Tensor
"""A number; a tensor of no dimensions where it was computed on the device and stays there."""


class PerGroup(tuple):
    """One number for each parameter group, e.g. ``rho``; arithmetic is element by element."""

    def _each(self, other: PerGroup | Number, function: Callable) -> PerGroup:
        if isinstance(other, PerGroup):
            return PerGroup(map(function, self, other))
        if isinstance(other, (int, float, Tensor)):
            return PerGroup(function(mine, other) for mine in self)
        return NotImplemented

    def __add__(self, other: PerGroup | Number) -> PerGroup:
        return self._each(other, operator.add)

    def __sub__(self, other: PerGroup | Number) -> PerGroup:
        return self._each(other, operator.sub)

    def __rsub__(self, other: Number) -> PerGroup:
        return -self + other

    def __mul__(self, other: PerGroup | Number) -> PerGroup:
        return self._each(other, operator.mul)

    def __truediv__(self, other: PerGroup | Number) -> PerGroup:
        return self._each(other, operator.truediv)

    def __neg__(self) -> PerGroup:
        return self * -1

    __radd__, __rmul__ = __add__, __mul__  # type: ignore[assignment]  # not a tuple's

    @property
    def all_zero(self) -> bool:
        """Whether it is 0 in every group, as far as the host knows."""
        return all(map(is_zero, self))


class Vector:
    """One tensor for each parameter, listed by parameter group.

    The operators ``+``, ``-``, ``*`` and ``abs`` work element by element and make new tensors;
    methods that end in ``_`` change the vector in place, which saves memory.

    ``None`` stands for zero: a parameter that received no gradient keeps none, so that the base
    optimizer passes it by, as it does in plain training.

    Args:
        groups: for each parameter group its tensors, in the order of the group's ``params``.
    """

    def __init__(self, groups: Iterable[Iterable[Tensor | None]]) -> None:
        self.groups = [list(group) for group in groups]
        self._squares: list[Tensor] | None = None
        self._norms: dict[tuple[bool, ...], Tensor] = {}
        self._shared = False
        self.numbers_only = [False] * len(self.groups)
        """For each group: whether its tensors are known to be free of NaN."""

    def tensors(self) -> list[Tensor]:
        """The tensors that are not ``None``."""
        return [t for group in self.groups for t in group if t is not None]

    def norm(self, where: PerGroup | None = None) -> Tensor:
        """Euclidean norm over all tensors (over those of groups whose ``where`` is not 0).

        A tensor of no dimensions, on the device. The vector is read once, until it is changed in
        place.
        """
        if self._squares is None:
            counts = [sum(t is not None for t in group) for group in self.groups]
            self._squares = [part.sum() for part in squares(self.tensors()).split(counts)]
        chosen = where if where is not None else [1.0] * len(self.groups)
        counted = tuple(not is_zero(c) for c in chosen)
        if counted not in self._norms:
            found = [s for s, c in zip(self._squares, counted) if c]
            self._norms[counted] = (torch.stack(found).sum() if found else torch.zeros(())).sqrt()
        return self._norms[counted]

    def dot(self, other: Vector) -> Tensor:
        """Inner product over all parameters; a tensor of no dimensions, on the device."""
        pairs = ((a, b) for pair in zip(self.groups, other.groups) for a, b in zip(*pair))
        both = [(a, b) for a, b in pairs if a is not None and b is not None]
        return products([a for a, _ in both], [b for _, b in both]).sum()

    def map(self, function: Callable[[Tensor], Tensor]) -> Vector:
        """A new vector: ``function`` of each tensor."""
        return Vector([t if t is None else function(t) for t in group] for group in self.groups)

    def within(self, other: Vector) -> Vector:
        """This vector, with ``None`` where the other has ``None``."""
        pairs = zip(self.groups, other.groups)
        return Vector([None if b is None else a for a, b in zip(*pair)] for pair in pairs)

    def again(self) -> Vector:
        """The same tensors once more; whichever of the two is changed in place is copied first."""
        self._shared = True
        return self._twin()

    def filled(self, other: Vector) -> Vector:
        """This vector, with the other's tensors where it has ``None``."""
        pairs = zip(self.groups, other.groups)
        return Vector([b if a is None else a for a, b in zip(*pair)] for pair in pairs)

    def __add__(self, other: Vector | PerGroup | Number) -> Vector:
        if isinstance(other, Vector):
            return self._sum(other, 1)
        return self._each(other, torch._foreach_add)

    def __sub__(self, other: Vector | PerGroup | Number) -> Vector:
        return self._sum(other, -1) if isinstance(other, Vector) else self + other * -1

    def __mul__(self, other: Vector | PerGroup | Number) -> Vector:
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

    def _each(self, number: PerGroup | Number, function: Callable) -> Vector:
        """A new vector: ``function`` of each group's tensors and its number."""
        result = Vector(self.groups)
        for new, n in zip(result.groups, self._numbers(number)):
            present = [i for i, t in enumerate(new) if t is not None]
            _put(new, present, lambda tensors, n=n: function(tensors, n), new)
        return result

    def add_(self, other: Vector, alpha: PerGroup | Number = 1.0) -> Vector:
        """Add ``alpha * other`` in place and return self."""
        self._changed()
        for mine, theirs, a in zip(self.groups, other.groups, self._numbers(alpha)):
            both = [(m, t) for m, t in zip(mine, theirs) if m is not None and t is not None]
            if both:
                add_scaled_([m for m, _ in both], [t for _, t in both], a)
            for i, (m, t) in enumerate(zip(mine, theirs)):
                if m is None and t is not None:
                    mine[i] = t * a
        return self

    def take(self) -> Vector:
        """This vector; it is zero itself from then on, so that its taker can free the memory."""
        taken = self._twin()
        self.groups = [[None] * len(group) for group in self.groups]
        self._changed()
        return taken

    def _twin(self) -> Vector:
        twin = Vector(self.groups)
        twin._squares, twin._norms = self._squares, dict(self._norms)
        twin.numbers_only = list(self.numbers_only)
        twin._shared = self._shared
        return twin

    def mul_(self, factor: PerGroup | Number) -> Vector:
        """Multiply by a number in place and return self."""
        self._changed()
        for mine, f in zip(self.groups, self._numbers(factor)):
            tensors = [t for t in mine if t is not None]
            if tensors:
                torch._foreach_mul_(tensors, f)
        return self

    def _changed(self) -> None:
        """Forget what was known of the tensors, which are about to change."""
        if self._shared:
            self.groups, self._shared = self.map(torch.clone).groups, False
        self._squares, self._norms = None, {}
        self.numbers_only = [False] * len(self.groups)

    def _numbers(self, number: PerGroup | Number) -> Sequence[Number]:
        """A number for each group."""
        return number if isinstance(number, PerGroup) else [number] * len(self.groups)


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


def is_zero(number: Number) -> bool:
    """Whether a number is 0, as far as the host knows."""
    return not isinstance(number, Tensor) and number == 0


def ratio(numerator: Number, denominator: Tensor) -> Tensor:
    """``numerator / denominator``, and 0 where the denominator is 0."""
    return torch.where(denominator == 0, 0.0, numerator / denominator)
