"""A small network, and the two faces of the engine under one handle."""

import pytest
import torch
from mmengine.model import BaseModel
from torch import nn

from bsam_suite.engine import RULES, SharpnessOptimWrapper
from bsam_suite.optim import SharpnessOptimizer


class Net(BaseModel):
    """Batch norm and dropout; ``before_pass`` and ``after_forward`` are called with its pass."""

    def __init__(self, dropout=0.2):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(dropout), nn.Linear(8, 1)
        )
        self.passes = 0
        self.before_pass = lambda count: None
        self.after_forward = lambda count, loss: loss

    def forward(self, x, y, mode="tensor"):
        self.passes += 1
        self.before_pass(self.passes)
        loss = (self.net(x).squeeze(-1) - y).square().mean()
        return dict(loss=self.after_forward(self.passes, loss))


class PlainFace:
    """``train(x, y)`` makes a step of ``SharpnessOptimizer``."""

    def __init__(self, net, params, base, rule, dtype=None, scaler=None, **kwargs):
        optimizer = getattr(torch.optim, base)
        rule = RULES.build(rule)
        self.optimizer = SharpnessOptimizer(params, optimizer, rule, model=net, **kwargs)
        self.net, self.dtype, self.rule = net, dtype, rule
        device = next(net.parameters()).device.type
        self.scaler = scaler or torch.amp.GradScaler(device, enabled=dtype == "float16")

    @property
    def skipped(self):
        return self.optimizer.skipped

    def closure_of(self, x, y):
        def closure():
            self.optimizer.zero_grad()
            dtype = getattr(torch, self.dtype or "bfloat16")
            with torch.autocast(x.device.type, dtype, enabled=self.dtype is not None):
                loss = self.net(x, y)["loss"]
            self.scaler.scale(loss).backward()
            return loss

        return closure

    def train(self, x, y):
        """An auxiliary batch, where the rule asks for one, is the last fifth of the samples."""
        kwargs = dict(grad_scaler=self.scaler)
        if self.rule.auxiliary:
            end = len(x) - max(1, len(x) // 5)
            kwargs["auxiliary"] = self.closure_of(x[end:], y[end:])
            x, y = x[:end], y[:end]
        loss = self.optimizer.step(self.closure_of(x, y), **kwargs)
        self.scaler.update()
        return loss


class WrapperFace:
    """``train(x, y)`` is the network's ``train_step``."""

    def __init__(self, net, params, base, rule, scaler=None, **kwargs):
        own = ("dtype", "perturbation", "nonfinite", "clip_grad", "accumulative_counts")
        own += ("rho_warmup",)
        wrapped = {k: kwargs.pop(k) for k in own if k in kwargs}
        base = getattr(torch.optim, base)(params, **kwargs)
        self.net, self.optimizer = net, SharpnessOptimWrapper(base, rule, **wrapped)
        if scaler is not None:
            self.optimizer.loss_scaler = scaler

    @property
    def scaler(self):
        return self.optimizer.loss_scaler

    @property
    def skipped(self):
        return self.optimizer.skipped

    def train(self, x, y):
        return self.net.train_step(dict(x=x, y=y), self.optimizer)["loss"]


@pytest.fixture(params=[PlainFace, WrapperFace], ids=["plain", "wrapper"])
def face(request):
    """``face(net, params, base_name, rule_config, **kwargs)``: an object with ``train(x, y)``."""
    return request.param


@pytest.fixture
def make_net():
    def make(**kwargs):
        torch.manual_seed(0)
        return Net(**kwargs)

    return make


@pytest.fixture
def closure_of():
    """``closure_of(net, optimizer, x, y)``: what a plain loop hands to ``step``."""

    def make(net, optimizer, x, y):
        def closure():
            optimizer.zero_grad()
            loss = net(x, y)["loss"]
            loss.backward()
            return loss

        return closure

    return make


@pytest.fixture
def batch():
    """``batch(seed, n)``: n samples x of shape (n, 5) and targets y of shape (n,)."""

    def make(seed=0, n=16, dtype=torch.float32):
        g = torch.Generator(torch.get_default_device()).manual_seed(seed)
        return torch.randn(n, 5, generator=g).to(dtype), torch.randn(n, generator=g).to(dtype)

    return make


@pytest.fixture
def snapshot():
    """All that a step may change: weights, buffers, training modes, as a list of tensors."""

    def take(net):
        state = [t.clone() for t in net.state_dict().values()]
        return state + [torch.tensor(m.training) for m in net.modules()]

    return take


@pytest.fixture
def figures(monkeypatch):
    """The figures that were saved, by the name of the file."""
    from matplotlib.figure import Figure

    saved, save = {}, Figure.savefig

    def keep(figure, path, **kwargs):
        save(figure, path, **kwargs)
        saved[path.name] = figure

    monkeypatch.setattr(Figure, "savefig", keep)
    return saved
