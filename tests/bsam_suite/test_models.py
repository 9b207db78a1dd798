"""What models bring along, each against BSAM's formula written out on one flat vector."""

import shutil
from types import SimpleNamespace

import pytest
import torch
from mmengine.hooks import EMAHook
from mmengine.model import BaseModel, ExponentialMovingAverage
from mmengine.optim import build_optim_wrapper
from torch import nn
from torch.nn.utils import clip_grad_norm_, parameters_to_vector, vector_to_parameters
from torch.utils.checkpoint import checkpoint
from torchvision.ops import StochasticDepth

RHO, RHO_MIN, LR = 0.3, 0.2, 0.1
RULE = dict(type="BSAM", rho=RHO, rho_min=RHO_MIN)


class Deep(BaseModel):
    """Residual blocks of ``block(width)``; float64."""

    def __init__(self, block, depth=3):
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Linear(5, 8)
        self.blocks = nn.ModuleList(block() for _ in range(depth))
        self.head = nn.Linear(8, 1)
        self.double()

    def forward(self, x, y, mode="tensor"):
        x = self.stem(x)
        for block in self.blocks:
            x = x + block(x)
        return dict(loss=(self.head(x.tanh()).squeeze(-1) - y).square().mean())


class Checkpointed(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return checkpoint(self.inner, x, use_reentrant=False)


def dense(*extra):
    return nn.Sequential(nn.Linear(8, 8), *extra, nn.Tanh())


def formula(net, x, y, seed=None, mask=None):
    """BSAM's gradient at the weights of ``net`` (left as they were), each pass with ``seed``.

    ``mask``: where parameters are perturbed, over the flat vector.
    """
    params = [p for p in net.parameters() if p.requires_grad]
    w = parameters_to_vector(params).detach().clone()
    mask = torch.ones_like(w) if mask is None else mask

    def grad(at):
        vector_to_parameters(at, params)
        if seed is not None:
            torch.manual_seed(seed)
        found = torch.autograd.grad(net(x, y)["loss"], params)
        return torch.cat([g.flatten() for g in found])

    g = grad(w)
    e = mask * g / (mask * g).norm()
    g_max, g_min = grad(w + RHO * e), grad(w - RHO_MIN * e)
    vector_to_parameters(w, params)
    return g_max + g - g_max.norm() / g_min.norm() * g_min


def step_of(face, net, x, y, seed=None, params=None, **kwargs):
    """How far one step of SGD moves the weights, over the learning rate."""
    run = face(net, params or net.parameters(), "SGD", RULE, lr=LR, **kwargs)
    before = parameters_to_vector(net.parameters()).detach().clone()
    if seed is not None:
        torch.manual_seed(seed)
    run.train(x, y)
    return (before - parameters_to_vector(net.parameters()).detach()) / LR


BLOCKS = {
    "dropout": lambda: dense(nn.Dropout(0.4)),
    "stochastic depth": lambda: nn.Sequential(dense(), StochasticDepth(0.5, mode="row")),
    "checkpointed": lambda: Checkpointed(dense(nn.Dropout(0.4))),
    "batch norm": lambda: dense(nn.BatchNorm1d(8)),
    "sync batch norm": lambda: dense(nn.SyncBatchNorm(8)),
    "layer norm": lambda: dense(nn.LayerNorm(8)),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_block(face, batch, name):
    x, y = batch(0, 16, torch.float64)
    net, twin = Deep(BLOCKS[name]), Deep(BLOCKS[name])
    wanted = formula(twin, x, y, seed=7)
    found = step_of(face, net, x, y, seed=7)
    assert (found - wanted).abs().max() < 1e-12 * wanted.abs().max() + 1e-12
    plain = Deep(BLOCKS[name])
    torch.manual_seed(7)
    plain(x, y)["loss"].backward()
    for key, buffer in plain.named_buffers():  # statistics: one update, of the first pass
        assert torch.equal(buffer, net.get_buffer(key)), key


def test_checkpointing_changes_nothing(face, batch):
    x, y = batch(0, 16, torch.float64)
    ends = []
    for wrap in (lambda m: m, Checkpointed):
        net = Deep(lambda wrap=wrap: wrap(dense(nn.Dropout(0.4))))
        ends.append(step_of(face, net, x, y, seed=3))
    assert torch.equal(*ends)


no_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="inductor needs g++")


@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=no_compiler)])
def test_compiled(face, batch, backend):
    x, y = batch(0, 16, torch.float64)
    net, twin = Deep(dense, depth=1), Deep(dense, depth=1)
    net.forward = torch.compile(net.forward, backend=backend)
    for _ in range(2):
        wanted = formula(twin, x, y)
        found = step_of(face, net, x, y)
        assert (found - wanted).abs().max() < 1e-10
        twin.load_state_dict(net.state_dict())


def test_frozen_and_unused_parameters(face, batch):
    x, y = batch(0, 16, torch.float64)
    nets = [Deep(dense), Deep(dense)]
    for net in nets:
        net.blocks[0].requires_grad_(False)
        net.unused = nn.Parameter(torch.ones(3, dtype=torch.float64))
    net, twin = nets
    del twin.unused
    wanted = formula(twin, x, y)
    run = face(net, net.parameters(), "SGD", RULE, lr=LR, weight_decay=0.1)
    run.train(x, y)
    moved = {n: p for n, p in net.named_parameters() if p.requires_grad and n != "unused"}
    w = parameters_to_vector(p for n, p in twin.named_parameters() if n in moved).detach()
    found = (w - parameters_to_vector(moved.values()).detach()) / LR
    assert (found - wanted - 0.1 * w).abs().max() < 1e-11
    after = dict(net.named_parameters())
    assert torch.equal(after["unused"], torch.ones(3, dtype=torch.float64))
    assert torch.equal(after["blocks.0.0.weight"], twin.blocks[0][0].weight)


class Momentum(BaseModel):
    """Like MoCo: its forward moves an average of its own weights, and compares itself with it."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.query = nn.Linear(5, 1).double()
        self.key = ExponentialMovingAverage(self.query, momentum=0.25)
        self.starts = []

    def forward(self, x, y, mode="tensor"):
        self.starts.append(self.key.module.weight.clone())
        with torch.no_grad():
            self.key.update_parameters(self.query)
            key = self.key(x).squeeze(-1)
        return dict(loss=(self.query(x).squeeze(-1) - y + key).square().mean())


def test_an_average_of_weights_is_moved_once_a_step(face, batch):
    net = Momentum()
    run = face(net, net.query.parameters(), "SGD", RULE, lr=LR)
    weights = []
    for seed in range(3):
        weights.append(net.query.weight.detach().clone())
        run.train(*batch(seed, 16, torch.float64))
    wanted = weights[0]  # which the first update copies
    for weight in weights[1:]:
        wanted = 0.75 * wanted + 0.25 * weight
    assert (net.key.module.weight - wanted).abs().max() < 1e-15
    assert net.key.steps == 3 and len(net.starts) == 9
    for step in (net.starts[0:3], net.starts[3:6], net.starts[6:9]):
        assert torch.equal(step[0], step[1]) and torch.equal(step[0], step[2])


def test_groups_with_rho_0_stay_in_place(face, batch):
    x, y = batch(0, 16, torch.float64)
    net, twin = Deep(BLOCKS["batch norm"]), Deep(BLOCKS["batch norm"])
    flat = [p for p in net.parameters() if p.ndim < 2]
    groups = [
        dict(params=[p for p in net.parameters() if p.ndim > 1]),
        dict(params=flat, rho=0.0, rho_min=0.0),
    ]
    mask = torch.cat([torch.full((p.numel(),), float(p.ndim > 1)) for p in twin.parameters()])
    wanted = formula(twin, x, y, mask=mask.double())
    found = step_of(face, net, x, y, params=groups)
    assert (found - wanted).abs().max() < 1e-11


def test_paramwise_cfg_sets_rho(batch):
    x, y = batch(0, 16, torch.float64)
    net, twin = Deep(BLOCKS["batch norm"]), Deep(BLOCKS["batch norm"])
    still = dict(rho=0.0, rho_min=0.0)
    wrapper = build_optim_wrapper(
        net,
        dict(
            type="BSAMOptimWrapper",
            rho=RHO,
            rho_min=RHO_MIN,
            optimizer=dict(type="SGD", lr=LR),
            paramwise_cfg=dict(custom_keys={"bias": still, ".1.weight": still}),
        ),
    )
    mask = torch.cat(
        [
            torch.full((p.numel(),), float("bias" not in n and not n.endswith(".1.weight")))
            for n, p in twin.named_parameters()
        ]
    )
    wanted = formula(twin, x, y, mask=mask.double())
    before = parameters_to_vector(net.parameters()).detach().clone()
    net.train_step(dict(x=x, y=y), wrapper)
    found = (before - parameters_to_vector(net.parameters()).detach()) / LR
    assert (found - wanted).abs().max() < 1e-11


def test_the_gradient_that_the_base_steps_along_is_clipped(batch, closure_of):
    from bsam_suite.optim import BSAM

    x, y = batch(0, 16, torch.float64)
    wanted = formula(Deep(dense), x, y)
    assert wanted.norm() > 0.02
    wanted = wanted * 0.01 / wanted.norm()

    net = Deep(dense)
    config = dict(type="BSAMOptimWrapper", rho=RHO, rho_min=RHO_MIN, clip_grad=dict(max_norm=0.01))
    wrapper = build_optim_wrapper(net, dict(optimizer=dict(type="SGD", lr=LR), **config))
    before = parameters_to_vector(net.parameters()).detach().clone()
    net.train_step(dict(x=x, y=y), wrapper)
    found = (before - parameters_to_vector(net.parameters()).detach()) / LR
    assert (found - wanted).abs().max() < 1e-7  # clip_grad_norm_ adds 1e-6 to the norm

    net = Deep(dense)
    optimizer = BSAM(net.parameters(), torch.optim.SGD, rho=RHO, rho_min=RHO_MIN, lr=LR)
    optimizer.base_optimizer.register_step_pre_hook(
        lambda *_: clip_grad_norm_(net.parameters(), 0.01) and None
    )
    optimizer.step(closure_of(net, optimizer, x, y))
    again = (before - parameters_to_vector(net.parameters()).detach()) / LR
    assert (again - found).abs().max() < 1e-12


def test_ema_averages_the_weights_after_each_step(batch):
    """The average never sees a perturbed weight, and its buffers are the model's."""
    net = Deep(BLOCKS["batch norm"])
    config = dict(type="BSAMOptimWrapper", rho=RHO, optimizer=dict(type="SGD", lr=LR))
    wrapper = build_optim_wrapper(net, config)

    runner = SimpleNamespace(model=net, iter=0)
    hook = EMAHook(ema_type=ExponentialMovingAverage, momentum=0.25)
    hook.before_run(runner)
    by_hand = parameters_to_vector(net.parameters()).detach().clone()
    for i in range(4):
        x, y = batch(i, 16, torch.float64)
        net.train_step(dict(x=x, y=y), wrapper)
        hook.after_train_iter(runner, i)
        runner.iter += 1
        w = parameters_to_vector(net.parameters()).detach()
        by_hand = w if i == 0 else 0.75 * by_hand + 0.25 * w
    averaged = parameters_to_vector(hook.ema_model.module.parameters()).detach()
    assert (averaged - by_hand).abs().max() < 1e-12


@pytest.mark.parametrize("total", [6, 8])
def test_accumulated_micro_batches_are_one_batch(batch, total):
    """Groups of 4 micro-batches; 6 leave a ragged group of 2. Without batch norm, float64."""
    one, many = Deep(dense), Deep(dense)
    config = dict(type="BSAMOptimWrapper", rho=RHO, rho_min=RHO_MIN)
    config.update(optimizer=dict(type="SGD", lr=LR, momentum=0.9))
    whole = build_optim_wrapper(one, config)
    parts = build_optim_wrapper(many, dict(config, accumulative_counts=4))
    parts.initialize_count_status(many, 0, total)
    micro = [batch(i, 4, torch.float64) for i in range(total)]
    for group in (micro[:4], micro[4:]):
        x, y = (torch.cat(t) for t in zip(*group))
        one.train_step(dict(x=x, y=y), whole)
        before = parameters_to_vector(many.parameters()).detach().clone()
        for x, y in group:
            assert torch.equal(before, parameters_to_vector(many.parameters()))
            many.train_step(dict(x=x, y=y), parts)
    a, b = (parameters_to_vector(net.parameters()) for net in (one, many))
    assert (a - b).abs().max() < 1e-12 and (a - before).abs().max() > 1e-3


def test_micro_batches_in_a_closure_are_one_batch(batch):
    from bsam_suite.optim import BSAM

    x, y = batch(0, 12, torch.float64)
    net = Deep(dense)
    optimizer = BSAM(net.parameters(), torch.optim.SGD, rho=RHO, rho_min=RHO_MIN, lr=LR)
    before = parameters_to_vector(net.parameters()).detach().clone()

    def closure():
        optimizer.zero_grad()
        total = 0.0
        for xs, ys in zip(x.split(5), y.split(5)):  # 5, 5 and 2
            loss = net(xs, ys)["loss"] * len(xs) / len(x)
            loss.backward()
            total = total + loss.detach()
        return total

    loss = optimizer.step(closure)
    found = (before - parameters_to_vector(net.parameters()).detach()) / LR
    assert (found - formula(Deep(dense), x, y)).abs().max() < 1e-12
    assert loss.item() == pytest.approx(Deep(dense)(x, y)["loss"].item(), abs=1e-12)


def test_every_pass_starts_from_the_same_buffers(face, batch):
    """A layer that counts its calls and scales by the count, as warm-ups do."""

    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("calls", torch.zeros((), dtype=torch.float64))

        def forward(self, x):
            self.calls += 1
            return x * self.calls

    class Reset(Deep):
        """The same, for the formula: the count is 1 in every pass."""

        def forward(self, x, y, mode="tensor"):
            for block in self.blocks:
                block[1].calls.zero_()
            return super().forward(x, y)

    def block():
        return dense(Counting())

    x, y = batch(0, 16, torch.float64)
    net = Deep(block)
    found = step_of(face, net, x, y)
    assert (found - formula(Reset(block), x, y)).abs().max() < 1e-12
    assert [b[1].calls.item() for b in net.blocks] == [1, 1, 1]
