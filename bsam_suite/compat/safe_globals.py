"""The classes that a checkpoint may contain, and those that the user allows in addition."""

from __future__ import annotations

import os
from functools import reduce
from importlib import import_module
from typing import Any

from bsam_suite.compat.placeholders import is_missing
from bsam_suite.errors import InputError

BY_USER = "BSAM_SUITE_ALLOW"


def add_safe_globals() -> None:
    """Allow the classes that MMEngine 0.10.7 stores in a checkpoint, and those the user names.

    Since PyTorch 2.6 ``torch.load`` accepts only tensors and plain containers. MMEngine's
    checkpoints also contain the log's history (``HistoryBuffer``) with NumPy arrays and numbers,
    under the module names of NumPy 1 or 2, and the annealing function of ``OneCycleLR``. The
    environment variable ``BSAM_SUITE_ALLOW=module.Class,module.Class`` allows more. Modules in it
    are for :func:`bsam_suite.engine.checkpoint_config.config_of_checkpoint`.
    """
    import numpy as np
    import torch
    from mmengine.logging.history_buffer import HistoryBuffer
    from mmengine.optim.scheduler import OneCycleParamScheduler

    array: Any = np.zeros(1).__reduce__()[0]
    number: Any = np.float64(0).__reduce__()[0]
    dtypes = {type(np.dtype(code)) for code in np.typecodes["AllInteger"] + "?efd"}
    for core in ("numpy.core", "numpy._core"):
        torch.serialization.add_safe_globals(
            [(array, f"{core}.multiarray._reconstruct"), (number, f"{core}.multiarray.scalar")]
        )
    allowed = [np.ndarray, np.dtype, *dtypes, HistoryBuffer, OneCycleParamScheduler]
    allowed += [(_method, "builtins.getattr"), (_no_bytes, "builtins.bytes")]
    classes = [name for name in allowed_by_user() if is_missing(name)]  # the others are modules
    torch.serialization.add_safe_globals([*allowed, *((_find(name), name) for name in classes)])


def allowed_by_user() -> list[str]:
    """The names in ``BSAM_SUITE_ALLOW``."""
    return [name for name in os.environ.get(BY_USER, "").replace(" ", "").split(",") if name]


def _find(name: str):
    module, *rest = name.split(".")
    for count in range(len(rest), 0, -1):
        try:
            found = import_module(".".join([module, *rest[: count - 1]]))
            return reduce(getattr, rest[count - 1 :], found)
        except (ImportError, AttributeError):
            continue
    raise InputError(f"{name} in {BY_USER} cannot be imported: give module.Class or a module")


def _no_bytes(*content) -> bytes:
    """Replaces ``bytes`` in a checkpoint. Empty bytes are part of an array without elements, such
    as the colours of a skeleton without lines."""
    if content:
        raise InputError("bytes")
    return b""


def _method(owner, name: str):
    """Replaces ``getattr`` in a checkpoint: it returns MMEngine's own methods only."""
    from mmengine.logging.history_buffer import HistoryBuffer
    from mmengine.optim.scheduler import OneCycleParamScheduler

    kind = owner if isinstance(owner, type) else type(owner)
    methods = {
        HistoryBuffer: ("min", "max", "mean", "current", "data", "statistics"),
        OneCycleParamScheduler: ("_annealing_cos", "_annealing_linear"),
    }
    if name not in methods.get(kind, ()):
        raise InputError(f"{name!r} of {kind.__module__}.{kind.__qualname__}")
    return getattr(owner, name)
