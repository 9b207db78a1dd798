"""BSAM's step in the usual form of published sharpness-aware optimizers, as a baseline.

It loops over parameters, copies gradients, and keeps w as a copy that becomes the parameter again.
As in the code released by BSAM's authors, the move to w_min changes that copy itself, so that the
base optimizer starts from ``w - rho_min g/|g|`` (``start="released"`` in the suite).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


class PublishedBSAM:
    """``step(closure)`` makes the three passes and the base optimizer's step."""

    def __init__(self, base: torch.optim.Optimizer, rho: float = 0.05, rho_min: float = 0.05):
        self.base, self.rho, self.rho_min = base, rho, rho_min
        self.params = [p for group in base.param_groups for p in group["params"]]
        self.state = {p: {} for p in self.params}

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor]) -> Tensor:
        with torch.enable_grad():
            loss = closure()
        up, down = self._scale(self.rho), self._scale(self.rho_min)
        for p in self.params:
            state = self.state[p]
            state["w"] = p.data.clone()
            state["g"] = p.grad.clone()
            p.add_(p.grad * up)
        with torch.enable_grad():
            closure()
        max_norm = self._norm()
        for p in self.params:
            state = self.state[p]
            state["g_max"] = p.grad.clone()
            p.data = state["w"]
            p.sub_(state["g"] * down)
        with torch.enable_grad():
            closure()
        weight = max_norm / self._norm()
        for p in self.params:
            state = self.state[p]
            p.data = state["w"]
            p.grad.copy_(state["g_max"] + state["g"] - weight * p.grad)
        self.base.step()
        return loss

    def _norm(self) -> Tensor:
        return torch.norm(torch.stack([p.grad.norm(p=2) for p in self.params]), p=2)

    def _scale(self, rho: float) -> Tensor:
        return rho / (self._norm() + 1e-12)
