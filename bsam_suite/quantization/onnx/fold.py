"""Batch norms in the scales of the convolutions before them."""

from __future__ import annotations

import numpy as np

from bsam_suite.quantization.fold_batch_norm import scale_and_shift
from bsam_suite.quantization.onnx.graph import Graph


def fold_batch_norms(model) -> int:
    """Fold batch norms into the scales of the convolutions before them; integers keep their value.

    A batch norm stays where it takes the batch's own statistics, or where the convolution's output
    or its weight's scale goes elsewhere, too. A channel with a negative factor gets its integers
    negated. Where one of them is -128, whose negative int8 does not have, the batch norm stays.

    Args:
        model: ``onnx.ModelProto``, changed in place.

    Returns:
        The number of folded batch norms.
    """
    graph = Graph(model)
    folded = 0
    for norm in [n for n in model.graph.node if n.op_type == "BatchNormalization"]:
        conv = graph.producer.get(norm.input[0])
        if conv is None or conv.op_type != "Conv" or graph.uses[conv.output[0]] != 1:
            continue
        dequantize = graph.producer.get(conv.input[1])
        constants = list(norm.input[1:5]) + list(conv.input[2:3])
        if dequantize is None or dequantize.op_type != "DequantizeLinear":
            continue
        if graph.uses[dequantize.output[0]] != 1:
            continue
        if any(a.name == "training_mode" and a.i for a in norm.attribute):
            continue
        constants += dequantize.input[:2]
        if not all(name in graph.initializer for name in constants):
            continue
        folded += _fold(graph, norm, conv, dequantize)
    graph.drop_unused()
    return folded


def _fold(graph: Graph, norm, conv, dequantize) -> bool:
    epsilon = next((a.f for a in norm.attribute if a.name == "epsilon"), 1e-5)
    constants = (graph.array(name).astype(np.float64) for name in norm.input[1:5])
    factor, shift = scale_and_shift(*constants, epsilon)
    integers = graph.array(dequantize.input[0])
    rows = integers.reshape(len(integers), -1)
    negative = factor < 0
    if negative.any() and (integers.dtype != np.int8 or (rows[negative] == -128).any()):
        return False
    if negative.any() or (factor == 0).any():
        sign = np.sign(factor).astype(integers.dtype).reshape(-1, *[1] * (integers.ndim - 1))
        dequantize.input[0] = graph.add(conv.name + ".weight", integers * sign)
    scale = graph.array(dequantize.input[1]).astype(np.float64)
    size = np.where(factor == 0, 1, np.abs(factor))
    bias = graph.array(conv.input[2]) if len(conv.input) > 2 else 0
    bias = bias * factor + shift
    dequantize.input[1] = graph.add(conv.name + ".scale", (scale * size).astype(np.float32))
    zero = np.zeros(len(factor), integers.dtype)
    if len(dequantize.input) > 2:
        del dequantize.input[2]
    dequantize.input.append(graph.add(conv.name + ".zero_point", zero))
    graph.set_axis(dequantize, 0)
    del conv.input[2:]
    conv.input.append(graph.add(conv.name + ".bias", bias.astype(np.float32)))
    conv.output[0] = norm.output[0]
    graph.model.graph.node.remove(norm)
    return True
