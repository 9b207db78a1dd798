"""Stop a training that has diverged, and keep its last good checkpoint."""

from __future__ import annotations

import math
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dist import all_gather_object
from mmengine.hooks import CheckpointHook, Hook
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.registry import HOOKS
from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from bsam_suite.engine.summary import SKIPPED, last_checkpoint
from bsam_suite.errors import Diverged, InputError, listed


def add_divergence_hook(cfg: Config) -> None:
    """Add :class:`DivergenceHook`; ``default_hooks.divergence`` of ``cfg`` sets its arguments."""
    hooks = cfg.get("default_hooks") or {}
    own = {"type": "DivergenceHook", **(hooks.get("divergence") or {})}
    cfg.default_hooks = {**hooks, "divergence": own}


LOST = 3
"""This many skipped steps in a row, with a loss that is not finite, mean divergence."""


@HOOKS.register_module()
class DivergenceHook(Hook):
    """Stop when weights are not finite, or when too many steps in a row are skipped.

    Weights and batch-norm statistics are checked when the loss is not finite, after each epoch,
    before each validation and before a checkpoint replaces an older one. So the checkpoints from
    before the divergence are kept.

    The loss scaler of float16 and ``nonfinite="skip"`` skip a step if its gradient is not finite.
    For any wrapper, a skipped step is one that was due and that the optimizer did not make. The
    checkpoints store the number of skipped steps, and the summary reports it. If the last steps
    before a checkpoint were skipped and the loss is not finite, training has diverged although the
    weights may still be finite.

    Args:
        max_skipped: how many steps in a row may be skipped. A loss scaler that starts at 2^16 and
            halves its scale can skip more than 16.

    Raises:
        Diverged: training has diverged.
        InputError: ``max_skipped`` is not a number from 1.
    """

    def __init__(self, max_skipped: int = 50) -> None:
        if type(max_skipped) is not int or max_skipped < 1:
            raise InputError(
                f"default_hooks.divergence.max_skipped={max_skipped!r}: give a number from 1"
            )
        self.max_skipped = max_skipped
        self._steps: list[_Steps] = []
        self._iterations, self._finite_loss = 0, True

    def before_train(self, runner) -> None:
        wrapper = runner.optim_wrapper
        wrappers = wrapper.values() if isinstance(wrapper, OptimWrapperDict) else [wrapper]
        self._steps = [_Steps(one) for one in wrappers if isinstance(one, OptimWrapper)]
        self._iterations = runner.iter
        runner.message_hub.update_info(SKIPPED, runner.message_hub.get_info(SKIPPED, 0))
        self._check(runner)

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        self._iterations, self._finite_loss = runner.iter + 1, _has_finite_loss(outputs or {})
        skipped = sum(steps.skipped_one() for steps in self._steps)
        if skipped:
            total = runner.message_hub.get_info(SKIPPED) + skipped
            runner.message_hub.update_info(SKIPPED, total)
        if self._in_a_row >= self.max_skipped:
            self._stop(runner, f"{self._skips} (default_hooks.divergence.max_skipped)")
        if saves_now(runner):
            self._check(runner)
        elif not self._finite_loss:
            self._check_weights(runner)

    def after_train_epoch(self, runner) -> None:
        self._check(runner)

    def before_val_epoch(self, runner) -> None:
        self._check(runner)

    def before_save_checkpoint(self, runner, checkpoint) -> None:
        self._check_weights(runner)  # one process saves, so it must not wait for the others

    @property
    def _in_a_row(self) -> int:
        return max((steps.skipped_in_a_row for steps in self._steps), default=0)

    @property
    def _skips(self) -> str:
        return f"{self._in_a_row} steps in a row were skipped for gradients of NaN or infinity"

    def _check(self, runner) -> None:
        """Stop all processes together if one of them finds a fault."""
        faults = not_finite(runner.model)
        if faults:
            faults = [_of_weights(faults)]
        elif self._in_a_row >= LOST and not self._finite_loss:
            faults = [f"the loss is NaN or infinite, and {self._skips}"]
        faults = sum(all_gather_object(faults), [])
        if faults:
            self._stop(runner, faults[0])

    def _check_weights(self, runner) -> None:
        names = not_finite(runner.model)
        if names:
            self._stop(runner, _of_weights(names))

    def _stop(self, runner, reason: str) -> None:
        saved = last_checkpoint(runner.work_dir)
        kept = f"the last good checkpoint is {saved}" if saved else "no checkpoint was saved"
        raise Diverged(
            f"training has diverged after {self._iterations} iterations: {reason}; {kept}. Use a "
            "lower learning rate or rho, or look for bad samples"
        )


def _of_weights(names: list[str]) -> str:
    return f"{listed(names, 1)} of the model contain NaN or infinity"


class _Steps:
    """Counts the steps of one wrapper that were due and that its optimizer skipped."""

    def __init__(self, wrapper: OptimWrapper) -> None:
        self.wrapper, self.count, self.made = wrapper, wrapper.inner_count, False
        self.skipped_in_a_row = 0
        wrapper.optimizer.register_step_post_hook(self._after_step)

    def _after_step(self, optimizer, *_) -> None:
        # A fused optimizer is always called; this flag tells it whether to step.
        overflow = getattr(optimizer, "found_inf", None)
        self.made = overflow is None or not overflow.item()

    def skipped_one(self) -> bool:
        """Whether a step was due since the last call, and not made."""
        if self.wrapper.inner_count == self.count or not self.wrapper.should_update():
            return False
        skipped = not self.made
        self.count, self.made = self.wrapper.inner_count, False
        self.skipped_in_a_row = self.skipped_in_a_row + 1 if skipped else 0
        return skipped


def not_finite(model: nn.Module) -> list[str]:
    """Names of the weights and batch-norm statistics that contain NaN or infinity."""
    named: dict[str, Any] = dict(model.named_parameters())
    for name, module in model.named_modules():
        if isinstance(module, _NormBase):
            named |= {f"{name}.{key}": value for key, value in module.named_buffers(recurse=False)}
    local = {k: v.to_local() if hasattr(v, "to_local") else v for k, v in named.items()}  # shards
    finite = {name: value.detach().isfinite().all() for name, value in local.items()}
    return [name.removeprefix("module.") for name, value in finite.items() if not value]


def _has_finite_loss(outputs: dict) -> bool:
    """Whether the logged losses are finite; MMEngine has already copied them from the GPU."""
    losses = [value for name, value in outputs.items() if "loss" in name]
    losses = [value.tolist() if torch.is_tensor(value) else value for value in losses]
    return all(math.isfinite(value) for value in losses if isinstance(value, (int, float)))


def saves_now(runner) -> bool:
    """Whether a checkpoint is written after this iteration; those by epoch come later."""
    return any(
        not hook.by_epoch
        and (
            hook.every_n_train_iters(runner, hook.interval, hook.save_begin)
            or (hook.save_last and hook.is_last_train_iter(runner))
        )
        for hook in runner.hooks
        if isinstance(hook, CheckpointHook)
    )
