"""The line and the steps of rules, against closed forms in NumPy."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from bsam_suite.errors import InputError
from bsam_suite.rho_finder import look
from bsam_suite.rho_finder.line import Look, crossing
from bsam_suite.sharpness import ASAM, BSAM, SAM, FriendlySAM

RADII = (0.05, 0.2, 0.7)


class Quadratic(nn.Module):
    """``w'Hw/2 + b'w``, H indefinite, with w in two tensors."""

    def __init__(self):
        super().__init__()
        rng = np.random.RandomState(0)
        half = rng.randn(5, 5)
        self.H = half + half.T
        self.w = rng.randn(5)
        self.bs = rng.randn(1, 5) + 0.3 * rng.randn(6, 5)
        self.a = nn.Parameter(torch.tensor(self.w[:2]))
        self.b = nn.Parameter(torch.tensor(self.w[2:].reshape(3, 1)))

    def closures(self):
        return [self.closure(torch.tensor(b)) for b in self.bs]

    def closure(self, b):
        def closure():
            self.zero_grad()
            w = torch.cat([self.a, self.b.flatten()])
            loss = w @ torch.tensor(self.H) @ w / 2 + b @ w
            loss.backward()
            return loss.detach()

        return closure


def steps_of(rule, H, w, b, r):
    """The step of a rule by its formula."""
    g = H @ w + b
    u = g / np.linalg.norm(g)
    g_max, g_min = H @ (w + r * u) + b, H @ (w - r * u) + b
    if isinstance(rule, BSAM):
        return g_max + g - np.linalg.norm(g_max) / np.linalg.norm(g_min) * g_min
    return g_max


@pytest.mark.parametrize("rule", [SAM(), BSAM(), BSAM(k=1), FriendlySAM(sigma=0)])
def test_a_quadratic(rule):
    model = Quadratic()
    found = look(model, model.closures(), rule, RADII, step=7)
    H, w, bs = model.H, model.w, model.bs
    gs = [H @ w + b for b in bs]
    norms = [np.linalg.norm(g) for g in gs]
    bends = [g @ H @ g / n**2 for g, n in zip(gs, norms)]
    assert found.step == 7
    assert math.isclose(found.loss, np.mean([w @ H @ w / 2 + b @ w for b in bs]), rel_tol=1e-12)
    assert math.isclose(found.norm, np.mean(norms), rel_tol=1e-12)
    for i, r in enumerate(RADII):
        rise = np.mean([r * n + r**2 * bend / 2 for n, bend in zip(norms, bends)])
        fall = np.mean([r * n - r**2 * bend / 2 for n, bend in zip(norms, bends)])
        assert math.isclose(found.rise[i], rise, rel_tol=1e-10)
        assert math.isclose(found.fall[i], fall, rel_tol=1e-10)
        other = [np.mean(gs[1::2], 0), np.mean(gs[::2], 0)]
        mine = np.mean([steps_of(rule, H, w, b, r) @ other[j % 2] for j, b in enumerate(bs)])
        plain = np.mean([g @ other[j % 2] for j, g in enumerate(gs)])
        assert math.isclose(found.agreement[i], mine / plain, rel_tol=1e-8)


def test_asam_is_looked_at_in_its_own_neighbourhood():
    model = Quadratic()
    found = look(model, model.closures(), ASAM(eta=0.01), RADII)
    falls = []
    for b in model.bs:
        g, T = model.H @ model.w + b, np.abs(model.w) + 0.01
        d = T**2 * g / np.linalg.norm(T * g)
        falls.append(RADII[1] * g @ d - RADII[1] ** 2 * d @ model.H @ d / 2)
    assert math.isclose(found.fall[1], np.mean(falls), rel_tol=1e-10)


def test_what_is_looked_at_stays_as_it_is():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(), nn.Linear(4, 1))
    model[0].weight.grad = torch.ones(4, 3)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    random = torch.get_rng_state()

    def closure():
        model.zero_grad()
        loss = model(torch.randn(8, 3)).square().mean()
        loss.backward()
        return loss

    found = look(model, [closure] * 3, BSAM(), RADII)
    assert all(map(math.isfinite, found.rise + found.fall))
    assert all(torch.equal(state[name], value) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)
    assert torch.equal(model[0].weight.grad, torch.ones(4, 3)) and model[3].weight.grad is None


def test_no_agreement_without_a_common_direction():
    model = Quadratic()
    sizes = np.array([1, 1, -0.9, -0.8])  # of the gradients, all along one axis
    model.bs = sizes[:, None] * np.eye(5)[0] - model.H @ model.w
    assert look(model, model.closures(), SAM(), RADII).agreement is None


def test_bottom_and_turn():
    assert crossing((0.1, 0.4), (1.0, -1.0), 0.0) == pytest.approx(0.2)  # half way in log r
    assert crossing((0.1, 0.4), (0.4, 0.2), 0.5) == 0.1
    assert crossing((0.1, 0.4), (0.9, 0.6), 0.5) is None
    one = Look(0, 1.0, 1.0, (0.1, 0.4, 1.6), (0, 0, 0), (0.1, 0.3, math.nan), (1.0, 1.0, -1.0))
    assert one.bottom == 0.4 and one.turn == pytest.approx(0.8)
    assert Look(0, 1.0, 1.0, (0.1, 0.4), (0, 0), (0.1, 0.3), None).bottom is None


@pytest.mark.parametrize(
    "radii, said",
    [((0.0, 0.1), "0.0 is no radius"), ((0.2, 0.1), "that rise"), ((0.1,), "at least 2")],
)
def test_unusable_radii(radii, said):
    model = Quadratic()
    with pytest.raises(InputError, match=said):
        look(model, model.closures(), SAM(), radii)


def test_too_few_batches():
    model = Quadratic()
    with pytest.raises(InputError, match="1 batches"):
        look(model, model.closures()[:1], SAM(), RADII)
