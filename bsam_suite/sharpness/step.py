"""One step of a rule: its passes, what they leave behind, and what happens when one fails."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from torch import Tensor, nn
from torch.optim import Optimizer

from bsam_suite.errors import InputError
from bsam_suite.sharpness.forward_state import ForwardState, ModuleState
from bsam_suite.sharpness.home import Home
from bsam_suite.sharpness.memory import Memory
from bsam_suite.sharpness.parallel import average_gradients, data_parallel, without_sync
from bsam_suite.sharpness.rule import Rule
from bsam_suite.sharpness.vector import Vector
from bsam_suite.sharpness.walk import walk


class SharpnessStep:
    """Finds the gradient for ``optimizer``'s next step by ``rule``; both faces share it.

    Args:
        rule: the formula. Its hyperparameters are put in the optimizer's parameter groups.
        optimizer: the base optimizer.
        perturbation: with several processes under DistributedDataParallel, ``"global"`` moves all
            to one point, found with the gradient of the joint batch; every pass shares its
            gradient. ``"local"`` lets each go where its own part of the batch says (m-sharpness in
            the SAM paper, arXiv 2010.01412, with m the batch of one process), and gradients are
            shared once, at the end of the step.
        nonfinite: what to do when the gradient is NaN or infinite: ``"skip"`` the step with a
            warning that counts them, or ``"raise"``.
        place: where the values come from, for error messages.
        scale: see :class:`Memory`.

    Raises:
        InputError: an unusable value.
    """

    def __init__(
        self,
        rule: Rule,
        optimizer: Optimizer,
        perturbation: str,
        nonfinite: str,
        place: str,
        scale: Callable[[], float] = lambda: 1.0,
    ) -> None:
        if perturbation not in ("global", "local"):
            raise InputError(f"perturbation={perturbation!r} in {place}: give 'global' or 'local'")
        if nonfinite not in ("skip", "raise"):
            raise InputError(f"nonfinite={nonfinite!r} in {place}: give 'skip' or 'raise'")
        rule.enter(optimizer.param_groups, f"a parameter group of {place}")
        self.rule, self.optimizer = rule, optimizer
        self.local, self.nonfinite = perturbation == "local", nonfinite
        self.memory, self.home = Memory(optimizer, scale), Home()
        #: Steps skipped so far because of a gradient that was not finite.
        self.skipped = 0

    def parameters(self) -> list[Tensor]:
        return [p for group in self.optimizer.param_groups for p in group["params"]]

    def passes(self, model: nn.Module | None) -> AbstractContextManager:
        """The context of all passes of a step."""
        return without_sync(model) if self.local else nullcontext()

    def gradient(
        self, model: nn.Module | None, evaluate: Callable[[bool], Tensor], start: ModuleState
    ) -> tuple[dict[str, Tensor], bool]:
        """Leave the rule's gradient in ``p.grad``, and the model as its first pass left it.

        Args:
            model: keeps its buffers where the first pass left them.
            evaluate: as :func:`walk`'s.
            start: of the model before the first pass. It goes back there if a pass raises or a
                gradient is not finite.

        Returns:
            The losses by the points' names; whether the gradient is finite.
        """
        after = []

        def visit(here: bool) -> Tensor:
            loss = evaluate(here)
            if here:
                after.append(ForwardState(model, self.parameters()))
            return loss

        parallel = data_parallel(model)
        try:
            with self.passes(model):
                losses, finite = walk(
                    self.rule, self.optimizer.param_groups, visit, self.memory, self.home
                )
            if self.local and parallel is not None:
                average_gradients(parallel)
                grads = Vector([[p.grad for p in self.parameters()]])
                finite = math.isfinite(grads.norm())
        except BaseException:
            start.restore()
            self.optimizer.zero_grad()
            self.memory.discard()
            raise
        after[0].restore()
        if not finite:
            start.restore()
        return losses, finite

    def refuse(self) -> None:
        """Give up a step whose gradient is not finite, by the policy.

        Raises:
            FloatingPointError: with ``nonfinite="raise"``.
        """
        self.optimizer.zero_grad()
        self.memory.discard()
        if self.nonfinite == "raise":
            raise FloatingPointError(
                "the gradient is NaN or infinite; weights and buffers are as before the step. "
                "Look for a learning rate or radius that is too large, or bad samples; "
                "nonfinite='skip' passes such steps by"
            )
        self.skipped += 1
        if self.skipped & (self.skipped - 1) == 0:  # 1, 2, 4, 8, ... : a diverged run stays legible
            warnings.warn(
                f"a step was skipped, its gradient being NaN or infinite ({self.skipped} so far)",
                RuntimeWarning,
                stacklevel=3,
            )
