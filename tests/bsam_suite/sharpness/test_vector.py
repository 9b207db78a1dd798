"""Arithmetic of vectors over all parameters; None is a parameter without gradient, and zero."""

import math

import pytest
import torch

from bsam_suite.optim import BSAM
from bsam_suite.sharpness import PerGroup, Vector, sums, weights
from bsam_suite.sharpness.sums import fused_add_scaled_

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


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_a_product_of_tensors_in_different_orders_of_memory(dtype):
    a, b = (torch.randint(-4, 5, (2, 3, 4, 5)).to(dtype) for _ in range(2))
    wanted = (a.double() * b.double()).sum()
    for x in (a, a.contiguous(memory_format=torch.channels_last)):
        assert Vector([[x]]).dot(Vector([[b]])) == Vector([[b]]).dot(Vector([[x]])) == wanted


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


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_fused_sum_is_the_sum_and_skips_where_told(dtype):
    targets = [torch.randn(3, 2, 4, 4).to(dtype), torch.randn(5).to(dtype)]
    targets[0] = targets[0].to(memory_format=torch.channels_last)
    tensors = [torch.randn_like(t) for t in targets]
    wanted = [t.double() - 0.3 * x.double() for t, x in zip(targets, tensors)]
    before = [t.clone() for t in targets]
    tensors[1][2] = math.nan
    fused_add_scaled_(targets, tensors, torch.tensor(-0.3), skip=torch.tensor(True))
    assert all(torch.equal(t, b) for t, b in zip(targets, before))
    fused_add_scaled_(targets, tensors, torch.tensor(-0.3), skip=torch.tensor(False))
    assert targets[1][2].isnan()
    for t, w in zip(targets, wanted):
        good = ~t.isnan()
        assert torch.allclose(t[good].double(), w[good], rtol=torch.finfo(dtype).eps, atol=1e-6)


def test_steps_by_the_fused_sum_are_those_without(monkeypatch):
    def train(bad_step):
        torch.manual_seed(0)
        net = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.Tanh(), torch.nn.Linear(5, 3))
        optimizer = BSAM(net.parameters(), torch.optim.SGD, lr=0.1, momentum=0.9, rho=0.3)
        seen = []
        for step in range(4):
            x = torch.randn(8, 6)

            def closure(x=x, scale=math.nan if step == bad_step else 1.0):
                optimizer.zero_grad()
                seen.append([p.detach().clone() for p in net.parameters()])
                loss = net(x).square().mean() * scale
                loss.backward()
                return loss

            optimizer.step(closure)
        return [*seen, [p.detach().clone() for p in net.parameters()]]

    for bad_step in (None, 1):
        plain = train(bad_step)
        with monkeypatch.context() as patch:
            for module in (sums, weights):
                patch.setattr(module, "can_fuse", lambda ts, xs: ts[0].dtype == torch.float32)
            fused = train(bad_step)
        for a, b in zip(plain, fused, strict=True):
            assert all(torch.allclose(p, q, rtol=1e-5, atol=1e-7) for p, q in zip(a, b))
