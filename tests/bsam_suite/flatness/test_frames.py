"""What the options ask for, on a quadratic loss whose eigenvectors are known."""

from argparse import Namespace

import numpy as np
import pytest
import torch
from torch import nn

from bsam_suite.flatness import Objective
from bsam_suite.flatness.frames import Frames
from bsam_suite.flatness.plot_landscape import draw
from bsam_suite.flatness.trained import Objectives

VALUES = torch.tensor([0.5, 7.0, -3.0, 2.0]).double()


class Quadratic(nn.Module):
    """``w' H w / 2`` of a Hessian with the eigenvalues ``VALUES``, and a cubic along the second."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.zeros(2, 2).double())
        self.cubic = 0.0
        self.basis = torch.linalg.qr(torch.randn(4, 4).double()).Q

    def forward(self):
        along = self.basis.T @ self.w.flatten()
        return 0.5 * (VALUES * along.square()).sum() + self.cubic * along[1] ** 3


def options(*checkpoints, **given):
    defaults = dict(along="random", dims=None, path=None, seed=0, points=3, range=None)
    defaults |= dict(batch_norm=None, config="c.py", command_line="bsam plot_landscape c.py")
    return Namespace(checkpoints=list(checkpoints), **defaults | given)


@pytest.fixture
def objectives():
    """Of checkpoints a, at the minimum of two eigenvectors, and b, c, d away from it."""
    net = Quadratic()
    objective = Objective(net, lambda model, _: model(), [(torch.zeros(5, 1),)])
    places = dict(a=[0, 0, 0, 0], b=[0, 2, 0, 0], c=[0, 2, 0, 4], d=[0, 1, 0, 5])
    weights = {name: net.basis @ torch.tensor(place).double() for name, place in places.items()}
    return Objectives(objective, {name: dict(w=w.view(2, 2)) for name, w in weights.items()})


@pytest.mark.parametrize("cubic", [0.0, 1.0, -1.0])
def test_along_eigenvectors_the_loss_is_the_eigenvalues_parabola(objectives, cubic):
    objectives.objective.model.cubic = cubic
    args = options("a", along="hessian", range=0.5)
    found = draw(args, Frames(args), objectives)
    (surface,) = found.surfaces
    assert surface.title == "a, eigenvalues 7 and 2"
    places = np.array([-0.5, 0, 0.5])
    expected = 3.5 * places[None] ** 2 + 1.0 * places[:, None] ** 2
    expected = expected + abs(cubic) * places[None] ** 3  # the higher end comes last
    np.testing.assert_allclose(surface.loss, expected, atol=1e-12)
    assert found.notes[0] == "Mean loss of 5 training samples without augmentation."


def test_a_line_between_checkpoints(objectives):
    args = options("a", "b", along="checkpoints", points=7)
    found = draw(args, Frames(args), objectives)
    (axis,), (surface,) = found.axes, found.surfaces
    assert axis.label == "part of the way from a to b"
    assert axis.values == pytest.approx(np.linspace(-0.25, 1.25, 7))
    np.testing.assert_allclose(surface.loss, 14 * np.square(axis.values), rtol=1e-10)
    assert [(m.label, m.loss) for m in surface.marks] == [("a", 0), ("b", pytest.approx(14))]


@pytest.mark.parametrize("along", ["checkpoints", "pca"])
def test_a_path_in_its_plane(objectives, along):
    first = dict(checkpoints=["a", "b", "c"], pca=["c"])[along]
    args = options(*first, along=along, path=["a", "b", "d", "c"])
    found = draw(args, Frames(args), objectives)
    (surface,) = found.surfaces
    assert [mark.label for mark in surface.path] == ["a", "b", "d", "c"]
    assert all(mark.distance == pytest.approx(0, abs=1e-6) for mark in surface.path)
    assert [m.loss for m in surface.path] == pytest.approx([0, 14, 3.5 + 25, 14 + 16])
    places = dict(zip("abdc", (np.array(mark.place) for mark in surface.path)))
    if along == "checkpoints":
        assert places["d"] == pytest.approx(np.array([1, 5]))
    else:
        assert places["c"] == pytest.approx(np.zeros(2))
        assert np.linalg.norm(places["d"] - places["a"]) == pytest.approx(26**0.5)
    assert "100% of the path's squared distances from its end lie along the plane." in found.notes
    labels = ["a", "b", "c"] if along == "checkpoints" else ["a", "c"]
    assert [mark.label for mark in [*surface.marks, *surface.ends]] == labels
    low, high = found.axes[0].values[0], found.axes[0].values[-1]
    assert all(low < place[0] < high for place in places.values())


def test_checkpoints_have_the_same_axes_and_scale(objectives):
    args = options("a", "c", dims=1)
    found = draw(args, Frames(args), objectives)
    one, other = found.surfaces
    assert [one.title, other.title] == ["a", "c"]
    assert found.axes[0].values == [-1, 0, 1]
    assert one.loss.tolist() == [0, 0, 0]  # its filters are 0
    assert found.scale.low == 0 and found.scale.high >= other.loss.max() > 14


def test_the_share_of_a_path_that_runs_along_the_plane(objectives):
    args = options("a", along="hessian", path=["b", "c", "d", "a"])  # the plane of the 7 and the 2
    found = draw(args, Frames(args), objectives)
    # Squared lengths from the end, at 0: 4, 4 + 16 and 1 + 25, all of them in that plane.
    assert found.notes[-1].startswith("100% of the path's squared")
    objectives.states["b"]["w"] = (objectives.objective.model.basis @ torch.ones(4).double()).view(
        2, 2
    )
    found = draw(args, Frames(args), objectives)
    assert found.notes[-1].startswith(f"{48 / 50:.0%} of the path's squared")
