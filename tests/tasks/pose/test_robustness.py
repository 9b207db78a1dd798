"""RobustnessHook on poses, at the end of a training of three steps."""

from pathlib import Path

import torch
from mmengine.runner import Runner

from bsam_suite.compat import patch_mmengine
from bsam_suite.engine.config import load_config
from bsam_suite.engine.reproduce import make_reproducible
from bsam_suite.robustness import RobustnessHook

CONFIG = Path(__file__).parents[3] / "configs/pose/hrnet-tiny_adam_people-128x96.py"
HOOK = dict(weights=[0.0, 0.1], draws=1, corruptions=dict(occlusion=[0.0, 0.5], blur=[0.06]))


def test_poses_on_disturbed_pictures(people, tmp_path, capsys):
    patch_mmengine()
    options = {"train_cfg.max_epochs": 1, "train_cfg.val_interval": 1, "data_root": str(people)}
    cfg = load_config(str(CONFIG), options)
    cfg.work_dir = str(tmp_path)
    # The distance in pixels says more of such a network than AP does.
    coco = dict(cfg.val_evaluator, outfile_prefix=str(tmp_path / "results"))
    cfg.val_evaluator = [coco, dict(type="EPE")]
    cfg.custom_hooks = [dict(type="RobustnessHook", metric="EPE", **HOOK)]
    make_reproducible(cfg, seed=0)
    runner = Runner.from_cfg(cfg)
    runner.train()
    scalars = runner.message_hub.log_scalars
    found = {k[11:]: v.current() for k, v in scalars.items() if k.startswith("robustness/")}
    names = ["clean", "weights 0", "weights 0.1", "occlusion 0", "occlusion 0.5", "blur 0.06"]
    assert list(found) == names  # no calibration
    distance = scalars["val/EPE"].current()
    assert found["clean"] == found["weights 0"] == found["occlusion 0"] == distance > 1
    others = {found[name] for name in ("clean", "weights 0.1", "occlusion 0.5", "blur 0.06")}
    assert len(others) == 4

    results = tmp_path / "results.keypoints.json"
    before, content = runner.model.state_dict(), results.read_bytes()
    before = {name: value.clone() for name, value in before.items()}
    (hook,) = (hook for hook in runner.hooks if isinstance(hook, RobustnessHook))
    hook.weights, hook.corruptions = [], dict(noise=[1.0])
    capsys.readouterr()
    hook.after_train(runner)
    assert "Average Precision" not in capsys.readouterr().out
    after = runner.model.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert results.read_bytes() == content
    assert scalars["robustness/noise 1"].current() != distance
