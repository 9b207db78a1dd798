"""What a file costs against the same network in float."""

from __future__ import annotations

import copy
import time
from statistics import median

from torch import Tensor

from bsam_suite.onnx.session import Session
from bsam_suite.quantization.onnx.graph import Graph

ROUNDS = 20


def without_rounding(graph):
    """The network in float: a copy without QuantizeLinear and DequantizeLinear.

    Args:
        graph: of :func:`bsam_suite.quantization.onnx.export.quantized_graph`.
    """
    graph = Graph(copy.deepcopy(graph))
    for node in [n for n in graph.model.graph.node if n.op_type == "DequantizeLinear"]:
        if node.input[0] in graph.initializer:
            values, scale = (graph.array(name) for name in node.input[:2])
            if scale.ndim:
                shape = [-1 if i == graph.axis(node) else 1 for i in range(values.ndim)]
                scale = scale.reshape(shape)
            source = graph.add(node.output[0] + ".float", values * scale)
        else:
            rounding = graph.producer[node.input[0]]
            if rounding.op_type == "Clip":
                rounding = graph.producer[rounding.input[0]]
            source = rounding.input[0]
        for user in graph.users(node.output[0]):
            user.input[:] = [source if name == node.output[0] else name for name in user.input]
    graph.drop_unused()
    return graph.model


def milliseconds(sessions: list[Session], inputs: Tensor) -> list[float]:
    """Medians of the time that each takes for ``inputs``, run in turn."""
    times: list[list[float]] = [[] for _ in sessions]
    for _ in range(ROUNDS):
        for session, taken in zip(sessions, times):
            start = time.perf_counter()
            session(inputs)
            taken.append(1000 * (time.perf_counter() - start))
    return [median(taken) for taken in times]
