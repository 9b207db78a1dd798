"""LSQ+."""

from __future__ import annotations

import torch
from mmengine.registry import MODELS
from torch import Tensor, nn

from bsam_suite.quantization.fake_quantizers.base import FakeQuantizer
from bsam_suite.quantization.fake_quantizers.lsq import LSQ, LSQ_FORMULA, positive
from bsam_suite.quantization.statistics import Statistics, least_squares_range
from bsam_suite.quantization.straight_through import StraightThrough, magnitude, round_clamp


def codes(x, quant_min, quant_max, s, beta):
    return round_clamp((x - beta) / magnitude(s), quant_min, quant_max)


def grid(x, quant_min, quant_max, s, beta):
    return magnitude(s), beta


def backward(grad, x, quant_min, quant_max, s, beta, n):
    r = (x - beta) / magnitude(s)
    inside = (quant_min < r) & (r < quant_max)
    grad_x = torch.where(inside, grad, 0)
    clipped = torch.clamp(r, quant_min, quant_max)
    grad_s = (grad * torch.round(clipped) - grad_x * clipped).sum(1, keepdim=True)
    grad_beta = (grad - grad_x).sum(1, keepdim=True)
    g = (n * quant_max) ** -0.5
    return grad_x, grad_s * torch.sign(s) * g, grad_beta * g


LSQ_PLUS_FORMULA = StraightThrough(codes, grid, backward)


@MODELS.register_module()
class LSQPlus(LSQ):
    """Learned step size and offset: ``round(clip((x - beta) / s, n, p)) * s + beta``.

    Y. Bhalgat et al., "LSQ+: Improving low-bit quantization through learnable offsets and better
    initialization", CVPR Workshops 2020, arXiv 2004.09576. With r = (x - beta) / s, not rounded: x
    gets the gradient where ``n < r < p``; s gets ``round(r) - r`` there, n below and p above; beta
    gets 0 there and 1 outside. Both gradients are scaled by LSQ's ``1 / sqrt(N p)``; for s and
    beta alike, so that the grid's two ends learn at one pace.

    Activations have the offset, for functions such as swish that go a little below 0; s and beta
    start where the error on the calibration batches is least in mean square. Weights have none, as
    in the paper; s starts at ``max(|mean - 3 std|, |mean + 3 std|) / 2 ** (bits - 1)``.

    Args:
        bit_width: 2 to 8.
        **kwargs: as :class:`FakeQuantizer`.

    Raises:
        InputError: see :class:`FakeQuantizer`.
    """

    fewest_bits = FakeQuantizer.fewest_bits

    def __init__(self, bit_width: int, **kwargs) -> None:
        super().__init__(bit_width, **kwargs)
        if self.kind == "activation":
            self.offset = nn.Parameter(torch.zeros(self.num_scales))

    @property
    def formula(self) -> StraightThrough:
        return LSQ_FORMULA if self.kind == "weight" else LSQ_PLUS_FORMULA

    def formula_parameters(self) -> tuple[Tensor, ...]:
        return (self.scale,) if self.kind == "weight" else (self.scale, self.offset)

    def fit(self, seen: Statistics) -> None:
        if self.kind == "weight":
            widest = seen.mean.abs() + 3 * seen.std
            self.scale.copy_(positive(widest / 2 ** (self.bit_width - 1), self.quant_range))
            return
        low, high = least_squares_range(seen.samples, 2**self.bit_width, bool(seen.low.min() >= 0))
        quant_min, quant_max = self.quant_range
        scale = (high - low) / (quant_max - quant_min)
        self.scale.copy_(scale)
        self.offset.copy_(low - quant_min * scale)
