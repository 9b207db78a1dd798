"""Batch norms in the scales of the convolutions before them."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from bsam_suite.quantization.fold_batch_norm import scale_and_shift
from bsam_suite.quantization.onnx.edit import (
    constant,
    drop_unused,
    inputs_of,
    made_by,
    numbers,
    only_user,
    set_input,
)


def scale_by_batch_norms(model: ir.Model) -> None:
    """Put batch norms into the scales of the convolutions before them; integers keep their value.

    A batch norm stays where it takes the batch's own statistics, or where the convolution's output
    or its weight's scale goes elsewhere, too. A channel with a negative factor gets its integers
    negated. Where one of them is -128, whose negative int8 does not have, the batch norm stays.
    """
    for norm in [n for n in model.graph if n.op_type == "BatchNormalization"]:
        conv = made_by(inputs_of(norm)[0], "Conv")
        dequantize = conv and made_by(inputs_of(conv)[1], "DequantizeLinear")
        if conv is None or dequantize is None or norm.attributes.get_int("training_mode", 0) != 0:
            continue
        if only_user(conv.outputs[0]) is None or only_user(dequantize.outputs[0]) is None:
            continue
        constants = [*inputs_of(norm)[1:5], *inputs_of(conv)[2:3], *inputs_of(dequantize)[:2]]
        if all(value.is_initializer() for value in constants):
            _fold(model.graph, norm, conv, dequantize)
    drop_unused(model)


def _fold(graph: ir.Graph, norm: ir.Node, conv: ir.Node, dequantize: ir.Node) -> None:
    epsilon = norm.attributes.get_float("epsilon", 1e-5)
    statistics = (numbers(value).astype(np.float64) for value in inputs_of(norm)[1:5])
    gamma, beta, mean, variance = statistics
    factor, shift = scale_and_shift(gamma, beta, mean, variance, epsilon)
    integers = numbers(inputs_of(dequantize)[0])
    negative = factor < 0
    if negative.any() and (integers.dtype != np.int8 or (integers[negative] == -128).any()):
        return
    name = norm.outputs[0].name
    if negative.any() or (factor == 0).any():
        sign = np.sign(factor).astype(integers.dtype).reshape(-1, *[1] * (integers.ndim - 1))
        set_input(dequantize, 0, constant(graph, f"{name}.weight", integers * sign))
    scale = numbers(inputs_of(dequantize)[1]) * np.where(factor == 0, 1, np.abs(factor))
    set_input(dequantize, 1, constant(graph, f"{name}.scale", scale.astype(np.float32)))
    zero = np.zeros(len(factor), integers.dtype)
    set_input(dequantize, 2, constant(graph, f"{name}.zero_point", zero))
    dequantize.attributes.add(ir.AttrInt64("axis", 0))
    bias = numbers(inputs_of(conv)[2]) if len(conv.inputs) > 2 else 0
    bias = (bias * factor + shift).astype(np.float32)
    set_input(conv, 2, constant(graph, f"{name}.bias", bias))
    values = [norm.outputs[0]], [conv.outputs[0]]
    ir.convenience.replace_nodes_and_values(graph, conv, [norm], [], *values)
