"""MMEngine's Runner, with sharded models, whose log on the screen keeps to ``--quiet``."""

from __future__ import annotations

import logging

import mmengine.runner
from mmengine.hooks import EMAHook
from mmengine.logging import MMLogger
from mmengine.model import convert_sync_batchnorm
from mmengine.registry import MODEL_WRAPPERS
from torch import nn

from bsam_suite.compat.mmcv_ops import check_ops
from bsam_suite.engine.fully_sharded import FullySharded, gathered, is_cut, shard_state
from bsam_suite.errors import InputError
from bsam_suite.quiet import is_quiet, screen


class Runner(mmengine.runner.Runner):
    """Takes :class:`FullySharded` as a wrapper, and refuses models that need mmcv's compiled ops.

    Under ``--quiet`` only warnings and errors of its log are seen; the log file has all.
    """

    def build_logger(self, *args, **kwargs) -> MMLogger:
        logger = super().build_logger(*args, **kwargs)
        for handler in logger.handlers if is_quiet() else ():
            if type(handler) is logging.StreamHandler:
                handler.setStream(screen())
                handler.setLevel(max(handler.level, logging.WARNING))
        return logger

    def build_model(self, model: nn.Module | dict) -> nn.Module:
        """Refuse at once what would call ops that are not there, an epoch later perhaps."""
        built = super().build_model(model)
        check_ops(built, self.cfg.get("model"))
        return built

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> nn.Module:
        """Cut a model that may be too large for one device before any of it goes there."""
        kind = (model_wrapper_cfg or {}).get("type")
        if self.distributed and MODEL_WRAPPERS.get(str(kind)) is FullySharded:
            self.model = model
            super()._init_model_weights()
            if self.cfg.get("sync_bn"):
                model = convert_sync_batchnorm(model, self.cfg.sync_bn)
            return MODEL_WRAPPERS.build(model_wrapper_cfg, default_args=dict(module=model))
        return super().wrap_model(model_wrapper_cfg, model)

    def _init_model_weights(self) -> None:
        if not is_cut(self.model):  # else it was done before, on the whole
            super()._init_model_weights()

    def build_optim_wrapper(self, optim_wrapper):
        made = super().build_optim_wrapper(optim_wrapper)
        if is_cut(self.model):
            if any(isinstance(hook, EMAHook) for hook in self.hooks):
                raise InputError(
                    "EMAHook copies the model, which FullySharded has cut and PyTorch does not "
                    "copy: leave out the hook, or model_wrapper_cfg"
                )
            shard_state(made.optimizer)
        return made

    def save_checkpoint(self, *args, **kwargs) -> None:
        """Save whole weights and states, also of sharded models; all processes must call this."""
        with gathered(self.model, self.optim_wrapper):
            super().save_checkpoint(*args, **kwargs)
