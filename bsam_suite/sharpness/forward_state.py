"""State that a forward pass uses up or changes: random numbers, buffers, averages, training mode.

All passes of a step shall see one and the same function of the weights: the same dropout masks, and
the same buffers to start from. What the first pass leaves behind is what the step leaves behind.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable
from typing import final

import numpy as np
import torch
from torch import Tensor, nn


class ForwardState:
    """All that a pass of ``model`` may use up or change, as it stands when constructed.

    Args:
        model: the model, or ``None`` if only random numbers are to be kept.
        parameters: tells the devices of the random numbers.
    """

    def __init__(self, model: nn.Module | None, parameters: Iterable[Tensor]) -> None:
        self.modules = ModuleState(model)
        self.random = RandomState(parameters)

    def restore(self) -> None:
        """Let the next pass start as one that starts now."""
        self.modules.restore()
        self.random.restore()


@final
class StepState:
    """What a step starts from, for each micro-batch, and what its first pass leaves behind.

    A step for which nothing is kept leaves everything as its one pass does, as in plain training.
    """

    def __init__(self) -> None:
        self._starts: list[ForwardState] = []
        self._ended = 0  # starts of earlier parts of the batch: of the first alone
        self._after: ForwardState | None = None

    def keep(self, model: nn.Module | None, parameters: Iterable[Tensor]) -> None:
        """Keep what the first pass over a (micro-)batch starts from."""
        self._starts.append(ForwardState(model, parameters))

    def first_pass_ends(self, model: nn.Module | None, parameters: Iterable[Tensor]) -> None:
        """Keep what the first pass leaves behind."""
        if self._starts:
            self._after = ForwardState(model, parameters)

    def begin_again(self, number: int) -> None:
        """Let a further pass over a micro-batch start as the first one did."""
        self._starts[self._ended + number].restore()

    def part_ends(self) -> None:
        """Let the next part of the batch start where the first pass over this one has ended."""
        if self._after is not None:
            self._after.restore()
        del self._starts[1:]
        self._ended = len(self._starts)

    def undo(self) -> None:
        """Put all back to where the step started from."""
        if self._starts:
            self._starts[0].restore()
        self.__init__()

    def end(self, made: Tensor | bool) -> None:
        """Leave what the first pass left, or the buffers as before where the step is not made.

        Args:
            made: whether it is; a tensor of no dimensions where the host does not learn it.
        """
        if self._after is not None:
            start, after = self._starts[0].modules, self._after.modules
            self._after.random.restore()
            if isinstance(made, Tensor):
                start.restore_unless(made, after)
            else:
                (after if made else start).restore()
        self.__init__()


class RandomState:
    """The state of all generators a forward pass may draw from."""

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


class ModuleState:
    """The values of a model's buffers and averages, and which modules are in training mode.

    Buffers are the running statistics of every kind of batch norm, the observers of quantizers and
    whatever else a forward keeps in one. Averages are moving averages of weights in the model that
    its forward updates, as those of MoCo and BYOL: the frozen parameters of modules with a method
    ``update_parameters``, which PyTorch's ``AveragedModel`` and MMEngine's have.
    """

    def __init__(self, model: nn.Module | None) -> None:
        modules = list(model.modules()) if model is not None else []
        self.training = [(module, module.training) for module in modules]
        self.owners = [
            (module, name, buffer)
            for module in modules
            for name, buffer in module._buffers.items()
            if buffer is not None
        ]
        self.values: dict[tuple, tuple[list[Tensor], list[Tensor]]] = {}
        averages = [m for m in modules if hasattr(type(m), "update_parameters")]
        weights = {id(p): p for m in averages for p in m.parameters() if not p.requires_grad}
        kinds = defaultdict(list)
        for value in [*(buffer for _, _, buffer in self.owners), *weights.values()]:
            kinds[value.device, value.dtype].append(value.detach())
        for kind, buffers in kinds.items():  # one multi-tensor copy for all of a kind
            kept = [torch.empty_like(buffer) for buffer in buffers]
            torch._foreach_copy_(kept, buffers)
            self.values[kind] = buffers, kept

    @torch.no_grad()
    def restore(self) -> None:
        """Put the buffers, the averages and the training modes back."""
        for module, training in self.training:
            if module.training != training:  # setting it costs more
                module.training = training
        for buffers, kept in self.values.values():
            torch._foreach_copy_(buffers, kept)
        for module, name, buffer in self.owners:
            module._buffers[name] = buffer

    @torch.no_grad()
    def restore_unless(self, condition: Tensor, other: ModuleState) -> None:
        """Restore the ``other`` state where the condition holds, this one where it does not.

        The host does not learn which, but for models whose buffers come to have other shapes.

        Args:
            condition: a truth value, a tensor of no dimensions on any device.
            other: a later state of the same model.
        """
        other.restore()
        if [b.shape for _, _, b in self.owners] != [b.shape for _, _, b in other.owners]:
            if not condition:
                self.restore()
            return
        for kind, (_, kept) in self.values.items():
            buffers, values = other.values[kind]
            either = torch.where(condition.to(kind[0]), _flat(values), _flat(kept))
            parts = either.split([b.numel() for b in buffers])
            torch._foreach_copy_(buffers, [part.view(b.shape) for part, b in zip(parts, buffers)])


def _flat(tensors: list[Tensor]) -> Tensor:
    """One tensor for many: one kernel for an operation on all."""
    return torch.cat([t.reshape(-1) for t in tensors])
