"""Checkpoints of PyTorch."""

import io
import random
import zipfile
from functools import cache
from pathlib import Path

import mutations as change
import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from torch import nn

from bsam_suite.engine.checkpoint import load_weights, read_checkpoint
from bsam_suite.engine.checkpoint_config import config_of_checkpoint
from bsam_suite.engine.resume import check_complete
from bsam_suite.errors import InputError
from readers.reader import Reader

CFG = "model = dict(type='Net', a=[1, 2.5, None])\ncustom_imports = dict(imports=['json'])\n"
INPUT = torch.linspace(-1, 1, 2 * 3 * 25).view(2, 3, 5, 5)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.head = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 3)

    def forward(self, x):
        return self.head(self.norm(self.conv(x).relu()).mean((2, 3)))


def changed_checkpoint(content: bytes, rng: random.Random) -> bytes:
    """A file of ``torch.save`` with another object in it, or other bytes in one of its parts."""
    if rng.random() < 0.5:
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as file:
                parts = [(part.filename, file.read(part)) for part in file.infolist()]
        except Exception as error:
            raise change.NotWhole from error
        number = rng.randrange(len(parts))
        name, inner = parts[number]
        if rng.random() < 0.2:
            parts[number : number + 1] = rng.choice(
                ([], [(name, inner)] * 2, [("b/" + name, inner)])
            )
        elif inner:
            parts[number] = name, change.changed_bytes(inner, rng)
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as file:
            for name, inner in parts:
                file.writestr(zipfile.ZipInfo(name), inner)  # with a checksum that is right
        return made.getvalue()
    try:
        tree = torch.load(io.BytesIO(content), weights_only=True)
    except Exception as error:
        raise change.NotWhole from error
    made = io.BytesIO()
    torch.save(change.changed_tree(_plain(tree), rng, odd_or_tensor), made)
    return made.getvalue()


def _plain(value: object) -> object:
    """Ordered dicts and tuples as dicts and lists."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, (list, tuple)) else value


SHAPES = ((), (0,), (1,), (3,), (2, 3), (2, 3, 1, 1), (1, 0, 2))
KINDS = (torch.float32, torch.float64, torch.float16, torch.int64, torch.uint8, torch.bool)
KINDS = (*KINDS, torch.complex64, torch.bfloat16)


def odd_or_tensor(rng: random.Random) -> object:
    if rng.random() < 0.5:
        found = change.odd(rng)
        return "deep" if found == "@deep" else found
    made = torch.zeros(rng.choice(SHAPES), dtype=rng.choice(KINDS))
    ways = (made, made, made.fill_(float("nan")) if made.is_floating_point() else made)
    ways += (torch.zeros(1).expand(10**6, 10**4), made.to_sparse(), torch.empty(2, device="meta"))
    return rng.choice((*ways, np.zeros(2)))


def checkpoint_seeds(folder: Path) -> list[bytes]:
    net, optimizer = Net(), torch.optim.Adam(Net().parameters())
    hub = dict(
        log_scalars={"train/loss": HistoryBuffer([0.5, 0.25], [1, 1])}, runtime_info=dict(iter=3)
    )
    meta = dict(
        cfg=CFG, epoch=1, iter=3, seed=0, experiment_name="a", dataset_meta=dict(classes=["a"])
    )
    whole = dict(meta=meta, state_dict=net.state_dict(), message_hub=hub)
    whole |= dict(optimizer=optimizer.state_dict(), param_schedulers=[dict(last_step=3)])
    made = []
    for content in (whole, net.state_dict(), dict(whole, message_hub={})):
        file = io.BytesIO()
        torch.save(content, file)
        made.append(file.getvalue())
    return made


@cache
def float_model() -> nn.Module:
    return Net().eval()


def read_pth(path: Path) -> None:
    """As training and prediction do."""
    checkpoint = read_checkpoint(str(path))
    errors = []
    for read in (
        lambda: check_complete(checkpoint, str(path)),
        lambda: config_of_checkpoint(checkpoint, str(path)),
    ):
        try:
            read()
        except InputError as error:
            errors.append(error)
    load_weights(float_model(), checkpoint, str(path))
    float_model()(INPUT)
    if errors:
        raise errors[0]


def is_zip(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        assert any(name.endswith("data.pkl") for name in file.namelist())


PTH = Reader(".pth", checkpoint_seeds, changed_checkpoint, is_zip, read_pth)
