"""The walk over weight space: carries a rule's formula out on real parameters."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from bsam_suite.errors import InputError
from bsam_suite.sharpness.memory import Memory
from bsam_suite.sharpness.rule import Along, Here, Rule, hyperparameters
from bsam_suite.sharpness.shards import local
from bsam_suite.sharpness.vector import Vector


class Walked(NamedTuple):
    """What a walk found.

    Attributes:
        losses: by the points' names.
        finite: whether the gradients of all passes were.
    """

    losses: dict[str, Tensor]
    finite: bool


@torch.no_grad()
def walk(
    rule: Rule,
    groups: Sequence[dict],
    evaluate: Callable[[bool], Tensor],
    memory: Memory | None = None,
) -> Walked:
    """Visit the points that ``rule`` asks for and leave its gradient in ``p.grad``.

    The weights are back where they were, bit for bit, also when a pass raises; only a rule that
    declares it (``stays_at_last_point``) leaves them at its last point. When a gradient is not
    finite all points are visited still (other processes may wait in them) and NaN is left in
    ``p.grad``.

    Args:
        rule: the formula.
        groups: the optimizer's parameter groups, which hold the rule's hyperparameters.
        evaluate: computes the loss (a scalar tensor) at the weights as they stand and adds its
            gradient to ``p.grad``. It is told whether the weights stand at w.
        memory: for rules that keep something from step to step.

    Raises:
        InputError: a gradient is sparse.
    """
    params = [group["params"] for group in groups]
    home = _Home(params)
    h = hyperparameters(rule, groups)
    h.w, h.memory = Vector(params), memory
    formula = rule.gradient(h)
    losses, finite = {}, True
    try:
        point = next(formula)
        while True:
            name, here = point.name, isinstance(point, Here)
            if not here:
                home.leave(point)
            del point  # and with it a direction that nobody else needs
            torch.clear_autocast_cache()  # it holds the weights of the pass before
            with torch.enable_grad():
                losses[name] = evaluate(here).detach()
            home.restore(remember=rule.stays_at_last_point)
            gradient = _take_gradient(params)
            finite = finite and math.isfinite(gradient.norm())
            point = formula.send(gradient)
    except StopIteration as stop:
        gradient = stop.value
    except BaseException:
        home.restore()
        raise
    if finite and rule.stays_at_last_point:
        home.go_back()
    _set_gradient(params, gradient if finite else gradient.mul_(math.nan))
    return Walked(losses, finite)


class _Home:
    """Keeps the one copy of w that a walk needs, of those parameters only that it moves."""

    def __init__(self, params: list[list[Tensor]]) -> None:
        self.params = params
        self.weights: dict[Tensor, Tensor] = {}
        self.away = False

    def leave(self, point: Along) -> None:
        norm = point.norm if point.norm is not None else point.direction.norm(where=point.rho)
        if 0 < norm < math.inf:  # other directions lead nowhere
            for params, directions, rho in zip(self.params, point.direction.groups, point.rho):
                moved = [(p, d) for p, d in zip(params, directions) if d is not None and rho != 0]
                if moved:
                    ps, ds = ([local(t) for t in ts] for ts in zip(*moved))
                    self._keep([p for p in ps if p not in self.weights])
                    self.away = True
                    _move(ps, ds, rho, norm)
        if point.then is not None:
            point.then()

    def _keep(self, params: list[Tensor]) -> None:
        if params:
            copies = [torch.empty_like(p) for p in params]
            torch._foreach_copy_(copies, params)
            self.weights.update(zip(params, copies))

    def restore(self, remember: bool = False) -> None:
        if self.away:
            if remember:
                self.last = [p.clone() for p in self.weights]
            torch._foreach_copy_(list(self.weights), list(self.weights.values()))
            self.away = False

    def go_back(self) -> None:
        """To where the last ``restore(remember=True)`` left from."""
        if self.weights:
            torch._foreach_copy_(list(self.weights), self.last)


def _move(params: list[Tensor], directions: list[Tensor], rho: float, norm: float) -> None:
    if all(p.dtype == torch.float64 for p in params):
        # Double precision is for comparisons: here in the published codes' order of operations,
        # since Adam makes whole steps of gradients that are nothing but rounding.
        steps = torch._foreach_mul(directions, rho)
        torch._foreach_div_(steps, norm)
        torch._foreach_add_(params, steps)
    else:
        torch._foreach_add_(params, directions, alpha=rho / norm)


def _take_gradient(params: list[list[Tensor]]) -> Vector:
    """Take the gradients away from the parameters, without a copy where they own their memory."""
    taken = Vector([[_own(p.grad) for p in group] for group in params])
    for group in params:
        for p in group:
            p.grad = None
    return taken


def _own(grad: Tensor | None) -> Tensor | None:
    if grad is None or not grad._is_view():  # DDP's gradients may be views of its buckets
        if grad is not None and grad.is_sparse:
            raise InputError(
                f"a parameter of shape {tuple(grad.shape)} has a sparse gradient, which "
                "sharpness-aware rules do not take: give its nn.Embedding sparse=False"
            )
        return grad
    return grad.clone()


def _set_gradient(params: list[list[Tensor]], gradient: Vector) -> None:
    for group, grads in zip(params, gradient.groups):
        for p, grad in zip(group, grads):
            p.grad = grad
