"""The radius to train with: a plain run, two looks, and a few short runs of the rule."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import fmean
from typing import Protocol

from rich.progress import Progress
from torch import nn

from bsam_suite.errors import InputError
from bsam_suite.rho_finder.line import Closure, Look, check_radii, check_rule, look
from bsam_suite.sharpness import Rule

RADII = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""The radii that are looked at, and between which the short runs search."""

LEFT = 0.05
"""The share of the first loss by which the loss has fallen when plain training has left it."""

TRAINS = 0.3
"""What of plain training's fall a rule has to reach in a short run, or it counts as stuck.

A network whose first guesses are worse than chance falls to the loss of chance without learning
anything: by up to a quarter of plain training's fall with He's initialization and ten classes."""

WINDOW = 10
"""Steps over which losses are averaged at least."""

Watch = Callable[[nn.Module, float | None], None]
"""Told of a run: its model and None before the first step, the step's loss after each."""


class Training(Protocol):
    """A training that can be begun again and again, always from the same weights."""

    def closures(self, model: nn.Module) -> Sequence[Closure]:
        """One closure for each batch to look at."""

    def train(self, rho: float | None, steps: int, watch: Watch) -> None:
        """Train so many steps with the rule at this radius, or without it for None."""


@dataclass
class Found:
    """What was measured, and what follows.

    Attributes:
        looks: at the first weights, and where plain training had just left its first loss.
        losses: of the steps of each short run, by its radius; None is plain training.
        rho: the radius to take; None where no radius that was tried trains.
        trains: the largest radius that was tried and trains (:data:`TRAINS`), or None.
        stuck: the smallest radius that was tried and did not, or None.
    """

    looks: list[Look] = field(default_factory=list)
    losses: dict[float | None, list[float]] = field(default_factory=dict)
    rho: float | None = None
    trains: float | None = None
    stuck: float | None = None

    def fall(self, rho: float | None) -> float:
        """How far a run's loss has fallen from the first one: the mean of its last tenth."""
        losses = self.losses[rho]
        last = fmean(losses[-max(WINDOW, len(losses) // 10) :])
        return self.looks[0].loss - last if math.isfinite(last) else -math.inf

    def share(self, rho: float | None) -> float:
        """:meth:`fall` over that of plain training."""
        return self.fall(rho) / self.fall(None)


def find(
    training: Training, rule: Rule, radii: Sequence[float], steps: int, progress: Progress
) -> Found:
    """Find the radius for ``rule``.

    1. Plain training for ``steps`` steps, with a look (:func:`look`) at the first weights and
       another one when the mean loss of 10 steps is 5% below the first one.
    2. As many steps with the rule, at radii that close in on the largest one that trains: the loss
       falls at least 0.3 times as far as in plain training. The search begins where the second look
       expects it.
    3. ``rho`` is that radius, or where the line of the second look has its bottom
       (:attr:`Look.bottom`), if that is smaller.

    Raises:
        InputError: an unusable argument, or plain training does not leave its first loss.
    """
    check_rule(rule)
    check_radii(radii, "radii")
    if type(steps) is not int or steps < 2 * WINDOW:
        raise InputError(f"steps {steps}: give a whole number >= {2 * WINDOW}, such as 300")
    found = Found()
    training.train(None, steps, _plain_watch(found, training, rule, radii, steps, progress))
    first = found.looks[0].loss
    if not found.fall(None) >= LEFT * abs(first):
        raise InputError(
            f"plain training takes the loss from {first:.4g} to {first - found.fall(None):.4g} in "
            f"{steps} steps, no twentieth of it: give more steps, or mend the training first"
        )
    after = found.looks[-1]
    expected = [r for r in (after.turn, after.bottom) if r is not None]

    def trains(rho: float) -> bool:
        losses = found.losses.setdefault(rho, [])
        task = progress.add_task(f"rho={rho:g}", total=steps)

        def watch(_: nn.Module, loss: float | None) -> None:
            if loss is not None:
                losses.append(loss)
                progress.advance(task)

        try:
            training.train(rho, steps, watch)
        except FloatingPointError:  # of nonfinite="raise"
            losses.append(math.nan)
        return found.share(rho) >= TRAINS

    found.trains, found.stuck = search(trains, radii, min(expected, default=radii[-1]))
    if found.trains is not None:
        found.rho = min(found.trains, after.bottom or math.inf)
    return found


def search(
    trains: Callable[[float], bool], radii: Sequence[float], start: float
) -> tuple[float | None, float | None]:
    """The largest radius found that trains and the smallest that does not.

    From that of ``radii`` which is closest to ``start`` it goes up while it trains, or down while
    it does not; then it tries the middle, rounded to two digits. None where there is none.
    """
    place = min(range(len(radii)), key=lambda i: abs(math.log(radii[i] / start)))
    low = high = None
    while 0 <= place < len(radii) and (low is None or high is None):
        if trains(radii[place]):
            low, place = radii[place], place + 1
        else:
            high, place = radii[place], place - 1
    if low is None or high is None:
        return low, high
    middle = rounded(math.sqrt(low * high))
    return (middle, high) if trains(middle) else (low, middle)


def rounded(radius: float) -> float:
    """To two digits."""
    return float(f"{radius:.2g}")


def _plain_watch(
    found: Found,
    training: Training,
    rule: Rule,
    radii: Sequence[float],
    steps: int,
    progress: Progress,
) -> Watch:
    losses = found.losses[None] = list[float]()
    task = progress.add_task("plain training", total=steps)

    def measure(model: nn.Module) -> None:
        closures = training.closures(model)
        part = progress.add_task(f"look at step {len(losses)}", total=len(closures))
        tick = partial(progress.advance, part)
        found.looks.append(look(model, closures, rule, radii, len(losses), tick))

    def watch(model: nn.Module, loss: float | None) -> None:
        if loss is None:
            measure(model)
            return
        losses.append(loss)
        progress.advance(task)
        first = found.looks[0].loss
        left = len(losses) >= WINDOW and first - fmean(losses[-WINDOW:]) >= LEFT * abs(first)
        if len(found.looks) == 1 and (left or len(losses) == steps):
            measure(model)

    return watch
