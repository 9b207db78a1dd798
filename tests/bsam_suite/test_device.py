"""Steps on the device at hand: the GPU where there is one, else the CPU."""

import copy
import warnings

import pytest
import torch
from mmengine.model import BaseModel
from torch import nn
from torch.nn.functional import cross_entropy

from bsam_suite.engine import RULES

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
EVERY_RULE = [*sorted(RULES.module_dict), "released"]
ONE_PASS = ("LookSAM", "MomentumSAM", "VSAM")
"""In steps of one pass nothing is kept: buffers are left as the pass leaves them."""


class Net(BaseModel):
    """Convolution, batch norm, dropout; ``scale`` multiplies the loss of the next passes."""

    def __init__(self, dropout=0.2):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU()
        )
        self.drop, self.head, self.scale, self.seen = (
            nn.Dropout(dropout),
            nn.Linear(128, 5),
            1.0,
            [],
        )

    def forward(self, x, y, mode="tensor"):
        features = self.drop(self.body(x).flatten(1))
        self.seen.append((features == 0).detach())
        return dict(loss=self.scale * cross_entropy(self.head(features), y))


def make(face, rule="BSAM", base="SGD", double=False, device=DEVICE, dropout=0.2, **kwargs):
    torch.manual_seed(0)
    net = Net(dropout).to(device, torch.float64 if double else torch.float32)
    kind = dict(type="BSAM", start="released") if rule == "released" else dict(type=rule)
    if base == "SGD":
        kwargs.setdefault("momentum", 0.9)  # along which Momentum-SAM looks
    return net, face(net, net.parameters(), base, kind, lr=0.05, **kwargs)


def train(net, run, steps, first=0):
    """``steps`` steps on batches that are drawn on the CPU."""
    parameter = next(net.parameters())
    for step in range(first, first + steps):
        g = torch.Generator("cpu").manual_seed(step)
        x = torch.randn(16, 3, 8, 8, generator=g, dtype=torch.float64)
        y = torch.randint(5, (16,), generator=g)
        run.train(x.to(parameter), y.to(parameter.device))


def state(net):
    return {key: value.detach().cpu().clone() for key, value in net.state_dict().items()}


def differing(one, other):
    return [key for key, value in one.items() if not torch.equal(value, other[key])]


@pytest.fixture
def deterministic(monkeypatch):
    """Kernels that give the same bits in every run."""
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("rule", EVERY_RULE)
def test_float64_is_that_of_the_cpu(face, rule):
    ends = []
    for device in ("cpu", DEVICE):
        kwargs = dict(double=True, device=device, dropout=0.0, momentum=0.9)
        net, run = make(face, rule, **kwargs)
        start = state(net)
        train(net, run, 6)
        ends.append(state(net))
    assert (ends[0]["head.weight"] - start["head.weight"]).norm() > 1e-3
    for key, value in ends[0].items():
        assert torch.allclose(value, ends[1][key], rtol=0, atol=1e-10), key


@pytest.mark.parametrize("dtype", [None, "bfloat16", "float16"])
@pytest.mark.parametrize(
    ("rule", "base"), [("BSAM", "SGD"), ("FriendlySAM", "Adam"), ("AdaptiveBSAM", "AdamW")]
)
@pytest.mark.parametrize("fused", [False, True])
def test_a_resumed_run_is_the_uninterrupted_one(face, deterministic, rule, base, fused, dtype):
    kwargs = dict(fused=fused, dtype=dtype)
    if dtype == "float16":
        kwargs["scaler"] = torch.amp.GradScaler(DEVICE, init_scale=1024.0, growth_interval=3)

    def fresh():
        return make(face, rule, base, **copy.copy(kwargs))

    net, run = fresh()
    train(net, run, 3)
    half = copy.deepcopy((net.state_dict(), run.optimizer.state_dict()))
    scale = run.scaler.state_dict() if dtype == "float16" else None
    random = torch.get_rng_state(), torch.cuda.get_rng_state() if DEVICE == "cuda" else None
    train(net, run, 3, first=3)
    resumed, other = fresh()
    resumed.load_state_dict(half[0])
    other.optimizer.load_state_dict(half[1])
    if scale is not None:
        other.scaler.load_state_dict(scale)
    torch.set_rng_state(random[0])
    if DEVICE == "cuda":
        torch.cuda.set_rng_state(random[1])
    train(resumed, other, 3, first=3)
    assert differing(state(net), state(resumed)) == []


def test_all_passes_draw_the_same_dropout(face):
    net, run = make(face, dropout=0.5)
    net.body.requires_grad_(False)  # the same features in all passes
    train(net, run, 2)
    masks = [mask.cpu() for mask in net.seen]
    assert len(masks) == 6
    assert all(torch.equal(mask, masks[0]) for mask in masks[:3])
    assert all(torch.equal(mask, masks[3]) for mask in masks[3:])
    assert not torch.equal(masks[0], masks[3])


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("base", ["SGD", "Adam"])
def test_float16_overflow_skips_the_step_and_lowers_the_scale(face, base, fused):
    scaler = torch.amp.GradScaler(DEVICE, init_scale=1024.0, growth_interval=1000)
    net, run = make(face, base=base, fused=fused, dtype="float16", scaler=scaler)
    train(net, run, 2)
    assert scaler.get_scale() == 1024.0
    before = state(net)
    net.scale = 1e30
    train(net, run, 1, first=2)
    assert differing(before, state(net)) == []
    assert scaler.get_scale() == 512.0
    net.scale = 1.0
    train(net, run, 1, first=3)
    assert "head.weight" in differing(before, state(net))
    assert all(value.isfinite().all() for value in state(net).values())


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("base", ["SGD", "Adam", "AdamW"])
@pytest.mark.parametrize("rule", EVERY_RULE)
def test_a_nan_gradient_leaves_all_bit_for_bit(face, rule, base, fused):
    net, run = make(face, rule, base, fused=fused)
    train(net, run, 2)
    before, own = state(net), run.optimizer.state_dict()
    kept = [{k: copy.deepcopy(v) for k, v in values.items()} for values in own["state"].values()]
    net.scale = float("nan")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        train(net, run, 2, first=2)
        assert run.skipped == 2
    left = dict(net.named_buffers()) if rule in ONE_PASS else ()
    assert [key for key in differing(before, state(net)) if key not in left] == []
    for old, new in zip(kept, run.optimizer.state_dict()["state"].values(), strict=True):
        for name, value in old.items():
            same = torch.equal(value, new[name]) if torch.is_tensor(value) else value == new[name]
            assert same, name
    net.scale = 1.0
    train(net, run, 1, first=4)
    assert "head.weight" in differing(before, state(net))
    assert run.skipped == 2 and all(value.isfinite().all() for value in state(net).values())


def test_channels_last_weights_come_back(face):
    """Equal to weights in the usual order, and still in their own."""
    ends = []
    for order in (torch.contiguous_format, torch.channels_last):
        net, run = make(face, double=True, dropout=0.0)
        net.to(memory_format=order)
        train(net, run, 4)
        assert all(p.is_contiguous(memory_format=order) for p in net.parameters() if p.ndim == 4)
        ends.append(state(net))
    for key, value in ends[0].items():
        assert torch.allclose(value, ends[1][key], rtol=0, atol=1e-10), key
