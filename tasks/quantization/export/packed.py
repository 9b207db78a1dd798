"""A checkpoint whose weights take the bits that they were trained for."""

from __future__ import annotations

import json
import math
import zlib
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from bsam_suite.engine.checkpoint import load_weights
from bsam_suite.engine.work_dir import check_new
from bsam_suite.errors import InputError
from bsam_suite.files import replacing
from bsam_suite.onnx.extra import need
from tasks.quantization.export.bits import pack, unpack
from tasks.quantization.export.rounded import RoundedWeight, quantized_layers, weight_name
from tasks.quantization.quantizers import Codes
from tasks.quantization.support import weight_of

FORMAT = "bsam-suite packed 2"  # the only key of the metadata: of several the order is random


@dataclass
class PackedSize:
    """Bytes of a packed checkpoint.

    Attributes:
        weights: number of quantized weights.
        weight_bytes: their packed codes, scales and offsets.
        ideal_bytes: the sum of bits / 8 over the quantized weights.
        other_bytes: all other tensors: biases, norms, layers that stay float, activation ranges.
        file_bytes: the whole file.
    """

    weights: int
    weight_bytes: int
    ideal_bytes: float
    other_bytes: int
    file_bytes: int


@torch.no_grad()
def save_packed(model: nn.Module, file: str | Path) -> PackedSize:
    """Write the state of a quantized model with each weight at its bits.

    A safetensors file. A quantized weight ``W`` is three tensors: ``W.packed``, a row of bytes by
    :func:`tasks.quantization.export.bits.pack` of its codes less the lowest one possible;
    ``W.scale`` and, where codes do not stand for multiples of the scale, ``W.offset``, which
    broadcast over the weight; without it a single bit stands for -scale / 2 and scale / 2.
    Everything else of the state dict is there as it is. The metadata has one entry, named by
    ``FORMAT``: JSON with a checksum, and bits, bounds and shape by the layers' names.

    Args:
        model: calibrated, on any device.
        file: a new file.

    Raises:
        InputError: nothing is quantized, a quantizer is not calibrated, or the file exists.
    """
    save_file = need("safetensors.torch").save_file
    file = check_new(file)
    layers = quantized_layers(model)
    state = {k: v.detach().cpu().contiguous().clone() for k, v in model.state_dict().items()}
    described, size = {}, PackedSize(0, 0, 0.0, 0, 0)
    for name, layer in layers.items():
        codes, weight = layer.weight_codes(), weight_name(name, layer)
        quantizer = f"{name}.weight_quantizer.".lstrip(".")
        state = {k: v for k, v in state.items() if k != weight and not k.startswith(quantizer)}
        tensors = _pack(codes, weight)
        described[name] = dict(bits=codes.bits, bounds=codes.bounds, shape=codes.values.shape)
        size.weights += codes.values.numel()
        size.weight_bytes += _bytes(tensors)
        size.ideal_bytes += codes.values.numel() * codes.bits / 8
        state.update(tensors)
    content = dict(layers=described, crc32=_checksum(described, state))
    with replacing(file) as part:
        save_file(state, part, metadata={FORMAT: json.dumps(content)})
    size.other_bytes = _bytes(state) - size.weight_bytes
    size.file_bytes = file.stat().st_size
    return size


@torch.no_grad()
def load_packed(model: nn.Module, file: str | Path) -> None:
    """Load what :func:`save_packed` wrote.

    Weights and outputs are then those of the saved model, bit for bit. The quantizers of the
    weights are gone: they hold rounded values only, which are not for further training.

    Args:
        model: built from the config of the saved model. It stays as it is when an error is raised.
        file: the packed checkpoint.

    Raises:
        InputError: no such file, one of another kind, or one of another model.
    """
    described, state = _read(Path(file))
    layers = quantized_layers(model)
    if described.keys() != layers.keys():
        different = sorted(described.keys() ^ layers.keys())
        raise InputError(
            f"{file} is of another model: {different[0]} is quantized in only one of the two. Give "
            "the config that it was trained with"
        )
    rounded = {}
    for name, layer in layers.items():
        entry, bits = described[name], getattr(layer.weight_quantizer, "bit_width", None)
        if bits != entry["bits"]:
            raise InputError(
                f"{name} has {entry['bits']} bits in {file} and {bits} in the config: give the "
                "bits that it was trained with"
            )
        weight = weight_name(name, layer)
        codes = _unpack(state, weight, entry)
        state[weight] = codes.dequantize()
        quantizer = RoundedWeight(codes)
        prefix = f"{name}.weight_quantizer.".lstrip(".")
        state.update({prefix + k: v for k, v in quantizer.state_dict().items()})
        rounded[name] = quantizer.to(weight_of(layer).device)
    before = {name: layer.weight_quantizer for name, layer in layers.items()}
    try:
        for name, layer in layers.items():
            layer.weight_quantizer = rounded[name]
        load_weights(model, state, str(file))
    except Exception:
        for name, layer in layers.items():
            layer.weight_quantizer = before[name]
        raise


def _read(file: Path) -> tuple[dict, dict[str, Tensor]]:
    safetensors = need("safetensors")
    if not file.is_file():
        raise InputError(f"packed checkpoint {file} does not exist")
    try:
        with safetensors.safe_open(file, "pt") as content:
            metadata = content.metadata() or {}
            state = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118
    except safetensors.SafetensorError as error:
        raise InputError(f"{file} is no whole safetensors file: {error}") from error
    if FORMAT not in metadata:
        raise InputError(
            f"{file} is no packed checkpoint: its metadata has no {FORMAT!r}. "
            "tools/export_quantized.py writes one"
        )
    content = json.loads(metadata[FORMAT])
    if content["crc32"] != _checksum(content["layers"], state):
        raise InputError(f"{file} is damaged, its checksum differs: copy or export it again")
    return content["layers"], state


def _checksum(described: dict, state: dict[str, Tensor]) -> int:
    """CRC-32 of all that the file holds: the format has none of its own."""
    total = zlib.crc32(json.dumps(described, sort_keys=True).encode())
    for name in sorted(state):
        total = zlib.crc32(name.encode(), total)
        total = zlib.crc32(state[name].reshape(-1).view(torch.uint8).numpy(), total)
    return total


def _pack(codes: Codes, name: str) -> dict[str, Tensor]:
    values = (codes.values - codes.bounds[0]).cpu().numpy()
    tensors = {f"{name}.packed": torch.from_numpy(pack(values, codes.bits))}
    tensors[f"{name}.scale"] = codes.scale.detach().cpu().contiguous().clone()
    if codes.offset is not None and not _halves(codes):
        tensors[f"{name}.offset"] = codes.offset.detach().cpu().contiguous().clone()
    return tensors


def _unpack(state: dict[str, Tensor], name: str, entry: dict) -> Codes:
    """Takes the weight's tensors out of ``state``."""
    values = unpack(state.pop(f"{name}.packed").numpy(), entry["bits"], math.prod(entry["shape"]))
    low, high = entry["bounds"]
    scale, offset = state.pop(f"{name}.scale"), state.pop(f"{name}.offset", None)
    if offset is None and entry["bits"] == 1:
        offset = -scale / 2
    return Codes(
        torch.from_numpy(values).to(torch.int16).view(entry["shape"]) + low,
        scale,
        offset,
        (low, high),
        entry["bits"],
    )


def _halves(codes: Codes) -> bool:
    """Whether the two values of a single bit are -scale / 2 and scale / 2."""
    return codes.bits == 1 and torch.equal(codes.offset, -codes.scale / 2)


def _bytes(tensors: dict[str, Tensor]) -> int:
    return sum(tensor.nbytes for tensor in tensors.values())
