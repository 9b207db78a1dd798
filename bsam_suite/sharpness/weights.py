"""The weights of a model, moved along directions and brought back; their gradients."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from bsam_suite.errors import InputError
from bsam_suite.sharpness.rule import Along
from bsam_suite.sharpness.sums import (
    as_real,
    blocks,
    can_fuse,
    fused_add_scaled_,
    local,
    scaled,
)
from bsam_suite.sharpness.vector import Number, Vector, is_zero

# Not by thread: a backward that recomputes activations does so in threads of autograd's own.
_perturbed = False


def perturbed() -> bool:
    """Whether the pass under way is one of a rule's further passes, away from w.

    For layers that then behave in another way.
    """
    return _perturbed


@contextmanager
def perturbing() -> Iterator[None]:
    """Tell :func:`perturbed` inside."""
    global _perturbed
    before, _perturbed = _perturbed, True
    try:
        yield
    finally:
        _perturbed = before


class Weights:
    """The weights w, of which it keeps one copy of those parameters that are moved.

    The copies' memory is kept from step to step: fresh memory costs more than the copying.
    """

    def __init__(self) -> None:
        self._copies: dict[Tensor, Tensor] = {}
        #: By parameter group.
        self.params: list[list[Tensor]] = []
        self.w = Vector([])

    def start(self, params: list[list[Tensor]]) -> Vector:
        """Take the parameters as they stand for w, and return it, to read."""
        self.params, self.w = params, Vector(params)
        return self.w

    @torch.no_grad()
    def move(self, point: Along) -> None:
        """Move the parameters to ``point``, from wherever they are.

        A direction whose norm is 0 or not finite leads nowhere: the weights are w there.
        """
        norm = point.norm if point.norm is not None else point.direction.norm(where=point.rho)
        # Divided by infinity a direction is 0, where its elements are numbers. A gradient that is
        # not finite costs the step, but its passes are made still, and at w.
        nowhere = ~((norm > 0) & norm.isfinite())
        norm = norm.masked_fill(nowhere, math.inf)
        direction = point.direction
        for group, (params, home) in enumerate(zip(self.params, self.w.groups)):
            directions, rho = direction.groups[group], point.rho[group]
            moved = [i for i, d in enumerate(directions) if d is not None and not is_zero(rho)]
            self._bring_back(_away(params, home) - {*moved}, params, home)
            step = rho / norm
            for block in blocks([params[i] for i in moved]):
                which = [moved[i] for i in block]
                self._keep([i for i in which if home[i] is params[i]], params, home)
                ps, ws, ds = (_local(ts, which) for ts in (params, home, directions))
                if can_fuse(ps, ds):
                    torch._foreach_copy_(ps, ws)
                    fused_add_scaled_(ps, ds, step.to(ps[0].device), nowhere.to(ps[0].device))
                    continue
                if not direction.numbers_only[group]:
                    _zero_nan(ds)
                _set_sum(ps, ws, ds, rho, norm, step)
            direction.numbers_only[group] |= bool(moved)

    @torch.no_grad()
    def restore(self, unless: Tensor | None = None) -> None:
        """Move the parameters back to w, bit for bit, unless ``unless`` says not to."""
        for params, home in zip(self.params, self.w.groups):
            self._bring_back(_away(params, home), params, home, unless)
            home[:] = params

    def _keep(self, which: list[int], params: list[Tensor], home: list[Tensor | None]) -> None:
        if which:
            copies = [self._copy_of(params[i]) for i in which]
            torch._foreach_copy_([local(c) for c in copies], _local(params, which))
            for i, copy in zip(which, copies):
                home[i] = copy

    def _copy_of(self, param: Tensor) -> Tensor:
        copy = self._copies.get(param)
        if copy is None or (copy.shape, copy.dtype, copy.device, copy.stride()) != (
            param.shape,
            param.dtype,
            param.device,
            param.stride(),
        ):
            copy = self._copies[param] = torch.empty_like(param, requires_grad=False)
        return copy

    def _bring_back(
        self,
        which: set[int],
        params: list[Tensor],
        home: list[Tensor | None],
        unless: Tensor | None = None,
    ) -> None:
        ps, ws = _local(params, which), _local(home, which)
        if unless is not None:
            ws = [torch.where(unless.to(p.device), p, w) for p, w in zip(ps, ws)]
        if which:
            torch._foreach_copy_(ps, ws)


def _local(tensors: Sequence[Tensor | None], which: Iterable[int]) -> list[Tensor]:
    """What this process holds of these tensors, none of which is ``None``."""
    return [local(t) for t in (tensors[i] for i in which) if t is not None]


def _zero_nan(tensors: list[Tensor]) -> None:
    """Put 0 where an element is NaN or infinite, in place."""
    for t in tensors:
        t = as_real(t)
        torch.nan_to_num(t, 0.0, 0.0, 0.0, out=t)


def _away(params: list[Tensor], home: list[Tensor | None]) -> set[int]:
    return {i for i, w in enumerate(home) if w is not params[i]}


def _set_sum(
    targets: list[Tensor],
    starts: list[Tensor],
    tensors: list[Tensor],
    rho: Number,
    norm: Tensor,
    step: Tensor,
) -> None:
    """``targets = starts + rho * tensors / norm``, where ``step`` is ``rho / norm``."""
    device = targets[0].device
    if all(t.dtype == torch.float64 for t in targets):  # see add_scaled_
        moves = torch._foreach_div(scaled(tensors, rho), norm.to(device))
        torch._foreach_copy_(targets, torch._foreach_add(starts, moves))
    elif device.type == "cpu":
        step = step.to(targets[0].dtype)  # once, not for each tensor
        for target, start, tensor in zip(targets, starts, tensors):
            torch.addcmul(start, tensor, step, out=target)  # in a single pass over memory
    else:
        torch._foreach_copy_(targets, starts)
        torch._foreach_add_(targets, scaled(tensors, step.to(device)))


def take_gradient(params: list[list[Tensor]]) -> Vector:
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


def set_gradient(params: list[list[Tensor]], gradient: Vector) -> None:
    """Put the gradient into ``p.grad``."""
    for group, grads in zip(params, gradient.groups):
        for p, grad in zip(group, grads):
            p.grad = grad


@torch.no_grad()
def spoil_gradient(params: Iterable[Tensor], unless: Tensor) -> None:
    """Make one number of the gradient NaN, for those who look for it there."""
    for p in params:
        if p.grad is not None and local(p.grad).numel():
            grad = local(p.grad)
            grad[(0,) * grad.ndim] += torch.where(unless.to(grad.device), 0.0, math.nan)
            return
