"""A checkpoint whose weights take the bits that they were trained for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from bsam_suite.engine.checkpoint import load_weights
from bsam_suite.engine.work_dir import check_new
from bsam_suite.errors import InputError
from bsam_suite.files import replacing
from bsam_suite.optional import need
from tasks.quantization.export.bits import pack
from tasks.quantization.export.packed_file import FORMAT, checksum, read_packed, take_weight
from tasks.quantization.export.rounded import RoundedWeight, quantized_layers, weight_name
from tasks.quantization.quantizers import Codes
from tasks.quantization.support import weight_of


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
    save_file = need("safetensors.torch", "export").save_file
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
    content = dict(layers=described, crc32=checksum(described, state))
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
        InputError: no such file, one of another kind, a damaged one, or one of another model.
    """
    described, state = read_packed(Path(file))
    layers = quantized_layers(model)
    if described.keys() != layers.keys():
        different = sorted(described.keys() ^ layers.keys())
        raise InputError(
            f"{file} is of another model: {different[0]} is quantized in only one of the two. Give "
            "the config that it was trained with"
        )
    rounded = {}
    for name, layer in layers.items():
        weight = weight_name(name, layer)
        shape = getattr(layer, layer.weight_name).shape
        entry = described[name]
        bits = getattr(layer.weight_quantizer, "bit_width", None)
        if bits != entry.bits:
            raise InputError(
                f"{name} has {entry.bits} bits in {file} and {bits} in the config: give the "
                "bits that it was trained with"
            )
        if entry.shape != shape:
            raise InputError(
                f"{file} is of another model: {weight} is {tuple(entry.shape)} there, "
                f"{tuple(shape)} in the model. Give the config that it was trained with"
            )
        codes = take_weight(state, weight, entry, str(file))
        state[weight] = codes.dequantize()
        quantizer = RoundedWeight(codes)
        prefix = f"{name}.weight_quantizer.".lstrip(".")
        state.update({prefix + k: v for k, v in quantizer.state_dict().items()})
        rounded[name] = quantizer.to(weight_of(layer).device)
    _load(model, state, rounded, str(file))


def _load(model: nn.Module, state: dict, rounded: dict[str, nn.Module], file: str) -> None:
    """Load all or nothing."""
    layers = quantized_layers(model)
    before = {name: layer.weight_quantizer for name, layer in layers.items()}
    kept = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    try:
        for name, layer in layers.items():
            layer.weight_quantizer = rounded[name]
        load_weights(model, state, str(file))
    except Exception:
        for name, layer in layers.items():
            layer.weight_quantizer = before[name]
        model.load_state_dict(kept)
        raise


def _pack(codes: Codes, name: str) -> dict[str, Tensor]:
    values = (codes.values - codes.bounds[0]).cpu().numpy()
    tensors = {f"{name}.packed": torch.from_numpy(pack(values, codes.bits))}
    tensors[f"{name}.scale"] = codes.scale.detach().cpu().contiguous().clone()
    if codes.offset is not None and not _halves(codes):
        tensors[f"{name}.offset"] = codes.offset.detach().cpu().contiguous().clone()
    return tensors


def _halves(codes: Codes) -> bool:
    """Whether the two values of a single bit are -scale / 2 and scale / 2."""
    return codes.bits == 1 and torch.equal(codes.offset, -codes.scale / 2)


def _bytes(tensors: dict[str, Tensor]) -> int:
    return sum(tensor.nbytes for tensor in tensors.values())
