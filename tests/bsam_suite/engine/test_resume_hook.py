"""What a checkpoint's state is compared with, and what may change from call to call."""

from pathlib import Path

import pytest

from bsam_suite.errors import InputError

SGD = "optimizer=dict(type='SGD', lr=0.2, momentum=0.9)"
WRAPPERS = {
    "SGD": f"type='OptimWrapper', {SGD}",
    "SAM": f"type='SharpnessOptimWrapper', rule=dict(type='SAM', rho=0.1), {SGD}",
    "BSAM": f"type='BSAMOptimWrapper', rho=0.1, {SGD}",
    "k=5": f"type='BSAMOptimWrapper', rho=0.1, k=5, {SGD}",
    "warm": f"type='BSAMOptimWrapper', rho=0.1, rho_warmup=5, {SGD}",
    "Adam": "type='OptimWrapper', optimizer=dict(type='Adam', lr=0.2)",
    "GCSAM": f"type='SharpnessOptimWrapper', rule=dict(type='GCSAM', rho=0.1), {SGD}",
    "AdamW": "type='OptimWrapper', optimizer=dict(type='AdamW', lr=0.2, weight_decay=0)",
    "groups": f"type='OptimWrapper', {SGD}, paramwise_cfg=dict(custom_keys=dict(net=dict()))",
    "other lr": "type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1, momentum=0.9)",
    "clipped": f"type='OptimWrapper', {SGD}, clip_grad=dict(max_norm=1), accumulative_counts=2",
}
NONE = "[]"
STEPS = "[dict(type='MultiStepLR', milestones=[1, 3], end=99)]"
OTHER_STEPS = "[dict(type='MultiStepLR', milestones=[1, 2], end=99)]"
OPEN_STEPS = "[dict(type='MultiStepLR', milestones=[1, 3])]"
COSINE = "[dict(type='CosineAnnealingLR', T_max=4, convert_to_iter_based=True)]"


def config(name, wrapper, schedules=NONE, epochs=2):
    Path(name).write_text(
        "_base_ = 'small.py'\n"
        f"optim_wrapper = dict(_delete_=True, {WRAPPERS[wrapper]})\n"
        f"param_scheduler = {schedules}\n"
        f"train_cfg = dict(max_epochs={epochs})\n"
        "custom_hooks = []\n"
    )


@pytest.mark.parametrize(
    ("begun", "given", "said"),
    [
        (dict(wrapper="SGD"), dict(wrapper="BSAM"), r"group 0: rho is 0.1 in the config and not"),
        (dict(wrapper="SAM"), dict(wrapper="BSAM"), r"rho_min is 0.05 in the config and not "),
        (dict(wrapper="BSAM"), dict(wrapper="SAM"), r"rule is BSAM .*, SAM in the config"),
        (dict(wrapper="BSAM"), dict(wrapper="SGD"), r"rule is BSAM .*, none in the config"),
        (dict(wrapper="BSAM"), dict(wrapper="k=5"), r"rule_k is None .*, 5 in the config"),
        (dict(wrapper="k=5"), dict(wrapper="BSAM"), r"rule_k is 5 .*, None in the config"),
        (dict(wrapper="BSAM"), dict(wrapper="warm"), r"rho_warmup is 0 .*, 5 in the config"),
        (dict(wrapper="Adam"), dict(wrapper="SGD"), r"dampening is 0 in the config and not"),
        (dict(wrapper="Adam"), dict(wrapper="AdamW"), r"optimizer is Adam .*, AdamW in"),
        (dict(wrapper="SAM"), dict(wrapper="GCSAM"), r"rule is SAM .*, GCSAM in the config"),
        (dict(wrapper="SGD"), dict(wrapper="groups"), r"1 groups of 6 param.* config 6 of 6"),
        (dict(wrapper="SGD"), dict(wrapper="other lr"), r"lr is 0.2 .*, 0.1 in the config"),
        (dict(schedules=NONE), dict(schedules=STEPS), r"it has 0 schedules, the config 1"),
        (dict(schedules=STEPS), dict(schedules=NONE), r"it has 1 schedules, the config 0"),
        (dict(schedules=STEPS), dict(schedules=OTHER_STEPS), r"param_scheduler\[0\].milestones is"),
        (dict(schedules=STEPS), dict(schedules=COSINE), r"param_scheduler\[0\].T_max is 16 in the"),
        (
            dict(schedules=OPEN_STEPS),
            dict(schedules=OPEN_STEPS, epochs=4),
            r"param_scheduler\[0\].end is 2 .*, 4 in the config",
        ),
    ],
)
def test_another_optimizer_or_schedule_is_refused(small, begun, given, said):
    config("begun.py", **{"wrapper": "SGD", **begun})
    config("given.py", **{"wrapper": "SGD", "epochs": 3, **given})
    small(config="begun.py", work_dir="run")
    with pytest.raises(InputError, match=rf"run/epoch_2.pth: .*{said}.*load_from=run/epoch_2"):
        small(config="given.py", work_dir="run", resume="auto")


@pytest.mark.parametrize("schedules", [NONE, STEPS])
def test_more_epochs_where_no_schedule_ends_are_as_if_asked_at_once(small, schedules):
    from small_run import content, differences

    config("two.py", "SAM", schedules, 2)
    config("four.py", "SAM", schedules, 4)
    small(config="two.py", work_dir="run")
    small(config="four.py", work_dir="run", resume="auto")
    small(config="four.py", work_dir="whole")
    run, whole = (content(Path(name))["epoch_4.pth"] for name in ("run", "whole"))
    for kept in (run, whole):  # what was best is measured at the end of the shorter run too
        del kept["message_hub"]
    assert not differences(whole, run)


def test_what_no_checkpoint_holds_may_change(small):
    config("begun.py", "SGD")
    config("given.py", "clipped", epochs=3)
    small(config="begun.py", work_dir="run")
    small(config="given.py", work_dir="run", resume="auto")
    assert Path("run/epoch_3.pth").exists()


def test_another_length_of_an_epoch_is_told(small, capsys):
    config("begun.py", "SGD", epochs=2)
    config("given.py", "SGD", epochs=3)
    small(config="begun.py", work_dir="run")
    small(config="given.py", work_dir="run", resume="auto", train_dataloader__batch_size=16)
    assert "saved after 8 iterations, but 2 epochs are 4 iterations" in capsys.readouterr().out
