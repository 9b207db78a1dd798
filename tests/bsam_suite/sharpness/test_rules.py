"""Each rule agrees with its formula, written out here on one flat vector of weights."""

import pytest
import pytorch_optimizer
import torch
from mmengine.model import BaseModel
from torch import nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from bsam_suite.engine import RULES, SharpnessOptimWrapper
from bsam_suite.errors import InputError
from bsam_suite.optim import SharpnessOptimizer

LR, MOMENTUM, STEPS = 0.1, 0.9, 6


class Net(BaseModel):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 3)
        self.head = nn.Linear(12, 4)

    def forward(self, x, y, mode="tensor"):
        return {"loss": cross_entropy(self.head(self.conv(x).tanh().flatten(1)), y)}


def batches():
    g = torch.Generator().manual_seed(1)
    for _ in range(STEPS):
        x = torch.randn(8, 2, 4, 4, generator=g, dtype=torch.float64)
        yield x, torch.randint(0, 4, (8,), generator=g)


def asam(grad, w, h, memory):
    g, t = grad(w), w.abs() + h["eta"]
    return grad(w + h["rho"] * t**2 * g / (t * g).norm())


def gsam(grad, w, h, memory):
    g = grad(w)
    g_max = grad(w + h["rho"] * g / g.norm())
    unit = g_max / g_max.norm()
    return g_max - h["alpha"] * (g - (g @ unit) * unit)


def friendly_sam(grad, w, h, memory):
    g = grad(w)
    if "m" in memory:
        d = g - h["sigma"] * memory["m"]
        memory["m"] = h["lmbda"] * memory["m"] + (1 - h["lmbda"]) * g
    else:
        d = memory["m"] = g
    return grad(w + h["rho"] * d / d.norm())


def gcsam(grad, w, h, memory):
    g = grad(w)
    conv, conv_bias, head, head_bias = g.split([54, 3, 48, 4])
    conv = (conv.view(3, 18) - conv.view(3, 18).mean(1, keepdim=True)).flatten()
    head = (head.view(4, 12) - head.view(4, 12).mean(1, keepdim=True)).flatten()
    return grad(w + h["rho"] * torch.cat([conv, conv_bias, head, head_bias]) / g.norm())


def adaptive_bsam(grad, w, h, memory):
    g, t = grad(w), w.abs() + h["eta"]
    e = t**2 * g / (t * g).norm()
    g_max, g_min = grad(w + h["rho"] * e), grad(w - h["rho_min"] * h["lr"] / LR * e)
    return g_max + g - g_max.norm() / g_min.norm() * g_min


FORMULAS = {
    "ASAM": (asam, dict(rho=0.5, eta=0.02)),
    "GSAM": (gsam, dict(rho=0.1, alpha=0.3)),
    "FriendlySAM": (friendly_sam, dict(rho=0.2, sigma=0.7, lmbda=0.8)),
    "GCSAM": (gcsam, dict(rho=0.2)),
    "AdaptiveBSAM": (adaptive_bsam, dict(rho=0.5, rho_min=0.3, eta=0.02)),
}


def by_formula(net, formula, h, lr_at):
    """The weights after each step of SGD with momentum along the formula's gradient."""
    shapes = {name: p.shape for name, p in net.named_parameters()}
    w = nn.utils.parameters_to_vector(net.parameters()).detach().clone()
    memory, velocity = {}, torch.zeros_like(w)
    for step, (x, y) in enumerate(batches()):

        def grad(w, x=x, y=y):
            w = w.clone().requires_grad_()
            parts = w.split([shape.numel() for shape in shapes.values()])
            named = {name: part.view(shapes[name]) for name, part in zip(shapes, parts)}
            return torch.autograd.grad(functional_call(net, named, (x, y))["loss"], w)[0]

        gradient = formula(grad, w, dict(h, lr=lr_at(step)), memory)
        velocity = MOMENTUM * velocity + gradient
        w = w - lr_at(step) * velocity
        yield w


def plain(net, base, rule):
    optimizer = SharpnessOptimizer(base.param_groups, lambda _: base, rule)

    def step(x, y):
        def closure():
            optimizer.zero_grad()
            loss = net(x, y)["loss"]
            loss.backward()
            return loss

        optimizer.step(closure)

    return step


def mmengine(net, base, rule):
    wrapper = SharpnessOptimWrapper(base, rule)
    return lambda x, y: net.train_step(dict(x=x, y=y), wrapper)


@pytest.mark.parametrize("face", [plain, mmengine])
@pytest.mark.parametrize("name", FORMULAS)
def test_formula(name, face):
    torch.manual_seed(0)
    net = Net().double()
    formula, hyper = FORMULAS[name]
    base = torch.optim.SGD(net.parameters(), lr=LR, momentum=MOMENTUM)
    base.param_groups[0]["initial_lr"] = LR
    train = face(net, base, RULES.build(dict(type=name, **hyper)))

    def lr_at(step):
        return LR * (1 - step / 10)

    moved = []
    wanted = by_formula(net, formula, hyper, lr_at)
    for step, (x, y) in enumerate(batches()):
        target = next(wanted)
        base.param_groups[0]["lr"] = lr_at(step)
        before = nn.utils.parameters_to_vector(net.parameters()).detach().clone()
        train(x, y)
        after = nn.utils.parameters_to_vector(net.parameters()).detach()
        assert (after - target).abs().max() < 1e-12
        moved.append((after - before).norm())
    assert min(moved) > 1e-3


@pytest.mark.parametrize(("name", "peer"), [("SAM", {}), ("GCSAM", dict(use_gc=True))])
def test_peer(name, peer, closure_of):
    """Equal to the SAM of pytorch_optimizer, which takes norms in float32."""
    ends = []
    for ours in (True, False):
        torch.manual_seed(0)
        net = Net().double()
        kwargs = dict(rho=0.3, lr=LR, momentum=MOMENTUM)
        if ours:
            rule = RULES.build(dict(type=name, rho=kwargs.pop("rho")))
            optimizer = SharpnessOptimizer(net.parameters(), torch.optim.SGD, rule, **kwargs)
        else:
            optimizer = pytorch_optimizer.SAM(net.parameters(), torch.optim.SGD, **peer, **kwargs)
        for x, y in batches():
            closure = closure_of(net, optimizer, x, y)
            if not ours:
                closure()
            optimizer.step(closure)
        ends.append(nn.utils.parameters_to_vector(net.parameters()))
    assert (ends[0] - ends[1]).abs().max() < 1e-7


@pytest.mark.parametrize("name", [*FORMULAS, "SAM", "BSAM"])
def test_a_group_with_rho_0_stays_and_the_others_move_as_if_alone(name):
    def points(freeze):
        """The weights at each pass, two steps long."""
        torch.manual_seed(0)
        net, seen = Net().double(), []
        net.register_forward_pre_hook(
            lambda *_: seen.append({n: p.detach().clone() for n, p in net.named_parameters()})
        )
        still = dict(params=list(net.conv.parameters()), rho=0.0, rho_min=0.0)
        if freeze:
            net.conv.requires_grad_(False)
        base = torch.optim.SGD([still, dict(params=list(net.head.parameters()))], lr=0.0)
        train = plain(net, base, RULES.build(dict(type=name)))
        for x, y in list(batches())[:2]:
            train(x, y)
        return seen

    seen, alone = points(freeze=False), points(freeze=True)
    first = seen[0]
    for here, there in zip(seen, alone, strict=True):
        assert all(torch.equal(here[n], there[n]) for n in here)
        assert all(torch.equal(here[n], first[n]) for n in here if "conv" in n)
    assert not torch.equal(seen[1]["head.weight"], first["head.weight"])


@pytest.mark.parametrize("name", [*FORMULAS, "SAM", "BSAM"])
def test_a_parameter_without_gradient_is_passed_by(name):
    net = Net().double()
    net.unused = nn.Parameter(torch.ones(3, dtype=torch.float64))
    base = torch.optim.SGD(net.parameters(), lr=0.1, weight_decay=0.1)
    train = plain(net, base, RULES.build(dict(type=name)))
    for x, y in batches():
        train(x, y)
    assert torch.equal(net.unused, torch.ones(3, dtype=torch.float64))


@pytest.mark.parametrize(
    ("name", "hyper"),
    [
        ("SAM", dict(rho=-0.1)),
        ("ASAM", dict(eta=0.0)),
        ("ASAM", dict(rho=True)),
        ("GSAM", dict(alpha=-1)),
        ("FriendlySAM", dict(lmbda=1.0)),
        ("FriendlySAM", dict(sigma="big")),
        ("GCSAM", dict(rho=float("nan"))),
        ("AdaptiveBSAM", dict(eta=0.0)),
        ("AdaptiveBSAM", dict(rho_min=float("inf"))),
        ("AdaptiveBSAM", dict(start="left")),
    ],
)
def test_unusable_values_are_named(name, hyper):
    key, value = next(iter(hyper.items()))
    with pytest.raises(InputError, match=f"{key}={value!r}.*: give "):
        RULES.build(dict(type=name, **hyper))
    if key == "start":
        return
    group = dict(params=list(Net().parameters()), **hyper)
    for face in (plain, mmengine):
        with pytest.raises(InputError, match=f"{key}={value!r}.*group.*: give "):
            face(None, torch.optim.SGD([group], lr=0.1), RULES.build(dict(type=name)))


def test_the_registry_holds_the_family():
    assert set(FORMULAS) | {"SAM", "BSAM"} <= set(RULES.module_dict)
    assert repr(RULES.build(dict(type="ASAM"))) == "ASAM(rho=0.5, eta=0.01)"
