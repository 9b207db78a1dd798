"""Which runs there are, and what their configs say."""

import os
from argparse import Namespace
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.registry import MODELS

from bsam_suite.compare.command import compare
from bsam_suite.compare.plan import multiply_epochs, plan
from bsam_suite.compare.results import collect
from bsam_suite.engine.summary import METRICS
from bsam_suite.errors import InputError

CONFIG = """
train_cfg = dict(by_epoch=True, max_epochs=4)
optim_wrapper = dict(optimizer=dict(type="SGD", lr=0.1))
param_scheduler = [dict(type="CosineAnnealingLR", end=4)]
model = dict(type="PlannedModel", rate=0.0, bits=4)
"""


@MODELS.register_module()
class PlannedModel(BaseModel):
    def __init__(self, rate, bits):
        super().__init__()


@pytest.fixture
def planned(tmp_path):
    """Plan a comparison on a small config."""
    (tmp_path / "config.py").write_text(CONFIG)

    def run(rules=("none", "sam"), seeds=2, grid=None, equal_compute=False, options=None):
        config = str(tmp_path / "config.py")
        return plan(config, rules, seeds, grid or {}, equal_compute, options, tmp_path / "out")

    return run


def test_all_rules_of_a_seed_come_before_the_next(planned):
    runs = planned(grid={"model.rate": [0.0, 0.4], "rho": [0.1]})
    assert [run.name for run in runs] == [
        f"rate={rate}, {rule}, seed={seed}"
        for seed in (0, 1)
        for rate in (0.0, 0.4)
        for rule in ("sgd", "sam rho=0.1")
    ]
    assert len({run.folder for run in runs}) == len(runs)
    cfg = Config.fromstring(runs[-1].text, ".py")
    assert cfg.model.rate == 0.4 and cfg.optim_wrapper.rule.rho == 0.1


def test_equal_compute_is_as_many_passes_with_the_whole_schedule(planned):
    runs = planned(["none", "sam", "bsam"], 1, equal_compute=True)
    passes = {run.method.name: run.passes for run in runs}
    assert passes == {"sgd": 4, "sam": 8, "bsam": 12, "sgd x2": 8, "sgd x3": 12}
    ends = [Config.fromstring(r.text, ".py").param_scheduler[0].end for r in runs]
    assert ends == [4, 4, 4, 8, 12]


@pytest.mark.parametrize(
    "hooks", ["", "default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=3))"]
)
def test_a_run_keeps_two_checkpoints(planned, tmp_path, hooks):
    """One is not enough: where it is damaged the run could not go on."""
    (tmp_path / "config.py").write_text(CONFIG + hooks)
    saving = [Config.fromstring(run.text, ".py").default_hooks.checkpoint for run in planned()]
    assert {hook.max_keep_ckpts for hook in saving} == {2}
    assert {hook.get("interval") for hook in saving} == {3 if hooks else None}


def test_configs_are_written_whole(planned, monkeypatch):
    """Half a config would be one of other settings, for ever."""
    run = planned()[0]
    monkeypatch.setattr(os, "replace", lambda part, file: kill(Path(part).read_text()))

    def kill(written):
        assert written == run.text and not run.config.exists()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.write_config()
    planned()


def test_damaged_results_are_named(planned):
    run = planned()[0]
    run.folder.mkdir(parents=True)
    (run.folder / "metrics.json").write_text('{"metrics": {')
    with pytest.raises(InputError, match="metrics.json is damaged .*: delete it"):
        collect([run], None)


def test_a_folder_of_other_settings_is_refused(planned):
    for run in planned():
        run.write_config()
    planned(["bsam", "none", "sam"], 3)  # more rules and seeds go on with what is there
    with pytest.raises(InputError, match="sgd,seed=0.py .*other settings"):
        planned(options={"optim_wrapper.optimizer.lr": 0.01})
    with pytest.raises(InputError, match="--seeds 0: give a number from 1"):
        planned(seeds=0)


def test_only_what_is_to_be_run_is_checked(planned, tmp_path, monkeypatch):
    checked = []
    monkeypatch.setattr("bsam_suite.compare.plan.preflight", lambda cfg: checked.append(cfg.model))
    runs = planned(grid={"model.rate": [0.0, 0.4]})
    assert [model.rate for model in checked] == [0.0, 0.4]  # once for all rules and seeds
    for run in runs:
        if run.setting == "rate=0.0":
            run.folder.mkdir(parents=True)
            (run.folder / METRICS).write_text("{}")
    checked.clear()
    planned(grid={"model.rate": [0.0, 0.4]})
    assert [model.rate for model in checked] == [0.4]


def test_stretch():
    schedulers = [
        dict(type="LinearLR", by_epoch=False, end=500),
        dict(type="CosineAnnealingLR", begin=1, end=10, T_max=9),
        dict(type="MultiStepLR", milestones=[4, 8]),
        dict(type="StepLR", step_size=2),
    ]
    cfg = Config(dict(train_cfg=dict(max_epochs=10), param_scheduler=schedulers))
    multiply_epochs(cfg, 3)
    assert cfg.train_cfg.max_epochs == 30
    warmup, cosine, steps, every = cfg.param_scheduler
    assert (warmup.end, cosine.begin, cosine.end, cosine.T_max) == (500, 3, 30, 27)
    assert steps.milestones == [12, 24] and every.step_size == 6
    with pytest.raises(InputError, match="train_cfg.max_epochs"):
        multiply_epochs(Config(dict(train_cfg=dict(max_iters=10))), 1)


def test_the_number_of_jobs_is_checked_first(tmp_path):
    with pytest.raises(InputError, match="--jobs 0: give a number from 1"):
        compare(Namespace(jobs=0, out=tmp_path / "out"))
    assert not (tmp_path / "out").exists()
