"""DoReFa."""

from __future__ import annotations

import torch
from mmengine.registry import MODELS

from bsam_suite.errors import InputError
from bsam_suite.quantization.fake_quantizers.base import FakeQuantizer
from bsam_suite.quantization.straight_through import StraightThrough, round_clamp


def weight_codes(r, quant_min, quant_max):
    t = torch.tanh(r)
    return torch.round(quant_max * (t / (2 * largest(t)) + 0.5))


def weight_grid(r, quant_min, quant_max):
    one = torch.ones_like(r[:, :1])
    return 2 / quant_max * one, -one


def weight_backward(grad, r, quant_min, quant_max):
    t = torch.tanh(r)
    m = largest(t)
    at_largest = (t.abs() == m).to(t.dtype)
    # The output stands for t / m, and m is a function of the weights, too.
    grad_m = -(grad * t).sum(1, keepdim=True) / m.square()
    share = at_largest * torch.sign(t) / at_largest.sum(1, keepdim=True)
    return ((grad / m + grad_m * share) * (1 - t.square()),)


def largest(t):
    return t.abs().amax(1, keepdim=True).clamp_min(torch.finfo(t.dtype).eps)


def binary_codes(r, quant_min, quant_max):
    return (r >= 0).to(r.dtype)


def binary_grid(r, quant_min, quant_max):
    mean = r.abs().mean(1, keepdim=True)
    return 2 * mean, -mean


def binary_backward(grad, r, quant_min, quant_max):
    return (grad.clone(),)


def activation_codes(x, quant_min, quant_max):
    return round_clamp(x * quant_max, quant_min, quant_max)


def activation_grid(x, quant_min, quant_max):
    return torch.ones_like(x[:, :1]) / quant_max, None


def activation_backward(grad, x, quant_min, quant_max):
    return (torch.where((x >= 0) & (x <= 1), grad, 0),)


WEIGHT_FORMULA = StraightThrough(weight_codes, weight_grid, weight_backward)
BINARY_FORMULA = StraightThrough(binary_codes, binary_grid, binary_backward)
ACTIVATION_FORMULA = StraightThrough(activation_codes, activation_grid, activation_backward)


class _DoReFa(FakeQuantizer):
    """Has no parameters; codes start from 0."""

    def code_range(self, signed: bool) -> tuple[int, int]:
        return 0, 2**self.bit_width - 1


@MODELS.register_module()
class DoReFaWeight(_DoReFa):
    """Weights by ``2 quantize(tanh(r) / (2 max|tanh(r)|) + 1/2) - 1``, from -1 to 1.

    S. Zhou et al., "DoReFa-Net: Training Low Bitwidth Convolutional Neural Networks with Low
    Bitwidth Gradients", arXiv 1606.06160. ``quantize(x)`` rounds to a multiple of
    ``1 / (2**bits - 1)`` and passes the gradient as it is; the gradient through tanh and max is
    exact. A single bit is ``sign(r) mean|r|``, sign(0) = 1, and r gets the gradient as it is.

    From 2 bits on the largest weight of every layer becomes 1, which a batch norm behind the layer
    takes back, once it has adapted: a float checkpoint needs training to work again.

    Args:
        bit_width: 1 to 8.
        kind: ``"weight"``.
        **kwargs: as :class:`FakeQuantizer`, for signed weights.

    Raises:
        InputError: see :class:`FakeQuantizer`; or ``signed=False``.
    """

    kinds = ("weight",)
    fewest_bits = {"weight": 1}

    def __init__(self, bit_width: int, kind: str = "weight", **kwargs) -> None:
        super().__init__(bit_width, kind=kind, **kwargs)
        if not self.signed:
            raise InputError("signed=False in DoReFaWeight: its weights are from -1 to 1")

    @property
    def formula(self) -> StraightThrough:
        return BINARY_FORMULA if self.bit_width == 1 else WEIGHT_FORMULA


@MODELS.register_module()
class DoReFaActivation(_DoReFa):
    """Activations clipped to [0, 1] and rounded to a multiple of ``1 / (2**bits - 1)``.

    arXiv 1606.06160, as :class:`DoReFaWeight`. x gets the gradient where ``0 <= x <= 1``.

    Args:
        bit_width: 2 to 8.
        **kwargs: as :class:`FakeQuantizer`, for unsigned activations.

    Raises:
        InputError: see :class:`FakeQuantizer`; or ``signed=True``.
    """

    kinds = ("activation",)
    formula = ACTIVATION_FORMULA

    def __init__(self, bit_width: int, **kwargs) -> None:
        super().__init__(bit_width, **kwargs)
        if self.signed:
            raise InputError("signed=True in DoReFaActivation: it clips to [0, 1]")
