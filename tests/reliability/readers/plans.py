"""Studies of comparisons."""

import json
from pathlib import Path

import mutations as change

from bsam_suite.compare.stages import Stages
from bsam_suite.compare.study import is_study, read_study
from readers.options import SET
from readers.reader import Reader


def plan_seeds(folder: Path) -> list[bytes]:
    (folder / "small.py").write_text(SET)
    config = str(folder / "small.py")
    lr = "optim_wrapper.optimizer.lr"
    methods = dict(
        sgd=dict(tune={lr: [0.1, 0.2]}),
        sam=dict(rule="SAM", tune=dict(rho=[0.05, 0.1]), settings={lr: 0.1}),
        x2=dict(epochs=2, choice_of="sgd"),
    )
    cells = [dict(name="a", config=config), dict(name="b", config=config, methods=["sam"], seeds=1)]
    cells[1] |= dict(choices_of="a", options={"train_cfg.max_epochs": 1})
    study = dict(metric="mse", higher=False, trials=2, tuning_seeds=1, validation=0.25)
    study |= dict(methods=methods, cells=cells, seeds=2, options={"train_dataloader.batch_size": 4})
    plain = dict(cells=[dict(config=config, seeds=2)], methods=dict(bsam=dict(rule="BSAM")))
    return [json.dumps(content).encode() for content in (study, plain)]


def read_plan(path: Path) -> None:
    """As ``tools/compare.py --report`` does."""
    out = path.parent / "out"
    if is_study(str(path)):
        stages = Stages(read_study(str(path)), out, out / "records", None)
        stages.test(stages.tune())


PLANS = Reader(".json", plan_seeds, change.changed_json, json.loads, read_plan)
