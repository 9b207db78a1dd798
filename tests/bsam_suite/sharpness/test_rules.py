"""Each rule agrees with its formula, written out here on one flat vector of weights."""

import pytest
import pytorch_optimizer
import torch
from flat_vector import LR, MOMENTUM, Net, batches, largest_difference, mmengine, plain
from torch import nn
from torch.func import functional_call

from bsam_suite.engine import RULES
from bsam_suite.errors import InputError
from bsam_suite.optim import SharpnessOptimizer, hyperparameter
from bsam_suite.sharpness import GSAM, SAM, Here, Rule


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


def agnostic_sam(grad, w, h, memory):
    """On batches of 8, of which the last sample is the auxiliary batch."""
    batch, other = slice(0, 7), slice(7, 8)
    g, g_a = grad(w, batch), grad(w, other)
    return grad(w + h["rho"] * (h["lmbda"] * g / g.norm() - g_a / g_a.norm()), batch)


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
    "AgnosticSAM": (agnostic_sam, dict(rho=0.2, lmbda=1.7)),
    "AdaptiveBSAM": (adaptive_bsam, dict(rho=0.5, rho_min=0.3, eta=0.02)),
}


@pytest.mark.parametrize("face", [plain, mmengine])
@pytest.mark.parametrize("name", FORMULAS)
def test_formula(name, face):
    assert largest_difference(name, face, *FORMULAS[name]) < 1e-12


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
    assert not torch.equal(seen[-1]["head.weight"], first["head.weight"])


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
        ("AgnosticSAM", dict(lmbda=-1)),
        ("AgnosticSAM", dict(rho="0.1")),
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


@pytest.mark.parametrize("face", [plain, mmengine])
def test_a_rule_and_its_optimizer_may_use_one_name_for_two_things(face):
    """GSAM's alpha beside RMSprop's: its first step along GSAM's formula, written out."""
    torch.manual_seed(0)
    net = Net().double()
    shapes = [p.shape for p in net.parameters()]
    names = [name for name, _ in net.named_parameters()]
    w = nn.utils.parameters_to_vector(net.parameters()).detach().clone()
    x, y = next(batches())

    def grad(w):
        w = w.clone().requires_grad_()
        parts = [v.view(s) for v, s in zip(w.split([s.numel() for s in shapes]), shapes)]
        return torch.autograd.grad(
            functional_call(net, dict(zip(names, parts)), (x, y))["loss"], w
        )[0]

    gradient = gsam(grad, w, dict(rho=0.1, alpha=0.3), {})
    wanted = w - 0.01 * gradient / ((1 - 0.9) * gradient**2).sqrt().add(1e-8)
    base = torch.optim.RMSprop(net.parameters(), lr=0.01, alpha=0.9)
    train = face(net, base, GSAM(rho=0.1, alpha=0.3))
    group = base.param_groups[0]
    assert (group["alpha"], group["rule_alpha"], group["rho"]) == (0.9, 0.3, 0.1)
    assert hyperparameter(base, "rule_alpha").param_groups[0]["lr"] == 0.3
    train(x, y)
    assert (nn.utils.parameters_to_vector(net.parameters()) - wanted).abs().max() < 1e-9


@pytest.mark.parametrize("name", ["SAM", "GSAM", "FriendlySAM", "BSAM", "ASAM", "GCSAM"])
def test_complex_parameters_are_pairs_of_real_ones(name):
    """A complex layer beside a real one, and the same network of real numbers."""
    torch.manual_seed(0)
    pairs, real = torch.randn(3, 4, 2, dtype=torch.float64), torch.randn(3, dtype=torch.float64)
    x = torch.view_as_complex(torch.randn(8, 4, 2, dtype=torch.float64))
    ends = []
    for whole in (True, False):
        c = nn.Parameter(torch.view_as_complex(pairs.clone()) if whole else pairs.clone())
        r = nn.Parameter(real.clone())
        optimizer = SharpnessOptimizer(
            [c, r], torch.optim.SGD, RULES.build(dict(type=name)), lr=0.1, momentum=0.9
        )

        def closure(c=c, r=r, optimizer=optimizer):
            optimizer.zero_grad()
            weight = c if c.is_complex() else torch.view_as_complex(c)
            loss = ((x @ weight.T).abs().square() * r).tanh().mean()
            loss.backward()
            return loss

        for _ in range(3):
            optimizer.step(closure)
        ends.append((torch.view_as_real(c) if whole else c, r))
    (c, r), (pairs_after, r_after) = ends
    if name not in ("ASAM", "GCSAM"):  # their |w| and means are other ones for complex numbers
        assert torch.allclose(c, pairs_after, atol=1e-12, rtol=0)
        assert torch.allclose(r, r_after, atol=1e-12, rtol=0)
    assert not torch.equal(c, pairs) and c.isfinite().all()


def test_a_rule_that_does_not_begin_at_w_and_reserved_names_are_refused():
    class Never(Rule):
        def gradient(self, h):
            return (yield "somewhere")

    net = Net()
    base = torch.optim.SGD(net.parameters(), lr=0.1)
    with pytest.raises(TypeError, match=r"Never.gradient has to begin with yield Here\(\)"):
        plain(net, base, Never())(
            *[t.float() if t.is_floating_point() else t for t in next(batches())]
        )
    with pytest.raises(InputError, match="'lr' of SAM: rename it"):
        SAM().add(lr=0.1)


def test_what_a_rule_asks_for_and_does_not_have_is_named():
    class Misspelt(Rule):
        def gradient(self, h):
            g = yield Here()
            return g * h.roh

    net = Net().double()
    train = plain(net, torch.optim.SGD(net.parameters(), lr=0.1), Misspelt(rho=0.1))
    with pytest.raises(AttributeError, match="'roh'.*'rho'"):
        train(*next(batches()))


def test_the_count_of_steps_is_resumed():
    class Counting(Rule):
        def gradient(self, h):
            seen.append(h.step)
            return (yield Here())

    seen, state = [], None
    net = Net().double()
    for _ in range(2):
        base = torch.optim.SGD(net.parameters(), lr=0.1)
        optimizer = SharpnessOptimizer(base.param_groups, lambda _, base=base: base, Counting())
        if state is not None:
            optimizer.load_state_dict(state)
        for x, y in list(batches())[:2]:

            def closure(x=x, y=y, optimizer=optimizer):
                optimizer.zero_grad()
                loss = net(x, y)["loss"]
                loss.backward()
                return loss

            optimizer.step(closure)
        state = optimizer.state_dict()
    assert seen == [0, 1, 2, 3]
