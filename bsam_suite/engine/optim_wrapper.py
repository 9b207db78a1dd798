"""Optimizer wrappers that train any MMEngine model with a sharpness-aware rule."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial, reduce

import torch
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.optim import Optimizer

from bsam_suite.engine.async_log import log_async, log_sharpness
from bsam_suite.engine.precision import amp_dtype, loss_scaler
from bsam_suite.engine.registry import build_rule
from bsam_suite.engine.replay import FirstPass, LossCheck, Replay, capture
from bsam_suite.errors import InputError
from bsam_suite.sharpness import BSAM, Rule, SharpnessStep
from bsam_suite.sharpness.rule import check_period


@OPTIM_WRAPPERS.register_module()
class SharpnessOptimWrapper(OptimWrapper):
    """Train with a sharpness-aware rule; nothing else of a config or model changes.

    ``train_step`` runs its forward inside :meth:`optim_context`, which keeps the arguments;
    :meth:`update_params` makes the first backward, replays that forward at the rule's further
    points and gives the base optimizer the rule's gradient. All passes see the same dropout masks,
    the first alone updates batch norm. An auxiliary batch is the last fifth of each batch.

    The rule's hyperparameters (``rho``, ...) are put in the optimizer's parameter groups, where
    MMEngine's parameter schedulers can move them and checkpoints keep them. Each step logs
    ``max_sharpness`` L(w_max) - L(w), ``min_sharpness`` L(w) - L(w_min) and ``flatness``
    L(w_max) - L(w_min), as far as the rule visits these points.

    Args:
        optimizer: the base optimizer.
        rule: config of a rule in :data:`RULES`, or a rule.
        dtype: ``"bfloat16"`` or ``"float16"`` runs all forwards under autocast. With
            ``"float16"`` the loss is scaled; a step in which any pass overflows is skipped.
        loss_scale: of ``"float16"``, as in MMEngine's ``AmpOptimWrapper``: ``"dynamic"``, a number
            that stays, or a dict of ``torch.amp.GradScaler``'s arguments.
        perturbation: ``"global"`` or ``"local"``: with several processes, whether all move to the
            point of the joint batch or each to its own, see :class:`SharpnessStep`.
        nonfinite: ``"skip"`` a step whose gradient is NaN or infinite, with a counted warning, or
            ``"raise"``. Under ``"float16"`` the loss scaler skips such steps.
        rho_warmup: the number of steps in which the radii rise linearly to their values.
        m: split each batch into parts of m samples, perturb each along its own gradient and step
            along the mean, as several processes do with ``"local"`` (m-sharpness in the SAM paper).
            Batch norm sees the parts, and the loss that is logged is the first one's.
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
        dtype: str | torch.dtype | None = None,
        loss_scale: str | float | dict = "dynamic",
        perturbation: str = "global",
        nonfinite: str = "skip",
        rho_warmup: int = 0,
        m: int | None = None,
        **kwargs,
    ) -> None:
        super().__init__(optimizer, **kwargs)
        if m is not None:
            check_period("m", m, "optim_wrapper")
            if self._accumulative_counts > 1:
                raise InputError(
                    f"m={m} in optim_wrapper with accumulative_counts={self._accumulative_counts}: "
                    "leave one out, the parts of m samples go through the model one by one"
                )
        self.m = m
        self.dtype = amp_dtype(dtype)
        device = optimizer.param_groups[0]["params"][0].device.type
        self.loss_scaler, self._fixed_scale = loss_scaler(loss_scale, self.dtype, device)
        rule, place = build_rule(rule), "optim_wrapper"
        self._step = SharpnessStep(rule, optimizer, perturbation, nonfinite, place, rho_warmup)
        if self.base_param_settings is not None:  # a group of MMEngine's own, for schedulers
            self._step.hyper.enter([self.base_param_settings])
        self._passes: list[FirstPass] = []
        self._last: Replay | None = None
        self._check = LossCheck()

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Catch the forward that runs inside, for the further passes."""
        if not self._passes:
            self._check.read()
        with (
            self._guard(),
            super().optim_context(model),
            self._step.first_pass(model),
            self._autocast(model),
            capture(model, self._step.begin, self.m, self._step.rule.auxiliary) as self._last,
        ):
            yield

    @contextmanager
    def _guard(self) -> Iterator[None]:
        """An exception inside takes back the step, its earlier micro-batches included."""
        try:
            with self._step.guard():
                yield
        except BaseException:
            self._passes, self._last = [], None
            raise

    def _autocast(self, model: nn.Module) -> torch.autocast:
        device = next(model.parameters()).device.type
        return torch.autocast(device, self.dtype, enabled=self.dtype is not None)

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
        with self._guard():
            self._check.add(replay, loss.detach())
            scaler = self.loss_scaler if self.loss_scaler.is_enabled() else None
            share = self.scale_loss(1.0)
            self.backward(loss * share)
            if self.m is not None:
                self._end_parts(replay, loss.detach(), scaler)
            self._passes.append(FirstPass(replay, share, loss.detach().clone()))
            if not self.should_update():
                self._step.pause()
                return
            passes, self._passes = self._passes, []
            losses = self._step.finish(
                replay.model,
                reduce(torch.add, (done.loss * done.share for done in passes)),
                [partial(self._again, done) for done in passes],
                lambda: self.step(**(step_kwargs or {})),
                scaler,
            )
        self.zero_grad(**(zero_kwargs or {}))
        log_sharpness(self.message_hub, losses)

    def _end_parts(self, replay: Replay, loss: Tensor, scaler: GradScaler | None) -> None:
        """The further passes over the first m samples, then all passes over the others."""
        first = FirstPass(replay, 1.0, loss)
        self._step.part(replay.model, loss, partial(self._again, first), scaler)
        for part in (FirstPass(other, 1.0, loss) for other in replay.others):
            with self._step.first_pass(replay.model):
                self._step.begin(replay.model)
                loss = self._again(part).detach()
            self._step.part(replay.model, loss, partial(self._again, part), scaler)

    def _again(self, done: FirstPass, auxiliary: bool = False) -> Tensor:
        """Make a pass again, or that over its auxiliary batch; return its share of the loss."""
        with self._autocast(done.replay.model):
            loss = done.replay(auxiliary) * done.share
        self.loss_scaler.scale(loss).backward()
        return loss

    @property
    def rule_name(self) -> str:
        """The class of the rule that it trains with."""
        return type(self._step.rule).__name__

    @property
    def passes_per_step(self) -> float:
        """Forward and backward passes over a step's data, on average, a resumed run's included."""
        return self._step.hyper.passes_per_step

    @property
    def skipped(self) -> int:
        """Steps skipped so far because of a gradient that was not finite."""
        return self._step.skipped

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
        self.loss_scaler.update(self._fixed_scale)

    def _clip_grad(self) -> None:
        params = [p for p in self._step.parameters() if p.grad is not None]
        norm = self.clip_func(params, **self.clip_grad_kwargs) if params else None
        if norm is not None:  # clip_grad_value_ tells none
            log_async(self.message_hub, f"train/{self.grad_name}", norm)

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
        load = super().load_state_dict
        self._step.hyper.load(state, lambda: load(state))


@OPTIM_WRAPPERS.register_module()
class BSAMOptimWrapper(SharpnessOptimWrapper):
    """Train with BSAM: the one line that changes in a config.

    Args:
        optimizer: the base optimizer.
        **kwargs: ``rho``, ``rho_min``, ``k`` and the other arguments of
            :class:`bsam_suite.sharpness.BSAM`; others as in :class:`SharpnessOptimWrapper`.

    Example:
        >>> optim_wrapper = dict(
        ...     type='bsam_suite.engine.BSAMOptimWrapper', rho=0.05, rho_min=0.05,
        ...     optimizer=dict(type='Adam', lr=5e-4))
    """

    rule = BSAM

    def __init__(self, optimizer: Optimizer, **kwargs) -> None:
        super().__init__(optimizer, self.rule.from_arguments(kwargs), **kwargs)
