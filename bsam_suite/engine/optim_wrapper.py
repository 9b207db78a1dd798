"""Optimizer wrappers that train any MMEngine model with a sharpness-aware rule."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import NamedTuple

import torch
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS
from torch import Tensor, nn
from torch.optim import Optimizer

from bsam_suite.engine.registry import RULES
from bsam_suite.engine.replay import Replay, capture
from bsam_suite.errors import InputError
from bsam_suite.sharpness import BSAM, Rule, SharpnessStep, without_sync


@OPTIM_WRAPPERS.register_module()
class SharpnessOptimWrapper(OptimWrapper):
    """Train with a sharpness-aware rule; nothing else of a config or model changes.

    ``train_step`` runs its forward inside :meth:`optim_context`, which keeps the arguments.
    :meth:`update_params` makes the first backward, replays that forward at the further points
    the rule asks for, and gives the base optimizer the rule's gradient. All passes see the same
    dropout masks; buffers such as batch-norm statistics are updated by the first pass only.

    The rule's hyperparameters (``rho``, ...) are put in the optimizer's parameter groups, where
    MMEngine's parameter schedulers can move them and checkpoints keep them. Each step logs
    ``max_sharpness`` L(w_max) - L(w), ``min_sharpness`` L(w) - L(w_min) and ``flatness``
    L(w_max) - L(w_min), as far as the rule visits these points.

    Args:
        optimizer: the base optimizer.
        rule: config of a rule in :data:`RULES`, or a rule.
        amp_dtype: ``"bfloat16"`` or ``"float16"`` runs all forwards under autocast. With
            ``"float16"`` the loss is scaled; a step in which any pass overflows is skipped.
        perturbation: ``"global"`` or ``"local"``: with several processes, whether all move to the
            point of the joint batch or each to its own, see :class:`SharpnessStep`.
        nonfinite: ``"skip"`` a step whose gradient is NaN or infinite, with a counted warning, or
            ``"raise"``. Under ``"float16"`` the loss scaler skips such steps.
        **kwargs: ``accumulative_counts`` and ``clip_grad`` as in MMEngine's ``OptimWrapper``.

    Raises:
        InputError: an unusable hyperparameter, or a model whose ``train_step`` cannot be replayed.

    Example:
        >>> optim_wrapper = dict(
        ...     type='SharpnessOptimWrapper', rule=dict(type='SAM', rho=0.05),
        ...     optimizer=dict(type='SGD', lr=0.1, momentum=0.9))
    """

    def __init__(
        self,
        optimizer: Optimizer,
        rule: dict | Rule,
        amp_dtype: str | None = None,
        perturbation: str = "global",
        nonfinite: str = "skip",
        **kwargs,
    ) -> None:
        super().__init__(optimizer, **kwargs)
        if amp_dtype not in (None, "bfloat16", "float16"):
            raise InputError(
                f"amp_dtype={amp_dtype!r} in optim_wrapper: give 'bfloat16', 'float16' or None"
            )
        self.amp_dtype = getattr(torch, amp_dtype) if amp_dtype else None
        device = optimizer.param_groups[0]["params"][0].device.type
        self.loss_scaler = torch.amp.GradScaler(device, enabled=amp_dtype == "float16")
        rule = RULES.build(rule) if isinstance(rule, dict) else rule
        self._rule_step = SharpnessStep(
            rule,
            optimizer,
            perturbation,
            nonfinite,
            "optim_wrapper",
            lambda: self.loss_scaler.get_scale(),
        )
        if self.base_param_settings is not None:  # a group of MMEngine's own, for schedulers
            rule.enter([self.base_param_settings], "optim_wrapper")
        self._passes: list[_Pass] = []
        self._last: Replay | None = None

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Catch the forward that runs inside, for the further passes."""
        with (
            super().optim_context(model),
            self._rule_step.passes(model),
            self._autocast(model),
            capture(model) as replay,
        ):
            try:
                yield
            except BaseException:
                self._abandon(replay)
                raise
        self._last = replay

    def _autocast(self, model: nn.Module) -> torch.autocast:
        device = next(model.parameters()).device.type
        return torch.autocast(device, self.amp_dtype, enabled=self.amp_dtype is not None)

    def _abandon(self, replay: Replay) -> None:
        """Go back to before this step's first micro-batch."""
        passes, self._passes, self._last = self._passes, [], None
        first = passes[0].replay if passes else replay
        if first.calls:
            first.start.modules.restore()
        self.zero_grad()

    def update_params(
        self, loss: Tensor, step_kwargs: dict | None = None, zero_kwargs: dict | None = None
    ) -> None:
        """Backward of ``loss``; when a step is due, the rule's further passes and the step.

        Raises:
            InputError: the model's ``train_step`` cannot be replayed.
            FloatingPointError: the gradient is not finite, with ``nonfinite="raise"``.
        """
        if self._last is None:
            raise InputError(
                "update_params was called without a forward inside optim_context(model): a "
                "sharpness-aware wrapper needs `with optim_wrapper.optim_context(model):` around "
                "the model's forward"
            )
        replay, self._last = self._last, None
        try:
            replay.check_calls()
            share = float(self.scale_loss(torch.ones((), dtype=torch.float64)))
            self.backward(loss * share)
            replay.check_loss(loss.detach())
        except BaseException:
            self._abandon(replay)
            raise
        self._passes.append(_Pass(replay, share, loss.detach().clone()))
        if not self.should_update():
            return
        passes, self._passes = self._passes, []
        losses, finite = self._rule_step.gradient(
            replay.model, lambda here: self._evaluate(here, passes), passes[0].replay.start.modules
        )
        if finite or self.loss_scaler.is_enabled():
            self._log(losses)
            self.step(**(step_kwargs or {}))
            self.zero_grad(**(zero_kwargs or {}))
        else:
            self._rule_step.refuse()

    def _evaluate(self, here: bool, passes: list[_Pass]) -> Tensor:
        if here:  # train_step and update_params have made this pass
            return sum(done.loss * done.share for done in passes)
        total = 0.0
        for i, done in enumerate(passes):
            model, last = done.replay.model, i == len(passes) - 1
            with nullcontext() if last else without_sync(model):
                with self._autocast(model):
                    loss = done.replay() * done.share
                self.loss_scaler.scale(loss).backward()
            total = total + loss.detach()
        return total

    @property
    def rule(self) -> Rule:
        """The rule that it trains with."""
        return self._rule_step.rule

    @property
    def skipped(self) -> int:
        """Steps skipped so far because of a gradient that was not finite."""
        return self._rule_step.skipped

    def _log(self, losses: dict[str, Tensor]) -> None:
        loss, loss_max, loss_min = map(losses.get, ("loss", "loss_max", "loss_min"))
        if loss_max is not None:
            self.message_hub.update_scalar("train/max_sharpness", loss_max - loss)
        if loss_min is not None:
            self.message_hub.update_scalar("train/min_sharpness", loss - loss_min)
        if loss_max is not None and loss_min is not None:
            self.message_hub.update_scalar("train/flatness", loss_max - loss_min)

    def backward(self, loss: Tensor, **kwargs) -> None:
        """Backward of the (under float16: scaled) loss."""
        # The gradient stays scaled until the step: the rules' directions and ratios do not change
        # when all gradients are multiplied by one number; a rule's memory is kept unscaled.
        super().backward(self.loss_scaler.scale(loss), **kwargs)

    def step(self, **kwargs) -> None:
        """Clip, if asked, and step the base optimizer, unless a scaled gradient overflowed."""
        if self.clip_grad_kwargs:
            self.loss_scaler.unscale_(self.optimizer)
            self._clip_grad()
        self.loss_scaler.step(self.optimizer, **kwargs)
        self.loss_scaler.update()

    def state_dict(self) -> dict:
        """The optimizer's state, with the loss scaler's where there is one."""
        state = super().state_dict()
        if self.loss_scaler.is_enabled():
            state["loss_scaler"] = self.loss_scaler.state_dict()
        return state

    def load_state_dict(self, state_dict: dict) -> None:
        """Load what :meth:`state_dict` gave; a state saved without AMP is taken as well."""
        state = dict(state_dict)
        scaler = state.pop("loss_scaler", None)
        if scaler and self.loss_scaler.is_enabled():
            self.loss_scaler.load_state_dict(scaler)
        super().load_state_dict(state)


class _Pass(NamedTuple):
    """A first pass over one (micro-)batch: how to repeat it, its share of the step's loss."""

    replay: Replay
    share: float
    loss: Tensor


@OPTIM_WRAPPERS.register_module()
class BSAMOptimWrapper(SharpnessOptimWrapper):
    """Train with BSAM: the one line that changes in a config.

    Args:
        optimizer: the base optimizer.
        rho, rho_min, rho_min_follows_lr, start: see :class:`bsam_suite.sharpness.BSAM`.
        **kwargs: as in :class:`SharpnessOptimWrapper`.

    Example:
        >>> optim_wrapper = dict(
        ...     type='bsam_suite.engine.BSAMOptimWrapper', rho=0.05, rho_min=0.05,
        ...     optimizer=dict(type='Adam', lr=5e-4))
    """

    def __init__(
        self,
        optimizer: Optimizer,
        rho: float = 0.05,
        rho_min: float = 0.05,
        rho_min_follows_lr: bool = True,
        start: str = "center",
        **kwargs,
    ) -> None:
        super().__init__(optimizer, BSAM(rho, rho_min, rho_min_follows_lr, start), **kwargs)
