"""Random directions, filter by filter as Li et al. define them."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from bsam_suite.errors import InputError
from bsam_suite.flatness import Objective
from bsam_suite.flatness.directions import random_directions
from bsam_suite.flatness.plane import Plane
from bsam_suite.flatness.surface import Axis, measure


def of(*layers):
    net = nn.Sequential(*layers).double()
    return Objective(net, lambda *_: None, [torch.zeros(1)])


def test_each_filter_has_the_norm_of_the_weights_filter():
    objective = of(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 5))
    one, other = random_directions(objective, 2, seed=0)
    found = 0
    for p, *parts in zip(objective.params, objective.split(one), objective.split(other)):
        if p.dim() < 2:  # biases and the weights of batch norm
            assert not parts[0].any() and not parts[1].any()
            continue
        for index in range(len(p)):
            norm = np.linalg.norm(p[index].detach().numpy())
            for part in parts:
                assert np.linalg.norm(part[index].numpy()) == pytest.approx(norm, rel=1e-12)
            found += 1
    assert found == 4 + 5
    assert F.cosine_similarity(one, other, dim=0).abs() < 0.3
    assert torch.equal(random_directions(objective, 1, seed=0)[0], one)
    assert not torch.equal(random_directions(objective, 1, seed=1)[0], one)


def test_filters_of_zeros_stay_and_a_model_without_filters_is_refused():
    conv = nn.Conv2d(3, 4, 3)
    conv.weight.data[1] = 0
    (direction,) = random_directions(of(conv), 1, seed=0)
    filters = direction[: conv.weight.numel()].view(4, -1)
    assert direction.isfinite().all() and not filters[1].any() and filters[2].all()
    with pytest.raises(InputError, match="has no filters"):
        random_directions(of(nn.BatchNorm1d(3)), 1, seed=0)


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
    one, other = (surface(o, random_directions(o, 2, seed=3)) for o in objectives)
    np.testing.assert_allclose(one, other, rtol=1e-10)
    assert one.max() > 1.05 * one.min()
    # Along one direction of fixed length it has not.
    fixed = [d for d in torch.randn(2, objectives[0].size).double()]
    one, other = (surface(o, fixed) for o in objectives)
    assert np.abs(one / other - 1).max() > 0.5
