"""Quantized models as ONNX with integer weights."""

from bsam_suite.onnx.extra import need

need("onnx_ir")
