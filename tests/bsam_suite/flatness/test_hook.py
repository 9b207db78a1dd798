"""The hook: what it logs, and a training that does not notice it."""

import json
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, MODELS
from mmengine.runner import Runner
from torch import nn
from torch.nn import functional as F

from bsam_suite.engine.flatness_hook import FlatnessHook
from bsam_suite.errors import InputError
from bsam_suite.flatness.sharpness import one_step


@MODELS.register_module()
class HookNet(BaseModel):
    """With batch norm, dropout and an in-place activation."""

    def __init__(self):
        super().__init__()
        layers = nn.BatchNorm1d(6), nn.ReLU(inplace=True), nn.Dropout(0.3), nn.Linear(6, 3)
        self.net = nn.Sequential(nn.Linear(4, 6), *layers)

    def forward(self, x, y, mode="tensor"):
        if mode == "predict":
            return [dict()]
        return dict(loss=F.cross_entropy(self.net(torch.stack(x)), torch.stack(y)))


@DATASETS.register_module()
class HookData(BaseDataset):
    """Noise is added to the samples, from the global generator, where they are augmented."""

    def load_data_list(self):
        g = torch.Generator("cpu").manual_seed(3)
        xs, ys = torch.randn(40, 4, generator=g), torch.randint(3, (40,), generator=g)
        return [dict(x=x, y=y) for x, y in zip(xs, ys)]

    def __init__(self, augment=0.0, **kwargs):
        self.augment = augment
        super().__init__(serialize_data=False, **kwargs)

    def __getitem__(self, index):
        sample = self.get_data_info(index)
        x = sample["x"] + self.augment * torch.randn(4)
        device = torch.get_default_device()
        return dict(x=x.to(device), y=sample["y"].to(device))


@pytest.fixture
def train(tmp_path):
    """``train(hooks)``: the runner after two epochs, and its weights, buffers and random state."""

    def run(hooks, name, **more):
        torch.manual_seed(0)
        loader = dict(batch_size=8, num_workers=0, sampler=dict(type="DefaultSampler"))
        cfg = dict(
            model=dict(type="HookNet"),
            work_dir=str(tmp_path / name),
            experiment_name=name,
            train_dataloader=dict(loader, dataset=dict(type="HookData", augment=0.5)),
            val_dataloader=dict(loader, dataset=dict(type="HookData")),
            val_cfg=dict(),
            val_evaluator=dict(type="DumpResults", out_file_path=str(tmp_path / "x.pkl")),
            train_cfg=dict(by_epoch=True, max_epochs=2, val_interval=9),
            optim_wrapper=dict(
                type="BSAMOptimWrapper", optimizer=dict(type="SGD", lr=0.3, momentum=0.9)
            ),
            custom_hooks=hooks,
            default_scope="mmengine",
            log_level="WARNING",
            randomness=dict(seed=0),
            visualizer=dict(type="Visualizer", vis_backends=[dict(type="LocalVisBackend")]),
            **more,
        )
        runner = Runner.from_cfg(Config(cfg))
        runner.train()
        state = {name: value.clone() for name, value in runner.model.state_dict().items()}
        momenta = runner.optim_wrapper.optimizer.state_dict()["state"].values()
        grads = [p.grad for p in runner.model.parameters()]
        rest = [m["momentum_buffer"] for m in momenta] + [g for g in grads if g is not None]
        return runner, [*state.values(), *rest, torch.get_rng_state()]

    return run


def test_the_training_does_not_notice_it(train):
    hook = dict(
        type="FlatnessHook",
        measures=["loss", "one_step", "search", "average", "eigenvalues", "trace"],
        samples=20,
        settings=dict(rho=[0.05, 0.1], search_steps=2, draws=2, probes=3),
    )
    _, alone = train([], "alone")
    runner, beside = train([hook], "beside")
    assert len(alone) == len(beside) and all(map(torch.equal, alone, beside))
    scalars = runner.message_hub.log_scalars
    names = {name for name in scalars if name.startswith("flatness/")}
    assert {"flatness/loss", "flatness/eigenvalue_1", "flatness/trace"} < names
    assert {"flatness/max_sharpness/rho=0.05", "flatness/worst_case/rho=0.1"} < names
    # What it says of the last weights is what the library says of them.
    hook = next(h for h in runner.hooks if isinstance(h, FlatnessHook))
    objective = hook.objective
    assert objective.count == 20 and not objective.train
    found = one_step(objective, 0.1, torch.ones(objective.size))
    logged = scalars["flatness/max_sharpness/rho=0.1"]
    assert len(logged.data[0]) == 2
    assert logged.current() == pytest.approx(found.max_sharpness, rel=1e-6)
    # The samples are those of the data set, without noise.
    data = [sample["x"] for sample in runner.train_dataloader.dataset.load_data_list()]
    assert all(any(torch.equal(x, d) for d in data) for b in objective.batches for x in b["x"])
    lines = (Path(runner.log_dir) / "vis_data/scalars.json").read_text().splitlines()
    records = [json.loads(line) for line in lines if "flatness/loss" in line]
    assert [record["step"] for record in records] == [1, 2]


def test_every_second_epoch(train):
    hook = dict(type="FlatnessHook", interval=2, samples=8)
    runner, _ = train([hook], "second")
    scalars = runner.message_hub.log_scalars
    assert len(scalars["flatness/flatness"].data[0]) == 1
    total = [scalars[f"flatness/{name}"].current() for name in ("max_sharpness", "min_sharpness")]
    assert scalars["flatness/flatness"].current() == pytest.approx(sum(total))


def test_averaged_weights_are_measured_at_the_end(train):
    hooks = [dict(type="EMAHook", momentum=0.2), dict(type="FlatnessHook", interval=None)]
    runner, _ = train(hooks, "averaged")
    logged = runner.message_hub.log_scalars["flatness/loss"].data[0]
    (averaged,) = (hook.ema_model.module for hook in runner.hooks if hasattr(hook, "ema_model"))
    data = [runner.val_dataloader.dataset[i] for i in range(40)]
    with torch.no_grad():
        losses = [
            averaged.eval()(*([d[n] for d in data] for n in "xy"), mode="loss")["loss"].item()
            for averaged in (averaged, runner.model)
        ]
    assert logged == pytest.approx(losses[:1]) and logged != pytest.approx(losses[1:], rel=1e-3)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (dict(interval=0), "interval=0 in FlatnessHook"),
        (dict(measures=["one_stepp"]), "'one_stepp' of measures in FlatnessHook.*'one_step'"),
        (dict(measures=["density"]), "density is a curve"),
        (dict(settings=dict(rho=[0.0])), "rho=0.0 in FlatnessHook"),
        (dict(settings=dict(roh=[0.1])), "settings of FlatnessHook has no 'roh'.*'rho'"),
        (dict(measures=["eigenvalues"], settings=dict(eigenvalues=999)), "k=999"),
        (dict(samples=0), "samples=0"),
    ],
)
def test_what_it_refuses_before_training(train, given, said):
    with pytest.raises(InputError, match=said):
        train([dict(type="FlatnessHook", **given)], "refused")
