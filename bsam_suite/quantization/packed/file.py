"""What a packed checkpoint holds, checked while it is read: files may be damaged or made up."""

from __future__ import annotations

import json
import math
import zlib
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

import torch
from mmengine.runner import CheckpointLoader
from torch import Tensor

from bsam_suite.errors import InputError, brief
from bsam_suite.optional import need
from bsam_suite.quantization.fake_quantizers import Codes
from bsam_suite.quantization.packed.bits import unpack
from bsam_suite.quantization.rounded_weight import RoundedWeight

FORMAT = "bsam-suite packed 3"  # the only key of the metadata: of several the order is random
#: In its JSON: the config's text, the versions of modules as in a state dict where they are not 1,
#: and an :class:`Entry` for each quantized weight's name.
CONTENT = ("config", "versions", "weights")
AGAIN = "the file is damaged, export it again"


class Entry(NamedTuple):
    """What the metadata say of a weight."""

    bit_width: int
    quant_min: int
    quant_max: int
    shape: torch.Size


def _entry(found: object, where: str) -> Entry:
    """Raises InputError where ``found`` is not what :func:`save_packed` writes."""
    keys = Entry._fields
    if not isinstance(found, dict) or found.keys() != set(keys):
        raise InputError(f"{where} is {brief(found)} and not a dict of {', '.join(keys)}: {AGAIN}")
    bits, low, high, shape = (found[key] for key in keys)
    if not _whole([bits]) or not 1 <= bits <= 8:
        raise InputError(f"{where} has bit_width={brief(bits)} and not 1 to 8: {AGAIN}")
    if not _whole([low, high]) or not 0 <= high - low < 2**bits or low < -256:
        raise InputError(
            f"{where} has codes from {brief(low)} to {brief(high)}, which are none of {bits} "
            f"bits: {AGAIN}"
        )
    if not _whole(shape) or not shape or min(shape) < 0:
        raise InputError(f"{where} has shape={brief(shape)}, no shape of a weight: {AGAIN}")
    return Entry(bits, low, high, torch.Size(shape))


def _whole(values: object) -> bool:
    return isinstance(values, list) and all(type(v) is int and abs(v) < 2**31 for v in values)


@CheckpointLoader.register_scheme(prefixes=r".*\.safetensors$")
def load_from_packed(file: str | Path, map_location: object = None) -> dict:
    """A packed checkpoint as one of MMEngine, which reads it wherever it reads checkpoints.

    Args:
        file: what :func:`bsam_suite.quantization.save_packed` wrote.
        map_location: given by MMEngine. Tensors are on the CPU, from where models copy them.

    Returns:
        ``meta``, with the config's text as ``cfg``; and ``state_dict``, with weights rounded, which
        a model of that config takes by :class:`RoundedWeight`.

    Raises:
        InputError: no such file, one of another kind, a damaged one, or one that no export writes.
    """
    file = Path(file)
    content, state = _read(file)
    for name, entry in _entries(content, file).items():
        codes = _take_weight(state, name, entry, str(file))
        state[name] = codes.dequantize()
        start = f"{name.rpartition('.')[0]}.weight_quantizer.".lstrip(".")
        state.update({start + k: v for k, v in RoundedWeight.state_of(codes).items()})
    return dict(meta=dict(cfg=content["config"]), state_dict=state)


def _read(file: Path) -> tuple[dict, OrderedDict[str, Tensor]]:
    """What the metadata say, and all tensors by their names."""
    safetensors = need("safetensors", "export")
    if not file.is_file():
        raise InputError(f"packed checkpoint {file} does not exist")
    try:
        with safetensors.safe_open(file, "pt") as content:
            metadata = content.metadata() or {}
            state = OrderedDict((n, content.get_tensor(n)) for n in content.keys())  # noqa: SIM118
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
    if not isinstance(content, dict) or content.keys() != {*CONTENT, "crc32"}:
        raise InputError(
            f"{file}: its metadata is {brief(content)} and not a dict of {', '.join(CONTENT)}, "
            f"crc32: {AGAIN}"
        )
    if content.pop("crc32") != checksum(content, state):
        raise InputError(f"{file} is damaged, its checksum differs: copy or export it again")
    versions = content["versions"]
    if not isinstance(versions, dict) or not _whole(list(versions.values())):
        raise InputError(f"{file}: its versions are {brief(versions)}, no numbers: {AGAIN}")
    metadata = {name: dict(version=version) for name, version in versions.items()}
    state._metadata = metadata  # type: ignore[attr-defined]  # as in those of PyTorch
    return content, state


def _entries(content: dict, file: Path) -> dict[str, Entry]:
    """By the weights' names."""
    weights = content["weights"]
    if not isinstance(weights, dict):
        raise InputError(f"{file}: its metadata is {brief(weights)} and not a dict: {AGAIN}")
    return {k: _entry(v, f"{file}: the metadata of {k[:60]}") for k, v in weights.items()}


def checksum(content: dict, state: dict[str, Tensor]) -> int:
    """CRC-32 of all that the file holds: the format has none of its own."""
    total = zlib.crc32(json.dumps(content, sort_keys=True).encode())
    for name in sorted(state):
        total = zlib.crc32(name.encode(), total)
        total = zlib.crc32(state[name].reshape(-1).view(torch.uint8).numpy().data, total)
    return total


def _take_weight(state: dict[str, Tensor], name: str, entry: Entry, file: str) -> Codes:
    """Takes a weight's tensors out of ``state``.

    Raises:
        InputError: they are not there, or not what ``entry`` says.
    """
    packed, scale = state.pop(f"{name}.packed", None), state.pop(f"{name}.scale", None)
    offset = state.pop(f"{name}.offset", None)
    count = math.prod(entry.shape)
    length = -(-count * entry.bit_width // 8)
    if packed is None or packed.dtype != torch.uint8 or packed.shape != (length,):
        raise InputError(f"{file}: {name}.packed is not {length} bytes: {AGAIN}")
    for part, tensor in (("scale", scale), ("offset", offset)):
        if not _fits(tensor, entry.shape) and not (part == "offset" and tensor is None):
            raise InputError(
                f"{file}: {name}.{part} is not finite floats for {tuple(entry.shape)}: {AGAIN}"
            )
    assert scale is not None, "a missing one does not fit"
    low, high = entry.quant_min, entry.quant_max
    values = torch.from_numpy(unpack(packed.numpy(), entry.bit_width, count)).to(torch.int16) + low
    if count and values.max() > high:
        raise InputError(f"{file}: {name}.packed has codes beyond {high}: {AGAIN}")
    if offset is None and entry.bit_width == 1:
        offset = -scale / 2
    return Codes(values.view(entry.shape), scale, offset, low, high, entry.bit_width)


def _fits(tensor: Tensor | None, shape: torch.Size) -> bool:
    """Whether ``tensor`` is finite floats that broadcast over a weight of ``shape``."""
    return (
        tensor is not None
        and tensor.is_floating_point()
        and tensor.ndim in (0, len(shape))
        and all(a in (1, b) for a, b in zip(tensor.shape, shape))
        and bool(tensor.isfinite().all())
    )
