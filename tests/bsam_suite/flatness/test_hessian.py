"""Eigenvalues, trace and density against the dense Hessian."""

import pytest
import torch
from scipy.stats import t as student
from torch import nn

from bsam_suite.errors import InputError
from bsam_suite.flatness.hessian import dense, spectral_density, top_eigenpairs, trace


@pytest.fixture
def trained(make_objective):
    """A network of 38 parameters after some steps, whose Hessian has eigenvalues of both signs."""
    net = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 3)).double()
    objective = make_objective(net)
    optimizer = torch.optim.SGD(net.parameters(), 0.5)
    for _ in range(20):
        for part, grad in zip(objective.params, objective.split(objective.gradient()[1])):
            part.grad = grad
        optimizer.step()
    return objective


@pytest.mark.parametrize("k", [1, 4, 37, 38])
def test_eigenvalues_are_those_of_the_dense_hessian(trained, dense_hessian, k):
    hessian = dense_hessian(trained)
    expected = torch.linalg.eigvalsh(hessian).flip(0)[:k]
    found = top_eigenpairs(trained, k, tolerance=1e-9)
    scale = expected[0]
    torch.testing.assert_close(found.values, expected, rtol=1e-6, atol=1e-6 * scale.item())
    residuals = (hessian @ found.vectors.T - found.vectors.T * found.values).norm(dim=0)
    torch.testing.assert_close(found.residuals, residuals, rtol=1e-3, atol=1e-10)
    assert found.residuals.max() < 1e-6 * scale
    torch.testing.assert_close(
        found.vectors @ found.vectors.T, torch.eye(k).double(), rtol=0, atol=1e-6
    )


def test_a_rough_eigenvalue_is_as_near_as_its_residual_and_takes_few_products(
    trained, dense_hessian
):
    expected = torch.linalg.eigvalsh(dense_hessian(trained))[-1]
    found = top_eigenpairs(trained, tolerance=0.01)
    assert abs(found.values[0] - expected) <= found.residuals[0] <= 0.01 * expected
    assert trained.passes["product"] <= 20


def test_all_probes_give_the_trace_itself(trained, dense_hessian):
    hessian = dense_hessian(trained)
    torch.testing.assert_close(dense(trained), hessian)
    found = trace(trained, probes=trained.size)
    assert found.value == pytest.approx(hessian.trace().item(), rel=1e-6)
    assert found.standard_error == 0


@pytest.mark.parametrize("plus_plus", [False, True])
def test_traces_lie_within_their_standard_errors(trained, dense_hessian, plus_plus):
    hessian, probes = dense_hessian(trained), 30
    trained.product = hessian.mv  # the same products, without the passes
    expected = hessian.trace().item()
    far, drawn = [], probes // 3 if plus_plus else probes
    for seed in range(20):
        found = trace(trained, probes, plus_plus, seed)
        far.append(abs(found.value - expected) / found.standard_error)
    assert trace(trained, probes, plus_plus, 0) == trace(trained, probes, plus_plus, 0)
    # By Student's t all 20 lie within the first bound in 99% of cases, and half within the second.
    assert max(far) < student.ppf(1 - 0.01 / 20 / 2, drawn - 1)
    assert 4 <= sum(one < student.ppf(0.75, drawn - 1) for one in far) <= 16


def test_densities_lie_within_their_standard_errors(trained, dense_hessian):
    hessian, runs, sigma = dense_hessian(trained), 6, 0.05
    values = torch.linalg.eigvalsh(hessian)
    trained.product = hessian.mv
    far = []
    for seed in range(20):
        found = spectral_density(trained, runs, trained.size, sigma, seed=100 * seed)
        step = found.grid[1] - found.grid[0]
        assert found.density.sum() * step == pytest.approx(1, abs=1e-3)
        exact = torch.exp(-((found.grid[:, None] - values) ** 2) / (2 * sigma**2)).mean(1)
        exact /= sigma * (2 * torch.pi) ** 0.5
        points = exact > 0.02 * exact.max()  # elsewhere there is nothing
        off = (found.density - exact).abs() / found.standard_error
        far.append(off[points][::25])  # eigenvalues that lie apart
    far = torch.cat(far)
    assert (far < student.ppf(0.975, runs - 1)).double().mean() > 0.85
    assert far.max() < student.ppf(1 - 1e-5, runs - 1)


def test_numbers_that_cannot_be(trained):
    for k in (0, 39, 1.0):
        with pytest.raises(InputError, match=f"k={k} .* 38 parameters"):
            top_eigenpairs(trained, k)
    with pytest.raises(InputError, match="probes=1"):
        trace(trained, 1)
    with pytest.raises(InputError, match="runs=1"):
        spectral_density(trained, runs=1)
    assert not trained.passes["product"]
