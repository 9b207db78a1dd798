"""Surfaces of known losses, and weights that are left alone."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from bsam_suite.flatness import Objective
from bsam_suite.flatness.plane import Plane
from bsam_suite.flatness.running_statistics import has_batch_norm, loss_with_new_statistics
from bsam_suite.flatness.surface import Axis, measure

ACROSS, UP = Axis("", [-1.0, 0.0, 0.5, 2.0]), Axis("", [-0.5, 0.0, 3.0])


class Point(nn.Module):
    """Parameters of 2 x 3 and 2 numbers, in a quadratic loss."""

    def __init__(self):
        super().__init__()
        self.w, self.b = nn.Parameter(torch.randn(2, 3)), nn.Parameter(torch.randn(2))
        self.double()
        root = torch.randn(8, 8, dtype=torch.float64)
        self.hessian, self.slope = root @ root.T, torch.randn(8, dtype=torch.float64)

    def at(self, x):
        return 0.5 * x @ self.hessian @ x + self.slope @ x

    def forward(self):
        return self.at(torch.cat([self.w.flatten(), self.b]))


def test_a_quadratic_loss_has_its_formulas_surface():
    point = Point()
    objective = Objective(point, lambda model, _: model(), [torch.zeros(1)])
    origin, (u, v) = objective.weights(), torch.randn(2, 8, dtype=torch.float64)
    found = measure(objective, Plane(origin, [u, v]), [ACROSS, UP])
    assert found.shape == (3, 4) and found.dtype == np.float64
    for row, b in enumerate(UP.values):
        for column, a in enumerate(ACROSS.values):
            expected = point.at(origin + a * u + b * v).item()
            assert found[row, column] == pytest.approx(expected, rel=1e-12)
    line = measure(objective, Plane(origin, [u]), [ACROSS])
    assert line == pytest.approx([point.at(origin + a * u).item() for a in ACROSS.values])
    assert torch.equal(objective.weights(), origin)


def random_plane(objective):
    return Plane(objective.weights(), list(torch.randn(2, objective.size).double()))


def test_the_batch_size_makes_no_difference(make_objective):
    one, *others = (make_objective(sizes=sizes) for sizes in ((10, 10, 4), 1, 24))
    plane = random_plane(one)
    expected = measure(one, plane, [ACROSS, UP])
    for other in others:
        np.testing.assert_allclose(measure(other, plane, [ACROSS, UP]), expected, rtol=1e-12)


def batch_norm_network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))


@pytest.mark.parametrize("loss", [Objective.loss, loss_with_new_statistics])
@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, None])
def test_everything_is_left_as_it_was(make_objective, loss, error):
    net = batch_norm_network().double()
    net[1].running_mean += 1
    objective = make_objective(net)
    plane, calls, plain = random_plane(objective), [], objective.batch_loss

    def stopped(model, batch):
        calls.append(1)
        if error and len(calls) == 20:
            raise error
        return plain(model, batch)

    objective.batch_loss = stopped
    before = {name: value.clone() for name, value in net.state_dict().items()}
    modes = [module.training for module in net.modules()]
    try:
        measure(objective, plane, [ACROSS, UP], loss)
    except (KeyboardInterrupt, RuntimeError) as caught:
        assert type(caught) is error
    assert len(calls) == 20 if error else len(calls) >= 12 * 3
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert modes == [module.training for module in net.modules()] and net[1].momentum == 0.1


def test_losses_that_are_not_finite_stay_so():
    net = nn.Linear(1, 1, bias=False).double()
    nn.init.ones_(net.weight)
    objective = Objective(net, lambda model, x: model.weight.sum().log(), [torch.zeros(1)])
    line = Plane(objective.weights(), [torch.ones(1).double()])
    found = measure(objective, line, [Axis("", [-2.0, -1.0, 0.0])])
    assert np.isnan(found[0]) and found[1] == -np.inf and found[2] == 0


def test_new_statistics_are_those_of_the_samples(make_objective):
    net = batch_norm_network().double()
    objective = make_objective(net, sizes=24)
    assert has_batch_norm(net) and not has_batch_norm(nn.Sequential(nn.Linear(2, 2)))
    ((x, y),) = objective.batches
    with torch.no_grad():
        hidden = net[0](x)
        var, mean = torch.var_mean(hidden, 0)  # running variances are unbiased
        normed = (hidden - mean) / (var + net[1].eps).sqrt() * net[1].weight + net[1].bias
        expected = F.cross_entropy(net[3](normed.relu()), y).item()
    assert loss_with_new_statistics(objective) == pytest.approx(expected, rel=1e-12)
    assert objective.loss() != pytest.approx(expected, rel=1e-3)
    # Halves: the mean of the two batches' statistics.
    halves = make_objective(net, sizes=12)
    with torch.no_grad():
        var, mean = (sum(s) / 2 for s in zip(*(torch.var_mean(h, 0) for h in hidden.split(12))))
        normed = (hidden - mean) / (var + net[1].eps).sqrt() * net[1].weight + net[1].bias
        expected = F.cross_entropy(net[3](normed.relu()), y).item()
    assert loss_with_new_statistics(halves) == pytest.approx(expected, rel=1e-12)
