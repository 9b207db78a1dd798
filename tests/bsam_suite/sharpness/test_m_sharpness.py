"""Parts of a batch, each perturbed along its own gradient, against formulas on one flat vector."""

import copy

import pytest
import torch
from flat_vector import LR, MOMENTUM, Net, batches
from mmengine.model import BaseModel
from torch import nn
from torch.func import functional_call

from bsam_suite.engine import RULES, SharpnessOptimWrapper
from bsam_suite.errors import InputError
from bsam_suite.optim import SharpnessOptimizer

RHO, M, STEPS = 0.3, 4, 4


def sam(grads, w, kept):
    return sum(grad(w + RHO * grad(w) / grad(w).norm()) for grad in grads) / len(grads)


def look_sam(grads, w, kept):
    """k = 2: what is reused is the mean over the parts."""
    if kept:
        v, norm = kept.pop()
        return sum(g + g.norm() / norm * v for g in (grad(w) for grad in grads)) / len(grads)
    found, step = [], 0
    for grad in grads:
        g = grad(w)
        g_max = grad(w + RHO * g / g.norm())
        found.append((g_max - g_max @ g / (g @ g) * g, g.norm()))
        step = step + g_max / len(grads)
    kept.append([sum(values) / len(grads) for values in zip(*found)])
    return step


def plain_face(net, base, rule):
    optimizer = SharpnessOptimizer(base.param_groups, lambda _: base, rule, model=net)

    def closure_of(x, y):
        def closure():
            optimizer.zero_grad()
            loss = net(x, y)["loss"]
            loss.backward()
            return loss

        return closure

    return lambda x, y: optimizer.step([closure_of(*p) for p in zip(x.split(M), y.split(M))])


def mmengine_face(net, base, rule):
    wrapper = SharpnessOptimWrapper(base, rule, m=M)
    return lambda x, y: net.train_step(dict(x=x, y=y), wrapper)


@pytest.mark.parametrize("face", [plain_face, mmengine_face])
@pytest.mark.parametrize(
    ("rule", "formula"),
    [(dict(type="SAM"), sam), (dict(type="LookSAM", k=2, alpha=None), look_sam)],
)
def test_formula(face, rule, formula):
    torch.manual_seed(0)
    net = Net().double()
    shapes = {name: p.shape for name, p in net.named_parameters()}
    w = nn.utils.parameters_to_vector(net.parameters()).detach().clone()
    base = torch.optim.SGD(net.parameters(), lr=LR, momentum=MOMENTUM)
    reference = copy.deepcopy(net)
    train = face(net, base, RULES.build(dict(rule, rho=RHO)))
    velocity, kept = torch.zeros_like(w), []
    for x, y in batches(STEPS):

        def grad_of(x, y):
            def grad(w):
                w = w.clone().requires_grad_()
                parts = w.split([shape.numel() for shape in shapes.values()])
                named = {name: p.view(shapes[name]) for name, p in zip(shapes, parts)}
                loss = functional_call(reference, named, (x, y))["loss"]
                return torch.autograd.grad(loss, w)[0]

            return grad

        grads = [grad_of(*part) for part in zip(x.split(M), y.split(M))]
        velocity = MOMENTUM * velocity + formula(grads, w, kept)
        w = w - LR * velocity
        train(x, y)
        assert (nn.utils.parameters_to_vector(net.parameters()) - w).abs().max() < 1e-12


class Norm(BaseModel):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(6), nn.Dropout(0.3))
        self.masks = []

    def forward(self, inputs, samples, mode="tensor", scale=1.0):
        x = torch.stack(inputs["x"]) if isinstance(inputs["x"], list) else inputs["x"]
        out = self.net(x)
        self.masks.append((out != 0).detach())
        y = torch.tensor([sample["y"] for sample in samples])
        return dict(loss=scale * (out.sum(1) - y).square().mean())


def data(n=8, listed=False):
    torch.manual_seed(1)
    x = torch.randn(n, 5)
    return dict(
        inputs=dict(x=list(x) if listed else x), samples=[dict(y=1.0 * i) for i in range(n)]
    )


@pytest.mark.parametrize("listed", [False, True])
def test_first_passes_alone_leave_statistics_and_each_part_keeps_its_masks(listed):
    torch.manual_seed(0)
    net, plain = Norm(), Norm()
    plain.load_state_dict(net.state_dict())
    wrapper = SharpnessOptimWrapper(
        torch.optim.SGD(net.parameters(), lr=0.1), dict(type="SAM"), m=2
    )
    torch.manual_seed(2)
    net.train_step(data(listed=listed), wrapper)
    after = torch.rand(1)
    first, again = net.masks[::2], net.masks[1::2]
    assert len(first) == len(again) == 4
    assert all(torch.equal(a, b) for a, b in zip(first, again))
    assert not all(torch.equal(first[0], mask) for mask in first)
    torch.manual_seed(2)
    whole = data()
    for i in range(0, 8, 2):
        plain(dict(x=whole["inputs"]["x"][i : i + 2]), whole["samples"][i : i + 2])
    assert torch.equal(after, torch.rand(1))
    for a, b in zip(net.buffers(), plain.buffers()):
        assert torch.equal(a, b)


@pytest.mark.parametrize("failing", [1, 2, 3, 4])
def test_a_part_that_fails_takes_the_step_back(failing):
    net = Norm()
    wrapper = SharpnessOptimWrapper(
        torch.optim.SGD(net.parameters(), lr=0.1), dict(type="SAM"), m=4
    )
    before = copy.deepcopy(net.state_dict())

    def fail(*_):
        if len(net.masks) == failing - 1:
            raise RuntimeError("boom")

    handle = net.register_forward_pre_hook(fail)
    with pytest.raises(RuntimeError, match="boom"):
        net.train_step(data(), wrapper)
    assert all(torch.equal(before[k], v) for k, v in net.state_dict().items())
    handle.remove()
    net.train_step(data(), wrapper)
    assert wrapper.passes_per_step == 2


def test_a_nan_in_one_part_skips_the_step():
    net = Norm()
    wrapper = SharpnessOptimWrapper(
        torch.optim.SGD(net.parameters(), lr=0.1), dict(type="SAM"), m=4
    )
    before = copy.deepcopy(net.state_dict())
    bad = data()
    bad["samples"][1]["y"] = float("nan")
    with pytest.warns(RuntimeWarning, match="skipped"):
        net.train_step(bad, wrapper)
    assert all(torch.equal(before[k], v) for k, v in net.state_dict().items())


class Opaque:
    pass


def test_unusable_values_are_named():
    def make(**kwargs):
        rule = kwargs.pop("rule", dict(type="SAM"))
        return SharpnessOptimWrapper(torch.optim.SGD(Norm().parameters(), lr=0.1), rule, **kwargs)

    for m in (0, -1, 2.0, "4"):
        with pytest.raises(InputError, match=f"m={m!r} in optim_wrapper: give a whole number"):
            make(m=m)
    with pytest.raises(InputError, match="m=2 in optim_wrapper with accumulative_counts=2: leave"):
        make(m=2, accumulative_counts=2)
    net = Norm()
    released = dict(type="BSAM", start="released")
    for content, m, rule, words in (
        (data(8), 3, dict(type="SAM"), "m=3 .*batch has 8 samples: give .*drop_last=True"),
        (dict(data(8), samples=Opaque()), 4, dict(type="SAM"), "forward.samples is a Opaque"),
        (dict(data(8), scale=torch.ones(3)), 4, dict(type="SAM"), "forward.scale is a Tensor of 3"),
        (data(8), 4, released, "start='released'.*leave it out"),
    ):
        before = [p.clone() for p in net.parameters()]
        base = torch.optim.SGD(net.parameters(), lr=0.1)
        with pytest.raises(InputError, match=words):
            net.train_step(content, SharpnessOptimWrapper(base, rule, m=m))
        assert all(torch.equal(a, b) for a, b in zip(before, net.parameters()))
