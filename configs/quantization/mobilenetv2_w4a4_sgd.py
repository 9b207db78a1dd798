"""MobileNetV2 with 4-bit weights and activations, trained with plain SGD from a float model."""

_base_ = "./_base_/mobilenetv2.py"

model = dict(quantization=dict(weight=dict(bit_width=4), activation=dict(bit_width=4)))
