"""A training that diverges ends with an error, and its good checkpoints stay."""

import functools
import itertools
import json
import math
from argparse import Namespace
from pathlib import Path

import mmengine.optim.optimizer.amp_optimizer_wrapper as amp
import pytest
import torch
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.logging import MessageHub
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from bsam_suite.compat import patch_mmengine
from bsam_suite.engine import divergence
from bsam_suite.engine.divergence import DivergenceHook, add_divergence_hook, not_finite
from bsam_suite.engine.summary import summarize
from bsam_suite.errors import InputError

SHARPNESS = dict(type="SharpnessOptimWrapper", rule=dict(type="SAM"))
WRAPPERS = {
    "plain": dict(type="OptimWrapper"),
    "amp": dict(type="AmpOptimWrapper", dtype="bfloat16"),
    "amp, static scale": dict(type="AmpOptimWrapper", dtype="bfloat16", loss_scale=8.0),
    "bsam": dict(type="BSAMOptimWrapper"),
    "sam, float16": dict(SHARPNESS, dtype="float16"),
    "sam, bfloat16": dict(SHARPNESS, dtype="bfloat16"),
}
FUSED = dict(type="Adam", lr=0.01, fused=True)  # such skip by themselves
SKIPPING = [name for name in WRAPPERS if name != "plain"]


class Line(BaseModel):
    """Its loss is NaN, and so are the gradients, at the iterations ``bad``, from 0."""

    def __init__(self, bad=(), by_gradient_only=False):
        super().__init__()
        self.layer, self.norm = torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3)
        self.bad, self.by_gradient_only = bad, by_gradient_only

    def forward(self, x, mode):
        y = self.norm(self.layer(x)).half().float()  # a gradient overflows beyond 65504
        if mode != "loss":
            return [y]
        loss = (y - 1).square().mean()
        if MessageHub.get_current_instance().get_info("iter") in self.bad:
            # The root's slope at 0 is infinite.
            loss = loss + (0 * loss).sqrt() if self.by_gradient_only else loss * math.nan
        return dict(loss=loss)


class Never(BaseMetric):
    def process(self, data_batch, data_samples):
        self.results.append(1.0)

    def compute_metrics(self, results):
        return dict(one=1.0)


@pytest.fixture
def train(tmp_path, monkeypatch):
    """Train 4 epochs of 5 steps; give the runner. AmpOptimWrapper's scaler works on the CPU."""
    patch_mmengine()
    monkeypatch.setattr(amp, "is_cuda_available", lambda: True)
    monkeypatch.setattr(amp, "GradScaler", functools.partial(torch.amp.GradScaler, "cpu"))
    monkeypatch.chdir(tmp_path)
    numbers = itertools.count()

    def run(wrapper, bad=(), only=False, keep=1, loop=None, optimizer=None, resume=None, **hook):
        loop = loop or dict(by_epoch=True, max_epochs=4)
        number = 20 if loop["by_epoch"] else 80
        data = [dict(x=torch.tensor([0.1 * i, 1.0 + i % 3])) for i in range(number)]
        checkpoint = dict(by_epoch=loop["by_epoch"], interval=1 if loop["by_epoch"] else 5)
        hooks = dict(checkpoint=dict(type="CheckpointHook", max_keep_ckpts=keep, **checkpoint))
        cfg = Config(dict(default_hooks=dict(hooks, divergence=hook) if hook else hooks))
        add_divergence_hook(cfg)
        optimizer = optimizer or dict(type="SGD", lr=0.01)
        runner = Runner(
            Line(bad, only),
            "run",
            train_dataloader=DataLoader(data, batch_size=4),
            val_dataloader=DataLoader(data, batch_size=4),
            train_cfg=loop,
            val_cfg=dict(),
            val_evaluator=[Never()],
            optim_wrapper=dict(wrapper, optimizer=optimizer),
            default_hooks=cfg.default_hooks,
            load_from=resume,
            resume=resume is not None,
            experiment_name=f"{tmp_path.name}-{next(numbers)}",
            log_level="ERROR",
        )
        run.runner = runner
        runner.train()
        return runner

    return run


def saved(folder="run"):
    return sorted(path.name for path in Path(folder).glob("*.pth"))


def is_finite(path):
    state = torch.load(path, weights_only=False)["state_dict"]
    return all(value.isfinite().all() for value in state.values())


@pytest.mark.parametrize("only", [False, True], ids=["loss", "gradient only"])
@pytest.mark.parametrize("name", WRAPPERS)
def test_good_checkpoints_stay(train, name, only):
    """From the second step of the third epoch on all is NaN; one checkpoint is kept."""
    with pytest.raises(InputError, match=r"the last good checkpoint is run/epoch_2\.pth") as stop:
        train(WRAPPERS[name], bad=range(11, 99), only=only, max_skipped=4)
    assert saved() == ["epoch_2.pth"] and is_finite("run/epoch_2.pth")
    # Skipped are the steps 12 to 15. The plain wrapper makes step 12; where the loss does not tell,
    # that shows in the next one's.
    after = 15 if name != "plain" else 12 + only
    assert f"after {after} iterations" in str(stop.value)
    assert ("max_skipped" in str(stop.value)) == (name != "plain")


@pytest.mark.parametrize("name", SKIPPING)
def test_skipped_steps_are_counted_and_told(train, name, capsys):
    """Never four in a row: training ends as ever."""
    bad = [1, 2, 3, 6, 11, 12, 17]
    runner = train(WRAPPERS[name], bad=bad, max_skipped=4)
    assert runner.iter == 20 and saved() == ["epoch_4.pth"]
    summarize(runner, Namespace(config="c.py", cfg_options=None))
    assert f"skipped steps    {len(bad)} " in capsys.readouterr().out
    assert json.loads(Path("run/metrics.json").read_text())["skipped_steps"] == len(bad)
    # Of a run that goes on, with those of before.
    more = dict(by_epoch=True, max_epochs=5)
    runner = train(WRAPPERS[name], bad=[21], loop=more, resume="run/epoch_4.pth")
    summarize(runner, Namespace(config="c.py", cfg_options=None))
    assert json.loads(Path("run/metrics.json").read_text())["skipped_steps"] == len(bad) + 1


def test_a_run_without_skips_says_so_in_its_metrics_only(train, capsys):
    summarize(train(WRAPPERS["plain"]), Namespace(config="c.py", cfg_options=None))
    assert json.loads(Path("run/metrics.json").read_text())["skipped_steps"] == 0
    assert "skipped" not in capsys.readouterr().out


@pytest.mark.parametrize("scale", ["dynamic", 8.0])
def test_optimizers_that_skip_by_themselves(train, scale):
    wrapper = dict(WRAPPERS["amp"], loss_scale=scale)
    runner = train(wrapper, bad=[2, 3, 9], optimizer=FUSED)
    assert runner.message_hub.get_info("skipped_steps") == 3
    with pytest.raises(InputError, match="after 9 iterations: 4 steps in a row were skipped"):
        train(wrapper, bad=range(5, 99), optimizer=FUSED, max_skipped=4)


@pytest.mark.parametrize("name", SKIPPING)
def test_of_accumulated_batches_steps_are_counted(train, name):
    """Steps are made of the iterations 0-2, 3-5, ..., 18-19; four of them meet a bad one."""
    wrapper = dict(WRAPPERS[name], accumulative_counts=3)
    runner = train(wrapper, bad=[1, 2, 6, 14, 19])
    assert runner.message_hub.get_info("skipped_steps") == 4


@pytest.mark.parametrize("name", WRAPPERS)
def test_checkpoints_by_iteration(train, name):
    """Written after the iterations 5, 10, ...; at 10 the last three are bad."""
    loop = dict(by_epoch=False, max_iters=20, val_interval=20)
    with pytest.raises(InputError, match=r"the last good checkpoint is run/iter_5\.pth"):
        train(WRAPPERS[name], bad=range(7, 99), loop=loop)
    assert saved() == ["iter_5.pth"] and is_finite("run/iter_5.pth")


def test_gradients_alone_that_are_bad_for_the_last_iteration_before_a_checkpoint(train):
    loop = dict(by_epoch=False, max_iters=20, val_interval=20)
    with pytest.raises(InputError, match="after 10 iterations: layer.weight and 3 more .*iter_5"):
        train(WRAPPERS["plain"], bad=[9], only=True, loop=loop)
    assert saved() == ["iter_5.pth"]


@pytest.mark.parametrize("name", SKIPPING)
def test_weights_that_are_finite_but_lost_take_no_good_ones_place(train, name):
    """Fewer skipped steps than allowed, but all up to the end of an epoch, of a loss of NaN."""
    with pytest.raises(InputError, match=r"after 15 iterations: the loss is NaN .*epoch_2\.pth"):
        train(WRAPPERS[name], bad=range(12, 99))
    assert saved() == ["epoch_2.pth"]


def test_a_loss_scale_that_is_still_found_stops_nothing(train):
    """Scaled by 2^28 gradients overflow in half precision; the loss does not."""
    scale = dict(init_scale=2.0**28, growth_interval=1000)
    runner = train(dict(WRAPPERS["amp"], loss_scale=scale))
    skipped = runner.message_hub.get_info("skipped_steps")
    assert runner.iter == 20 and 6 < skipped < 20
    assert runner.optim_wrapper.loss_scaler.get_scale() == 2.0 ** (28 - skipped)


def test_one_bad_sample_before_a_checkpoint_stops_nothing(train):
    assert train(WRAPPERS["bsam"], bad=[9]).iter == 20 and saved() == ["epoch_4.pth"]


class Poison(Hook):
    """Sets a value of the model after some iteration; ``where`` names it."""

    def __init__(self, where, value, after):
        self.where, self.value, self.after = where, value, after

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.iter == self.after:
            runner.model.state_dict()[self.where][0] = self.value


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("where", ["layer.bias", "norm.running_mean", "norm.running_var"])
def test_weights_and_statistics_of_any_origin(train, monkeypatch, where, value):
    """At the end of the second epoch; the loss of training does not tell of the statistics."""
    register = Runner.register_hooks

    def with_poison(runner, *args, **kwargs):
        register(runner, *args, **kwargs)
        runner.register_hook(Poison(where, value, after=9), priority="VERY_HIGH")

    monkeypatch.setattr(Runner, "register_hooks", with_poison)
    with pytest.raises(InputError, match=rf"after 10 iterations: {where} of the model .*epoch_1"):
        train(WRAPPERS["plain"])
    assert saved() == ["epoch_1.pth"]


def test_nobody_saves_such_weights(train):
    runner = train(WRAPPERS["plain"])
    runner.model.layer.bias.data[1] = math.nan
    with pytest.raises(InputError, match="layer.bias of the model"):
        runner.save_checkpoint("run", "mine.pth")
    with pytest.raises(InputError, match="layer.bias of the model"):
        runner.val_loop.run()
    assert saved() == ["epoch_4.pth"]


def test_weights_that_training_starts_from(train):
    runner = train(WRAPPERS["plain"])
    checkpoint = torch.load("run/epoch_4.pth", weights_only=False)
    checkpoint["state_dict"]["layer.weight"].fill_(math.inf)
    torch.save(checkpoint, "broken.pth")
    with pytest.raises(InputError, match="layer.weight of the model"):
        train(WRAPPERS["plain"], resume="broken.pth", loop=dict(by_epoch=True, max_epochs=5))
    assert runner.iter == train.runner.iter == 20 and saved() == ["epoch_4.pth"]


def test_of_several_wrappers_each_is_counted():
    """As of a generator and a discriminator, of which one is stepped every second time."""
    parameters = [torch.nn.Parameter(torch.ones(1)) for _ in range(2)]
    one, two = (OptimWrapper(torch.optim.SGD([p], lr=0.1)) for p in parameters)
    runner = Namespace(
        optim_wrapper=OptimWrapperDict(one=one, two=two),
        message_hub=MessageHub("several"),
        model=torch.nn.ParameterList(parameters),
        iter=0,
        hooks=[],
        work_dir=".",
    )
    hook = DivergenceHook(max_skipped=3)
    hook.before_train(runner)
    two.step = lambda **kwargs: None
    for runner.iter in range(4):
        one.update_params(parameters[0].square().sum())
        if runner.iter % 2:
            two.update_params(parameters[1].square().sum())
        hook.after_train_iter(runner, 0, outputs={})
    assert runner.message_hub.get_info("skipped_steps") == 2
    two.update_params(parameters[1].square().sum())
    with pytest.raises(InputError, match="3 steps in a row"):
        hook.after_train_iter(runner, 0, outputs={})


def test_one_process_of_several_finds_a_fault(monkeypatch):
    """All stop: a shard of the weights, say, lies in one of them only."""
    runner = Namespace(model=Line(), work_dir=".")
    DivergenceHook().after_train_epoch(runner)
    monkeypatch.setattr(divergence, "all_gather_object", lambda faults: [faults, ["of rank 1"]])
    with pytest.raises(InputError, match="of rank 1"):
        DivergenceHook().after_train_epoch(runner)


def test_other_buffers_may_be_infinite():
    """Masks of attention are, and the limits of observers before calibration."""
    model = Line()
    model.register_buffer("mask", torch.tensor([0.0, -math.inf]))
    assert not_finite(model) == []
    model.norm.running_var[1] = math.nan
    assert not_finite(model) == ["norm.running_var"]


@pytest.mark.parametrize("value", [0, -1, 2.5, "9", True])
def test_the_number_is_checked(value):
    with pytest.raises(InputError, match=r"default_hooks\.divergence\.max_skipped="):
        DivergenceHook(max_skipped=value)


def test_the_hook_is_added_to_every_config():
    for config in ({}, dict(default_hooks=None), dict(default_hooks=dict(divergence=None))):
        cfg = Config(config)
        add_divergence_hook(cfg)
        assert cfg.default_hooks.divergence == dict(type="DivergenceHook")
    cfg = Config(dict(default_hooks=dict(divergence=dict(max_skipped=7), timer=None)))
    add_divergence_hook(cfg)
    assert cfg.default_hooks.divergence == dict(type="DivergenceHook", max_skipped=7)
    assert cfg.default_hooks.timer is None
    for own in ({}, dict(default_hooks=dict(timer=dict(type="IterTimerHook")))):  # as an option
        cfg = Config(own)
        cfg.merge_from_dict({"default_hooks.divergence.max_skipped": 7})
        add_divergence_hook(cfg)
        assert cfg.default_hooks.divergence == dict(type="DivergenceHook", max_skipped=7)
