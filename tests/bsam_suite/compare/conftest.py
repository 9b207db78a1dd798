"""Comparisons planned, not made."""

from argparse import Namespace

import pytest
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.registry import MODELS

from bsam_suite.compare.command import compare
from bsam_suite.compare.record import Record, code_hash, machine
from bsam_suite.compare.stages import Stages

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
def compared(tmp_path, monkeypatch):
    """Compare on a small config, without training."""
    (tmp_path / "config.py").write_text(CONFIG)
    monkeypatch.setattr("bsam_suite.compare.command.run_all", lambda *_, **__: [])
    monkeypatch.setattr("bsam_suite.compare.command.report", lambda *_: None)
    made = []

    class Kept(Stages):
        def __init__(self, *args):
            super().__init__(*args)
            made.append(self)

    monkeypatch.setattr("bsam_suite.compare.command.Stages", Kept)

    def run(file="config.py", **given):
        """The runs that are planned."""
        args = dict(
            rules=None, seeds=None, grid={}, equal_compute=False, metric=None, jobs=1, submit=None
        )
        args |= dict(cfg_options=None, out=tmp_path / "out", records=None, report=False)
        if file == "config.py":
            args |= dict(rules=["none", "sam"], seeds=2)
        compare(Namespace(config=str(tmp_path / file), command_line="", **{**args, **given}))
        return made[-1].runs

    return run


@pytest.fixture
def config_of():
    """What a run trains."""
    return lambda run: Config.fromstring(run.training.text, ".py")


@pytest.fixture
def record():
    """``record(run, value, ...)`` keeps a run's values, of epochs 2, 4, ..., made up."""

    def write(run, *values, failed=None):
        curve = {2 * (i + 1): value for i, value in enumerate(values)}
        Record(
            cell=run.cell,
            method=run.method,
            chosen=dict(run.chosen),
            part=run.part,
            seed=run.seed,
            epochs=4,
            passes=run.training.passes,
            seconds=1.0,
            metrics={} if failed else {"accuracy": curve},
            measures={},
            failed=failed,
            config=run.training.hash,
            code=code_hash(),
            machine=machine(),
        ).write(run.record_file)

    return write
