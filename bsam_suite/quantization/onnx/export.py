"""A quantized model as ONNX with QuantizeLinear and DequantizeLinear."""

from __future__ import annotations

import copy
from collections.abc import Container
from pathlib import Path

import onnx_ir as ir
from torch import Tensor, nn

from bsam_suite.engine.work_dir import check_new_file
from bsam_suite.errors import InputError
from bsam_suite.onnx.trace import trace
from bsam_suite.onnx.write import write
from bsam_suite.optional import need
from bsam_suite.quantization.layers import quantized_layers
from bsam_suite.quantization.onnx.batch_norms import scale_by_batch_norms
from bsam_suite.quantization.onnx.floats import add_biases, float_convolutions
from bsam_suite.quantization.onnx.integer_layers import integer_biases
from bsam_suite.quantization.onnx.integers import activation_grid, weight_integers
from bsam_suite.quantization.onnx.narrow import narrow_weights
from bsam_suite.quantization.onnx.nodes import Dequantize, QuantizeDequantize
from bsam_suite.quantization.onnx.rounded_outputs import Seen, round_outputs, seen_outputs

FORMS = ("exact", "fast", "int4")


def export_onnx(
    model: nn.Module,
    inputs: Tensor,
    file: str | Path,
    form: str = "exact",
    config: str | None = None,
) -> Path:
    """Write a quantized model as ONNX, opset 21.

    Weights are integer initializers, per channel or per tensor as they were trained; inputs of
    quantized layers go through QuantizeLinear and DequantizeLinear, with a Clip of the integers
    between them where they have less than 8 bits. Weights of any width fit: those of 7 bits and
    less use a part of int8.

    Scales of the weights take in the batch norms behind convolutions.

    On x86 processors without VNNI, ONNX Runtime's int8 products saturate unless its session option
    ``session.x64quantprecision`` is ``"1"``.

    Args:
        model: calibrated. It stays as it is; the export is of its evaluation mode.
        inputs: an example, (N, ...) with N from 2; N is free in the file.
        file: a new file.
        form: "exact" rounds what the model rounds; ONNX Runtime computes convolutions in float, on
            the rounded values. "fast" is for its integer kernels: it rounds biases to int32, and to
            8 bits what layers put out to others than quantized ones, such as to a residual
            addition, over the ranges seen on ``inputs``. "int4" is exact and stores weights that 4
            bits hold as int4: the smallest file, and the slowest.
        config: text of the model's config, kept in the file.

    Returns:
        The file.

    Raises:
        InputError: another form, nothing is quantized, a quantizer is not calibrated or has a grid
            that ONNX cannot represent, the model cannot be traced, or the file exists.
    """
    if form not in FORMS:
        raise InputError(f"form={form!r}: give one of {', '.join(FORMS)}")
    check_new_file(file)
    graph = quantized_graph(model, inputs, file)
    seen = seen_outputs(graph, inputs.numpy()) if form == "fast" else {}
    return write(in_form(graph, form, seen), file, config)


def quantized_graph(model: nn.Module, inputs: Tensor, file: str | Path) -> ir.Model:
    """A quantized model before it takes a form.

    See :func:`export_onnx` for arguments and errors.
    """
    need("onnxscript", "export")
    graph = ir.from_proto(trace(_with_nodes(model), inputs, file))
    scale_by_batch_norms(graph)
    return graph


def in_form(graph: ir.Model, form: str, seen: dict[str, Seen], exact: Container[str] = ()):
    """:func:`quantized_graph`'s result in a form of :func:`export_onnx`, as ``onnx.ModelProto``.

    Args:
        graph: stays as it is.
        form: "fast", "exact" or "int4".
        seen: by :func:`bsam_suite.quantization.onnx.rounded_outputs.seen_outputs`, for "fast".
        exact: outputs of the layers that are as in "exact" even in the form "fast".
    """
    graph = graph.clone()
    if form == "fast":
        round_outputs(graph, seen, exact)
        integer_biases(graph, exact)
    float_convolutions(graph, constant_weights=form != "int4")
    if form == "int4":
        narrow_weights(graph)
    add_biases(graph)
    return ir.to_proto(graph)


def _with_nodes(model: nn.Module) -> nn.Module:
    layers = quantized_layers(model)
    weights = {n: weight_integers(m.weight_codes(), n) for n, m in layers.items()}
    grids = {
        n: activation_grid(m.input_quantizer, n)
        for n, m in layers.items()
        if not isinstance(m.input_quantizer, nn.Identity)
    }
    model = copy.deepcopy(model).eval()
    for name, integers in weights.items():
        model.get_submodule(name).weight_quantizer = Dequantize(integers)
    for name, grid in grids.items():
        model.get_submodule(name).input_quantizer = QuantizeDequantize(grid)
    return model
