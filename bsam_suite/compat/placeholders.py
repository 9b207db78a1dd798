"""Modules that MMPose 1.3.2 asks for while it is imported, and never needs on our way."""

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


class _CompiledOps(ModuleType):
    """Stands for ``mmcv._ext``: any op can be looked up; to call one is an error."""

    def __getattr__(self, name: str):
        if name.startswith("__"):
            raise AttributeError(name)

        def op(*args, **kwargs):
            raise RuntimeError(
                f"mmcv's compiled op {name!r} was called, but this is mmcv-lite, which has none: "
                "use a model without it, or build the full mmcv"
            )

        return op


@contextmanager
def mmcv_ext() -> Iterator[bool]:
    """Let ``mmcv.ops`` of mmcv-lite 2.2.0 be imported, which MMPose's model package does.

    mmcv-lite ships no compiled extension ``mmcv._ext``. The placeholder is there inside this
    context only: afterwards ``mmcv_full_available()`` must tell the truth. Its ops raise when
    called. Yields whether it was needed.
    """
    with _present("mmcv._ext", _CompiledOps) as placed:
        yield placed
    if placed and hasattr(sys.modules.get("mmcv"), "_ext"):
        del sys.modules["mmcv"]._ext


@contextmanager
def mmdet_utils() -> Iterator[bool]:
    """Give ``mmdet.utils`` its two names that MMPose 1.3.2 imports for its RTMO head.

    Where MMDetection is not installed, or cannot be imported. There inside this context only, so
    that nothing takes MMDetection for usable. Yields whether it was needed.
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
    except Exception:  # whatever is wrong with it: nothing on our way needs it
        return False
    return True


@contextmanager
def _present(name: str, make) -> Iterator[bool]:
    if name in sys.modules or not is_missing(name):
        yield False
        return
    sys.modules[name] = make(name)
    try:
        yield True
    finally:
        del sys.modules[name]
