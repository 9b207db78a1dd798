"""Log values without waiting for the device."""

from __future__ import annotations

import numpy as np
from mmengine.logging import HistoryBuffer, MessageHub
from torch import Tensor

from bsam_suite.sharpness import Late


def log_async(hub: MessageHub, name: str, value: Tensor) -> None:
    """Like ``hub.update_scalar``, but the value is copied to the host when it is first needed."""
    buffer = hub.log_scalars.get(name)
    if not isinstance(buffer, AsyncHistoryBuffer):  # none yet, or one of a checkpoint
        history = buffer.data if buffer is not None else ([], [])
        hub.update_scalar(name, 0.0)  # the hub has to know the name
        buffer = hub.log_scalars[name] = AsyncHistoryBuffer(*history)
    buffer.update(value)


def log_sharpness(hub: MessageHub, losses: dict[str, Tensor]) -> None:
    """Log the sharpness that follows from the losses of a step, given by its points' names."""
    loss, loss_max, loss_min = map(losses.get, ("loss", "loss_max", "loss_min"))
    if loss_max is not None and loss is not None:
        log_async(hub, "train/max_sharpness", loss_max - loss)
    if loss_min is not None and loss is not None:
        log_async(hub, "train/min_sharpness", loss - loss_min)
    if loss_max is not None and loss_min is not None:
        log_async(hub, "train/flatness", loss_max - loss_min)


class AsyncHistoryBuffer(HistoryBuffer):
    """A history whose last values may still be on the device; pickled as a plain one."""

    def __init__(self, *args, **kwargs) -> None:
        self._waiting: list[Late] = []
        super().__init__(*args, **kwargs)

    def update(self, log_val: float | Tensor, count: int = 1) -> None:
        """Add a value, without waiting for it if it is a tensor."""
        if not isinstance(log_val, Tensor):
            super().update(log_val, count)
            return
        self._waiting.append(Late(log_val))
        if len(self._waiting) > 1000:  # nobody has read them
            self._receive()

    @property
    def _log_history(self) -> np.ndarray:
        self._receive()
        return self._received

    @_log_history.setter
    def _log_history(self, history: np.ndarray) -> None:
        self._received = history

    def _receive(self) -> None:
        waiting, self._waiting = self._waiting, []
        for late in waiting:
            super().update(late.read().item())

    def __reduce__(self) -> tuple:
        return HistoryBuffer, (*map(list, self.data), self.max_length)
