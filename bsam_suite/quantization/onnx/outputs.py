"""Outputs of layers that a quantized model leaves in float, rounded to 8 bits."""

from __future__ import annotations

from collections.abc import Container
from typing import NamedTuple

import numpy as np

from bsam_suite.optional import need
from bsam_suite.quantization.onnx.graph import Graph
from bsam_suite.quantization.onnx.layers import end_of, layers, round_here, rounding_of

#: How far the ends of a grid lie beyond the values seen.
MARGIN = 1.1


class Seen(NamedTuple):
    """Lowest and highest number of a value, 0 among them; mean square of each channel, (C,)."""

    low: float
    high: float
    power: np.ndarray

    @property
    def step(self) -> float:
        """Of a grid of 8 bits for it."""
        return (self.high - self.low) * MARGIN / 255 or 1.0


def seen_outputs(model, inputs: np.ndarray) -> dict[str, Seen]:
    """What layers put out that integer kernels can compute, by the name of the layer's output.

    With the Relu behind a layer. Such a layer's output is rounded by the model, or goes on in float
    and not to the model's output.

    Args:
        model: ``onnx.ModelProto``.
        inputs: the model's input, (N, ...).
    """
    graph = Graph(model)
    ends = {
        layer.output[0]: end_of(graph, layer)
        for layer in layers(graph)
        if rounding_of(graph, layer) is not None or not _reaches_output(graph, layer.output[0])
    }
    return dict(zip(ends, _seen(graph, list(ends.values()), inputs)))


def round_outputs(model, seen: dict[str, Seen], exact: Container[str] = ()) -> int:
    """Round outputs of layers that go on in float, such as those to a residual addition.

    To 8 bits, over the range seen.

    Args:
        model: ``onnx.ModelProto``, changed in place.
        seen: by :func:`seen_outputs`, of the same model.
        exact: outputs of the layers to leave out.

    Returns:
        The number of layers.
    """
    graph = Graph(model)
    chosen = {
        layer.output[0]: end_of(graph, layer)
        for layer in layers(graph, exact)
        if layer.output[0] in seen and rounding_of(graph, layer) is None
    }
    for output, name in chosen.items():
        low, step = seen[output].low, seen[output].step
        scale = graph.add(name + ".scale", np.float32(step))
        zero_point = graph.add(name + ".zero_point", np.uint8(round(-low * MARGIN / step)))
        round_here(graph, name, [scale, zero_point])
    return len(chosen)


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


def _seen(graph: Graph, names: list[str], inputs: np.ndarray) -> list[Seen]:
    if not names:
        return []
    from onnx import ModelProto, helper

    runtime = need("onnxruntime", "export")
    model = ModelProto()
    model.CopyFrom(graph.model)
    del model.graph.output[:]
    model.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    options = runtime.SessionOptions()
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = runtime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    parts: list[list[Seen]] = []
    # All these values of a whole batch at once may be more than the memory holds.
    for i in range(0, len(inputs), 4):
        part = inputs[i : i + 4]
        outputs = session.run(names, {session.get_inputs()[0].name: part})
        parts.append([_part(values, len(part) / len(inputs)) for values in outputs])
    found = []
    for seen in zip(*parts):
        lows, highs, powers = zip(*seen)
        found.append(Seen(min(lows), max(highs), np.sum(powers, 0)))
    return found


def _part(values: np.ndarray, share: float) -> Seen:
    others = tuple(i for i in range(values.ndim) if i != 1)
    power = np.square(values, dtype=np.float64).mean(others) * share
    return Seen(float(values.min(initial=0)), float(values.max(initial=0)), power)
