"""State that a forward pass uses up or changes: random numbers and buffers.

All passes of a step shall see one and the same function of the weights: the same dropout masks, and
batch-norm statistics that are updated by the first pass only.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn


class RandomState:
    """The state of all generators a forward pass may draw from, taken when constructed."""

    def __init__(self, parameters: Iterable[Tensor]) -> None:
        self.python = random.getstate()
        self.numpy = np.random.get_state()
        self.cpu = torch.get_rng_state()
        devices = {p.device for p in parameters if p.device.type == "cuda"}
        self.cuda = {device: torch.cuda.get_rng_state(device) for device in devices}

    def restore(self) -> None:
        """Set all generators to this state, so that the next pass draws the same numbers."""
        random.setstate(self.python)
        np.random.set_state(self.numpy)
        torch.set_rng_state(self.cpu)
        for device, state in self.cuda.items():
            torch.cuda.set_rng_state(state, device)


@contextmanager
def frozen_buffers(model: nn.Module) -> Iterator[None]:
    """Undo at the end whatever happens to the model's buffers inside.

    Holds for running statistics of every kind of batch norm, for observers of quantizers and for
    anything else that a forward keeps in a buffer.
    """
    owners = [
        (module, name, buffer)
        for module in model.modules()
        for name, buffer in module._buffers.items()
        if buffer is not None
    ]
    buffers = [buffer for _, _, buffer in owners]
    values = [buffer.detach().clone() for buffer in buffers]
    try:
        yield
    finally:
        with torch.no_grad():
            if buffers:
                torch._foreach_copy_(buffers, values)
        for module, name, buffer in owners:
            module._buffers[name] = buffer
