"""What a file costs against the same network in float."""

from __future__ import annotations

import time
from statistics import median

import onnx_ir as ir
from torch import Tensor

from bsam_suite.onnx.session import Session
from bsam_suite.quantization.onnx.edit import (
    axis_of,
    constant,
    drop_unused,
    inputs_of,
    made_by,
    numbers,
)

ROUNDS = 20


def without_rounding(model: ir.Model):
    """The network in float: a copy without QuantizeLinear and DequantizeLinear.

    Returns:
        ``onnx.ModelProto``.
    """
    model = model.clone()
    for node in [n for n in model.graph if n.op_type == "DequantizeLinear"]:
        (source, factor), output = inputs_of(node)[:2], node.outputs[0]
        if source.is_initializer():
            values, scale = numbers(source), numbers(factor)
            if scale.ndim:
                shape = [-1 if i == axis_of(node) else 1 for i in range(values.ndim)]
                scale = scale.reshape(shape)
            source = constant(model.graph, f"{output.name}.float", values * scale)
        else:
            clip = made_by(source, "Clip")
            rounded = inputs_of(clip)[0] if clip else source
            source = inputs_of(rounded.producer())[0]
        output.replace_all_uses_with(source)
    drop_unused(model)
    return ir.to_proto(model)


def milliseconds(sessions: list[Session], inputs: Tensor) -> list[float]:
    """Medians of the time that each takes for ``inputs``, run in turn."""
    times: list[list[float]] = [[] for _ in sessions]
    for _ in range(ROUNDS):
        for session, taken in zip(sessions, times):
            start = time.perf_counter()
            session(inputs)
            taken.append(1000 * (time.perf_counter() - start))
    return [median(taken) for taken in times]
