"""A resumed run is the uninterrupted one of the same config, or is refused with the remedy."""

import os
import re
import shutil
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from bsam_suite.compat import patch_mmengine
from bsam_suite.engine.reproduce import make_reproducible
from bsam_suite.engine.resume import find_checkpoint
from bsam_suite.errors import InputError

KEEP = dict(default_hooks__checkpoint__max_keep_ckpts=-1)
NO_BEST = dict(default_hooks__checkpoint__save_best=None)


@pytest.mark.parametrize("best", [{}, NO_BEST], ids=["best", "no best"])
def test_every_epoch_goes_on_to_the_same_end(small, best):
    """Also a schedule that follows the validation after the checkpoint, and the best file."""
    from small_run import content, differences

    best = dict(best, train_dataloader__num_workers=1)  # its random numbers too go on
    small(work_dir="whole", **KEEP, **best)
    whole = content(Path("whole"))
    plateau = whole["epoch_4.pth"]["param_schedulers"][0]
    assert plateau["_last_value"][0] < 0.2  # the rate was reduced on the way
    for epoch in (1, 2, 3):
        small(work_dir=f"from_{epoch}", resume=f"whole/epoch_{epoch}.pth", **KEEP, **best)
        found = content(Path(f"from_{epoch}"))
        assert "epoch_4.pth" in found
        expected = {name: whole[name] for name in found}
        assert not differences(expected, found)


def test_the_best_file_of_another_run_stays(small):
    small(work_dir="whole", **KEEP)
    known = torch.load("whole/epoch_1.pth", weights_only=True)["message_hub"]["runtime_info"]
    Path(known["best_ckpt"]).touch()  # as it was when that checkpoint was the last one
    before = sorted(os.listdir("whole"))
    small(work_dir="new", resume="whole/epoch_1.pth", **KEEP)
    assert sorted(os.listdir("whole")) == before


def test_old_files_go_when_new_ones_are_there(small, monkeypatch):
    """At no moment are there fewer than two checkpoints, or no best one, once there were."""
    counts = {}
    replace, remove = os.replace, os.remove

    def count(act):
        def counted(*args, **kwargs):
            act(*args, **kwargs)
            for name, pattern in (("epoch", "epoch_*.pth"), ("best", "best_*.pth")):
                there = len(list(Path("run").glob(pattern)))
                counts.setdefault(name, []).append(there)

        return counted

    monkeypatch.setattr(os, "replace", count(replace))
    monkeypatch.setattr(os, "remove", count(remove))
    small(work_dir="run")
    epoch, best = counts["epoch"], counts["best"]
    assert min(epoch[epoch.index(2) :]) == 2 and max(epoch) == 3 and epoch[-1] == 2
    assert min(best[best.index(1) :]) == 1 and max(best) == 2 and best[-1] == 1


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A function that gives a new copy of a finished run, as the folder ``run``."""
    patch_mmengine()
    kept = []

    def copy(small):
        if not kept:
            small(work_dir="run", **KEEP)
            kept.append(shutil.copytree("run", tmp_path_factory.mktemp("trained") / "run"))
        shutil.rmtree("run", ignore_errors=True)
        return Path(shutil.copytree(kept[0], "run"))

    return copy


def damage(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize(
    ("harm", "taken", "said"),
    [
        (lambda run: None, "epoch_4.pth", None),
        (lambda run: (run / "last_checkpoint").unlink(), "epoch_4.pth", "last_checkpoint"),
        (lambda run: (run / "last_checkpoint").write_text(""), "epoch_4.pth", "last_checkpoint"),
        (lambda run: (run / "last_checkpoint").write_text("\0" * 9), "epoch_4.pth", "last_check"),
        (lambda run: (run / "last_checkpoint").write_text("x" * 999), "epoch_4.pth", "last_check"),
        (lambda run: damage(run / "epoch_4.pth"), "epoch_3.pth", "epoch_4.pth .*damaged"),
        (lambda run: (run / "epoch_4.pth").unlink(), "epoch_3.pth", "last_checkpoint"),
        (lambda run: (run / "epoch_4.pth").write_bytes(b""), "epoch_3.pth", "epoch_4.pth"),
        (lambda run: torch.save({}, run / "epoch_4.pth"), "epoch_3.pth", "epoch_4.*no message_hub"),
        (
            lambda run: torch.save([], run / "epoch_4.pth"),
            "epoch_3.pth",
            "epoch_4.pth .*a list",
        ),
    ],
)
def test_the_newest_good_checkpoint_is_found(small, trained, capsys, harm, taken, said):
    run = trained(small)
    capsys.readouterr()
    harm(run)
    assert find_checkpoint(run) == str(run / taken)
    warned = [line for line in capsys.readouterr().out.splitlines() if "WARNING" in line]
    assert len(warned) == (said is not None)
    assert not said or re.search(said, warned[0])


def test_epochs_are_counted_not_spelt(small, trained):
    run = trained(small)
    (run / "last_checkpoint").unlink()
    shutil.copy(run / "epoch_4.pth", run / "epoch_10.pth")
    assert find_checkpoint(run) == str(run / "epoch_10.pth")


def test_a_moved_run_goes_on_where_it_is_now(small, trained):
    trained(small).rename("moved")
    assert find_checkpoint("moved") == "moved/epoch_4.pth"
    shutil.copytree("moved", "copied")
    for file in Path("copied").glob("epoch_*.pth"):
        file.unlink()
    with pytest.raises(InputError, match="no checkpoint in copied"):  # not that of the original
        find_checkpoint("copied")


def test_nothing_is_begun_over_what_cannot_be_gone_on_from(small, trained):
    run = trained(small)
    for file in run.glob("epoch_*.pth"):
        damage(file)
    before = {file.name: file.stat().st_mtime_ns for file in run.iterdir()}
    with pytest.raises(InputError, match="no checkpoint in run .*epoch_4.pth.*--work-dir"):
        small(work_dir="run", resume="auto")
    after = {file.name: file.stat().st_mtime_ns for file in run.iterdir()}
    assert {name: after[name] for name in before} == before
    assert find_checkpoint("none") is None


def test_the_config_says_where_and_whether_to_go_on(small):
    small(cfg=dict(work_dir="run"))
    assert not Path("work_dirs").exists()
    Path("mine.py").write_text('_base_ = "small.py"\nwork_dir = "mine"\n')
    small(config="mine.py")
    assert sorted(os.listdir()) == ["mine", "mine.py", "run", "small.py"]
    with pytest.raises(InputError, match="work_dir mine has the checkpoints"):
        small(config="mine.py")
    time = Path("mine/epoch_3.pth").stat().st_mtime_ns
    for given in (dict(), dict(load_from="mine/epoch_4.pth")):
        small(config="mine.py", cfg=dict(resume=True, **given))
    assert Path("mine/epoch_3.pth").stat().st_mtime_ns == time
    with pytest.raises(InputError, match="resume='no' in mine.py: give True or False"):
        small(config="mine.py", cfg=dict(resume="no"))


def test_load_from_begins_a_new_run(small, trained):
    run = trained(small)
    state = torch.load(run / "epoch_4.pth", weights_only=True)["state_dict"]
    torch.save(state, "bare.pth")
    torch.save(dict(state_dict={f"module.{k}": v for k, v in state.items()}), "processes.pth")
    still = dict(optim_wrapper__optimizer__lr=0.0)
    for number, file in enumerate([run / "epoch_4.pth", "bare.pth", "processes.pth"]):
        folder = f"work_dirs/small-{number + 1}".removesuffix("-1")
        # Without a step, both the weights and their running average are those of the file.
        small(load_from=str(file), **still)
        made = torch.load(f"{folder}/epoch_4.pth", weights_only=True)
        assert made["meta"]["epoch"] == 4
        for name, value in state.items():
            if "running" not in name and "batches" not in name:
                assert torch.equal(made["state_dict"][name], value), (file, name)
                assert torch.equal(made["ema_state_dict"][f"module.{name}"], value), (file, name)
    torch.save(dict(state_dict={f"other.{k}": v for k, v in state.items()}), "other.pth")
    with pytest.raises(InputError, match="load_from=other.pth has no weight that fits"):
        small(load_from="other.pth", **still)


def test_a_run_to_go_on_that_has_not_begun_keeps_its_weights(small, trained):
    run = trained(small)
    small(resume="auto", load_from="run/epoch_4.pth", optim_wrapper__optimizer__lr=0.0)
    one, two = (
        torch.load(f"{folder}/epoch_4.pth", weights_only=True)["state_dict"]
        for folder in (run, "work_dirs/small")
    )
    assert torch.equal(one["net.0.weight"], two["net.0.weight"])


@pytest.mark.parametrize("kind", ["bare", "best", "no schedules", "no optimizer"])
def test_what_is_no_whole_run_is_refused(small, trained, kind):
    run = trained(small)
    content = torch.load(run / "epoch_4.pth", weights_only=True)
    file = "weights.pth"
    if kind == "bare":
        torch.save(content["state_dict"], file)
    elif kind == "best":
        (file,) = map(str, run.glob("best_*.pth"))
    else:
        content.pop({"no schedules": "param_schedulers", "no optimizer": "optimizer"}[kind])
        torch.save(content, file)
    with pytest.raises(InputError, match=f"{file}.*load_from={file}"):
        small(work_dir="new", resume=file)
    assert not list(Path("new").glob("*.pth"))


@pytest.mark.parametrize("hooks", [{}, dict(logger=dict(type="LoggerHook"))])
def test_every_config_saves_so(hooks):
    cfg = Config(dict(train_dataloader={}, **(dict(default_hooks=hooks) if hooks else {})))
    cfg.custom_hooks = [dict(type="CheckpointHook", by_epoch=False, interval=5)]
    make_reproducible(cfg, 0)
    found = [cfg.default_hooks.checkpoint, cfg.custom_hooks[0]]
    assert [hook.type for hook in found] == ["AtomicCheckpointHook"] * 2
    assert found[1].interval == 5 and cfg.default_hooks.keys() == {"checkpoint", *hooks}
