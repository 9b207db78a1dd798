"""Size and bit operations against numbers worked out by hand."""

import pytest
import torch
from torch import nn

from bsam_suite.quantization import calibrate, quantize
from tasks.quantization.evaluate.cost import bit_operations, count_macs, size_bytes


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.up = nn.ConvTranspose2d(4, 10, 3, stride=2, groups=2, bias=False)
        self.head = nn.Linear(10, 7)
        self.register_buffer("mean", torch.zeros(3), persistent=False)

    def forward(self, x):
        return self.head(self.up(self.norm(self.conv(x))).mean((2, 3)))


# Weights: conv 4 x 3 x 9, up 4 x 5 x 9, head 7 x 10. Pixels: 8 x 8 in front of conv and of up.
MACS = {"conv": 64 * 108, "up": 64 * 180, "head": 70}
OTHERS = 4 * 4 + 4 * 4 * 4 + 4 * 7  # conv's bias, four vectors of the batch norm, head's bias


@pytest.fixture
def images():
    return torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def converted(images, activation="MinMaxFakeQuantizer", bits=3, per_channel=True):
    torch.manual_seed(0)
    weight = dict(type="MinMaxFakeQuantizer", bit_width=bits, per_channel=per_channel)
    activation = activation and dict(type=activation, bit_width=bits)
    model = quantize(Net(), weight=weight, activation=activation)
    if activation:
        calibrate(model, [images])
    return model.eval()


def test_macs_and_bit_operations(images):
    net = Net().eval()
    macs = count_macs(net, lambda: net(images))
    assert macs == {name: 2 * count for name, count in MACS.items()}
    assert bit_operations(net, MACS) == sum(MACS.values()) * 32 * 32
    model = converted(images)
    assert count_macs(model, lambda: model(images)) == macs
    assert bit_operations(model, MACS) == (MACS["conv"] + MACS["head"]) * 64 + MACS["up"] * 9
    weights_only = converted(images, activation=None)
    ends = (MACS["conv"] + MACS["head"]) * 8 * 32
    assert bit_operations(weights_only, MACS) == ends + MACS["up"] * 3 * 32


def test_a_layer_called_twice_counts_twice_and_hooks_are_gone(images):
    net = Net().eval()
    once, twice = count_macs(net, lambda: net(images)), []
    assert count_macs(net, lambda: twice.extend([net(images), net(images)])) == {
        name: 2 * count for name, count in once.items()
    }
    assert not any(module._forward_hooks for module in net.modules())


def test_size(images):
    assert size_bytes(Net()) == OTHERS + 4 * (108 + 180 + 70)
    # 180 weights of 3 bits fill 67.5 bytes. Output channels of up: 10 in two groups, 5 scales.
    packed = 108 + 68 + 70
    assert size_bytes(converted(images)) == OTHERS + packed + 4 * (4 + 5 + 7) + 4 * 3
    assert size_bytes(converted(images, None)) == OTHERS + packed + 4 * (4 + 5 + 7)
    assert size_bytes(converted(images, per_channel=False)) == OTHERS + packed + 4 * 3 + 4 * 3
    # LSQ+ has an offset besides the scale.
    assert size_bytes(converted(images, "LSQPlus")) == OTHERS + packed + 4 * (4 + 5 + 7) + 4 * 6


def test_weights_that_layers_share_count_once():
    net = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False))
    net[1].weight = net[0].weight
    assert size_bytes(net) == 4 * 16


def test_attention_counts_all_of_its_projections():
    net = nn.Sequential(nn.Linear(8, 8), nn.MultiheadAttention(8, 2, batch_first=True))
    x = torch.randn(2, 5, 8)

    def run(model):
        return lambda: model[1](*[model[0](x)] * 3, need_weights=False)

    want = {"0": 10 * 64, "1": 10 * 3 * 64, "1.out_proj": 10 * 64}
    assert count_macs(net.eval(), run(net)) == want
    model = quantize(net, weight=dict(type="LSQ", bit_width=4), activation=None)
    assert count_macs(model, run(model)) == want
