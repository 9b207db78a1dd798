"""LSQ."""

from __future__ import annotations

import torch
from mmengine.registry import MODELS
from torch import Tensor, nn

from bsam_suite.errors import InputError
from bsam_suite.quantization.fake_quantizers.base import FakeQuantizer
from bsam_suite.quantization.statistics import Statistics
from bsam_suite.quantization.straight_through import StraightThrough, magnitude, round_clamp


def codes(v, quant_min, quant_max, s):
    return round_clamp(v / magnitude(s), quant_min, quant_max)


def grid(v, quant_min, quant_max, s):
    return magnitude(s), None


def backward(grad, v, quant_min, quant_max, s, n):
    r = v / magnitude(s)
    inside = (quant_min < r) & (r < quant_max)
    grad_v = torch.where(inside, grad, 0)
    clipped = torch.clamp(r, quant_min, quant_max)
    # Inside the range round(v/s) - v/s, outside the bound: grad_v is 0 there.
    grad_s = (grad * torch.round(clipped) - grad_v * clipped).sum(1, keepdim=True)
    return grad_v, grad_s * torch.sign(s) * (n * quant_max) ** -0.5


def binary_codes(v, quant_min, quant_max, s):
    return (v >= 0).to(v.dtype)


def binary_grid(v, quant_min, quant_max, s):
    return 2 * magnitude(s), -magnitude(s)


def binary_backward(grad, v, quant_min, quant_max, s, n):
    r = v / magnitude(s)
    grad_v = torch.where(r.abs() < 1, grad, 0)
    level = torch.where(v >= 0, grad, -grad)
    grad_s = (level - grad_v * torch.clamp(r, -1, 1)).sum(1, keepdim=True)
    return grad_v, grad_s * torch.sign(s) * n**-0.5


LSQ_FORMULA = StraightThrough(codes, grid, backward)
BINARY_FORMULA = StraightThrough(binary_codes, binary_grid, binary_backward)


@MODELS.register_module()
class LSQ(FakeQuantizer):
    """Learned step size: ``round(clip(v / s, -Q_N, Q_P)) * s``.

    S. Esser et al., "Learned Step Size Quantization", ICLR 2020, arXiv 1902.08153. With r = v / s,
    not rounded, v gets the gradient where ``-Q_N < r < Q_P`` and none elsewhere; s gets
    ``round(r) - r`` there, -Q_N below and Q_P above, times ``1 / sqrt(N Q_P)``. N counts the
    weights that share s; of activations, the features of one sample that share it. s starts at
    ``2 mean|v| / sqrt(Q_P)``, for activations the mean over the calibration batches.

    The paper has no single-bit weights. Here they are ``s sign(v)``, sign(0) = 1, with the same
    gradients for Q_N = Q_P = 1; s starts at mean|v|, the closest in mean square. The paper takes s
    to be positive; a step that the optimizer carries below 0 counts by its magnitude.

    Args:
        bit_width: 1 to 8 for weights, 2 to 8 for activations.
        **kwargs: as :class:`FakeQuantizer`.

    Raises:
        InputError: see :class:`FakeQuantizer`; or ``signed=False`` with 1 bit.
    """

    fewest_bits = {"weight": 1, "activation": 2}

    def __init__(self, bit_width: int, **kwargs) -> None:
        super().__init__(bit_width, **kwargs)
        if bit_width == 1 and not self.signed:
            raise InputError("signed=False in LSQ with bit_width=1: its weights are -s and s")
        self.scale = nn.Parameter(torch.ones(self.num_scales))

    @property
    def formula(self) -> StraightThrough:
        return BINARY_FORMULA if self.bit_width == 1 else LSQ_FORMULA

    def formula_parameters(self) -> tuple[Tensor, ...]:
        return (self.scale,)

    def fake_quantize(self, x: Tensor) -> Tensor:
        samples = 1 if self.kind == "weight" else max(x.shape[0], 1)
        n = max(x.numel() / samples / self.num_scales, 1.0)  # values that share a parameter
        return self.formula(x, self.dim, self.quant_range, self.formula_parameters(), (n,))

    def fit(self, seen: Statistics) -> None:
        if self.bit_width == 1:
            scale = seen.mean_abs
        else:
            scale = 2 * seen.mean_abs / self.quant_range[1].sqrt()
        self.scale.copy_(positive(scale, self.quant_range))


def positive(scale: Tensor, quant_range: Tensor) -> Tensor:
    """``scale``, where it is 0 (nothing but zeros were seen) such that the codes reach 1."""
    return torch.where(scale > 0, scale, 1 / quant_range[1].clamp_min(1))
