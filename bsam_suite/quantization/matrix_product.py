"""The layers that are quantized as what they are: products of a weight and vectors of inputs.

A group is a set of output channels that see the same inputs: a convolution's ``groups``, or an
attention's queries, keys and values.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from bsam_suite.quantization.layers import QuantizedLayer


def rounded_inputs(layer: QuantizedLayer, args: tuple, kwargs: dict) -> list[Tensor]:
    """Copies of what the weight is multiplied with in a call of ``layer``, rounded as it rounds.

    Returns:
        A tensor for all groups, images (B, C, H, W) or vectors (N, D); three of an attention.
    """
    attention = isinstance(layer, nn.MultiheadAttention)
    names = ("query", "key", "value") if attention else ("x",)
    given = dict(zip(names, args)) | kwargs
    return [_with_batch(layer, layer.input_quantizer(given[name]).clone()) for name in names]


def _with_batch(layer: nn.Module, x: Tensor) -> Tensor:
    if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
        return x if x.ndim == 4 else x.unsqueeze(0)
    return x.reshape(-1, x.shape[-1])


def input_vectors(layer: QuantizedLayer, x: Tensor) -> Tensor:
    """The vectors that the weight is multiplied with, (G, N, D), of a tensor of inputs."""
    if isinstance(layer, nn.Conv2d):
        mode = "constant" if layer.padding_mode == "zeros" else layer.padding_mode
        x = F.pad(x, layer._reversed_padding_repeated_twice, mode=mode)
        stride: Any = layer.stride
    elif isinstance(layer, nn.ConvTranspose2d):
        # A convolution of the input with zeros between its values, by the kernel turned round.
        # What a call's own output_size adds at the border is left out.
        x, stride = _with_zeros_between(x, layer), 1
    else:
        return x.unsqueeze(0)
    patches = F.unfold(x, layer.kernel_size, layer.dilation, stride=stride)  # type: ignore[arg-type]
    return patches.unflatten(1, (layer.groups, -1)).permute(1, 0, 3, 2).flatten(1, 2)


def _with_zeros_between(x: Tensor, layer: nn.ConvTranspose2d) -> Tensor:
    (rows, columns), (high, wide) = layer.stride, x.shape[2:]
    spread = x.new_zeros(*x.shape[:2], (high - 1) * rows + 1, (wide - 1) * columns + 1)
    spread[:, :, ::rows, ::columns] = x
    pads: list[int] = []
    for i in (1, 0):  # the last dimension first
        before = layer.dilation[i] * (layer.kernel_size[i] - 1) - int(layer.padding[i])
        pads += [before, before + layer.output_padding[i]]
    return F.pad(spread, pads)


def to_product(layer: QuantizedLayer, weight: Tensor) -> Tensor:
    """A tensor of the weight's shape as (G, R, D): output = input vectors times its transpose."""
    groups = _groups(layer)
    if isinstance(layer, nn.ConvTranspose2d):
        weight = weight.flip(2, 3).unflatten(0, (groups, -1)).transpose(1, 2)
        return weight.flatten(2)
    return weight.reshape(groups, weight.shape[0] // groups, -1)


def from_product(layer: QuantizedLayer, matrix: Tensor) -> Tensor:
    """Undo :func:`to_product`."""
    shape = getattr(layer, layer.weight_name).shape
    if isinstance(layer, nn.ConvTranspose2d):
        rows = matrix.unflatten(2, (-1, *shape[2:])).transpose(1, 2)
        return rows.reshape(shape).flip(2, 3)
    return matrix.reshape(shape)


def _groups(layer: nn.Module) -> int:
    return 3 if isinstance(layer, nn.MultiheadAttention) else getattr(layer, "groups", 1)
