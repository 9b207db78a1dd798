"""Catch the forward of an unmodified model, to run it again at other weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_iter, tree_map

from bsam_suite.errors import InputError


class Replay:
    """One forward of ``model``: its arguments and its output.

    Made by :func:`capture`. Containers (dict, list, tuple) are copied when the forward starts, so a
    model may take its arguments apart; a model that changes an input tensor in place is refused,
    since its second pass would see other data.
    """

    def __init__(self, model: nn.Module, starts: Callable[[nn.Module], object]) -> None:
        self.model, self._starts = model, starts
        self.calls = 0
        self.losses = None

    def _before(self, model: nn.Module, args: tuple, kwargs: dict) -> None:
        self.calls += 1
        self.arguments = tree_map(lambda leaf: leaf, (args, kwargs))
        self.versions = [t._version for t in self._tensors()]
        self._starts(model)

    def _after(self, model: nn.Module, args: tuple, output) -> None:
        self.losses = output

    def _tensors(self) -> list[Tensor]:
        leaves = tree_iter(self.arguments)
        return [t for t in leaves if isinstance(t, Tensor) and not t.is_inference()]

    def parse(self, losses) -> Tensor:
        """The scalar that ``train_step`` makes of the forward's output."""
        model: Any = getattr(self.model, "module", self.model)
        return model.parse_losses(losses)[0]

    def check_calls(self) -> None:
        """Make sure that there is one forward to replay.

        Raises:
            InputError: the model called forward not exactly once.
        """
        if self.calls != 1:
            raise InputError(
                f"{self.name}.train_step calls the model {self.calls} times inside "
                "optim_context. A sharpness-aware wrapper replays exactly one forward a step: "
                "compute all losses in one forward, or train this model with OptimWrapper. "
                "(Models with several optimizers, as in an OptimWrapperDict, call their parts "
                "instead of themselves: they cannot be replayed.)"
            )

    def losses_of(self, loss: Tensor) -> Tensor:
        """The loss that a replay computes and ``loss``, shape (2,), on the device."""
        with torch.no_grad():
            expected = self.parse(self.losses)
        self.losses = None
        return torch.stack([expected, loss])

    @property
    def name(self) -> str:
        """Of the model's class."""
        return type(getattr(self.model, "module", self.model)).__name__

    def __call__(self) -> Tensor:
        """Run the forward again: same arguments, weights as they are now."""
        if [t._version for t in self._tensors()] != self.versions:
            raise InputError(
                f"{self.name}.forward changes an input tensor in place, so a further pass would "
                "see other data: let it work on a copy (tensor.clone())"
            )
        args, kwargs = tree_map(lambda leaf: leaf, self.arguments)
        return self.parse(self.model(*args, **kwargs))


@contextmanager
def capture(model: nn.Module, starts: Callable[[nn.Module], object]) -> Iterator[Replay]:
    """Watch ``model`` while its forward runs inside; ``starts(model)`` is called before it."""
    replay = Replay(model, starts)
    before = model.register_forward_pre_hook(replay._before, with_kwargs=True)
    after = model.register_forward_hook(replay._after)
    try:
        yield replay
    finally:
        before.remove()
        after.remove()
