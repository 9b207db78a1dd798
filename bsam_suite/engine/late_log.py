"""Log values without waiting for the device."""

from __future__ import annotations

import numpy as np
from mmengine.logging import HistoryBuffer, MessageHub
from torch import Tensor

from bsam_suite.sharpness import Late


def log_late(hub: MessageHub, name: str, value: Tensor) -> None:
    """As ``hub.update_scalar``, but the host learns the value when somebody asks for it."""
    buffer = hub.log_scalars.get(name)
    if not isinstance(buffer, LateBuffer):  # none yet, or one of a checkpoint
        history = buffer.data if buffer is not None else ([], [])
        hub.update_scalar(name, 0.0)  # the hub has to know the name
        buffer = hub.log_scalars[name] = LateBuffer(*history)
    buffer.update(value)


def log_sharpness(hub: MessageHub, losses: dict[str, Tensor]) -> None:
    """Log the sharpness, as far as the losses of a step by its points' names tell it."""
    loss, loss_max, loss_min = map(losses.get, ("loss", "loss_max", "loss_min"))
    if loss_max is not None and loss is not None:
        log_late(hub, "train/max_sharpness", loss_max - loss)
    if loss_min is not None and loss is not None:
        log_late(hub, "train/min_sharpness", loss - loss_min)
    if loss_max is not None and loss_min is not None:
        log_late(hub, "train/flatness", loss_max - loss_min)


class LateBuffer(HistoryBuffer):
    """A history whose last values may still be on the device. A checkpoint holds a plain one."""

    def __init__(self, *args, **kwargs) -> None:
        self._waiting: list[Late] = []
        super().__init__(*args, **kwargs)

    def update(self, log_val: float | Tensor, count: int = 1) -> None:
        """Take a value; a tensor without waiting for it."""
        if not isinstance(log_val, Tensor):
            super().update(log_val, count)
            return
        self._waiting.append(Late(log_val))
        if len(self._waiting) > 1000:  # nobody asks
            self._arrive()

    @property
    def _log_history(self) -> np.ndarray:
        self._arrive()
        return self._arrived

    @_log_history.setter
    def _log_history(self, history: np.ndarray) -> None:
        self._arrived = history

    def _arrive(self) -> None:
        waiting, self._waiting = self._waiting, []
        for late in waiting:
            super().update(late.read().item())

    def __reduce__(self) -> tuple:
        return HistoryBuffer, (*map(list, self.data), self.max_length)
