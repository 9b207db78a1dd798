"""An ONNX file is exported once ONNX Runtime computes what the model does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from bsam_suite.engine.trained import metainfo, validation_inputs, validation_loader
from bsam_suite.engine.work_dir import check_new_file
from bsam_suite.errors import InputError
from bsam_suite.onnx.describe import describe, of_classes
from bsam_suite.onnx.session import Session
from bsam_suite.onnx.trace import Outputs, as_tuple
from bsam_suite.onnx.write import write
from bsam_suite.optional import need
from bsam_suite.quantization.onnx.choose import Agreement, Candidate, fastest
from bsam_suite.quantization.onnx.cost import milliseconds, without_rounding
from bsam_suite.quantization.onnx.export import in_form, quantized_graph
from bsam_suite.quantization.onnx.rounded_outputs import Seen, seen_outputs

AGREEMENT = 0.999
#: Of maps less. Where a value is next to the middle of a step, rounding goes either way and the
#: rest of the network with it: a small HRNet of 8 bits, computed in float64 instead of float32, has
#: 2% of its maxima elsewhere, 0.1% by more than a cell. So it is of pixels between two classes.
MAP_AGREEMENT = 0.99


@torch.no_grad()
def export_checked(model: nn.Module, cfg, file: Path, batches: int, form: str = "auto") -> str:
    """Write ``file`` and compare it on validation data; returns what was found, in some lines.

    The file takes inputs as they leave the model's data preprocessor.

    Args:
        form: of :func:`bsam_suite.quantization.export_onnx`, with ranges seen on the first
            batch; "auto" for :func:`bsam_suite.quantization.onnx.choose.fastest`.

    Raises:
        InputError: the model cannot be exported, or the share of argmaxes on which ONNX Runtime
            agrees is below 99.9% (of maps and distributions over places, 99%), by its 95%
            confidence interval; there is no file then.
    """
    need("onnxruntime", "export")
    check_new_file(file)
    loader = validation_loader(cfg)
    data = validation_inputs(model, loader, batches)
    outputs = Outputs(model).eval()
    wanted = [as_tuple(outputs(x)) for x in data]
    about_data = metainfo(loader)
    classes = of_classes(about_data)
    needed = AGREEMENT if wanted[0][0].ndim == 2 else MAP_AGREEMENT

    def compare(graph) -> Agreement:
        return _compare(Session(graph.SerializeToString()), data, wanted, classes)

    graph = quantized_graph(outputs, data[0], file)
    seen = {} if form in ("exact", "int4") else seen_outputs(graph, data[0].numpy())
    if form == "auto":
        tried = fastest(graph, seen, compare, needed)
    else:
        made = in_form(graph, form, seen)
        tried = [Candidate(form, made, compare(made), [])]
    chosen = tried[-1]
    if chosen.agreement.limit < needed:
        other = "" if form == "auto" else ", try --form auto"
        raise InputError(
            f"{file} is not exported, ONNX Runtime computes otherwise: {chosen.agreement}, and "
            f"{needed:.1%} are needed{other}. Train on at more bits, or write the packed "
            "checkpoint, --out FILE.safetensors, which is exact"
        )
    cost = _cost(graph, chosen, data[0][:1])
    about = describe(cfg, model, data[0], wanted[0], about_data)
    write(chosen.graph, file, cfg.pretty_text, about)
    lines = [f"{file}: {chosen.form}, {file.stat().st_size:,} bytes; {chosen.agreement}"]
    if chosen.exact:
        lines.append(_why(tried, seen, needed))
    return "\n".join([*lines, cost])


def _why(tried: list[Candidate], seen: dict[str, Seen], needed: float) -> str:
    fast, chosen = tried
    return (
        f"{len(chosen.exact)} of {len(seen)} layers are computed in float, on the rounded values: "
        f"with all of them on integers, {fast.agreement}, a share of at most "
        f"{fast.agreement.limit:.2%} at 95% confidence, and {needed:.1%} are needed"
    )


def _cost(graph, chosen: Candidate, inputs: Tensor) -> str:
    graphs = chosen.graph, without_rounding(graph)
    ours, theirs = milliseconds([Session(g.SerializeToString()) for g in graphs], inputs)
    return (
        f"one input takes {ours:.3g} ms here, the same network in float {theirs:.3g} ms: "
        f"{ours / theirs:.2f} of its time"
    )


def _compare(session: Session, data: list[Tensor], wanted: list, classes: bool) -> Agreement:
    same = count = 0
    difference = 0.0
    for x, expected in zip(data, wanted):
        for found, answer in zip(as_tuple(session(x)), expected, strict=True):
            a, b = found.numpy(), answer.numpy()
            same, count = np.add((same, count), agreement(a, b, classes))
            difference = max(difference, np.abs(a - b).max() / np.abs(b).max())
    return Agreement(int(same), int(count), float(difference))


def agreement(found: np.ndarray, wanted: np.ndarray, classes: bool = False) -> tuple[int, int]:
    """How many argmaxes are equal, and their number.

    Args:
        found, wanted: (N, C); or (N, K, H, W) maps, in which the place of the maximum counts and a
            neighbouring cell is as good; or (N, K, L) distributions over places, in which two bins,
            a pixel of SimCC, make no difference.
        classes: whether they are scores of classes, (N, C) or at each pixel (N, C, H, W).
    """
    if classes:
        same = found.argmax(1) == wanted.argmax(1)
    elif wanted.ndim == 4:
        flat = (x.reshape(*x.shape[:2], -1).argmax(-1) for x in (found, wanted))
        (row, column), (other_row, other_column) = (np.divmod(p, wanted.shape[-1]) for p in flat)
        same = np.maximum(abs(row - other_row), abs(column - other_column)) <= 1
    else:
        same = abs(found.argmax(-1) - wanted.argmax(-1)) <= (2 if wanted.ndim == 3 else 0)
    return int(same.sum()), same.size
