"""Layers that ONNX Runtime computes in float although their weights are integers."""

from __future__ import annotations

import numpy as np

from bsam_suite.quantization.onnx.graph import Graph


def float_convolutions(model, constant: bool = True) -> int:
    """Let convolutions without an int32 bias take integers as floats, their scales in the weights.

    Between DequantizeLinear and QuantizeLinear, ONNX Runtime 1.32 would round bias and weights for
    its integer kernels. And what DequantizeLinear makes of a weight it computes anew in each run;
    what Cast and Mul make of it, once.

    Args:
        model: ``onnx.ModelProto``, changed in place.
        constant: whether Cast and Mul make the weights; else DequantizeLinear.

    Returns:
        The number of layers.
    """
    graph = Graph(model)
    count = 0
    for layer in [n for n in model.graph.node if n.op_type in ("Conv", "ConvTranspose")]:
        weight = graph.producer.get(layer.input[1])
        if weight is None or weight.op_type != "DequantizeLinear":
            continue
        if len(layer.input) > 2 and layer.input[2] in graph.producer:
            continue  # an int32 bias
        integers, scale = weight.input[0], graph.array(weight.input[1]).astype(np.float64)
        axis = graph.axis(weight)
        scale = (scale * _integers_as_floats(graph, layer)).astype(np.float32)
        name = layer.output[0] + ".scale"
        if constant:
            dimensions = len(graph.initializer[integers].dims)
            shape = [-1 if i == axis else 1 for i in range(dimensions)]
            values = graph.node("Cast", [integers], to=1)  # float
            scale = scale.reshape(shape) if scale.ndim else scale
            layer.input[1] = graph.node("Mul", [values, graph.add(name, scale)])
        else:
            inputs = [integers, graph.add(name, scale)]
            layer.input[1] = graph.node("DequantizeLinear", inputs, axis=axis)
        count += 1
    graph.drop_unused()
    return count


def _integers_as_floats(graph: Graph, layer) -> float:
    """Give a layer its input's integers less their zero point; returns what one is worth."""
    x = graph.producer.get(layer.input[0])
    if x is None or x.op_type != "DequantizeLinear" or graph.array(x.input[1]).ndim:
        return 1.0
    values = graph.node("Cast", [x.input[0]], to=1)
    zero_point = graph.array(x.input[2]).astype(np.float32) if len(x.input) > 2 else 0
    if zero_point:
        zero = graph.add(layer.output[0] + ".zero_point", zero_point)
        values = graph.node("Sub", [values, zero])
    layer.input[0] = values
    return float(graph.array(x.input[1]))


def add_biases(model) -> int:
    """Take float biases out of fully connected layers with integer weights and add them behind.

    ONNX Runtime's integer kernel has float outputs there, but would round such a bias to steps of
    input scale * weight scale. That moves values across the middle of the next rounding's steps, a
    hundred times as many as float32 does.

    Args:
        model: ``onnx.ModelProto``, changed in place.

    Returns:
        The number of layers.
    """
    graph = Graph(model)
    count = 0
    for layer in [n for n in model.graph.node if n.op_type == "Gemm" and len(n.input) > 2]:
        weight = graph.producer.get(layer.input[1])
        if weight is None or weight.op_type != "DequantizeLinear":
            continue
        if layer.input[2] in graph.initializer:
            output, bias = layer.output[0], layer.input.pop(2)
            layer.output[0] = f"{output}.product"
            graph.node("Add", [layer.output[0], bias], output)
            count += 1
    graph.drop_unused()
    return count
