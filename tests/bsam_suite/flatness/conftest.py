"""A small network in double precision, and its dense Hessian."""

import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional as F

from bsam_suite.flatness import Objective


def loss(model, batch):
    x, y = batch
    return F.cross_entropy(model(x), y)


@pytest.fixture
def make_objective():
    """``make_objective(net, sizes)``: over 24 samples, in batches of these sizes."""

    def make(net=None, sizes=(10, 10, 4), inputs=3, **options):
        if net is None:
            torch.manual_seed(0)
            net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3)).double()
        g = torch.Generator(torch.get_default_device()).manual_seed(1)
        x = torch.randn(24, inputs, generator=g, dtype=torch.float64)
        y = torch.randint(3, (24,), generator=g)
        batches = list(zip(x.split(sizes), y.split(sizes)))
        return Objective(net, loss, batches, **options)

    return make


@pytest.fixture
def dense_hessian():
    """The dense Hessian of the mean over all samples in one batch, by ``torch.func``."""

    def compute(objective):
        x, y = (torch.cat(parts) for parts in zip(*objective.batches))

        def at(vector):
            params = dict(zip(objective.names, objective.split(vector)))
            return F.cross_entropy(functional_call(objective.model, params, (x,)), y)

        return torch.func.hessian(at)(objective.weights())

    return compute
