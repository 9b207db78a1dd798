"""Quantized models as ONNX with integer weights. Needs the extra ``export``."""
