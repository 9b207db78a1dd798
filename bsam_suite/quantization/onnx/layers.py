"""Layers that ONNX Runtime computes with integers: what it asks of their surroundings.

Its QLinearConv takes the place of a Conv, and of a Relu behind it, between DequantizeLinear and
QuantizeLinear, with the bias as int32 in steps of input scale * weight scale; QGemm that of a Gemm.
A convolution whose output is not rounded is computed in float.
"""

from __future__ import annotations

from collections.abc import Container

import numpy as np

from bsam_suite.quantization.onnx.graph import Graph

#: What these make of values of a grid with a 0 are values of the grid, so that rounding before them
#: is the same as behind them.
KEEP_GRID = {"Flatten", "Identity", "MaxPool", "Relu", "Reshape", "Squeeze", "Transpose"}


def integer_biases(model, exact: Container[str] = ()) -> int:
    """Biases of layers whose outputs are rounded as int32 in a DequantizeLinear.

    Half a step of the bias is much where weights have few bits. So each channel's weights are
    multiplied by the whole number that int8 leaves room for with which the bias comes closest, and
    its scale is divided by it: values stay. A rounding behind a pooling, for example, is also put
    right behind the layer.

    Args:
        model: ``onnx.ModelProto``, changed in place.
        exact: outputs of the layers to leave out.

    Returns:
        The number of layers.
    """
    graph = Graph(model)
    count = 0
    for layer in layers(graph, exact):
        rounding = rounding_of(graph, layer)
        if rounding is not None and _integer_bias(graph, layer):
            end = end_of(graph, layer)
            if rounding.input[0] != end:
                round_here(graph, end, list(rounding.input[1:]))
            count += 1
    graph.drop_unused()
    return count


def layers(graph: Graph, exact: Container[str] = ()) -> list:
    """Conv and Gemm with int8 weights, and an input that is rounded with a single scale.

    Those with an output in ``exact`` are left out.

    The first dimension of the weights is that of the output channels.
    """
    found = []
    for layer in graph.model.graph.node:
        transposed = any(a.name == "transB" and a.i for a in layer.attribute)
        if layer.output[0] in exact:
            continue
        if layer.op_type != "Conv" and not (layer.op_type == "Gemm" and transposed):
            continue
        x, weight = (graph.producer.get(name) for name in layer.input[:2])
        if any(node is None or node.op_type != "DequantizeLinear" for node in (x, weight)):
            continue
        constants = [x.input[1], *weight.input[:2], *layer.input[2:]]
        if not all(name in graph.initializer for name in constants):
            continue
        if graph.array(x.input[1]).ndim == 0 and graph.array(weight.input[0]).dtype == np.int8:
            found.append(layer)
    return found


def end_of(graph: Graph, layer) -> str:
    """The layer's output, or that of a Relu which alone uses it."""
    users = graph.users(layer.output[0])
    relu = len(users) == 1 and users[0].op_type == "Relu" and not graph.is_output(layer.output[0])
    return users[0].output[0] if relu else layer.output[0]


def rounding_of(graph: Graph, layer):
    """The QuantizeLinear of a single scale to which the layer's output goes and nowhere else.

    What is between them, it may as well stand before. None where there is no such node.
    """
    name = layer.output[0]
    while not graph.is_output(name) and len(users := graph.users(name)) == 1:
        user = users[0]
        if user.op_type == "QuantizeLinear":
            return user if graph.array(user.input[1]).ndim == 0 else None
        if user.op_type not in KEEP_GRID:
            return None
        name = user.output[0]
    return None


def round_here(graph: Graph, name: str, grid: list[str]) -> None:
    """Make all users of a value take it rounded, with ``grid`` the names of scale, zero point."""
    users = graph.users(name)
    rounded = graph.node("DequantizeLinear", [graph.node("QuantizeLinear", [name, *grid]), *grid])
    for user in users:
        user.input[:] = [rounded if used == name else used for used in user.input]


def _integer_bias(graph: Graph, layer) -> bool:
    weight = graph.producer[layer.input[1]]
    integers = graph.array(weight.input[0]).astype(np.int32)
    step, bias = bias_steps(graph, layer)
    factor = _factors(integers, bias)
    if np.abs(bias * factor).max() >= 2**31:  # a channel of next to nothing but its bias
        return False
    scale = np.broadcast_to(graph.array(weight.input[1]), len(integers)).astype(np.float64)
    integers *= factor.reshape(-1, *[1] * (integers.ndim - 1))
    name = graph.add(layer.name + ".weight", integers.astype(np.int8))
    layer.input[1] = graph.dequantize(layer.name + ".weight", name, scale / factor)
    name = graph.add(layer.name + ".bias", np.round(bias * factor).astype(np.int32))
    del layer.input[2:]
    layer.input.append(graph.dequantize(layer.name + ".bias", name, step / factor))
    return True


def bias_error(graph: Graph, layer) -> np.ndarray:
    """How far an int32 bias is off, in the output's unit, (channels,)."""
    integers = graph.array(graph.producer[layer.input[1]].input[0]).astype(np.int32)
    step, bias = bias_steps(graph, layer)
    factor = _factors(integers, bias)
    return np.abs(np.round(bias * factor) / factor - bias) * step


def bias_steps(graph: Graph, layer) -> tuple[np.ndarray, np.ndarray]:
    """Input scale * weight scale, and the bias in steps of it, (channels,) each."""
    weight = graph.producer[layer.input[1]]
    count = graph.initializer[weight.input[0]].dims[0]
    scale = np.broadcast_to(graph.array(weight.input[1]), count).astype(np.float64)
    step = graph.array(graph.producer[layer.input[0]].input[1]) * scale
    return step, graph.array(layer.input[2]) / step if len(layer.input) > 2 else np.zeros(count)


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
