"""A network and data as small as they can be where everything that a resumed run needs is used."""

import random
from pathlib import Path

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import HistoryBuffer
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, METRICS, MODELS
from torch import nn
from torch.utils.data import Dataset


@MODELS.register_module()
class SmallNet(BaseModel):
    """Batch norm and dropout."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.2), nn.Linear(8, 1)
        )

    def forward(self, x, y, mode="tensor"):
        error = (self.net(x).squeeze(-1) - y).square()
        return dict(loss=error.mean()) if mode == "loss" else list(error)


@DATASETS.register_module()
class SmallData(Dataset):
    """Lines with noise that is drawn anew each time, from each of the generators."""

    def __init__(self, size, seed, noise):
        g = torch.Generator().manual_seed(seed)
        self.x = torch.randn(size, 5, generator=g)
        self.y = self.x.sum(1).tanh()
        self.noise = noise

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        drawn = torch.from_numpy(np.random.standard_normal(5)).float()
        drawn = drawn * (1 + random.random()) + 0.5 * torch.randn(5)
        return dict(x=self.x[index] + self.noise * drawn, y=self.y[index])


@METRICS.register_module()
class SmallError(BaseMetric):
    def process(self, data_batch, data_samples):
        self.results += map(float, data_samples)

    def compute_metrics(self, results):
        return dict(mse=float(np.mean(results)))


CONFIG = """
default_scope = "mmengine"
custom_imports = dict(imports=["bsam_suite.engine", "small_run"])
model = dict(type="SmallNet")


def loader(size, seed, noise, shuffle, num_workers):
    return dict(
        batch_size=BATCH,
        num_workers=num_workers,
        dataset=dict(type="SmallData", size=size, seed=seed, noise=noise),
        sampler=dict(type="DefaultSampler", shuffle=shuffle),
        collate_fn=dict(type="default_collate"),
    )


train_dataloader = loader(32, 0, 0.1, True, 1)
val_dataloader = loader(24, 1, 0.0, False, 0)
train_cfg = dict(by_epoch=True, max_epochs=EPOCHS, val_interval=1)
val_cfg = dict()
val_evaluator = dict(type="SmallError")
optim_wrapper = dict(
    type="BSAMOptimWrapper", rho=0.1, optimizer=dict(type="SGD", lr=0.2, momentum=0.9)
)
param_scheduler = [
    dict(
        type="ReduceOnPlateauLR", monitor="mse", rule="less", patience=0, factor=0.7, threshold=0.7
    ),
    dict(type="LinearParamScheduler", param_name="rho", start_factor=0.1, end=20, by_epoch=False),
]
custom_hooks = [dict(type="EMAHook", momentum=0.1)]
default_hooks = dict(
    logger=dict(type="LoggerHook", interval=1),
    checkpoint=dict(
        type="CheckpointHook", interval=1, max_keep_ckpts=2, save_best="mse", rule="less"
    ),
)
del loader
"""


AT_START = ("epoch", "iter", "keep_ckpt_ids", "experiment_name", "cfg", "eta", "mmengine_version")
"""What MMEngine sets anew when a run begins or goes on."""


def content(folder: Path) -> dict:
    """All that a run has kept, but for times and places."""
    found = {}
    for file in sorted(folder.glob("*.pth*")):
        kept = torch.load(file, weights_only=True)
        hub = kept["message_hub"]
        info = {
            k: Path(v).name if "ckpt" in k and isinstance(v, str) else v
            for k, v in hub["runtime_info"].items()
            if k not in AT_START
        }
        logged = {k: v for k, v in hub["log_scalars"].items() if "time" not in k}
        meta = {name: kept["meta"][name] for name in ("epoch", "iter", "seed")}
        found[file.name] = dict(kept, meta=meta, message_hub=dict(info=info, logged=logged))
    return found


def differences(one, other, place="") -> list[str]:
    """Where two nested values are not equal bit for bit."""
    if isinstance(one, HistoryBuffer):
        one, other = one.data[0].tolist(), other.data[0].tolist()
    if isinstance(one, torch.Tensor):
        same = one.dtype == other.dtype and torch.equal(one, other)
    elif isinstance(one, dict) and one.keys() == other.keys():
        return [d for k in one for d in differences(one[k], other[k], f"{place}/{k}")]
    elif isinstance(one, (list, tuple)) and len(one) == len(other):
        return [d for i, p in enumerate(zip(one, other)) for d in differences(*p, f"{place}/{i}")]
    else:
        same = one == other
    return [] if same else [f"{place}: {str(one)[:200]} and {str(other)[:200]}"]
