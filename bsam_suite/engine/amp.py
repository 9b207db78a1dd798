"""Mixed precision by ``--amp``, for any optimizer wrapper and on any device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.config import Config
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS
from torch import nn

from bsam_suite.engine.optim_wrapper import SharpnessOptimWrapper
from bsam_suite.engine.registered import find
from bsam_suite.errors import InputError


@OPTIM_WRAPPERS.register_module()
class BFloat16OptimWrapper(OptimWrapper):
    """A plain optimizer whose forwards run under autocast in bfloat16, on the CPU as well.

    MMEngine's ``AmpOptimWrapper`` needs a GPU. Weights and gradients stay float32, and the range of
    bfloat16 is that of float32, so that no loss is scaled.

    Args:
        **kwargs: as of MMEngine's ``OptimWrapper``.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Run what is inside under autocast."""
        device = next(model.parameters()).device.type
        with super().optim_context(model), torch.autocast(device, torch.bfloat16):
            yield


def use_amp(cfg: Config) -> None:
    """Make ``cfg`` train in mixed precision: float16 on a GPU, bfloat16 on a CPU.

    Raises:
        InputError: the optimizer wrapper is another one than MMEngine's and the suite's.
    """
    wrapper, gpu = cfg.optim_wrapper, torch.cuda.is_available()
    kind = find(wrapper.get("type", "OptimWrapper"), OPTIM_WRAPPERS, cfg.get("default_scope"))
    if isinstance(kind, type) and issubclass(kind, SharpnessOptimWrapper):
        wrapper.dtype = "float16" if gpu else "bfloat16"
    elif kind in (OptimWrapper, AmpOptimWrapper) and gpu:
        wrapper.type = "AmpOptimWrapper"
        wrapper.setdefault("loss_scale", "dynamic")
    elif kind in (OptimWrapper, AmpOptimWrapper, BFloat16OptimWrapper):
        wrapper.type = "BFloat16OptimWrapper"
        for name in ("loss_scale", "dtype", "use_fsdp"):
            wrapper.pop(name, None)
    elif kind is not None:
        raise InputError(
            f"--amp: optim_wrapper.type={wrapper.type!r} is not known to take it: leave --amp out "
            "and set its precision in the config"
        )
