"""A checkpoint whose weights take the bits that they were trained for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bsam_suite.atomic_write import atomic_path
from bsam_suite.engine.checkpoint import load_weights
from bsam_suite.engine.work_dir import check_new_file
from bsam_suite.optional import need
from bsam_suite.quantization.fake_quantizers import Codes
from bsam_suite.quantization.layers import quantized_layers
from bsam_suite.quantization.packed.bits import pack
from bsam_suite.quantization.packed.file import FORMAT, Entry, checksum, load_from_packed


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
def save_packed(model: nn.Module, file: str | Path, config: str | None = None) -> PackedSize:
    """Write the state of a quantized model with each weight at its bits.

    A safetensors file. A quantized weight ``W`` is three tensors: ``W.packed``, a row of bytes by
    :func:`bsam_suite.quantization.packed.bits.pack` of its codes less the lowest one possible;
    ``W.scale`` and, where codes do not stand for multiples of the scale, ``W.offset``, which
    broadcast over the weight; without it a single bit stands for -scale / 2 and scale / 2.
    Everything else of the state dict is there as it is. The metadata has one entry, named by
    ``FORMAT``: JSON with a checksum and what :data:`CONTENT` lists.

    Args:
        model: calibrated, on any device.
        file: a new file.
        config: text of the model's config, kept in the file.

    Raises:
        InputError: nothing is quantized, a quantizer is not calibrated, or the file exists.
    """
    save_file = need("safetensors.torch", "export").save_file
    file = check_new_file(file)
    layers = quantized_layers(model)
    state: Any = model.state_dict()
    versions = {k: v["version"] for k, v in state._metadata.items() if v.get("version", 1) != 1}
    state = {k: v.detach().cpu().contiguous().clone() for k, v in state.items()}
    entries, size = {}, PackedSize(0, 0, 0.0, 0, 0)
    for name, layer in layers.items():
        codes, weight = layer.weight_codes(), f"{name}.{layer.weight_name}".lstrip(".")
        quantizer = f"{name}.weight_quantizer.".lstrip(".")
        state = {k: v for k, v in state.items() if k != weight and not k.startswith(quantizer)}
        tensors = _pack(codes, weight)
        entries[weight] = Entry(
            codes.bit_width, codes.quant_min, codes.quant_max, codes.values.shape
        )._asdict()
        size.weights += codes.values.numel()
        size.weight_bytes += _bytes(tensors)
        size.ideal_bytes += codes.values.numel() * codes.bit_width / 8
        state.update(tensors)
    content: dict[str, Any] = dict(config=config, versions=versions, weights=entries)
    content["crc32"] = checksum(content, state)
    with atomic_path(file) as part:
        save_file(state, part, metadata={FORMAT: json.dumps(content)})
    size.other_bytes = _bytes(state) - size.weight_bytes
    size.file_bytes = file.stat().st_size
    return size


def load_packed(model: nn.Module, file: str | Path) -> None:
    """Load what :func:`save_packed` wrote.

    Weights and outputs are then those of the saved model, bit for bit. The weights are rounded for
    good: they are not for further training.

    Args:
        model: built from the config of the saved model. It stays as it is when an error is raised.
        file: the packed checkpoint.

    Raises:
        InputError: no such file, one of another kind, a damaged one, or one of another model.
    """
    load_weights(model, load_from_packed(file), str(file))


def _pack(codes: Codes, name: str) -> dict[str, Tensor]:
    values = (codes.values - codes.quant_min).cpu().numpy()
    tensors = {f"{name}.packed": torch.from_numpy(pack(values, codes.bit_width))}
    tensors[f"{name}.scale"] = codes.scale.detach().cpu().contiguous().clone()
    # The two values of a single bit are mostly -scale / 2 and scale / 2.
    offset, halves = codes.offset, codes.bit_width == 1
    if offset is not None and not (halves and torch.equal(offset, -codes.scale / 2)):
        tensors[f"{name}.offset"] = offset.detach().cpu().contiguous().clone()
    return tensors


def _bytes(tensors: dict[str, Tensor]) -> int:
    return sum(tensor.nbytes for tensor in tensors.values())
