"""What a sharpness-aware rule is: a formula that asks for gradients at points."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import ClassVar

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
        then: called once the weights have moved, when the direction has done its service: the
            place to use up its memory.
    """

    direction: Vector
    rho: PerGroup
    name: str
    norm: float | None = None
    then: Callable[[], object] | None = None


Point = Here | Along
Walk = Generator[Point, Vector, Vector]


class Rule:
    """Base of all rules.

    A rule writes :meth:`gradient` as a generator: ``yield`` a point, receive the gradient found
    there, ``return`` the vector that the base optimizer shall use as its gradient. It owns the
    vectors that it receives and may change them in place.

    Its hyperparameters live in the optimizer's parameter groups, where schedulers find them and
    checkpoints keep them; a rule reads them from ``h``, each as a :class:`PerGroup`. ``h`` holds
    as well

    - ``h.lr`` the learning rate and ``h.initial_lr`` the one that the scheduler began with
      (``h.lr`` where no scheduler has recorded one),
    - ``h.w`` the weights w, a :class:`Vector` to read,
    - ``h.memory`` what the rule keeps from step to step, see :class:`Memory`.

    Args:
        hyper: values of the hyperparameters for groups that do not set their own.

    Raises:
        InputError: a hyperparameter is not what :attr:`checks` asks for.
    """

    #: The check of each hyperparameter that is no radius.
    checks: ClassVar[Mapping[str, Callable[[str, float, str], None]]] = {}
    #: True where the base optimizer starts from the last point visited instead of from w.
    stays_at_last_point = False

    def __init__(self, **hyper: float) -> None:
        self.hyper: dict[str, float] = {}
        self.add(**hyper)

    def add(self, **hyper: float) -> None:
        """Add hyperparameters; for rules that extend another one."""
        for name, value in hyper.items():
            self.check(name, value, type(self).__name__)
        self.hyper.update(hyper)

    def gradient(self, h: SimpleNamespace) -> Walk:
        raise NotImplementedError

    def enter(self, groups: Sequence[dict], place: str) -> None:
        """Put the hyperparameters in the parameter groups that do not set their own.

        Raises:
            InputError: one that a group sets is not what :attr:`checks` asks for.
        """
        for group in groups:
            for name, value in self.hyper.items():
                self.check(name, group.setdefault(name, value), place)

    def check(self, name: str, value: float, place: str) -> None:
        self.checks.get(name, check_radius)(name, value, place)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v}' for k, v in self.hyper.items())})"


def number_check(
    kind: str, bounds: str, example: float, inside: Callable[[float], bool]
) -> Callable[[str, float, str], None]:
    """A check that refuses what is no number or not ``inside``, with the remedy in its message."""

    def check(name: str, value: float, place: str) -> None:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not (number and inside(value)):
            raise InputError(
                f"{name}={value!r} in {place} is not {kind}: give a number {bounds}, "
                f"such as {example}"
            )

    return check


check_radius = number_check("a radius", ">= 0", 0.05, lambda value: 0 <= value < 1e9)
check_weight = number_check("a weight", ">= 0", 0.5, lambda value: 0 <= value < 1e9)
check_positive = number_check("positive", "> 0", 0.01, lambda value: 0 < value < 1e9)
check_decay = number_check("a decay", ">= 0 and < 1", 0.9, lambda value: 0 <= value < 1)


def hyperparameters(rule: Rule, groups: Sequence[Mapping]) -> SimpleNamespace:
    """Read the rule's hyperparameters from the parameter groups, as they stand now."""
    named = {name: PerGroup(group[name] for group in groups) for name in rule.hyper}
    rates = [(group["lr"], group.get("initial_lr", group["lr"])) for group in groups]
    # A group whose learning rate is 0 from the start has no ratio to follow.
    lr, initial_lr = zip(*((a, b) if b else (1.0, 1.0) for a, b in rates))
    return SimpleNamespace(**named, lr=PerGroup(lr), initial_lr=PerGroup(initial_lr))
