"""Changes of an ONNX graph with quantized weights."""

from __future__ import annotations

import numpy as np


def fold_batch_norms(model) -> int:
    """Fold batch norms into the scales of the convolutions before them; integers keep their value.

    A channel with a negative factor gets its integers negated. Where one of them is -128, whose
    negative int8 does not have, the batch norm stays.

    Args:
        model: ``onnx.ModelProto``, changed in place.

    Returns:
        The number of folded batch norms.
    """
    graph = _Graph(model)
    folded = 0
    for norm in [n for n in model.graph.node if n.op_type == "BatchNormalization"]:
        conv = graph.producer.get(norm.input[0])
        if conv is None or conv.op_type != "Conv" or graph.uses[conv.output[0]] != 1:
            continue
        dequantize = graph.producer.get(conv.input[1])
        constants = list(norm.input[1:5]) + list(conv.input[2:3])
        if dequantize is None or dequantize.op_type != "DequantizeLinear":
            continue
        constants += dequantize.input[:2]
        if not all(name in graph.initializer for name in constants):
            continue
        folded += _fold(graph, norm, conv, dequantize)
    graph.drop_unused()
    return folded


def _fold(graph: _Graph, norm, conv, dequantize) -> bool:
    gamma, beta, mean, variance = (graph.array(name) for name in norm.input[1:5])
    epsilon = next((a.f for a in norm.attribute if a.name == "epsilon"), 1e-5)
    factor = gamma.astype(np.float64) / np.sqrt(variance.astype(np.float64) + epsilon)
    integers = graph.array(dequantize.input[0])
    rows = integers.reshape(len(integers), -1)
    negative = factor < 0
    if negative.any() and (integers.dtype != np.int8 or (rows[negative] == -128).any()):
        return False
    if negative.any() or (factor == 0).any():
        sign = np.sign(factor).astype(np.int8).reshape(-1, *[1] * (integers.ndim - 1))
        dequantize.input[0] = graph.add(conv.name + ".weight", integers * sign)
    scale = graph.array(dequantize.input[1]).astype(np.float64)
    size = np.where(factor == 0, 1, np.abs(factor))
    bias = graph.array(conv.input[2]) if len(conv.input) > 2 else 0
    bias = (bias - mean.astype(np.float64)) * factor + beta
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


def narrow_weights(model) -> int:
    """Store int8 weights from -8 to 7 as int4.

    Args:
        model: ``onnx.ModelProto``, changed in place.

    Returns:
        The number of weights.
    """
    from onnx import TensorProto, helper

    graph = _Graph(model)
    narrowed = 0
    for node in model.graph.node:
        if node.op_type != "DequantizeLinear" or node.input[0] not in graph.initializer:
            continue
        values = graph.array(node.input[0])
        if values.dtype != np.int8 or values.min() < -8 or values.max() > 7:
            continue
        zeros = np.zeros(graph.array(node.input[1]).shape, np.int8)
        for i, array in ((0, values), (2, zeros)):
            name = f"{node.input[0]}.int4" if i == 0 else f"{node.output[0]}.zero_point"
            tensor = helper.make_tensor(name, TensorProto.INT4, array.shape, array.reshape(-1))
            graph.put(tensor)
            if i < len(node.input):
                node.input[i] = name
            else:
                node.input.append(name)
        narrowed += 1
    graph.drop_unused()
    return narrowed


class _Graph:
    """Who makes and who uses a value."""

    def __init__(self, model) -> None:
        from onnx import numpy_helper

        self.model, self.helper = model, numpy_helper
        self.initializer = {tensor.name: tensor for tensor in model.graph.initializer}
        self.producer = {name: node for node in model.graph.node for name in node.output}
        self.uses: dict[str, int] = {}
        for node in model.graph.node:
            for name in node.input:
                self.uses[name] = self.uses.get(name, 0) + 1
        for output in model.graph.output:
            self.uses[output.name] = self.uses.get(output.name, 0) + 1

    def array(self, name: str) -> np.ndarray:
        return self.helper.to_array(self.initializer[name])

    def add(self, name: str, array: np.ndarray) -> str:
        """A new initializer; several nodes may share an old one. Returns its name."""
        while name in self.initializer or name in self.producer:
            name += "_"
        self.put(self.helper.from_array(np.ascontiguousarray(array), name))
        return name

    def put(self, tensor) -> None:
        self.model.graph.initializer.append(tensor)
        self.initializer[tensor.name] = tensor

    def set_axis(self, node, axis: int) -> None:
        from onnx import helper

        kept = [attribute for attribute in node.attribute if attribute.name != "axis"]
        del node.attribute[:]
        node.attribute.extend([*kept, helper.make_attribute("axis", axis)])

    def drop_unused(self) -> None:
        used = {name for node in self.model.graph.node for name in node.input}
        used |= {output.name for output in self.model.graph.output}
        kept = [t for t in self.model.graph.initializer if t.name in used]
        del self.model.graph.initializer[:]
        self.model.graph.initializer.extend(kept)
        names = used | {name for node in self.model.graph.node for name in node.output}
        shapes = [info for info in self.model.graph.value_info if info.name in names]
        del self.model.graph.value_info[:]
        self.model.graph.value_info.extend(shapes)
