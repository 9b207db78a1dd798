"""Mixed precision: bfloat16 by autocast; float16 with a loss scaler when any pass overflows."""

import math

import pytest
import torch
from torch import nn

from bsam_suite.optim import BSAM

DEVICE = torch.get_default_device().type
RULE = dict(type="BSAM", rho=0.3, rho_min=0.2)


def vector(net):
    return nn.utils.parameters_to_vector(net.parameters()).detach().clone()


def test_bfloat16_is_the_formula_on_bfloat16_gradients(face, make_net, batch):
    """Against the formula written out, its gradients taken under autocast; and not float32's."""
    x, y = batch(0, 64)
    net = make_net(dropout=0.0)
    run = face(net, net.parameters(), "SGD", RULE, lr=0.1, dtype="bfloat16")
    start = vector(net)
    run.train(x, y)
    steps = {}
    for enabled in (True, False):
        twin = make_net(dropout=0.0)

        def grad(w, twin=twin, enabled=enabled):
            nn.utils.vector_to_parameters(w, twin.parameters())
            with torch.autocast(DEVICE, torch.bfloat16, enabled=enabled):
                loss = twin(x, y)["loss"]
            return torch.cat(
                [g.flatten() for g in torch.autograd.grad(loss, list(twin.parameters()))]
            )

        g = grad(start)
        g_max, g_min = grad(start + 0.3 * g / g.norm()), grad(start - 0.2 * g / g.norm())
        steps[enabled] = -0.1 * (g_max + g - g_max.norm() / g_min.norm() * g_min)
    step = vector(net) - start
    assert torch.allclose(step, steps[True], atol=1e-5)
    assert 1e-4 < (step - steps[False]).abs().max() < 0.05


def test_a_step_inside_autocast_sees_the_moved_weights(batch):
    """Autocast keeps its casts of the weights for as long as its context lasts."""
    x, y = batch(0)
    ends = []
    for outside in (False, True):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 1))
        optimizer = BSAM(net.parameters(), torch.optim.SGD, rho=0.5, lr=0.1)

        def closure(net=net, optimizer=optimizer):
            optimizer.zero_grad()
            with torch.autocast(DEVICE, torch.bfloat16):
                loss = (net(x).squeeze(-1) - y).square().mean()
            loss.backward()
            return loss

        with torch.autocast(DEVICE, torch.bfloat16, enabled=outside):
            optimizer.step(closure)
        assert optimizer.losses["loss_max"] > optimizer.losses["loss"]
        ends.append(vector(net))
    assert torch.equal(*ends)


@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize(
    ("rule", "passes", "which"),
    [("BSAM", 3, 1), ("BSAM", 3, 2), ("BSAM", 3, 3), ("SAM", 2, 1), ("SAM", 2, 2)],
)
def test_float16_overflow_in_any_pass(face, make_net, batch, snapshot, rule, passes, which, clip):
    scaler = torch.amp.GradScaler(DEVICE, init_scale=1024.0, growth_interval=1000)
    net = make_net()
    kwargs = dict(lr=0.1, dtype="float16", scaler=scaler)
    if clip and face.__name__ == "WrapperFace":
        kwargs["clip_grad"] = dict(max_norm=1.0)
    run = face(net, net.parameters(), "Adam", dict(type=rule, rho=0.3), **kwargs)
    run.train(*batch(0))
    assert scaler.get_scale() == 1024.0
    before, start = snapshot(net), net.passes
    net.after_forward = lambda count, loss: loss * math.inf if count == start + which else loss
    run.train(*batch(1))
    assert net.passes == start + passes
    assert all(torch.equal(a, b) for a, b in zip(before, snapshot(net), strict=True))
    assert scaler.get_scale() == 512.0 and run.skipped == 0
    grads = [p.grad for p in net.parameters() if p.grad is not None]
    assert not grads or not all(grad.isfinite().all() for grad in grads)
    net.after_forward = lambda count, loss: loss
    run.train(*batch(2))
    assert any((a != b).any() for a, b in zip(before, snapshot(net)))
    assert all(t.isfinite().all() for t in net.state_dict().values())


def test_the_loss_scale_does_not_enter_the_step(face, make_net, batch):
    ends = []
    for scale in (1.0, 1024.0):
        scaler = torch.amp.GradScaler(DEVICE, init_scale=scale)
        net = make_net(dropout=0.0)
        run = face(net, net.parameters(), "SGD", RULE, lr=0.1, dtype="float16", scaler=scaler)
        for i in range(3):
            run.train(*batch(i, 64))
        ends.append(vector(net))
    assert 0 < (ends[0] - ends[1]).abs().max() < 2e-3  # float16's rounding, below its range


def test_scaler_and_scale_are_resumed(make_net, batch):
    from bsam_suite.engine import BSAMOptimWrapper

    def make():
        net = make_net(dropout=0.0)
        optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
        wrapper = BSAMOptimWrapper(optimizer, dtype="float16")
        wrapper.loss_scaler = torch.amp.GradScaler(DEVICE, init_scale=256.0, growth_interval=2)
        return net, wrapper

    def train(net, wrapper, seeds):
        for seed in seeds:
            x, y = batch(seed)
            net.train_step(dict(x=x, y=y), wrapper)

    whole, wrapper = make()
    train(whole, wrapper, range(6))
    half, saved = make()
    train(half, saved, range(3))
    rest, resumed = make()
    rest.load_state_dict(half.state_dict())
    resumed.load_state_dict(saved.state_dict())
    assert resumed.loss_scaler.get_scale() == saved.loss_scaler.get_scale() == 512.0
    train(rest, resumed, range(3, 6))
    assert torch.equal(vector(whole), vector(rest))
    assert wrapper.loss_scaler.get_scale() == resumed.loss_scaler.get_scale()
