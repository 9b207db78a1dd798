"""Weights of few bits as int4."""

from __future__ import annotations

import numpy as np

from bsam_suite.quantization.onnx.graph import Graph


def narrow_weights(model) -> int:
    """Store int8 weights from -8 to 7 as int4.

    Args:
        model: ``onnx.ModelProto``, changed in place.

    Returns:
        The number of weights.
    """
    from onnx import TensorProto, helper

    graph = Graph(model)
    narrowed = 0
    for node in model.graph.node:
        if node.op_type != "DequantizeLinear" or node.input[0] not in graph.initializer:
            continue
        values = graph.array(node.input[0])
        if values.dtype != np.int8 or values.min() < -8 or values.max() > 7:
            continue
        zeros = np.zeros(graph.array(node.input[1]).shape, np.int8)
        for i, array in ((0, values), (2, zeros)):
            name = f"{node.input[0]}.int4" if i == 0 else f"{node.output[0]}.zero_point"
            tensor = helper.make_tensor(name, TensorProto.INT4, array.shape, array.reshape(-1))
            graph.put(tensor)
            if i < len(node.input):
                node.input[i] = name
            else:
                node.input.append(name)
        narrowed += 1
    graph.drop_unused()
    return narrowed
