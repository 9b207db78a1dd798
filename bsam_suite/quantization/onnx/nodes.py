"""Modules that become QuantizeLinear and DequantizeLinear in ``torch.onnx.export``."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bsam_suite.onnx.trace import OPSET
from bsam_suite.quantization.onnx.integers import Grid, Integers


class QuantizeDequantize(nn.Module):
    """In place of an activation's quantizer."""

    zero_point: Tensor

    def __init__(self, grid: Grid) -> None:
        super().__init__()
        self.attributes = {} if grid.axis is None else {"axis": grid.axis}
        self.register_buffer("scale", grid.scale.float())
        self.register_buffer("zero_point", grid.zero_point)
        low, high = (None, None) if grid.limits is None else grid.limits
        self.register_buffer("low", low)
        self.register_buffer("high", high)

    def forward(self, x: Tensor) -> Tensor:
        """``x`` rounded, in its own shape."""
        grid = (self.scale, self.zero_point)
        kind = self.zero_point.dtype
        integers = _node("QuantizeLinear", (x, *grid), self.attributes, kind, x.shape)
        if self.low is not None:
            # Behind QuantizeLinear, since ONNX Runtime fuses one right behind a convolution.
            integers = _node("Clip", (integers, self.low, self.high), {}, kind, x.shape)
        return _node("DequantizeLinear", (integers, *grid), self.attributes, x.dtype, x.shape)


class Dequantize(nn.Module):
    """In place of a weight's quantizer: the weight as integers in a DequantizeLinear."""

    scale: Tensor

    def __init__(self, integers: Integers) -> None:
        super().__init__()
        self.attributes = {} if integers.axis is None else {"axis": integers.axis}
        self.register_buffer("integers", integers.values.contiguous())
        self.register_buffer("scale", integers.scale.float())
        zero = torch.zeros_like(integers.scale, dtype=integers.values.dtype)
        self.register_buffer("zero_point", zero)

    def forward(self, weight: Tensor) -> Tensor:
        """The rounded weight; ``weight`` is not looked at."""
        inputs = (self.integers, self.scale, self.zero_point)
        return _node(
            "DequantizeLinear", inputs, self.attributes, self.scale.dtype, self.integers.shape
        )


def _node(name: str, inputs: tuple, attributes: dict, dtype: torch.dtype, shape) -> Tensor:
    return torch.onnx.ops.symbolic(
        f"::{name}", inputs, attributes, dtype=dtype, shape=shape, version=OPSET
    )
