"""From a config and a checkpoint to an ONNX file that computes the same."""

from __future__ import annotations

import torch
from torch import Tensor

from bsam_suite.engine.trained import (
    load_trained,
    metainfo,
    validation_inputs,
    validation_loader,
)
from bsam_suite.engine.work_dir import check_new_file
from bsam_suite.errors import InputError
from bsam_suite.onnx.describe import describe
from bsam_suite.onnx.session import Session
from bsam_suite.onnx.trace import Outputs, as_tuple, trace
from bsam_suite.onnx.write import write
from bsam_suite.optional import need

TOLERANCE = 1e-4
"""How far ONNX Runtime may be off, of an output's largest value."""


@torch.no_grad()
def export(
    config: str, checkpoint: str, out: str, batches: int = 1, options: dict | None = None
) -> str:
    """Write a float model, and compare it with ONNX Runtime on validation data.

    The file takes batches of any size, as they leave the model's data preprocessor, gives what
    ``mode="tensor"`` does, and holds the config and what :func:`bsam_suite.onnx.describe.describe`
    tells.

    Returns:
        What was written, in a line.

    Raises:
        InputError: something given is not usable, the model cannot be exported, or ONNX Runtime
            computes otherwise; there is no file then.
    """
    if not out.endswith(".onnx"):
        raise InputError(f"--out {out}: give a name that ends in .onnx")
    file = check_new_file(out)
    need("onnxscript", "export")
    need("onnxruntime", "export")
    cfg, model = load_trained(config, checkpoint, options)
    loader = validation_loader(cfg)
    data = validation_inputs(model, loader, batches)
    outputs = Outputs(model).eval()
    wanted = [outputs(x) for x in data]
    graph = trace(outputs, data[0], file)
    session = Session(graph.SerializeToString())
    off = max(difference(session(x), y) for x, y in zip(data, wanted))
    if not off <= TOLERANCE:
        raise InputError(
            f"{out} is not exported, ONNX Runtime is off by {off:.1e} of the largest value. A "
            "quantized model is exported by tools/export_quantized.py"
        )
    about = describe(cfg, model, data[0], as_tuple(wanted[0]), metainfo(loader))
    write(graph, file, cfg.pretty_text, about)
    size, count = file.stat().st_size, sum(map(len, data))
    return f"{file}: {size:,} bytes; off by {off:.1e} at most on {count} inputs"


def difference(found: Tensor | tuple, wanted: Tensor | tuple) -> float:
    """Largest difference of any output, relative to that output's largest magnitude."""
    pairs = zip(as_tuple(found), as_tuple(wanted), strict=True)
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in pairs)
