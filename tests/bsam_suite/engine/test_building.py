"""What a constructor refuses is one line with its place; errors of training stay what they are."""

import pytest
import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, MODELS
from mmengine.runner import Runner
from torch.utils.data import Dataset

from bsam_suite.engine.building import building
from bsam_suite.errors import InputError


@MODELS.register_module()
class PickyModel(BaseModel):
    def __init__(self, size=1, part=None, fails=False):
        super().__init__()
        if size > 3:
            raise ValueError(f"size {size} is\ntoo large")
        self.part, self.fails = part and MODELS.build({**part, "fails": False}), fails
        self.w = torch.nn.Parameter(torch.ones(1))

    def forward(self, x, mode="tensor"):
        if self.fails:
            raise KeyError("in the midst of training")
        return dict(loss=self.w.sum())


@DATASETS.register_module()
class PickyData(Dataset):
    def __init__(self, root=None):
        if root is not None:
            raise FileNotFoundError(2, "No such file", root)

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return dict(x=torch.ones(1))


@pytest.fixture
def config(tmp_path):
    def make(**changes):
        fields = dict(
            model=dict(type="PickyModel"),
            train_dataloader=dict(
                batch_size=2,
                dataset=dict(type="PickyData"),
                sampler=dict(type="DefaultSampler", shuffle=False),
            ),
            train_cfg=dict(by_epoch=True, max_epochs=1),
            optim_wrapper=dict(optimizer=dict(type="SGD", lr=0.1)),
            work_dir=str(tmp_path / "run"),
            experiment_name=tmp_path.name,
        )
        cfg = Config(fields)
        cfg.merge_from_dict(changes)
        return cfg

    return make


def train(cfg):
    with building(cfg):
        Runner.from_cfg(cfg).train()


LOADER = "train_dataloader"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model.size": 9}, "model (PickyModel)|size 9 is too large|ValueError"),
        ({"model.part": dict(type="PickyModel", size=5)}, "model.part (PickyModel)|size 5"),
        ({f"{LOADER}.dataset.root": "/none"}, f"{LOADER}.dataset (PickyData)|'/none'"),
        ({f"{LOADER}.dataset.typo": 1}, f"{LOADER}.dataset (PickyData)|'typo'"),
        ({f"{LOADER}.batch_size": -2}, "the config|batch_size|-2"),
        ({"optim_wrapper.optimizer.lr": -1}, "optim_wrapper.optimizer (SGD)|-1"),
        ({"param_scheduler": dict(type="StepLR", step_size=1, end=-1)}, "StepLR|end"),
        (
            {"custom_hooks": [dict(type="CheckpointHook", by_epoch=1, save_best=3)]},
            "custom_hooks.0",
        ),
        ({"log_level": "LOUD"}, "the config|LOUD"),
        ({"val_cfg": {}}, "the config|val_dataloader"),
    ],
)
def test_what_cannot_be_built_is_one_line(config, change, words):
    with pytest.raises(InputError) as caught:
        train(config(**change))
    message = str(caught.value)
    assert "\n" not in message
    assert not [word for word in words.split("|") if word not in message], message


def test_an_error_of_training_is_not_taken_for_one_of_the_config(config):
    train(config())
    with pytest.raises(KeyError, match="in the midst of training"):
        train(config(**{"model.fails": True}))
