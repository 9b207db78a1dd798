"""tools/train.py --quiet --tensorboard, as a user runs it."""

import json
import sys

import pytest
from mmengine.config import Config
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from bsam_suite.engine.tensorboard import log_to_tensorboard
from bsam_suite.errors import InputError

CONFIG = "configs/classification/resnet18_sgd.py"
SMALL = ["train_cfg.max_epochs=2", "image_size=8", "model.net.width=4"]


def test_quiet_training_tells_the_results_and_tensorboard_has_all_scalars(tool, tmp_path):
    done = tool("train", CONFIG, "--quiet", "--tensorboard", "--work-dir", "run", options=SMALL)
    assert done.returncode == 0, done.stderr[-2000:]
    *told, board, checkpoint, following = done.stdout.strip().splitlines()
    warned = [line for line in told if " - mmengine - WARNING - " in line]
    left = [line for line in told if line and line not in warned]
    assert [line.split()[0] for line in left] == [
        "accuracy",
        "accuracy_top5",
        "Results:",
        "Curves:",
    ]
    assert board == "TensorBoard: tensorboard --logdir run"
    assert checkpoint == "Checkpoint: run/epoch_2.pth" and following.startswith("Next: ")
    (log,) = (tmp_path / "run").glob("*/*.log")
    assert "INFO" in log.read_text()

    (data,) = (tmp_path / "run").glob("*/vis_data")
    lines = map(json.loads, (data / "scalars.json").read_text().splitlines())
    wanted = {line["step"]: line["loss"] for line in lines if "loss" in line}
    events = EventAccumulator(str(data)).Reload()
    found = {event.step: event.value for event in events.Scalars("loss")}
    assert len(wanted) >= 2 and found == pytest.approx(wanted, rel=1e-6)
    assert "accuracy" in events.Tags()["scalars"]


def test_the_backend_is_added_once_and_to_what_there_is():
    wanted = [dict(type="LocalVisBackend"), dict(type="TensorboardVisBackend")]
    own = dict(type="PoseLocalVisualizer", name="v", vis_backends=[dict(type="LocalVisBackend")])
    for visualizer in (None, own):
        cfg = Config(dict(visualizer=visualizer) if visualizer else {})
        for _ in range(2):
            log_to_tensorboard(cfg)
        assert cfg.visualizer.vis_backends == wanted
    assert cfg.visualizer.type == "PoseLocalVisualizer" and cfg.visualizer.name == "v"


def test_without_tensorboard(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(InputError, match=r"tensorboard cannot be imported.*extra tensorboard"):
        log_to_tensorboard(Config({}))
