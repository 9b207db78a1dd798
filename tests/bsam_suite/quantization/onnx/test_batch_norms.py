"""Batch norms in the scales of integers: only those of one convolution, and values stay."""

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from bsam_suite.quantization.onnx.batch_norms import scale_by_batch_norms

RNG = np.random.default_rng(0)


def network(kind=np.int8, gamma=(0.5, -1.5, 0.0), ends=("y",), more=(), training=False, used="c"):
    """x through a convolution of integers and a batch norm; ``more`` nodes take what they like."""
    weights = RNG.integers(0 if kind == np.uint8 else -127, 128, (3, 2, 1, 1)).astype(kind)
    arrays = dict(
        w=weights,
        scale=RNG.uniform(0.01, 0.1, 3).astype(np.float32),
        bias=RNG.normal(size=3).astype(np.float32),
        gamma=np.float32(gamma),
        beta=RNG.normal(size=3).astype(np.float32),
        mean=RNG.normal(size=3).astype(np.float32),
        variance=RNG.uniform(0.5, 2, 3).astype(np.float32),
    )
    make = helper.make_node
    statistics = ["y", "m", "v"] if training else ["y"]
    nodes = [
        make("DequantizeLinear", ["w", "scale"], ["d"], axis=0),
        make("Conv", ["x", "d", "bias"], ["c"], name="conv"),
        make("BatchNormalization", [used, "gamma", "beta", "mean", "variance"], statistics,
             training_mode=int(training)),
        *more,
    ]  # fmt: skip
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2, 4, 4])
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ends]
    stored = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    graph = helper.make_graph(nodes, "g", [x], outputs, stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def run(model):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    x = np.random.default_rng(1).normal(size=(2, 2, 4, 4)).astype(np.float32)
    return session.run(None, {"x": x})


def scaled(proto):
    model = ir.from_proto(proto)
    scale_by_batch_norms(model)
    return ir.to_proto(model)


def content(proto):
    nodes = [(node.op_type, *node.input, *node.output) for node in proto.graph.node]
    return nodes, [tensor.SerializeToString() for tensor in proto.graph.initializer]


@pytest.mark.parametrize("kind", [np.int8, np.uint8])
def test_values_stay(kind):
    gamma = (0.5, 1.5, 0.0) if kind == np.uint8 else (0.5, -1.5, 0.0)
    model = network(kind, gamma)
    wanted = run(model)
    model = scaled(model)
    assert "BatchNormalization" not in [node.op_type for node in model.graph.node]
    np.testing.assert_allclose(run(model)[0], wanted[0], rtol=1e-4, atol=1e-5)
    kinds = {t.name: t.data_type for t in model.graph.initializer}
    integers = next(n.input[0] for n in model.graph.node if n.op_type == "DequantizeLinear")
    assert kinds[integers] == helper.np_dtype_to_tensor_dtype(np.dtype(kind))


STAYS = {
    "the convolution's output is the network's": dict(ends=("y", "c")),
    "it is used elsewhere": dict(ends=("y", "z"), more=[helper.make_node("Relu", ["c"], ["z"])]),
    "its weight is another's": dict(
        ends=("y", "z"), more=[helper.make_node("Conv", ["x", "d"], ["z"])]
    ),
    "a rounding between": dict(used="r"),
    "the batch's statistics": dict(training=True),
    "a negative factor of unsigned integers": dict(kind=np.uint8),
}


@pytest.mark.parametrize("case", STAYS)
def test_what_stays(case):
    model = network(**STAYS[case])
    if case == "a rounding between":
        model.graph.node.insert(2, helper.make_node("Round", ["c"], ["r"]))
    before, wanted = content(model), run(model)
    model = scaled(model)
    assert [n.op_type for n in model.graph.node].count("BatchNormalization") == 1
    for found, want in zip(run(model), wanted):
        np.testing.assert_array_equal(found, want)
    assert content(model) == before
