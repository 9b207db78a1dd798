"""Lines and planes through points, against NumPy and scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from bsam_suite.errors import InputError
from bsam_suite.flatness.plane import Plane, line_through, plane_of_path, plane_through

NAMES = ["a", "b", "c"]


def points(count, size=40):
    return list(torch.randn(count, size, dtype=torch.float64))


def at(plane, place):
    return plane.origin + plane.displacement(place)


def test_a_line_has_its_points_at_0_and_1():
    a, b = points(2)
    line = line_through([a, b], NAMES)
    torch.testing.assert_close(at(line, (0.0,)), a, rtol=0, atol=0)
    torch.testing.assert_close(at(line, (1.0,)), b)
    torch.testing.assert_close(at(line, (0.25,)), 0.75 * a + 0.25 * b)
    assert line.project(b) == (pytest.approx((1.0,)), pytest.approx(0, abs=1e-6))


def test_a_plane_contains_its_three_points():
    three = points(3)
    plane = plane_through(three, NAMES)
    u, v = plane.directions
    assert u @ u == pytest.approx(1) and v @ v == pytest.approx(1)
    assert u @ v == pytest.approx(0, abs=1e-14)
    for point in three:
        place, distance = plane.project(point)
        torch.testing.assert_close(at(plane, place), point)
        assert distance == pytest.approx(0, abs=1e-6)
    a, b, c = (plane.project(point)[0] for point in three)
    assert a == (0, 0) and b == pytest.approx((np.linalg.norm(three[1] - three[0]), 0))
    assert np.hypot(*c) == pytest.approx(np.linalg.norm(three[2] - three[0]))


def test_projections_are_the_nearest_points():
    plane = Plane(*points(1), points(2))  # of directions that are not orthogonal
    path = points(4)
    matrix = torch.stack(list(plane.directions), 1).numpy()
    for point in path:
        place, distance = plane.project(point)
        expected, square, *_ = np.linalg.lstsq(matrix, (point - plane.origin).numpy(), rcond=None)
        assert place == pytest.approx(expected) and distance == pytest.approx(square[0] ** 0.5)


def test_chunks_of_long_vectors(monkeypatch):
    three = points(3)
    whole = plane_through(three, NAMES)
    monkeypatch.setattr("bsam_suite.flatness.plane.CHUNK", 20)
    for one, other in zip(whole.directions, plane_through(three, NAMES).directions):
        torch.testing.assert_close(one, other)


def test_the_plane_of_a_path_has_its_principal_components():
    path = points(6)
    origin = path[-1]
    plane, shares = plane_of_path(origin, path, list("abcdef"))
    peer = PCA(2).fit(torch.stack(path).numpy())
    assert shares == pytest.approx(peer.explained_variance_ratio_)
    assert plane.origin is origin
    for mine, theirs in zip(plane.directions, torch.from_numpy(peer.components_)):
        torch.testing.assert_close(mine, theirs * torch.sign(theirs @ mine))
        assert (path[0] - path[-1]) @ mine >= 0


@pytest.mark.parametrize(
    "three, message",
    [
        ([0, 0, 1], "a and b have the same weights"),
        ([0, 1, 0], "a and c have the same weights"),
        ([0, 1, 1], "b and c have the same weights"),
        ([0, 1, 2], "a, b, c lie on a line"),
    ],
)
def test_points_without_a_plane(three, message):
    start, step = torch.randn(2, 1000)  # in float32, where differences are rounded
    found = [start + number * 0.3 * step for number in three]
    with pytest.raises(InputError, match=f"{message}.*needs three .* that do not lie on a line"):
        plane_through(found, NAMES)


def test_points_without_a_line_and_paths_without_a_plane():
    start, step = torch.randn(2, 1000)
    with pytest.raises(InputError, match="a and b have the same weights: a line needs two"):
        line_through([start, start.clone()], NAMES)
    with pytest.raises(InputError, match=r"the path has 2 checkpoints \(a, b\): its plane needs"):
        plane_of_path(start, [start, step], ["a", "b"])
    straight = [start + number * 0.3 * step for number in range(4)]
    with pytest.raises(InputError, match="the path's 4 checkpoints, a to d, lie on a line"):
        plane_of_path(start, straight, list("abcd"))
