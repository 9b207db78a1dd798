"""What a rule keeps from step to step."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch.optim import Optimizer

from bsam_suite.sharpness.vector import Vector


class Memory:
    """Vectors by name, kept in ``optimizer.state`` and so in its checkpoints.

    ``memory[name]`` is the vector kept in an earlier step (do not change it in place), with
    ``None`` for parameters that have none yet. ``memory[name] = vector`` is kept when the
    optimizer makes its step: not if the step is skipped, nor before the optimizer has set up its
    own state, which many optimizers do only where they find none.

    Args:
        optimizer: the base optimizer.
        scale: the number by which the gradients of this step are multiplied (a loss scale). What is
            kept is kept unscaled.
    """

    def __init__(self, optimizer: Optimizer, scale: Callable[[], float] = lambda: 1.0) -> None:
        self.optimizer, self.scale = optimizer, scale
        self._new: dict[str, Vector] = {}
        self._hook = None

    def __getitem__(self, name: str) -> Vector:
        state, scale = self.optimizer.state, self.scale()
        groups = [group["params"] for group in self.optimizer.param_groups]
        kept = Vector([state[p].get(name) if p in state else None for p in ps] for ps in groups)
        return kept if scale == 1 else kept * scale

    def __setitem__(self, name: str, vector: Vector) -> None:
        self._hook = self._hook or self.optimizer.register_step_post_hook(self._keep)
        self._new[name] = vector

    def discard(self) -> None:
        """Forget what the step that is under way has given."""
        self._new.clear()

    def _keep(self, *_: object) -> None:
        scale = self.scale()
        for name, vector in self._new.items():
            if scale != 1:
                if not math.isfinite(vector.norm()):  # fused optimizers skip a step inside of it
                    continue
                vector = vector * (1 / scale)
            for group, tensors in zip(self.optimizer.param_groups, vector.groups):
                for p, t in zip(group["params"], tensors):
                    if t is not None:
                        self.optimizer.state[p][name] = t
        self._new.clear()
