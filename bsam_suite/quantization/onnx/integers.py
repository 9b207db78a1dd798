"""Grids of the quantizers in ONNX's terms: ``(integer - zero_point) * scale``."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from bsam_suite.errors import InputError
from bsam_suite.quantization.fake_quantizers import Codes, FakeQuantizer

RANGES = {torch.int8: (-128, 127), torch.uint8: (0, 255)}


class Integers(NamedTuple):
    """A weight in ONNX's terms, with zero point 0.

    Attributes:
        values: int8, or uint8 where nothing else holds them, in the weight's shape.
        scale: shape () or (channels,).
        axis: the dimension of the channels; None for one scale.
    """

    values: Tensor
    scale: Tensor
    axis: int | None


class Grid(NamedTuple):
    """An activation's grid in ONNX's terms.

    Attributes:
        scale, zero_point: shape () or (channels,) each; the zero point has the integers' dtype.
        axis: the dimension of the channels; None for one scale.
        limits: lowest and highest integer, shape () each; None where these are its dtype's ends.
    """

    scale: Tensor
    zero_point: Tensor
    axis: int | None
    limits: tuple[Tensor, Tensor] | None


def weight_integers(codes: Codes, name: str) -> Integers:
    """A weight as integers that are multiples of its scale.

    An offset that is a whole number of steps is added to the codes. One of a whole number of half
    steps (a single bit's -s and s, DoReFa's) makes twice the codes, of half the scale.

    Raises:
        InputError: no 8-bit integers stand for the values.
    """
    values, scale = codes.values.to(torch.int32), codes.scale
    if codes.offset is not None:
        half_steps = _whole(2 * codes.offset / scale)
        if half_steps is None:
            raise InputError(
                f"{name}: the values of its weight are no multiples of a scale, as ONNX's are; use "
                "LSQ or MinMaxFakeQuantizer for the weights, or export to .safetensors"
            )
        if bool((half_steps % 2 == 0).all()):
            values = values + half_steps // 2
        else:
            values, scale = 2 * values + half_steps, scale / 2
    kind = next((k for k, (a, b) in RANGES.items() if _within(values, a, b)), None)
    if kind is None:
        raise InputError(
            f"{name}: its {codes.bit_width}-bit weight takes the levels {int(values.min())} to "
            f"{int(values.max())} around 0, and ONNX's integers have 8 bits; train it with at most "
            "7 bits or with LSQ, or export to .safetensors"
        )
    axis = next((i for i, n in enumerate(scale.shape) if n > 1), None)
    return Integers(values.to(kind), scale.reshape(()) if axis is None else scale.flatten(), axis)


@torch.no_grad()
def activation_grid(quantizer: FakeQuantizer, name: str) -> Grid:
    """The grid of an activation's quantizer.

    Raises:
        InputError: its offset is no whole number of steps, as a zero point has to be; or it is not
            calibrated.
    """
    codes = quantizer.codes(torch.zeros(1, quantizer.num_scales))  # one value of each channel
    scale, offset = codes.scale.flatten(), codes.offset
    zero_point = torch.zeros_like(scale) if offset is None else _whole(-offset.flatten() / scale)
    if zero_point is None:
        raise InputError(
            f"{name}: {type(quantizer).__name__}'s offset is no whole number of steps, and "
            "ONNX's zero points are integers; train the activations with LSQ or with "
            "EMAFakeQuantizer, or export to .safetensors"
        )
    kind = torch.uint8 if codes.quant_min >= 0 else torch.int8
    if not _within(zero_point, *RANGES[kind]):
        raise InputError(
            f"{name}: its values do not reach 0: zero points are {int(zero_point.min())} to "
            f"{int(zero_point.max())}, and {str(kind)[6:]} ends at {RANGES[kind][1]}. Train the "
            "activations with LSQ, or export to .safetensors"
        )
    axis = quantizer.dim
    if axis is None:
        scale, zero_point = scale.reshape(()), zero_point.reshape(())
    ends = codes.quant_min, codes.quant_max
    low, high = (torch.tensor(end, dtype=kind) for end in ends)
    limits = (low, high) if ends != RANGES[kind] else None
    return Grid(scale, zero_point.to(kind), axis, limits)


def _whole(steps: Tensor) -> Tensor | None:
    """``steps`` as integers, where it is that but for rounding."""
    nearest = torch.round(steps)
    close = (steps - nearest).abs() <= 1e-6 * steps.abs().clamp_min(1)
    return nearest.to(torch.int32) if bool(close.all()) else None


def _within(values: Tensor, low: int, high: int) -> bool:
    return not values.numel() or bool(values.min() >= low and values.max() <= high)
