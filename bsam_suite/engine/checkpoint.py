"""Checks of a checkpoint before long work starts."""

from __future__ import annotations

from mmengine.runner.checkpoint import CheckpointLoader
from torch import nn

from bsam_suite.errors import InputError


def read_checkpoint(path: str) -> dict:
    """Load a checkpoint to the CPU, safely.

    Raises:
        InputError: no such file, or one that holds no weights.
    """
    try:
        checkpoint = CheckpointLoader.load_checkpoint(path, map_location="cpu")
    except FileNotFoundError as error:
        raise InputError(f"checkpoint {path} does not exist: {error}") from error
    if not isinstance(checkpoint, dict):
        raise InputError(f"checkpoint {path} holds a {type(checkpoint).__name__}, not weights")
    return checkpoint


def check_weights(model: nn.Module, checkpoint: dict, path: str) -> None:
    """Make sure that the checkpoint's weights are those of ``model``.

    Raises:
        InputError: names are missing or left over, or shapes differ.
    """
    model = getattr(model, "module", model)
    have, want = checkpoint.get("state_dict", checkpoint), model.state_dict()
    faults = [
        f"{name} is {tuple(have[name].shape)} there, {tuple(want[name].shape)} in the model"
        for name in want
        if name in have and have[name].shape != want[name].shape
    ]
    faults += [f"{name} is missing there" for name in want if name not in have]
    faults += [f"{name} is not in the model" for name in have if name not in want]
    if faults:
        more = f" and {len(faults) - 3} more" if len(faults) > 3 else ""
        raise InputError(
            f"checkpoint {path} is of another model: {'; '.join(faults[:3])}{more}. Give the "
            "config that it was trained with"
        )
