"""Ranges that follow the values, not learned."""

from __future__ import annotations

import torch
from mmengine.registry import MODELS
from torch import Tensor

from bsam_suite.errors import InputError
from bsam_suite.quantization.fake_quantizers.base import FakeQuantizer
from bsam_suite.quantization.matrix_view import to_matrix
from bsam_suite.quantization.statistics import Statistics
from bsam_suite.quantization.straight_through import StraightThrough, round_clamp


def codes(x, quant_min, quant_max, low, high):
    scale, offset = grid(x, quant_min, quant_max, low, high)
    return round_clamp((x - offset) / scale, quant_min, quant_max)


def grid(x, quant_min, quant_max, low, high):
    low, high = low.clamp_max(0), high.clamp_min(0)
    symmetric = torch.maximum(-low, high) / quant_max
    affine = (high - low) / (quant_max - quant_min)
    scale = torch.where(quant_min < 0, symmetric, affine)
    scale = torch.where(scale > 0, scale, 1 / quant_max)  # nothing but zeros seen
    zero_point = torch.where(quant_min < 0, 0, torch.round(-low / scale))
    return scale, -zero_point * scale


def backward(grad, x, quant_min, quant_max, low, high):
    scale, offset = grid(x, quant_min, quant_max, low, high)
    r = (x - offset) / scale
    return torch.where((quant_min <= r) & (r <= quant_max), grad, 0), None, None


def own_codes(x, quant_min, quant_max):
    return codes(x, quant_min, quant_max, *ends(x))


def own_grid(x, quant_min, quant_max):
    return grid(x, quant_min, quant_max, *ends(x))


def own_backward(grad, x, quant_min, quant_max):
    return (backward(grad, x, quant_min, quant_max, *ends(x))[0],)


def ends(x):
    return x.amin(1, keepdim=True), x.amax(1, keepdim=True)


RANGE_FORMULA = StraightThrough(codes, grid, backward)
OWN_RANGE_FORMULA = StraightThrough(own_codes, own_grid, own_backward)


class _RangeFakeQuantizer(FakeQuantizer):
    """Keeps the range [low, high] in buffers, and follows the data in training mode only."""

    formula = RANGE_FORMULA

    def __init__(self, bit_width: int, **kwargs) -> None:
        super().__init__(bit_width, **kwargs)
        self.register_buffer("low", torch.zeros(self.num_scales))
        self.register_buffer("high", torch.ones(self.num_scales))

    def formula_parameters(self) -> tuple[Tensor, ...]:
        return self.low, self.high

    def fake_quantize(self, x: Tensor) -> Tensor:
        low, high = self.formula_parameters()
        if self.training and x.numel():
            rows = to_matrix(x.detach(), self.dim).to(low.dtype)
            # New tensors: a layer used twice in a forward still needs the first ones for backward.
            low, high = self.follow(rows.amin(1), rows.amax(1))
            self.low, self.high = low, high
        return self.formula(x, self.dim, self.quant_range, (low, high))

    def follow(self, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
        """The range after a batch with these extremes, shape (R,) each."""
        raise NotImplementedError

    def fit(self, seen: Statistics) -> None:
        for parameter, value in zip(self.formula_parameters(), (seen.low, seen.high)):
            parameter.copy_(value)


@MODELS.register_module()
class MinMaxFakeQuantizer(_RangeFakeQuantizer):
    """A uniform grid over the range of the values.

    Of activations it is, in training mode, the range of all that was seen since calibration began.
    Of weights it is the range that they have now; nothing is kept. Signed, the grid is symmetric
    about 0; unsigned, it has an integer zero point. x gets the gradient inside the range, its ends
    included.

    Args:
        bit_width: 2 to 8.
        **kwargs: as :class:`FakeQuantizer`.

    Raises:
        InputError: see :class:`FakeQuantizer`.
    """

    def __init__(self, bit_width: int, **kwargs) -> None:
        super().__init__(bit_width, **kwargs)
        if self.kind == "weight":
            del self.low, self.high

    @property
    def formula(self) -> StraightThrough:
        return OWN_RANGE_FORMULA if self.kind == "weight" else RANGE_FORMULA

    def formula_parameters(self) -> tuple[Tensor, ...]:
        return () if self.kind == "weight" else (self.low, self.high)

    def fake_quantize(self, x: Tensor) -> Tensor:
        if self.kind == "weight":
            return self.formula(x, self.dim, self.quant_range)
        return super().fake_quantize(x)

    def follow(self, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
        return torch.minimum(self.low, low), torch.maximum(self.high, high)


@MODELS.register_module()
class EMAFakeQuantizer(_RangeFakeQuantizer):
    """A uniform grid over an exponential moving average of each batch's range.

    B. Jacob et al., "Quantization and Training of Neural Networks for Efficient
    Integer-Arithmetic-Only Inference", arXiv 1712.05877: ``low += momentum (batch low - low)`` in
    training mode, high likewise. It starts at the calibration batches' range; grid and gradient
    are :class:`MinMaxFakeQuantizer`'s.

    Args:
        bit_width: 2 to 8.
        momentum: weight of the new batch, over 0 up to 1. Default 0.01.
        **kwargs: as :class:`FakeQuantizer`, for activations.

    Raises:
        InputError: see :class:`FakeQuantizer`; or momentum is out of its range.
    """

    kinds = ("activation",)

    def __init__(self, bit_width: int, momentum: float = 0.01, **kwargs) -> None:
        super().__init__(bit_width, **kwargs)
        if not 0 < momentum <= 1:
            raise InputError(
                f"momentum={momentum!r} in EMAFakeQuantizer: give a number over 0 up to 1"
            )
        self.momentum = momentum

    def follow(self, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
        return self.low.lerp(low, self.momentum), self.high.lerp(high, self.momentum)
