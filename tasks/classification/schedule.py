"""A learning rate that falls in steps, over whatever number of epochs."""

from __future__ import annotations

from mmengine.optim import StepLR
from mmengine.registry import PARAM_SCHEDULERS


@PARAM_SCHEDULERS.register_module()
class EvenStepLR(StepLR):
    """``StepLR`` with a number of steps in place of their length.

    Args:
        optimizer: optimizer or optimizer wrapper.
        steps: how many there are until ``end``, of equal length. Of more steps than epochs several
            fall together.
        gamma: factor of the learning rate at the end of each.
        end: epoch it ends with; MMEngine gives the last one where the config sets none.
        **kwargs: as ``StepLR``.
    """

    def __init__(self, optimizer, steps: int, gamma: float = 0.1, *, end: int, **kwargs) -> None:
        together = max(steps / end, 1)
        length = -(-end // steps)
        super().__init__(optimizer, step_size=length, gamma=gamma**together, end=end, **kwargs)
