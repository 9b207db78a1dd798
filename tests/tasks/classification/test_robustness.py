"""RobustnessHook at the end of a training on digits."""

import json
import pickle
from pathlib import Path

import pytest
import torch
from mmengine.hooks import EMAHook
from mmengine.runner import Runner

from bsam_suite.compat import patch_mmengine
from bsam_suite.engine.checkpoint import read_checkpoint
from bsam_suite.engine.config import load_config
from bsam_suite.engine.metric_names import MetricNamesHook
from bsam_suite.engine.reproduce import make_reproducible
from bsam_suite.engine.summary import METRICS, _write_metrics
from bsam_suite.errors import InputError
from bsam_suite.robustness import RobustnessHook
from bsam_suite.robustness.corruptions import corrupted

CONFIG = Path(__file__).parents[3] / "configs/classification/resnet18_sgd.py"
MEASURED = dict(weights=[0.0, 0.5], draws=2, corruptions=dict(contrast=[1.0, 0.1], noise=[0.3]))
SMALL = {
    "image_size": 8,
    "train_cfg.max_epochs": 2,
    "train_cfg.val_interval": 1,
    "train_dataloader.batch_size": 64,
}


def make(folder, hook=None):
    patch_mmengine()
    cfg = load_config(str(CONFIG), SMALL)
    cfg.work_dir = str(folder)
    cfg.model.net = dict(type="SmallCNN", width=4, batch_norm=True)
    cfg.val_evaluator = [
        dict(type="TopAccuracy"),
        dict(type="DumpResults", out_file_path=str(folder / "dump.pkl")),
    ]
    hooks = [dict(type="EMAHook", momentum=0.3)]
    cfg.custom_hooks = [*hooks, dict(type="RobustnessHook", **hook)] if hook else hooks
    cfg.experiment_name = folder.name
    make_reproducible(cfg, seed=0)
    return Runner.from_cfg(cfg)


@pytest.fixture(scope="module")
def runners(tmp_path_factory):
    """Runners of the same training, without the hook and with it."""
    made = []
    for name, hook in (("plain", None), ("measured", MEASURED)):
        made.append(make(tmp_path_factory.mktemp(name), hook))
        made[-1].train()
    return made


def measures(runner):
    scalars = runner.message_hub.log_scalars
    start = "robustness/"
    return {k[len(start) :]: v.current() for k, v in scalars.items() if k.startswith(start)}


def test_the_training_is_the_same(runners):
    plain, measured = (read_checkpoint(f"{r.work_dir}/epoch_2.pth") for r in runners)
    for part in ("state_dict", "ema_state_dict"):
        assert plain[part].keys() == measured[part].keys()
        assert all(torch.equal(v, measured[part][k]) for k, v in plain[part].items())
    for name in ("val/accuracy", "train/loss"):
        a, b = (runner.message_hub.get_scalar(name).data for runner in runners)
        assert (a[0] == b[0]).all() and len(a[0])
    assert not measures(runners[0])
    dumps = [(Path(r.work_dir) / "dump.pkl").read_bytes() for r in runners]
    assert pickle.loads(dumps[0])[0]["scores"].equal(pickle.loads(dumps[1])[0]["scores"])


def test_values(runners):
    runner, found = runners[1], measures(runners[1])
    names = ["clean", "ece", "nll", "weights 0", "weights 0.5"]
    assert list(found) == [*names, "contrast 1", "contrast 0.1", "noise 0.3"]
    accuracy = runner.message_hub.get_scalar("val/accuracy").current()
    assert found["clean"] == found["weights 0"] == found["contrast 1"] == accuracy > 0.15
    assert found["weights 0.5"] != accuracy

    ema = next(hook for hook in runner.hooks if isinstance(hook, EMAHook)).ema_model.module.eval()
    generator = torch.Generator("cpu").manual_seed(0)
    right, losses, count = 0, [], 0
    for batch in runner.val_dataloader:
        with torch.no_grad():
            labels = torch.as_tensor(batch["labels"])
            clean = ema.net(ema.data_preprocessor(batch)["inputs"])
            losses.append(torch.nn.functional.cross_entropy(clean, labels, reduction="sum"))
            noisy = corrupted(batch, "noise", 0.3, generator)
            logits = ema.net(ema.data_preprocessor(noisy)["inputs"])
            right += int((logits.argmax(1) == labels).sum())
            count += len(labels)
    assert found["noise 0.3"] == pytest.approx(right / count)
    assert found["nll"] == pytest.approx(float(sum(losses)) / count, rel=1e-5)


def test_all_is_left_as_it_was_also_after_an_error(runners, monkeypatch):
    runner, found = runners[1], measures(runners[1])
    hook = next(hook for hook in runner.hooks if isinstance(hook, RobustnessHook))
    runner.model.train()
    runner.model.net[1].eval()  # such as one that is frozen

    def state():
        tensors = [v.clone() for v in runner.model.state_dict().values()]
        modes = [torch.tensor(module.training) for module in runner.model.modules()]
        dump = (Path(runner.work_dir) / "dump.pkl").read_bytes()
        return [*tensors, *modes, torch.get_rng_state()], dump

    before, dump = state()
    hook.after_train(runner)
    after, dumped = state()
    assert all(map(torch.equal, before, after)) and dump == dumped
    assert measures(runner) == found  # drawn from the seed

    def broken(batch):
        torch.rand(1)
        raise KeyError

    monkeypatch.setattr(runner.model, "val_step", broken)
    with pytest.raises(KeyError):
        hook.after_train(runner)
    assert all(map(torch.equal, before, state()[0]))


def test_metrics_json_has_them(runners):
    _write_metrics(runners[1], {}, 0, 0)
    written = json.loads((Path(runners[1].work_dir) / METRICS).read_text())["measures"]
    assert {k.partition("/")[2]: v for k, v in written.items()} == measures(runners[1])


def test_what_cannot_be_measured_is_told_before_training(tmp_path):
    runner = make(tmp_path, MEASURED)
    (hook,) = (hook for hook in runner.hooks if isinstance(hook, RobustnessHook))
    hook.metric = "acuracy"
    loader = runner.val_loop.dataloader
    with pytest.raises(InputError, match="metric of RobustnessHook: no evaluator gives 'acuracy'"):
        MetricNamesHook().after_val_epoch(runner, dict(accuracy=0.5))
    loader.collate_fn = lambda _: dict(inputs=torch.zeros(2, 3, 8, 8))
    with pytest.raises(InputError, match="corruption contrast: .* inputs of type torch.float32"):
        hook.before_train(runner)
    runner.model.net[0].weight.full_tensor = None  # what FSDP's weights have
    with pytest.raises(InputError, match="RobustnessHook: the weights are spread over processes"):
        hook.before_train(runner)
    runner._val_loop = None
    with pytest.raises(InputError, match="RobustnessHook: there are no validation data"):
        hook.before_train(runner)
