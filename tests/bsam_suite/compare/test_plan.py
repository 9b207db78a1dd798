"""Which runs there are, and what their configs say."""

import os
from pathlib import Path

import pytest
from mmengine.config import Config

from bsam_suite.compare.plan import multiply_epochs
from bsam_suite.compare.run import write_record
from bsam_suite.engine.summary import METRICS
from bsam_suite.errors import InputError
from bsam_suite.options import Typed


def test_all_rules_of_a_seed_come_before_the_next(compared, config_of):
    runs = compared(grid={"model.rate": Typed("0.0,0.4"), "rho": Typed("0.1")})
    assert [run.name for run in runs] == [
        f"rate={rate}, {rule}, seed={seed}"
        for seed in (0, 1)
        for rate in (0.0, 0.4)
        for rule in ("sgd", "sam rho=0.1")
    ]
    assert len({run.folder for run in runs}) == len({run.record_file for run in runs}) == len(runs)
    cfg = config_of(runs[-1])
    assert cfg.model.rate == 0.4 and cfg.optim_wrapper.rule.rho == 0.1


def test_the_rule_of_the_config_keeps_its_values(compared, config_of, tmp_path):
    wrapper = (
        "\noptim_wrapper |= dict(type='SharpnessOptimWrapper', rule=dict(type='ASAM', rho=0.3))"
    )
    with (tmp_path / "config.py").open("a") as file:
        file.write(wrapper)
    asam, sam = map(config_of, compared(rules=["asam", "sam"], seeds=1))
    assert asam.optim_wrapper.rule == dict(type="ASAM", rho=0.3)
    assert sam.optim_wrapper.rule == dict(type="SAM")


def test_equal_compute_is_as_many_passes_with_the_whole_schedule(compared, config_of):
    runs = compared(rules=["none", "sam", "bsam"], seeds=1, equal_compute=True)
    passes = {run.method: run.training.passes for run in runs}
    assert passes == {"sgd": 4, "sam": 8, "bsam": 12, "sgd x2": 8, "sgd x3": 12}
    assert [config_of(r).param_scheduler[0].end for r in runs] == [4, 4, 4, 8, 12]


@pytest.mark.parametrize(
    "hooks", ["", "default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=3))"]
)
def test_a_run_keeps_two_checkpoints(compared, config_of, tmp_path, hooks):
    """One is not enough: where it is damaged the run could not go on."""
    with (tmp_path / "config.py").open("a") as file:
        file.write(hooks)
    saving = [config_of(run).default_hooks.checkpoint for run in compared()]
    assert {hook.max_keep_ckpts for hook in saving} == {2}
    assert {hook.get("interval") for hook in saving} == {3 if hooks else None}


def test_configs_are_written_whole(compared, monkeypatch):
    """Half a config would be one of other settings, for ever."""
    run = compared()[0]
    monkeypatch.setattr(os, "replace", lambda part, file: kill(Path(part).read_text()))

    def kill(written):
        assert written == run.training.text and not run.config.exists()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.write_config()
    compared()


def test_a_folder_of_other_settings_is_refused(compared):
    for run in compared():
        run.write_config()
    compared(rules=["bsam", "none", "sam"], seeds=3)  # goes on with what is there
    with pytest.raises(InputError, match="sgd,seed=0.py .*other settings"):
        compared(cfg_options={"optim_wrapper.optimizer.lr": 0.01})
    with pytest.raises(InputError, match="--seeds 0: give a number from 1"):
        compared(seeds=0)
    with pytest.raises(InputError, match="--rules: say which rules"):
        compared(rules=None)


def test_only_what_is_to_be_run_is_checked(compared, record, monkeypatch):
    checked = []
    monkeypatch.setattr(
        "bsam_suite.compare.stages.preflight", lambda cfg: checked.append(cfg.model.rate)
    )
    grid = {"model.rate": Typed("0.0,0.4")}
    runs = compared(grid=grid)
    assert sorted(checked) == [0.0, 0.4]  # once for all rules and seeds
    for run in runs:
        if run.cell == "rate=0.0":
            record(run, 0.5)
    checked.clear()
    compared(grid=grid)
    assert checked == [0.4]


def test_damaged_results_are_named(compared):
    run = compared()[0]
    run.folder.mkdir(parents=True)
    (run.folder / METRICS).write_text('{"metrics": {')
    with pytest.raises(InputError, match="metrics.json is not JSON.*: delete .*metrics.json"):
        write_record(run, None)
    run.record_file.parent.mkdir(parents=True)
    run.record_file.write_text("{}")
    with pytest.raises(InputError, match="seed=0.*json is damaged .*: delete it"):
        compared()


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


def test_the_number_of_jobs_is_checked_first(compared, tmp_path):
    with pytest.raises(InputError, match="--jobs 0: give a number from 1"):
        compared(jobs=0)
    assert not (tmp_path / "out").exists()
