"""What a rule keeps from step to step: when it is kept, and that it is resumed."""

import io

import pytest
import torch
from mmengine.model import BaseModel
from torch import nn

from bsam_suite.engine import SharpnessOptimWrapper
from bsam_suite.optim import SharpnessOptimizer
from bsam_suite.sharpness import FriendlySAM

KEY = "gradient_average"
DEVICE = torch.get_default_device().type


class Net(BaseModel):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 1))

    def forward(self, x, y, mode="tensor"):
        return {"loss": (self.net(x).squeeze(-1) - y).square().mean()}


def batch(seed, n=16):
    g = torch.Generator(torch.get_default_device()).manual_seed(seed)
    return dict(x=torch.randn(n, 5, generator=g), y=torch.randn(n, generator=g))


def make(optimizer, **kwargs):
    torch.manual_seed(0)
    net = Net()
    base = getattr(torch.optim, optimizer)(net.parameters(), lr=0.01)
    return net, SharpnessOptimWrapper(base, FriendlySAM(rho=0.2), **kwargs)


def averages(wrapper):
    return [wrapper.optimizer.state[p].get(KEY) for p in wrapper.param_groups[0]["params"]]


@pytest.mark.parametrize("optimizer", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad"])
def test_resumed_training_is_the_uninterrupted_one(optimizer):
    net, wrapper = make(optimizer)
    for i in range(6):
        net.train_step(batch(i), wrapper)

    half, saved = make(optimizer)
    for i in range(3):
        half.train_step(batch(i), saved)
    file = io.BytesIO()
    torch.save(dict(net=half.state_dict(), optimizer=saved.state_dict()), file)
    file.seek(0)
    checkpoint = torch.load(file, weights_only=True)
    resumed, wrapper = make(optimizer)
    resumed.load_state_dict(checkpoint["net"])
    wrapper.load_state_dict(checkpoint["optimizer"])
    for i in range(3, 6):
        resumed.train_step(batch(i), wrapper)
    for a, b in zip(net.parameters(), resumed.parameters()):
        assert torch.equal(a, b)
    assert all(average.norm() > 0 for average in averages(wrapper))


def test_resume_in_a_plain_loop():
    def train(net, optimizer, batches):
        for data in batches:

            def closure(data=data):
                optimizer.zero_grad()
                loss = net(**data)["loss"]
                loss.backward()
                return loss

            optimizer.step(closure)

    def fresh():
        torch.manual_seed(0)
        net = Net()
        return net, SharpnessOptimizer(net.parameters(), torch.optim.Adam, FriendlySAM(), lr=0.01)

    data = [batch(i) for i in range(6)]
    whole, optimizer = fresh()
    train(whole, optimizer, data)
    half, saved = fresh()
    train(half, saved, data[:3])
    rest, resumed = fresh()
    rest.load_state_dict(half.state_dict())
    resumed.load_state_dict(saved.state_dict())
    train(rest, resumed, data[3:])
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), rest.parameters()))


def test_loss_scale_does_not_enter_the_average():
    exact, wrapper = make("SGD")
    low, scaled = make("SGD", dtype="float16")
    scaled.loss_scaler = torch.amp.GradScaler(DEVICE, init_scale=1024, growth_interval=2)
    for i in range(4):
        exact.train_step(batch(i), wrapper)
        low.train_step(batch(i), scaled)
    assert scaled.loss_scaler.get_scale() == 4096  # it has changed between the steps
    for a, b in zip(averages(wrapper), averages(scaled)):
        assert 0 < (a - b).norm() < 0.02 * a.norm()


@pytest.mark.parametrize("fused", [False, True])
def test_skipped_step_keeps_nothing(fused):
    net, _ = make("SGD")
    base = torch.optim.Adam(net.parameters(), lr=0.01, fused=fused)
    wrapper = SharpnessOptimWrapper(base, FriendlySAM(), dtype="float16")
    bad = batch(0)
    bad["y"] *= 1e30
    net.train_step(bad, wrapper)
    assert averages(wrapper) == [None] * 4
    for i in range(3):
        net.train_step(batch(i), wrapper)
    before = [a.clone() for a in averages(wrapper)]
    net.train_step(bad, wrapper)
    assert all(torch.equal(a, b) for a, b in zip(before, averages(wrapper)))
    assert all(p.isfinite().all() for p in net.parameters())


def test_a_parameter_that_joins_late_starts_its_average_with_its_gradient():
    net, wrapper = make("Adam")
    net.net[0].requires_grad_(False)
    net.train_step(batch(0), wrapper)
    assert averages(wrapper)[0] is None and averages(wrapper)[2] is not None
    net.net[0].requires_grad_(True)
    data = batch(1)
    gradient = torch.autograd.grad(net(**data)["loss"], net.net[0].weight)[0]
    net.train_step(data, wrapper)
    assert torch.allclose(averages(wrapper)[0], gradient, rtol=1e-5)


def test_a_failed_pass_keeps_nothing():
    net, wrapper = make("SGD")
    net.train_step(batch(0), wrapper)
    before = [a.clone() for a in averages(wrapper)]
    calls = []

    def fail(*_):
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError("boom")

    hook = net.register_forward_pre_hook(fail)
    with pytest.raises(RuntimeError, match="boom"):
        net.train_step(batch(1), wrapper)
    hook.remove()
    assert all(torch.equal(a, b) for a, b in zip(before, averages(wrapper)))
