"""Catch the forward of an unmodified model, to run it again at other weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_iter, tree_map

from bsam_suite.engine.split import Arguments, split_arguments, split_auxiliary
from bsam_suite.errors import InputError
from bsam_suite.sharpness import Late


class Replay:
    """One forward of ``model``: its arguments and its output.

    Made by :func:`capture`. Containers (dict, list, tuple) are copied when the forward starts, so a
    model may take its arguments apart; a model that changes an input tensor in place is refused,
    since its second pass would see other data. Where no further pass may follow, nothing is held,
    and the whole batch goes through the model also where a rule asks for an auxiliary batch.
    """

    def __init__(
        self,
        model: nn.Module,
        starts: Callable[[nn.Module], bool],
        m: int | None,
        auxiliary: bool,
    ) -> None:
        self.model, self._starts, self._m, self._splits_off = model, starts, m, auxiliary
        #: With m: the forwards of all other parts of the batch, to be run after this one.
        self.others: list[Replay] = []
        #: Whether it may be run again.
        self.needed = False
        self.calls = 0
        self.losses = None

    def _before(self, model: nn.Module, args: tuple, kwargs: dict) -> Arguments:
        self.calls += 1
        self.needed = self._starts(model)
        parts = split_arguments(args, kwargs, self._m) if self._m else [(args, kwargs)]
        for part in parts[1:]:
            other = Replay(model, self._starts, None, self._splits_off and self.needed)
            other._hold(part)
            self.others.append(other)
        return self._hold(parts[0]) if self.needed else parts[0]

    def _hold(self, arguments: Arguments) -> Arguments:
        """Keep them, and return those that the forward is to be given."""
        self.auxiliary: Arguments | None = None
        if self._splits_off:
            arguments, self.auxiliary = split_auxiliary(*arguments)
        self.arguments = tree_map(lambda leaf: leaf, arguments)
        self.versions = [t._version for t in self._tensors()]
        return arguments

    def _after(self, model: nn.Module, args: tuple, output) -> None:
        self.losses = output

    def _tensors(self) -> list[Tensor]:
        leaves = tree_iter((self.arguments, self.auxiliary))
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

    def __call__(self, auxiliary: bool = False) -> Tensor:
        """Run the forward again, or that of the auxiliary batch, at the weights as they are now."""
        if [t._version for t in self._tensors()] != self.versions:
            raise InputError(
                f"{self.name}.forward changes an input tensor in place, so a further pass would "
                "see other data: let it work on a copy (tensor.clone())"
            )
        args, kwargs = tree_map(lambda leaf: leaf, self.auxiliary if auxiliary else self.arguments)
        return self.parse(self.model(*args, **kwargs))


class FirstPass(NamedTuple):
    """A first pass over one (micro-)batch: how to repeat it, its share of the step's loss."""

    replay: Replay
    share: float
    loss: Tensor


class LossCheck:
    """Refuses what a replay would not repeat: the first step at once, others a step later.

    By then the host can know a step's losses without waiting for the device. Steps after the first
    are checked where they may be replayed.
    """

    def __init__(self) -> None:
        self._begun = False
        self._late: list[tuple[str, Late]] = []

    def add(self, replay: Replay, loss: Tensor) -> None:
        """Check the forward that gave the model's ``train_step`` this loss.

        Raises:
            InputError: the model calls its forward not exactly once, or as :meth:`read`.
        """
        if self._begun and not replay.needed:
            return
        replay.check_calls()
        self._late.append((replay.name, Late(replay.losses_of(loss))))
        if not self._begun:
            self.read()

    def read(self) -> None:
        """Look at the losses that have arrived.

        Raises:
            InputError: a loss that a replay does not compute.
        """
        late, self._late = self._late, []
        for name, losses in late:
            self._begun = True
            expected, loss = losses.read().tolist()
            alike = math.isclose(expected, loss, rel_tol=1e-4, abs_tol=1e-8)
            if not alike and not (math.isnan(expected) and math.isnan(loss)):
                raise InputError(
                    f"{name}.train_step hands update_params a loss of {loss:.6g}, but its forward "
                    f"and parse_losses give {expected:.6g}. The further passes replay these two: "
                    "move what train_step adds into forward's losses"
                )


@contextmanager
def capture(
    model: nn.Module,
    starts: Callable[[nn.Module], bool],
    m: int | None = None,
    auxiliary: bool = False,
) -> Iterator[Replay]:
    """Watch ``model`` while its forward runs inside.

    Args:
        model: its forward is run once.
        starts: called with it before; tells whether the forward may have to be run again.
        m: the model is given the first m samples of its batch only.
        auxiliary: the last fifth of what it would be given is kept for an auxiliary batch.

    Raises:
        InputError: the batch cannot be split.
    """
    replay = Replay(model, starts, m, auxiliary)
    before = model.register_forward_pre_hook(replay._before, with_kwargs=True)
    after = model.register_forward_hook(replay._after)
    try:
        yield replay
    finally:
        before.remove()
        after.remove()
