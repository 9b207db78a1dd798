"""What is kept of a run that has ended: a small file, which can be committed."""

from __future__ import annotations

import ast
import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config

from bsam_suite.errors import InputError
from bsam_suite.json_file import read_json, write_json
from bsam_suite.shell import ROOT

CODE = (*(f"bsam_suite/{n}" for n in ("engine", "optim", "quantization", "sharpness")), "tasks")
"""Where the code is of which a training is made."""


@dataclass(frozen=True)
class Record:
    """One run.

    Attributes:
        cell: the setting.
        method: the rule, or another row of the table.
        chosen: the tuned settings.
        part: what it was for, ``"tuning"`` or ``"test"``.
        seed: of all chance.
        epochs: of the training.
        passes: forward and backward passes over the training set, as they were made.
        seconds: of training, without validation.
        metrics: of each metric its values by epoch.
        measures: numbers of the final network, such as its flatness.
        failed: why it ended without a result; None if it did not.
        config: hash of what it trained.
        code: hash of what it was trained by.
        machine: PyTorch's version and the device.
    """

    cell: str
    method: str
    chosen: dict[str, Any]
    part: str
    seed: int
    epochs: int
    passes: float
    seconds: float
    metrics: dict[str, dict[int, float]]
    measures: dict[str, float]
    failed: str | None
    config: str
    code: str
    machine: str

    @property
    def settings(self) -> str:
        """The tuned settings, to compare with others'."""
        return json.dumps(self.chosen, sort_keys=True)

    def last(self, metric: str) -> float:
        """The metric at the last validation."""
        return list(self.metrics[metric].values())[-1]

    @classmethod
    def read(cls, file: Path) -> Record:
        """The record in ``file``.

        Raises:
            InputError: it is none.
        """
        try:
            content = read_json(file)
            content["metrics"] = {
                name: {int(epoch): value for epoch, value in curve.items()}
                for name, curve in content["metrics"].items()
            }
            return cls(**content)
        except (InputError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{file} is damaged ({error}): delete it and repeat the command to make it again"
            ) from error

    def write(self, file: Path) -> None:
        """Write it to ``file``, whose folder is made."""
        file.parent.mkdir(parents=True, exist_ok=True)
        write_json(file, asdict(self))


def curves(folder: Path) -> dict[str, dict[int, float]]:
    """Of each validation metric its values by epoch, from the logs of a run in ``folder``."""
    found: dict[str, dict[int, float]] = {}
    for log in sorted(folder.glob("*/vis_data/scalars.json")):  # one of each time it was started
        for row in map(json.loads, log.read_text().splitlines()):
            if "epoch" in row:
                continue  # of training
            step = row.pop("step")
            for name, value in row.items():
                if name not in ("time", "data_time"):
                    found.setdefault(name, {})[step] = value
    return found


def config_hash(cfg: Config) -> str:
    """Eight digits that tell what is trained, whatever the file and wherever its results."""
    content = {k: v for k, v in cfg.to_dict().items() if k not in ("work_dir", "filename")}
    return _digits(json.dumps(content, sort_keys=True, default=str).encode())


@cache
def code_hash() -> str:
    """Eight digits that tell by which code a run is made; comments and docstrings do not count."""
    files = [file for folder in CODE for file in sorted((ROOT / folder).rglob("*.py"))]
    return _digits(b"".join(_code(file.read_text()).encode() for file in files))


def machine() -> str:
    """PyTorch's version and the device, as ``"2.15.0, cpu"``."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    return f"{torch.__version__.partition('+')[0]}, {device}"


def _code(text: str) -> str:
    tree = ast.parse(text)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [n for n in body if not _is_text(n)]  # type: ignore[attr-defined]
    return ast.dump(tree)


def _is_text(node: ast.AST) -> bool:
    value = getattr(node, "value", None)
    return isinstance(node, ast.Expr) and isinstance(getattr(value, "value", None), str)


def _digits(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:8]
