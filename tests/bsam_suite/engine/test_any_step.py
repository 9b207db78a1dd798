"""A run that stopped after any step, in the middle of an epoch too, goes on bit for bit."""

from pathlib import Path

import pytest
import torch

EACH = "custom_hooks=[dict(type='CheckpointHook', by_epoch=False, interval=1, max_keep_ckpts=-1)"
ITERATIONS = "train_cfg = dict(_delete_=True, by_epoch=False, max_iters=7, val_interval=3)\n"
WRAPPERS = {
    "BSAM k=3": "type='BSAMOptimWrapper', rho=0.1, k=3, rho_warmup=6",
    "LookSAM": "type='SharpnessOptimWrapper', rule=dict(type='LookSAM', rho=0.1, k=3)",
    "AgnosticSAM": "type='SharpnessOptimWrapper', rule=dict(type='AgnosticSAM', rho=0.1)",
    "MomentumSAM": "type='SharpnessOptimWrapper', rule=dict(type='MomentumSAM', rho=0.1)",
    "float16": "type='BSAMOptimWrapper', rho=0.1, dtype='float16', "
    "loss_scale=dict(init_scale=2.0**40, growth_interval=3)",
    "accumulated": "type='BSAMOptimWrapper', rho=0.1, accumulative_counts=2",
    "none": "type='OptimWrapper'",
}


def config(wrapper="none", more=""):
    optimizer = "optimizer=dict(type='SGD', lr=0.1, momentum=0.9)"
    Path("steps.py").write_text(
        "_base_ = 'small.py'\n"
        f"optim_wrapper = dict(_delete_=True, {WRAPPERS[wrapper]}, {optimizer})\n"
        f"param_scheduler = []\n{more}{EACH}, dict(type='EMAHook', momentum=0.1)]\n"
        "default_hooks = dict(checkpoint=None)\n"
    )


def goes_on(small, steps, **options):
    """Whether runs from the checkpoints of ``steps`` make all the files of the whole one."""
    from small_run import content, differences

    small(config="steps.py", work_dir="whole", **options)
    whole = content(Path("whole"))
    for step in steps:
        folder = Path(f"from_{step}")
        small(config="steps.py", work_dir=str(folder), resume=f"whole/iter_{step}.pth", **options)
        found = content(folder)
        assert len(found) == len(whole) - step
        assert not differences({name: whole[name] for name in found}, found)
    return whole


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_of_epochs(small, wrapper):
    """Epochs of four batches; the step after which a resumed one begins with nothing left."""
    config(
        wrapper,
        "param_scheduler = [dict(type='LinearParamScheduler', param_name='lr', "
        "start_factor=0.1, end=9, by_epoch=False)]\n"
        "train_cfg = dict(max_epochs=2)\n",
    )
    steps = {"accumulated": [6], "none": [4, 7]}.get(wrapper, [5])
    data = dict(train_dataloader__num_workers=2 * (wrapper == "none"))
    if wrapper == "AgnosticSAM":  # of ten samples two are of the auxiliary batch
        data |= dict(train_dataloader__batch_size=10, train_dataloader__dataset__size=40)
    whole = goes_on(small, steps, **data)
    if wrapper == "float16":
        scales = {file["optimizer"]["loss_scaler"]["scale"] for file in whole.values()}
        assert len(scales) > 3


@pytest.mark.parametrize("sampler", ["DefaultSampler", "InfiniteSampler"])
@pytest.mark.parametrize("workers", [0, 2])
def test_of_iterations(small, sampler, workers):
    config(more=ITERATIONS)
    loader = dict(train_dataloader__num_workers=workers, train_dataloader__sampler__type=sampler)
    goes_on(small, [5], **loader)


def test_no_data_are_loaded_again(small, monkeypatch):
    from small_run import SmallData

    config()
    small(config="steps.py", work_dir="whole", train_cfg__max_epochs=2)
    loaded, item = [], SmallData.__getitem__
    monkeypatch.setattr(SmallData, "__getitem__", lambda *a: loaded.append(a[1]) or item(*a))
    small(
        config="steps.py", work_dir="on", resume="whole/iter_6.pth", val_cfg=None,
        val_dataloader=None, val_evaluator=None, train_cfg__max_epochs=2,
    )  # fmt: skip
    assert len(loaded) == 2 * 8 and len(set(loaded)) == 16


def test_the_number_of_workers_changes_nothing(small):
    from small_run import content, differences

    config()
    runs = []
    for workers in (0, 3):
        loader = dict(train_dataloader__num_workers=workers)
        small(config="steps.py", work_dir=f"{workers}", train_cfg__max_epochs=2, **loader)
        runs.append(content(Path(f"{workers}")))
    assert not differences(*runs)


def test_an_epoch_of_other_batches_starts_from_its_beginning(small, capsys):
    config()
    two = dict(train_cfg__max_epochs=2)
    small(config="steps.py", work_dir="whole", **two)
    capsys.readouterr()
    small(
        config="steps.py",
        work_dir="on",
        resume="whole/iter_6.pth",
        train_dataloader__batch_size=4,
        **two,
    )
    said = "WARNING: whole/iter_6.pth was saved after 6 iterations, but 1 epochs are 8 iterations"
    assert said in capsys.readouterr().out
    made = sorted(Path("on").glob("iter_*.pth"), key=lambda file: int(file.stem[5:]))
    assert [file.name for file in made] == [f"iter_{n}.pth" for n in range(7, 15)]
    assert torch.load(made[-1], weights_only=True)["meta"]["data"]["done"] == 8


def test_parts_of_a_gradient_that_are_lost_are_told_of(small, capsys):
    config("accumulated")
    small(config="steps.py", work_dir="whole", train_cfg__max_epochs=1)
    for step, lost in ((2, False), (3, True)):
        capsys.readouterr()
        file = f"whole/iter_{step}.pth"
        small(config="steps.py", work_dir=f"{step}", resume=file, train_cfg__max_epochs=1)
        said = f"WARNING: {file} was saved between the parts of an accumulated gradient"
        assert (said in capsys.readouterr().out) == lost
