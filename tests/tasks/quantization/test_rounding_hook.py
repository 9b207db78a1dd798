"""The hook's numbers against the evaluation of the checkpoint, and the run that it leaves alone."""

import copy
import functools
from pathlib import Path

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from bsam_suite.engine.config import load_config
from bsam_suite.errors import InputError
from tasks.quantization.evaluate.bit_widths import evaluate
from tasks.quantization.evaluate.request import Request
from tasks.quantization.rounding_hook import RoundingHook

FLOAT = str(Path(__file__).parents[3] / "configs/classification/resnet18_sgd.py")
CONFIG = f"""
_base_ = {FLOAT!r}
imports = ["tasks.classification.register_all", "tasks.quantization.register_all"]
custom_imports = dict(imports=imports)
image_size = 8
model = dict(net=dict(_delete_=True, type="SmallCNN", width=8, batch_norm=True))
data = dict(dataset=dict(size=8))
train_dataloader = dict(dataset=dict(dataset=dict(size=8)))
val_dataloader = test_dataloader = data
train_cfg = dict(max_epochs=5, val_interval=5)
optim_wrapper = dict(optimizer=dict(lr=0.1))
randomness = dict(seed=3)
"""


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("small.py").write_text(CONFIG)
    return load_config("small.py")


def trained(config, name, *hooks):
    config = copy.deepcopy(config)
    config.work_dir = config.experiment_name = name
    config.custom_hooks = [hook for hook in hooks if isinstance(hook, dict)]
    runner = Runner.from_cfg(config)
    for hook in hooks:
        if isinstance(hook, Hook):
            runner.register_hook(hook)
    runner.train()
    return runner


class Later(Hook):
    """What the end of training leaves."""

    priority = "LOWEST"

    def after_train(self, runner):
        runner.left = copy.deepcopy(runner.model.state_dict()), torch.get_rng_state()
        runner.modes = [m.training for m in runner.model.modules()]


def test_it_measures_what_the_evaluation_measures_and_leaves_the_run_alone(config):
    ema = dict(type="EMAHook", momentum=0.1)
    hook = dict(type="RoundingHook", batches=2, steps=100)
    hooks = [dict(hook, bits=[3], activations=True), dict(hook, bits=[8, 2])]
    plain = trained(config, "plain", ema, Later())
    runner = trained(config, "measured", ema, *hooks, Later())
    for a, b in zip(plain.left[0].values(), runner.left[0].values(), strict=True):
        assert torch.equal(a, b)
    assert torch.equal(plain.left[1], runner.left[1]) and plain.modes == runner.modes
    scalars = runner.message_hub.log_scalars
    found = {k: v.current() for k, v in scalars.items() if k.startswith("rounding/")}
    assert list(found) == [
        f"rounding/{w} {r}" for w in ("w3a3", "w8", "w2") for r in ("nearest", "learned")
    ]
    # The weights of a checkpoint are those that validations see: averaged ones.
    request = functools.partial(Request, "small.py", "measured/epoch_5.pth", [3])
    sizes = set()
    for rounding in ("nearest", "learned"):
        rows = evaluate(request(calibration_batches=2, rounding=rounding, rounding_steps=100)).rows
        sizes.add(rows[1].size_bytes)
        assert rows[1].metrics["accuracy"] == found[f"rounding/w3a3 {rounding}"]
    assert len(sizes) == 1
    floats = rows[0].metrics["accuracy"]
    assert scalars["val/accuracy"].current() == floats > 0.5
    for rounding in ("nearest", "learned"):
        assert abs(found[f"rounding/w8 {rounding}"] - floats) < 0.01
    assert found["rounding/w2 nearest"] < found["rounding/w2 learned"] - 0.1


def test_a_forward_of_the_instance_is_not_taken_for_the_copys(config):
    """As a compiled one is."""

    class Forward(Hook):
        def before_run(self, runner):
            runner.model.forward = functools.partial(type(runner.model).forward, runner.model)

    runner = trained(config, "run", dict(type="RoundingHook", bits=[2], steps=1), Forward())
    scalars = runner.message_hub.log_scalars
    float_accuracy = scalars["val/accuracy"].current()
    assert scalars["rounding/w2 nearest"].current() < float_accuracy - 0.2


@pytest.mark.parametrize(
    "given, said",
    [
        (dict(bits=[4, 1]), "bits=\\[4, 1\\] in RoundingHook: give whole numbers from 2 to 8"),
        (dict(bits=[]), "bits=\\[\\] in RoundingHook"),
        (dict(batches=0), "batches=0 in RoundingHook: give a whole number from 1"),
        (dict(steps=True), "steps=True in RoundingHook"),
    ],
)
def test_unusable(given, said):
    with pytest.raises(InputError, match=said):
        RoundingHook(**given)


@pytest.mark.parametrize(
    "given, changes, said",
    [
        (dict(skip=["nets.*"]), {}, "pattern 'nets.\\*' matches no layer"),
        (dict(weight_type="DoReFaWeight"), {}, "DoReFaWeight does not round .*: choose MinMax"),
        ({}, dict(val_dataloader=None, val_cfg=None, val_evaluator=None), "set val_dataloader and"),
    ],
)
def test_refused_before_training(config, given, changes, said):
    class Never(Hook):
        def before_train_iter(self, *args, **kwargs):
            pytest.fail("trains already")

    for name, value in changes.items():
        config[name] = value
    with pytest.raises(InputError, match=said):
        trained(config, "refused", dict(type="RoundingHook", **given), Never())
