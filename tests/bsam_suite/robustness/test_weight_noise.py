"""Noise on weights: its size, and that nothing of it is left."""

import pytest
import torch
from torch import nn

from bsam_suite.robustness.weight_noise import noisy_weights


@pytest.fixture
def net():
    layers = [
        nn.Conv2d(3, 8, 3),
        nn.BatchNorm2d(8),
        nn.ConvTranspose2d(8, 5, 2),
        nn.Linear(4000, 2),
        nn.Linear(7, 7),
    ]
    net = nn.Sequential(*layers, nn.Linear(7, 7))
    net[5].weight = net[4].weight  # a tied one gets its noise once
    return net.double()


def noise(net, strength, seed=0):
    before = {name: value.clone() for name, value in net.state_dict().items()}
    with noisy_weights(net, strength, seed):
        return {name: value - before[name] for name, value in net.state_dict().items()}


def test_its_norm_relative_to_each_filter(net):
    before = {name: value.clone() for name, value in net.state_dict().items()}
    found = noise(net, 0.1)
    for name, dim in {"0.weight": 0, "2.weight": 1, "3.weight": 0, "4.weight": 0}.items():
        assert len(found[name].unbind(dim)) == {"0": 8, "2": 5, "3": 2, "4": 7}[name[0]]
        for d, w in zip(found[name].unbind(dim), before[name].unbind(dim)):
            assert (d.norm() / w.norm()).item() == pytest.approx(0.1, rel=1e-12)
    assert all(not d.any() for name, d in found.items() if found[name].ndim < 2)
    # Normally distributed, whatever the weight: 4,000 values with fourth moment 3.
    d, w = found["3.weight"][0], before["3.weight"][0]
    d = d / d.square().mean().sqrt()
    assert d.mean().abs() < 0.05 and abs(d.pow(4).mean() - 3) < 0.5
    assert abs(torch.corrcoef(torch.stack([d, w]))[0, 1]) < 0.05


def test_a_seed_stands_for_a_direction(net):
    small, large, other = noise(net, 0.1), noise(net, 0.3), noise(net, 0.1, seed=1)
    for name in ("0.weight", "3.weight"):
        assert torch.allclose(3 * small[name], large[name], rtol=1e-9)
        assert not torch.allclose(small[name], other[name], rtol=0.1)


def test_weights_come_back_bit_for_bit(net):
    net = net.float()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    random = torch.get_rng_state()
    with pytest.raises(KeyError), noisy_weights(net, 0.1, 0):
        assert not torch.equal(net[0].weight, before["0.weight"])
        raise KeyError
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)
