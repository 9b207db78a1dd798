"""Learned rounding against brute force, nearest rounding and the layers' own outputs."""

import copy
import itertools

import pytest
import torch
from torch import nn

from bsam_suite.errors import InputError
from bsam_suite.quantization import (
    calibrate,
    layer_bits,
    learn_rounding,
    load_packed,
    quantize,
    save_packed,
)
from bsam_suite.quantization.matrix_product import (
    from_product,
    input_vectors,
    rounded_inputs,
    to_product,
)

MIN_MAX = dict(type="MinMaxFakeQuantizer", per_channel=True)
LSQ_PLUS = dict(type="LSQPlus")


class Net(nn.Module):
    """Layers of every kind, in another order than they are called in."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(6, 3)
        self.stem = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.depthwise = nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=8)
        self.up = nn.ConvTranspose2d(8, 6, 3, stride=2, padding=1, output_padding=1)
        self.attention = nn.MultiheadAttention(6, 2, batch_first=True)

    def forward(self, x):
        x = self.norm(self.stem(x)).relu()
        x = self.up(self.depthwise(x).relu()).flatten(2).transpose(1, 2)
        return self.head(self.attention(x, x, x)[0].mean(1))


def images(n=16, seed=0):
    return torch.randn(n, 3, 6, 6, generator=torch.Generator().manual_seed(seed))


def converted(model, batches, bits, activation=None, **options):
    model = quantize(
        model, MIN_MAX | dict(bit_width=bits), activation, first_last_bit_width=None, **options
    ).eval()
    calibrate(model, batches)
    return model


def correlated(n, features, seed=0):
    """Inputs whose features have something in common, so that their rounding errors can cancel."""
    g = torch.Generator().manual_seed(seed)
    return torch.randn(n, features, generator=g) @ torch.rand(features, features, generator=g)


LAYERS = [
    nn.Linear(5, 4),
    nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=2),
    nn.Conv2d(4, 4, 3, padding="same", padding_mode="reflect", groups=4),
    nn.ConvTranspose2d(4, 6, (3, 2), stride=(2, 3), padding=(0, 1), groups=2, dilation=(2, 1)),
    nn.ConvTranspose2d(4, 2, 1, stride=2, padding=1, output_padding=1),
]


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_a_layer_is_a_product(layer):
    layer = quantize(layer, MIN_MAX | dict(bit_width=8), first_last_bit_width=None).double()
    x = torch.randn(3, *([5] if isinstance(layer, nn.Linear) else [4, 7, 7])).double()
    layer.bias.data.zero_()
    layer.weight_quantizer = nn.Identity()
    (inputs,) = rounded_inputs(layer, (x,), {})
    matrix = to_product(layer, layer.weight)
    product = input_vectors(layer, inputs) @ matrix.mT  # (G, N, R)
    expected = layer(x)
    if expected.ndim == 4:
        expected = expected.transpose(0, 1).flatten(1).T
    found = product.transpose(0, 1).flatten(1)
    torch.testing.assert_close(found, expected)
    assert torch.equal(from_product(layer, matrix), layer.weight)


@pytest.mark.parametrize("seed", range(8))
def test_the_best_of_all_roundings_of_six_weights(seed):
    torch.manual_seed(seed)
    layer, x = nn.Linear(6, 1, bias=False), correlated(50, 6, seed)
    model = converted(layer, [x], bits=3)
    codes = model.weight_codes()
    low = (layer.weight.detach() / codes.scale).floor()
    ups = torch.tensor(list(itertools.product([0.0, 1.0], repeat=6)))
    weights = (low + ups).clamp(-4, 3) * codes.scale
    every = ((weights - layer.weight) @ x.T).square().mean(1)
    learn_rounding(model, [x])
    found = ((model.weight - layer.weight) @ x.T).square().mean()
    rank = (every < found * 0.999).sum()
    assert rank <= 1, (rank, found / every.min())
