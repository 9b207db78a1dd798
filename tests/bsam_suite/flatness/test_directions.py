"""Random directions, filter by filter as Li et al. define them."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from bsam_suite.flatness.directions import random_directions
from bsam_suite.flatness.plane import Plane
from bsam_suite.flatness.surface import Axis, measure


def test_each_filter_has_the_norm_of_the_weights_filter():
    layers = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 5)
    params = [p for layer in layers for p in layer.double().parameters()]
    one, other = random_directions(params, 2, seed=0)
    start, found = 0, 0
    for p in params:
        parts = [d[start : start + p.numel()].view(p.shape) for d in (one, other)]
        start += p.numel()
        if p.dim() < 2:  # biases and the weights of batch norm
            assert not parts[0].any() and not parts[1].any()
            continue
        for index in range(len(p)):
            norm = np.linalg.norm(p[index].detach().numpy())
            for part in parts:
                assert np.linalg.norm(part[index].numpy()) == pytest.approx(norm, rel=1e-12)
            found += 1
    assert found == 4 + 5 and start == one.numel()
    cosine = F.cosine_similarity(one, other, dim=0)
    assert cosine.abs() < 0.3
    assert torch.equal(random_directions(params, 1, seed=0)[0], one)
    assert not torch.equal(random_directions(params, 1, seed=1)[0], one)


def test_filters_of_zeros_stay():
    conv = nn.Conv2d(3, 4, 3)
    conv.weight.data[1] = 0
    (direction,) = random_directions(list(conv.parameters()), 1, seed=0)
    filters = direction[: conv.weight.numel()].view(4, -1)
    assert direction.isfinite().all() and not filters[1].any() and filters[2].all()


def relu_network(factors):
    """Three layers; each is multiplied by a factor, whose product is 1."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))
    net.double()
    grown = 1.0
    with torch.no_grad():
        for layer, factor in zip(net[::2], factors):
            grown *= factor
            layer.weight *= factor
            layer.bias *= grown  # so that the layer's output is multiplied by all factors so far
    return net


def surface(objective, directions):
    axes = [Axis("", [-1.0, -0.3, 0.0, 1.0]), Axis("", [-0.5, 0.7])]
    return measure(objective, Plane(objective.weights(), directions), axes)


def test_a_relu_network_rescaled_between_layers_has_the_same_surface(make_objective):
    objectives = [make_objective(relu_network(f)) for f in ((1, 1, 1), (50, 1 / 5, 1 / 10))]
    assert objectives[0].loss() == pytest.approx(objectives[1].loss(), rel=1e-12)
    one, other = (surface(o, random_directions(o.params, 2, seed=3)) for o in objectives)
    np.testing.assert_allclose(one, other, rtol=1e-10)
    assert one.max() > 1.05 * one.min()
    # Along one direction of fixed length it has not.
    fixed = [d for d in torch.randn(2, objectives[0].size).double()]
    one, other = (surface(o, fixed) for o in objectives)
    assert np.abs(one / other - 1).max() > 0.5
