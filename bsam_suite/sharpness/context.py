"""What a rule reads in a step and keeps from step to step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.optim import Optimizer

from bsam_suite.sharpness.vector import PerGroup, Vector


class Memory:
    """Vectors by name, kept in ``optimizer.state`` and so in its checkpoints.

    ``memory[name]`` is the vector kept in an earlier step (do not change it in place), with
    ``None`` for parameters that have none yet. ``memory[name] = vector`` is kept when the
    optimizer makes its step: not if the step is skipped, nor before the optimizer has set up its
    own state, which many optimizers do only where they find none.

    Args:
        optimizer: the base optimizer.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        #: The loss scale by which the gradients of the step are multiplied, a tensor of no
        #: dimensions; None for 1. What is kept is kept unscaled.
        self.scale: Tensor | None = None
        self._new: dict[str, Vector] = {}

    def __getitem__(self, name: str) -> Vector:
        state = self.optimizer.state
        groups = [group["params"] for group in self.optimizer.param_groups]
        kept = Vector([state[p].get(name) if p in state else None for p in ps] for ps in groups)
        return kept if self.scale is None else kept * self.scale

    def __setitem__(self, name: str, vector: Vector) -> None:
        self._new[name] = vector

    @contextmanager
    def step(self) -> Iterator[None]:
        """Keep what is new when the optimizer makes its step inside, and forget it if not."""
        handle = self.optimizer.register_step_post_hook(self._keep)
        try:
            yield
        finally:
            handle.remove()
            self.discard()

    def discard(self) -> None:
        """Forget what the step that is under way has given."""
        self._new.clear()

    def _keep(self, *_: object) -> None:
        # Fused optimizers skip a step inside of it, as this number of the device says.
        skipped = getattr(self.optimizer, "found_inf", None)
        for name, vector in self._new.items():
            if self.scale is not None:
                vector = vector * (1 / self.scale)
            for group, tensors in zip(self.optimizer.param_groups, vector.groups):
                for p, t in zip(group["params"], tensors):
                    if t is not None:
                        self._put(self.optimizer.state[p], name, t, skipped)

    @staticmethod
    def _put(state: dict, name: str, new: Tensor, skipped: Tensor | None) -> None:
        if skipped is None:
            state[name] = new
        elif name in state:
            state[name] = torch.where(skipped.to(new.device) == 0, new, state[name])
        elif skipped == 0:  # the one time that the host has to know
            state[name] = new


STEPS = "rule_steps"
"""Where the first parameter group counts the steps."""


class Hyperparameters:
    """A rule's hyperparameters in the optimizer's parameter groups.

    They stand there under their names, and as ``rule_NAME`` where the base optimizer has a
    hyperparameter NAME itself.

    Args:
        values: for groups that do not set their own.
        check: refuses the name, value and place of one that is not usable.
        optimizer: the base optimizer.
        place: where the values come from, for error messages.

    Raises:
        InputError: one that a group sets is not usable.
    """

    def __init__(
        self,
        values: Mapping[str, float],
        check: Callable[[str, float, str], None],
        optimizer: Optimizer,
        place: str,
    ) -> None:
        self.values, self.check, self.optimizer, self.place = values, check, optimizer, place
        own = getattr(optimizer, "defaults", {})
        self.keys = {name: f"rule_{name}" if name in own else name for name in values}
        self.enter(optimizer.param_groups)

    def enter(self, groups: Sequence[dict]) -> None:
        """Put them in the groups that do not set their own.

        Raises:
            InputError: one that a group sets is not usable.
        """
        for group in groups:
            for name, key in self.keys.items():
                value = group.setdefault(key, self.values[name])
                self.check(name, value, f"a parameter group of {self.place}")

    def load(self, load_groups: Callable[[], object]) -> None:
        """Let ``load_groups`` replace the groups.

        Those that lack the hyperparameters, as in another optimizer's state, keep what they had.
        """
        keys, groups = self.keys.values(), self.optimizer.param_groups
        had = [{key: group[key] for key in keys} for group in groups]
        load_groups()
        for group, own in zip(self.optimizer.param_groups, had):
            group.update({key: value for key, value in own.items() if key not in group})
        self.enter(self.optimizer.param_groups)

    def read(self) -> dict[str, PerGroup]:
        """The values by name, as they stand now."""
        groups = self.optimizer.param_groups
        return {name: PerGroup(g[key] for g in groups) for name, key in self.keys.items()}

    @property
    def steps(self) -> int:
        """How many steps were made, those of a resumed run and skipped ones included."""
        return self.optimizer.param_groups[0].get(STEPS, 0)

    @steps.setter
    def steps(self, steps: int) -> None:
        self.optimizer.param_groups[0][STEPS] = steps


class RuleContext:
    """What a rule reads in a step; its hyperparameters are attributes, each a :class:`PerGroup`.

    Args:
        hyper: the hyperparameters as they stand in the parameter groups.
        groups: the base optimizer's parameter groups.
        w: the weights, to read.
        memory: what the rule keeps from step to step.
        step: how many steps were made before this one, those of a resumed run and those that were
            skipped included.

    Attributes:
        lr: the learning rate.
        lr_fraction: the learning rate over the largest one of its schedule, from 0 to 1: over the
            one that the scheduler began with, or the ``max_lr`` of OneCycleLR; 1 where it is
            larger than these, or where no scheduler has recorded any.
    """

    def __init__(
        self,
        hyper: Mapping[str, PerGroup],
        groups: Sequence[Mapping],
        w: Vector,
        memory: Memory,
        step: int,
    ) -> None:
        self.lr = PerGroup(group["lr"] for group in groups)
        self.lr_fraction = PerGroup(map(_lr_fraction, groups))
        self.w, self.memory, self.step = w, memory, step
        vars(self).update(hyper)

    def __getattr__(self, name: str) -> PerGroup:
        raise AttributeError(f"a rule's context has no {name!r}; it has {sorted(vars(self))}")


RESERVED = ("lr", "lr_fraction", "w", "memory", "step")
"""What is no hyperparameter in a rule's context."""


def _lr_fraction(group: Mapping) -> float:
    lr = group["lr"]
    peak = max(group.get("initial_lr", lr), group.get("max_lr", lr))
    return min(lr / peak, 1.0) if peak else 1.0  # a rate that is 0 throughout has nothing to follow
