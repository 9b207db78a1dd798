"""Layers that ONNX Runtime computes with integers: what it asks of their surroundings.

Its QLinearConv takes the place of a Conv, and of a Relu behind it, between DequantizeLinear and
QuantizeLinear, with the bias as int32 in steps of input scale * weight scale; QGemm that of a Gemm.
A convolution whose output is not rounded is computed in float.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

import numpy as np
import onnx_ir as ir

from bsam_suite.quantization.onnx.edit import (
    constant,
    drop_unused,
    inputs_of,
    insert,
    made_by,
    numbers,
    only_user,
    set_input,
)

#: What these make of values of a grid with a 0 are values of the grid, so that rounding before them
#: is the same as behind them.
KEEP_GRID = {"Flatten", "Identity", "MaxPool", "Relu", "Reshape", "Squeeze", "Transpose"}


def integer_biases(model: ir.Model, exact: Container[str] = ()) -> None:
    """Biases of layers whose outputs are rounded as int32 in a DequantizeLinear.

    Half a step of the bias is much where weights have few bits. So each channel's weights are
    multiplied by the whole number that int8 leaves room for with which the bias comes closest, and
    its scale is divided by it: values stay. A rounding behind a pooling, for example, is also put
    right behind the layer.

    Args:
        exact: outputs of the layers to leave out.
    """
    for layer in integer_layers(model, exact):
        rounding = rounding_of(layer)
        if rounding is not None and _integer_bias(model.graph, layer):
            end = end_of(layer)
            if rounding.inputs[0] is not end:
                round_here(model.graph, end, inputs_of(rounding)[1:])
    drop_unused(model)


def integer_layers(model: ir.Model, exact: Container[str] = ()) -> list[ir.Node]:
    """Conv and Gemm with int8 weights, and an input that is rounded with a single scale.

    Those with an output in ``exact`` are left out.

    The first dimension of the weights is that of the output channels.
    """
    return [n for n in model.graph if n.outputs[0].name not in exact and _has_integers(n)]


def _has_integers(layer: ir.Node) -> bool:
    transposed = layer.attributes.get_int("transB", 0)
    if layer.op_type != "Conv" and not (layer.op_type == "Gemm" and transposed):
        return False
    x, weight = (made_by(value, "DequantizeLinear") for value in inputs_of(layer)[:2])
    if x is None or weight is None:
        return False
    constants = [inputs_of(x)[1], *inputs_of(weight)[:2], *inputs_of(layer)[2:]]
    if not all(value.is_initializer() for value in constants):
        return False
    return numbers(constants[0]).ndim == 0 and numbers(constants[1]).dtype == np.int8


def end_of(layer: ir.Node) -> ir.Value:
    """The layer's output, or that of a Relu which alone uses it."""
    user = only_user(layer.outputs[0])
    return user.outputs[0] if user is not None and user.op_type == "Relu" else layer.outputs[0]


def rounding_of(layer: ir.Node) -> ir.Node | None:
    """The QuantizeLinear of a single scale to which the layer's output goes and nowhere else.

    What is between them, it may as well stand before. None where there is no such node.
    """
    user = only_user(layer.outputs[0])
    while user is not None and user.op_type in KEEP_GRID:
        user = only_user(user.outputs[0])
    if user is None or user.op_type != "QuantizeLinear":
        return None
    return user if numbers(inputs_of(user)[1]).ndim == 0 else None


def round_here(graph: ir.Graph, value: ir.Value, grid: Sequence[ir.Value]) -> None:
    """Make all users of a value take it rounded; ``grid``: scale and zero point."""
    users = list(value.uses())
    integers = insert(graph, "QuantizeLinear", [value, *grid])
    rounded = insert(graph, "DequantizeLinear", [integers, *grid])
    for user, index in users:
        user.replace_input_with(index, rounded)


def _integer_bias(graph: ir.Graph, layer: ir.Node) -> bool:
    weight, name = inputs_of(inputs_of(layer)[1].producer()), layer.outputs[0].name
    integers = numbers(weight[0]).astype(np.int32)
    step, bias = bias_steps(layer)
    factor = _factors(integers, bias)
    if np.abs(bias * factor).max() >= 2**31:  # a channel of next to nothing but its bias
        return False
    scale = np.broadcast_to(numbers(weight[1]), len(integers)).astype(np.float64)
    integers *= factor.reshape(-1, *[1] * (integers.ndim - 1))
    bias = np.round(bias * factor).astype(np.int32)
    stored = ("weight", integers.astype(np.int8), scale), ("bias", bias, step)
    for index, (part, values, steps) in enumerate(stored, 1):
        grid = constant(graph, f"{name}.{part}.scale", (steps / factor).astype(np.float32))
        inputs = [constant(graph, f"{name}.{part}", values), grid]
        set_input(layer, index, insert(graph, "DequantizeLinear", inputs, axis=0))
    return True


def bias_error(layer: ir.Node) -> np.ndarray:
    """How far an int32 bias is off, in the output's unit, (channels,)."""
    integers = numbers(inputs_of(inputs_of(layer)[1].producer())[0]).astype(np.int32)
    step, bias = bias_steps(layer)
    factor = _factors(integers, bias)
    return np.abs(np.round(bias * factor) / factor - bias) * step


def bias_steps(layer: ir.Node) -> tuple[np.ndarray, np.ndarray]:
    """Input scale * weight scale, and the bias in steps of it, (channels,) each."""
    x, weight, *bias = inputs_of(layer)
    (_, unit), (integers, scale) = (inputs_of(v.producer())[:2] for v in (x, weight))
    count = len(numbers(integers))
    step = numbers(unit) * np.broadcast_to(numbers(scale), count).astype(np.float64)
    return step, numbers(bias[0]) / step if bias else np.zeros(count)


def _factors(integers: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """For each channel the k with which ``round(bias k) / k`` is closest to ``bias``, (channels,).

    Args:
        integers: weights, (channels, ...); times k they fit in int8.
        bias: in steps, (channels,).
    """
    rows = integers.reshape(len(integers), -1)
    room = np.minimum(127 // rows.max(1).clip(1), 128 // (-rows.min(1)).clip(1))
    factors = np.arange(1, 129).reshape(-1, 1)
    error = np.abs(np.round(bias * factors) - bias * factors) / factors
    return np.where(factors <= room, error, np.inf).argmin(0) + 1
