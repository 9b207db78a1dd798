"""What a packed checkpoint says of its weights, checked before it is believed."""

from __future__ import annotations

import json
import math

import torch
from torch import Tensor

from bsam_suite.errors import InputError

AGAIN = "write it anew with tools/export_quantized.py"


def read_described(text: str, file: str) -> dict[str, dict]:
    """Bits, bounds and shape by the names of layers.

    Raises:
        InputError: the text is not like that.
    """
    try:
        described = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"the metadata of {file} is not JSON ({error}): {AGAIN}") from error
    entries = list(described.values()) if isinstance(described, dict) else [None]
    if not all(isinstance(e, dict) and {"bits", "bounds", "shape"} <= e.keys() for e in entries):
        raise InputError(f"the metadata of {file} is not bits, bounds and shapes: {AGAIN}")
    return described


def check_tensors(
    entry: dict, shape: torch.Size, state: dict[str, Tensor], weight: str, file: str
) -> None:
    """Make sure that a weight can be unpacked.

    Args:
        entry: what is said of it.
        shape: of the weight in the model.
        state: the tensors of the file.
        weight: its name in the model's state dict.
        file: for messages.

    Raises:
        InputError: it is of another shape or width than is said, or something is missing.
    """
    if entry["shape"] != list(shape):
        raise InputError(
            f"{file} is of another model: {weight} is {entry['shape']} there, {list(shape)} in "
            "the config. Give the config that it was trained with"
        )
    bits, bounds = entry["bits"], entry["bounds"]
    packed = state.get(f"{weight}.packed")
    scale, offset = state.get(f"{weight}.scale"), state.get(f"{weight}.offset")
    size = -(-math.prod(shape) * bits // 8)
    reason = None
    if not (isinstance(bounds, list) and len(bounds) == 2 and {*map(type, bounds)} == {int}):
        reason = f"bounds {bounds!r}"
    elif not (0 <= bounds[1] - bounds[0] < 2**bits and max(map(abs, bounds)) <= 2**8):
        reason = f"bounds {bounds}, not of {bits} bits"
    elif packed is None or packed.dtype != torch.uint8 or packed.shape != (size,):
        reason = f"no {size} bytes of codes"
    elif scale is None or not _broadcasts(scale, shape):
        reason = "no scale that fits"
    elif offset is not None and not _broadcasts(offset, shape):
        reason = "an offset that does not fit"
    if reason:
        raise InputError(f"{file} is damaged: {weight} has {reason}. Copy it again, or {AGAIN}")


def _broadcasts(tensor: Tensor, shape: torch.Size) -> bool:
    try:
        return tensor.is_floating_point() and torch.broadcast_shapes(tensor.shape, shape) == shape
    except RuntimeError:
        return False
