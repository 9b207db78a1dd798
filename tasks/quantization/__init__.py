"""Quantization-aware training of MMEngine's models: the wrapper, its hooks, evaluation at few bits.

Configs import ``tasks.quantization.register_all``, which registers this task's parts.
"""
