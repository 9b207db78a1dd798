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
    """MMEngine's ``OptimWrapper`` with the forward under autocast in bfloat16, also on the CPU.

    MMEngine's ``AmpOptimWrapper`` needs a GPU. Weights and gradients stay float32. bfloat16 has the
    range of float32, so the loss is not scaled. Takes the arguments of ``OptimWrapper``.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Run the code inside under autocast."""
        device = next(model.parameters()).device.type
        with super().optim_context(model), torch.autocast(device, torch.bfloat16):
            yield


def use_amp(cfg: Config) -> None:
    """Make ``cfg`` train in mixed precision: float16 on a GPU, bfloat16 on a CPU.

    Raises:
        InputError: the optimizer wrapper is neither MMEngine's nor the suite's.
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
            f"--amp does not know optim_wrapper.type={wrapper.type!r}: leave --amp out and set the "
            "precision in the config"
        )
