"""What a sharpness-aware rule is: a formula that asks for gradients at points."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace

from torch import Tensor

from bsam_suite.errors import InputError
from bsam_suite.sharpness.vector import PerGroup, Vector


@dataclass(frozen=True)
class Here:
    """The point w itself. ``name`` labels the loss found there."""

    name = "loss"


@dataclass(frozen=True)
class Along:
    """The point ``w + rho * direction / norm``.

    Args:
        direction: a vector over all parameters.
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


Point = Here | Along
Walk = Generator[Point, Vector, Vector]


class Rule:
    """Base of all rules.

    A rule writes :meth:`gradient` as a generator: ``yield`` a point, receive the gradient found
    there, ``return`` the vector that the base optimizer shall use as its gradient. It owns the
    vectors that it receives and may change them in place.

    Hyperparameters named in :attr:`hyper` live in the optimizer's parameter groups, where
    schedulers find them and checkpoints keep them; a rule reads them from ``h``, each as a
    :class:`PerGroup`. ``h.lr`` is the learning rate, ``h.initial_lr`` the one that the scheduler
    began with (``h.lr`` where no scheduler has recorded one).

    Args:
        hyper: values of the hyperparameters for groups that do not set their own.

    Raises:
        InputError: a hyperparameter is negative or no number.
    """

    #: True where the base optimizer starts from the last point visited instead of from w.
    stays_at_last_point = False

    def __init__(self, **hyper: float) -> None:
        for name, value in hyper.items():
            check_radius(name, value, type(self).__name__)
        self.hyper = hyper

    def gradient(self, h: SimpleNamespace) -> Walk:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v}' for k, v in self.hyper.items())})"


def check_radius(name: str, value: float, place: str) -> None:
    """Refuse a radius that is negative, infinite or no number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e9:
        raise InputError(
            f"{name}={value!r} in {place} is not a radius: give a number >= 0, such as 0.05"
        )


def hyperparameters(rule: Rule, groups: Sequence[Mapping]) -> SimpleNamespace:
    """Read the rule's hyperparameters from the parameter groups, as they stand now."""
    named = {name: PerGroup(group[name] for group in groups) for name in rule.hyper}
    rates = [(group["lr"], group.get("initial_lr", group["lr"])) for group in groups]
    # A group whose learning rate is 0 from the start has no ratio to follow.
    lr, initial_lr = zip(*((a, b) if b else (1.0, 1.0) for a, b in rates))
    return SimpleNamespace(**named, lr=PerGroup(lr), initial_lr=PerGroup(initial_lr))
