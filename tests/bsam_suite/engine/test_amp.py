"""``--amp`` for every wrapper, and what bfloat16 does to a plain optimizer's step on the CPU."""

import pytest
import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper, build_optim_wrapper
from mmengine.registry import OPTIM_WRAPPERS

from bsam_suite.engine.amp import use_amp
from bsam_suite.engine.check_optim import check_optim_wrapper
from bsam_suite.errors import InputError


@OPTIM_WRAPPERS.register_module()
class PreciseWrapper(OptimWrapper):
    pass


class Linear(BaseModel):
    def __init__(self):
        super().__init__()
        self.net = torch.nn.Linear(3, 2, bias=False)

    def forward(self, x, mode="tensor"):
        out = self.net(x)
        return dict(loss=out.float().square().sum(), dtype=out.dtype)

    def parse_losses(self, losses):
        self.dtype = losses.pop("dtype")
        return super().parse_losses(losses)


def configured(monkeypatch, gpu, **wrapper):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    cfg = Config(dict(optim_wrapper=dict(optimizer=dict(type="SGD", lr=0.1), **wrapper)))
    use_amp(cfg)
    return cfg


BF16 = dict(type="BFloat16OptimWrapper")
AMP = dict(type="AmpOptimWrapper", loss_scale="dynamic")


@pytest.mark.parametrize(
    ("wrapper", "on_cpu", "on_gpu"),
    [
        ({}, BF16, AMP),
        (dict(type="OptimWrapper", clip_grad=dict(max_norm=1)), BF16, AMP),
        (dict(type="AmpOptimWrapper", loss_scale=512.0, dtype="float16"), BF16, {}),
        (dict(type="BSAMOptimWrapper"), dict(dtype="bfloat16"), dict(dtype="float16")),
        (
            dict(type="bsam_suite.engine.BSAMOptimWrapper"),
            dict(dtype="bfloat16"),
            dict(dtype="float16"),
        ),
    ],
)
def test_every_wrapper_has_its_way(monkeypatch, wrapper, on_cpu, on_gpu):
    for gpu, expected in ((False, on_cpu), (True, on_gpu)):
        cfg = configured(monkeypatch, gpu, **wrapper)
        found = cfg.optim_wrapper.to_dict()
        assert {name: found[name] for name in expected} == expected
        assert found.get("clip_grad") == wrapper.get("clip_grad")
        if not gpu:
            assert "loss_scale" not in found and found.get("dtype") == expected.get("dtype")
            check_optim_wrapper(cfg)


def test_a_wrapper_that_may_not_take_it_is_refused(monkeypatch):
    with pytest.raises(InputError, match="--amp.*PreciseWrapper"):
        configured(monkeypatch, False, type="PreciseWrapper")


def test_a_wrapper_for_gpus_is_refused_without_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    wrapper = dict(type="AmpOptimWrapper", optimizer=dict(type="SGD", lr=0.1))
    with pytest.raises(InputError, match="AmpOptimWrapper.*--amp"):
        check_optim_wrapper(Config(dict(optim_wrapper=wrapper)))


def test_a_step_in_bfloat16_on_the_cpu():
    model = Linear()
    x, before = torch.randn(4, 3), model.net.weight.detach().clone()
    optimizer = dict(type="SGD", lr=0.1)
    wrapper = build_optim_wrapper(model, dict(type="BFloat16OptimWrapper", optimizer=optimizer))
    model.train_step(dict(x=x), wrapper)
    assert model.dtype == torch.bfloat16 and model.net.weight.dtype == torch.float32
    # By hand: rounded inputs and weights, d/dW of |x W'|^2 = 2 (x W')' x
    xs, weight = x.bfloat16().double(), before.bfloat16().double()
    wanted = before.double() - 0.1 * 2 * (xs @ weight.T).T @ xs
    torch.testing.assert_close(model.net.weight.double(), wanted, rtol=0.02, atol=0.02)
    exact = before - 0.1 * 2 * (x @ before.T).T @ x
    assert not torch.equal(model.net.weight, exact)
