"""Biases in the steps of integer kernels, by hand."""

import numpy as np
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper

from bsam_suite.quantization.onnx.integer_layers import (
    integer_biases,
    integer_layers,
    rounding_of,
)


def network(weights, bias, scale, between=(), output_scale=1.0):
    """x, rounded to whole numbers, through a Gemm of (channels, 2) weights and a rounding."""
    arrays = dict(
        one=np.float32(1),
        zero=np.uint8(0),
        weights=np.asarray(weights, np.int8),
        scale=np.asarray(scale, np.float32),
        bias=np.asarray(bias, np.float32),
        output_scale=np.asarray(output_scale, np.float32),
        output_zero=np.zeros(np.shape(output_scale), np.uint8),
    )
    make = helper.make_node
    names = [f"y{i}" for i in range(len(between) + 1)]
    nodes = [
        make("QuantizeLinear", ["x", "one", "zero"], ["q"]),
        make("DequantizeLinear", ["q", "one", "zero"], ["d"]),
        make("DequantizeLinear", ["weights", "scale"], ["w"], axis=0),
        make("Gemm", ["d", "w", "bias"], ["y0"], name="gemm", transB=1),
        *(make(kind, [a], [b]) for kind, a, b in zip(between, names, names[1:])),
        make("QuantizeLinear", [names[-1], "output_scale", "output_zero"], ["z"]),
        make("DequantizeLinear", ["z", "output_scale", "output_zero"], ["out"]),
    ]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", None]) for name in ("x", "out")
    ]
    stored = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])
    return ir.from_proto(model)


def stored(model):
    """The Gemm's integers and scales: of its weights, of its bias, as they are written."""
    graph = ir.to_proto(model).graph
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    inputs = {node.output[0]: node.input for node in graph.node}
    gemm = next(node for node in graph.node if node.op_type == "Gemm")
    return [arrays[name] for made in gemm.input[1:] for name in inputs[made][:2]]


def has_integer_bias(model):
    integer_biases(model)
    gemm = next(node for node in model.graph if node.op_type == "Gemm")
    return not gemm.inputs[2].is_initializer()


def test_the_factor_with_which_the_bias_comes_closest():
    # Biases of 1/3, 2/7 and 0.4 steps; the third channel has room for no factor but 1.
    model = network([[1, -2], [9, 3], [127, 5]], [0.5 / 3, 0.5 * 2 / 7, 0.2], [0.5] * 3)
    integer_biases(model)
    weights, scale, bias, step = stored(model)
    assert bias.dtype == np.int32 and weights.dtype == np.int8
    assert weights.tolist() == [[3, -6], [63, 21], [127, 5]]
    assert bias.tolist() == [1, 2, 0]
    assert scale == pytest.approx([0.5 / 3, 0.5 / 7, 0.5]) and step == pytest.approx(scale)


def test_lowest_weight_of_int8():
    model = network([[-8, 7]], [1 / 16], [1.0])  # -128 = 16 * -8 is there, 128 is not
    integer_biases(model)
    assert stored(model)[0].tolist() == [[-128, 112]]
    model = network([[-7, 8]], [1 / 16], [1.0])
    integer_biases(model)
    assert np.abs(stored(model)[0]).max() <= 127


def test_a_bias_beyond_int32_stays():
    assert not has_integer_bias(network([[127, 1]], [1.0], [1e-10]))
    assert has_integer_bias(network([[127, 1]], [1.0], [1e-9]))


@pytest.mark.parametrize(
    "between, scale, found",
    [
        ((), 1.0, True),
        (("Relu", "Identity"), 1.0, True),
        (("Sigmoid",), 1.0, False),
        ((), [1.0, 2.0], False),  # kernels have a single output scale
    ],
)
def test_where_an_output_is_rounded(between, scale, found):
    model = network([[1, 2], [3, 4]], [0, 0], [1.0, 1.0], between, scale)
    assert (rounding_of(integer_layers(model)[0]) is not None) == found


def test_rounding_moves_behind_the_layer():
    model = network([[1, 2]], [0.0], [1.0], ("Relu", "Identity"))
    integer_biases(model)
    kinds = [node.op_type for node in model.graph]
    start = kinds.index("Relu")
    assert kinds[start : start + 4] == ["Relu", "QuantizeLinear", "DequantizeLinear", "Identity"]
