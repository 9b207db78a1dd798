"""An ONNX file is exported once ONNX Runtime computes what the model does."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import torch
from mmengine.runner import Runner
from torch import Tensor, nn

from bsam_suite.engine.config import preflight
from bsam_suite.errors import InputError
from tasks.quantization.export.extra import check_new, need
from tasks.quantization.export.onnx import save_onnx

AGREEMENT = 0.999
#: Of maps less. Where a value is next to the middle of a step, rounding goes either way and the
#: rest of the network with it: a small HRNet of 8 bits, computed in float64 instead of float32, has
#: 2% of its maxima elsewhere, 0.1% by more than a cell.
MAP_AGREEMENT = 0.99


class _Outputs(nn.Module):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, inputs: Tensor):
        return self.model(inputs, None, mode="tensor")


@torch.no_grad()
def export_checked(model: nn.Module, cfg, file: Path, batches: int, int4: bool = False) -> str:
    """Write ``file`` and compare it on validation data; returns what was found, in a line.

    The file takes inputs as they leave the model's data preprocessor. It is of the form "fast" of
    :func:`tasks.quantization.export.onnx.save_onnx`, with ranges seen on the first batch, if that
    agrees with the model, and "exact" otherwise.

    Args:
        model: calibrated.
        cfg: config with a ``val_dataloader``.
        file: a new file.
        batches: validation batches to compare on.
        int4: write the form "int4".

    Raises:
        InputError: the model cannot be exported, or ONNX Runtime agrees on fewer than 99.9% of
            argmaxes (of maps, 99% of their places to a cell); there is no file then.
    """
    need("onnxruntime")
    check_new(file)
    preflight(cfg)
    loader = Runner.build_dataloader(cfg.val_dataloader)
    data = [model.data_preprocessor(b, False)["inputs"] for b in islice(loader, batches)]
    outputs = _Outputs(model).eval()
    expected = [outputs(x) for x in data]
    if not all(isinstance(out, Tensor) for out in expected):
        raise InputError(f"{file}: only models with a single output tensor can be checked")
    wanted = torch.cat(expected).numpy()
    needed = MAP_AGREEMENT if wanted.ndim == 4 else AGREEMENT
    for form in ("int4",) if int4 else ("fast", "exact"):
        save_onnx(outputs, data[0], file, form)
        found = np.concatenate(run(file, data))
        same, count = agreement(found, wanted)
        difference = np.abs(found - wanted).max() / np.abs(wanted).max()
        text = f"{same} of {count} argmaxes as in the model, largest difference {difference:.2%}"
        if same >= needed * count:
            return f"{file}: {form}, {file.stat().st_size:,} bytes; {text}"
        file.unlink()
    raise InputError(
        f"{file} is not exported, ONNX Runtime computes otherwise: {text}. Train on at more bits, "
        "or write the packed checkpoint, --out FILE.safetensors, which is exact"
    )


def run(file: Path, data: list[Tensor]) -> list[np.ndarray]:
    """ONNX Runtime's output for each batch, on the CPU."""
    runtime = need("onnxruntime")
    session = runtime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    return [session.run(None, {session.get_inputs()[0].name: x.numpy()})[0] for x in data]


def agreement(found: np.ndarray, wanted: np.ndarray) -> tuple[int, int]:
    """How many argmaxes are equal, and their number.

    Args:
        found, wanted: (N, C), or (N, K, H, W) maps, in which the place of the maximum counts and a
            neighbouring cell is as good.
    """
    places = [
        x.reshape(*x.shape[:-2], -1).argmax(-1) if x.ndim == 4 else x.argmax(-1)
        for x in (found, wanted)
    ]
    if wanted.ndim == 4:
        (row, column), (other_row, other_column) = (np.divmod(p, wanted.shape[-1]) for p in places)
        same = np.maximum(abs(row - other_row), abs(column - other_column)) <= 1
    else:
        same = places[0] == places[1]
    return int(same.sum()), same.size
