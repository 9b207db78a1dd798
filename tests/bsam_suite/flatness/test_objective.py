"""The loss as a function of the weights: gradients and products that autograd would give."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from bsam_suite.errors import InputError
from bsam_suite.flatness import Objective


def test_loss_gradient_and_products_are_those_of_all_samples_at_once(make_objective, dense_hessian):
    objective, hessian = make_objective(), dense_hessian(make_objective())
    x, y = (torch.cat(parts) for parts in zip(*objective.batches))
    loss = F.cross_entropy(objective.model(x), y)
    gradient = torch.autograd.grad(loss, objective.params)
    assert objective.loss() == pytest.approx(loss.item(), rel=1e-13)
    found, flat = objective.gradient()
    assert found == pytest.approx(loss.item(), rel=1e-13)
    torch.testing.assert_close(flat, torch.cat([g.reshape(-1) for g in gradient]))
    products = torch.stack([objective.product(e) for e in torch.eye(objective.size).double()])
    torch.testing.assert_close(products, hessian, rtol=1e-10, atol=1e-12)
    assert objective.passes == dict(loss=1, gradient=1, product=objective.size)


@pytest.mark.parametrize("sizes", [24, 1, (7, 7, 7, 3)])
def test_the_batch_size_makes_no_difference(make_objective, sizes):
    one, other = make_objective(), make_objective(sizes=sizes)
    vector = torch.randn(one.size).double()
    assert one.count == other.count == 24
    assert one.loss() == pytest.approx(other.loss(), rel=1e-13)
    torch.testing.assert_close(one.gradient()[1], other.gradient()[1])
    torch.testing.assert_close(one.product(vector), other.product(vector))


class Frozen(nn.Module):
    """One parameter that is not trained, one that is not used, and one the loss is linear in."""

    def __init__(self):
        super().__init__()
        self.unused, self.fixed = nn.Linear(2, 2), nn.Linear(3, 4).requires_grad_(False)
        self.act = nn.ReLU(inplace=True)
        self.head = nn.Linear(4, 3)
        self.linear = nn.Parameter(torch.ones(()))
        self.double()

    def forward(self, x):
        return self.head(self.act(self.fixed(x)))


def test_unused_linear_and_frozen_parameters_and_inplace_activations(dense_hessian):
    net, x, y = Frozen(), torch.randn(8, 3).double(), torch.randint(3, (8,))
    objective = Objective(net, lambda m, b: F.cross_entropy(m(b[0]), b[1]) + m.linear, [(x, y)])
    assert "fixed.weight" not in objective.names and "linear" in objective.names
    products = torch.stack([objective.product(e) for e in torch.eye(objective.size).double()])
    torch.testing.assert_close(products, dense_hessian(objective))
    linear = Objective(net, lambda m, b: m.linear * b.mean(), [x])
    assert not linear.product(torch.ones(linear.size).double()).any()


@pytest.mark.parametrize("train", [False, True])
def test_a_pass_leaves_no_trace_and_draws_the_same_numbers(make_objective, train):
    layers = (
        nn.Linear(3, 8),
        nn.BatchNorm1d(8),
        nn.ReLU(inplace=True),
        nn.Dropout(),
        nn.Linear(8, 3),
    )
    net = nn.Sequential(*layers).double()
    net[1].running_mean += 1
    net[3].eval()  # a mode of its own
    net[4].weight.grad = torch.ones(3, 8).double()
    objective = make_objective(net, train=train)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    losses = [objective.loss(), objective.gradient()[0]]
    torch.rand(1)
    state = torch.get_rng_state()
    losses.append(objective.loss())
    objective.product(objective.weights())
    assert losses == [losses[0]] * 3
    with torch.no_grad(), objective.moved(torch.ones(objective.size).double()):
        assert objective.loss() != losses[0]
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert net.training and not net[3].training and net[4].weight.grad.eq(1).all()
    # In evaluation mode the running statistics count, and so does no dropout.
    x, y = (torch.cat(parts) for parts in zip(*objective.batches))
    with torch.no_grad():
        same = losses[0] == pytest.approx(F.cross_entropy(net.eval()(x), y).item(), rel=1e-12)
    assert same is not train


def test_attention_has_a_second_derivative():
    attention = nn.MultiheadAttention(8, 2, batch_first=True).double()
    x = torch.randn(2, 5, 8).double()

    def loss(model, batch):
        return model(batch, batch, batch, need_weights=False)[0].square().mean()

    objective = Objective(attention, loss, [x])
    w, d = objective.weights(), torch.randn(objective.size).double()
    with objective.moved(1e-5 * d):
        ahead = objective.gradient()[1]
    with objective.moved(-1e-5 * d):
        difference = (ahead - objective.gradient()[1]) / 2e-5
    torch.testing.assert_close(objective.product(d), difference, rtol=1e-5, atol=1e-7)
    assert torch.equal(objective.weights(), w)


def test_no_data_and_no_parameters(make_objective):
    with pytest.raises(InputError, match="no batch"):
        Objective(nn.Linear(1, 1), lambda *_: None, [])
    with pytest.raises(InputError, match="no parameter that requires a gradient"):
        make_objective(nn.ReLU())
