"""Quantized models as ONNX with integer weights."""

from bsam_suite.optional import need

need("onnx_ir", "export")
