"""Other ways to train a network with rounded weights and inputs, for ``benchmarks/qat.py``.

Each gives every convolution and linear layer of a float network learned step sizes, one for each
output channel of the weights and one for the inputs, as the recipes' LSQ does.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FakeQuantize = Callable[[Tensor, Tensor, bool], Tensor]


def naive(net: nn.Module, bits: int) -> nn.Module:
    """LSQ as it is usually written: autograd follows each operation of the paper's formula."""

    def fake_quantize(x: Tensor, step: Tensor, weight: bool) -> Tensor:
        low, high = levels(bits, weight)
        n = x.numel() / (step.numel() if weight else x.shape[0])
        scale = (n * high) ** -0.5
        step = (step - step * scale).detach() + step * scale
        step = step.view(-1, *[1] * (x.ndim - 1)) if weight else step
        clipped = torch.clamp(x / step, low, high)
        return ((clipped.round() - clipped).detach() + clipped) * step

    return replace(net, bits, fake_quantize)


def torch_kernels(net: nn.Module, bits: int) -> nn.Module:
    """With the learnable fake quantization that PyTorch has kernels for."""

    def fake_quantize(x: Tensor, step: Tensor, weight: bool) -> Tensor:
        low, high = levels(bits, weight)
        zero = torch.zeros_like(step)
        if weight:
            scale = (x.numel() / step.numel() * high) ** -0.5
            return torch._fake_quantize_learnable_per_channel_affine(
                x, step, zero, 0, low, high, scale
            )
        scale = (x.numel() / x.shape[0] * high) ** -0.5
        return torch._fake_quantize_learnable_per_tensor_affine(x, step, zero, low, high, scale)

    return replace(net, bits, fake_quantize)


def brevitas(net: nn.Module, bits: int) -> nn.Module:
    """With the layers of Brevitas, whose step sizes start from its own statistics."""
    import brevitas.nn as qnn
    from brevitas.quant import Int8ActPerTensorFloat, Int8WeightPerChannelFloat

    weight = Int8WeightPerChannelFloat.let(scaling_impl_type="parameter_from_stats", bit_width=bits)
    both = dict(
        weight_quant=weight,
        input_quant=Int8ActPerTensorFloat.let(bit_width=bits, collect_stats_steps=1),
    )

    def layer(old: nn.Module) -> nn.Module:
        bias = old.bias is not None
        if isinstance(old, nn.Linear):
            new = qnn.QuantLinear(old.in_features, old.out_features, bias, **both)
        else:
            size = old.in_channels, old.out_channels, old.kernel_size, old.stride, old.padding
            new = qnn.QuantConv2d(*size, old.dilation, old.groups, bias=bias, **both)
        new.load_state_dict(old.state_dict(), strict=False)
        return new

    return each_layer(net, layer)


def levels(bits: int, weight: bool) -> tuple[int, int]:
    """Lowest and highest code: signed for weights, unsigned for inputs."""
    return (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if weight else (0, 2**bits - 1)


def replace(net: nn.Module, bits: int, fake_quantize: FakeQuantize) -> nn.Module:
    """``net`` with quantized layers, whose inputs' step sizes are those of normal noise."""
    return each_layer(net, lambda layer: _Layer(layer, bits, fake_quantize))


def each_layer(net: nn.Module, new: Callable[[nn.Module], nn.Module]) -> nn.Module:
    net = copy.deepcopy(net)
    for name, module in list(net.named_modules()):
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            parent, _, child = name.rpartition(".")
            setattr(net.get_submodule(parent), child, new(module))
    return net


class _Layer(nn.Module):
    def __init__(self, layer: nn.Module, bits: int, fake_quantize: FakeQuantize) -> None:
        super().__init__()
        self.layer, self.fake_quantize = layer, fake_quantize
        mean = layer.weight.detach().abs().flatten(1).mean(1)
        self.weight_step = nn.Parameter(2 * mean / levels(bits, True)[1] ** 0.5)
        self.input_step = nn.Parameter(torch.tensor([1.0 / levels(bits, False)[1] ** 0.5]))

    def forward(self, x: Tensor) -> Tensor:
        x = self.fake_quantize(x, self.input_step, False)
        weight = self.fake_quantize(self.layer.weight, self.weight_step, True)
        if isinstance(self.layer, nn.Linear):
            return F.linear(x, weight, self.layer.bias)
        return self.layer._conv_forward(x, weight, self.layer.bias)
