"""What the passes over an ``onnx_ir.Model`` share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass


def numbers(value: ir.Value) -> np.ndarray:
    """Those of a constant."""
    return cast(ir.TensorProtocol, value.const_value).numpy()


def inputs_of(node: ir.Node | None) -> Sequence[ir.Value]:
    """Those of a node, which is there and leaves none of them out: ``onnx_ir`` knows neither."""
    return cast(Any, node).inputs


def made_by(value: ir.Value, op_type: str) -> ir.Node | None:
    """The node that makes a value, where it is of this type."""
    node = value.producer()
    return node if node is not None and node.op_type == op_type else None


def only_user(value: ir.Value) -> ir.Node | None:
    """The node that uses a value, where nothing else does and it is no output of the model."""
    uses = tuple(value.uses())
    return uses[0].node if len(uses) == 1 and not value.is_graph_output() else None


def constant(graph: ir.Graph, name: str, values: np.ndarray | np.generic) -> ir.Value:
    """A new initializer; several nodes may share an old one."""
    while name in graph.initializers:
        name += "_"
    value = ir.val(name, const_value=ir.tensor(np.array(values, order="C"), name=name))
    graph.register_initializer(value)
    return value


def set_input(node: ir.Node, index: int, value: ir.Value) -> None:
    """Put ``value`` in the place of an input, or behind the last one."""
    node.resize_inputs(max(index + 1, len(node.inputs)))
    node.replace_input_with(index, value)


def insert(graph: ir.Graph, op_type: str, inputs: list[ir.Value], **attributes: int) -> ir.Value:
    """The output of a new node, right behind the one that makes its first input."""
    node, maker = ir.node(op_type, inputs, attributes), inputs[0].producer()
    if maker is None:
        graph.insert_before(graph[0], node)
    else:
        graph.insert_after(maker, node)
    return node.outputs[0]


def axis_of(node: ir.Node) -> int:
    """The dimension of a QuantizeLinear's or DequantizeLinear's channels."""
    return node.attributes.get_int("axis", 1)


def drop_unused(model: ir.Model) -> None:
    """Remove nodes and initializers that nothing takes."""
    RemoveUnusedNodesPass()(model)
