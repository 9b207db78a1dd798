"""Biases of layers that ONNX Runtime computes in float although their weights are integers."""

from __future__ import annotations

from tasks.quantization.export.graph import Graph


def add_biases(model) -> int:
    """Take float biases out of layers with integer weights and add them behind.

    ONNX Runtime 1.32 rounds a float bias inside of such a layer to steps of input scale * weight
    scale, for integer kernels, whether it has one or not. That moves values across the middle of
    the next rounding's steps, a hundred times as many as float32 does.

    Args:
        model: ``onnx.ModelProto``, changed in place.

    Returns:
        The number of layers.
    """
    from onnx import helper

    graph = Graph(model)
    nodes = model.graph.node
    count = 0
    for layer in [n for n in nodes if n.op_type in ("Conv", "ConvTranspose", "Gemm")]:
        weight = graph.producer.get(layer.input[1])
        if weight is None or weight.op_type != "DequantizeLinear":
            continue
        if len(layer.input) < 3 or layer.input[2] not in graph.initializer:
            continue
        shape = (-1,) if layer.op_type == "Gemm" else (-1, 1, 1)
        name = graph.add(layer.name + ".bias", graph.array(layer.input.pop(2)).reshape(shape))
        output = layer.output[0]
        layer.output[0] = f"{output}.product"
        place = list(nodes).index(layer) + 1
        nodes.insert(place, helper.make_node("Add", [layer.output[0], name], [output]))
        count += 1
    graph.drop_unused()
    return count
