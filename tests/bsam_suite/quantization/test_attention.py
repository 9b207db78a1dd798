"""Quantized attention: at many bits it is nn.MultiheadAttention, at few it is not."""

import copy

import pytest
import torch
from torch import nn

from bsam_suite.quantization import calibrate, quantize

FINE = dict(type="MinMaxFakeQuantizer", bit_width=8, per_channel=True)


class Float(nn.Identity):
    """Takes the place of a quantizer."""


def without_rounding(layer):
    quantized = quantize(layer, FINE, FINE)
    for part in (quantized, quantized.out_proj):
        part.weight_quantizer = part.input_quantizer = Float()
    return quantized


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_equals_the_float_layer_where_nothing_is_rounded(batch_first, need_weights, bias):
    layer = nn.MultiheadAttention(12, 3, batch_first=batch_first, bias=bias).double()
    quantized = without_rounding(layer)
    shape = (2, 5, 12) if batch_first else (5, 2, 12)
    q, k, v = torch.randn(3, *shape).double()
    causal = torch.ones(5, 5).triu(1).bool()
    padding = torch.tensor([[False] * 5, [False] * 3 + [True] * 2])
    for masks in (
        {},
        dict(attn_mask=causal),
        dict(key_padding_mask=padding),
        dict(attn_mask=causal.repeat(6, 1, 1), key_padding_mask=padding),
        dict(attn_mask=torch.randn(5, 5).double()),
    ):
        options = dict(masks, need_weights=need_weights)
        for one, other in zip(layer(q, k, v, **options), quantized(q, k, v, **options)):
            if one is None:
                assert other is None
            else:
                torch.testing.assert_close(other, one, rtol=1e-10, atol=1e-10)
    single = layer(q[0], q[0], q[0])  # without a batch
    for one, other in zip(single, quantized(q[0], q[0], q[0])):
        torch.testing.assert_close(other, one, rtol=1e-10, atol=1e-10)
    every = quantized(q, k, v, average_attn_weights=False)[1]
    torch.testing.assert_close(every, layer(q, k, v, average_attn_weights=False)[1])


def test_all_four_projections_are_rounded():
    layer = nn.MultiheadAttention(12, 3, batch_first=True)
    x = torch.randn(2, 5, 12)
    quantized = quantize(layer, dict(type="LSQ", bit_width=2), None, first_last_bit_width=None)
    out = quantized(x, x, x)[0]
    twin = copy.deepcopy(layer)
    with torch.no_grad():
        twin.in_proj_weight.copy_(quantized.weight_codes().dequantize())
        twin.out_proj.weight.copy_(quantized.out_proj.weight_codes().dequantize())
    torch.testing.assert_close(out, twin(x, x, x)[0])
    assert len(twin.in_proj_weight.unique()) <= 4 and len(twin.out_proj.weight.unique()) <= 4
    quantized = quantize(layer, FINE, FINE)
    calibrate(quantized, [x], lambda batch: quantized(batch, batch, batch))
    torch.testing.assert_close(quantized.eval()(x, x, x)[0], layer(x, x, x)[0], atol=0.05, rtol=0)
    quantized(x, x, x)[0].sum().backward()
    assert quantized.in_proj_weight.grad.any() and quantized.out_proj.weight.grad.any()
