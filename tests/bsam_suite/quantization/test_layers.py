"""Quantized layers compute what the float layer would with rounded weight and input."""

import copy

import pytest
import torch
from torch import nn

from bsam_suite.errors import InputError
from bsam_suite.quantization import calibrate, quantize

LSQ4 = dict(type="LSQ", bit_width=4)

CASES = [
    (nn.Conv2d(4, 6, 3, padding=1, stride=2, groups=2), (2, 4, 7, 7)),
    (nn.Conv2d(4, 6, 3, padding=1, padding_mode="reflect", bias=False), (2, 4, 7, 7)),
    (nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2), (2, 4, 5, 5)),
    (nn.Linear(5, 3), (2, 7, 5)),
]


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("layer, shape", CASES, ids=lambda v: type(v).__name__)
def test_forward_is_the_float_layers_on_rounded_values(layer, shape, per_channel):
    x = torch.randn(shape)
    config = dict(LSQ4, per_channel=per_channel)
    quantized = quantize(layer, config, config, first_last_bit_width=None)
    assert type(quantized).__name__ == type(layer).__name__
    calibrate(quantized, [x])
    twin = copy.deepcopy(layer)
    with torch.no_grad():
        twin.weight.copy_(quantized.weight_codes().dequantize())
    expected = twin(quantized.input_quantizer.codes(x).dequantize())
    torch.testing.assert_close(quantized(x), expected)
    assert not torch.allclose(expected, layer(x), rtol=1e-3)
    out_dim = 1 if isinstance(layer, nn.ConvTranspose2d) else 0
    rows = layer.weight.shape[out_dim] if per_channel else 1
    assert quantized.weight_quantizer.scale.shape == (rows,)
    in_dim = -1 if isinstance(layer, nn.Linear) else 1
    assert quantized.input_quantizer.scale.shape == (x.shape[in_dim] if per_channel else 1,)
    if per_channel:  # a channel's scale follows from that channel's weights alone
        other = copy.deepcopy(layer)
        with torch.no_grad():
            other.weight.select(out_dim, 1).mul_(3)
        steps = quantize(other, config, None, first_last_bit_width=None).weight_quantizer.scale
        factors = steps / quantized.weight_quantizer.scale
        assert torch.allclose(factors, torch.ones(rows).index_fill(0, torch.tensor(1), 3.0))


def test_output_size_of_a_transposed_convolution():
    layer = nn.ConvTranspose2d(2, 3, 3, stride=2)
    x = torch.randn(1, 2, 4, 4)
    quantized = quantize(layer, dict(LSQ4, bit_width=8), None, first_last_bit_width=None)
    assert quantized(x, output_size=[10, 10]).shape == layer(x, output_size=[10, 10]).shape


def test_float_weights_arrive_after_conversion():
    """They fit by name; the step sizes of the old weights are not kept."""
    layer = nn.Sequential(nn.Linear(5, 3))
    quantized = quantize(layer, LSQ4, LSQ4)
    calibrate(quantized, [torch.randn(8, 5)])
    quantized.load_state_dict(nn.Sequential(nn.Linear(5, 3)).state_dict(), strict=False)
    with pytest.raises(InputError, match="0.input_quantizer is not calibrated"):
        quantized(torch.randn(8, 5))
    folded = quantize(
        nn.Sequential(nn.Linear(5, 3), nn.BatchNorm1d(3)), LSQ4, LSQ4, fold_batch_norm=True
    )
    with pytest.raises(InputError, match="0: the checkpoint is a float model's, whose batch norm"):
        folded.load_state_dict(layer.state_dict(), strict=False)
