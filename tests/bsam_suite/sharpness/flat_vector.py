"""A small network as a function of one flat vector of weights, and trained under both faces."""

import torch
from mmengine.model import BaseModel
from torch import nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from bsam_suite.engine import RULES, SharpnessOptimWrapper
from bsam_suite.optim import SharpnessOptimizer

LR, MOMENTUM, STEPS = 0.1, 0.9, 6


class Net(BaseModel):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 3)
        self.head = nn.Linear(12, 4)

    def forward(self, x, y, mode="tensor"):
        return {"loss": cross_entropy(self.head(self.conv(x).tanh().flatten(1)), y)}


def batches(steps=STEPS):
    g = torch.Generator(torch.get_default_device()).manual_seed(1)
    for _ in range(steps):
        x = torch.randn(8, 2, 4, 4, generator=g, dtype=torch.float64)
        yield x, torch.randint(0, 4, (8,), generator=g)


def lr_at(step):
    return LR * (1 - step / 10)


def by_formula(net, formula, h, steps=STEPS):
    """The weights after each step of SGD with momentum along the formula's gradient."""
    shapes = {name: p.shape for name, p in net.named_parameters()}
    w = nn.utils.parameters_to_vector(net.parameters()).detach().clone()
    memory, velocity = {}, torch.zeros_like(w)
    for step, (x, y) in enumerate(batches(steps)):

        def grad(w, which=slice(None), x=x, y=y):
            """Of the loss of these of the batch's samples."""
            w = w.clone().requires_grad_()
            parts = w.split([shape.numel() for shape in shapes.values()])
            named = {name: part.view(shapes[name]) for name, part in zip(shapes, parts)}
            return torch.autograd.grad(
                functional_call(net, named, (x[which], y[which]))["loss"], w
            )[0]

        gradient = formula(grad, w, dict(h, lr=lr_at(step)), memory)
        velocity = MOMENTUM * velocity + gradient
        w = w - lr_at(step) * velocity
        yield w


def plain(net, base, rule):
    optimizer = SharpnessOptimizer(base.param_groups, lambda _: base, rule)

    def closure_of(x, y):
        def closure():
            optimizer.zero_grad()
            loss = net(x, y)["loss"]
            loss.backward()
            return loss

        return closure

    def step(x, y):
        if rule.auxiliary:
            optimizer.step(closure_of(x[:-1], y[:-1]), auxiliary=closure_of(x[-1:], y[-1:]))
        else:
            optimizer.step(closure_of(x, y))

    return step


def mmengine(net, base, rule):
    wrapper = SharpnessOptimWrapper(base, rule)
    return lambda x, y: net.train_step(dict(x=x, y=y), wrapper)


def largest_difference(name, face, formula, hyper, steps=STEPS):
    """Between the weights after each step of rule ``name`` and of ``formula`` written out."""
    torch.manual_seed(0)
    net = Net().double()
    base = torch.optim.SGD(net.parameters(), lr=LR, momentum=MOMENTUM)
    base.param_groups[0]["initial_lr"] = LR
    train = face(net, base, RULES.build(dict(type=name, **hyper)))
    moved, differences = [], []
    wanted = by_formula(net, formula, hyper, steps)
    for step, (x, y) in enumerate(batches(steps)):
        target = next(wanted)
        base.param_groups[0]["lr"] = lr_at(step)
        before = nn.utils.parameters_to_vector(net.parameters()).detach().clone()
        train(x, y)
        after = nn.utils.parameters_to_vector(net.parameters()).detach()
        differences.append((after - target).abs().max())
        moved.append((after - before).norm())
    assert min(moved) > 1e-3
    return max(differences)
