"""Outputs of layers that a quantized model leaves in float, rounded to 8 bits."""

from __future__ import annotations

from collections.abc import Container
from typing import NamedTuple

import numpy as np
import onnx_ir as ir

from bsam_suite.optional import need
from bsam_suite.quantization.onnx.edit import constant
from bsam_suite.quantization.onnx.integer_layers import (
    end_of,
    integer_layers,
    round_here,
    rounding_of,
)

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


def seen_outputs(model: ir.Model, inputs: np.ndarray) -> dict[str, Seen]:
    """What layers put out that integer kernels can compute, by the name of the layer's output.

    With the Relu behind a layer. Such a layer's output is rounded by the model, or goes on in float
    and not to the model's output.
    """
    ends = {
        str(layer.outputs[0].name): str(end_of(layer).name)
        for layer in integer_layers(model)
        if rounding_of(layer) is not None or not _reaches_output(layer.outputs[0])
    }
    return dict(zip(ends, _seen(model, list(ends.values()), inputs)))


def round_outputs(model: ir.Model, seen: dict[str, Seen], exact: Container[str] = ()) -> None:
    """Round outputs of layers that go on in float, such as those to a residual addition.

    To 8 bits, over the range seen.

    Args:
        seen: by :func:`seen_outputs`, of the same model.
        exact: outputs of the layers to leave out.
    """
    for layer in integer_layers(model, exact):
        found = seen.get(str(layer.outputs[0].name))
        if found is not None and rounding_of(layer) is None:
            end = end_of(layer)
            scale = constant(model.graph, f"{end.name}.scale", np.float32(found.step))
            zero = np.uint8(round(-found.low * MARGIN / found.step))
            zero_point = constant(model.graph, f"{end.name}.zero_point", zero)
            round_here(model.graph, end, [scale, zero_point])


def _reaches_output(value: ir.Value) -> bool:
    """Whether a value reaches the model's output other than through a QuantizeLinear."""
    waiting, seen = [value], {value}
    while waiting:
        value = waiting.pop()
        if value.is_graph_output():
            return True
        users = [user for user in value.consumers() if user.op_type != "QuantizeLinear"]
        new = {output for user in users for output in user.outputs} - seen
        seen |= new
        waiting += new
    return False


def _seen(model: ir.Model, names: list[str], inputs: np.ndarray) -> list[Seen]:
    if not names:
        return []
    runtime = need("onnxruntime", "export")
    model = model.clone()
    values = ir.convenience.create_value_mapping(model.graph)
    model.graph.outputs[:] = [values[name] for name in names]
    options = runtime.SessionOptions()
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = runtime.InferenceSession(
        ir.to_proto(model).SerializeToString(), options, providers=["CPUExecutionProvider"]
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
