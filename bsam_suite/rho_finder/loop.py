"""The radius for a plain PyTorch loop."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from bsam_suite.errors import InputError
from bsam_suite.optim import SharpnessOptimizer
from bsam_suite.progress import progress_bar
from bsam_suite.rho_finder.find import RADII, Found, Watch, find
from bsam_suite.rho_finder.line import Closure, with_radius
from bsam_suite.sharpness import RandomState, Rule


def find_rho(
    model: nn.Module,
    base_optimizer: Callable[..., Optimizer],
    rule: Rule,
    loss: Callable[[nn.Module, Any], Tensor],
    batches: Iterable,
    steps: int = 300,
    radii: Sequence[float] = RADII,
    looks: int = 16,
    **kwargs,
) -> Found:
    """Find the radius for a rule, as docs/find_rho.md describes it.

    Copies of ``model`` train; it stays as it is, and so do the random numbers.

    Args:
        model: at its first weights, in training mode.
        base_optimizer: with ``kwargs`` as in :class:`bsam_suite.optim.SharpnessOptimizer`.
        rule: such as ``bsam_suite.sharpness.BSAM()``. All its radii get one value.
        loss: of a model and a batch.
        batches: gives the batches of an epoch each time that it is iterated, as a DataLoader does.
        steps: of each short run; a fifth of the training is a good choice.
        radii: to look at, rising.
        looks: how many batches to look at, of one epoch.

    Raises:
        InputError: an unusable argument, or plain training does not leave its first loss.

    Example:
        >>> found = find_rho(model, torch.optim.SGD, BSAM(), loss, loader, lr=0.1, momentum=0.9)
        >>> found.rho
    """
    training = _Loop(model, base_optimizer, rule, loss, batches, looks, kwargs)
    try:
        with progress_bar() as progress:
            return find(training, rule, radii, steps, progress)
    finally:
        training.random.restore()


class _Loop:
    def __init__(self, model, base_optimizer, rule, loss, batches, looks, kwargs) -> None:
        self.model, self.base, self.rule, self.kwargs = model, base_optimizer, rule, kwargs
        self.loss, self.batches = loss, batches
        self.random = RandomState(model.parameters())
        self.looked_at = list(islice(iter(batches), looks))
        if len(self.looked_at) < 2:
            raise InputError(f"batches: there are {len(self.looked_at)}: give at least 2")

    def closures(self, model: nn.Module) -> list[Closure]:
        return [self.closure(model, batch) for batch in self.looked_at]

    def closure(self, model: nn.Module, batch: Any) -> Closure:
        def closure() -> Tensor:
            model.zero_grad()
            loss = self.loss(model, batch)
            loss.backward()
            return loss

        return closure

    def train(self, rho: float | None, steps: int, watch: Watch) -> None:
        self.random.restore()
        model = copy.deepcopy(self.model)
        if rho is None:
            optimizer = self.base(model.parameters(), **self.kwargs)
        else:
            optimizer = SharpnessOptimizer(
                model.parameters(), self.base, with_radius(self.rule, rho), model, **self.kwargs
            )
        watch(model, None)
        for batch in islice(self._epochs(), steps):
            watch(model, float(optimizer.step(self.closure(model, batch)).detach()))

    def _epochs(self):
        while True:
            yield from self.batches
