"""The walk over weight space: carries a rule's formula out on real parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from bsam_suite.sharpness.memory import Memory
from bsam_suite.sharpness.rule import Here, Point, Rule, hyperparameters
from bsam_suite.sharpness.vector import Vector


@torch.no_grad()
def walk(
    rule: Rule,
    groups: Sequence[dict],
    evaluate: Callable[[Point], Tensor],
    memory: Memory | None = None,
) -> dict[str, Tensor]:
    """Visit the points that ``rule`` asks for and leave its gradient in ``p.grad``.

    The weights are back where they were, bit for bit, also when a pass raises; only a rule that
    declares it (``stays_at_last_point``) leaves them at its last point.

    Args:
        rule: the formula.
        groups: the optimizer's parameter groups, which hold the rule's hyperparameters.
        evaluate: computes the loss (a scalar tensor) at the weights as they stand and adds its
            gradient to ``p.grad``. It is given the point for which it is called.
        memory: for rules that keep something from step to step.

    Returns:
        The losses by the points' names.
    """
    params = [group["params"] for group in groups]
    home = _Home(params)
    h = hyperparameters(rule, groups)
    h.w, h.memory = Vector(params), memory
    formula = rule.gradient(h)
    losses = {}
    try:
        point = next(formula)
        while True:
            home.go(point)
            with torch.enable_grad():
                losses[point.name] = evaluate(point).detach()
            home.restore(remember=rule.stays_at_last_point)
            point = formula.send(_take_gradient(params))
    except StopIteration as stop:
        if rule.stays_at_last_point:
            home.go_back()
        _set_gradient(params, stop.value)
    except BaseException:
        home.restore()
        raise
    return losses


class _Home:
    """Keeps the one copy of w that a walk needs, of those parameters only that it moves."""

    def __init__(self, params: list[list[Tensor]]) -> None:
        self.params = params
        self.weights: dict[Tensor, Tensor] = {}

    def go(self, point: Point) -> None:
        if isinstance(point, Here):
            return
        norm = point.norm if point.norm is not None else point.direction.norm(where=point.rho)
        if norm == 0:
            return
        for params, directions, rho in zip(self.params, point.direction.groups, point.rho):
            moved = [(p, d) for p, d in zip(params, directions) if d is not None and rho != 0]
            if moved:
                ps, ds = map(list, zip(*moved))
                self.weights.update((p, p.clone()) for p in ps if p not in self.weights)
                norms = [norm.to(p.dtype) for p in ps]
                torch._foreach_addcdiv_(ps, ds, norms, value=rho)

    def restore(self, remember: bool = False) -> None:
        if self.weights:
            if remember:
                self.last = [p.clone() for p in self.weights]
            torch._foreach_copy_(list(self.weights), list(self.weights.values()))

    def go_back(self) -> None:
        """To where the last ``restore(remember=True)`` left from."""
        if self.weights:
            torch._foreach_copy_(list(self.weights), self.last)


def _take_gradient(params: list[list[Tensor]]) -> Vector:
    """Take the gradients away from the parameters, without a copy where they own their memory."""
    taken = Vector(
        [p.grad.clone() if p.grad is not None and p.grad._is_view() else p.grad for p in group]
        for group in params
    )
    for group in params:
        for p in group:
            p.grad = None
    return taken


def _set_gradient(params: list[list[Tensor]], gradient: Vector) -> None:
    for group, grads in zip(params, gradient.groups):
        for p, grad in zip(group, grads):
            p.grad = grad
