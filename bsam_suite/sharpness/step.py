"""One step of a rule: what it starts from, its passes, what they leave behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial, reduce

import torch
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.optim import Optimizer

from bsam_suite.errors import InputError
from bsam_suite.sharpness.context import Hyperparameters, Memory, RuleContext
from bsam_suite.sharpness.forward_state import StepState
from bsam_suite.sharpness.late import SkippedSteps, step_if
from bsam_suite.sharpness.parallel import (
    average_gradients,
    average_kept,
    data_parallel,
    without_sync,
)
from bsam_suite.sharpness.rule import Rule
from bsam_suite.sharpness.vector import Vector
from bsam_suite.sharpness.visits import Found, Visits, count_passes
from bsam_suite.sharpness.weights import Weights, set_gradient, spoil_gradient, take_gradient

Again = Sequence[Callable[[bool], Tensor]]


class SharpnessStep:
    """Owns a step of ``rule``: both faces of the engine make theirs by it.

    A face makes the forwards of the first pass (one for each micro-batch) inside
    :meth:`first_pass`, calls :meth:`begin` before each, and ends the step by :meth:`finish`, to
    which it says how a pass is made again; all of it inside :meth:`guard`. What a pass uses up or
    changes (weights, buffers, training modes, random numbers) is kept and given back here alone.
    Whether further passes may follow is known before the first one, from the hyperparameters as
    they stand then; if none may, nothing is kept for them.

    Args:
        rule: the formula.
        optimizer: the base optimizer.
        perturbation: with several processes under DistributedDataParallel, ``"global"`` moves all
            to one point, found with the gradient of the joint batch; every pass shares its
            gradient. ``"local"`` lets each go where its own part of the batch says (m-sharpness in
            the SAM paper, arXiv 2010.01412, with m the batch of one process), and gradients are
            shared once, at the end of the step, and so is what the rule keeps.
        nonfinite: what to do when the gradient is NaN or infinite: ``"skip"`` the step with a
            warning that counts them, or ``"raise"``. A loss scaler skips such steps itself.
        place: where the values come from, for error messages.
        rho_warmup: the number of steps in which the radii rise linearly to their values.

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
        rho_warmup: int = 0,
    ) -> None:
        if perturbation not in ("global", "local"):
            raise InputError(f"perturbation={perturbation!r} in {place}: give 'global' or 'local'")
        if nonfinite not in ("skip", "raise"):
            raise InputError(f"nonfinite={nonfinite!r} in {place}: give 'skip' or 'raise'")
        self.rule, self.optimizer = rule, optimizer
        self.local, self.nonfinite = perturbation == "local", nonfinite
        self.hyper = Hyperparameters(rule, optimizer, place, rho_warmup)
        self.memory, self._weights, self._state = Memory(optimizer), Weights(), StepState()
        self._skips, self._known = SkippedSteps(), id(None)
        self._visits: list[Visits] = []  # of the step under way, which has one
        self._found: Found | None = None  # in the parts of its batch that have ended

    @property
    def skipped(self) -> int:
        """Steps skipped so far because of a gradient that was not finite."""
        return self._skips.total

    def parameters(self) -> list[Tensor]:
        return [p for group in self.optimizer.param_groups for p in group["params"]]

    @contextmanager
    def guard(self) -> Iterator[None]:
        """An exception inside takes the whole step back, from its first micro-batch on."""
        try:
            yield
        except BaseException:
            self._weights.restore()
            self._state.undo()
            self._visits, self._found = [], None
            self.memory.new.clear()
            self.optimizer.zero_grad()
            raise

    @contextmanager
    def first_pass(self, model: nn.Module | None) -> Iterator[None]:
        """The context of a step's forwards at its first point."""
        with torch.no_grad():
            if not self._visits:
                self._visits.append(self._plan())
            self._visits[0].go_to_first()
        with self._sharing(model):
            yield

    def _plan(self) -> Visits:
        groups, hyper = self.optimizer.param_groups, self.hyper.read()
        w = self._weights.start([group["params"] for group in groups])
        h = RuleContext(hyper, groups, w, self.memory, self.hyper.steps)
        return Visits(self.rule, h, self._weights)

    def _sharing(self, model: nn.Module | None) -> AbstractContextManager:
        """Whether processes share their gradients."""
        return without_sync(model) if self.local else nullcontext()

    def begin(self, model: nn.Module | None) -> bool:
        """Keep what the first pass over a (micro-)batch starts from; its forward comes next.

        Returns:
            Whether further passes may follow.

        Raises:
            InputError: a model whose weights cannot be moved (FSDP 1).
        """
        if id(model) != self._known:
            data_parallel(model)
            self._known = id(model)
        further = self._visits[0].further
        if further:
            self._state.keep(model, self.parameters())
        return further

    def pause(self) -> None:
        """Bring the weights back to w until the next micro-batch."""
        self._weights.restore()

    def part(
        self,
        model: nn.Module | None,
        loss: Tensor,
        again: Callable[[bool], Tensor],
        scaler: GradScaler | None = None,
    ) -> None:
        """End the passes over a part of the batch, perturbed by itself; see :meth:`finish`."""
        with self.guard():
            if self.rule.stays_at_last_point:
                raise InputError("start='released' does not go with parts of a batch: leave it out")
            losses, finite = self._follow(model, loss, [again], scaler)
            gradient, kept = take_gradient(self._weights.params), dict(self.memory.new)
            found = Found(gradient, losses, finite, kept)
            self.memory.new.clear()
            self._state.part_ends()
            self._found = found if self._found is None else self._found.add(found)

    def finish(
        self,
        model: nn.Module | None,
        loss: Tensor,
        again: Again,
        make_step: Callable[[], object],
        scaler: GradScaler | None = None,
    ) -> dict[str, Tensor]:
        """Make the further passes and the base optimizer's step, its gradient being in ``p.grad``.

        Whether to step is left to the loss scaler or to a fused base optimizer; others cost the
        host that one number.

        Args:
            model: keeps its buffers as the first pass left them.
            loss: of the first pass, a scalar tensor.
            again: for each micro-batch: makes its pass again, forward and backward, or (True) one
                over its auxiliary batch; returns its share of the loss. Not called after parts.
            make_step: steps the base optimizer (through ``scaler``, where there is one).
            scaler: the loss scaler by which the gradients are multiplied.

        Returns:
            The losses by the points' names.

        Raises:
            FloatingPointError: the gradient is not finite, with ``nonfinite="raise"``.
        """
        parallel = data_parallel(model) if self.local else None
        with self.guard():
            if self._found is None:
                losses, finite = self._follow(model, loss, again, scaler)
            else:
                found, self._found = self._found, None
                losses, finite = found.losses, found.finite
                set_gradient(self._weights.params, found.gradient)
                self.memory.new.update(found.kept)
            if parallel is not None:
                spoil_gradient(self.parameters(), unless=finite)
                average_gradients(parallel)
                finite = Vector([[p.grad for p in self.parameters()]]).norm().isfinite()
                average_kept(parallel, self._weights.params, self.memory.new)
        fused = getattr(self.optimizer, "_step_supports_amp_scaling", False)
        device_decides = scaler is not None or (fused and self.nonfinite == "skip")
        made = finite if device_decides else bool(finite)  # the one number that the host knows
        self._state.end(made)
        if made is False:
            self._refuse()
        else:
            with self.memory.step():
                if scaler is not None:
                    spoil_gradient(self.parameters(), unless=finite)
                    make_step()
                elif device_decides:
                    step_if(finite, self.optimizer, make_step)
                    self._skips.add_unless(finite)
                else:
                    make_step()
        self.hyper.count(count_passes(losses))
        return losses

    def _follow(
        self, model: nn.Module | None, loss: Tensor, again: Again, scaler: GradScaler | None
    ) -> tuple[dict[str, Tensor], Tensor]:
        """The further passes, after the first: see :meth:`Visits.follow`."""
        self.memory.scale = scaler.scale(torch.ones((), device=loss.device)) if scaler else None
        self._state.first_pass_ends(model, self.parameters())
        return self._visits.pop().follow(loss, partial(self._repeat, model, again))

    def _repeat(self, model: nn.Module | None, again: Again, auxiliary: bool) -> Tensor:
        """Make a further pass, each micro-batch from where it started, and return its loss."""
        losses: list[Tensor] = []
        for number, make in enumerate(again):
            self._state.begin_again(number)
            last = number + 1 == len(again)
            with self._sharing(model) if last else without_sync(model):
                # Copied: PyTorch's mse_loss keeps the memory of all its summands with its mean.
                losses.append(make(auxiliary).detach().clone())
        return reduce(torch.add, losses)

    def _refuse(self) -> None:
        """Give up a step whose gradient is not finite, by the policy."""
        self.optimizer.zero_grad()
        self.memory.new.clear()
        if self.nonfinite == "raise":
            raise FloatingPointError(
                "the gradient is NaN or infinite; weights and buffers are as before the step. "
                "Look for a learning rate or radius that is too large, or bad samples; "
                "nonfinite='skip' passes such steps by"
            )
        self._skips.add()
