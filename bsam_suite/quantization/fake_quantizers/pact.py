"""PACT."""

from __future__ import annotations

import torch
from mmengine.registry import MODELS
from torch import Tensor, nn

from bsam_suite.quantization.fake_quantizers.base import FakeQuantizer
from bsam_suite.quantization.statistics import Statistics, least_squares_range
from bsam_suite.quantization.straight_through import StraightThrough, round_clamp


def clipping(alpha):
    return alpha.clamp_min(torch.finfo(alpha.dtype).tiny)


def codes(x, quant_min, quant_max, alpha):
    return round_clamp(x / (clipping(alpha) / quant_max), quant_min, quant_max)


def grid(x, quant_min, quant_max, alpha):
    return clipping(alpha) / quant_max, None


def backward(grad, x, quant_min, quant_max, alpha):
    top = clipping(alpha)
    bottom = top * (quant_min / quant_max)  # 0 or -alpha
    inside = (bottom <= x) & (x < top)
    above = torch.where(x >= top, grad, 0)
    below = torch.where(x < bottom, grad, 0) * (quant_min / quant_max)
    return torch.where(inside, grad, 0), (above + below).sum(1, keepdim=True)


PACT_FORMULA = StraightThrough(codes, grid, backward)


@MODELS.register_module()
class PACT(FakeQuantizer):
    """Learned clipping of activations: ``y = clip(x, 0, alpha)``, rounded to alpha / (2**bits - 1).

    J. Choi et al., "PACT: Parameterized Clipping Activation for Quantized Neural Networks", arXiv
    1805.06085. x gets the gradient where ``0 <= x < alpha``; alpha gets 1 where ``x >= alpha``, 0
    elsewhere. The paper starts alpha high and lets weight decay pull it down; here it starts where
    the error on the calibration batches is least in mean square. Give it weight decay.

    The paper's activations follow a ReLU. For signed ones ``y = clip(x, -alpha, alpha)`` is
    rounded to alpha / (2**(bits - 1) - 1); below -alpha alpha gets -1. Weights, in the paper, have
    DoReFa's formula.

    Args:
        bit_width: 2 to 8.
        **kwargs: as :class:`FakeQuantizer`, for activations.

    Raises:
        InputError: see :class:`FakeQuantizer`.
    """

    kinds = ("activation",)
    formula = PACT_FORMULA

    def __init__(self, bit_width: int, **kwargs) -> None:
        super().__init__(bit_width, **kwargs)
        self.alpha = nn.Parameter(torch.ones(self.num_scales))

    def code_range(self, signed: bool) -> tuple[int, int]:
        low, high = super().code_range(signed)
        return -high if low < 0 else 0, high

    def formula_parameters(self) -> tuple[Tensor, ...]:
        return (self.alpha,)

    def fit(self, seen: Statistics) -> None:
        samples = seen.samples
        if self.quant_range[0] < 0:
            samples = samples.abs()  # the grid is symmetric: fit its upper half
        levels = int(self.quant_range[1]) + 1
        self.alpha.copy_(least_squares_range(samples, levels, low_is_zero=True)[1])
