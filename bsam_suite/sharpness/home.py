"""Where a walk starts from and comes back to."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from bsam_suite.sharpness.rule import Along
from bsam_suite.sharpness.shards import local
from bsam_suite.sharpness.vector import Vector, set_sum_


class Home:
    """The weights w, of which it keeps one copy of those parameters that a walk moves.

    The copies' memory is kept from step to step: fresh memory costs more than the copying.
    """

    def __init__(self) -> None:
        self._copies: dict[Tensor, Tensor] = {}

    def start(self, params: list[list[Tensor]]) -> Vector:
        """Begin a walk at the weights as they stand, and return w, to read."""
        self.params, self.w = params, Vector(params)
        return self.w

    def leave(self, point: Along) -> None:
        """Move the parameters to ``point``, from wherever they are."""
        norm = point.norm if point.norm is not None else point.direction.norm(where=point.rho)
        leads_somewhere = 0 < norm < math.inf
        for params, home, directions, rho in zip(
            self.params, self.w.groups, point.direction.groups, point.rho
        ):
            moves = rho != 0 and leads_somewhere
            moved = [i for i, d in enumerate(directions) if moves and d is not None]
            self._go_home(self._away(params, home) - {*moved}, params, home)
            for block in _blocks(moved, params):
                self._keep([i for i in block if home[i] is params[i]], params, home)
                ps, ws, ds = ([local(ts[i]) for i in block] for ts in (params, home, directions))
                set_sum_(ps, ws, ds, rho, norm)
        if point.then is not None:
            point.then()

    def restore(self) -> None:
        """Move the parameters back to w, bit for bit."""
        for params, home in zip(self.params, self.w.groups):
            self._go_home(self._away(params, home), params, home)
            home[:] = params

    def _away(self, params: list[Tensor], home: list[Tensor]) -> set[int]:
        return {i for i, w in enumerate(home) if w is not params[i]}

    def _keep(self, which: list[int], params: list[Tensor], home: list[Tensor]) -> None:
        if which:
            copies = [self._copy_of(params[i]) for i in which]
            torch._foreach_copy_([local(c) for c in copies], [local(params[i]) for i in which])
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
            copy = self._copies[param] = torch.empty_like(param)
        return copy

    def _go_home(self, which: set[int], params: list[Tensor], home: list[Tensor]) -> None:
        if which:
            torch._foreach_copy_([local(params[i]) for i in which], [local(home[i]) for i in which])


def _blocks(which: list[int], params: list[Tensor]) -> Iterator[list[int]]:
    """``which`` parameters to work on at a time.

    On a CPU one, which stays in the cache from one operation to the next; elsewhere all, in as few
    kernels as there are operations.
    """
    if which and params[which[0]].device.type == "cpu":
        yield from ([i] for i in which)
    elif which:
        yield which
