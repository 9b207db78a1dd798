"""Quantization-aware training: fake-quant modules, quantized layers, conversion of float models.

Configs import ``tasks.quantization.register_all``, which registers this task's parts.
"""
