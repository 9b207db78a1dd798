"""Load MMEngine's checkpoints safely on PyTorch 2.6 and later."""

from __future__ import annotations

import os
import pickle

from bsam_suite.errors import InputError


def allow_checkpoint_classes() -> bool:
    """Allow the classes that MMEngine 0.10.7 stores in a checkpoint, and no others.

    Since PyTorch 2.6 ``torch.load`` takes tensors and plain containers only. MMEngine's
    checkpoints hold besides the log's history (``HistoryBuffer``) with NumPy arrays. A file that
    needs more is refused with an error that names the class; nothing is loaded unsafely.
    """
    import numpy as np
    import torch
    from mmengine.logging.history_buffer import HistoryBuffer
    from mmengine.runner import CheckpointLoader

    array = np.zeros(1)
    reconstruct = array.__reduce__()[0]
    number = np.float64(0).__reduce__()[0]
    dtypes = {type(np.dtype(code)) for code in np.typecodes["AllInteger"] + "?efd"}
    torch.serialization.add_safe_globals(
        [
            HistoryBuffer,
            np.ndarray,
            np.dtype,
            reconstruct,
            number,
            *dtypes,
            (_bound_statistic, "builtins.getattr"),
        ]
    )
    CheckpointLoader.register_scheme(prefixes="", loader=load_local, force=True)
    return True


def _bound_statistic(owner, name: str):
    """What stands for ``getattr`` in a checkpoint: a ``HistoryBuffer`` pickles its own methods."""
    from mmengine.logging.history_buffer import HistoryBuffer

    methods = ("min", "max", "mean", "current", "data", "statistics")
    if not (owner is HistoryBuffer or type(owner) is HistoryBuffer) or name not in methods:
        raise pickle.UnpicklingError(f"getattr of {name!r} on a {type(owner).__name__}")
    return getattr(owner, name)


def load_local(filename: str, map_location=None):
    """Load a checkpoint from disk with ``weights_only=True``.

    Raises:
        FileNotFoundError: no such file.
        InputError: no checkpoint, or one that holds a class that is not allowed.
    """
    import torch

    path = os.path.expanduser(str(filename))
    if not os.path.isfile(path):
        raise FileNotFoundError(f"{path} is not a file")
    try:
        return torch.load(path, map_location=map_location, weights_only=True)
    except Exception as error:  # a damaged file fails in many ways
        try:
            classes = torch.serialization.get_unsafe_globals_in_checkpoint(path)
        except Exception:
            classes = []
        if not classes:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise InputError(
                f"{path} is no checkpoint that PyTorch can read ({reason}): it may be cut off or "
                "of another kind; copy or save it again"
            ) from error
        raise InputError(
            f"{path} holds {', '.join(classes)}, which is not allowed: loading it could run code. "
            "If you trust the file, allow it first by "
            f"torch.serialization.add_safe_globals([{', '.join(classes)}])"
        ) from error
