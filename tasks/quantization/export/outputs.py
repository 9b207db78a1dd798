"""Outputs of layers that a quantized model leaves in float, rounded to 8 bits."""

from __future__ import annotations

import numpy as np

from bsam_suite.onnx.extra import need
from tasks.quantization.export.graph import Graph
from tasks.quantization.export.layers import end_of, layers, round_here, rounding_of

#: How far the ends of a grid lie beyond the values seen.
MARGIN = 1.1


def round_outputs(model, inputs: np.ndarray) -> int:
    """Round outputs of layers that go on in float, such as those to a residual addition.

    To 8 bits, over the range seen. What reaches the model's output without being rounded by the
    model stays.

    Args:
        model: ``onnx.ModelProto``, changed in place.
        inputs: the model's input on which ranges are seen, (N, ...).

    Returns:
        The number of layers.
    """
    graph = Graph(model)
    names = [
        end_of(graph, layer)
        for layer in layers(graph)
        if rounding_of(graph, layer) is None and not _reaches_output(graph, layer.output[0])
    ]
    for name, (low, high) in zip(names, _ranges(graph, names, inputs)):
        step = (high - low) * MARGIN / 255 or 1.0
        zero_point = np.uint8(round(-low * MARGIN / step))
        scale = graph.add(name + ".scale", np.float32(step))
        round_here(graph, name, [scale, graph.add(name + ".zero_point", zero_point)])
    return len(names)


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


def _ranges(graph: Graph, names: list[str], inputs: np.ndarray) -> list[tuple[float, float]]:
    """Lowest and highest number of each value, 0 among them."""
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
    ends = [(0.0, 0.0) for _ in names]
    # All these values of a whole batch at once may be more than the memory holds.
    for i in range(0, len(inputs), 8):
        outputs = session.run(names, {session.get_inputs()[0].name: inputs[i : i + 8]})
        ends = [
            (min(low, float(values.min())), max(high, float(values.max())))
            for (low, high), values in zip(ends, outputs)
        ]
    return ends
