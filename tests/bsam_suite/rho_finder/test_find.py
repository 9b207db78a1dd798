"""The search, and find_rho on cases worked out by hand."""

import math

import pytest
import torch
from torch import nn

from bsam_suite.errors import InputError
from bsam_suite.rho_finder import Found, Look, find_rho
from bsam_suite.rho_finder.find import search
from bsam_suite.rho_finder.report import as_dict, draw, table, verdict
from bsam_suite.sharpness import BSAM, SAM, AgnosticSAM, MomentumSAM, Rule

RADII = (0.02, 0.06, 0.2, 0.6, 2.0)


@pytest.mark.parametrize(
    "edge, start, tried, result",
    [
        (0.15, 0.05, [0.06, 0.2, 0.11], (0.11, 0.2)),
        (0.1, 0.5, [0.6, 0.2, 0.06, 0.11], (0.06, 0.11)),
        (9.9, 0.5, [0.6, 2.0], (2.0, None)),
        (0.01, 0.03, [0.02], (None, 0.02)),
        (0.01, 0.05, [0.06, 0.02], (None, 0.02)),
    ],
)
def test_search(edge, start, tried, result):
    seen = []

    def trains(rho):
        seen.append(rho)
        return rho < edge

    assert search(trains, RADII, start) == result
    assert seen == tried


class Ridge(nn.Module):
    """``y^4/4 - y^2/2`` from y = 0.1, beside the ridge at 0: its bottom is at 1."""

    def __init__(self):
        super().__init__()
        self.y = nn.Parameter(torch.tensor([0.1], dtype=torch.float64))


def height(model, _):
    return (model.y**4 / 4 - model.y**2 / 2).sum()


def test_beside_a_ridge():
    """SAM goes by the slope at y - rho, which leads back to the ridge where rho > y."""
    model = Ridge()
    found = find_rho(model, torch.optim.SGD, SAM(), height, [0, 1], steps=100, radii=RADII, lr=0.1)
    assert (found.rho, found.trains, found.stuck) == (0.06, 0.06, 0.11)
    assert found.share(0.06) == pytest.approx(1, abs=1e-3) and found.share(0.2) < 0.01
    first = found.looks[0]
    assert first.step == 0 and model.y.item() == 0.1 and model.y.grad is None
    slopes = [(0.1 - r) ** 3 - (0.1 - r) for r in RADII]
    assert first.agreement == pytest.approx([s / (0.1**3 - 0.1) for s in slopes])
    assert 0.06 < first.turn < 0.2
    # Plain training has left when the mean of 10 losses is 5% lower: these, by hand.
    y, heights = 0.1, []
    while len(heights) < 10 or sum(heights[-10:]) / 10 > 1.05 * heights[0]:
        heights.append(y**4 / 4 - y**2 / 2)
        y -= 0.1 * (y**3 - y)
    assert found.looks[1].step == len(heights)
    assert found.looks[1].loss == pytest.approx(y**4 / 4 - y**2 / 2)


def test_a_fall_without_leaving_the_ridge_is_no_training():
    """Where z rolls down its bowl at any radius: 0.045 of the whole fall of 0.29, by hand."""

    class RidgeOnASlope(Ridge):
        def __init__(self):
            super().__init__()
            self.z = nn.Parameter(torch.tensor([0.3], dtype=torch.float64))

    def loss(model, _):
        return height(model, None) + (model.z**2 / 2).sum()

    model = RidgeOnASlope()
    found = find_rho(model, torch.optim.SGD, SAM(), loss, [0, 1], steps=100, radii=RADII, lr=0.1)
    assert found.share(0.2) == pytest.approx(0.045 / 0.29, rel=0.15)
    assert (found.rho, found.stuck) == (0.11, 0.2)


def test_not_beyond_the_bottom_of_the_line():
    """On a parabola SAM trains with each of these radii, and a step of 0.3 is at the bottom."""

    class Parabola(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.tensor([0.0, 0.4], dtype=torch.float64))

    model = Parabola()
    loss = lambda model, _: model.w.square().sum() / 2  # noqa: E731
    radii = (0.05, 0.1, 0.3, 0.5)
    found = find_rho(model, torch.optim.SGD, SAM(), loss, [0, 1], 20, radii, lr=0.02)
    assert found.looks[1].bottom == 0.3 and found.rho == 0.3


def test_random_numbers_are_given_back_and_every_run_has_the_same():
    model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(), nn.Linear(8, 1))
    x = torch.randn(64, 4)
    data = torch.utils.data.TensorDataset(x, x.sum(1, keepdim=True))
    loader = torch.utils.data.DataLoader(data, batch_size=8, shuffle=True)
    before = torch.get_rng_state()

    def loss(model, batch):
        return (model(batch[0]) - batch[1]).square().mean()

    found = [
        find_rho(model, torch.optim.SGD, BSAM(), loss, loader, 40, (0.05, 0.1), lr=0.01)
        for _ in range(2)
    ]
    assert torch.equal(torch.get_rng_state(), before)
    assert found[0] == found[1]
    assert found[0].losses[None][0] == found[0].losses[0.1][0]  # the same batch, the same weights
    assert found[0].losses[None] != found[0].losses[0.1]


class Plain(Rule):
    def gradient(self, h):
        raise NotImplementedError


@pytest.mark.parametrize(
    "change, said",
    [
        (dict(rule=Plain()), "Plain has no radius"),
        (dict(rule=MomentumSAM()), "along the momentum"),
        (dict(rule=AgnosticSAM()), "AgnosticSAM looks along the gradients of two batches"),
        (dict(batches=[0]), "there are 1"),
        (dict(batches=[]), "there are 0"),
        (dict(steps=5), "steps 5: give a whole number >= 20"),
        (dict(radii=(-0.1, 0.1)), "-0.1 is no radius"),
        (dict(lr=0.0), "give more steps, or mend the training"),
    ],
)
def test_unusable(change, said):
    given = dict(rule=SAM(), batches=[0, 1], steps=20, radii=RADII, lr=0.1) | change
    with pytest.raises(InputError, match=said):
        find_rho(Ridge(), torch.optim.SGD, loss=height, **given)


def found_by_hand(losses, **verdict):
    one = Look(0, 2.0, 1.0, (0.1, 0.4), (0.2, 0.9), (0.1, 0.05), None)
    two = Look(30, 1.9, 1.0, (0.1, 0.4), (0.2, 0.9), (0.1, 0.05), (0.8, -0.1))
    return Found(
        [one, two], {rho: [2.0] * 20 + [last] * 10 for rho, last in losses.items()}, **verdict
    )


def test_report(tmp_path):
    found = found_by_hand({None: 1.0, 0.1: 1.5, 0.2: math.nan}, rho=0.1, trains=0.1, stuck=0.2)
    assert found.share(0.1) == 0.5 and found.share(0.2) == -math.inf
    shown = table(found)
    assert "| 0.4 | 2.25 | 0.12 | -0.10 |" in shown and "| rho=0.1 | 1.5 | 0.50 |" in shown
    said = verdict(found, "BSAM k=5", ["rho", "rho_min"])
    assert "--rule BSAM k=5 rho=0.1 rho_min=0.1" in said and "rho_warmup=30" in said
    assert "From 0.2 on" in said and "fell 0.50 times as far" in said
    assert as_dict(found)["runs"]["0.2"]["share"] is None
    draw(found, "title", tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 10_000


def test_report_of_no_radius():
    said = verdict(found_by_hand({None: 1.0, 0.1: 2.0}, stuck=0.1), "SAM", ["rho"])
    assert said == (
        "No radius trains: even with 0.1 the loss falls less than 0.3 times as far as in plain "
        "training, in 30 steps."
    )
