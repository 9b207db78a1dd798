"""Arithmetic of vectors over all parameters; None is a parameter without gradient, and zero."""

import pytest
import torch

from bsam_suite.sharpness import PerGroup, Vector

A = Vector([[torch.tensor([1.0, -2.0]), None], [torch.tensor([[3.0]])]])
B = Vector([[torch.tensor([4.0, 5.0]), torch.tensor([6.0])], [None]])
H = PerGroup((10.0, 100.0))


def values(vector):
    return [[None if t is None else t.tolist() for t in group] for group in vector.groups]


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (A + B, [[[5.0, 3.0], [6.0]], [[[3.0]]]]),
        (A - B, [[[-3.0, -7.0], [-6.0]], [[[3.0]]]]),
        (A * B, [[[4.0, -10.0], None], [None]]),
        (A + H, [[[11.0, 8.0], None], [[[103.0]]]]),
        (A - H, [[[-9.0, -12.0], None], [[[-97.0]]]]),
        (H * A, [[[10.0, -20.0], None], [[[300.0]]]]),
        ((1 - H) * A, [[[-9.0, 18.0], None], [[[-297.0]]]]),
        (A * torch.tensor(2.0), [[[2.0, -4.0], None], [[[6.0]]]]),
        (torch.tensor(2.0) * A, [[[2.0, -4.0], None], [[[6.0]]]]),
        (0.5 * A, [[[0.5, -1.0], None], [[[1.5]]]]),
        (A.map(abs), [[[1.0, 2.0], None], [[[3.0]]]]),
        (A.filled(B), [[[1.0, -2.0], [6.0]], [[[3.0]]]]),
    ],
)
def test_vectors(found, wanted):
    assert values(found) == wanted
    assert values(A) == [[[1.0, -2.0], None], [[[3.0]]]]  # the operands stay
    assert values(B) == [[[4.0, 5.0], [6.0]], [None]]


def test_products():
    assert A.dot(B) == -6 and A.dot(A) == 14 and A.norm() ** 2 == pytest.approx(14)
    assert A.dot(Vector([[None, None], [None]])) == 0


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (H + H, (20.0, 200.0)),
        (H + 1, (11.0, 101.0)),
        (1 + H, (11.0, 101.0)),
        (H - 1, (9.0, 99.0)),
        (1 - H, (-9.0, -99.0)),
        (H * 2, (20.0, 200.0)),
        (2 * H, (20.0, 200.0)),
        (H / 10, (1.0, 10.0)),
        (-H, (-10.0, -100.0)),
        (H * H / H - H, (0.0, 0.0)),
    ],
)
def test_numbers_by_group(found, wanted):
    assert type(found) is PerGroup and tuple(found) == wanted
