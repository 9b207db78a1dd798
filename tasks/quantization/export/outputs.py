"""Outputs of layers that a quantized model leaves in float, rounded to 8 bits."""

from __future__ import annotations

import numpy as np

from tasks.quantization.export.extra import need
from tasks.quantization.export.graph import Graph
from tasks.quantization.export.layers import end_of, is_rounded, layers

#: How far the ends of a grid lie beyond the values seen.
MARGIN = 1.1


def round_outputs(model, inputs: np.ndarray) -> int:
    """Round outputs of layers that go on in float, such as those to a residual addition.

    Every channel has steps of its own, with which its grid spans the range seen. Kernels with
    integers know a single output scale: so the steps divide the scales of the weights, the output
    scale is 1, and a Mul behind gives the steps back. What reaches the model's output without being
    rounded by the model stays.

    Args:
        model: ``onnx.ModelProto``, changed in place.
        inputs: the model's input on which ranges are seen, (N, ...).

    Returns:
        The number of layers.
    """
    graph = Graph(model)
    ends = {end_of(graph, layer): layer for layer in layers(graph)}
    ends = {
        end: layer
        for end, layer in ends.items()
        if not is_rounded(graph, end) and not _reaches_output(graph, end)
    }
    for (end, layer), (low, high) in zip(ends.items(), _ranges(graph, list(ends), inputs)):
        _round(graph, layer, end, low, high)
    graph.drop_unused()
    return len(ends)


def _reaches_output(graph: Graph, name: str) -> bool:
    """Whether a value reaches the model's output other than through a QuantizeLinear."""
    waiting, seen = [name], set()
    while waiting:
        name = waiting.pop()
        if graph.is_output(name):
            return True
        nodes = [node for node in graph.users(name) if node.op_type != "QuantizeLinear"]
        new = {output for node in nodes for output in node.output} - seen
        seen |= new
        waiting += new
    return False


def _ranges(graph: Graph, names: list[str], inputs: np.ndarray) -> list[list[np.ndarray]]:
    """For each value its lowest and highest number by channel, shape (channels,) each."""
    if not names:
        return []
    from onnx import ModelProto, helper

    runtime = need("onnxruntime")
    model = ModelProto()
    model.CopyFrom(graph.model)
    del model.graph.output[:]
    model.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    options = runtime.SessionOptions()
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = runtime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    ends: list = [[np.inf, -np.inf] for _ in names]
    # All these values of a whole batch at once may be more than the memory holds.
    for i in range(0, len(inputs), 8):
        outputs = session.run(names, {session.get_inputs()[0].name: inputs[i : i + 8]})
        for end, values in zip(ends, outputs):
            axes = (0, *range(2, values.ndim))
            end[0] = np.minimum(end[0], values.min(axes))
            end[1] = np.maximum(end[1], values.max(axes))
    return ends


def _round(graph: Graph, layer, end: str, low: np.ndarray, high: np.ndarray) -> None:
    zero, step = _grid(low * MARGIN, high * MARGIN)
    users = graph.users(end)
    weight = graph.producer[layer.input[1]]
    scale = graph.array(weight.input[1]) / step
    bias = (graph.array(layer.input[2]) if len(layer.input) > 2 else 0) / step
    layer.input[1] = graph.dequantize(layer.name + ".weight", weight.input[0], scale)
    del layer.input[2:]
    layer.input.append(graph.add(layer.name + ".bias", bias.astype(np.float32)))
    grid = [graph.add(end + ".one", np.float32(1)), graph.add(end + ".zero_point", zero)]
    integers = graph.node("QuantizeLinear", [end, *grid])
    steps = graph.node("DequantizeLinear", [integers, *grid])
    shape = [-1] + [1] * (graph.array(weight.input[0]).ndim - 2)
    size = graph.add(end + ".step", step.astype(np.float32).reshape(shape))
    rounded = graph.node("Mul", [steps, size])
    for user in users:
        user.input[:] = [rounded if name == end else name for name in user.input]


def _grid(low: np.ndarray, high: np.ndarray) -> tuple[np.uint8, np.ndarray]:
    """The zero point that all channels share and the step of each, the finest in mean square."""
    zero = np.arange(256).reshape(-1, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        below = np.where(low < 0, -low / zero, 0)
        above = np.where(high > 0, high / (255 - zero), 0)
    step = np.maximum(below, above)
    step = np.where(step > 0, step, 1.0)
    best = np.square(step).sum(1).argmin()
    return np.uint8(best), step[best]
