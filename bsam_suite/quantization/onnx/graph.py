"""An ONNX graph that can be changed."""

from __future__ import annotations

import numpy as np


class Graph:
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
        self.put(self.helper.from_array(np.asarray(array, order="C"), name))
        return name

    def put(self, tensor) -> None:
        self.model.graph.initializer.append(tensor)
        self.initializer[tensor.name] = tensor

    def axis(self, node) -> int:
        """The dimension of a QuantizeLinear's or DequantizeLinear's channels."""
        return next((a.i for a in node.attribute if a.name == "axis"), 1)

    def set_axis(self, node, axis: int) -> None:
        from onnx import helper

        kept = [attribute for attribute in node.attribute if attribute.name != "axis"]
        del node.attribute[:]
        node.attribute.extend([*kept, helper.make_attribute("axis", axis)])

    def node(self, op: str, inputs: list[str], output: str = "", **attributes) -> str:
        """A new node, right behind the one that makes its first input. Returns its output."""
        from onnx import helper

        if not output:
            output = f"{inputs[0]}.{op}"
            while output in self.producer:
                output += "_"
        nodes = self.model.graph.node
        place = next((i + 1 for i, node in enumerate(nodes) if inputs[0] in node.output), 0)
        nodes.insert(place, helper.make_node(op, inputs, [output], **attributes))
        self.producer[output] = nodes[place]
        return output

    def dequantize(self, name: str, integers: str, scale: np.ndarray) -> str:
        """``integers`` through a new DequantizeLinear with a scale for each channel, shape (R,)."""
        inputs = [integers, self.add(name + ".scale", scale.astype(np.float32))]
        return self.node("DequantizeLinear", inputs, axis=0)

    def users(self, name: str) -> list:
        return [node for node in self.model.graph.node if name in node.input]

    def is_output(self, name: str) -> bool:
        return any(output.name == name for output in self.model.graph.output)

    def drop_unused(self) -> None:
        used = {output.name for output in self.model.graph.output}
        for node in reversed(list(self.model.graph.node)):  # each stands behind what it takes
            if used.isdisjoint(node.output):
                self.model.graph.node.remove(node)
            else:
                used.update(node.input)
        kept = [t for t in self.model.graph.initializer if t.name in used]
        del self.model.graph.initializer[:]
        self.model.graph.initializer.extend(kept)
        names = used | {name for node in self.model.graph.node for name in node.output}
        shapes = [info for info in self.model.graph.value_info if info.name in names]
        del self.model.graph.value_info[:]
        self.model.graph.value_info.extend(shapes)
