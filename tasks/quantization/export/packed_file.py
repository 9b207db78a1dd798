"""What a packed checkpoint holds, checked while it is read: files may be damaged or made up."""

from __future__ import annotations

import json
import math
import zlib
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from bsam_suite.errors import InputError
from bsam_suite.optional import need
from tasks.quantization.export.bits import unpack
from tasks.quantization.quantizers import Codes

FORMAT = "bsam-suite packed 2"  # the only key of the metadata: of several the order is random
AGAIN = "the file is damaged, export it again"


class Entry(NamedTuple):
    """What the metadata say of a weight."""

    bits: int
    bounds: tuple[int, int]
    shape: torch.Size


def _entry(found: object, where: str) -> Entry:
    """Raises InputError where ``found`` is not what :func:`save_packed` writes."""
    keys = Entry._fields
    if not isinstance(found, dict) or found.keys() != set(keys):
        raise InputError(f"{where} is {_short(found)} and not a dict of {', '.join(keys)}: {AGAIN}")
    bits, bounds, shape = (found[key] for key in keys)
    if not _whole([bits]) or not 1 <= bits <= 8:
        raise InputError(f"{where} has bits={_short(bits)} and not 1 to 8: {AGAIN}")
    if not _whole(bounds, 2) or not 0 <= bounds[1] - bounds[0] < 2**bits or min(bounds) < -256:
        raise InputError(f"{where} has bounds={_short(bounds)}, no codes of {bits} bits: {AGAIN}")
    if not _whole(shape) or not shape or min(shape) < 0:
        raise InputError(f"{where} has shape={_short(shape)}, no shape of a weight: {AGAIN}")
    return Entry(bits, tuple(bounds), torch.Size(shape))


def _whole(values: object, count: int | None = None) -> bool:
    return (
        isinstance(values, list)
        and count in (None, len(values))
        and all(type(value) is int and abs(value) < 2**31 for value in values)
    )


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def read_packed(file: Path) -> tuple[dict[str, Entry], dict[str, Tensor]]:
    """Entries by the layers' names, and all tensors by theirs.

    Raises:
        InputError: no such file, one of another kind, or metadata that no export writes.
    """
    safetensors = need("safetensors", "export")
    if not file.is_file():
        raise InputError(f"packed checkpoint {file} does not exist")
    try:
        with safetensors.safe_open(file, "pt") as content:
            metadata = content.metadata() or {}
            state = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118
    except (safetensors.SafetensorError, OSError) as error:
        raise InputError(f"{file} is no whole safetensors file: {error}") from error
    if FORMAT not in metadata:
        raise InputError(
            f"{file} is no packed checkpoint: its metadata has no {FORMAT!r}. "
            "tools/export_quantized.py writes one"
        )
    try:
        content = json.loads(metadata[FORMAT])
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file}: its metadata is no JSON ({error}): {AGAIN}") from error
    if not isinstance(content, dict) or content.keys() != {"layers", "crc32"}:
        raise InputError(
            f"{file}: its metadata is {_short(content)} and not a dict of layers, crc32: {AGAIN}"
        )
    layers = content["layers"]
    if content["crc32"] != checksum(layers, state):
        raise InputError(f"{file} is damaged, its checksum differs: copy or export it again")
    if not isinstance(layers, dict):
        raise InputError(f"{file}: its metadata is {_short(layers)} and not a dict: {AGAIN}")
    return {k: _entry(v, f"{file}: the metadata of {k[:60]}") for k, v in layers.items()}, state


def checksum(layers: object, state: dict[str, Tensor]) -> int:
    """CRC-32 of all that the file holds: the format has none of its own."""
    total = zlib.crc32(json.dumps(layers, sort_keys=True).encode())
    for name in sorted(state):
        total = zlib.crc32(name.encode(), total)
        total = zlib.crc32(state[name].reshape(-1).view(torch.uint8).numpy(), total)
    return total


def take_weight(state: dict[str, Tensor], name: str, entry: Entry, file: str) -> Codes:
    """Takes a weight's tensors out of ``state``.

    Raises:
        InputError: they are not there, or not what ``entry`` says.
    """
    packed, scale = state.pop(f"{name}.packed", None), state.pop(f"{name}.scale", None)
    offset = state.pop(f"{name}.offset", None)
    count = math.prod(entry.shape)
    length = -(-count * entry.bits // 8)
    if packed is None or packed.dtype != torch.uint8 or packed.shape != (length,):
        raise InputError(f"{file}: {name}.packed is not {length} bytes: {AGAIN}")
    for part, tensor in (("scale", scale), ("offset", offset)):
        if not _fits(tensor, entry.shape) and not (part == "offset" and tensor is None):
            raise InputError(
                f"{file}: {name}.{part} is not finite floats for {tuple(entry.shape)}: {AGAIN}"
            )
    low, high = entry.bounds
    values = torch.from_numpy(unpack(packed.numpy(), entry.bits, count)).to(torch.int16) + low
    if count and values.max() > high:
        raise InputError(f"{file}: {name}.packed has codes beyond {high}: {AGAIN}")
    if offset is None and entry.bits == 1:
        offset = -scale / 2
    return Codes(values.view(entry.shape), scale, offset, (low, high), entry.bits)


def _fits(tensor: Tensor | None, shape: torch.Size) -> bool:
    """Whether ``tensor`` is finite floats that broadcast over a weight of ``shape``."""
    return (
        tensor is not None
        and tensor.is_floating_point()
        and tensor.ndim in (0, len(shape))
        and all(a in (1, b) for a, b in zip(tensor.shape, shape))
        and bool(tensor.isfinite().all())
    )
