"""Sharpness-aware rules for a plain PyTorch loop."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from bsam_suite.sharpness.forward_state import RandomState, frozen_buffers
from bsam_suite.sharpness.memory import Memory
from bsam_suite.sharpness.rule import Here, Point, Rule
from bsam_suite.sharpness.walk import walk


class SharpnessOptimizer(Optimizer):
    """Step a PyTorch optimizer along the gradient of a sharpness-aware rule.

    Takes the place of ``base_optimizer`` in a loop that gives ``step`` a closure. Learning-rate
    schedulers are built on it; parameter groups and state are the base optimizer's own.

    Args:
        base_optimizer: any optimizer of ``torch.optim``.
        rule: e.g. ``BSAM(rho=0.05, rho_min=0.05)``.
        model: keeps the model's buffers, such as batch-norm statistics, from being updated by the
            further passes. Needed for models that have batch norm.

    Raises:
        InputError: a hyperparameter in a parameter group is unusable, such as a negative radius.

    Example:
        >>> base = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> optimizer = SharpnessOptimizer(base, BSAM(), model)
        >>> def closure():
        ...     optimizer.zero_grad()
        ...     loss = criterion(model(x), y)
        ...     loss.backward()
        ...     return loss
        >>> loss = optimizer.step(closure)
    """

    def __init__(
        self, base_optimizer: Optimizer, rule: Rule, model: nn.Module | None = None
    ) -> None:
        rule.enter(base_optimizer.param_groups, "a parameter group")
        super().__init__(base_optimizer.param_groups, base_optimizer.defaults)
        self.base_optimizer, self.rule, self.model = base_optimizer, rule, model
        #: Losses of the last step by the names of the points visited (``loss``, ``loss_max``, ...).
        self.losses: dict[str, Tensor] = {}
        self._memory = Memory(base_optimizer)
        self._share()

    def _share(self) -> None:
        self.param_groups, self.state = self.base_optimizer.param_groups, self.base_optimizer.state

    def step(self, closure: Callable[[], Tensor]) -> Tensor:
        """Make one step. ``closure`` zeroes gradients, computes the loss, calls backward.

        Returns:
            The loss at the weights before the step.
        """
        closure = torch.enable_grad()(closure)
        random_state = RandomState(p for group in self.param_groups for p in group["params"])
        first = closure()

        def evaluate(point: Point) -> Tensor:
            if isinstance(point, Here):
                return first
            random_state.restore()
            return closure()

        with frozen_buffers(self.model) if self.model is not None else nullcontext():
            self.losses = walk(self.rule, self.param_groups, evaluate, self._memory)
        self.base_optimizer.step()
        return first

    def zero_grad(self, set_to_none: bool = True) -> None:
        """As the base optimizer's."""
        self.base_optimizer.zero_grad(set_to_none)

    def state_dict(self) -> dict:
        """The base optimizer's state, with the rule's hyperparameters and what it keeps."""
        return self.base_optimizer.state_dict()

    def load_state_dict(self, state_dict: dict) -> None:
        """Load what :meth:`state_dict` gave."""
        self.base_optimizer.load_state_dict(state_dict)
        self._share()
