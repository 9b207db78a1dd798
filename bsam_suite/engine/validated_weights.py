"""The weights that validations see."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.hooks import EMAHook
from mmengine.runner import Runner


@contextmanager
def validated_weights(runner: Runner) -> Iterator[None]:
    """The model inside is the one that validations see: in evaluation mode, averaged by EMA."""
    hooks = [hook for hook in runner.hooks if isinstance(hook, EMAHook)]
    modes = [(module, module.training) for module in runner.model.modules()]
    for hook in hooks:
        hook.before_val_epoch(runner)
    runner.model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
        for hook in hooks:
            hook.after_val_epoch(runner)
