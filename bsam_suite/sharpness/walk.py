"""The walk over weight space: carries a rule's formula out on real parameters."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from bsam_suite.errors import InputError
from bsam_suite.sharpness.home import Home
from bsam_suite.sharpness.memory import Memory
from bsam_suite.sharpness.perturbed import perturbing
from bsam_suite.sharpness.rule import Here, Rule, hyperparameters
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
    home: Home | None = None,
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
        home: keeps w during the walk; give the same one in each step, so that it keeps its memory.

    Raises:
        InputError: a gradient is sparse.
    """
    params = [group["params"] for group in groups]
    home = home or Home()
    h = hyperparameters(rule, groups)
    h.w, h.memory = home.start(params), memory
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
            with torch.enable_grad(), perturbing(not here):
                # Copied: PyTorch's mse_loss keeps the memory of all its summands with its mean.
                losses[name] = evaluate(here).detach().clone()
            gradient = _take_gradient(params)
            finite = finite and math.isfinite(gradient.norm())
            point = formula.send(gradient)
    except StopIteration as stop:
        gradient = stop.value
    except BaseException:
        home.restore()
        raise
    if not (finite and rule.stays_at_last_point):
        home.restore()
    _set_gradient(params, gradient if finite else gradient.mul_(math.nan))
    return Walked(losses, finite)


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
