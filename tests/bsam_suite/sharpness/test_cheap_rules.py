"""Rules that do not visit their points in every step, against formulas on one flat vector."""

import pytest
import torch
from flat_vector import LR, MOMENTUM, Net, batches, largest_difference, mmengine, plain
from torch import nn

from bsam_suite.engine import RULES
from bsam_suite.errors import InputError


def every_kth(found):
    """``formula(grad, w, h, memory)`` that calls ``found`` in each k-th step, and counts steps."""

    def formula(grad, w, h, memory):
        step = memory["step"] = memory.get("step", -1) + 1
        return found(grad, w, h, memory, step % h["k"])

    return formula


@every_kth
def bsam(grad, w, h, memory, j):
    g = grad(w)
    if j:
        a, v, norm = memory["found"]
        return (1 + a) * g + min(g.norm() / norm, h.get("cap", 1.0) or 1e9) * v
    g_max = grad(w + h["rho"] * g / g.norm())
    g_min = g - h["rho_min"] * h["lr"] / LR / h["rho"] * (g_max - g)
    step = g_max + g - g_max.norm() / g_min.norm() * g_min
    a = (step - g) @ g / (g @ g)
    memory["found"] = a, step - g - a * g, g.norm()
    return step


@every_kth
def adaptive_bsam(grad, w, h, memory, j):
    g, t = grad(w), w.abs() + h["eta"]
    if j:
        a, v, norm = memory["found"]
        return (1 + a) * g + min(g.norm() / norm, 1.0) * v
    g_max = grad(w + h["rho"] * t**2 * g / (t * g).norm())
    g_min = g - h["rho_min"] * h["lr"] / LR / h["rho"] * (g_max - g)
    step = g_max + g - g_max.norm() / g_min.norm() * g_min
    a = (step - g) @ g / (g @ g)
    memory["found"] = a, step - g - a * g, g.norm()
    return step


@every_kth
def look_sam(grad, w, h, memory, j):
    g = grad(w)
    if j:
        v, norm = memory["found"]
        if h["alpha"] is None:
            return g + g.norm() / norm * v
        return g + h["alpha"] * g.norm() / v.norm() * v
    g_max = grad(w + h["rho"] * g / g.norm())
    cosine = g @ g_max / (g.norm() * g_max.norm())
    memory["found"] = g_max - g_max.norm() * cosine * g / g.norm(), g.norm()
    return g_max


@every_kth
def vsam(grad, w, h, memory, j):
    g = grad(w)
    if j:
        return g + (h["beta"] ** j * memory["found"] if j <= 6 else 0)
    g_max = grad(w + h["rho"] * g / g.norm())
    memory["found"] = g_max - g
    return g_max


def momentum_sam(grad, w, h, memory):
    v = memory.get("v", torch.zeros_like(w))
    g = grad(w - h["rho"] * v / v.norm()) if v.norm() else grad(w)
    memory["v"] = MOMENTUM * v + g
    return g


CASES = [
    ("BSAM", bsam, dict(rho=0.3, rho_min=0.2, k=1)),
    ("BSAM", bsam, dict(rho=0.3, rho_min=0.2, k=2)),
    ("BSAM", bsam, dict(rho=0.1, rho_min=0.2, k=4, cap=None)),
    ("BSAM", bsam, dict(rho=0.3, rho_min=0.3, k=4, cap=0.5)),
    ("AdaptiveBSAM", adaptive_bsam, dict(rho=0.5, rho_min=0.3, eta=0.02, k=3)),
    ("LookSAM", look_sam, dict(rho=0.3, k=3, alpha=0.6)),
    ("LookSAM", look_sam, dict(rho=0.3, k=3, alpha=None)),
    ("VSAM", vsam, dict(rho=0.3, k=3, beta=0.6)),
    ("VSAM", vsam, dict(rho=0.3, k=8, beta=0.9)),
    ("MomentumSAM", momentum_sam, dict(rho=0.3)),
]
NAMES = [f"{name} {hyper}" for name, _, hyper in CASES]


@pytest.mark.parametrize("face", [plain, mmengine])
@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_formula(case, face):
    name, formula, hyper = case
    assert largest_difference(name, face, formula, hyper, steps=9) < 1e-12


def test_each_step_of_k_1_is_the_one_between_with_the_step_reused():
    """What k > 1 reuses, of the very step that it was found in, gives that step."""
    torch.manual_seed(0)
    net = Net().double()
    base = torch.optim.SGD(net.parameters(), lr=LR)
    train = plain(net, base, RULES.build(dict(type="BSAM", rho=0.3, rho_min=0.2, k=2)))
    start = [p.detach().clone() for p in net.parameters()]
    ends, (x, y) = [], next(batches())
    for _ in range(2):
        with torch.no_grad():
            for p, w in zip(net.parameters(), start):
                p.copy_(w)
        train(x, y)
        ends.append(nn.utils.parameters_to_vector(net.parameters()).detach().clone())
    assert (ends[0] - ends[1]).abs().max() < 1e-15
    assert (ends[0] - nn.utils.parameters_to_vector(start)).norm() > 1e-2


@pytest.mark.parametrize(
    "rule", [dict(type="BSAM", k=3), dict(type="LookSAM", k=3), dict(type="VSAM", k=3)]
)
def test_what_is_reused_does_not_move_what_has_no_gradient(rule):
    net = Net().double()
    net.unused = nn.Parameter(torch.ones(3, dtype=torch.float64))
    base = torch.optim.SGD(net.parameters(), lr=0.1, weight_decay=0.1)
    train = plain(net, base, RULES.build(rule))
    for step, (x, y) in enumerate(batches(5)):
        frozen = [p.detach().clone() for p in net.conv.parameters()]
        net.conv.requires_grad_(step < 1)
        train(x, y)
        moved = [not torch.equal(a, b) for a, b in zip(frozen, net.conv.parameters())]
        assert moved == [step < 1] * 2
    assert torch.equal(net.unused, torch.ones(3, dtype=torch.float64))


@pytest.mark.parametrize(
    ("name", "hyper"),
    [
        ("BSAM", dict(k=0)),
        ("BSAM", dict(k=-5)),
        ("BSAM", dict(k=2.0)),
        ("BSAM", dict(k=True)),
        ("AdaptiveBSAM", dict(k=0)),
        ("BSAM", dict(cap=0, k=5)),
        ("BSAM", dict(cap="1")),
        ("LookSAM", dict(k=0)),
        ("LookSAM", dict(k=None)),
        ("LookSAM", dict(alpha=-1)),
        ("VSAM", dict(k=0.5)),
        ("VSAM", dict(beta=1.0)),
        ("MomentumSAM", dict(rho=-1)),
    ],
)
def test_unusable_values_are_named(name, hyper):
    key, value = next(iter(hyper.items()))
    with pytest.raises(InputError, match=f"{key}={value!r} in {name}: give "):
        RULES.build(dict(type=name, **hyper))


def test_what_does_not_go_together_is_named():
    with pytest.raises(InputError, match="start='released' in BSAM: .*k=5"):
        RULES.build(dict(type="BSAM", start="released", k=5))
    (x, y), net = next(batches()), Net().double()
    for base in (torch.optim.SGD(net.parameters(), lr=0.1), torch.optim.RMSprop(net.parameters())):
        train = plain(net, base, RULES.build(dict(type="MomentumSAM")))
        with pytest.raises(InputError, match=f"momentum.*{type(base).__name__} keeps none: give"):
            train(x, y)
    base = torch.optim.Adagrad(net.parameters())
    train = mmengine(net, base, RULES.build(dict(type="MomentumSAM")))
    with pytest.raises(InputError, match="Adagrad keeps none"):
        train(x, y)
