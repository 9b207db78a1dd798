"""Weights of few bits as int4."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from bsam_suite.quantization.onnx.edit import constant, drop_unused, inputs_of, numbers, set_input


def narrow_weights(model: ir.Model) -> None:
    """Store int8 weights from -8 to 7 as int4."""
    int4 = ir.DataType.INT4.numpy()
    for node in [n for n in model.graph if n.op_type == "DequantizeLinear"]:
        weight, scale = inputs_of(node)[:2]
        values = numbers(weight) if weight.is_initializer() else np.zeros(0)
        if values.dtype == np.int8 and values.min() >= -8 and values.max() <= 7:
            set_input(node, 0, constant(model.graph, f"{weight.name}.int4", values.astype(int4)))
            zeros = np.zeros(numbers(scale).shape, int4)
            set_input(node, 2, constant(model.graph, f"{weight.name}.zero_point", zeros))
    drop_unused(model)
