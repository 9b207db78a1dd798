"""An ONNX file is exported once ONNX Runtime computes what the model does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from bsam_suite.engine.work_dir import check_new
from bsam_suite.errors import InputError
from bsam_suite.onnx.extra import need
from bsam_suite.onnx.session import Session
from bsam_suite.onnx.trace import Outputs
from bsam_suite.onnx.trained import validation_inputs
from tasks.quantization.export.onnx import save_onnx

AGREEMENT = 0.999
#: Of maps less. Where a value is next to the middle of a step, rounding goes either way and the
#: rest of the network with it: a small HRNet of 8 bits, computed in float64 instead of float32, has
#: 2% of its maxima elsewhere, 0.1% by more than a cell.
MAP_AGREEMENT = 0.99


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
            argmaxes (of maps and distributions over places, 99%); there is no file then.
    """
    need("onnxruntime")
    check_new(file)
    data = validation_inputs(cfg, model, batches)
    outputs = Outputs(model).eval()
    wanted = [_arrays(outputs(x)) for x in data]
    needed = AGREEMENT if wanted[0][0].ndim == 2 else MAP_AGREEMENT
    for form in ("int4",) if int4 else ("fast", "exact"):
        save_onnx(outputs, data[0], file, form, cfg.pretty_text)
        session = Session(file)
        same = count = difference = 0
        for x, expected in zip(data, wanted):
            for a, b in zip(_arrays(session(x)), expected, strict=True):
                same, count = np.add((same, count), agreement(a, b))
                difference = max(difference, np.abs(a - b).max() / np.abs(b).max())
        text = f"{same} of {count} argmaxes as in the model, largest difference {difference:.2%}"
        if same >= needed * count:
            return f"{file}: {form}, {file.stat().st_size:,} bytes; {text}"
        file.unlink()
    raise InputError(
        f"{file} is not exported, ONNX Runtime computes otherwise: {text}. Train on at more bits, "
        "or write the packed checkpoint, --out FILE.safetensors, which is exact"
    )


def _arrays(outputs: Tensor | tuple[Tensor, ...]) -> list[np.ndarray]:
    return [x.numpy() for x in ((outputs,) if isinstance(outputs, Tensor) else outputs)]


def agreement(found: np.ndarray, wanted: np.ndarray) -> tuple[int, int]:
    """How many argmaxes are equal, and their number.

    Args:
        found, wanted: (N, C); or (N, K, H, W) maps, in which the place of the maximum counts and a
            neighbouring cell is as good; or (N, K, L) distributions over places, in which two bins,
            a pixel of SimCC, make no difference.
    """
    if wanted.ndim == 4:
        flat = (x.reshape(*x.shape[:2], -1).argmax(-1) for x in (found, wanted))
        (row, column), (other_row, other_column) = (np.divmod(p, wanted.shape[-1]) for p in flat)
        same = np.maximum(abs(row - other_row), abs(column - other_column)) <= 1
    else:
        same = abs(found.argmax(-1) - wanted.argmax(-1)) <= (2 if wanted.ndim == 3 else 0)
    return int(same.sum()), same.size
