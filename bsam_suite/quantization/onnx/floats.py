"""Layers that ONNX Runtime computes in float although their weights are integers."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from bsam_suite.quantization.onnx.edit import (
    axis_of,
    constant,
    drop_unused,
    inputs_of,
    insert,
    made_by,
    numbers,
    set_input,
)

FLOAT = 1
"""ONNX's number of the type, for Cast."""


def float_convolutions(model: ir.Model, constant_weights: bool = True) -> None:
    """Let convolutions without an int32 bias take integers as floats, their scales in the weights.

    Between DequantizeLinear and QuantizeLinear, ONNX Runtime 1.32 would round bias and weights for
    its integer kernels. And what DequantizeLinear makes of a weight it computes anew in each run;
    what Cast and Mul make of it, once.

    Args:
        constant_weights: whether Cast and Mul make the weights; else DequantizeLinear.
    """
    graph = model.graph
    for layer in [n for n in graph if n.op_type in ("Conv", "ConvTranspose")]:
        weight = made_by(inputs_of(layer)[1], "DequantizeLinear")
        if weight is None or (len(layer.inputs) > 2 and inputs_of(layer)[2].producer()):
            continue  # a float weight, or an int32 bias
        (integers, step), axis = inputs_of(weight)[:2], axis_of(weight)
        steps = numbers(step).astype(np.float64) * _integers_as_floats(graph, layer)
        if constant_weights and steps.ndim:
            steps = steps.reshape([-1 if i == axis else 1 for i in range(numbers(integers).ndim)])
        scale = constant(graph, f"{layer.outputs[0].name}.scale", steps.astype(np.float32))
        if constant_weights:
            values = insert(graph, "Cast", [integers], to=FLOAT)
            product = insert(graph, "Mul", [values, scale])
        else:
            product = insert(graph, "DequantizeLinear", [integers, scale], axis=axis)
        set_input(layer, 1, product)
    drop_unused(model)


def _integers_as_floats(graph: ir.Graph, layer: ir.Node) -> float:
    """Give a layer its input's integers less their zero point; returns what one is worth."""
    x = made_by(inputs_of(layer)[0], "DequantizeLinear")
    if x is None or numbers(inputs_of(x)[1]).ndim:
        return 1.0
    values = insert(graph, "Cast", [inputs_of(x)[0]], to=FLOAT)
    zero_point = numbers(inputs_of(x)[2]) if len(x.inputs) > 2 else 0
    if zero_point:
        name = f"{layer.outputs[0].name}.zero_point"
        zero = constant(graph, name, np.float32(zero_point))
        values = insert(graph, "Sub", [values, zero])
    set_input(layer, 0, values)
    return float(numbers(inputs_of(x)[1]))


def add_biases(model: ir.Model) -> None:
    """Take float biases out of fully connected layers with integer weights and add them behind.

    ONNX Runtime's integer kernel has float outputs there, but would round such a bias to steps of
    input scale * weight scale. That moves values across the middle of the next rounding's steps, a
    hundred times as many as float32 does.
    """
    for layer in [n for n in model.graph if n.op_type == "Gemm" and len(n.inputs) > 2]:
        bias, output = inputs_of(layer)[2], layer.outputs[0]
        if made_by(inputs_of(layer)[1], "DequantizeLinear") is None or not bias.is_initializer():
            continue
        layer.resize_inputs(2)
        product = ir.val(None, output.dtype, output.shape)
        new = ir.node("Gemm", layer.inputs, layer.attributes, outputs=[product])
        add = ir.node("Add", [product, bias])
        values = [output], [add.outputs[0]]
        ir.convenience.replace_nodes_and_values(model.graph, layer, [layer], [new, add], *values)
    drop_unused(model)
