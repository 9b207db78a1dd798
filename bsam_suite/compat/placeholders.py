"""Modules that packages of OpenMMLab import but do not need for this suite."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any


def is_missing(name: str) -> bool:
    """Whether module ``name`` cannot be imported from disk."""
    try:
        return importlib.util.find_spec(name) is None
    except (ImportError, ValueError):
        return True


@contextmanager
def mmcv_ext() -> Iterator[bool]:
    """Let ``mmcv.ops`` of mmcv-lite 2.2.0 be imported, which packages with models do.

    mmcv-lite has no compiled extension ``mmcv._ext``. The placeholder exists inside this context
    only, so that ``mmcv_full_available()`` is right afterwards. Some of its ops are computed by
    torchvision, others raise an error when called. Yields whether it was needed.
    """
    name = "mmcv._ext"
    if name in sys.modules or not is_missing(name):
        yield False
        return
    from bsam_suite.compat.mmcv_ops import CompiledOps

    sys.modules[name] = CompiledOps(name)
    try:
        yield True
    finally:
        del sys.modules[name]
    if hasattr(sys.modules.get("mmcv"), "_ext"):
        del sys.modules["mmcv"]._ext


@contextmanager
def mmdet_utils() -> Iterator[bool]:
    """Provide the two names of ``mmdet.utils`` that MMPose 1.3.2 imports for its RTMO head.

    Used if MMDetection is not installed or cannot be imported. The placeholder exists inside this
    context only, so that MMDetection does not look usable. Yields whether it was needed.
    """
    if not is_missing("mmdet") and _can_be_imported("mmdet.utils"):
        yield False
        return
    import torch.distributed as dist
    from mmengine.config import ConfigDict

    def reduce_mean(tensor):
        """Mean over all processes."""
        if not (dist.is_available() and dist.is_initialized()):
            return tensor
        tensor = tensor.clone()
        dist.all_reduce(tensor.div_(dist.get_world_size()))
        return tensor

    utils: Any = ModuleType("mmdet.utils")
    utils.ConfigType = ConfigDict | dict
    utils.reduce_mean = reduce_mean
    names = [name for name in sys.modules if name.partition(".")[0] == "mmdet"]
    parts = {name: sys.modules.pop(name) for name in names}  # of one that cannot be imported
    sys.modules |= {"mmdet": ModuleType("mmdet"), "mmdet.utils": utils}
    try:
        yield True
    finally:
        del sys.modules["mmdet"], sys.modules["mmdet.utils"]
        sys.modules |= parts


def _can_be_imported(name: str) -> bool:
    try:
        importlib.import_module(name)
    except Exception:  # whatever the reason: this suite does not need it
        return False
    return True
