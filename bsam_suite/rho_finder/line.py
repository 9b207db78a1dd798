"""The loss along the line that a rule looks along, and where the rule's steps lead."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import torch
from torch import Tensor, nn

from bsam_suite.errors import InputError
from bsam_suite.optim import SharpnessOptimizer
from bsam_suite.optim.closure import loss_of
from bsam_suite.sharpness import Along, MomentumSAM, PerGroup, Rule, RuleContext
from bsam_suite.sharpness.forward_state import ForwardState
from bsam_suite.sharpness.rule import Walk

Closure = Callable[[], Tensor]
"""Zeroes the gradients, makes those of one batch and returns its loss, as a step takes it."""


@dataclass(frozen=True)
class Look:
    """What was measured at one place of the training; means over the batches.

    Attributes:
        step: the number of training steps made before.
        loss: L(w).
        norm: |g|, the norm of a batch's gradient.
        radii: the radii r of what follows.
        rise: ``L(w + r g/|g|) - L(w)`` for each.
        fall: ``L(w) - L(w - r g/|g|)``.
        agreement: how much a step of the rule lowers the loss of other batches, over what a step
            along the gradient of the same batch does, to first order: the inner product of the
            rule's step with the gradient of batches that it has not seen, over that of g. Negative:
            the step raises their loss. None where the latter is not two standard errors from 0.
    """

    step: int
    loss: float
    norm: float
    radii: tuple[float, ...]
    rise: tuple[float, ...]
    fall: tuple[float, ...]
    agreement: tuple[float, ...] | None

    @property
    def bottom(self) -> float | None:
        """That of the radii at which the loss along -g is lowest; None where it is the last one."""
        falls = [fall if math.isfinite(fall) else -math.inf for fall in self.fall]
        place = max(range(len(falls)), key=falls.__getitem__)
        return self.radii[place] if place + 1 < len(self.radii) else None

    @property
    def turn(self) -> float | None:
        """The radius from which on the rule's steps raise the loss of other batches, if any."""
        return crossing(self.radii, self.agreement, 0.0) if self.agreement else None


def crossing(radii: Sequence[float], values: Sequence[float], level: float) -> float | None:
    """The first radius at which ``values`` fall to ``level``, linear in log r between them."""
    for i, value in enumerate(values):
        if value <= level:
            if i == 0:
                return radii[0]
            part = (values[i - 1] - level) / (values[i - 1] - value)
            return radii[i - 1] * (radii[i] / radii[i - 1]) ** part
    return None


def with_radius(rule: Rule, rho: float) -> Rule:
    """A copy of ``rule`` with this value for all its radii."""
    made = copy.copy(rule)
    made.hyper = rule.hyper | dict.fromkeys(rule.radius_names, rho)
    return made


def look(
    model: nn.Module,
    closures: Sequence[Closure],
    rule: Rule,
    radii: Sequence[float],
    step: int = 0,
    tick: Callable[[], object] = lambda: None,
) -> Look:
    """Measure the line that ``rule`` looks along, and its steps, at the weights as they are.

    The batches are halved: those of one half tell the gradient that the steps of the other half
    are compared with. About three passes for each batch and radius. Weights, gradients, buffers and
    random numbers are afterwards what they were. Batch norm works as in training.

    Args:
        model: what the closures call.
        closures: one for each batch, at least 2.
        rule: all its radii are set to each of ``radii`` in turn.
        radii: rising, above 0.
        step: kept in the result.
        tick: called after each batch, for progress.

    Raises:
        InputError: fewer than 2 batches, radii that are not as above, or a rule as for
            :func:`check_rule`.
    """
    check_rule(rule)
    check_radii(radii, "radii")
    if len(closures) < 2:
        raise InputError(f"{len(closures)} batches to look at: give at least 2")
    parameters = [p for p in model.parameters() if p.requires_grad]
    state, grads = ForwardState(model, parameters), [p.grad for p in parameters]
    halves = closures[::2], closures[1::2]
    others = [_mean_gradient(parameters, half) for half in reversed(halves)]
    rows = []
    for half, other in zip(halves, others):
        for closure in half:
            rows.append(_batch(model, parameters, closure, rule, radii, other))
            tick()
    state.restore()
    for p, grad in zip(parameters, grads):
        p.grad = grad
    losses, norms, plain, found = zip(*rows)
    by_radius = [[fmean(column) for column in zip(*row)] for row in zip(*found)]
    rise, fall, ruled = zip(*by_radius)
    clear = fmean(plain) > 2 * stdev(plain) / math.sqrt(len(plain))
    agreement = tuple(value / fmean(plain) for value in ruled) if clear else None
    return Look(step, fmean(losses), fmean(norms), tuple(radii), rise, fall, agreement)


def check_rule(rule: Rule) -> None:
    """Refuse a rule for which no radius can be found.

    Raises:
        InputError: it has none, or it does not look along g.
    """
    name = type(rule).__name__
    if not rule.radius_names:
        raise InputError(f"{name} has no radius to find (no hyperparameter that begins with rho)")
    if isinstance(rule, MomentumSAM):
        raise InputError(f"{name} looks along the momentum, not along g: its rho is not found here")
    if rule.auxiliary:
        raise InputError(
            f"{name} looks along the gradients of two batches, not along g: its rho is not found "
            "here; begin with the paper's"
        )


def check_radii(radii: Sequence[float], place: str) -> None:
    """Refuse radii to look at.

    Raises:
        InputError: there are fewer than 2, or they do not rise, or one is not above 0.
    """
    for r in radii:
        if isinstance(r, bool) or not isinstance(r, (int, float)) or not 0 < r < 1e9:
            raise InputError(f"{place}: {r!r} is no radius: give numbers above 0, such as 0.05")
    if len(radii) < 2 or any(a >= b for a, b in zip(radii, radii[1:])):
        given = " ".join(map(str, radii)) or "nothing"
        raise InputError(f"{place} {given}: give at least 2 that rise, such as 0.05 0.1 0.2")


def _batch(
    model: nn.Module,
    parameters: list[nn.Parameter],
    closure: Closure,
    rule: Rule,
    radii: Sequence[float],
    other: list[Tensor],
) -> tuple[float, float, float, list[tuple[float, float, float]]]:
    """Loss, |g|, g times ``other``; for each radius rise, fall, and step times ``other``."""
    start = ForwardState(model, parameters)
    gradient = _mean_gradient(parameters, [closure])
    norm, plain = math.sqrt(_dot(gradient, gradient)), _dot(gradient, other)
    found, loss = [], math.nan
    for radius in radii:
        start.restore()
        losses, step = _step(model, parameters, closure, with_radius(rule, radius))
        loss = losses["loss"]
        rise = losses.get("loss_max", math.nan) - loss
        found.append((rise, loss - losses.get("loss_min", math.nan), _dot(step, other)))
    return loss, norm, plain, found


def _step(
    model: nn.Module, parameters: list[nn.Parameter], closure: Closure, rule: Rule
) -> tuple[dict[str, float], list[Tensor]]:
    """The losses at the points of a first step of ``rule``, and its gradient."""
    optimizer = SharpnessOptimizer(parameters, torch.optim.SGD, _WithLine(rule), model, lr=0.0)
    optimizer.step(closure)
    return {name: float(value) for name, value in optimizer.losses.items()}, _gradient(parameters)


def _mean_gradient(parameters: list[nn.Parameter], closures: Sequence[Closure]) -> list[Tensor]:
    mean = [torch.zeros_like(p, memory_format=torch.preserve_format) for p in parameters]
    for closure in closures:
        for p in parameters:
            p.grad = None
        loss_of(closure)
        torch._foreach_add_(mean, _gradient(parameters), alpha=1 / len(closures))
    return mean


def _gradient(parameters: list[nn.Parameter]) -> list[Tensor]:
    return [torch.zeros_like(p) if p.grad is None else p.grad.detach() for p in parameters]


def _dot(a: list[Tensor], b: list[Tensor]) -> float:
    return float(sum((x * y).sum(dtype=torch.float64) for x, y in zip(a, b)))


class _WithLine(Rule):
    """A rule that also visits the point down along the line where it does not by itself."""

    def __init__(self, rule: Rule) -> None:
        self.rule, self.hyper, self.k = rule, rule.hyper, rule.k
        self.check = rule.check  # type: ignore[method-assign]

    def radii(self, h: RuleContext) -> list[PerGroup]:
        return [getattr(h, name) for name in self.radius_names]

    def gradient(self, h: RuleContext) -> Walk:
        walk, line, names = self.rule.gradient(h), None, set()
        found = yield next(walk)
        while True:
            try:
                point = walk.send(found)
            except StopIteration as stop:
                if line is not None and "loss_min" not in names:
                    yield Along(line.direction, -line.rho, "loss_min", line.norm)
                return stop.value
            assert isinstance(point, Along)
            if line is None:  # its own copy: the rule may free its direction when it goes there
                line = Along(point.direction.map(torch.clone), point.rho, "", point.norm)
            names.add(point.name)
            found = yield point
