"""Size and arithmetic of a network at the bits that its layers have."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from bsam_suite.quantization import FakeQuantizer, layer_bits
from bsam_suite.quantization.layers import QuantizedLayer
from bsam_suite.quantization.quantizable import find_layers, weight_of

SCALE_BYTES = 4
"""A scale or an offset is stored in float32."""


def size_bytes(model: nn.Module) -> int:
    """Bytes of all that a checkpoint of ``model`` has to hold for inference.

    A quantized weight takes ``bits / 8`` bytes, a layer's rounded up to whole bytes, and a scale of
    each channel (or one); a quantized input its scales. Offsets count where they are not 0. Biases,
    batch norms and float layers take what they take. Batch norms' integer counters do not count.
    """
    total, seen = 0, set()
    for module in model.modules():
        if isinstance(module, FakeQuantizer):
            continue
        quantized = weight_of(module) if isinstance(module, QuantizedLayer) else None
        buffers = module._buffers.items()
        stored = [b for name, b in buffers if name not in module._non_persistent_buffers_set]
        for value in (*module._parameters.values(), *stored):
            if value is None or not value.is_floating_point() or id(value) in seen:
                continue
            seen.add(id(value))
            if value is quantized:
                bits = getattr(module.weight_quantizer, "bit_width", 8 * value.element_size())
                total += ceil(value.numel() * bits / 8)
            else:
                total += value.numel() * value.element_size()
        if quantized is not None:
            total += _grid_bytes(module.weight_quantizer, quantized)
            total += _grid_bytes(module.input_quantizer, None)
    return total


def _grid_bytes(quantizer: nn.Module, weight: torch.Tensor | None) -> int:
    if not isinstance(quantizer, FakeQuantizer):
        return 0
    if weight is None:
        # No value of an input is at hand, and none is needed: its grid is in the parameters.
        weight = quantizer.quant_range.new_zeros(1, quantizer.num_scales)
    codes = quantizer.codes(weight)
    offsets = 0 if codes.offset is None or not codes.offset.any() else codes.offset.numel()
    return SCALE_BYTES * (codes.scale.numel() + offsets)


@torch.no_grad()
def count_macs(model: nn.Module, run: Callable[[], object]) -> dict[str, int]:
    """Multiply-accumulates of each layer that holds weights, as ``run`` calls it.

    Products of two activations, as inside of attention, have no weights and do not count.

    Args:
        run: calls ``model`` once.

    Returns:
        A number for each layer of :func:`bsam_suite.quantization.layer_bits` that is a
        convolution, linear or a multi-head attention; 0 where it is not called. Layers of other
        kinds, such as recurrent ones, are left out.
    """
    counts, hooks = {}, []

    def watch(name: str, layer: nn.Module) -> None:
        def hook(layer, args, kwargs, output):
            for part, macs in _macs(layer, args, kwargs, output).items():
                counts[name + part] = counts.get(name + part, 0) + macs

        hooks.append(layer.register_forward_hook(hook, with_kwargs=True))

    for name, layer in find_layers(model).items():
        if isinstance(layer, (_ConvNd, nn.Linear, nn.MultiheadAttention)):
            counts[name] = 0
            watch(name, layer)
    try:
        run()
    finally:
        for hook in hooks:
            hook.remove()
    return counts


def _macs(layer: nn.Module, args: tuple, kwargs: dict, output) -> dict[str, int]:
    if isinstance(layer, nn.MultiheadAttention):
        names = ("query", "key", "value")
        given = dict(zip(names, args)) | kwargs
        width, tokens = layer.embed_dim, []
        for name, columns in zip(names, (width, layer.kdim, layer.vdim)):
            tokens.append(given[name].numel() // given[name].shape[-1] * columns)
        macs = {"": sum(tokens) * width}
        if not isinstance(layer, QuantizedLayer):  # torch's never calls its out_proj
            macs[".out_proj"] = given["query"].numel() * width
        return macs
    weights = layer.weight.numel()
    if isinstance(layer, _ConvTransposeNd):
        values = args[0] if args else kwargs["x" if "x" in kwargs else "input"]
        return {"": values.numel() // layer.in_channels * weights}
    channels = layer.out_channels if isinstance(layer, _ConvNd) else layer.out_features
    return {"": output.numel() // channels * weights}


def bit_operations(model: nn.Module, macs: dict[str, int]) -> int:
    """Sum over layers of MACs x bits of weights x bits of inputs; float counts as 32 bits."""
    return sum(
        macs.get(row.name, 0) * row.weight_bits * row.activation_bits for row in layer_bits(model)
    )
