"""What a sharpness-aware rule is: a formula that asks for gradients at points."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from bsam_suite.errors import InputError
from bsam_suite.sharpness.context import RESERVED, RuleContext
from bsam_suite.sharpness.vector import PerGroup, Vector


@dataclass(frozen=True)
class Here:
    """The point w itself. ``name`` labels the loss found there."""

    name = "loss"


@dataclass(frozen=True)
class Along:
    """The point ``w + rho * direction / norm``.

    Args:
        direction: a vector over all parameters. Its memory is free as soon as the weights have
            moved, where nobody else holds it: give ``g.take()`` at its last use.
        rho: distance from w, a number for each parameter group. Groups with 0 stay in place and do
            not count in the norm, so that the others move by the whole of rho.
        name: label of the loss found there: ``loss_max`` or ``loss_min`` enter the sharpness
            that is logged.
        norm: what to divide by; by default the Euclidean norm of the direction. A direction of
            norm 0 leads nowhere: the weights stay.
    """

    direction: Vector
    rho: PerGroup
    name: str
    norm: Tensor | None = None


@dataclass(frozen=True)
class Auxiliary:
    """The point w, where the gradient is that of the step's auxiliary batch.

    These are other samples than the batch's, a quarter as many. For rules that say by
    :attr:`Rule.auxiliary` that they ask for it.
    """

    name = "loss_auxiliary"


ONE_IN = 5
"""One in so many samples of a step is of its auxiliary batch, where there is one."""

Point = Here | Along | Auxiliary
Walk = Generator[Point, Vector, Vector]


class Rule:
    """Base of all rules.

    A rule writes :meth:`gradient` as a generator: ``yield`` a point, receive the gradient found
    there, ``return`` the vector that the base optimizer shall use as its gradient. The first point
    is where the first pass is made, in most rules ``Here()``. A rule owns the vectors that it
    receives and may change them in place. Norms and inner products are tensors that stay on the
    device: a rule decides nothing by their values.

    Before a step's first pass :meth:`radii` tells which further points it may visit, so that a step
    with none keeps nothing for them. A point whose radius is 0 in every group is not visited: what
    is received there is the gradient of the first point.

    Its hyperparameters live in the optimizer's parameter groups, where schedulers find them and
    checkpoints keep them; a rule reads them from ``h``, see :class:`RuleContext`.

    Args:
        hyper: values of the hyperparameters for groups that do not set their own.

    Raises:
        InputError: a hyperparameter is not what :attr:`checks` asks for.
    """

    #: The check of each hyperparameter that may not be any number from 0.
    checks: ClassVar[Mapping[str, Callable[[str, float, str], None]]] = {}
    #: True where the base optimizer starts from the last point visited instead of from w.
    stays_at_last_point = False
    #: Whether it asks for the gradient of an auxiliary batch, by :class:`Auxiliary`.
    auxiliary = False
    #: Further points are visited in each k-th step only; None for each step.
    k: int | None = None
    #: The name in ``h.memory`` of what the steps between reuse: without it no step is between.
    reuses = ""

    def __init__(self, **hyper: float) -> None:
        self.hyper: dict[str, float] = {}
        self.add(**hyper)

    @classmethod
    def from_arguments(cls, arguments: dict) -> Rule:
        """Make the rule of those of ``arguments`` that it takes, which are taken out."""
        names = inspect.signature(cls).parameters
        return cls(**{name: arguments.pop(name) for name in names if name in arguments})

    def add(self, **hyper: float) -> None:
        """Add hyperparameters; for rules that extend another one."""
        for name, value in hyper.items():
            if name in RESERVED:
                raise InputError(
                    f"hyperparameter {name!r} of {type(self).__name__}: rename it, "
                    f"h.{name} has a meaning of its own"
                )
            self.check(name, value, type(self).__name__)
        self.hyper.update(hyper)

    def gradient(self, h: RuleContext) -> Walk:
        raise NotImplementedError

    @property
    def radius_names(self) -> list[str]:
        """The hyperparameters that are radii: those whose names begin with ``rho``."""
        return [name for name in self.hyper if name.startswith("rho")]

    def refreshes(self, h: RuleContext) -> bool:
        """Whether this step visits further points, as far as :attr:`k` tells."""
        return self.k is None or h.step % self.k == 0 or self.reuses not in h.memory

    def radii(self, h: RuleContext) -> list[PerGroup]:
        """The radii of all further points that this step may visit."""
        return [getattr(h, name) for name in self.radius_names] if self.refreshes(h) else []

    def check(self, name: str, value: float, place: str) -> None:
        """Refuse a value of hyperparameter ``name``.

        Raises:
            InputError: it is not what :attr:`checks` asks for.
        """
        self.checks.get(name, check_from_0)(name, value, place)

    def check_warmup(self, steps: int, place: str) -> None:
        """Refuse ``rho_warmup``.

        Raises:
            InputError: it is no number of steps, or the rule has no radius.
        """
        if type(steps) is not int or steps < 0:
            raise InputError(
                f"rho_warmup={steps!r} in {place}: give the number of steps in which the radii "
                "rise to their values, such as 500"
            )
        if steps and not self.radius_names:
            raise InputError(
                f"rho_warmup={steps} in {place}: {type(self).__name__} has no radius (no "
                "hyperparameter whose name begins with rho) to warm up: leave it out"
            )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v}' for k, v in self.hyper.items())})"


def number_check(
    bounds: str, example: float, inside: Callable[[float], bool]
) -> Callable[[str, float, str], None]:
    """A check that refuses what is no number or not ``inside``, with the remedy in its message."""

    def check(name: str, value: float, place: str) -> None:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not (number and inside(value)):
            raise InputError(
                f"{name}={value!r} in {place}: give a number {bounds}, such as {example}"
            )

    return check


check_from_0 = number_check(">= 0", 0.05, lambda value: 0 <= value < 1e9)
check_positive = number_check("> 0", 0.01, lambda value: 0 < value < 1e9)
check_decay = number_check(">= 0 and < 1", 0.9, lambda value: 0 <= value < 1)


def check_period(name: str, value: int, place: str) -> None:
    """Refuse what is no number of steps from 1.

    Raises:
        InputError: it is something else.
    """
    if type(value) is not int or value < 1:
        raise InputError(f"{name}={value!r} in {place}: give a whole number >= 1, such as 5")


def check_flag(name: str, value: bool, place: str) -> None:
    """Refuse what is neither True nor False.

    Raises:
        InputError: it is something else, such as text.
    """
    if not isinstance(value, bool):
        raise InputError(f"{name}={value!r} in {place}: give True or False")
