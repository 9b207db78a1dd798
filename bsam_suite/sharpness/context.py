"""What a rule reads in a step and keeps from step to step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.optim import Optimizer

from bsam_suite.errors import InputError
from bsam_suite.sharpness.vector import PerGroup, Vector

if TYPE_CHECKING:
    from bsam_suite.sharpness.rule import Rule


class Memory:
    """Vectors and numbers by name, kept in ``optimizer.state`` and so in its checkpoints.

    ``memory[name]`` is the vector kept in an earlier step (do not change it in place), with
    ``None`` for parameters that have none yet; ``memory.number(name)`` is the number. What is given
    by ``memory[name] = ...`` has to be as large as gradients are, such as their norms: it is kept
    unscaled. It is kept when the optimizer makes its step: not if the step is skipped, nor before
    the optimizer has set up its own state, which many optimizers do only where they find none.

    Args:
        optimizer: the base optimizer.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        #: The loss scale by which the gradients of the step are multiplied, a tensor of no
        #: dimensions; None for 1. What is kept is kept unscaled.
        self.scale: Tensor | None = None
        #: What the step under way has given.
        self.new: dict[str, Vector | Tensor] = {}

    def _kept(self, name: str) -> list[list[Tensor | None]]:
        state = self.optimizer.state
        groups = [group["params"] for group in self.optimizer.param_groups]
        return [[state[p].get(name) if p in state else None for p in ps] for ps in groups]

    def __contains__(self, name: str) -> bool:
        state = self.optimizer.state
        groups = self.optimizer.param_groups
        params = (p for group in groups for p in group["params"] if p in state)
        return any(state[p].get(name) is not None for p in params)

    def __getitem__(self, name: str) -> Vector:
        kept = Vector(self._kept(name))
        return kept if self.scale is None else kept * self.scale

    def number(self, name: str) -> Tensor:
        """The number of this name, a tensor of no dimensions.

        Raises:
            KeyError: none was kept.
        """
        for kept in (t for group in self._kept(name) for t in group if t is not None):
            return kept if self.scale is None else kept * self.scale
        raise KeyError(name)

    def __setitem__(self, name: str, value: Vector | Tensor) -> None:
        self.new[name] = value

    def free(self, name: str) -> None:
        """Give up the vector of this name, for one that this step shall find."""
        for state in self.optimizer.state.values():
            if name in state:
                state[name] = None

    @contextmanager
    def step(self) -> Iterator[None]:
        """Keep what is new when the optimizer makes its step inside, and forget it if not."""
        handle = self.optimizer.register_step_post_hook(self._keep)
        try:
            yield
        finally:
            handle.remove()
            self.new.clear()

    def _keep(self, *_: object) -> None:
        # Fused optimizers skip a step inside of it, as this number of the device says.
        skipped = getattr(self.optimizer, "found_inf", None)
        for name, value in self.new.items():
            if self.scale is not None:
                value = value * (1 / self.scale)
            for p, t in self._places(name, value):
                self._put(self.optimizer.state[p], name, t, skipped)

    def _places(self, name: str, value: Vector | Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """The parameters in whose state ``value`` is kept, each with its part of it."""
        params = [p for group in self.optimizer.param_groups for p in group["params"]]
        if isinstance(value, Vector):
            parts = [t for group in value.groups for t in group]
            yield from ((p, t) for p, t in zip(params, parts) if t is not None)
            return
        # A number stands with the first parameter that steps, in the type that loading casts it to.
        place = next(p for p in params if p.grad is not None)
        for p in params:
            if p is not place and p in self.optimizer.state:
                self.optimizer.state[p].pop(name, None)
        yield place, value.to(place.device, place.real.dtype)

    @staticmethod
    def _put(state: dict, name: str, new: Tensor, skipped: Tensor | None) -> None:
        if skipped is None:
            state[name] = new
        elif name in state:
            old = 0.0 if state[name] is None else state[name]
            state[name] = torch.where(skipped.to(new.device) == 0, new, old)
        elif skipped == 0:  # the one time that the host has to know
            state[name] = new


# What stands in the first parameter group: the steps and passes made, and what a run is begun with.
STEPS, PASSES, PERIOD, WARMUP = "rule_steps", "rule_passes", "rule_k", "rho_warmup"


class Hyperparameters:
    """A rule's hyperparameters in the optimizer's parameter groups.

    They stand there under their names, and as ``rule_NAME`` where the base optimizer has a
    hyperparameter NAME itself.

    Args:
        rule: has values for groups that do not set their own, and refuses unusable ones.
        optimizer: the base optimizer.
        place: where the values come from, for error messages.
        rho_warmup: the number of steps in which the radii rise linearly to their values.

    Raises:
        InputError: one that a group sets is not usable, or so is ``rho_warmup``.
    """

    def __init__(self, rule: Rule, optimizer: Optimizer, place: str, rho_warmup: int) -> None:
        self.rule, self.optimizer, self.place = rule, optimizer, place
        own = getattr(optimizer, "defaults", {})
        self.keys = {name: f"rule_{name}" if name in own else name for name in rule.hyper}
        rule.check_warmup(rho_warmup, place)
        first = optimizer.param_groups[0]
        first.update({PERIOD: rule.k, WARMUP: rho_warmup})
        self.enter(optimizer.param_groups)

    def enter(self, groups: Sequence[dict]) -> None:
        """Put them in the groups that do not set their own.

        Raises:
            InputError: one that a group sets is not usable.
        """
        for group in groups:
            for name, key in self.keys.items():
                value = group.setdefault(key, self.rule.hyper[name])
                self.rule.check(name, value, f"a parameter group of {self.place}")

    def load(self, state: Mapping, load_groups: Callable[[], object]) -> None:
        """Let ``load_groups`` replace the groups by those of the optimizer's ``state``.

        Those that lack the hyperparameters, as in another optimizer's state, keep what they had.

        Raises:
            InputError: the state is of a rule that visits its points in other steps.
        """
        k, there = self.rule.k, state["param_groups"][0].get(PERIOD)
        if there not in (None, k):
            raise InputError(
                f"k={k} in {self.place}: the loaded state is of a run with k={there}, whose steps "
                f"reuse what was found every {there}; give k={there} or begin a new run"
            )
        keys, groups = [*self.keys.values(), PERIOD, WARMUP], self.optimizer.param_groups
        had = [{key: group[key] for key in keys if key in group} for group in groups]
        load_groups()
        for group, own in zip(self.optimizer.param_groups, had):
            group.update({key: value for key, value in own.items() if key not in group})
        self.enter(self.optimizer.param_groups)

    def read(self) -> dict[str, PerGroup]:
        """The values by name, as they stand now; radii as the warm-up has them."""
        groups = self.optimizer.param_groups
        found = {name: PerGroup(g[key] for g in groups) for name, key in self.keys.items()}
        warmup = groups[0].get(WARMUP, 0)
        if self.steps + 1 < warmup:
            risen = (self.steps + 1) / warmup
            found |= {name: found[name] * risen for name in self.rule.radius_names}
        return found

    @property
    def steps(self) -> int:
        """How many steps were made, those of a resumed run and skipped ones included."""
        return self.optimizer.param_groups[0].get(STEPS, 0)

    @property
    def passes_per_step(self) -> float:
        """How many passes they have made on average; 1 before the first."""
        return self.optimizer.param_groups[0].get(PASSES, 1) / max(self.steps, 1)

    def count(self, passes: float) -> None:
        """A step of so many passes was made."""
        first = self.optimizer.param_groups[0]
        first.update({STEPS: self.steps + 1, PASSES: first.get(PASSES, 0) + passes})


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
