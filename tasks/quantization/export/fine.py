"""Biases of layers that ONNX Runtime computes in float although their weights are integers."""

from __future__ import annotations

import numpy as np

from tasks.quantization.export.graph import Graph


def fine_biases(model) -> int:
    """Store biases behind int4 weights, of transposed convolutions and before a Clip as fine int32.

    ONNX Runtime 1.32 rounds a float bias there to steps of input scale * weight scale, for integer
    kernels that it does not have. Steps of 2 ** -30 of each bias leave it what it was. A Clip is
    what a ReLU6 becomes.

    Args:
        model: ``onnx.ModelProto``, changed in place.

    Returns:
        The number of layers.
    """
    graph = Graph(model)
    count = 0
    for layer in list(model.graph.node):
        if layer.op_type not in ("Conv", "ConvTranspose", "Gemm") or len(layer.input) < 3:
            continue
        weight = graph.producer.get(layer.input[1])
        if weight is None or weight.op_type != "DequantizeLinear":
            continue
        if weight.input[0] not in graph.initializer or layer.input[2] not in graph.initializer:
            continue
        clipped = any(user.op_type == "Clip" for user in graph.users(layer.output[0]))
        is_int8 = graph.array(weight.input[0]).dtype == np.int8
        if is_int8 and not clipped and layer.op_type != "ConvTranspose":
            continue
        bias = graph.array(layer.input[2]).astype(np.float64)
        step = np.where(bias == 0, 1, np.abs(bias)) / 2**30
        name = graph.add(layer.name + ".bias", np.round(bias / step).astype(np.int32))
        layer.input[2] = graph.dequantize(layer.name + ".bias", name, step)
        count += 1
    graph.drop_unused()
    return count
