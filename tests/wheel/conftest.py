"""A small MMEngine project of one's own."""

import pytest

NET = """
import torch
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, MODELS

@MODELS.register_module()
class Line(BaseModel):
    def __init__(self):
        super().__init__()
        self.net = torch.nn.Linear(3, 1)

    def forward(self, x, y, mode="loss"):
        return dict(loss=(self.net(x).squeeze(1) - y).square().mean())

@DATASETS.register_module()
class Points(torch.utils.data.Dataset):
    def __len__(self):
        return 32

    def __getitem__(self, i):
        x = torch.randn(3, generator=torch.Generator().manual_seed(i))
        return dict(x=x, y=x.sum())
"""
CONFIG = """
custom_imports = dict(imports=["line"])
model = dict(type="Line")
train_dataloader = dict(
    batch_size=8,
    num_workers=0,
    sampler=dict(type="DefaultSampler", shuffle=True),
    dataset=dict(type="Points"),
    collate_fn=dict(type="default_collate"),
)
train_cfg = dict(by_epoch=True, max_epochs=2)
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="SGD", lr=0.1))
default_hooks = dict(logger=dict(type="LoggerHook", interval=1))
"""


@pytest.fixture
def project(tmp_path):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/line_sgd.py").write_text(CONFIG)
    (tmp_path / "line.py").write_text(NET)
