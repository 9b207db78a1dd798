"""RobustnessHook on poses: AP under noise on the weights and on disturbed pictures."""

from pathlib import Path

import pytest
import torch
from mmengine.runner import Runner

from bsam_suite.engine.checkpoint import read_checkpoint
from bsam_suite.engine.config import load_config, preflight
from bsam_suite.engine.reproduce import make_reproducible
from bsam_suite.robustness import RobustnessHook

CONFIG = Path(__file__).parents[3] / "configs/pose/hrnet-tiny_adam_people-128x96.py"
HOOK = dict(weights=[0.0, 0.1], draws=1, corruptions=dict(occlusion=[0.0, 0.5], blur=[0.06]))


def test_ap_on_disturbed_people(people, tmp_path, random_hrnet, capsys):
    cfg = load_config(str(CONFIG), {"data_root": str(people)})
    cfg.work_dir = str(tmp_path)
    cfg.custom_hooks = [dict(type="RobustnessHook", **HOOK)]
    cfg.val_evaluator.outfile_prefix = str(tmp_path / "results")
    make_reproducible(cfg, seed=0)
    preflight(cfg)
    runner = Runner.from_cfg(cfg)
    runner.model.load_state_dict(read_checkpoint(str(random_hrnet))["state_dict"])
    (hook,) = (hook for hook in runner.hooks if isinstance(hook, RobustnessHook))
    before = {name: value.clone() for name, value in runner.model.state_dict().items()}
    hook.before_train(runner)
    wanted = runner.val_loop.run()
    capsys.readouterr()
    files = {file: file.read_bytes() for file in tmp_path.glob("results*")}
    hook.after_train(runner)
    assert "Average Precision" not in capsys.readouterr().out
    assert files and all(file.read_bytes() == content for file, content in files.items())
    scalars = runner.message_hub.log_scalars
    found = {k[11:]: v.current() for k, v in scalars.items() if k.startswith("robustness/")}
    names = ["clean", "weights 0", "weights 0.1", "occlusion 0", "occlusion 0.5", "blur 0.06"]
    assert list(found) == names
    assert found["clean"] == found["weights 0"] == found["occlusion 0"] == wanted["coco/AP"]
    after = runner.model.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    print(found)
    assert found["clean"] == pytest.approx(wanted["coco/AP"])
