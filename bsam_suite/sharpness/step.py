"""One step of a rule: what it starts from, its passes, what they leave behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.optim import Optimizer

from bsam_suite.errors import InputError
from bsam_suite.sharpness.context import Hyperparameters, Memory, RuleContext
from bsam_suite.sharpness.forward_state import ForwardState
from bsam_suite.sharpness.late import SkippedSteps
from bsam_suite.sharpness.parallel import average_gradients, data_parallel, without_sync
from bsam_suite.sharpness.rule import Here, Rule
from bsam_suite.sharpness.vector import Vector
from bsam_suite.sharpness.weights import (
    Weights,
    perturbing,
    set_gradient,
    spoil_gradient,
    take_gradient,
)


class SharpnessStep:
    """Owns a step of ``rule``: both faces of the engine make theirs by it.

    A face calls :meth:`begin` before each forward of the first pass (one for each micro-batch),
    makes that pass inside :meth:`guard`, and ends the step by :meth:`finish`, to which it says how
    a pass is made again. Whatever a pass uses up or changes (weights, buffers, training modes,
    random numbers) is kept and given back here and nowhere else.

    Args:
        rule: the formula.
        optimizer: the base optimizer.
        perturbation: with several processes under DistributedDataParallel, ``"global"`` moves all
            to one point, found with the gradient of the joint batch; every pass shares its
            gradient. ``"local"`` lets each go where its own part of the batch says (m-sharpness in
            the SAM paper, arXiv 2010.01412, with m the batch of one process), and gradients are
            shared once, at the end of the step.
        nonfinite: what to do when the gradient is NaN or infinite: ``"skip"`` the step with a
            warning that counts them, or ``"raise"``. A loss scaler skips such steps itself.
        place: where the values come from, for error messages.

    Raises:
        InputError: an unusable value.
    """

    def __init__(
        self, rule: Rule, optimizer: Optimizer, perturbation: str, nonfinite: str, place: str
    ) -> None:
        if perturbation not in ("global", "local"):
            raise InputError(f"perturbation={perturbation!r} in {place}: give 'global' or 'local'")
        if nonfinite not in ("skip", "raise"):
            raise InputError(f"nonfinite={nonfinite!r} in {place}: give 'skip' or 'raise'")
        self.rule, self.optimizer = rule, optimizer
        self.local, self.nonfinite = perturbation == "local", nonfinite
        self.hyper = Hyperparameters(rule.hyper, rule.check, optimizer, place)
        self.memory, self._weights = Memory(optimizer), Weights()
        self._starts: list[ForwardState] = []
        self._skips, self._known = SkippedSteps(), id(None)

    @property
    def skipped(self) -> int:
        """Steps skipped so far because of a gradient that was not finite."""
        return self._skips.total

    def parameters(self) -> list[Tensor]:
        return [p for group in self.optimizer.param_groups for p in group["params"]]

    def sharing(self, model: nn.Module | None) -> AbstractContextManager:
        """The context of a step's forwards: whether processes share their gradients."""
        return without_sync(model) if self.local else nullcontext()

    @contextmanager
    def guard(self) -> Iterator[None]:
        """An exception inside takes the whole step back, from its first micro-batch on."""
        try:
            yield
        except BaseException:
            self._weights.restore()
            for start in self._starts[:1]:
                start.restore()
            self._starts.clear()
            self.memory.discard()
            self.optimizer.zero_grad()
            raise

    def begin(self, model: nn.Module | None) -> None:
        """Keep what the first pass over a (micro-)batch starts from; its forward comes next.

        Raises:
            InputError: a model whose weights cannot be moved (FSDP 1).
        """
        if id(model) != self._known:
            data_parallel(model)
            self._known = id(model)
        self._starts.append(ForwardState(model, self.parameters()))

    def finish(
        self,
        model: nn.Module | None,
        loss: Tensor,
        again: Sequence[Callable[[], Tensor]],
        make_step: Callable[[], object],
        scaler: GradScaler | None = None,
    ) -> dict[str, Tensor]:
        """Make the further passes and the base optimizer's step, its gradient being in ``p.grad``.

        The host reads no number of the device on the way. Whether to step is left to the loss
        scaler or to a fused base optimizer; others cost that one number.

        Args:
            model: keeps its buffers as the first pass left them.
            loss: of the first pass, a scalar tensor.
            again: for each micro-batch: makes its pass again, forward and backward, and returns
                its share of the loss.
            make_step: steps the base optimizer (through ``scaler``, where there is one).
            scaler: the loss scaler by which the gradients are multiplied.

        Returns:
            The losses by the points' names.

        Raises:
            FloatingPointError: the gradient is not finite, with ``nonfinite="raise"``.
        """
        self.memory.scale = scaler.scale(torch.ones((), device=loss.device)) if scaler else None
        with self.guard():
            after = ForwardState(model, self.parameters())
            losses, finite = self._walk(model, loss, again)
            if self.local and data_parallel(model) is not None:
                spoil_gradient(self.parameters(), unless=finite)
                average_gradients(data_parallel(model))
                finite = Vector([[p.grad for p in self.parameters()]]).norm().isfinite()
        start = self._starts[0]
        self._starts.clear()
        after.random.restore()
        fused = getattr(self.optimizer, "_step_supports_amp_scaling", False)
        if scaler is not None or (fused and self.nonfinite == "skip"):
            start.modules.restore_unless(finite, after.modules)
        elif finite:  # the host has to know
            after.modules.restore()
        else:
            start.modules.restore()
            self._refuse()
            return losses
        with self.memory.step():
            if scaler is not None:
                spoil_gradient(self.parameters(), unless=finite)
                make_step()
            elif fused:
                self._step_if(finite, make_step)
            else:
                make_step()
        self.hyper.steps += 1
        return losses

    @torch.no_grad()
    def _walk(
        self, model: nn.Module | None, loss: Tensor, again: Sequence[Callable[[], Tensor]]
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Visit the points that the rule asks for and leave its gradient in ``p.grad``.

        The weights are back at w then; only a rule that declares it leaves them at its last point.
        When a gradient is not finite all points are visited still: other processes may wait there.

        Returns:
            The losses by the points' names; whether all gradients are finite.
        """
        groups = self.optimizer.param_groups
        params = [group["params"] for group in groups]
        w, hyper, step = self._weights.start(params), self.hyper.read(), self.hyper.steps
        formula = self.rule.gradient(RuleContext(hyper, groups, w, self.memory, step))
        point = next(formula)
        if not isinstance(point, Here):
            raise TypeError(f"{type(self.rule).__name__}.gradient has to begin with yield Here()")
        losses, finite = {point.name: loss.detach().clone()}, None
        try:
            while True:
                gradient = take_gradient(params)
                good = gradient.norm().isfinite()
                finite = good if finite is None else finite & good
                point = formula.send(gradient)
                name = point.name
                self._weights.move(point)
                del point, gradient  # and with them a direction that nobody else needs
                torch.clear_autocast_cache()  # it holds the weights of the pass before
                with torch.enable_grad(), perturbing():
                    losses[name] = self._repeat(model, again)
        except StopIteration as stop:
            gradient = stop.value
        self._weights.restore(unless=finite if self.rule.stays_at_last_point else None)
        set_gradient(params, gradient)
        return losses, finite

    def _repeat(self, model: nn.Module | None, again: Sequence[Callable[[], Tensor]]) -> Tensor:
        """Make a further pass, each micro-batch from where it started, and return its loss."""
        total = 0.0
        for number, (start, make) in enumerate(zip(self._starts, again), 1):
            start.restore()
            with self.sharing(model) if number == len(again) else without_sync(model):
                # Copied: PyTorch's mse_loss keeps the memory of all its summands with its mean.
                total = total + make().detach().clone()
        return total

    def _step_if(self, finite: Tensor, make_step: Callable[[], object]) -> None:
        """Make a fused optimizer's step, which happens or not as the device says."""
        base = self.optimizer
        base.grad_scale, base.found_inf = None, (~finite).float().to(self.parameters()[0].device)
        try:
            make_step()
        finally:
            del base.grad_scale, base.found_inf
        self._skips.add_unless(finite)

    def _refuse(self) -> None:
        """Give up a step whose gradient is not finite, by the policy."""
        self.optimizer.zero_grad()
        self.memory.discard()
        if self.nonfinite == "raise":
            raise FloatingPointError(
                "the gradient is NaN or infinite; weights and buffers are as before the step. "
                "Look for a learning rate or radius that is too large, or bad samples; "
                "nonfinite='skip' passes such steps by"
            )
        self.hyper.steps += 1
        self._skips.add()
