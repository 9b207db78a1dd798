"""MobileNetV2 with 2-bit weights and activations, trained with plain SGD from a float model."""

_base_ = "./_base_/mobilenetv2.py"

from tasks.quantization.recipe import lsq

model = dict(quantization=lsq(bits=2))
