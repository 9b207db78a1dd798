"""What the host learns without waiting for the device."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


class Late:
    """Numbers on their way from the device to the host.

    The copy starts at once, and :meth:`read` waits for it alone, not for what the device has been
    given to do since.
    """

    def __init__(self, value: Tensor) -> None:
        self._host = value.detach().to("cpu", non_blocking=True)
        self._event = torch.cuda.Event() if value.is_cuda else None
        if self._event is not None:
            self._event.record()

    def read(self) -> Tensor:
        """The numbers, on the host."""
        if self._event is not None:
            self._event.synchronize()
        return self._host


class SkippedSteps:
    """Counts steps that were skipped, with a warning at the 1st, 2nd, 4th, 8th, ..."""

    def __init__(self) -> None:
        self._total = 0
        self._late: list[Late] = []

    @property
    def total(self) -> int:
        """Skipped so far."""
        late, self._late = self._late, []
        for finite in late:
            if not finite.read():
                self.add()
        return self._total

    def add(self) -> None:
        """Count a step."""
        self._total += 1
        if self._total & (self._total - 1) == 0:  # a diverged run stays legible
            warnings.warn(
                f"a step was skipped, its gradient being NaN or infinite ({self._total} so far)",
                RuntimeWarning,
                stacklevel=5,
            )

    def add_unless(self, finite: Tensor) -> None:
        """Count a step for which the device decides, when the next one has been made."""
        _ = self.total  # of earlier steps, which the device has passed
        self._late.append(Late(finite))


def step_if(finite: Tensor, optimizer: Optimizer, make_step: Callable[[], object]) -> None:
    """Make a fused optimizer's step, which happens or not as the device says."""
    device = optimizer.param_groups[0]["params"][0].device
    fused: Any = optimizer  # PyTorch does not declare these two, which the step reads
    fused.grad_scale, fused.found_inf = None, (~finite).float().to(device)
    try:
        make_step()
    finally:
        del fused.grad_scale, fused.found_inf
