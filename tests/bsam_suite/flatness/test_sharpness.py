"""Sharpness within a radius, and its forms."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from bsam_suite.flatness import Objective
from bsam_suite.flatness.forms import FORMS
from bsam_suite.flatness.sharpness import average, extremes, one_step
from bsam_suite.optim import BSAM


def scale(objective, form="plain"):
    return FORMS[form](objective)


def test_one_step_is_what_training_logs(make_objective):
    """The losses at the points that a step of BSAM visits with the same batch."""
    objective = make_objective(sizes=24)
    found = one_step(objective, 0.3, scale(objective))
    (x, y), net = objective.batches[0], copy.deepcopy(objective.model)
    optimizer = BSAM(net.parameters(), torch.optim.SGD, rho=0.3, rho_min=0.3, model=net, lr=0.0)

    def closure():
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        losses.append(loss.item())
        return loss

    losses = []
    optimizer.step(closure)
    here, highest, lowest = losses
    assert found.max_sharpness == pytest.approx(highest - here, rel=1e-9)
    assert found.min_sharpness == pytest.approx(here - lowest, rel=1e-9)
    assert found.flatness == pytest.approx(highest - lowest, rel=1e-9)


@pytest.mark.parametrize("form", FORMS)
def test_the_search_finds_at_least_one_step(make_objective, form):
    objective = make_objective()
    for rho in (0.01, 0.3, 3.0):
        one = one_step(objective, rho, scale(objective, form))
        all_steps = extremes(objective, rho, scale(objective, form), 10)
        assert all_steps.max_sharpness >= one.max_sharpness
        assert all_steps.min_sharpness >= one.min_sharpness


def quadratic(values):
    """``1/2 sum a w^2 + b w`` at w = 0, of two weights."""
    net = nn.Linear(2, 1, bias=False).double()
    nn.init.zeros_(net.weight)
    a, b = (torch.tensor(v).double() for v in values)
    return Objective(net, lambda m, _: (a * m.weight**2 / 2 + b * m.weight).sum(), [a])


def test_the_worst_case_of_a_quadratic():
    """The gradient leads along one axis; the worst point lies along the other."""
    objective = quadratic(([1.0, 100.0], [0.1, 1e-3]))
    found = extremes(objective, 1.0, scale(objective), 30)
    assert found.max_sharpness == pytest.approx(50.001, rel=1e-4)
    one = one_step(objective, 1.0, scale(objective))
    assert one.max_sharpness == pytest.approx(0.6, rel=0.02)


def test_the_best_case_lies_within_the_ball():
    objective = quadratic(([10.0, 1.0], [0.1, 0.1]))
    assert one_step(objective, 1.0, scale(objective)).min_sharpness < 0
    # At (-b / a): 0.1**2 / 20 + 0.1**2 / 2.
    found = extremes(objective, 1.0, scale(objective), 30)
    assert found.min_sharpness == pytest.approx(0.0055, rel=0.01)


def test_the_average_of_a_quadratic_is_half_its_trace():
    objective = quadratic(([1.0, 3.0], [0.2, -0.1]))
    far = []
    for seed in range(20):
        found = average(objective, 0.1, draws=20, seed=seed)
        far.append((found.value - 0.1**2 * 4 / 2) / found.standard_error)
    assert max(map(abs, far)) < 4.5 and min(far) < 0 < max(far)
    assert average(objective, 0.1, seed=1) == average(objective, 0.1, seed=1)


def rescaled(objective, factor=7.0):
    """The same function: a layer times ``factor``, the next by 1 / ``factor``."""
    net = copy.deepcopy(objective.model)
    with torch.no_grad():
        net[0].weight *= factor
        net[0].bias *= factor
        net[2].weight /= factor
    return net


def test_adaptive_forms_do_not_see_a_rescaled_network(make_objective):
    net = nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 3)).double()
    one = make_objective(net)
    other = make_objective(rescaled(one))
    assert other.loss() == pytest.approx(one.loss(), rel=1e-12)
    for form in FORMS:
        same = []
        for objective in (one, other):
            T = scale(objective, form)
            step, search = one_step(objective, 0.2, T), extremes(objective, 0.2, T, 5)
            mean = average(objective, 0.1, form, draws=3)
            same.append([step.flatness, search.max_sharpness, search.min_sharpness, mean.value])
        assert (same[0] == pytest.approx(same[1], rel=1e-9)) is (form != "plain")


def test_filter_form_leaves_biases_and_scales_by_filter(make_objective):
    objective = make_objective()
    T = objective.split(scale(objective, "filter"))
    weight = dict(zip(objective.names, T))["0.weight"]
    torch.testing.assert_close(weight[1], objective.model[0].weight[1].norm().expand(3))
    assert not dict(zip(objective.names, T))["0.bias"].any()
    conv = nn.Conv2d(2, 4, 3).double()
    T = scale(
        Objective(conv, lambda m, x: m(x).mean(), [torch.ones(1, 2, 3, 3).double()]), "filter"
    )
    norms = conv.weight.detach().flatten(1).norm(dim=1)
    torch.testing.assert_close(T[:72].view(4, 18), norms[:, None].expand(4, 18))
