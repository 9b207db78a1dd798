"""What MMEngine's Runner saves resumes, and goes on as if it had not been stopped."""

import functools

import mmengine.optim.optimizer.amp_optimizer_wrapper as amp
import pytest
import torch
from mmengine.evaluator import BaseMetric
from mmengine.hooks import EMAHook
from mmengine.model import BaseModel
from mmengine.optim import scheduler
from mmengine.runner import Runner
from torch.utils.data import DataLoader

import bsam_suite.engine  # noqa: F401
from bsam_suite.compat import patch_mmengine

ARGUMENTS = {
    "Constant": dict(factor=0.5, end=9),
    "CosineAnnealing": dict(T_max=12),
    "CosineRestart": dict(periods=[2, 10], restart_weights=[1, 0.5], eta_min=0.01),
    "Exponential": dict(gamma=0.7),
    "Linear": dict(end=20),
    "MultiStep": dict(milestones=[1, 9]),
    "OneCycle": dict(eta_max=0.2, total_steps=12),
    "Poly": dict(end=12),
    "ReduceOnPlateau": dict(monitor="same", patience=0),
    "Step": dict(step_size=3),
}
LINEAR_ONE_CYCLE = dict(type="OneCycleLR", anneal_strategy="linear", **ARGUMENTS["OneCycle"])


def configs():
    """A config for each scheduler that MMEngine has, found by its name."""
    yield LINEAR_ONE_CYCLE
    for name in sorted(scheduler.__all__):
        for suffix in ("LR", "Momentum", "ParamScheduler"):
            kind = name.removesuffix(suffix)
            if kind in ("_", name):
                continue
            config = dict(type=name, **ARGUMENTS[kind])
            yield config | (dict(param_name="lr") if suffix == "ParamScheduler" else {})


class Line(BaseModel):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)

    def forward(self, x, mode):
        y = self.layer(x)
        return dict(loss=(y - 1).square().mean()) if mode == "loss" else [y]


class Same(BaseMetric):
    """A metric that stands still, for the schedulers that wait for a plateau."""

    def process(self, data_batch, data_samples):
        self.results.append(1.0)

    def compute_metrics(self, results):
        return dict(same=1.0)


@pytest.fixture
def train(tmp_path):
    """Train 10 epochs of 2 steps, all of them or on from a checkpoint; give the runner."""
    data = [dict(x=torch.tensor([0.1 * i, 1.0])) for i in range(4)]

    def run(name, param_scheduler=None, resume=None, **kwargs):
        loader = DataLoader(data, batch_size=2)
        wrapper = dict(optimizer=dict(type="SGD", lr=0.1, momentum=0.9))
        runner = Runner(
            Line(),
            str(tmp_path / name),
            train_dataloader=loader,
            val_dataloader=loader,
            train_cfg=dict(by_epoch=True, max_epochs=10, val_interval=3),
            val_cfg=dict(),
            val_evaluator=[Same()],
            param_scheduler=param_scheduler,
            optim_wrapper=wrapper | kwargs.pop("optim_wrapper", {}),
            load_from=resume and str(resume),
            resume=resume is not None,
            experiment_name=f"{tmp_path.name}-{name}",
            log_level="ERROR",
            **kwargs,
        )
        runner.train()
        return runner

    return run


def same(one: dict, other: dict) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one) and one.keys() == other.keys()


@pytest.mark.parametrize("config", list(configs()), ids=lambda config: config["type"])
def test_every_scheduler_resumes(train, tmp_path, config):
    """From a checkpoint saved before the validation of its epoch, which some of them follow."""
    patch_mmengine()
    hooks = dict(custom_hooks=[dict(type="ResumeHook")])
    whole = train("whole", [config], **hooks)
    resumed = train("resumed", [config], resume=tmp_path / "whole" / "epoch_9.pth", **hooks)
    group, expected = (runner.optim_wrapper.param_groups[0] for runner in (resumed, whole))
    assert group["lr"] == expected["lr"] and group["momentum"] == expected["momentum"]
    moved = (group["lr"], group["momentum"]) != (0.1, 0.9)
    assert moved or config["type"].startswith("Constant")  # which ends where it began
    assert same(resumed.model.state_dict(), whole.model.state_dict())


def test_averaged_weights_resume(train, tmp_path):
    patch_mmengine()
    hooks = dict(custom_hooks=[dict(type="EMAHook", momentum=0.3)])
    whole = train("whole", **hooks)
    resumed = train("resumed", resume=tmp_path / "whole" / "epoch_8.pth", **hooks)

    def averaged(runner):
        (hook,) = [hook for hook in runner.hooks if isinstance(hook, EMAHook)]
        return hook.ema_model.state_dict()

    assert averaged(whole)["steps"] == 20
    assert same(averaged(resumed), averaged(whole))


def test_the_loss_scale_resumes(train, tmp_path, monkeypatch):
    """AmpOptimWrapper asks for a GPU; here its scaler works on the CPU."""
    patch_mmengine()
    monkeypatch.setattr(amp, "is_cuda_available", lambda: True)
    monkeypatch.setattr(amp, "GradScaler", functools.partial(torch.amp.GradScaler, "cpu"))
    scale = dict(init_scale=8.0, growth_interval=2)
    wrapper = dict(optim_wrapper=dict(type="AmpOptimWrapper", loss_scale=scale, dtype="bfloat16"))
    whole = train("whole", **wrapper)
    assert whole.optim_wrapper.loss_scaler.get_scale() == 8 * 2**10  # 20 steps
    resumed = train("resumed", resume=tmp_path / "whole" / "epoch_8.pth", **wrapper)
    assert resumed.optim_wrapper.loss_scaler.get_scale() == 8 * 2**10
    assert same(resumed.model.state_dict(), whole.model.state_dict())


def test_a_resumed_checkpoint_runs_no_config(train, tmp_path):
    patch_mmengine()
    train("first")
    path = tmp_path / "first" / "epoch_5.pth"
    content = torch.load(path, weights_only=False)
    content["meta"]["config"] = f"open({str(tmp_path / 'sprung')!r}, 'w')\n"
    torch.save(content, path)
    assert train("second", resume=str(path)).epoch == 10
    assert not (tmp_path / "sprung").exists()
