"""Quantization-aware training: fake-quant modules, quantized layers, conversion of float models.

Configs import ``tasks.quantization.parts``, which registers this task's parts.
"""
