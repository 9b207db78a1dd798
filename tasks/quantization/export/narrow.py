"""Weights of few bits as int4."""

from __future__ import annotations

import numpy as np

from tasks.quantization.export.graph import Graph


def narrow_weights(model) -> int:
    """Store int8 weights from -8 to 7 as int4.

    The bias of a layer with such weights is stored as int32, fine enough to be what it was: a float
    one ONNX Runtime 1.32 would round to steps of input scale * weight scale, as if it computed with
    integers, which it does not with int4.

    Args:
        model: ``onnx.ModelProto``, changed in place.

    Returns:
        The number of weights.
    """
    from onnx import TensorProto, helper

    graph = Graph(model)
    narrowed = 0
    for node in list(model.graph.node):
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
        for layer in graph.users(node.output[0]):
            if len(layer.input) > 2 and layer.input[2] in graph.initializer:
                _store_bias(graph, layer)
        narrowed += 1
    graph.drop_unused()
    return narrowed


def _store_bias(graph: Graph, layer) -> None:
    bias = graph.array(layer.input[2]).astype(np.float64)
    step = np.where(bias == 0, 1, np.abs(bias)) / 2**30
    name = graph.add(layer.name + ".bias", np.round(bias / step).astype(np.int32))
    layer.input[2] = graph.dequantize(layer.name + ".bias", name, step)
