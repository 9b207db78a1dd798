"""LSQ+."""

from __future__ import annotations

import torch
from mmengine.registry import MODELS
from torch import Tensor, nn

from bsam_suite.quantization.fake_quantizers.base import FakeQuantizer
from bsam_suite.quantization.fake_quantizers.lsq import LSQ_FORMULA, features, positive
from bsam_suite.quantization.statistics import Statistics, least_squares_range
from bsam_suite.quantization.straight_through import StraightThrough, magnitude, nearest


def codes(x, bounds, s, beta):
    return nearest((x - beta) / magnitude(s), bounds)


def grid(x, bounds, s, beta):
    return magnitude(s), beta


def backward(grad, x, bounds, s, beta, n):
    r = (x - beta) / magnitude(s)
    inside = (bounds[0] < r) & (r < bounds[1])
    grad_x = torch.where(inside, grad, 0)
    clipped = torch.clamp(r, bounds[0], bounds[1])
    grad_s = (grad * torch.round(clipped) - grad_x * clipped).sum(1, keepdim=True)
    grad_beta = (grad - grad_x).sum(1, keepdim=True)
    g = (n * bounds[1]) ** -0.5
    return grad_x, grad_s * torch.sign(s) * g, grad_beta * g


LSQ_PLUS_FORMULA = StraightThrough(codes, grid, backward)


@MODELS.register_module()
class LSQPlus(FakeQuantizer):
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
        **kwargs: as :class:`FakeQuantizer`.

    Raises:
        InputError: see :class:`FakeQuantizer`.
    """

    def __init__(self, bits: int, **kwargs) -> None:
        super().__init__(bits, **kwargs)
        self.formula = LSQ_FORMULA if self.kind == "weight" else LSQ_PLUS_FORMULA
        self.step = nn.Parameter(torch.ones(self.rows))
        if self.kind == "activation":
            self.offset = nn.Parameter(torch.zeros(self.rows))

    def formula_parameters(self) -> tuple[Tensor, ...]:
        return (self.step,) if self.kind == "weight" else (self.step, self.offset)

    def fake_quantize(self, x: Tensor) -> Tensor:
        n = features(x, self)
        return self.formula(x, self.dim, self.bounds, self.formula_parameters(), (n,))

    def fit(self, seen: Statistics) -> None:
        low_code, high_code = self.bounds
        if self.kind == "weight":
            widest = seen.mean.abs() + 3 * seen.std
            self.step.copy_(positive(widest / 2 ** (self.bit_width - 1), self.bounds))
            return
        low, high = least_squares_range(seen.samples, 2**self.bit_width, bool(seen.low.min() >= 0))
        step = (high - low) / (high_code - low_code)
        self.step.copy_(step)
        self.offset.copy_(low - low_code * step)
